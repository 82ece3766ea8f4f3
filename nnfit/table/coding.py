"""One feature column as numbers or category slots, with what the training rows taught about it.

Not the network's inputs: `encoding` scales, combines and lines these up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.storage import json_checks as check
from nnfit.table.cells import (
    Rows,
    parse_number,
    parse_truth,
    place,
    read_floats,
    read_labels,
    shown,
)
from nnfit.table.columns import infinite_number

Tally = Counter[tuple[str, str]]
"""How many cells were ("unseen" | "gap", column): categories or gaps that training never saw."""


@dataclass(frozen=True)
class NumberCode:
    """A numeric or boolean column.

    Attributes
    ----------
    fill : float
        What a gap becomes: the training median, or the more frequent truth value.
    had_gaps : bool
        Whether the training rows had gaps, so that an input says where they are.
    """

    name: str
    kind: Literal["numeric", "boolean"]
    fill: float
    had_gaps: bool

    def filled(
        self, values: NDArray[np.float64], tally: Tally | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return `values` (N,) without gaps, and where the gaps were."""
        gaps = np.isnan(values)
        n_gaps = int(np.count_nonzero(gaps))
        if n_gaps:
            values = np.where(gaps, self.fill, values)
            if tally is not None and not self.had_gaps:
                tally["gap", self.name] += n_gaps
        return values, gaps

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "name": self.name,
            "kind": self.kind,
            "fill": self.fill,
            "had_gaps": self.had_gaps,
        }


@dataclass(frozen=True)
class CategoryCode:
    """A categorical column: a slot for each category, then `other`, then the gaps' own.

    Attributes
    ----------
    categories : tuple of str
        Sorted.
    other : bool
        Whether rarer categories share a slot.
    had_gaps : bool
        Whether the training rows had gaps, so that these have a slot.
    """

    name: str
    categories: tuple[str, ...]
    other: bool
    had_gaps: bool

    kind: Literal["categorical"] = "categorical"

    @property
    def slot_names(self) -> list[str]:
        """The slots as inputs are called: `sex=female`, `sex is other`, `sex is missing`."""
        names = [f"{self.name}={category}" for category in self.categories]
        names += [f"{self.name} is other"] if self.other else []
        return names + ([f"{self.name} is missing"] if self.had_gaps else [])

    @property
    def n_slots(self) -> int:
        """How many slots there are."""
        return len(self.categories) + self.other + self.had_gaps

    def slots(
        self, codes: NDArray[np.intp], labels: list[str], tally: Tally | None = None
    ) -> NDArray[np.intp]:
        """Return the slot of every row (N,), or -1 where it has none."""
        known = {category: slot for slot, category in enumerate(self.categories)}
        unknown = len(known) if self.other else -1
        missing = len(known) + self.other if self.had_gaps else -1
        table = np.array([known.get(label, unknown) for label in labels] + [missing], np.intp)
        if tally is not None:
            counts = np.bincount(codes + 1, minlength=len(labels) + 1)
            strange = [label not in known for label in labels]
            # A rare category of training is not told apart from an unseen one: both are `other`.
            if any(strange) and not self.other:
                tally["unseen", self.name] += int(counts[1:][strange].sum())
            if counts[0] and not self.had_gaps:
                tally["gap", self.name] += int(counts[0])
        return table[codes]

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "name": self.name,
            "kind": self.kind,
            "categories": list(self.categories),
            "other": self.other,
            "had_gaps": self.had_gaps,
        }


Code = NumberCode | CategoryCode


def read_numbers(
    series: pd.Series[Any],
    kind: Literal["numeric", "boolean"],
    name: str,
    rows: Rows,
    *,
    gaps_allowed: bool,
) -> NDArray[np.float64]:
    """Return a numeric or boolean column as float64 (N,), NaN in gaps.

    Raises
    ------
    DataError
        At the first cell that is no finite number (no truth value), or at the first gap where
        none is allowed.
    """
    values, failed = read_floats(series, parse_number if kind == "numeric" else parse_truth)
    if len(failed):
        i = int(failed[0])
        expected = "a number" if kind == "numeric" else "true or false"
        raise DataError(
            f"{place(name, rows, i, str(series.name))}: cannot read {shown(series.iloc[i])} as "
            f"{expected}. Mend the cell, or leave it empty"
        )
    if np.isinf(values).any():
        raise infinite_number(series, name, rows, int(np.flatnonzero(np.isinf(values))[0]))
    if not gaps_allowed:
        _refuse_gaps(np.isnan(values), str(series.name), name, rows)
    return values


def read_categories(
    series: pd.Series[Any], name: str, rows: Rows, *, gaps_allowed: bool
) -> tuple[NDArray[np.intp], list[str]]:
    """Return a categorical column as codes (N,), -1 in gaps, and the labels they stand for.

    Raises
    ------
    DataError
        At the first cell that can name no category, or at the first gap where none is allowed.
    """
    codes, labels = read_labels(series, name, rows)
    if not gaps_allowed:
        _refuse_gaps(codes < 0, str(series.name), name, rows)
    return codes, labels


def fit_number(
    name: str, kind: Literal["numeric", "boolean"], values: NDArray[np.float64]
) -> NumberCode:
    """Return the code of a column that has at least one number among `values` (N,)."""
    present = values[~np.isnan(values)]
    if kind == "boolean":
        fill = float(present.mean() > 0.5)
    else:
        middle = [(len(present) - 1) // 2, len(present) // 2]
        low, high = np.partition(present, middle)[middle].tolist()
        fill = low / 2 + high / 2  # their sum may overflow
    return NumberCode(name, kind, fill, had_gaps=len(present) < len(values))


def fit_categories(
    name: str, codes: NDArray[np.intp], labels: list[str], max_categories: int
) -> CategoryCode:
    """Return the code of a column with the given codes (N,) into `labels`.

    With more than `max_categories` labels the most frequent keep a slot, all but one of that
    number, and the others share the last.
    """
    kept = labels
    if len(labels) > max_categories:
        counts = np.bincount(codes + 1, minlength=len(labels) + 1)[1:]
        by_frequency = sorted(zip((-counts).tolist(), labels, strict=True))
        kept = [label for _, label in by_frequency[: max_categories - 1]]
    return CategoryCode(
        name, tuple(sorted(kept)), len(kept) < len(labels), had_gaps=bool((codes < 0).any())
    )


def code_from_meta(meta: object, where: str) -> Code:
    """Return the code that `to_meta` wrote.

    Raises
    ------
    ValueError
        If `meta` is anything else.
    """
    if isinstance(meta, dict) and meta.get("kind") == "categorical":
        check.entries(meta, where, ("name", "kind", "categories", "other", "had_gaps"))
        return CategoryCode(
            check.text(meta["name"], f"{where}.name"),
            check.texts(meta["categories"], f"{where}.categories"),
            check.flag(meta["other"], f"{where}.other"),
            check.flag(meta["had_gaps"], f"{where}.had_gaps"),
        )
    fields = check.entries(meta, where, ("name", "kind", "fill", "had_gaps"))
    kind = check.choice(fields["kind"], f"{where}.kind", ("numeric", "boolean", "categorical"))
    return NumberCode(
        check.text(fields["name"], f"{where}.name"),
        "boolean" if kind == "boolean" else "numeric",
        check.finite(fields["fill"], f"{where}.fill"),
        check.flag(fields["had_gaps"], f"{where}.had_gaps"),
    )


def _refuse_gaps(gaps: NDArray[np.bool_], column: str, name: str, rows: Rows) -> None:
    if gaps.any():
        i = int(np.flatnonzero(gaps)[0])
        raise DataError(
            f"{place(name, rows, i, column)}: missing, and preprocessing.missing is 'error'. "
            "Fill the cell, or set preprocessing.missing to impute"
        )
