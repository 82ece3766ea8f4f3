"""A file of JSON lines to which processes append whole lines, on one machine or several.

What a line means is the callers' matter. A line that a power cut or SIGKILL left half written is
taken away before the next one is written, and is none for who reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from nnfit.errors import DataError, OutputError, ResumeError
from nnfit.observer import Observer
from nnfit.run.checkpoint.lock import Lock, Locked
from nnfit.storage.origin import check_links, open_regular
from nnfit.storage.output import told

if sys.platform != "win32":
    import fcntl

HEAD = b'{"nnfit_version": '  # how the first line begins, by which the file is nnfit's


class Journal:
    """The lines of the file at `path`, which need not be there yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._read_to = 0  # bytes whose lines were told

    def begin(self, record: dict[str, Any]) -> None:
        """Write a first line, in the place of all that there are; OutputError as `append`."""
        with told(self.path), self._locked() as handle:
            os.ftruncate(handle, 0)
            self._read_to = 0
            self._write(handle, record)

    def remove(self) -> None:
        """Remove the file, where it is; OutputError if it can't be."""
        with told(self.path), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def news(self) -> list[dict[str, Any]]:
        """Return the objects in lines that came since the last call, whoever wrote them.

        Raises
        ------
        DataError
            If a line is no JSON object.
        """
        if not os.path.lexists(self.path):
            return []
        try:
            handle = open_regular(self.path, os.O_RDONLY)
            with open(handle, "rb") as stream:
                stream.seek(self._read_to)
                new = stream.read()
        except OSError as err:
            reason = (err.strerror or str(err)).lower()
            raise DataError(f"{self.path}: cannot be read: {reason}") from err
        whole = new[: new.rfind(b"\n") + 1]
        begun = new[len(whole) :].lstrip(b"\0")  # a power cut may leave zeros
        if begun and not begun.startswith(b"{"):
            self._parsed(begun)
        found = [self._parsed(line) for line in whole.splitlines() if line.strip()]
        self._read_to += len(whole)
        return found

    def append(
        self, record: dict[str, Any], unless: Callable[[dict[str, Any]], bool] | None = None
    ) -> list[dict[str, Any]]:
        """Write a line and flush it to disk, or not if a new line of others is one `unless` means.

        Returns
        -------
        list of dict
            The lines that others wrote since the last look.

        Raises
        ------
        OutputError
            When the place can't be written.
        """
        with told(self.path), self._locked() as handle:
            news = self.news()
            if unless is None or not any(map(unless, news)):
                os.ftruncate(handle, self._read_to)  # what follows is half a line
                self._write(handle, record)
        return news

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Lend a descriptor of the file, which nobody else writes to meanwhile."""
        check_links(self.path)
        handle = open_regular(self.path, os.O_RDWR | os.O_CREAT)
        try:
            if sys.platform != "win32":
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed
            yield handle
        finally:
            os.close(handle)

    def _write(self, handle: int, record: dict[str, Any]) -> None:
        """Write a line at the end and flush it; of one that doesn't fit nothing stays."""
        line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        left = memoryview(line)
        try:
            os.lseek(handle, self._read_to, os.SEEK_SET)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, self._read_to)
            raise
        self._read_to += len(line)

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
            if isinstance(found, dict):
                return found
        except (ValueError, RecursionError):
            pass
        raise DataError(
            f"{self.path}: has a line that is no JSON object; expected one that nnfit wrote. "
            "Name another place, or move the file away"
        )


@contextlib.contextmanager
def kept_beside(output: str, resume: bool, observer: Observer) -> Iterator[Journal]:
    """Lend the journal of the runs whose results go to `output`, to nobody else meanwhile.

    Raises
    ------
    ResumeError
        When others are at it.
    OutputError
        When something else is called so, or the place can't be written.
    """
    journal = Journal(f"{output}.folds")
    folder, name = os.path.split(journal.path)
    with contextlib.ExitStack() as stack:
        try:
            with told(journal.path):
                stack.enter_context(Lock(os.path.join(folder, f".{name}.lock")))
        except Locked as locked:
            raise ResumeError(
                f"{journal.path}: another run (process {locked.holder}) is using it; wait for its "
                "end, or name another place with -o"
            ) from None
        if os.path.lexists(journal.path):
            with told(journal.path), open(open_regular(journal.path, os.O_RDONLY), "rb") as stream:
                head = stream.read(len(HEAD))
            if not HEAD.startswith(head.rstrip(b"\0")):
                raise OutputError(
                    f"{journal.path}: was not written by nnfit, and the folds would replace it; "
                    "expected a free name. Move it away, or name another place with -o"
                )
            if not resume:
                observer.warning(
                    f"{journal.path} is left from a run that did not end; this one begins anew and "
                    "replaces it (--resume would go on from it)"
                )
        yield journal
