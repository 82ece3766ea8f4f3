"""Text that is meant as numbers and can't be read as such: said, rather than made categories.

Which spellings can be read is in `finding`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nnfit.errors import DataError
from nnfit.table.cells import parse_any_spelling, read_floats, read_labels, spelling
from nnfit.table.rows import NamedColumn
from nnfit.table.spelling import CURRENCY, Written

_NUMBER = "[-+\u2212]?[0-9](?:[0-9., '\u2019\u00a0\u202f]*[0-9])?"
_BLANK = "[ \u00a0\u202f]"
_SIGN = '\u00b0"\u2032\u2033'  # of degrees, minutes, inches
_LETTER = f"[A-Za-z\u00b2\u00b3\u00b5\u00c0-\u024f\u03a9/{_SIGN}]"
# What is no number here and is meant as one; a unit, the only group, is to be the same.
_UNIT = rf"{_NUMBER}(?!st$|nd$|rd$|th$)(?:{_BLANK}+|(?=..|[{_SIGN}]))({_LETTER}{{1,12}})"
_ODD = (
    (_UNIT, "with the unit", "Strip the unit"),
    (rf"(?:[<>]=?|[≤≥~≈]){_BLANK}?{_NUMBER}", "with a comparison", "Strip its sign"),
    (r"[0-9]{1,3}(?::[0-9]{2}){1,2}(?:[.,][0-9]+)?", "of a clock", "Write each as one number"),
    (
        r"[-+]?(?:[0-9]*\.[0-9]+[dD][-+]?|[0-9]+\.?[dD][-+])[0-9]{1,3}",
        "with a D for the exponent",
        "Write it as E",
    ),
    (f"{_NUMBER}[-\u2212]", "with the minus behind", "Write it in front"),
    (rf"(?:'|=\"){_NUMBER}[\"']?", "with a quote in front", "Strip the quote"),
    (rf"(?:{CURRENCY}){_BLANK}?{_NUMBER}{_BLANK}?[kKmMbB]n?", "cut short", "Write them out"),
)
_START = rf"{_BLANK}*(?:[-+\u2212]?[0-9.]|[<>≤≥~≈'=]|{CURRENCY})"
_SAMPLE = 1000
_LONGEST = 100  # characters of a cell that are looked at
_DISTINCT = 3  # 36 months and 60 months are categories


def may_be_most(column: NamedColumn, test: Callable[[str], bool]) -> bool:
    """Return whether more than half of the cells may pass, which a sample of many tells."""
    cells = column.cells
    if len(cells) <= 10 * _SAMPLE:
        return True
    # drawn, so that no period in the table can hide what is sought
    sample = cells.iloc[np.random.default_rng(0).integers(0, len(cells), _SAMPLE)].dropna()
    return sum(test(str(cell)) for cell in sample) > 0.3 * len(sample) or len(sample) < _SAMPLE / 2


def no_number(column: NamedColumn, i: int, n_numbers: int, otherwise: str) -> DataError:
    """Return what to say of the cell at place `i`, where `n_numbers` others are numbers."""
    cell = column.shown(i)
    return DataError(
        f"{column.place(i)}: cannot read {cell} as a number; {n_numbers} of "
        f"{int(column.cells.notna().sum())} cells are numbers. Add {cell} to data.missing_values, "
        f"mend the cell, or {otherwise}"
    )


def refuse_numbers(
    column: NamedColumn, failed: NDArray[np.intp], otherwise: str, written: Written
) -> None:
    """Raise DataError if most cells of a text column are numbers, all but those at `failed`.

    Numbers in a spelling not read here count as well, where most cells are such: taken for text,
    each would quietly become a category of its own.
    """
    there = column.cells.notna().to_numpy()
    n_cells = int(there.sum())
    n_numbers = n_cells - len(failed)
    if n_numbers > n_cells / 2:
        raise no_number(column, int(failed[0]), n_numbers, otherwise)
    values, failed = read_floats(column.cells, parse_any_spelling)
    if n_cells - len(failed) > n_cells / 2:
        foreign = np.isnan(values) & there
        foreign[failed] = False
        i = int(foreign.argmax())
        raise DataError(
            f"{column.place(i)}: cannot read {column.shown(i)} as a "
            f"number; {int(foreign.sum())} of {n_cells} cells look like numbers with a decimal "
            f"comma, separators or other digits. Write them as 1234.5, or {otherwise}"
        )
    if written.auto:
        refuse_odd(column, otherwise)


def refuse_odd(column: NamedColumn, otherwise: str) -> None:
    """Raise DataError if most cells are meant as numbers and have something beside them."""
    begins = re.compile(_START).match
    if not may_be_most(column, lambda text: begins(text) is not None):
        return
    codes, texts = read_labels(column, spelling)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    n_cells = int(counts.sum())
    likely = np.array([begins(text) is not None for text in texts], dtype=bool)
    if counts[likely].sum() <= n_cells / 2:
        return
    for text, what, remedy in _ODD:
        pattern = re.compile(text)
        found = [pattern.fullmatch(text[:_LONGEST].strip()) for text in texts]
        called = [match and (match[1] if pattern.groups else what) for match in found]
        shares: Counter[str] = Counter()
        for name, n in zip(called, counts, strict=True):
            if name:
                shares[name] += int(n)
        for name, n in shares.most_common(1):
            alike = np.array([other == name for other in called])
            if n > n_cells / 2 and np.count_nonzero(alike) >= _DISTINCT:
                i = int(np.append(alike, False)[codes].argmax())
                said = f"{what} {name!r}" if pattern.groups else what
                raise DataError(
                    f"{column.place(i)}: cannot read {column.shown(i)} as a number; {n} of "
                    f"{n_cells} cells are numbers {said}. {remedy}, or {otherwise}"
                )
