"""Integers beyond 64 bits: where pandas meets one, nnfit says what the column's cells are.

pandas then leaves gaps as text, reads 1_000 as a number, and makes of a column what the order of
its cells, or of the threads' shares, leads to. A run of 19 digits tells where that may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

DIGITS = re.compile(r"[ \t]*[+-]?[0-9]+[ \t]*")  # an integer, however spelt
# Plain ASCII decimals: float() would also take '1_000' and Arabic digits. No two parts can match
# the same digits, so a long cell takes linear time.
_NUMBER = re.compile(r"[ \t]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*")
_INFINITY = re.compile(r"[ \t]*[+-]?inf(inity)?[ \t]*", re.IGNORECASE | re.ASCII)
_LONGEST_INTEGER = 1000  # int() refuses those of more than 4,300 digits; a float is infinite


def text_number(text: str) -> float | None:
    """Return the finite or infinite number that a text spells, or None when it spells none."""
    return float(text) if _NUMBER.fullmatch(text) or _INFINITY.fullmatch(text) else None


def has_long_run(text: bytes | NDArray[np.uint8]) -> bool:
    """Return whether 19 digits are in a row, without which no integer is beyond 64 bits.

    Not behind a point, where a float has many. `text` does not end with a digit, or its end is
    looked at again with what follows.
    """
    codes = np.frombuffer(text, dtype=np.uint8) if isinstance(text, bytes) else text
    words = codes[: len(codes) // 8 * 8].view(np.uint64)
    # Wherever a run starts, it holds a whole word of 8 bytes. Six more codes look like digits.
    if len(codes) > 64 and not ((words & 0xF0F0F0F0F0F0F0F0) == 0x3030303030303030).any():
        return False
    is_digit = codes - np.uint8(ord("0")) < 10
    # And nine whole pairs.
    pairs = is_digit[: len(codes) // 2 * 2].view(np.uint16) == 0x0101
    for step in (1, 2, 4, 1):
        pairs = pairs[:-step] & pairs[step:]
    found = 2 * np.flatnonzero(pairs[: (len(codes) - 17) // 2])
    is_late = is_digit[found - 1]  # the run starts one before
    is_long = is_late | is_digit[found + 18]
    is_first = ~(is_late & is_digit[found - 2])
    return bool((is_first & is_long & (codes[found - 1 - is_late] != ord("."))).any())


def doubtful(frame: DataFrame, texts: Iterable[str]) -> list[str]:
    """Return the columns in which pandas may have met an integer beyond 64 bits, and given up.

    It has not where they are floats, small integers or truth values, or `texts`, read as such.
    """
    known = set(texts)
    return [
        str(name)
        for name, cells in frame.items()
        if name not in known
        and (isinstance(cells.dtype, pd.StringDtype) or pd.api.types.is_object_dtype(cells.dtype))
        and not isinstance(next(iter(cells.dropna()), None), bool | np.bool_)
    ]


def settled(spelt: DataFrame, decimal: str) -> dict[str, pd.Series[Any]]:
    """Return columns of text, their gaps NaN, as numbers where all the cells of one are.

    Integers alone are those of Python, exact; beside others all are floats.
    """
    return {str(name): _settled(cells, decimal) for name, cells in spelt.items()}


def _settled(cells: pd.Series[Any], decimal: str) -> pd.Series[Any]:
    codes, distinct = pd.factorize(cells)
    values: list[float] = []
    for text in distinct:
        if decimal != ".":
            text = text.replace(".", "_").replace(decimal, ".")
        value = text_number(text)
        if value is None:
            return cells
        values.append(value)
    whole = all(len(text) <= _LONGEST_INTEGER and DIGITS.fullmatch(text) for text in distinct)
    table: list[Any] = [int(text) for text in distinct] if whole else values
    dtype = object if whole and values else np.float64
    return pd.Series(
        np.array([*table, np.nan], dtype=dtype)[codes], index=cells.index, name=cells.name
    )
