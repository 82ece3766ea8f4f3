"""Files that appear whole or not at all: written beside their target, flushed, renamed over it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import IO

from nnfit.errors import OutputError
from nnfit.leaving import tidied_by


def check_writable(path: str) -> None:
    """Find out, before the work, whether `path` can be written.

    Raises
    ------
    OutputError
        With the reason and the place.
    """
    try:
        if _is_special(path):
            return
        # the real thing is tried: permission bits don't tell of read-only or full disks
        with _beside(_target(path)) as (handle, _):
            os.close(handle)
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
        with _beside(target) as (handle, name):
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, _mode(target))
            os.replace(name, target)
        _sync_folder(os.path.dirname(target))
    except BrokenPipeError:
        raise
    except OSError as err:
        raise _unwritable(path, err) from err


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
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextlib.contextmanager
def _beside(target: str) -> Iterator[tuple[int, str]]:
    """Open a temporary file in the target's folder: a rename can't cross file systems.

    It is gone after the block if it was not renamed, and from its first moment on whatever ends
    the process.
    """
    folder, name = os.path.split(target)
    path = os.path.join(folder, f".{name[:40]}.{os.urandom(8).hex()}.tmp")
    with tidied_by(partial(os.unlink, path)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            yield handle, path
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


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
