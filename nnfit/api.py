"""The Python entry points: train, load, check_gradients. The commands call the same functions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.config.reading import load_config
from nnfit.csv.frames import with_columns
from nnfit.errors import DataError, ModelFileError, described, path_text, quoted
from nnfit.inside.gradient_check import check_gradients
from nnfit.model.file.reading import load as load_model
from nnfit.model.model import Model
from nnfit.observer import PythonObserver
from nnfit.run.run import train_run
from nnfit.table.rows import NamedRows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_gradients", "load", "train"]


IN_MEMORY = "-"  # data.path of a model that was trained on a DataFrame


def train(
    config: str | Path | Mapping[str, Any],
    data: pd.DataFrame | str | Path | None = None,
    y: Any = None,
) -> Model:
    """Return a model trained as the config says; warnings come as `NnfitWarning`.

    Parameters
    ----------
    config : path or mapping
        A YAML file, or the same keys as a dict.
    data : DataFrame or path, optional
        Used instead of `data.path`.
    y : array-like of shape (N,), or (N, K) for several targets, optional
        The targets of a DataFrame that has none, by the names in `data.target`.

    Raises
    ------
    NnfitError
        ConfigError, DataError or TrainingError, with the place and what to do.

    Examples
    --------
    >>> model = train({"data": {"path": "iris.csv", "target": "species"}})  # doctest: +SKIP
    >>> model.predict(frame)                                                # doctest: +SKIP
    """
    observer = PythonObserver()
    if y is None and (data is None or isinstance(data, str | Path)):
        path = None if data is None else os.fspath(data)
        run = train_run(load_config(config, (), path), observer=observer)
    else:
        file = load_config(config, (), IN_MEMORY)
        frame: Any = data if y is None else _with_targets(data, y, file.config.data.target)
        run = train_run(file, frame, observer=observer)
    if run.failure is not None:
        raise run.failure
    return run.model


def load(path: str | Path) -> Model:
    """Return the model in a file that nnfit wrote; ModelFileError when it can't be read."""
    return load_model(path_text(path, "path", "the path of a model file", ModelFileError))


def _with_targets(data: Any, y: Any, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with the columns of `y`, in the order of `names`."""
    frame = NamedRows.from_frame(data, "data").frame
    try:
        values = np.asarray(y)
    except ValueError:  # rows of different lengths
        values = np.empty(0)
    columns = values.reshape(-1, 1) if values.ndim == 1 else values
    if columns.shape != (len(frame), len(names)):
        shape = (len(frame),) if len(names) == 1 else (len(frame), len(names))
        raise DataError(
            f"y: got {described(y)} for {len(frame)} rows and {quoted(names)}; expected the shape "
            f"{shape}. Pass a value for each row"
        )
    if both := [name for name in names if name in frame.columns]:
        raise DataError(f"y: data has {quoted(both)} already; leave y out, or drop it from data")
    return with_columns(frame, dict(zip(names, columns.T, strict=True)))
