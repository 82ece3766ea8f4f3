"""What the network's values are by definition, in plain Python: one number at a time, as in a book.

Shares nothing with `nn`: neither its products nor its masks nor where a parameter lies. A slope
says whether a derivative is that of the value; these say whether the value is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

import numpy as np

from nnfit.gradcheck.numeric import COMPLEX_STEP
from nnfit.gradcheck.problems import Problem
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.names import QUANTILES
from nnfit.nn.residuals import RESIDUAL_LOSSES, pinball

Numbers = Sequence[float]


def _sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


def _gelu(z: float) -> float:
    return 0.5 * z * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


F: dict[str, Callable[[float], float]] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "relu": lambda z: max(0.0, z),
    "leaky_relu": lambda z: z if z > 0.0 else 0.01 * z,
    "elu": lambda z: z if z > 0.0 else math.exp(z) - 1.0,
    "selu": lambda z: 1.05070098735548 * (z if z > 0.0 else 1.67326324235437 * math.expm1(z)),
    "gelu": _gelu,
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * math.tanh(math.log(1.0 + math.exp(z))),
    "softplus": lambda z: math.log(1.0 + math.exp(z)),
}
"""Each hidden or output activation."""


def _huber(e: float) -> float:
    return 0.5 * e**2 if abs(e) <= 1.0 else abs(e) - 0.5


L: dict[str, Callable[[float], float]] = {"mse": lambda e: e**2, "mae": abs, "huber": _huber}
"""Each loss of the residual e = y_hat - y."""


def _pinball(e: float, q: float) -> float:
    return max((1.0 - q) * e, -q * e)


def row_loss(a: Architecture, y_hat: Numbers, y: Numbers) -> float:
    """Return l(y_hat, y) of one row."""
    loss, pairs = a.loss, list(zip(y_hat, y, strict=True))
    if loss == "cross_entropy":
        return -math.fsum(t * math.log(p) for p, t in pairs)
    if loss == "binary_cross_entropy":
        each = [-(t * math.log(p) + (1.0 - t) * math.log(1.0 - p)) for p, t in pairs]
    elif loss == "gaussian_nll":  # a mean, then a variance, of each target
        two = zip(pairs[::2], y_hat[1::2], strict=True)
        each = [0.5 * (math.log(v) + (t - mean) ** 2 / v) for (mean, t), v in two]
    elif loss == "quantile":
        each = [_pinball(p - t, q) for (p, t), q in zip(pairs, cycle(a.quantiles), strict=False)]
    elif loss == "poisson":
        each = [p - t * math.log(p) for p, t in pairs]
    else:
        each = [L[loss](p - t) for p, t in pairs]
    return math.fsum(each) / len(each)


def by_definition(problem: Problem) -> tuple[Array, Array]:
    """Return y_hat (N, K) and loss + penalty, of no dimension."""
    a, flat = problem.architecture, problem.parameters.tolist()
    layers: list[list[Numbers]] = []  # for each unit its weights, then its bias
    for n_in, n_out in zip(a.sizes, a.sizes[1:], strict=False):
        width = n_in + a.bias
        layers.append([flat[k * width : (k + 1) * width] for k in range(n_out)])
        flat = flat[n_out * width :]
    s = flat if a.input_scale else [1.0] * a.sizes[0]
    rng, N = np.random.default_rng(problem.masks_seed), len(problem.X)
    kept = [rng.random((n, N), np.float32) >= a.dropout for n in a.sizes[1:-1] if a.dropout]
    y_hat: Array = np.empty(problem.Y.shape)
    losses = []
    for i, (x, y) in enumerate(zip(problem.X.tolist(), problem.Y.tolist(), strict=True)):
        v = [factor * one for factor, one in zip(s, x, strict=True)]
        for k, units in enumerate(layers):
            u = [*v, 1.0] if a.bias else v
            z = [math.fsum(w * one for w, one in zip(unit, u, strict=True)) for unit in units]
            v = _activated(a.every_activation[k], z)
            if a.dropout and k < len(kept):
                keep = zip(v, kept[k][:, i].tolist(), strict=True)
                v = [one / (1.0 - a.dropout) if stays else 0.0 for one, stays in keep]
        y_hat[i] = v
        losses.append(row_loss(a, v, y))
    shares = np.broadcast_to(problem.share, N).tolist()
    loss = math.fsum(s * one for s, one in zip(shares, losses, strict=True))
    weights = (unit[:n] for n, units in zip(a.sizes, layers, strict=False) for unit in units)
    return y_hat, np.asarray(loss + 0.5 * a.l2 * math.fsum(w**2 for of in weights for w in of))


def _activated(name: str, z: list[float]) -> list[float]:
    if name == "mean_variance":
        return [F["softplus"](one) + 1e-6 if k % 2 else one for k, one in enumerate(z)]
    if name in F:
        return [F[name](one) for one in z]
    powers = [math.exp(one) for one in z]
    if name == "exp":
        return powers
    return [power / math.fsum(powers) for power in powers]


# on each bend, beside it, and far from it; further out a slope of 1 - f would have no digits left
BENDS = (-1.0, 0.0, 1.0)
POINTS = (-3.0, *(bend + by for bend in BENDS for by in (-0.5, -1e-3, 0.0, 1e-3)), 3.0)


def at_chosen_points() -> Iterator[tuple[str, str, Array, Array, str]]:
    """Yield each activation at points z, and each loss of the residual at points e.

    A case, what is compared, ours, what is right, and by which method.
    """
    points: Array = np.array([POINTS])
    stepped = points + 1j * COMPLEX_STEP
    for name, activation in ACTIVATIONS.items():
        case, defined = f"{name} at chosen points", np.array([[F[name](z) for z in POINTS]])
        z, a, slope = (points.copy() for _ in range(3))
        activation.f(z, a, slope)
        yield case, "f(z)", a.copy(), defined, "value"
        activation.df(z, a, slope)
        complex_a = np.empty_like(stepped)
        activation.f(stepped.copy(), complex_a, np.empty_like(stepped))
        yield case, "f'(z)", slope, complex_a.imag / COMPLEX_STEP, "complex"
    quantiles = {f"quantile {q}": pinball((q,)) for q in QUANTILES}
    formulas = L | {f"quantile {q}": partial(_pinball, q=q) for q in QUANTILES}
    for name, loss in (RESIDUAL_LOSSES | quantiles).items():
        case, defined = f"{name} at chosen points", np.array([[formulas[name](e) for e in POINTS]])
        yield case, "l(e)", loss.value(points), defined, "value"
        slope = points.copy()
        loss.derivative(slope)
        yield case, "l'(e)", slope, loss.value(stepped).imag / COMPLEX_STEP, "complex"
