"""SIGINT and SIGTERM: who hears them, and how the process leaves at once from wherever it stands.

Nothing is unwound: an exception raised by a signal handler can be lost in the callback, the import
or the destructor that it happens to interrupt. How training ends is `nnfit.training.stop`'s.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from nnfit.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
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


def on_signals(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Have SIGINT and SIGTERM call `handler`, and return what each of them did before.

    One that is ignored, as nohup and `&` in scripts have it, stays so.
    """
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def leave_on_signals() -> None:
    """From now on SIGINT and SIGTERM end the process, with one line and its exit code."""
    on_signals(_leave)


def ignore_signals() -> None:
    """From now on SIGINT and SIGTERM change nothing; else they would kill a Python that ends."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    for action in reversed(_tidying):
        with suppress(OSError):
            action()
    with suppress(OSError):
        os.write(2, f"nnfit: {ExitCode.of(number).name.lower()}\n".encode())
    os._exit(ExitCode.of(number))
