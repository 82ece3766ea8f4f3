"""Turns SIGINT and SIGTERM into a request to end after the current minibatch."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from nnfit.errors import ExitCode
from nnfit.storage.exit_signals import on_signals


class StopRequest:
    """A context in which the first signal is noted and the second one ends at once.

    `signal` is the signal's number once one has come, else None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        self._before = on_signals(self._note)
        return self

    def __exit__(self, *error: object) -> None:
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
        return ExitCode.of(self.signal or signal.SIGINT)
