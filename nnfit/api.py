"""The Python entry points: train, load, check_gradients. The commands call the same functions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnfit.config.reading import load_config
from nnfit.inside.gradient_check import check_gradients
from nnfit.model.file.reading import load as load_model
from nnfit.model.model import Model
from nnfit.run.run import train_run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_gradients", "load", "train"]


IN_MEMORY = "-"  # data.path of a model that was trained on a DataFrame


def train(
    config: str | Path | Mapping[str, Any], data: pd.DataFrame | str | Path | None = None
) -> Model:
    """Return a model trained as the config says.

    Parameters
    ----------
    config : path or mapping
        A YAML file, or the same keys as a dict.
    data : DataFrame or path, optional
        Used instead of `data.path`.

    Raises
    ------
    NnfitError
        ConfigError, DataError or TrainingError, with the place and what to do.

    Examples
    --------
    >>> model = train({"data": {"path": "iris.csv", "target": "species"}})  # doctest: +SKIP
    >>> model.predict(frame)                                                # doctest: +SKIP
    """
    if data is None or isinstance(data, str | Path):
        path = None if data is None else os.fspath(data)
        run = train_run(load_config(config, (), path))
    else:
        run = train_run(load_config(config, (), IN_MEMORY), data)
    if run.failure is not None:
        raise run.failure
    return run.model


def load(path: str | Path) -> Model:
    """Return the model in a file that nnfit wrote; ModelFileError when it can't be read."""
    return load_model(os.fspath(path))
