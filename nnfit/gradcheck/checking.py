"""Holds the hand-written gradients against numerical ones, on the production network itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnfit.gradcheck.numeric import CentralDifference, ComplexStep, Numeric
from nnfit.gradcheck.problems import Problem
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network

TOLERANCE = {"complex": 1e-9, "central": 1e-6}
ENTRIES_PER_ARRAY = 400  # of a larger array, that many are drawn


@dataclass(frozen=True)
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
    """Return one Check per parameter array, and one for the inputs.

    Parameters
    ----------
    problem : Problem
    method : {"complex", "central"}
    """
    network, ws = problem.build(np.float64)
    dropout = problem.architecture.dropout > 0
    network.loss_and_gradient(ws, problem.share, dropout)
    arrays: list[tuple[str, Array]] = []
    for i, (W, b) in enumerate(_pairs(network)):
        arrays.append((f"W{i + 1}", W))
        if b is not None:
            arrays.append((f"b{i + 1}", b))
    arrays.append(("x", network.input_gradient(ws).T))
    numeric = ComplexStep(problem) if method == "complex" else CentralDifference(problem)
    return [_check(problem.case, name, array, numeric, method) for name, array in arrays]


def _pairs(network: Network) -> Iterator[tuple[Array, Array | None]]:
    """Yield each layer's gradients dW and db."""
    for i, W in enumerate(network.gradient.W):
        yield W, network.gradient.b[i] if network.gradient.b else None


def _check(case: str, name: str, analytic: Array, numeric: Numeric, method: str) -> Check:
    """Compare the entries of one array, or a seeded sample of them."""
    entries = np.arange(analytic.size)
    if analytic.size > ENTRIES_PER_ARRAY:
        rng = np.random.default_rng(analytic.size)
        entries = np.sort(rng.choice(analytic.size, ENTRIES_PER_ARRAY, replace=False))
    places = [np.unravel_index(entry, analytic.shape) for entry in entries]
    values = np.array([numeric.derivative(name, place) for place in places])
    smooth = np.isfinite(values)  # the others crossed a kink
    values, places = values[smooth], [p for p, ok in zip(places, smooth, strict=True) if ok]
    found = np.array([analytic[place] for place in places], np.float64)
    errors = relative_errors(found, values, numeric.resolution / TOLERANCE[method])
    worst = int(errors.argmax()) if len(errors) else 0
    error = float(errors[worst]) if len(errors) else 0.0
    return Check(
        case,
        name,
        analytic.shape,
        error,
        float(found[worst]) if len(errors) else 0.0,
        float(values[worst]) if len(errors) else 0.0,
        tuple(int(k) for k in places[worst]) if len(errors) else (),
        bool(len(errors) and error <= TOLERANCE[method]),  # nothing compared proves nothing
        method,
        len(errors),
        int((~smooth).sum()),
    )


def largest_error(checks: Sequence[Check]) -> float:
    """Return the largest relative error of all checks, 0 for none."""
    return max((check.relative_error for check in checks), default=0.0)
