"""The processes of this machine, as Linux tells them: no command that a small system may lack."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")


class Process(NamedTuple):
    """One of them: numbers, and a letter for its state, Z where it has ended."""

    pid: int
    parent: int
    session: int
    state: str


def processes() -> list[Process]:
    """Return those that there are now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just gone
            pid, _, rest = path.read_text(errors="replace").partition(" ")
            state, parent, _, session = rest.rpartition(")")[2].split()[:4]
            found.append(Process(int(pid), int(parent), int(session), state))
    return found
