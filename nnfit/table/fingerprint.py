"""The fingerprint of rows that a model reads: the same rows in the same order have the same one.

It is of cells as they are read, columns by name, before any is scaled: neither the file's name nor
its other columns count, and what an expression's last digit is on another machine does not.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.table.encoding import Encoder
from nnfit.table.rows import NamedRows
from nnfit.table.table import Table

ROWS_AT_ONCE = 2**15


class Fingerprint:
    """Takes rows piece by piece, wherever they are cut; `value` is that of all so far."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._columns = {name: hashlib.sha256() for name in encoder.needed_columns}
        self._truth = hashlib.sha256()

    def add(self, rows: NamedRows, truth: NDArray[Any]) -> Fingerprint:
        """Take rows and what is true of them: codes of classes (N,), or values (N, K).

        Raises
        ------
        DataError
            As `Encoder.transform`.
        """
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows.between(start, start + ROWS_AT_ONCE)
            table = self._encoder.read(some)
            for name, digest in self._columns.items():
                digest.update(_bytes_of(table, name))
        self._truth.update(_rounded(truth))
        return self

    @property
    def value(self) -> str:
        """The fingerprint, in hexadecimal."""
        digests = [*self._columns.values(), self._truth]
        return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()


def _bytes_of(table: Table, name: str) -> bytes:
    if name in table.slots:
        return table.slots[name].astype("<i4").tobytes()
    numbers, gaps = table.numbers[name], table.gaps[name]
    return _rounded(np.where(gaps, np.nan, numbers) if gaps.any() else numbers)


def _rounded(values: NDArray[Any]) -> bytes:
    """Return numbers as float32: parsers differ in the last digit of a float64."""
    with np.errstate(over="ignore"):
        return values.astype("<f4").tobytes()
