"""Holds the hand-written gradients against numerical ones, on the production network itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnfit.budget import entries_checked
from nnfit.errors import ConfigError
from nnfit.gradcheck.numeric import CentralDifference, ComplexStep, Numeric
from nnfit.gradcheck.problems import Problem
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network, Workspace

TOLERANCE = {"complex": 1e-9, "central": 1e-6}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One array of one network, by one method; the figures are those of the worst entry."""

    case: str
    parameter: str  # W1, b1, ..., or x for the inputs
    shape: tuple[int, ...]
    relative_error: float
    analytic: float
    numeric: float
    index: tuple[int, ...]
    passed: bool
    method: str
    entries: int  # entries compared
    kinks: int = 0  # entries left out: a kink of ReLU, mae, ... lay between the points compared


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
    arrays = gradients(network, ws)
    return [
        _check(problem.case, name, array, numeric, method, most) for name, array in arrays.items()
    ]


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
    most = entries_checked(n_arrays, a.n_parameters + sum(a.sizes), len(problem.X))
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
    case: str, name: str, analytic: Array, numeric: Numeric, method: str, most: int
) -> Check:
    """Compare one array, in `most` entries or fewer."""
    places = [np.unravel_index(entry, analytic.shape) for entry in compared(analytic.size, most)]
    values = np.array([numeric.derivative(name, place) for place in places])
    smooth = np.isfinite(values)  # the others crossed a kink
    values, places = values[smooth], [p for p, ok in zip(places, smooth, strict=True) if ok]
    backward = np.array([analytic[place] for place in places], np.float64)
    errors = relative_errors(backward, values, numeric.resolution / TOLERANCE[method])
    error = of_backward = of_method = 0.0
    index: tuple[int, ...] = ()
    if len(errors):
        worst = int(errors.argmax())
        error, of_backward = float(errors[worst]), float(backward[worst])
        of_method = float(values[worst])
        index = tuple(int(k) for k in places[worst])
    return Check(
        case=case,
        parameter=name,
        shape=analytic.shape,
        relative_error=error,
        analytic=of_backward,
        numeric=of_method,
        index=index,
        passed=bool(len(errors)) and error <= TOLERANCE[method],  # nothing compared: no proof
        method=method,
        entries=len(errors),
        kinks=int((~smooth).sum()),
    )


def largest_error(checks: Sequence[Check]) -> float:
    """Return the largest relative error of all checks, 0 for none."""
    return max((check.relative_error for check in checks), default=0.0)
