"""Whose a file is that is met by its name alone: a run's of this user's, or a stranger's.

Nothing here writes, waits for a pipe or follows a link that somebody else has put there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat

MODEL, CHECKPOINT = "format_version", "checkpoint_version"  # the first key of each one's meta
# a zip whose first member, not compressed, is meta.npy: JSON
_HEAD = re.compile(
    rb"PK\x03\x04.{4}\x00\x00.{16}\x08\x00..meta[.]npy.{0,64}?"
    rb'\x93NUMPY\x01\x00..[^\n]{0,200}\n[{]"(\w+)"',
    re.DOTALL,
)
_LONGEST_CHAIN = 40  # of links, as Linux has it
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
        close_unwritten(handle)
        raise
    return handle


def close_unwritten(handle: int) -> None:
    """Close a file that nothing was written to: failing, as on network disks, loses nothing."""
    with contextlib.suppress(OSError):
        os.close(handle)


def holds(path: str, key: str) -> bool:
    """Return whether the file at `path` is an .npz of nnfit's whose meta begins with `key`.

    Its first bytes tell, which a damaged one has too; a zip of any other kind is a stranger's.
    """
    try:
        handle = open_regular(os.path.realpath(path), os.O_RDONLY)
        try:
            head = os.read(handle, 512)
        finally:
            close_unwritten(handle)
    except OSError:
        return False
    found = _HEAD.match(head)
    return found is not None and found[1] == key.encode()


def check_links(path: str) -> None:
    """Raise where writing to `path` would follow what a stranger put into a shared folder.

    Links and pipes there must be this user's or the folder owner's, as Linux's own rule for
    /tmp has it (protected_symlinks); here it holds wherever others may write.

    Raises
    ------
    PermissionError
    """
    for _ in range(_LONGEST_CHAIN):
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        is_link = stat.S_ISLNK(found.st_mode)
        if not (is_link or stat.S_ISFIFO(found.st_mode)):
            return
        folder = os.stat(os.path.dirname(path) or ".")
        if folder.st_mode & 0o022 and found.st_uid not in (os.geteuid(), folder.st_uid):
            kind = "link" if is_link else "pipe"
            raise PermissionError(errno.EPERM, f"is another user's {kind} in a shared folder")
        if not is_link:
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(errno.EEXIST, "is no regular file")
