"""Holds the hand-written gradients against numerical ones, on the production network itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnfit.budget import entries_checked
from nnfit.errors import ConfigError
from nnfit.gradcheck.definitions import at_chosen_points, by_definition
from nnfit.gradcheck.numeric import CentralDifference, ComplexStep, Numeric
from nnfit.gradcheck.problems import Problem, standard_problems
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network, Workspace

TOLERANCE = {"complex": 1e-9, "central": 1e-6, "value": 1e-9}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One array of one network, by one method; the figures are those of the worst entry.

    By the method `value` it is a value beside its definition: `analytic` is ours, `numeric` that.
    """

    case: str
    parameter: str  # W1, b1, ..., x for the inputs, or what has the value: y_hat, loss, f(z), l(e)
    shape: tuple[int, ...]
    relative_error: float
    analytic: float
    numeric: float
    index: tuple[int, ...]
    passed: bool
    method: str
    entries: int  # entries compared
    kinks: int = 0  # entries left out: a kink of ReLU, mae, ... lay between the points compared
    nothing_to_compare: bool = False  # every figure is 0: no mistake could show, so not passed


def relative_errors(analytic: Array, numeric: Array, floor: float = 0.0) -> Array:
    """Return |a - n| / max(|a|, |n|, 1e-6 m, floor), with m the largest gradient of the array.

    The third term keeps the round-off of entries beside much larger ones from failing, while a
    small wrong array still does; the fourth is for a method that can't resolve smaller
    gradients. Both 0 is 0.
    """
    size: Array = np.maximum(np.abs(analytic), np.abs(numeric))
    scale: Array = np.maximum(size, max(1e-6 * size.max(initial=0.0), floor))
    errors: Array = np.zeros(scale.shape)
    np.divide(np.abs(analytic - numeric), scale, out=errors, where=scale > 0.0)
    return errors


def check_problem(problem: Problem, method: str = "complex") -> list[Check]:
    """Return a Check of each parameter array and of the inputs; `method` is complex or central."""
    most = affordable(problem)
    network, ws = problem.build(np.float64)
    dropout = problem.architecture.dropout > 0
    network.loss_and_gradient(ws, problem.share, dropout)
    numeric = ComplexStep(problem) if method == "complex" else CentralDifference(problem)
    arrays, of_data = gradients(network, ws), None
    if problem.architecture.l2:  # the penalty's derivative is no news of the network
        bare = replace(problem, architecture=replace(problem.architecture, l2=0.0))
        network, ws = bare.build(np.float64)
        network.loss_and_gradient(ws, problem.share, dropout)
        of_data = gradients(network, ws)
    return [
        _check(problem.case, name, array, numeric, method, most, (of_data or arrays)[name])
        for name, array in arrays.items()
    ]


def check_values(problem: Problem) -> list[Check]:
    """Return a Check of the predictions and of loss + penalty beside their definitions."""
    network, ws = problem.build(np.float64)
    dropout = problem.architecture.dropout > 0
    y_hat = np.empty_like(ws.z[-1])
    network.head.predict(network.forward(ws, dropout), y_hat)
    loss = network.loss_and_gradient(ws, problem.share, dropout)
    total = problem.objective(loss, network.penalty())
    alone = [by_definition(of) for of in problem.alone]
    defined = np.reshape([of[0] for of in alone], problem.Y.shape)
    return [
        _judged(problem.case, "y_hat", y_hat.swapaxes(-1, -2), defined, "value"),
        _judged(problem.case, "loss", np.asarray(total), np.sum([of[1] for of in alone]), "value"),
    ]


def standard_checks(methods: Sequence[str], network_class: type[Network]) -> Iterator[Check]:
    """Yield all that is checked without a network of one's own, the values first."""
    problems = list(standard_problems(network_class))
    for of in at_chosen_points():
        yield _judged(*of)
    for problem in problems:
        yield from check_values(problem)
    for method in methods:
        for problem in problems:
            yield from check_problem(problem, method)


def unreached(checks: Sequence[Check]) -> list[Check]:
    """Return a Check of W for each layer no parameter of which has a gradient other than 0."""
    layers: dict[tuple[str, str, str], list[Check]] = {}
    for check in checks:
        if check.parameter[0] in "Wb":
            layers.setdefault((check.method, check.case, check.parameter[1:]), []).append(check)
    return [of[0] for of in layers.values() if all(check.nothing_to_compare for check in of)]


def gradients(network: Network, ws: Workspace) -> dict[str, Array]:
    """Return the gradients W1, b1, W2, ... and x, (N, D), after `loss_and_gradient`."""
    return {**network.gradient.named, "x": network.input_gradient(ws).swapaxes(-1, -2)}


def affordable(problem: Problem) -> int:
    """Return how many entries of each array are compared, at most.

    Raises
    ------
    ConfigError
        Where one of each would take too long.
    """
    a = problem.architecture
    n_arrays = len(a.layout.blocks) + 1
    most = entries_checked(n_arrays, a.n_parameters + sum(a.sizes), problem.n_rows)
    if not most:
        raise ConfigError(
            f"{problem.case}: {n_arrays} arrays of {a.n_parameters} parameters in all are too many "
            "for a numerical derivative of each; expected a smaller network"
        )
    return most


def compared(size: int, most: int) -> Array:
    """Return which entries of an array of that size are compared: all, or a seeded sample."""
    if size <= most:
        return np.arange(size)
    rng = np.random.default_rng(size)
    return np.sort(rng.choice(size, most, replace=False))


def _check(
    case: str,
    name: str,
    analytic: Array,
    numeric: Numeric,
    method: str,
    most: int,
    of_data: Array,
) -> Check:
    """Compare one array, in `most` entries or fewer; `of_data` is it without the penalty's part."""
    places = [np.unravel_index(entry, analytic.shape) for entry in compared(analytic.size, most)]
    values = np.array([numeric.derivative(name, place) for place in places])
    smooth = np.isfinite(values)  # the others crossed a kink
    values, places = values[smooth], [p for p, ok in zip(places, smooth, strict=True) if ok]
    backward = np.array([analytic[place] for place in places], np.float64)
    check = _judged(case, name, backward, values, method, numeric.resolution, analytic.shape)
    told = any(not abs(of_data[place]) <= numeric.resolution for place in places)
    return replace(
        check,
        index=tuple(int(k) for k in places[check.index[0]]) if places else (),
        kinks=int((~smooth).sum()),
        nothing_to_compare=check.passed and not told,
        passed=check.passed and told,
    )


def _judged(
    case: str,
    name: str,
    ours: Array,
    right: Array,
    method: str,
    resolution: float = 0.0,
    shape: tuple[int, ...] | None = None,
) -> Check:
    """Compare all entries of two arrays, which are those smooth ones of an array of `shape`."""
    errors = relative_errors(ours, right, resolution / TOLERANCE[method])
    index: tuple[Any, ...] = ()
    if errors.size:
        index = np.unravel_index(int(errors.argmax()), errors.shape)
    return Check(
        case=case,
        parameter=name,
        shape=ours.shape if shape is None else shape,
        relative_error=float(errors[index]) if errors.size else 0.0,
        analytic=float(ours[index]) if errors.size else 0.0,
        numeric=float(right[index]) if errors.size else 0.0,
        index=tuple(int(k) for k in index),
        passed=bool(errors.size) and float(errors.max()) <= TOLERANCE[method],
        method=method,
        entries=errors.size,
    )


def largest_error(checks: Sequence[Check]) -> float:
    """Return the largest relative error of all checks, 0 for none."""
    return max((check.relative_error for check in checks), default=0.0)
