"""The gradient check as a user meets it: the standard networks, or the user's own on its data."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnfit.errors import ConfigError
from nnfit.gradcheck.checking import TOLERANCE, Check, check_problem, largest_error
from nnfit.gradcheck.problems import BUGS, Problem, random_problem, standard_problems, with_bug
from nnfit.inside.sources import (
    Source,
    encoded,
    initialised,
    opened,
    own_table,
    pieces,
    say_own,
)
from nnfit.model.model import Model
from nnfit.nn.arrays import Array, over_mean
from nnfit.nn.inference import predict
from nnfit.nn.network import Network
from nnfit.observer import Observer, PythonObserver
from nnfit.table.targets import drop_rows_without_target

if TYPE_CHECKING:
    import pandas as pd

ROWS = 8  # of its own data that a network is checked on
CANDIDATES = 2000  # rows of which the worst predicted are taken


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
    observer = observer or PythonObserver()
    if inject_bug is not None and inject_bug not in BUGS:
        raise ValueError(f"inject_bug must be one of {', '.join(BUGS)}, got {inject_bug!r}")
    if method not in ("complex", "central", "both"):
        raise ValueError(f"method must be one of complex, central, both, got {method!r}")
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
    with np.errstate(all="ignore"):  # what overflows fails, or is compared as it is
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
    """Return the network of a model, or of a config as it is initialised, with rows of its data."""
    of = opened(source)
    if isinstance(of, tuple):
        return _of_model(*of, data, network_class, observer)
    file, dataset, network = initialised(of, data, observer)
    part = dataset.parts["train"]
    some = _spread(len(part))
    weights = np.ones(len(some)) if part.weights is None else over_mean(part.weights)[some]
    if not weights.any():
        weights = np.ones(len(some))
    return Problem(
        case=file.name,
        architecture=network.architecture,
        parameters=network.parameters.flat,
        X=part.X[some],
        Y=part.Y[some],
        share=weights / len(some),
        masks_seed=file.config.seed,
        network_class=network_class,
    )


def _of_model(
    model: Model, name: str, data: Any, network_class: type[Network], observer: Observer
) -> Problem:
    """Return a trained network with the rows of its data that it predicts worst.

    Where a prediction is nearly perfect the gradient is the difference of nearly equal numbers,
    and round-off would be all there is to compare.
    """
    parameters = model.network.parameters.flat.astype(np.float64)
    table = own_table(model, name, data)
    if table is None:
        stored = model.kept.data.path
        observer.warning(
            f"{name}: its training data {stored!r} is not here, so the rows are random; "
            "name a CSV with --data"
        )
        rng = np.random.default_rng(0)
        drawn = random_problem(name, model.network.architecture, rng, ROWS, False, network_class)
        return dataclasses.replace(drawn, parameters=parameters)
    with contextlib.closing(pieces(model, table, observer)) as some:
        rows = next(some).between(0, CANDIDATES)
    part = encoded(model, drop_rows_without_target(rows, model.targets, Observer()))
    if data is None:
        say_own(table, name, observer)
    errors = np.abs(predict(model.network, part.X) - part.Y).max(axis=1)
    worst = np.sort(np.argsort(-errors, kind="stable")[:ROWS])
    return Problem(
        case=name,
        architecture=model.network.architecture,
        parameters=parameters,
        X=part.X[worst],
        Y=part.Y[worst],
        share=1.0 / len(worst),
        network_class=network_class,
    )


def _spread(n: int) -> Array:
    """Return up to ROWS row numbers, spread evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(ROWS, n)).astype(np.intp))


def _check_to_json(check: Check) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "shape": list(check.shape), "index": list(check.index)}
