"""A file of JSON lines to which processes append whole lines, on one machine or several.

What a line means is the callers' matter. A line that a power cut or SIGKILL left half written is
taken away before the next one is written, and is none for who reads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from nnfit.errors import DataError
from nnfit.storage.output import told

if sys.platform != "win32":
    import fcntl


class Journal:
    """The lines of the file at `path`, which need not be there yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._read_to = 0  # bytes whose lines were told

    def news(self) -> list[dict[str, Any]]:
        """Return the objects in lines that came since the last call, whoever wrote them.

        Raises
        ------
        DataError
            If a line is no JSON object.
        """
        try:
            with open(self.path, "rb") as stream:
                stream.seek(self._read_to)
                new = stream.read()
        except FileNotFoundError:
            return []
        except OSError as err:
            reason = err.strerror or str(err)
            raise DataError(f"{self.path}: cannot be read: {reason.lower()}") from err
        whole = new[: new.rfind(b"\n") + 1]
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
        line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with told(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if sys.platform != "win32":
                    fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed
                news = self.news()
                if unless is None or not any(map(unless, news)):
                    os.ftruncate(handle, self._read_to)  # what follows is half a line
                    os.lseek(handle, 0, os.SEEK_END)
                    _write(handle, line, self._read_to)
                    self._read_to += len(line)
            finally:
                os.close(handle)
        return news

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


def _write(handle: int, line: bytes, end: int) -> None:
    """Write the whole line and flush it; of one that doesn't fit nothing stays."""
    try:
        left = memoryview(line)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, end)
        raise
