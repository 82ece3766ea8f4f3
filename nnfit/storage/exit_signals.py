"""Signals that end the process: who hears them, and how it leaves at once from wherever it stands.

A terminal that is closed (SIGHUP) ends it as SIGTERM does, and so does Windows' CTRL_BREAK. Nothing
is unwound: an exception raised by a signal handler can be lost in the callback, the import or the
destructor that it happens to interrupt. How training ends is `nnfit.training.stop`'s.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from nnfit.errors import ExitCode

HANGUP = getattr(signal, "SIGHUP", None)
_BREAK = getattr(signal, "SIGBREAK", None)
_SIGNALS = [s for s in (signal.SIGINT, signal.SIGTERM, HANGUP, _BREAK) if s is not None]
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
    """Have the signals that end a process call `handler`; return what each of them did before.

    One that is ignored, as nohup and `&` in scripts have it, stays so.
    """
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def leave_on_signals() -> None:
    """From now on these signals end the process, with one line and its exit code."""
    on_signals(_leave)


def ignore_signals() -> None:
    """From now on these signals change nothing; else they would kill a Python that ends."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def suspended_by(before: Callable[[], None], after: Callable[[], None]) -> Iterator[None]:
    """Have `before` called where Ctrl-Z suspends the process inside the block.

    `after` is called when it goes on, whatever it was that stopped it. Neither may print through a
    buffer. A signal with a handler of its own, or ignored, stays as it is.
    """

    def suspend(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            before()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # the process stands still here
        signal.signal(number, suspend)

    handlers: dict[int, Callable[[int, FrameType | None], None]] = {}
    if hasattr(signal, "SIGTSTP") and threading.current_thread() is threading.main_thread():
        handlers = {signal.SIGTSTP: suspend, signal.SIGCONT: lambda number, frame: after()}
    heard = [number for number in handlers if signal.getsignal(number) == signal.SIG_DFL]
    for number in heard:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    for action in reversed(_tidying):
        with suppress(OSError):
            action()
    with suppress(OSError):
        os.write(2, f"nnfit: {ExitCode.of(number).name.lower()}\n".encode())
    os._exit(ExitCode.of(number))
