"""The first layer's weights, as numbers or as images of its pixels; read, not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnfit.csv.reading import BlockReader
from nnfit.errors import PictureError
from nnfit.inside.pictures.network import output_names, tell_scale
from nnfit.inside.pictures.request import Request
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format
from nnfit.nn.arrays import Array

MAX_UNITS = 40  # images that can be looked at
MAX_INPUTS = 30  # names beside a heat map


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The first layer's W (units, inputs), or images (units, height, width) with a `shape`.

    Of many inputs those with the largest weights are here, of many images the first; `n_inputs`
    and `n_units` are how many there are.
    """

    W: Array
    input_names: tuple[str, ...]
    unit_names: tuple[str, ...]  # of all: the classes or targets where they are the outputs
    n_inputs: int
    n_units: int
    shape: tuple[int, int] | None


def make(request: Request) -> Weights:
    """Return the first layer's weights, as images where a shape (height, width) is asked for.

    Training leaves out pixels that are the same in all rows. The header of a CSV, where there
    is one, tells which they are; they have no weight, and are NaN in the images.

    Raises
    ------
    PictureError
        When the inputs do not fill the shape.
    """
    model, shape = request.model, request.options.shape
    tell_scale(request)
    W = model.network.parameters.W[0]
    names = tuple(model.encoder.input_names)
    if shape is None:
        sizes = np.linalg.norm(W, axis=0)
        largest = np.sort(np.argsort(-sizes, kind="stable")[:MAX_INPUTS])
        if len(names) > MAX_INPUTS:
            request.observer.note(
                f"the {MAX_INPUTS} of {len(names)} inputs with the largest weights"
            )
        W, shown = W[:, largest], tuple(names[i] for i in largest)
    else:
        W, shown = _images(request, shape, W, names), names
    n_units = len(model.network.parameters.W[0])
    units = tuple(f"unit {i + 1}" for i in range(n_units))
    return Weights(
        W=W,
        input_names=shown,
        unit_names=units if model.network.architecture.activations else output_names(model),
        n_inputs=len(names),
        n_units=n_units,
        shape=shape,
    )


def _images(request: Request, shape: tuple[int, int], W: Array, names: Sequence[str]) -> Array:
    """Return the weights of the first units at their pixels (units, height, width)."""
    model, header = request.model, None
    if request.data:
        with BlockReader(request.data, csv_format(model), (), (), (), request.observer) as blocks:
            header = blocks.header
    height, width = shape
    pixels = [column for column in header or names if is_pixel(model, column)]
    if height * width != len(pixels) or not set(names) <= set(pixels):
        left_out = len(pixels) - len(names)
        hint = "" if header else ". Name its CSV: training leaves out pixels that never change"
        raise PictureError(
            f"--shape: {height}x{width} are {height * width} pixels, {request.name} has "
            f"{len(pixels)} inputs{f', {left_out} of them left out' if left_out else ''}; "
            f"expected as many{hint}"
        )
    if len(W) > MAX_UNITS:
        request.observer.note(f"the first {MAX_UNITS} of {len(W)} units are drawn")
    images = np.full((min(len(W), MAX_UNITS), len(pixels)), np.nan)
    images[:, [pixels.index(column) for column in names]] = W[:MAX_UNITS]
    return images.reshape(-1, height, width)


def is_pixel(model: Model, column: str) -> bool:
    """Return whether a column of the CSV is an input, or was one before training dropped it."""
    data = model.kept.data
    if data.include is not None and column not in data.include:
        return False
    return column not in (*model.targets, *data.exclude, *data.roles.values())
