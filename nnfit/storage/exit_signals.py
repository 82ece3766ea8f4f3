"""How the process leaves at once, on a signal, from wherever it stands, and what it tidies first.

Nothing is unwound: an exception raised by a signal handler can be lost in the callback, the import
or the destructor that it happens to interrupt.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from nnfit.errors import ExitCode

_tidying: list[Callable[[], None]] = []


@contextmanager
def tidied_by(action: Callable[[], None]) -> Iterator[None]:
    """Have `action` called where a signal ends the process inside the block.

    It may find its work half done, and must neither wait nor print through a buffer.
    """
    _tidying.append(action)
    try:
        yield
    finally:
        _tidying.remove(action)


def leave_on_signals() -> None:
    """From now on SIGINT and SIGTERM end the process, with one line and its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and `&` in scripts set it
            signal.signal(number, _leave)


def ignore_signals() -> None:
    """From now on SIGINT and SIGTERM change nothing; else they would kill a Python that ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    terminated = number == signal.SIGTERM
    for action in reversed(_tidying):
        with suppress(OSError):
            action()
    with suppress(OSError):
        os.write(2, b"nnfit: terminated\n" if terminated else b"nnfit: interrupted\n")
    os._exit(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED)
