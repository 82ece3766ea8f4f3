"""φ(x) of one row, from the columns up to the inputs v[0] and by the chain rule down again.

What expressions and their derivatives are is `nnfit.graph`'s, the scales are those of the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnfit.gradcheck.checking import compared, relative_errors
from nnfit.gradcheck.numeric import COMPLEX_STEP, ComplexStep
from nnfit.graph import passes
from nnfit.graph.nodes import Graph, graph_of
from nnfit.nn.arrays import Array
from nnfit.table.bins import Piece
from nnfit.table.encoding import Encoder
from nnfit.table.inputs import NumberInput
from nnfit.table.scaling import Scaler
from nnfit.table.table import Table
from nnfit.training.metrics import finite

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of v[0] that is a scaled expression; of a column as it is, that column alone.

    `at` are its columns' numbers.
    """

    graph: Graph
    at: dict[str, float]
    scaler: Scaler | Piece

    @cached_property
    def values(self) -> list[Any]:
        """The value of each node of the expression."""
        return passes.forward(self.graph.nodes, self.at)

    @cached_property
    def slopes(self) -> list[tuple[float, ...]]:
        """The derivatives of each node by its inputs."""
        return passes.local_derivatives(self.graph.nodes, self.values)

    @cached_property
    def scale_slope(self) -> float:
        """The derivative of the scaled number by the expression."""
        return self.scaler.slope(self.values[self.graph.root])

    @cached_property
    def derivatives(self) -> list[float]:
        """The derivative of the scaled number by each node of the expression."""
        down = passes.backward(self.graph.nodes, self.slopes, self.graph.root)
        return [self.scale_slope * adjoint for adjoint in down]

    def stepped(self, column: str, step: float) -> complex:
        """Return the number with the column a step off the real axis."""
        nudged = self.graph.names[column]
        value = passes.forward(self.graph.nodes, self.at, nudged, step)[self.graph.root]
        return complex(self.scaler.apply(np.array([value]))[0])


@dataclass(frozen=True, kw_only=True)
class Input:
    """An entry of v[0]; one that is no number of its `columns`, such as a category, has no graph.

    `cell` is then what stands in the table.
    """

    name: str
    column: str
    number: Number | None
    cell: str = ""


def open_inputs(encoder: Encoder, table: Table) -> list[Input]:
    """Return the inputs of the one row of `table`, in their order."""
    return [one for item in encoder.inputs for one in _of(item, table)]


def _of(item: Any, table: Table) -> Iterator[Input]:
    if isinstance(item, NumberInput):
        at = {column: float(table.numbers[column][0]) for column in item.columns}
        for name, scaler in zip(item.names, item.scaling.parts, strict=True):
            number = Number(graph=graph_of(item.tree), at=at, scaler=scaler)
            yield Input(name=name, column="", number=number)
        return
    cell = str(table.rows.frame[item.column].iloc[0])
    cell = "" if cell in ("nan", "None", "<NA>") else cell  # a gap, however pandas spells it
    for name in item.names:
        yield Input(name=name, column=item.column, number=None, cell=cell)


def columns(
    inputs: Sequence[Input], handed: Array, numeric: ComplexStep, most: int, shown: int
) -> list[Values]:
    """Return for each numeric column ∂L/∂x as the sum over its inputs, beside its complex step.

    Parameters
    ----------
    handed : ndarray of shape (D,)
        ∂L/∂v[0].
    most, shown : int
        So many complex steps are taken, and those of the first and the last columns.
    """
    users: dict[str, list[int]] = {}
    for i, one in enumerate(inputs):
        for column in one.number.at if one.number else ():
            users.setdefault(column, []).append(i)
    n = len(users)
    stepped = {*compared(n, most).tolist(), *range(min(n, shown)), n - 1}
    return [
        _column(column, {i: inputs[i] for i in of}, handed, numeric if k in stepped else None)
        for k, (column, of) in enumerate(users.items())
    ]


def _column(
    column: str, of: dict[int, Input], handed: Array, numeric: ComplexStep | None
) -> Values:
    numbers = {i: one.number for i, one in of.items() if one.number is not None}
    slopes = {i: one.derivatives[one.graph.names[column]] for i, one in numbers.items()}
    derivative = sum(handed[i] * slope for i, slope in slopes.items())
    step = error = np.nan
    if numeric is not None and np.isfinite(derivative):
        x = numeric.array("x")[0]
        before = x.copy()
        for i, one in numbers.items():
            x[i] = one.stepped(column, COMPLEX_STEP)
        step = float(numeric.network.loss(numeric.ws, 1.0).imag / COMPLEX_STEP)
        x[:] = before
        error = float(relative_errors(np.array([derivative]), np.array([step]))[0])
    return {
        "column": column,
        "value": next(iter(numbers.values())).at[column],
        "terms": [
            {"input": i + 1, "name": of[i].name, "derivative": finite(float(handed[i])),
             "slope": finite(slope)}
            for i, slope in slopes.items()
        ],
        "derivative": finite(float(derivative)),
        "complex_step": finite(step),
        "relative_error": finite(error),
    }  # fmt: skip
