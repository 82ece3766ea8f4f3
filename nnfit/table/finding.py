"""Which spelling the numbers of a text column have, and what to say where they have none or two.

Only columns that hold text are looked at: the others are numbers already.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.table.cells import (
    cell_type,
    parse_number,
    read_floats,
    read_labels,
    spelling,
)
from nnfit.table.odd import may_be_most, no_number
from nnfit.table.rows import NamedColumn
from nnfit.table.spelling import PLAIN, Dress, Spelling, Written, parser, undress

_MARKS = [
    Spelling(decimal, thousands)
    for decimal in ".,"
    for thousands in (None, ",", ".", " ", "'")
    if thousands != decimal
]
_TRIED = 20
_ONES = str.maketrans("023456789", "1" * 9)


@dataclass(frozen=True)
class _Found:
    """The texts (T,) of a column, how often each occurs, and how it is dressed.

    `numbers` (T,) are those that some marks read, whatever is around the digits; `fits` (T, M) says
    which of the M marks that the config allows do so.
    """

    column: NamedColumn
    codes: NDArray[np.intp]
    texts: list[str]
    _: KW_ONLY
    dresses: list[Dress | None]
    numbers: NDArray[np.bool_]
    marks: list[Spelling]
    fits: NDArray[np.bool_]

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """The texts that are numbers in the commonest dress and by the marks that fit most."""
        worn: Counter[tuple[str, bool]] = Counter()
        minus: Counter[str] = Counter()
        for dress, n, fits in zip(self.dresses, self.counts, self.fits, strict=True):
            if dress is not None and fits.any():
                worn[dress.currency, dress.percent] += int(n)
                minus[dress.minus] += int(n)
        if not worn:
            return np.zeros(len(self.texts), dtype=bool)
        ((commonest, _),) = worn.most_common(1)
        odd = None
        if minus["("] and minus["-"]:  # then (17) may be no minus
            odd = "(" if minus["("] <= minus["-"] else "-"
        alike = [d is not None and d[:2] == commonest and d.minus != odd for d in self.dresses]
        fits = self.fits & np.array(alike)[:, None]
        return np.asarray(fits[:, int(np.argmax(self.counts @ fits))])

    def first(self, texts: NDArray[np.bool_]) -> int:
        """Return the place of the first cell that has one of the texts (T,)."""
        return int(np.append(texts, False)[self.codes].argmax())


def find_spelling(column: NamedColumn, written: Written, otherwise: str) -> Spelling | None:
    """Return how all numbers of a column are written, None for plain ones.

    Where most cells are no numbers it is what the config says alone. `otherwise` ends a message:
    what to do to have text.

    Raises
    ------
    DataError
        If most cells are numbers, and one is not, or not in the spelling of the others, or all
        have two readings.
    """
    found = _look_at(column, written)
    if found is None:
        return written.spelling
    if not found.good.all():
        raise _misfit(found, written, otherwise)
    readings = _readings(found, written)
    if len(readings) > 1:
        raise _ambiguous(found, readings)
    return _choose(found, readings[0], written)


def first_dressed(
    column: NamedColumn, spelling: Spelling, written: Written
) -> tuple[object, float]:
    """Return the first cell that is another number, or none, by what the config says alone."""
    base = parser(written.spelling)
    return next(
        (cell, value)
        for cell in column.cells
        if (value := spelling.parse(cell)) is not None and value != base(cell)
    )


def possible_spellings(column: NamedColumn, written: Written) -> list[Spelling]:
    """Return the spellings that most cells of a text column have, the likelier first.

    There are none where most are plain numbers, or no numbers.
    """
    found = _look_at(column, written)
    if found is None or not found.good.any():
        return []
    return [_choose(found, marks, written) for marks in _readings(found, written)]


def look_like_thousands(column: NamedColumn) -> bool:
    """Return whether all numbers with a decimal point could be 1.234 for 1234."""
    values, failed = read_floats(column.cells, parse_number)
    x = np.abs(values[~np.isnan(values)])
    if len(failed) or not len(x) or (x % 1 == 0).all():
        return False
    return bool((((x >= 1) & (x < 1000)) | (x == 0)).all() and np.allclose(x * 1e3 % 1, 0))


def _look_at(column: NamedColumn, written: Written) -> _Found | None:
    """Return what the texts of a column are, None where they are not mostly numbers, or plain."""
    kind = cell_type(column.cells)
    if not written.auto or kind not in ("text", "mixed"):
        return None
    if kind == "text" and written.spelling is None and _are_plain(column.cells):
        return None
    if not may_be_most(column, lambda text: undress(text) is not None):
        return None
    codes, texts = read_labels(column, spelling)
    dresses = [undress(text) for text in texts]
    shapes = {_shape(dress) for dress in dresses if dress is not None}
    read = {shape: [mark.value(_bare(shape)) is not None for mark in _MARKS] for shape in shapes}
    none = [False] * len(_MARKS)
    rows = [none if dress is None else read[_shape(dress)] for dress in dresses]
    fits = np.array(rows, dtype=bool).reshape(-1, len(_MARKS))
    allowed = [_is_allowed(mark, written) for mark in _MARKS]
    found = _Found(
        column,
        codes,
        texts,
        dresses=dresses,
        numbers=np.asarray(fits.any(axis=1)),
        marks=[mark for mark, allow in zip(_MARKS, allowed, strict=True) if allow],
        fits=fits[:, allowed],
    )
    if found.counts[found.numbers].sum() <= found.counts.sum() / 2:
        return None
    base = parser(written.spelling)
    known = (base(text) for text, number in zip(texts, found.numbers, strict=True) if number)
    return None if all(value is not None for value in known) else found


def _are_plain(cells: pd.Series[Any]) -> bool:
    """Return whether pandas can read all cells as numbers; the first ones tell of most others."""
    if any(parse_number(cell) is None for cell in cells.iloc[:_TRIED].dropna()):
        return False
    texts = pd.Series(cells.dropna().unique())
    return bool(pd.to_numeric(texts, errors="coerce").notna().all())


def _is_allowed(mark: Spelling, written: Written) -> bool:
    """Return whether the config gives no other meaning to the marks."""
    if "," in (written.decimal, written.thousands):
        comma = "decimal" if written.decimal == "," else "thousands"
        if "," in (mark.decimal, mark.thousands) and getattr(mark, comma) != ",":
            return False
    return not (written.thousands == "." and mark.decimal == ".")


def _shape(dress: Dress) -> str:
    """Return a cell's digits with a 1 for each, but for a 0 at the start."""
    ones = dress.body.translate(_ONES)
    return "0" + ones[1:] if dress.body[0] == "0" else ones


def _bare(shape: str) -> Dress:
    return Dress("", False, "", shape)


def _readings(found: _Found, written: Written) -> list[list[Spelling]]:
    """Return the marks that fit all good texts, those together that read the same numbers.

    What the config says of other cells decides where it can.
    """
    good = [dress for dress, good in zip(found.dresses, found.good, strict=True) if good]
    shapes = sorted({_shape(dress) for dress in good if dress is not None})
    fit = np.flatnonzero(found.fits[found.good].all(axis=0))
    fitting = [found.marks[i] for i in fit]
    currency = any(dress is not None and dress.currency for dress in good)
    commas = any("," in shape for shape in shapes)

    def is_likely(mark: Spelling) -> bool:
        if written.thousands is not None and mark.thousands not in (None, written.thousands):
            return False
        if written.decimal == "," or (written.decimal == "." and not (currency or commas)):
            return mark.decimal == written.decimal
        return True

    fitting = [mark for mark in fitting if is_likely(mark)] or fitting
    groups: dict[tuple[float | None, ...], list[Spelling]] = {}
    for mark in fitting:
        values = tuple(mark.value(_bare(shape)) for shape in shapes)
        groups.setdefault(values, []).append(mark)
    return list(groups.values())


def _choose(found: _Found, marks: list[Spelling], written: Written) -> Spelling:
    """Return the spelling, with the marks that suit what other tables may hold."""
    decimals = {mark.decimal for mark in marks}
    partner = None
    if len(decimals) == 1:  # the other mark can mean nothing else
        partner = "." if "," in decimals else ","
    mark = min(
        marks,
        key=lambda m: (
            m.decimal != written.decimal,
            m.thousands != written.thousands or m.thousands is None,
            m.thousands != partner,
            m.thousands is not None,
        ),
    )
    i = int(found.good.argmax())
    dress = found.dresses[i]
    assert dress is not None
    return replace(mark, currency=dress.currency, percent=dress.percent)


def _misfit(found: _Found, written: Written, otherwise: str) -> DataError:
    """Return what to say of the first cell that is not like the others."""
    column, i = found.column, found.first(~found.good)
    if not found.numbers[found.codes[i]]:
        return no_number(column, i, int(found.counts[found.numbers].sum()), otherwise)
    if not found.good.any():
        return DataError(
            f"{column.place(i)}: {column.shown(i)} is no number by data.decimal "
            f"{written.decimal!r} and data.thousands {written.thousands!r}, as the others of the "
            f"column. Change these, or {otherwise}"
        )
    other = found.first(found.good)
    what = f"{column.place(i)}: {column.shown(i)} is written otherwise than {column.shown(other)}"
    said = "" if written == PLAIN else ", and by data.decimal and data.thousands"
    return DataError(
        f"{what} in row {found.column.rows.numbers[other]}; expected one spelling of numbers in a "
        f"column{said}. Mend the cell, or {otherwise}"
    )


def _ambiguous(found: _Found, readings: list[list[Spelling]]) -> DataError:
    """Return what to say of a column that is one of large numbers or of fractions."""
    column = found.column
    one, other = readings[0][0], readings[1][0]
    differs = [
        d is not None and one.value(d) != other.value(d) for d in found.dresses
    ]  # fmt: skip
    i = found.first(np.array(differs))
    dress = found.dresses[found.codes[i]]
    assert dress is not None
    mark = "," if "," in dress.body else "."
    fraction, whole = sorted(abs(s.value(dress) or 0.0) for s in (one, other))
    keys = {"data.thousands": whole, "data.decimal": fraction}
    if mark == ".":  # what a "," is then tells what a "." is
        keys = {"data.decimal": whole, "data.thousands": fraction}
    cures = [f'{key}: "," for {value:.12g}' for key, value in keys.items()]
    return DataError(
        f"{column.place(i)}: {column.shown(i)} may be {whole:.12g} or {fraction:.12g}, as every "
        f"cell of the column; expected one reading. Set {cures[0]}, or {cures[1]}"
    )
