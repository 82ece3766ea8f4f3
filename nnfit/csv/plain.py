"""Large plain files, which pandas reads by several threads if it is given the path.

One pass over the bytes tells whether pandas will get them right: by itself it reads a row that is
too short as gaps, and a NUL as a letter. Where that is in doubt, the checked way through
`nnfit.csv.records` is to judge, which takes a quarter longer on two cores.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from pandas.errors import DtypeWarning, ParserError, ParserWarning

from nnfit.csv.dialect import CsvFormat
from nnfit.csv.memory import returned
from nnfit.csv.numbers import has_long_run
from nnfit.csv.opening import OpenCsv
from nnfit.csv.parsing import MAX_RECORD
from nnfit.csv.source import Source

# Threads came with pandas 3.1, for files from this size on.
PARALLEL_PANDAS = tuple(int(n) for n in re.findall(r"\d+", pd.__version__)[:2]) >= (3, 1)
PARALLEL_BYTES = 5 << 20
_SCAN_BYTES = 1 << 18
_KEPT_BYTES = 32


def read_plain(opened: OpenCsv, fmt: CsvFormat, parsing: dict[str, Any]) -> DataFrame | None:
    """Return what pandas makes of a large plain file, or None where the slower way is to judge.

    pandas itself raises on a later row that is too long; a row that is too short shows in the
    number of delimiters, or, where quotes make those hard to count, as a gap in the last column.
    """
    source = opened.source
    path = source.plain_path
    large = (source.size or 0) >= PARALLEL_BYTES
    if not (PARALLEL_PANDAS and large) or path is None or not opened.is_plain:
        return None
    # A first row that is too long makes pandas drop cells or take the first for an index.
    first = opened.records.take("row 1")
    if first is None:
        return None
    opened.records.put_back(first[1])
    if len(first[0]) != len(opened.header) or len(first[0]) == 1:  # its blank lines are rows
        return None
    n_delimiters = _count_delimiters(path, opened.delimiter, source)
    if n_delimiters is None:
        return None
    try:
        with warnings.catch_warnings(), returned():
            warnings.simplefilter("error", ParserWarning)
            warnings.simplefilter("error", DtypeWarning)
            frame = read_columns(opened, fmt, parsing)
    except (ParserError, ParserWarning, DtypeWarning, UnicodeDecodeError):
        return None
    if any(_is_mixed(cells) for _, cells in frame.items()):
        return None
    if n_delimiters < 0:
        return None if bool(frame.iloc[:, -1].isna().any()) else frame
    n_records = len(frame) + (1 if fmt.header else 0)
    return frame if n_delimiters == n_records * (len(opened.header) - 1) else None


def _is_mixed(cells: pd.Series[Any]) -> bool:
    """Return whether a thread read truth values where another, or all at once, read texts."""
    kinds = ("boolean", "string")
    return cells.dtype == object and pd.api.types.infer_dtype(cells, skipna=True) not in kinds


def read_columns(opened: OpenCsv, fmt: CsvFormat, parsing: dict[str, Any]) -> DataFrame:
    """Return what pandas makes of a plain file, given its path."""
    assert opened.source.plain_path is not None
    frame: DataFrame = pd.read_csv(
        os.path.abspath(opened.source.plain_path),  # pandas would expand a "~"
        header=0 if fmt.header else None,
        compression=None,
        engine="c",
        **parsing,
    )
    return frame


def _count_delimiters(path: str, delimiter: str, source: Source) -> int | None:
    """Return the number of delimiters, -1 where quotes are about.

    None for NULs, lone returns and a line without end, which the slower way finds words for, and
    for what may be an integer beyond 64 bits.

    Holds one small buffer, which stays in the processor's cache.
    """
    # Before what is read comes the end of what was read before: a number may span both.
    buffer = bytearray(b"\n" * (_KEPT_BYTES + _SCAN_BYTES))
    whole = np.frombuffer(buffer, dtype=np.uint8)
    codes, space = whole[_KEPT_BYTES:], memoryview(buffer)[_KEPT_BYTES:]
    n_delimiters = done = unended = 0
    quoted = cut_return = False
    with open(path, "rb", buffering=0) as file:
        while length := file.readinto(space):
            if length < _SCAN_BYTES:
                space[length:] = b"\n" * (_SCAN_BYTES - length)
            if b"\0" in buffer or (cut_return and not buffer.startswith(b"\n", _KEPT_BYTES)):
                return None
            unended = 0 if buffer.find(b"\n", _KEPT_BYTES) >= 0 else unended + length
            if unended > MAX_RECORD or has_long_run(whole):
                return None
            cut_return = buffer.endswith(b"\r")  # its "\n" may come next
            n_returns = buffer.count(b"\r", _KEPT_BYTES) if b"\r" in buffer else 0
            if n_returns and n_returns - cut_return != buffer.count(b"\r\n", _KEPT_BYTES):
                return None
            quoted = quoted or b'"' in buffer
            if not quoted:
                n_delimiters += int(np.count_nonzero(codes == ord(delimiter)))
            whole[:_KEPT_BYTES] = whole[-_KEPT_BYTES:]
            whole[0] = ord(".")  # digits at the beginning have been seen
            done += length
            source.report(done)
    source.report(done, ended=True)
    return -1 if quoted else n_delimiters
