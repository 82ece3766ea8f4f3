"""The gradient check as a user meets it: the standard networks, or the user's own on its data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnfit import model_file
from nnfit.config.reading import load_config
from nnfit.dataset import prepare
from nnfit.errors import ConfigError, DataError
from nnfit.gradcheck.checking import TOLERANCE, Check, check_problem, largest_error
from nnfit.gradcheck.problems import BUGS, Problem, random_problem, standard_problems, with_bug
from nnfit.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.own_data import (
    encoded,
    is_model_file,
    needed_columns,
    text_columns,
    training_csv,
)
from nnfit.run import build_network, random_streams
from nnfit.streaming import csv_format
from nnfit.table.columns import with_text_names
from nnfit.table.csv import read_blocks, require_columns
from nnfit.table.targets import drop_rows_without_target

if TYPE_CHECKING:
    import pandas as pd

ROWS = 8  # of its own data that a network is checked on
CANDIDATES = 2000  # rows of which the worst predicted are taken

Source = str | Path | Mapping[str, Any] | Model


def check_gradients(
    source: Source | None = None,
    data: pd.DataFrame | str | Path | None = None,
    *,
    method: Literal["complex", "central", "both"] = "complex",
    inject_bug: str | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Hold the gradients of backpropagation against numerical ones.

    Parameters
    ----------
    source : path, mapping or Model, optional
        A config or a model, checked on rows of its own data; without it small random networks
        with every activation, loss and regulariser.
    data : DataFrame or path, optional
        Where those rows come from instead.
    method : {"complex", "central", "both"}
    inject_bug : {"sign", "factor", "lost_bias", "lost_mean"}, optional
        A derivative to make wrong on purpose.

    Returns
    -------
    dict
        passed, max_relative_error, method, tolerance, checks.
    """
    observer = observer or Observer()
    if inject_bug is not None and inject_bug not in BUGS:
        raise ValueError(f"inject_bug must be one of {', '.join(BUGS)}, got {inject_bug!r}")
    network_class = Network if inject_bug is None else with_bug(inject_bug)
    if source is None:
        if data is not None:
            raise ConfigError("--data: without a config or a model there is no network for it")
        problems = list(standard_problems(network_class))
    else:
        problems = [_problem(source, data, network_class, observer)]
    if inject_bug == "lost_bias" and not any(p.architecture.bias for p in problems):
        raise ConfigError(f"{problems[0].case}: has no bias to lose; inject another bug")
    methods = ("complex", "central") if method == "both" else (method,)
    checks = [check for m in methods for p in problems for check in check_problem(p, m)]
    tolerance = {m: TOLERANCE[m] for m in methods}
    return {
        "passed": all(check.passed for check in checks),
        "max_relative_error": largest_error(checks),
        "method": method,
        "tolerance": tolerance if method == "both" else TOLERANCE[method],
        "inject_bug": inject_bug,
        "checks": [_check_to_json(check) for check in checks],
    }


def _problem(
    source: Source, data: Any, network_class: type[Network], observer: Observer
) -> Problem:
    """Return the network of a config, a model file or a model, with rows."""
    if isinstance(source, Model):
        return _of_model(source, "the model", data, network_class, observer)
    if isinstance(source, Mapping) or not is_model_file(os.fspath(source)):
        return _of_config(source, data, network_class, observer)
    name = os.fspath(source)
    return _of_model(model_file.load(name), name, data, network_class, observer)


def _of_config(
    source: str | Path | Mapping[str, Any],
    data: Any,
    network_class: type[Network],
    observer: Observer,
) -> Problem:
    """Return the network of a config as it is initialised, with some of its training rows."""
    path = os.fspath(data) if isinstance(data, str | Path) else None
    frame = data if path is None else None
    file = load_config(source, (), "-" if frame is not None else path)
    streams = random_streams(file.config.seed)
    dataset = prepare(file, frame, streams["split"], observer)
    network = build_network(file, dataset, np.float64)
    network.initialize(file.config.model.initialization, streams["initialization"])
    part = dataset.parts["train"]
    some = _spread(len(part))
    weights = np.ones(len(some)) if part.weights is None else part.weights[some]
    if not weights.any():
        weights = np.ones(len(some))
    return Problem(
        file.name,
        network.architecture,
        network.parameters.flat,
        part.X[some],
        part.Y[some],
        weights / weights.sum(),
        file.config.seed,
        network_class,
    )


def _of_model(
    model: Model, name: str, data: Any, network_class: type[Network], observer: Observer
) -> Problem:
    """Return a trained network with the rows of its data that it predicts worst.

    Where a prediction is nearly perfect the gradient is the difference of nearly equal numbers,
    and round-off would be all there is to compare.
    """
    parameters = model.network.parameters.flat.astype(np.float64)
    found = _rows_for(model, name, data, observer)
    if found is None:
        stored = model.config["data"]["path"]
        observer.warning(
            f"{name}: its training data {stored!r} is not here, so the rows are random; "
            "name a CSV with --data"
        )
        rng = np.random.default_rng(0)
        drawn = random_problem(name, model.network.architecture, rng, ROWS, False, network_class)
        return dataclasses.replace(drawn, parameters=parameters)
    frame, name_of_data = found
    frame, rows = drop_rows_without_target(frame, model.targets, name_of_data, Observer())
    X, Y = encoded(model, frame, name_of_data, rows)
    errors = np.abs(predict(model.network, X) - Y).max(axis=1)
    worst = np.sort(np.argsort(-errors, kind="stable")[:ROWS])
    return Problem(
        name,
        model.network.architecture,
        parameters,
        X[worst],
        Y[worst],
        1.0 / len(worst),
        network_class=network_class,
    )


def _rows_for(
    model: Model, name: str, data: Any, observer: Observer
) -> tuple[pd.DataFrame, str] | None:
    """Return rows to check a model on: those given, or the CSV it was trained on if it is here."""
    if data is not None and not isinstance(data, str | Path):
        return with_text_names(data, "data"), "data"
    path = training_csv(model, name) if data is None else os.fspath(data)
    if path is None:
        return None
    needed, text = needed_columns(model), text_columns(model)
    with read_blocks(path, csv_format(model), needed, text, (), observer) as blocks:
        require_columns(blocks.name, blocks.header, needed)
        block = next(iter(blocks), None)
        if block is None:
            raise DataError(f"{blocks.name}: has a header and no rows; expected at least one row")
        return block.frame.head(CANDIDATES), blocks.name


def _spread(n: int) -> Array:
    """Return up to ROWS row numbers, spread evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(ROWS, n)).astype(np.intp))


def _check_to_json(check: Check) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "shape": list(check.shape), "index": list(check.index)}
