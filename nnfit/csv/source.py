"""One input as a stream of bytes: a file, a FIFO or stdin, decompressed, with progress.

It knows nothing of text or CSV; `nnfit.csv.text` and `nnfit.csv.records` come next. pandas opens
files by itself, but takes the compression from the name, not from the first bytes, and none for
stdin; it tells of no progress, and inflates a bomb to its end.
"""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import os
import select
import stat
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nnfit.budget import INFLATED_FREELY, INFLATED_TIMES
from nnfit.csv.foreign import FOREIGN, refuse_foreign
from nnfit.errors import DataError, name_of
from nnfit.observer import Observer

_MAGIC = {
    b"\x1f\x8b": "gzip",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_SUFFIX = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}

_REPORT_BYTES = 1 << 19
_COMPRESSED_READ = 1 << 20
_INFLATED_AT_ONCE = 1 << 11  # bytes: of gzip data become 2 MB, of bzip2 data 40
_GATHER_SECONDS = 0.03  # how long a pipe's first bytes may wait for more to share their block
_GAP_SECONDS = 0.003  # a producer silent for this long is waited for no further


@contextmanager
def readable(name: str, expected: str) -> Iterator[None]:
    """Raise as a DataError what opens no input; `expected` is what it should have been."""
    try:
        yield
    except IsADirectoryError:
        raise DataError(f"{name}: is a directory; expected {expected}") from None
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except OSError as err:
        raise unreadable(name, err) from err
    except ValueError:  # a NUL in the path
        raise DataError(f"{name!r}: not a possible file name") from None


def unreadable(name: str, err: OSError) -> DataError:
    """Return what to tell of an input that fails while it is read."""
    reason = (err.strerror or str(err) or type(err).__name__).lower()
    return DataError(f"{name}: can't be read: {reason}")


def read_mark(read: Callable[[int], bytes], marks: Collection[bytes]) -> tuple[bytes, bytes]:
    """Return the first of `marks` that the bytes begin with, or b"", and what comes after it.

    No more is read than it takes to tell, so that a slow producer's rows need not wait.
    """
    head = b""
    while any(len(head) < len(mark) and mark.startswith(head) for mark in marks):
        more = read(4096)
        if not more:
            break
        head += more
    mark = next((mark for mark in marks if head.startswith(mark)), b"")
    return mark, head[len(mark) :]


def compression(path: str) -> str | None:
    """Return what the suffix of `path` says of the file's bytes: gzip, bzip2, xz, zstd or None."""
    return next((kind for suffix, kind in _SUFFIX.items() if path.endswith(suffix)), None)


class Source:
    """The bytes of `path`, a file, a FIFO, or "-" for stdin, as they arrive.

    `gzip`, `bz2` and `lzma` open files too, but the two latter take what follows the last member
    for the end, without a word, and none of them tells how many compressed bytes became how many,
    which is how a bomb is known. zstd has no reader before Python 3.14.

    Raises
    ------
    DataError
        If `path` can't be opened or read, is a zip archive, is damaged, or is compressed so well
        that it must be a bomb.
    """

    def __init__(self, path: str, observer: Observer) -> None:
        self.name = name_of(path)
        self._observer = observer
        self._raw, self._closing = self._open(path)
        self._read_once: Callable[[int], bytes] = getattr(self._raw, "read1", self._raw.read)
        self._pipe: int | None = None  # the descriptor of a pipe
        self.size: int | None = None  # bytes on disk, of a regular file
        self._look_at_descriptor()
        self._done = 0
        self._inflated = 0
        self._reported = 0
        self._inflater: Any = None
        self._kind: str | None = None
        self._unread = b""
        self._compressed = memoryview(b"")
        try:
            self._recognise(path)
        except BaseException:
            self.close()
            raise
        # A regular file without compression, which pandas may open by itself.
        self.plain_path = path if path != "-" and self.size and self._kind is None else None

    def _open(self, path: str) -> tuple[Any, bool]:
        if path == "-":
            if sys.stdin is None:
                raise DataError(f"{self.name}: is closed; expected a CSV")
            return sys.stdin.buffer, False
        with readable(self.name, "a CSV file"):
            # Unbuffered, so that a read of a FIFO returns what is there.
            return open(path, "rb", buffering=0), True

    def _look_at_descriptor(self) -> None:
        try:
            descriptor = self._raw.fileno()
            status = os.fstat(descriptor)
        except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
            return  # stdin may be an object in memory
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size or None  # files of /proc claim to be empty
        elif stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            self._pipe = descriptor

    def _recognise(self, path: str) -> None:
        """Tell compression by the first bytes."""
        magic, rest = read_mark(self._read_raw, [*_MAGIC, *FOREIGN])
        head, self._kind = magic + rest, _MAGIC.get(magic)
        refuse_foreign(self.name, head)
        suffix = next((suffix for suffix in _SUFFIX if path.endswith(suffix)), None)
        if head and suffix is not None and self._kind != _SUFFIX[suffix]:
            raise DataError(
                f"{self.name}: is not {_SUFFIX[suffix]} data, though its name ends in {suffix!r}. "
                "Rename or compress it"
            )
        if self._kind is not None:
            self._inflater = self._new_inflater()
            head = self._inflate(head)
        self._unread = head

    def _new_inflater(self) -> Any:
        if self._kind == "gzip":
            return zlib.decompressobj(wbits=31)
        if self._kind == "bzip2":
            return bz2.BZ2Decompressor()
        if self._kind == "xz":
            return lzma.LZMADecompressor()
        with suppress(ImportError):  # in the standard library from Python 3.14
            return importlib.import_module("compression.zstd").ZstdDecompressor()
        with suppress(ImportError):
            return importlib.import_module("zstandard").ZstdDecompressor().decompressobj()
        raise DataError(
            f"{self.name}: reading zstd data needs the package 'zstandard'. "
            "Run: pip install zstandard"
        )

    def _inflate(self, raw: bytes) -> bytes:
        pieces = []
        while raw:
            if self._inflater.eof:
                raw = raw.lstrip(b"\0")  # padding between members
                if not raw:
                    break
                self._inflater = self._new_inflater()
            try:
                pieces.append(self._inflater.decompress(raw))
            except MemoryError:
                raise
            except Exception as err:  # each library raises its own class
                raise DataError(f"{self.name}: damaged {self._kind} data ({err})") from err
            raw = self._inflater.unused_data
            self._inflated += len(pieces[-1])
            most = max(INFLATED_FREELY, INFLATED_TIMES * self._done)
            if self._inflated > most:
                raise DataError(
                    f"{self.name}: {self._done} bytes of {self._kind} data have become "
                    f"{self._inflated} so far; expected at most {INFLATED_TIMES} times as many. "
                    "Decompress it first, if that is meant"
                )
        return b"".join(pieces)

    def read(self, size: int) -> bytes:
        """Return some bytes, about `size` at most, as soon as there are any; b"" at the end."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._inflater is None:
            return self._read_raw(size)
        pieces: list[bytes] = []
        length = 0
        while length < size:
            if not self._compressed:
                if pieces and self._pipe is not None:
                    break  # more may be long in coming
                self._compressed = memoryview(self._read_raw(min(size, _COMPRESSED_READ)))
            raw = bytes(self._compressed[:_INFLATED_AT_ONCE])
            self._compressed = self._compressed[_INFLATED_AT_ONCE:]
            if not raw and self._inflater.eof:
                break
            if not raw:
                raise DataError(f"{self.name}: ends in the middle of its {self._kind} data")
            if data := self._inflate(raw):
                pieces.append(data)
                length += len(data)
        return b"".join(pieces)

    def _read_raw(self, size: int) -> bytes:
        try:
            data = self._read_once(size)
            if data and self._pipe is not None:
                data = self._gather(data, self._pipe, size)
        except OSError as err:
            raise unreadable(self.name, err) from err
        self._done += len(data)
        self.report(self._done, ended=not data)
        return data

    def report(self, done: int, ended: bool = False) -> None:
        """Tell the observer, now and then, that `done` bytes have been read."""
        # A file may be read again from its start, so `done` may also have become less.
        if abs(done - self._reported) >= _REPORT_BYTES or (ended and done != self._reported):
            self._reported = done
            self._observer.reading(self.name, done, self.size)

    def _gather(self, data: bytes, pipe: int, size: int) -> bytes:
        """Add what a fast producer writes at once: a pipe hands over 64 KiB at a time.

        A BufferedReader's `read` would wait for all of `size`, and its `read1` for none.
        """
        pieces, length = [data], len(data)
        deadline = time.monotonic() + _GATHER_SECONDS
        while length < size and time.monotonic() < deadline:
            try:
                ready, _, _ = select.select([pipe], [], [], _GAP_SECONDS)
            except (OSError, ValueError):  # Windows has select for sockets only
                self._pipe = None
                break
            more = self._read_once(size - length) if ready else b""
            if not more:
                break
            pieces.append(more)
            length += len(more)
        return b"".join(pieces)

    def ready(self) -> bool:
        """Return whether it is sure that reading on will not wait for a producer."""
        if self._pipe is None:
            return self.size is not None  # a file, and no terminal
        return bool(select.select([self._pipe], [], [], 0.0)[0])

    def close(self) -> None:
        """Close the file; stdin stays open."""
        if self._closing:
            self._raw.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
