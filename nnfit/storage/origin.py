"""Whose a file is that is met by its name alone: a run's of this user's, or a stranger's.

Nothing here writes, waits for a pipe or follows a link that somebody else has put there.
"""

from __future__ import annotations

import errno
import os
import stat

# A FIFO is not waited for, and a device not opened: both may lie under any name.
_CAREFULLY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_regular(path: str, flags: int) -> int:
    """Return a descriptor of the regular file at `path`, whose last part is followed nowhere.

    Raises
    ------
    FileExistsError
        When something else is there; OSError where opening fails.
    """
    if os.path.lexists(path):
        _check_regular(os.lstat(path))
    handle = os.open(path, flags | _CAREFULLY, 0o666)
    try:
        _check_regular(os.fstat(handle))
    except OSError:
        os.close(handle)
        raise
    return handle


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(errno.EEXIST, "is no regular file")
