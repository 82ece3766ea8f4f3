"""Files that appear whole or not at all: written beside their target, flushed, renamed over it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from typing import IO

from nnfit.errors import OutputError

unfinished: set[str] = set()  # temporary files, for who must leave at once to remove


def check_writable(path: str) -> None:
    """Find out, before the work, whether `path` can be written.

    Raises
    ------
    OutputError
        With the reason and the place.
    """
    if _is_special(path):
        return
    target = _target(path)
    try:
        # the real thing is tried: permission bits don't tell of read-only or full disks
        handle, name = _beside(target)
        os.close(handle)
        os.unlink(name)
    except OSError as err:
        raise _unwritable(path, err) from err


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` when the block ends without an error.

    A device or a pipe, which can't be replaced, is written directly.
    """
    try:
        if _is_special(path):
            with open(path, "wb") as stream:
                yield stream
            return
        target = _target(path)
        handle, name = _beside(target)
    except OSError as err:
        raise _unwritable(path, err) from err
    unfinished.add(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, _mode(target))
        os.replace(name, target)
        _sync_folder(os.path.dirname(target))
    except BaseException as err:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(err, OSError) and not isinstance(err, BrokenPipeError):
            raise _unwritable(path, err) from err
        raise
    finally:
        unfinished.discard(name)


def _target(path: str) -> str:
    """Return the file that `path` leads to, through links, or refuse a folder."""
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise OutputError(f"{path}: is a folder; expected the name of a file to write")
    return target


def _is_special(path: str) -> bool:
    """Return whether `path` is there and is neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _beside(target: str) -> tuple[int, str]:
    """Create a temporary file in the target's folder: a rename can't cross file systems."""
    folder, name = os.path.split(target)
    return tempfile.mkstemp(prefix=f".{name[:100]}.", suffix=".tmp", dir=folder)


def _mode(target: str) -> int:
    """Return the old file's permissions, or what the umask gives a new one."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def _sync_folder(folder: str) -> None:
    """Flush the rename itself; not every system lets a folder be opened for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: str, err: OSError) -> OutputError:
    reason = (err.strerror or str(err)).lower()
    folder = os.path.dirname(path) or "."
    if not os.path.exists(folder):
        reason = f"the folder {folder!r} does not exist"
    return OutputError(f"{path}: cannot be written: {reason}")
