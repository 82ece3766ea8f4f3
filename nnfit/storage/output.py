"""A descriptor to write to, whose failures are errors that name it.

Where a file is put and how it comes there is for `nnfit.storage.files`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
from collections.abc import Iterator
from typing import Any

from nnfit.errors import OutputError


class OutputStream(io.RawIOBase):
    """An open descriptor to write to, whose failures are `OutputError`s that name it.

    Nothing else that fails while it is open can be taken for it. A closed pipe raises
    BrokenPipeError all the same, and a full pipe that doesn't block is waited for. `close` closes
    the descriptor if it is `owned`.
    """

    def __init__(self, descriptor: int, name: str, owned: bool = True) -> None:
        self._descriptor = descriptor
        self._owned = owned
        self.name = name

    def write(self, data: Any, /) -> int:
        """Write some of `data`, and return how many bytes."""
        with told(self.name):
            while True:
                try:
                    return os.write(self._descriptor, data)
                except BlockingIOError:
                    select.select([], [self._descriptor], [])

    def close(self) -> None:
        """Close the descriptor; what that fails on was never safely written."""
        if self.closed:
            return
        super().close()
        if self._owned:
            with told(self.name):
                os.close(self._descriptor)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


@contextlib.contextmanager
def told(name: str) -> Iterator[None]:
    """Raise an OSError of the block as an `OutputError` about `name`, but for a closed pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as err:
        reason = (err.strerror or str(err) or type(err).__name__).lower()
        folder = os.path.dirname(name) or "."
        if err.errno == errno.ENOENT and not os.path.exists(folder):
            reason = f"the folder {folder!r} does not exist"
        if err.errno == errno.EBADF:
            reason = "it is closed"
        raise OutputError(f"{name}: cannot be written: {reason}") from err


def is_stdout(path: str) -> bool:
    """Return whether `path` is another name of stdout, such as /dev/stdout, and no file."""
    try:
        there = os.stat(path)
        return not stat.S_ISREG(there.st_mode) and os.path.samestat(there, os.fstat(1))
    except (OSError, ValueError):
        return False
