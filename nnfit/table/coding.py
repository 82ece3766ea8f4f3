"""One feature column as numbers or category slots, with what the training rows taught about it.

Not the network's inputs: `inputs` makes them of these, and `encoding` lines them up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nnfit.storage import json_checks as check
from nnfit.table.cells import KnownLabel, spelt_otherwise
from nnfit.table.columns import Column, Kind
from nnfit.table.spelling import Spelling
from nnfit.table.table import Floats, Table


class Code(ABC):
    """One column as the training rows taught to read it; a class for each way.

    `had_gaps` says that the training rows had gaps, so that an input or a slot says where they
    are. `checks` has what a model file says of it, and what checks each value.
    """

    name: str
    kind: Kind
    had_gaps: bool
    checks: ClassVar[Mapping[str, Callable[[object, str], Any]]]

    @classmethod
    @abstractmethod
    def fit(cls, column: Column, table: Table, max_categories: int) -> Self:
        """Return what a column with at least one cell teaches, and `read` it."""

    @abstractmethod
    def is_text(self, decimal: str) -> bool:
        """Return whether a CSV reader had better leave the cells as they are spelt.

        `decimal` is the mark that it reads numbers by.
        """

    @abstractmethod
    def read(self, table: Table) -> None:
        """Read the column into `table`.

        Raises
        ------
        DataError
            At the first cell that can't be read, or at the first gap where none is allowed.
        """

    @abstractmethod
    def places(self, table: Table) -> tuple[tuple[str, ...], Floats, float]:
        """Return labels, values (N,) and, for where there are none, a typical one; see `slices`."""

    @property
    @abstractmethod
    def became(self) -> str:
        """What is said to have become of cells that training never saw the like of."""

    @property
    @abstractmethod
    def detail(self) -> str:
        """How the column is encoded, in a few words."""

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types; floats survive `json` exactly."""
        values = {key: getattr(self, key) for key in self.checks}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}

    @classmethod
    def from_meta(cls, meta: object, where: str) -> Self:
        """Return the code that `to_meta` wrote, or raise ValueError with the reason."""
        return cls(**check.record(meta, where, cls.checks))


def _kind(meta: object, where: str) -> str:
    return check.choice(meta, where, CODES)


@dataclass(frozen=True)
class NumberCode(Code):
    """A numeric or boolean column; `fill` is its training median or more frequent truth value.

    A gap becomes that. `spelling` is None for plain numbers, and then no part of a model file.
    """

    name: str
    kind: Literal["numeric", "boolean"]
    fill: float
    had_gaps: bool
    spelling: Spelling | None = field(default=None, kw_only=True)

    checks = {"name": check.text, "kind": _kind, "fill": check.finite, "had_gaps": check.flag}

    @classmethod
    def fit(cls, column: Column, table: Table, max_categories: int) -> NumberCode:
        assert column.kind != "categorical"
        values = table.read_numbers(column.name, column.kind, column.spelling)
        gaps = np.isnan(values)
        present = values[~gaps] if gaps.any() else values
        if column.kind == "boolean":
            fill = float(present.mean() > 0.5)
        else:
            middle = [(len(present) - 1) // 2, len(present) // 2]
            low, high = np.partition(present, middle)[middle].tolist()
            fill = low / 2 + high / 2  # their sum may overflow
        had_gaps = len(present) < len(values)
        code = cls(column.name, column.kind, fill, had_gaps, spelling=column.spelling)
        code._put(values, table)
        return code

    def is_text(self, decimal: str) -> bool:
        return self.spelling is not None and self.spelling.is_misread(decimal)

    def read(self, table: Table) -> None:
        self._put(table.read_numbers(self.name, self.kind, self.spelling), table)

    def to_meta(self) -> dict[str, Any]:
        meta = super().to_meta()
        return meta if self.spelling is None else {**meta, "spelling": self.spelling.to_meta()}

    @classmethod
    def from_meta(cls, meta: object, where: str) -> Self:
        if not isinstance(meta, dict) or "spelling" not in meta:
            return super().from_meta(meta, where)
        checks = {**cls.checks, "spelling": Spelling.from_meta}
        return cls(**check.record(meta, where, checks))

    def places(self, table: Table) -> tuple[tuple[str, ...], Floats, float]:
        labels = ("false", "true") if self.kind == "boolean" else ()
        return labels, table.read_numbers(self.name, self.kind, self.spelling), self.fill

    def _put(self, values: Floats, table: Table) -> None:
        gaps = np.isnan(values)
        if n_gaps := int(np.count_nonzero(gaps)):
            values = np.where(gaps, self.fill, values)
            if not self.had_gaps:
                table.tally["gap", self.name] += n_gaps
        else:
            gaps = np.broadcast_to(np.False_, values.shape)  # which takes no memory
        table.numbers[self.name], table.gaps[self.name] = values, gaps

    @property
    def _fill_text(self) -> str:
        return f"{self.fill:g}" if self.kind == "numeric" else str(bool(self.fill)).lower()

    @property
    def became(self) -> str:
        return f"filled with {self._fill_text}"

    @property
    def detail(self) -> str:
        text = f"a gap becomes {self._fill_text}" + (", and is marked" if self.had_gaps else "")
        return text if self.spelling is None else f"{text}; written like {self.spelling.shown}"


@dataclass(frozen=True)
class CategoryCode(Code):
    """A categorical column: a slot for each category, then `other`, then the gaps' own.

    The categories are sorted; `other` says that rarer ones share a slot.
    """

    name: str
    categories: tuple[str, ...]
    other: bool
    had_gaps: bool
    kind: Literal["categorical"] = field(default="categorical", kw_only=True)

    checks = {
        "name": check.text,
        "kind": _kind,
        "categories": check.texts,
        "other": check.flag,
        "had_gaps": check.flag,
    }
    became = "counted as no category"

    @classmethod
    def fit(cls, column: Column, table: Table, max_categories: int) -> CategoryCode:
        """Do as `Code.fit`.

        With more than `max_categories` labels the most frequent keep a slot, all but one of that
        number, and the others share the last.
        """
        codes, labels = table.read_categories(column.name)
        frequent = labels
        counts = np.bincount(codes + 1, minlength=len(labels) + 1)[1:]
        table.alike[column.name] = spelt_otherwise(labels, counts)
        if len(labels) > max_categories:
            by_frequency = sorted(zip((-counts).tolist(), labels, strict=True))
            frequent = [label for _, label in by_frequency[: max_categories - 1]]
        had_gaps = bool((codes < 0).any())
        code = cls(column.name, tuple(sorted(frequent)), len(frequent) < len(labels), had_gaps)
        code._put(codes, labels, table)
        return code

    def is_text(self, decimal: str) -> bool:
        return True

    def read(self, table: Table) -> None:
        self._put(*table.read_categories(self.name, self._spell), table)

    def places(self, table: Table) -> tuple[tuple[str, ...], Floats, float]:
        codes, labels = table.read_categories(self.name, self._spell)
        known = {category: float(place) for place, category in enumerate(self.categories)}
        values = np.array([*(known.get(label, np.nan) for label in labels), np.nan])
        return self.categories, values[codes], 0.0

    def _put(self, codes: NDArray[np.intp], labels: list[str], table: Table) -> None:
        """Put the slot of every row into the table, or -1 where it has none."""
        known = self._spell.places
        unknown = len(known) if self.other else -1
        missing = len(known) + self.other if self.had_gaps else -1
        slots = np.array([known.get(label, unknown) for label in labels] + [missing], np.intp)
        # A rare category of training is not told apart from an unseen one: both are `other`.
        if not self.other and any(strange := [label not in known for label in labels]):
            counts = np.bincount(codes + 1, minlength=len(labels) + 1)[1:]
            table.tally["unseen", self.name] += int(counts[strange].sum())
        if not self.had_gaps and (n_gaps := int(np.count_nonzero(codes < 0))):
            table.tally["gap", self.name] += n_gaps
        table.slots[self.name] = slots[codes]

    @cached_property
    def _spell(self) -> KnownLabel:
        return KnownLabel(self.categories)

    @property
    def n_slots(self) -> int:
        """How many slots there are."""
        return len(self.categories) + self.other + self.had_gaps

    @property
    def slot_names(self) -> list[str]:
        """The slots as inputs are called: `sex=female`, `sex is other`, `sex is missing`."""
        names = [f"{self.name}={category}" for category in self.categories]
        names += [f"{self.name} is other"] if self.other else []
        return names + ([f"{self.name} is missing"] if self.had_gaps else [])

    @property
    def detail(self) -> str:
        return f"{self.n_slots} inputs: " + ", ".join(self.categories)


CODES: dict[str, type[Code]] = {
    "numeric": NumberCode,
    "boolean": NumberCode,
    "categorical": CategoryCode,
}


class Codes(dict[str, Code]):
    """The codes of a model's columns, by their names."""

    @cached_property
    def numbers(self) -> dict[str, NumberCode]:
        """Those of numbers and truth values, which expressions may be over."""
        return {name: code for name, code in self.items() if isinstance(code, NumberCode)}

    def number(self, name: object, where: str) -> NumberCode:
        """Return the code of numbers or truth values of that name, or raise ValueError."""
        code = self.get(check.text(name, where))
        if not isinstance(code, NumberCode):
            raise ValueError(f"{where} must be a numeric or boolean column")
        return code


def code_from_meta(meta: object, where: str) -> Code:
    """Return the code that `Code.to_meta` wrote, or raise ValueError with the reason."""
    kind = meta.get("kind") if isinstance(meta, dict) else None
    code = CODES.get(kind, NumberCode) if isinstance(kind, str) else NumberCode
    return code.from_meta(meta, where)
