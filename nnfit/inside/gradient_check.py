"""The gradient check as a user meets it: the standard networks, or the user's own on its data."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnfit import compiled
from nnfit.errors import ConfigError
from nnfit.gradcheck.checking import (
    TOLERANCE,
    Check,
    affordable,
    check_problem,
    largest_error,
    standard_checks,
    unreached,
)
from nnfit.gradcheck.problems import BUGS, Problem, random_problem, with_bug
from nnfit.inside.sources import (
    Source,
    initialised,
    opened,
    own_table,
    pieces,
    say_own,
)
from nnfit.inside.worst_rows import worst_rows
from nnfit.model.members import one_member
from nnfit.model.model import Model
from nnfit.nn.arrays import Array, over_mean
from nnfit.nn.initializers import draw_weights
from nnfit.nn.network import Network
from nnfit.observer import Observer, PythonObserver
from nnfit.run.building import untrained_model
from nnfit.training.streams import stream

if TYPE_CHECKING:
    import pandas as pd

ROWS = 8  # of its own data that a network is checked on


def check_gradients(
    source: Source | None = None,
    data: pd.DataFrame | str | Path | None = None,
    *,
    method: Literal["complex", "central", "both"] = "complex",
    engine: Literal["numpy", "compiled"] = "numpy",
    inject_bug: str | None = None,
    member: int | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Hold the gradients of backpropagation against numerical ones.

    Without a `source` the values of networks, activations and losses are held too, against
    their definitions in plain Python: a value that is wrong has a slope that is right.

    Parameters
    ----------
    source : path, mapping or Model, optional
        A config or a model, checked on rows of its own data; without it small random networks
        with every activation, loss and regulariser.
    data : DataFrame or path, optional
        Where those rows come from instead.
    method : {"complex", "central", "both"}
    engine : {"numpy", "compiled"}
        Whose passes are checked; the second needs the extra `fast`.
    inject_bug : {"sign", "factor", "lost_bias", "lost_mean"}, optional
        A derivative to make wrong on purpose.
    member : int, optional
        Which network of a `source` that has several, from 1; the first by default.

    Returns
    -------
    dict
        passed, max_relative_error, method, tolerance, inject_bug, checks; unreached: the layers
        without a gradient other than 0, where no mistake could show, so that nothing passed.
    """
    observer = observer or PythonObserver()
    if inject_bug is not None and inject_bug not in BUGS:
        raise ValueError(f"inject_bug must be one of {', '.join(BUGS)}, got {inject_bug!r}")
    if method not in ("complex", "central", "both"):
        raise ValueError(f"method must be one of complex, central, both, got {method!r}")
    network_class = _network_class(engine)
    if engine == "compiled":
        observer.note("the engine is compiled for complex numbers, unless it has been before")
    if inject_bug is not None:
        network_class = with_bug(inject_bug, network_class)
    methods = ("complex", "central") if method == "both" else (method,)
    if source is None and data is not None:
        raise ConfigError("--data: without a config or a model there is no network for it")
    if source is None and member is not None:
        raise ConfigError("--member: without a config or a model there is none; name one")
    with np.errstate(all="ignore"):  # what overflows fails, or is compared as it is
        if source is None:
            checks = list(standard_checks(methods, network_class))
        else:
            problem = _problem(source, data, member, network_class, observer)
            _refuse_hidden(problem, inject_bug)
            checks = [check for m in methods for check in check_problem(problem, m)]
    blind = unreached(checks)
    return {
        "passed": not blind and all(check.passed or check.nothing_to_compare for check in checks),
        "max_relative_error": largest_error(checks),
        "method": method,
        "tolerance": {m: TOLERANCE[m] for m in methods} if method == "both" else TOLERANCE[method],
        "inject_bug": inject_bug,
        "checks": [_check_to_json(check) for check in checks],
        "unreached": [
            {"case": check.case, "method": check.method, "layer": int(check.parameter[1:])}
            for check in blind
        ],
    }


def _network_class(engine: str) -> type[Network]:
    """Return the class whose passes are those of the engine."""
    if engine == "numpy":
        return Network
    if engine != "compiled":
        raise ValueError(f"engine must be one of numpy, compiled, got {engine!r}")
    if lacks := compiled.lacks():
        raise ConfigError(f"--engine: got compiled, which {lacks}")
    from nnfit.compiled.network import CompiledNetwork

    return CompiledNetwork


def _refuse_hidden(problem: Problem, inject_bug: str | None) -> None:
    """Refuse a bug that can't show in this network, on these rows."""
    if inject_bug == "lost_bias" and not problem.architecture.bias:
        raise ConfigError(f"{problem.case}: has no bias to lose; inject another bug")
    if inject_bug == "lost_mean" and len(problem.X) == 1:
        raise ConfigError(
            f"{problem.case}: is checked on one row, the mean of which is its sum; "
            "inject another bug, or name more rows with --data"
        )


def _problem(
    source: Source,
    data: Any,
    member: int | None,
    network_class: type[Network],
    observer: Observer,
) -> Problem:
    """Return the network of a model, or of a config as it is initialised, with rows of its data."""
    of = opened(source)
    if isinstance(of, tuple):
        model = one_member(*of, member, observer)
        return _of_model(model, of[1], data, network_class, observer)
    file, dataset, network = initialised(of, data, observer)
    start = untrained_model(file, dataset, network)
    network = one_member(start, file.name, member, observer).network
    if file.config.model.output_initialization == "zeros":  # below it every gradient would be 0
        observer.note(
            f"{file.name}: the last layer is drawn for the check; from the zeros that training "
            "starts it at no gradient goes down"
        )
        W = network.parameters.W[-1]
        W[...] = draw_weights(W.shape, "glorot", stream(file.config.seed, "initialization"))
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
    architecture = model.network.architecture
    problem = Problem(
        case=name,
        architecture=architecture,
        parameters=model.network.parameters.flat.astype(np.float64),
        X=np.empty((ROWS, architecture.sizes[0])),
        Y=np.empty((ROWS, architecture.sizes[-1])),
        share=1.0 / ROWS,
        network_class=network_class,
    )
    affordable(problem)  # or there is no need to read the data
    table = own_table(model, name, data)
    if table is None:
        stored = model.kept.data.path
        observer.warning(
            f"{name}: its training data {stored!r} is not here, so the rows are random; "
            "name a CSV with --data"
        )
        rng = np.random.default_rng(0)
        drawn = random_problem(name, architecture, rng, ROWS, False, network_class)
        return dataclasses.replace(drawn, parameters=problem.parameters)
    with contextlib.closing(pieces(model, table, observer)) as some:
        X, Y = worst_rows(model, some, ROWS)
    if data is None:
        say_own(table, name, observer)
    return dataclasses.replace(problem, X=X, Y=Y, share=1.0 / len(X))


def _spread(n: int) -> Array:
    """Return up to ROWS row numbers, spread evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(ROWS, n)).astype(np.intp))


def _check_to_json(check: Check) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "shape": list(check.shape), "index": list(check.index)}
