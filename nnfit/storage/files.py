"""Files that appear whole or not at all: written beside their target, flushed, renamed over it.

What fails on the way names the place and leaves the old file as it was; who writes what is the
callers' matter.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import IO

from nnfit.errors import OutputError
from nnfit.storage.exit_signals import tidied_by
from nnfit.storage.origin import check_links, close_unwritten, open_regular
from nnfit.storage.output import OutputStream, told

if sys.platform != "win32":
    import fcntl

PROBE_BYTES = 1 << 16  # what a place must take before the work: a full disk takes empty files
PREFIX_LENGTH = 40  # characters of a name that begin those of its temporary files
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_ABANDONED_SECONDS = 60.0  # a writer locks its file at once; this is for one just being born
_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


def check_writable(path: str) -> None:
    """Find out, before the work, whether `path` can be written.

    Raises
    ------
    OutputError
        With the reason and the place.
    """
    with told(path):
        special = _is_special(path)
        check_links(path)
        if special:
            _check_special(path)
            return
        target = _target(path)
        _check_replaceable(target)
        # the real thing is tried: permission bits don't tell of read-only or full disks
        with _beside(target, path) as (stream, _):
            stream.write(bytes(PROBE_BYTES))
            stream.flush()
            _sync(stream.fileno())


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` when the block ends without an error.

    A device or a pipe, which can't be replaced, is written directly. An error of the block's own
    passes as it is.

    Raises
    ------
    OutputError
        When the place can't be written; the old file is then as it was.
    """
    with told(path):
        special = _is_special(path)
        check_links(path)
        target = path if special else _target(path)
    if special:
        with told(path):
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        with _buffered(handle, path) as stream:
            yield stream
        return
    with _beside(target, path) as (stream, name):
        yield stream
        with told(path):
            stream.flush()
            # a file system without permissions refuses: the file then stays its owner's alone
            with contextlib.suppress(OSError):
                os.chmod(name, _mode(target, stream.fileno()))
            _sync(stream.fileno())
            stream.close()
            os.replace(name, target)
    _sync_folder(os.path.dirname(target))


def _target(path: str) -> str:
    """Return the file that `path` leads to, through links, or refuse what can't be one."""
    if not path:
        raise OutputError("the output has no name, got ''; expected the name of a file to write")
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise OutputError(f"{path}: is a folder; expected the name of a file to write")
    if os.path.basename(path) in ("", ".", ".."):
        raise OutputError(f"{path}: names a folder; expected the name of a file to write")
    return target


def _is_special(path: str) -> bool:
    """Return whether `path` is there and is neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ValueError:  # a NUL, or a character that file names can't have here
        raise OutputError(f"{path!r}: not a possible file name") from None
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_special(path: str) -> None:
    """Raise what opening a device or a pipe would; really opening it may wait, or have effects."""
    if stat.S_ISSOCK(os.stat(path).st_mode):
        raise OSError(errno.ENXIO, "is a socket")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _check_replaceable(target: str) -> None:
    """Raise what a rename over an old file would, where more than its folder decides it.

    Read-only permissions of the old file are no obstacle.
    """
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    if _is_mounted(target):  # as containers do with single files
        raise OSError(errno.EBUSY, "is mounted by itself; name a file in a mounted folder")
    folder = os.stat(os.path.dirname(target))
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, old.st_uid, folder.st_uid):
        raise PermissionError(errno.EPERM, "is another user's file in a shared folder")
    try:
        close_unwritten(open_regular(target, os.O_WRONLY))
    except OSError as err:
        if err.errno in (errno.EPERM, errno.EROFS):  # protected by an attribute, or by the mount
            raise


def _is_mounted(target: str) -> bool:
    """Return whether the file is a mount point, where the system tells."""
    for character in "\\ \t\n":  # as the kernel writes them
        target = target.replace(character, f"\\{ord(character):03o}")
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            return any(line.split(" ")[4] == target for line in lines)
    except OSError:
        return False


@contextlib.contextmanager
def _beside(target: str, path: str) -> Iterator[tuple[IO[bytes], str]]:
    """Open a temporary file in the target's folder: a rename can't cross file systems.

    It is gone after the block if it was not renamed, and from its first moment on whatever ends
    the process; after SIGKILL or a power cut, the next writer of the target takes it away.
    """
    remove_abandoned(target)
    folder, prefix = _prefix(target)
    temporary = os.path.join(folder, f"{prefix}{os.urandom(8).hex()}.tmp")
    with tidied_by(partial(os.unlink, temporary)):
        with told(path):
            handle = os.open(temporary, _CREATE, 0o600)
        _lock(handle)
        try:
            with _buffered(handle, path) as stream:
                yield stream, temporary
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _prefix(target: str) -> tuple[str, str]:
    """Return the folder of the target's temporary files, and what their names begin with."""
    folder, name = os.path.split(target)
    return folder, f".{name[:PREFIX_LENGTH]}."


def remove_abandoned(target: str, seconds: float = _ABANDONED_SECONDS) -> None:
    """Remove the target's temporary files of writers that are no more: older, and locked by nobody.

    Only this user's regular files: a stranger may give a FIFO, a link or a file such a name.
    """
    folder, prefix = _prefix(target)
    name = re.compile(re.escape(prefix) + "[0-9a-f]{16}[.]tmp")
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder or "."):
            if name.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_abandoned(entry.path, seconds)


def _remove_abandoned(path: str, seconds: float) -> None:
    handle = open_regular(path, os.O_WRONLY)
    try:
        found = os.fstat(handle)
        old = time.time() - found.st_mtime >= seconds
        if old and found.st_uid == os.geteuid() and _lock(handle):
            os.unlink(path)
    finally:
        close_unwritten(handle)


def _lock(handle: int) -> bool:
    """Return whether the file could be locked, which ends with its descriptor, or the process."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _buffered(handle: int, path: str) -> Iterator[IO[bytes]]:
    """Yield a stream that is closed after the block; an error of the block is the one told."""
    stream = io.BufferedWriter(OutputStream(handle, path))
    try:
        yield stream
    except BaseException:
        with contextlib.suppress(OutputError, OSError):
            stream.close()
        raise
    stream.close()


def _mode(target: str, new: int) -> int:
    """Return the old file's permissions, or what the umask gives a new one.

    Where the new file has another owner or group, no more than both; it is never set-user-ID.
    """
    umask = os.umask(0)
    os.umask(umask)
    by_umask = 0o666 & ~umask
    try:
        old, found = os.stat(target), os.fstat(new)
    except OSError:
        return by_umask
    mode = old.st_mode & 0o777
    same = (old.st_uid, old.st_gid) == (found.st_uid, found.st_gid)
    return mode if same else mode & by_umask


def _sync(descriptor: int) -> None:
    """Flush a file to disk, where its file system knows how."""
    try:
        os.fsync(descriptor)
    except OSError as err:
        if err.errno not in _UNSUPPORTED:
            raise


def _sync_folder(folder: str) -> None:
    """Flush the rename to disk, if the folder lets itself be opened for that.

    No failure here fails the run: the new file is in place, and a power cut can only bring the
    old one back, as whole as it was.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
