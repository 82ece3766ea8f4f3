"""A row of a CSV of pixels: the image that it is, and the column of numbers that it becomes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnfit.csv.dialect import CsvFormat
from nnfit.dataset.reading import read_named
from nnfit.errors import PictureError, shorten
from nnfit.inside.pictures.request import Request
from nnfit.inside.pictures.weights import is_pixel
from nnfit.model.streaming import csv_format
from nnfit.nn.arrays import Array
from nnfit.table.rows import NamedRows

MAX_PIXELS = 10**6


@dataclass(frozen=True, kw_only=True)
class Flattened:
    """The pixels (height, width), NaN for gaps, with the columns' names row by row.

    `label` says what the row is of, where another column tells it.
    """

    pixels: Array
    names: tuple[str, ...]
    source: str
    row: int
    label: str


def make(request: Request) -> Flattened:
    """Return one row of a CSV: of that of a model, or of one whose columns `nnfit flatten` named.

    Raises
    ------
    PictureError
        When there are no pixels, no such row, or the pixels don't fill the shape.
    """
    rows, row = _rows(request), request.options.row
    names = _pixels(request, rows)
    height, width = _shape(request, names)
    if row > len(rows):
        raise PictureError(f"--row: got {row}; expected 1 to {len(rows)}, the rows of {rows.name}")
    values: Array = np.full(len(names), np.nan)
    places = {column: k for k, column in enumerate(names)}
    cells = rows.frame[names].iloc[row - 1].dropna()
    for column, cell in cells.items():
        try:
            values[places[str(column)]] = float(cell)
        except ValueError:
            got = shorten(repr(str(cell)))
            raise PictureError(
                f"{rows.name}, row {row}, column {column!r}: got {got}; expected a number"
            ) from None
    others = [column for column in rows.columns if column not in names]
    if request.models:
        others = [column for column in request.model.targets if column in rows.columns]
    label = f"{others[0]} = {rows.frame[others[0]].iloc[row - 1]}" if len(others) == 1 else ""
    return Flattened(
        pixels=values.reshape(height, width),
        names=tuple(names),
        source=os.path.basename(rows.name),
        row=row,
        label=label,
    )


def _rows(request: Request) -> NamedRows:
    if request.models:
        model = request.model
        assert request.data is not None
        return read_named(request.data, csv_format(model), model.targets, request.observer)
    if len(request.names) != 1:
        got = " ".join(request.names) or "nothing"
        raise PictureError(f"flatten: got {got}; expected a model file, or one CSV")
    return read_named(request.names[0], CsvFormat(","), (), request.observer)


def _pixels(request: Request, rows: NamedRows) -> list[str]:
    if request.models:
        return [column for column in rows.columns if is_pixel(request.model, column)]
    names = [column for column in rows.columns if re.fullmatch(r"p([0-9]{2}){1,5}", column)]
    if not names:
        raise PictureError(
            f"{rows.name}: has no columns of grey pixels such as p00; expected those that 'nnfit "
            "flatten' writes. Or name a model that reads its columns"
        )
    return names


def _shape(request: Request, names: Sequence[str]) -> tuple[int, int]:
    """Return the shape that was asked for, or that the name of the last pixel tells."""
    n, shape = len(names), request.options.shape
    if n > MAX_PIXELS:
        raise PictureError(f"{n} pixels are too many for a picture; expected {MAX_PIXELS} at most")
    last = names[-1][1:] if names else ""
    if shape is None and re.fullmatch("([0-9]{2}){1,5}", last):
        half = len(last) // 2
        shape = int(last[:half]) + 1, int(last[half:]) + 1
    if shape is None or shape[0] * shape[1] != n or not n:
        told = "their names tell no shape" if shape is None else "{}x{} are others".format(*shape)
        raise PictureError(f"--shape: there are {n} pixels, {told}; expected HEIGHTxWIDTH of them")
    return shape
