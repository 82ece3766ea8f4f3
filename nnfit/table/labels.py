"""Class labels as they were spelt, and their codes.

Which columns hold labels is for `targets` to say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError, did_you_mean, listed, shorten
from nnfit.observer import Observer
from nnfit.storage import json_checks as check
from nnfit.table.cells import (
    INTEGER,
    KnownLabel,
    parse_number,
    read_labels,
    spelling,
    spelt_otherwise,
    typed,
)
from nnfit.table.rows import NamedColumn, NamedRows

Unseen: TypeAlias = Counter[str]
"""How many rows have each label that is none of the classes."""

MAJORITY = 2 / 3  # from that share on a class is far larger than others, in any case
MAX_CLASSES = 2000  # the confusion matrix has a cell for each pair of classes


@dataclass(frozen=True)
class LabelEncoder:
    """Class labels of the column `target` as they were spelt, and their codes.

    The classes are sorted: as numbers when all are numbers, else as text.
    """

    target: str
    classes: tuple[str, ...]

    @classmethod
    def fit(cls, column: NamedColumn, observer: Observer) -> LabelEncoder:
        """Return the encoder of the labels in `column`, which has no gaps.

        Raises
        ------
        DataError
            If there are fewer than two classes, or too many.
        """
        name, target = column.rows.name, column.name
        codes, labels = read_labels(column, spelling)
        if len(labels) < 2:
            raise DataError(
                f"{name}: target {target!r} has one class, {listed(map(repr, labels))}; "
                "expected two or more"
            )
        if len(labels) > MAX_CLASSES:
            raise DataError(
                f"{name}: target {target!r} has {len(labels)} classes; expected at most "
                f"{MAX_CLASSES}. For a quantity set data.task: regression"
            )
        values = {text: parse_number(text) for text in labels}
        if None in values.values():
            classes = sorted(labels)
        else:
            classes = sorted(labels, key=lambda text: (values[text], text))
        if alike := spelt_otherwise(labels, np.bincount(codes)):
            observer.warning(
                f"{name}: target {target!r} spells one label in several ways, which are kept "
                f"apart: {alike}. Mend the cells if they are one"
            )
        return cls(target, tuple(classes))

    def read(self, rows: NamedRows) -> NDArray[np.intp]:
        """Return the class codes of the target, of shape (N,).

        A label that is spelt otherwise than in training is known by its value: 1 and 1.0 are '1'.

        Raises
        ------
        DataError
            At the first label that is missing or unknown.
        """
        codes, place_of_label, labels = self._look_up(rows)
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            i = int(unknown[0])
            what, hint = "missing class", ""
            if place_of_label[i] >= 0:
                text = labels[place_of_label[i]]
                what = f"unknown class {shorten(repr(text))}"
                hint = did_you_mean(text, self.classes)
            raise DataError(
                f"{rows.place(i, self.target)}: {what}; classes are: {listed(self.classes)}{hint}"
            )
        return codes

    def most_frequent(self, rows: NamedRows) -> tuple[str, float]:
        """Return the class that most rows have, and its share of them."""
        counts = np.bincount(self.read(rows), minlength=len(self.classes))
        return self.classes[int(counts.argmax())], float(counts.max() / len(rows))

    def majority(self, rows: NamedRows) -> tuple[str, bool]:
        """Return what is said of the largest class, and whether it is far larger than others."""
        label, share = self.most_frequent(rows)
        said = f"target {self.target!r}: {100 * share:.1f} % of the rows are {shorten(repr(label))}"
        if share < min(MAJORITY, max(0.4, 2.0 / len(self.classes))):
            return said, False
        return f"{said}, an accuracy that saying so always has too", True

    def known(self, rows: NamedRows, unseen: Unseen) -> NamedRows:
        """Return the rows whose class is known; labels of the others are counted in `unseen`."""
        codes, place_of_label, labels = self._look_up(rows)
        strange = np.flatnonzero((codes < 0) & (place_of_label >= 0))
        unseen.update(labels[place] for place in place_of_label[strange])
        return rows.take(np.flatnonzero(codes >= 0)) if len(strange) else rows

    def warning(self, name: str, unseen: Unseen) -> str:
        """Return what is said of the rows of the table `name` that `known` has left out."""
        n, count = unseen.total(), len(unseen)
        rows = "1 row" if n == 1 else f"{n} rows"
        what = "a class" if count == 1 else f"{count} classes"
        hint = did_you_mean(next(iter(unseen)), self.classes) if count == 1 else ""
        found = listed(f"{shorten(repr(text))} in {k}" for text, k in unseen.most_common())
        return (
            f"{name}: left out {rows} of {what} not seen in training: {found}; "
            f"classes are: {listed(self.classes)}{hint}"
        )

    def none_known(self, name: str, unseen: Unseen) -> DataError:
        """Return the error of a table `name` without a row whose class is known."""
        found = listed(shorten(repr(text)) for text in unseen)
        hint = did_you_mean(next(iter(unseen)), self.classes) if len(unseen) == 1 else ""
        return DataError(
            f"{name}: no row has a class of the training rows, got {found}; "
            f"classes are: {listed(self.classes)}{hint}"
        )

    def _look_up(self, rows: NamedRows) -> tuple[NDArray[np.intp], NDArray[np.intp], list[str]]:
        """Return the code of every row, -1 for none, its label's place, -1 for none, and labels."""
        places, labels = read_labels(rows.column(self.target), self._spell)
        table = np.array([*(self._spell.places.get(text, -1) for text in labels), -1])
        return table[places].astype(np.intp), places, labels

    def decode(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.object_]:
        """Return the labels of `codes` as they were spelt, an object array of str."""
        labels: NDArray[np.object_] = np.array(self.classes, dtype=object)[codes]
        return labels

    def native(self, codes: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the labels of `codes` as Python users have them: int, float, bool or str."""
        labels: NDArray[Any] = self._native[codes]
        return labels

    def typed(self, codes: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the labels of `codes` as JSON has them, `true` and `TRUE` as truth values."""
        labels: NDArray[Any] = self._typed[codes]
        return labels

    @property
    def is_text(self) -> bool:
        """Whether the labels are neither numbers nor truth values."""
        return self._typed.dtype == object

    @cached_property
    def _spell(self) -> KnownLabel:
        return KnownLabel(self.classes)

    @cached_property
    def _typed(self) -> NDArray[Any]:
        values = list(map(typed, self.classes))
        return np.array(values) if all(isinstance(v, bool) for v in values) else self._native

    @cached_property
    def _native(self) -> NDArray[Any]:
        classes = self.classes
        if {"True", "False"}.issuperset(classes):
            return np.array([text == "True" for text in classes])
        if all(INTEGER.fullmatch(text) and len(text) < 19 for text in classes):  # fits int64
            return np.array([int(text) for text in classes], dtype=np.int64)
        if all(parse_number(text) is not None and repr(float(text)) == text for text in classes):
            return np.array([float(text) for text in classes])
        return np.array(classes, dtype=object)

    @classmethod
    def from_meta(cls, meta: object) -> LabelEncoder:
        """Return the encoder of `target` and `classes`, or raise ValueError with the reason."""
        labels = cls(**check.record(meta, "labels", {"target": check.text, "classes": check.texts}))
        if not 2 <= len(labels.classes) <= MAX_CLASSES:
            raise ValueError(f"labels.classes must be a list of 2 to {MAX_CLASSES} texts")
        return labels


def with_known_class(rows: NamedRows, labels: LabelEncoder, observer: Observer) -> NamedRows:
    """Return the rows whose class is known; the observer is warned of the others.

    Raises
    ------
    DataError
        If no row is left.
    """
    unseen: Unseen = Counter()
    known = labels.known(rows, unseen)
    if unseen and not len(known):
        raise labels.none_known(rows.name, unseen)
    if unseen:
        observer.warning(labels.warning(rows.name, unseen))
    return known
