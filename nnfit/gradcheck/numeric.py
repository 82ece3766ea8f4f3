"""Numerical derivatives of the loss of the production network, entry by entry.

The complex step f'(x) = Im f(x + ih)/h (Squire & Trapp 1998) has no cancellation, so h can be
1e-30 and the result is exact to round-off; central differences are the textbook's method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnfit.gradcheck.problems import Problem
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import Array
from nnfit.nn.losses import PointwiseHead

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-3


class Numeric:
    """The objective as a function of one entry of one array."""

    resolution = 0.0  # differences below it are the method's own round-off

    def __init__(self, problem: Problem, dtype: Any) -> None:
        self.share, self.dropout = problem.share, problem.architecture.dropout > 0
        self.objective = problem.objective
        self.network, self.ws = problem.build(dtype)

    def array(self, name: str) -> Array:
        """Return the array called x, W1, b1, ... for changing its entries."""
        return self.ws.aT[0] if name == "x" else self.network.parameters.named[name]

    def derivative(self, name: str, place: tuple[Any, ...]) -> float:
        """Return the derivative by one entry; NaN where it can't be had."""
        raise NotImplementedError


class ComplexStep(Numeric):
    """f'(x) = Im f(x + ih)/h."""

    resolution = float(np.finfo(np.float64).tiny) / COMPLEX_STEP  # below it h f' is no number

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, np.complex128)

    def derivative(self, name: str, place: tuple[Any, ...]) -> float:
        array = self.array(name)
        before = array[place]
        array[place] = before + 1j * COMPLEX_STEP
        loss = self.network.loss(self.ws, self.share, self.dropout)
        value = self.objective(loss, self.network.penalty())
        array[place] = before
        return float(value.imag / COMPLEX_STEP)


class CentralDifference(Numeric):
    """Differences between points on both sides, with an eye on kinks between them."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, np.float64)
        names = enumerate(problem.architecture.every_activation)
        pointwise = [(i, ACTIVATIONS[name]) for i, name in names if name in ACTIVATIONS]
        self.kinks = [(i, kink) for i, activation in pointwise for kink in activation.kinks]
        self.y_hat: Array = np.empty_like(self.ws.z[-1])
        self.sides: list[Array] = []
        value = float(self._objective())
        self.resolution = 10.0 * float(np.finfo(np.float64).eps) * abs(value) / CENTRAL_STEP

    def derivative(self, name: str, place: tuple[Any, ...]) -> float:
        """Return the five-point central difference, or NaN where a kink lies between the points.

        [f(x - 2h) - 8 f(x - h) + 8 f(x + h) - f(x + 2h)] / 12h errs by h^4 where the three-point
        form errs by h^2; so h can be large, and the round-off eps f/h small.
        """
        array = self.array(name)
        before = array[place]
        values, sides = [], []
        for k in (-2, -1, 1, 2):
            array[place] = before + k * CENTRAL_STEP
            values.append(self._objective())
            sides.append(self.sides)
        array[place] = before
        if any(np.any(p != q) for other in sides[1:] for p, q in zip(sides[0], other, strict=True)):
            return float("nan")
        return float((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * CENTRAL_STEP))

    def _objective(self) -> Any:
        """Return loss + penalty and note in `sides` on which side of each kink everything is."""
        z = self.network.forward(self.ws, self.dropout)
        self.sides = [self.ws.z[i] > kink for i, kink in self.kinks]
        head = self.network.head
        if isinstance(head, PointwiseHead) and head.kinks:
            head.predict(z, self.y_hat)
            residual = self.y_hat - self.ws.Y
            self.sides += [residual > kink for kink in head.kinks]
        loss = (head.losses(z, self.ws.Y) * self.share).sum(axis=-1)
        return self.objective(loss, self.network.penalty())
