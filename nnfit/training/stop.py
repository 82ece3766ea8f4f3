"""Turns a signal that would end the process into a request to end after the current minibatch."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from nnfit.errors import ExitCode
from nnfit.storage.exit_signals import HANGUP, on_signals


class StopRequest:
    """A context in which the first signal is noted and the second one ends at once.

    A hangup hurries nothing: a shell may pass on the one that its children have had already, and a
    system that goes down sends it with SIGTERM.

    `signal` is the first signal's number once one has come, else None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        self._before = on_signals(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            if number == HANGUP and self.signal is not None and callable(handler):
                handler = signal.SIG_IGN  # the command ends by itself, once its model is written
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number
        if number == HANGUP:
            return
        for other, handler in self._before.items():
            if other != HANGUP:
                signal.signal(other, handler)  # so that a second signal acts as it always does

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns after this signal."""
        return ExitCode.of(self.signal or signal.SIGINT)
