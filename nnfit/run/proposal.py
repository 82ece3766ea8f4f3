"""The config that `nnfit init` proposes for a CSV: it trains as it stands.

What would stop a training run is settled here and said in a comment: tokens for missing cells,
ids, numbers that are categories.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.config.reading import load_config
from nnfit.config.rendering import render
from nnfit.csv.dialect import CsvFormat
from nnfit.dataset.reading import csv_format
from nnfit.errors import require_columns
from nnfit.observer import Observer
from nnfit.run.dialect import find_format, read_plain
from nnfit.table.cells import cell_type, parse_number, read_floats, read_labels
from nnfit.table.columns import is_crowded
from nnfit.table.rows import NamedRows
from nnfit.table.targets import decide_task, drop_rows_without_target

if TYPE_CHECKING:
    import pandas as pd

MAX_TOKENS = 3  # that many spellings of "missing" in one column of numbers are believed
SMALL, LARGE = 2_000, 20_000  # rows


def propose(
    path: str,
    stored_path: str,
    targets: Sequence[str],
    overrides: Sequence[str],
    observer: Observer,
) -> str:
    """Return a commented YAML config for the CSV at `path`, which it calls `stored_path`.

    `targets` are the columns to predict; `overrides`, KEY=VALUE, win over what is proposed.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    # what is asked for may change how the file is read, so it is looked at first
    asked = load_config({"data": {"path": stored_path, "target": list(targets)}}, overrides)
    data = asked.config.data
    known = {text.partition("=")[0].strip() for text in overrides}
    fmt, lines = find_format(path, csv_format(data), known)
    rows, marks = read_plain(path, fmt, data, observer)
    require_columns(rows.name, rows.columns, data.target, key="--target")
    values, comments = _decide(rows, data, fmt, observer)
    values.update(lines | marks)
    comments |= dict.fromkeys(marks, "found in the numbers of this file")
    comments |= dict.fromkeys(lines, "found above the header")
    values["output"] = _output(stored_path)
    flat = [override.split("=", 1)[0] for override in overrides]
    comments = {key: text for key, text in comments.items() if key not in flat}
    tree: dict[str, Any] = {"data": {"path": stored_path, "target": list(targets)}}
    for key, value in values.items():
        section, _, last = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[last] = value
    return render(load_config(tree, overrides).config, comments)


def _output(path: str) -> str:
    stem = path.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0]
    return f"{stem}.npz" if stem and stem != "-" else "model.npz"


def _decide(
    rows: NamedRows, data: Any, fmt: CsvFormat, observer: Observer
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return values by dotted key, and the comments that say why."""
    frame = rows.frame
    values: dict[str, Any] = {}
    comments: dict[str, str] = {}
    if fmt.delimiter != ",":
        values["data.delimiter"] = fmt.delimiter
    skipped = {*data.target, *data.exclude, data.weight}
    tokens: list[str] = list(data.missing_values)
    categorical = list(data.categorical)
    ids: list[str] = []
    inputs = [c for c in frame.columns if c not in skipped and c not in categorical]
    for column in (*inputs, *data.target):  # a gap in a target is a row less, not a class more
        cells = rows.column(column)
        odd = _odd_cells(cells.cells)
        if odd is not None and len(odd) <= MAX_TOKENS:
            tokens += [token for token in odd if token not in tokens]
        elif column in data.target:
            continue
        elif odd is not None:
            categorical.append(column)
        elif _is_row_number(cells.cells) or (
            cell_type(cells.cells) == "text" and is_crowded(cells, len(read_labels(cells)[1]))
        ):
            ids.append(column)
    if tokens:
        values["data.missing_values"] = tokens
        comments["data.missing_values"] = "found where the other cells are numbers"
        rows = dataclasses.replace(rows, frame=frame.mask(frame.isin(tokens)))
    if categorical:
        values["data.categorical"] = categorical
    if len(ids) < len(frame.columns) - len(skipped):
        if ids:
            values["data.exclude"] = [*data.exclude, *ids]
            comments["data.exclude"] = (
                "a value of its own in (nearly) every row: an id or free text"
            )
    rows = drop_rows_without_target(rows, data.target, observer)
    frame = rows.frame
    task = decide_task(rows, data.target, data.task, observer)
    if task == "classification":
        features = [c for c in frame.columns if c not in {*skipped, *ids}]
        again = [c for c in features if _is_target_again(frame[c], frame[data.target[0]])]
        if again and len(again) < len(features):
            values["data.exclude"] = [*values.get("data.exclude", data.exclude), *again]
            comments["data.exclude"] = f"the target in other words: {', '.join(again)}"
    values["data.task"] = task
    comments["data.task"] = f"decided from {len(frame)} rows; regression | classification"
    values.update(_size(len(frame)))
    return values, comments


def _size(n_rows: int) -> Mapping[str, Any]:
    """Return a network and a run that suit the number of rows."""
    if n_rows < 10:  # too few to hold any out
        return {"data.validation": 0, "model.hidden_sizes": [8], "training.epochs": 500}
    run = {"data.validation": 0.2}
    if n_rows < SMALL:
        return {**run, "training.epochs": 300, "training.patience": 50}
    if n_rows < LARGE:
        return {**run, "training.epochs": 150, "training.patience": 20, "training.batch_size": 64}
    big = {"model.hidden_sizes": [128, 64], "training.batch_size": 256}
    return {**run, **big, "training.epochs": 60, "training.patience": 10}


def _odd_cells(series: pd.Series[Any]) -> list[str] | None:
    """Return the cells that are no numbers in a column that mostly holds numbers, else None."""
    if cell_type(series) != "text":
        return None
    values, failed = read_floats(series, parse_number)
    n_cells = int(series.notna().sum())
    if not len(failed) or (n_cells - len(failed)) * 2 <= n_cells:
        return None
    return [str(cell) for cell in series.iloc[failed].unique()]


def _is_target_again(series: pd.Series[Any], target: pd.Series[Any]) -> bool:
    """Return whether every value of a column stands for one class and every class for one value."""
    if cell_type(series) == "number" or series.isna().any():
        return False
    pairs = len(set(zip(series.astype(str), target.astype(str), strict=True)))
    return bool(pairs == series.nunique() == target.nunique())


def _is_row_number(series: pd.Series[Any]) -> bool:
    """Return whether the column counts the rows, in steps of 1."""
    if series.dtype.kind not in "iu" or len(series) < 10:
        return False
    return bool(np.all(np.diff(series.to_numpy()) == 1))
