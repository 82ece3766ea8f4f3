"""The observers that only ever add lines: warnings alone, or plain rows.

Nothing here is redrawn and nothing asks for a terminal; the live display is in `live`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from nnfit.errors import bounded
from nnfit.observer import EpochRecord, Finding, Observer, Plan, Summary
from nnfit.report.figures import clean, clock, cut, read_so_far
from nnfit.report.run import (
    FINDING_FIGURES,
    FINDING_HEADERS,
    MAX_SILENCE,
    Schedule,
    epoch_columns,
    finding_rows,
    plan_rows,
    row_lines,
    summary_block,
)
from nnfit.report.screen import Screen

READING_LINE_EVERY = 5.0  # seconds


class QuietObserver(Observer):
    """Writes warnings and nothing else."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def warning(self, text: str) -> None:
        self._say(f"nnfit: warning: {bounded(clean(text))}", "yellow")

    def close(self) -> None:
        # The reader of a pipe may be gone, and nothing is left that could still be said.
        with suppress(OSError, ValueError):
            self._screen.stream.flush()

    def _say(self, line: str, style: str = "") -> None:
        self._screen.write(Text(line, style), wrap=False)


class PlainObserver(QuietObserver):
    """Writes rows one after the other, never redrawn: for files, pipes and dumb terminals."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._plan: Plan | None = None
        self._schedule = Schedule(1)
        self._unwritten: EpochRecord | None = None  # the last epoch's, where it got no row
        self._next_line = 0.0
        self._reading_name: str | None = None
        self._reading_done = 0
        self._headers: list[str] = []
        self._origin: tuple[float, float] | None = None  # when the runs began, and how many were

    def note(self, text: str) -> None:
        self._say(f"nnfit: {bounded(clean(text))}")

    def surveyed(self, findings: Sequence[Finding]) -> None:
        rows = [FINDING_HEADERS, *finding_rows(findings)]
        texts = [[cut(cell, 40) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
        for row in texts:
            padded = [
                " " * (width - cell_len(text)) + text if header in FINDING_FIGURES
                else text + " " * (width - cell_len(text))
                for header, text, width in zip(FINDING_HEADERS, row, widths, strict=True)
            ]  # fmt: skip
            self._say("  ".join(padded).rstrip())

    def reading(self, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if name != self._reading_name or done < self._reading_done:
            self._reading_name = name
            self._next_line = now + READING_LINE_EVERY
        self._reading_done = done
        if now >= self._next_line:
            self._next_line = now + READING_LINE_EVERY
            self._say(f"nnfit: reading {cut(name, 40)}: {read_so_far(done, total)}")

    def started(self, plan: Plan) -> None:
        now = time.monotonic()
        self._plan = plan
        self._columns = epoch_columns(plan, self._screen.width, gap=2)
        self._schedule = Schedule(plan.epochs)
        self._next_line = now + MAX_SILENCE
        self._screen.write(self._screen.pairs(plan_rows(plan)), "")
        header = "  ".join(column.header.rjust(column.width) for column in self._columns)
        self._say(header, "bold")

    def progress(self, epoch: int, fraction: float) -> None:
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + MAX_SILENCE
            self._say(f"nnfit: epoch {epoch}: {100 * fraction:.0f} %")

    def epoch(self, record: EpochRecord, best: bool) -> None:
        now = time.monotonic()
        due = self._schedule.due(record.epoch, now)
        self._unwritten = None if due else record
        if due:
            self._next_line = now + MAX_SILENCE
            self._write_row(record)

    def refitting(self, epochs: int) -> None:
        self._write_last()
        if self._plan is not None:
            self._plan = replace(self._plan, epochs=epochs)

    def many(self, what: str, done: float, total: float) -> None:
        now = time.monotonic()
        self._origin = self._origin or (now, done)
        if now >= self._next_line:
            if self._next_line and done > self._origin[1]:
                each = (now - self._origin[0]) / (done - self._origin[1])
                left = clock(each * (total - done))
                self._say(f"nnfit: {what}: {done:.1f} of {total:g} done, {left} left")
            self._next_line = now + MAX_SILENCE

    def row(self, cells: Mapping[str, Any]) -> None:
        self._next_line = time.monotonic() + MAX_SILENCE
        for line in row_lines(self._headers, cells):
            self._say(line)

    def trial(self, cells: Mapping[str, Any], best: Sequence[Mapping[str, Any]]) -> None:
        self.row(cells)

    def finished(self, summary: Summary) -> None:
        self._write_last()
        self._screen.write(summary_block(self._screen, self._plan, summary))

    def _write_last(self) -> None:
        if self._unwritten is not None:
            self._write_row(self._unwritten)
        self._unwritten = None

    def _write_row(self, record: EpochRecord) -> None:
        self._say("  ".join(column.text(record).rjust(column.width) for column in self._columns))
