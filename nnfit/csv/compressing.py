"""Compressed files out, by the suffix that says so when they are read: `source` reads them.

The bytes depend on what is written alone: no time, no name, not on how it comes in pieces.
"""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import zlib
from contextlib import suppress
from typing import IO, Any

from nnfit.csv.source import compression
from nnfit.errors import OutputError

_GZIP = 16 + zlib.MAX_WBITS


class Compressed(io.RawIOBase):
    """A stream into `file` that compresses as the suffix of `path` says; `finish` ends it.

    Raises
    ------
    OutputError
        Where a package for it is missing.
    """

    def __init__(self, file: IO[bytes], path: str) -> None:
        self._file = file
        self._compressor = _compressor(compression(path), path)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._file.write(self._compressor.compress(bytes(data)))
        return len(data)

    def finish(self) -> None:
        """Write what is still held back, once all has been written."""
        self._file.write(self._compressor.flush())


def _compressor(kind: str | None, path: str) -> Any:
    if kind == "gzip":
        return zlib.compressobj(wbits=_GZIP)
    if kind == "bzip2":
        return bz2.BZ2Compressor()
    if kind == "xz":
        return lzma.LZMACompressor()
    with suppress(ImportError):  # in the standard library from Python 3.14
        return importlib.import_module("compression.zstd").ZstdCompressor()
    with suppress(ImportError):
        return importlib.import_module("zstandard").ZstdCompressor().compressobj()
    raise OutputError(
        f"{path}: writing zstd data needs the package 'zstandard'. Run: pip install zstandard"
    )
