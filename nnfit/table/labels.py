"""Class labels as they were spelt, and their codes.

Which columns hold labels is for `targets` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError, did_you_mean, listed, shorten
from nnfit.observer import Observer
from nnfit.storage import json_checks as check
from nnfit.table.cells import INTEGER, label, parse_number, read_labels, spelling, typed
from nnfit.table.rows import NamedColumn, NamedRows

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
        _, labels = read_labels(column, spelling)
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
        alike: dict[str, list[str]] = {}
        for text in classes:
            alike.setdefault(label(text) or text, []).append(text)
        for spellings in alike.values():
            if len(spellings) > 1:
                observer.warning(
                    f"{name}: target {target!r} spells one label in several ways, which are "
                    f"kept apart: {listed(map(repr, spellings))}"
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
        column = rows.column(self.target)
        places, labels = read_labels(column, spelling)
        find = class_finder(self.classes)
        table = np.array([-1 if (c := find(text)) is None else c for text in labels] + [-1])
        codes = table[places].astype(np.intp)
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            i = int(unknown[0])
            what, hint = "missing class", ""
            if places[i] >= 0:
                text = labels[places[i]]
                what = f"unknown class {shorten(repr(text))}"
                hint = did_you_mean(text, self.classes)
            raise DataError(f"{column.place(i)}: {what}; classes are: {listed(self.classes)}{hint}")
        return codes

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


def class_finder(classes: Sequence[str]) -> Any:
    """Return a function from a label to its code, or None: as spelt, else by value."""
    exact = {text: code for code, text in enumerate(classes)}
    by_value: dict[str, int | None] = {}
    for text, code in exact.items():
        value = label(text) or text
        by_value[value] = None if value in by_value else code

    def find(text: str) -> int | None:
        return exact.get(text, by_value.get(label(text) or text))

    return find
