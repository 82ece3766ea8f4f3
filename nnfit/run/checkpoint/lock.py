"""A lock that lives as long as the process that holds it, whatever ends that.

The file it stands on is removed with it; one that a killed process left locks nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
from functools import partial

from nnfit.storage.exit_signals import tidied_by
from nnfit.storage.origin import close_unwritten, open_regular

try:
    import fcntl
except ImportError:  # pragma: no cover - not a Unix: runs are then not told of each other
    fcntl = None  # type: ignore[assignment]


LONGEST = 20  # bytes of a holder's number


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
    FileExistsError
        When what is called so is no lock: it is left alone.
    OSError
        When the file can't be made; on leaving, when it can't be closed, which unlocks it anyway.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.taken = False
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Lock:
        while fcntl is not None and not self.taken:
            handle = open_regular(self.path, os.O_RDWR | os.O_CREAT)
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(close_unwritten, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Locked(_holder(handle)) from None
                except OSError:  # a file system without locks
                    with contextlib.suppress(OSError):
                        if _is_lock(handle):
                            os.unlink(self.path)
                    break
                if not _is_lock(handle):
                    raise FileExistsError(errno.EEXIST, "is no lock")
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


def _is_lock(handle: int) -> bool:
    """Return whether the file holds what a lock does, so that emptying or removing it harms none.

    Its owner does not matter: on some network disks a file that one makes is another's.
    """
    found = os.fstat(handle)
    number = found.st_size == 0 or (found.st_size < LONGEST and _holder(handle) != "")
    return number and found.st_nlink <= 1


def _holder(handle: int) -> str:
    """Return the number that the holder has written, or nothing."""
    try:
        text = os.pread(handle, LONGEST, 0).decode("ascii", "replace")
    except OSError:
        return ""
    return text if text.isdecimal() else ""
