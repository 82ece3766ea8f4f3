"""A lock that lives as long as the process that holds it, whatever ends that.

The file it stands on is removed with it; one that a killed process left locks nothing.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial

from nnfit.storage.exit_signals import tidied_by

try:
    import fcntl
except ImportError:  # pragma: no cover - not a Unix: runs are then not told of each other
    fcntl = None  # type: ignore[assignment]


class Locked(Exception):
    """Another process holds the lock; `holder` is its number, as far as it has said so."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """A context that holds the lock on the file `path`, which it makes.

    `taken` is False where the system has no such locks: then nobody has one.

    Raises
    ------
    Locked
        On entering, when another process holds it.
    OSError
        When the file can't be made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.taken = False
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Lock:
        while fcntl is not None and not self.taken:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(self.path, flags, 0o666)
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(os.close, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Locked(_holder(handle)) from None
                except OSError:  # a file system without locks
                    os.unlink(self.path)
                    break
                if self._is_there(handle):
                    self.taken = True
                    on_failure.pop_all()
        if self.taken:
            unlink = partial(os.unlink, self.path)
            self._ending.callback(os.close, handle)
            self._ending.enter_context(contextlib.suppress(OSError))
            self._ending.callback(unlink)
            self._ending.enter_context(tidied_by(unlink))
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.close()

    def _is_there(self, handle: int) -> bool:
        """Return whether the open file is still the one at `path`: its last holder removed it."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(handle))
        except FileNotFoundError:
            return False


def _holder(handle: int) -> str:
    """Return the number that the holder has written, or nothing."""
    text = os.read(handle, 20).decode("ascii", "replace")
    return text if text.isdecimal() else ""
