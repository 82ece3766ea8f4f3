"""Turns SIGINT and SIGTERM into a request to end after the current minibatch."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

from nnfit.errors import ExitCode


class StopRequest:
    """A context in which the first signal is noted and the second one ends at once.

    `signal` is the signal's number once one has come, else None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()  # so that a second signal acts as it always does

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns after this signal."""
        if self.signal == signal.SIGTERM:
            return ExitCode.TERMINATED
        return ExitCode.INTERRUPTED
