"""What the columns of a table become: the network's inputs, a class for each kind.

Not the choice among features, which `fitting` reads: a kind says of which columns it is made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.storage import json_checks as check
from nnfit.table import expressions
from nnfit.table.bins import Scaling, encode
from nnfit.table.coding import CategoryCode, Code, Codes, NumberCode
from nnfit.table.table import Floats, Table

Dtype = np.dtype[Any]
FitScaling = Callable[[Floats, str, bool], Scaling]
"""From training values (N,), what they are for the error, and whether to leave them as they are."""


class Input(ABC):
    """One or several neighbouring columns of the input matrix, and what they are made of.

    Most kinds are made of one `column`; one that is not says otherwise where it is used here.
    """

    kind: ClassVar[str]
    column: str

    @classmethod
    def of_column(cls, code: Code, table: Table, fit_scaling: FitScaling) -> Self | None:
        """Return the input that a column as it is becomes, with the training rows in `table`.

        None where the column is of another kind, or tells these rows nothing.
        """
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.column,)

    @property
    def names(self) -> list[str]:
        """What the inputs are called, as many as it is wide."""
        return [self.column]

    @property
    def width(self) -> int:
        return 1

    @property
    def identity(self) -> tuple[str, str]:
        """What no two share: the same column many times over could fill any memory."""
        return self.kind, self.column

    def defined(self, table: Table) -> NDArray[np.bool_] | bool:
        """Return for each row (N,), or for all, whether there is a finite number: log(x)."""
        return True

    @abstractmethod
    def write(self, X: Floats, table: Table, block: slice, dtype: Dtype) -> None:
        """Fill `X` (n, width), zeros so far, with the input on the n rows of `block`.

        Raises
        ------
        DataError
            At the first number that a network of this dtype can't hold.
        """

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"kind": self.kind, "column": self.column}

    @classmethod
    @abstractmethod
    def from_meta(cls, meta: object, where: str, codes: Codes) -> Self:
        """Return the input that `to_meta` wrote, over the columns' `codes`.

        Raises ValueError, with the reason, if `meta` is anything else.
        """


class NumberInput(Input):
    """One number, scaled, and the pieces of its bins; in model files it is called by its kind."""

    scaling: Scaling

    @property
    @abstractmethod
    def tree(self) -> expressions.Node:
        """The number as an expression; of a column as it is, the column's name."""

    @abstractmethod
    def _values(self, table: Table, block: slice) -> Floats:
        """Return the number of each row of `block`."""

    @property
    def names(self) -> list[str]:
        return self.scaling.names(self.identity[1])

    @property
    def width(self) -> int:
        return self.scaling.width

    def write(self, X: Floats, table: Table, block: slice, dtype: Dtype) -> None:
        values = self._values(table, block)
        scaled = self.scaling.scaler.apply(values)
        most = np.finfo(dtype).max
        if len(scaled) and not (-most <= scaled.min() and scaled.max() <= most):  # or it is NaN
            i = int((np.abs(scaled) <= most).argmin())
            raise DataError(
                f"{table.rows.place(block.start + i)}: {self.names[0]!r} is {values[i]:g}, "
                f"which leaves the range of {dtype.name} when scaled"
                + (". Mend it, or set training.dtype to float64" if dtype.itemsize < 8 else "")
            )
        X[:, 0] = scaled
        if self.scaling.edges:
            edges = np.array(self.scaling.edges)
            encode(values[:, np.newaxis], edges[:-1], edges[1:], out=X[:, 1:])

    def to_meta(self) -> dict[str, Any]:
        return {"kind": self.kind, self.kind: self.identity[1], **self.scaling.to_meta()}

    @classmethod
    def _fields(cls, meta: object, where: str) -> dict[str, Any]:
        """Return the entries of `meta`, of which the edges of bins may be missing."""
        edges = ("edges",) if isinstance(meta, dict) and "edges" in meta else ()
        return check.entries(meta, where, ("kind", cls.kind, "scaler", *edges))


@dataclass(frozen=True)
class ColumnInput(NumberInput):
    """A numeric or boolean column, scaled."""

    column: str
    scaling: Scaling

    kind = "column"

    @classmethod
    def of_column(cls, code: Code, table: Table, fit_scaling: FitScaling) -> ColumnInput | None:
        if not isinstance(code, NumberCode):
            return None
        values = table.numbers[code.name]
        if not values.min() < values.max():
            return None
        is_boolean = code.kind == "boolean"  # 0 and 1 as they are
        return cls(code.name, fit_scaling(values, f"column {code.name!r}", is_boolean))

    @property
    def tree(self) -> expressions.Node:
        return self.column

    def _values(self, table: Table, block: slice) -> Floats:
        return table.numbers[self.column][block]

    @classmethod
    def from_meta(cls, meta: object, where: str, codes: Codes) -> ColumnInput:
        fields = cls._fields(meta, where)
        code = codes.number(fields["column"], f"{where}.column")
        return cls(code.name, Scaling.from_meta(fields, where))


@dataclass(frozen=True)
class GapInput(Input):
    """1 where the cell of a numeric or boolean column is missing, else 0."""

    column: str

    kind = "gap"

    @classmethod
    def of_column(cls, code: Code, table: Table, fit_scaling: FitScaling) -> GapInput | None:
        return cls(code.name) if isinstance(code, NumberCode) and code.had_gaps else None

    @property
    def names(self) -> list[str]:
        return [f"{self.column} is missing"]

    def write(self, X: Floats, table: Table, block: slice, dtype: Dtype) -> None:
        X[:, 0] = table.gaps[self.column][block]

    @classmethod
    def from_meta(cls, meta: object, where: str, codes: Codes) -> GapInput:
        fields = check.entries(meta, where, ("kind", "column"))
        code = codes.number(fields["column"], f"{where}.column")
        if not code.had_gaps:
            raise ValueError(f"{where}.column must be a column with gaps")
        return cls(code.name)


@dataclass(frozen=True)
class OneHotInput(Input):
    """A block of inputs: 1 in the slot of the row's category, else 0."""

    column: str
    code: CategoryCode

    kind = "one_hot"

    @classmethod
    def of_column(cls, code: Code, table: Table, fit_scaling: FitScaling) -> OneHotInput | None:
        if not isinstance(code, CategoryCode) or code.n_slots < 2:
            return None
        return cls(code.name, code)

    @property
    def names(self) -> list[str]:
        return self.code.slot_names

    @property
    def width(self) -> int:
        return self.code.n_slots

    def write(self, X: Floats, table: Table, block: slice, dtype: Dtype) -> None:
        slots = table.slots[self.column][block]
        (hit,) = np.nonzero(slots >= 0)
        X[hit, slots[hit]] = 1.0

    @classmethod
    def from_meta(cls, meta: object, where: str, codes: Codes) -> OneHotInput:
        fields = check.entries(meta, where, ("kind", "column"))
        code = codes.get(check.text(fields["column"], f"{where}.column"))
        if not isinstance(code, CategoryCode):
            raise ValueError(f"{where}.column must be a categorical column")
        return cls(code.name, code)


@dataclass(frozen=True)
class ExpressionInput(NumberInput):
    """An expression over columns without gaps, scaled."""

    expression: expressions.Expression
    scaling: Scaling

    kind = "expression"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.expression.columns

    @property
    def tree(self) -> expressions.Node:
        return self.expression.tree

    @property
    def identity(self) -> tuple[str, str]:
        return self.kind, self.expression.text

    def defined(self, table: Table) -> NDArray[np.bool_]:
        return np.isfinite(self.expression.evaluate(table.numbers, len(table.rows)))

    def _values(self, table: Table, block: slice) -> Floats:
        return evaluate(self.expression, table, block)

    @classmethod
    def from_meta(cls, meta: object, where: str, codes: Codes) -> ExpressionInput:
        fields = cls._fields(meta, where)
        text = check.text(fields["expression"], f"{where}.expression")
        try:
            expression = expressions.parse(text, codes.numbers)
        except ValueError as err:
            raise ValueError(f"{where}.expression: {err}") from err
        return cls(expression, Scaling.from_meta(fields, where))


KINDS: dict[str, type[Input]] = {
    kind.kind: kind for kind in (ColumnInput, GapInput, OneHotInput, ExpressionInput)
}
"""Each kind by its name in model files, in the order of a column's inputs."""


def input_from_meta(meta: object, where: str, codes: Codes) -> Input:
    """Return the input that `Input.to_meta` wrote; ValueError as `Input.from_meta`."""
    kind = meta.get("kind") if isinstance(meta, dict) else None
    return KINDS[check.choice(kind, f"{where}.kind", KINDS)].from_meta(meta, where, codes)


def evaluate(expression: expressions.Expression, table: Table, block: slice) -> Floats:
    """Return the expression on the rows of `block`; DataError where it is not finite."""
    lookup = {column: table.numbers[column][block] for column in expression.columns}
    values = expression.evaluate(lookup, block.stop - block.start)
    if not (finite := np.isfinite(values)).all():
        i = int(finite.argmin())
        at = ", ".join(f"{column}={x[i]:g}" for column, x in lookup.items())
        raise DataError(
            f"{table.rows.place(block.start + i)}: feature {expression.text!r} is "
            f"{values[i]:g}{' at ' if at else ''}{at}"
        )
    return values
