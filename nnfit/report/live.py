"""The live display on a terminal: a bar and a table that are redrawn where they stand.

Drawn from the calls it gets, without a thread; a file or a pipe gets `PlainObserver` instead.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nnfit.errors import bounded
from nnfit.observer import EpochRecord, Finding, Plan, Summary
from nnfit.report.figures import clean, clock, cut, read_so_far
from nnfit.report.plain import QuietObserver
from nnfit.report.run import (
    Schedule,
    bar_line,
    ending,
    epoch_columns,
    findings_table,
    plan_rows,
    ranking,
    row_lines,
    summary_block,
)
from nnfit.report.screen import Screen
from nnfit.storage.exit_signals import suspended_by, tidied_by

REFRESH_SECONDS = 0.1
# A redraw waits 50 times as long as the last one took: the display costs at most 2 % of a run.
REST_AFTER_REDRAW = 50.0
MAX_ROWS = 12
LINES_AROUND_ROWS = 6  # frame and header, the bar, and a line to spare
LONG_READ = 0.5  # seconds
BEST = "★"


class LiveObserver(QuietObserver):
    """Shows reading and training as they go, and leaves the last state on the screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._console = screen.live_console()
        self._live: Live | None = None
        self._tidied = ExitStack()
        self._drawn: RenderableType = ""
        self._displaced = False  # others have written below what was drawn
        self._next_refresh = 0.0
        self._plan: Plan | None = None
        self._schedule = Schedule(1)
        self._rows: deque[EpochRecord] = deque(maxlen=MAX_ROWS)
        self._last: EpochRecord | None = None
        self._best: EpochRecord | None = None
        self._began = 0.0
        self._origin: float | None = None  # epochs already done when this run began
        self._done = 0.0  # epochs done, with a fraction
        self._ended = ""
        self._reading_name: str | None = None
        self._reading_done = 0
        self._reading_total: int | None = None
        self._headers: list[str] = []
        self._ranking: RenderableType | None = None

    def note(self, text: str) -> None:
        self._say(f"nnfit: {bounded(clean(text))}")

    def surveyed(self, findings: Sequence[Finding]) -> None:
        self._show(findings_table(findings, self._screen.width))

    def reading(self, name: str, done: int, total: int | None) -> None:
        if self._plan is not None:
            return
        now = time.monotonic()
        if name != self._reading_name or done < self._reading_done:
            self._stop()
            self._reading_name = name
            self._next_refresh = now + LONG_READ
        self._reading_done, self._reading_total = done, total
        if total is not None and done >= total:
            self._stop()
        elif now >= self._next_refresh:
            if self._live is None:
                self._start(self._reading_bar, transient=True)
            self._refresh(now)

    def started(self, plan: Plan) -> None:
        self._stop()
        self._plan = plan
        self._began = time.monotonic()
        self._schedule = Schedule(plan.epochs)
        rows = self._screen.pairs(plan_rows(plan))
        if self._screen.ruled:
            box, title = self._screen.box, Text("nnfit train")
            self._show(Panel(rows, box, title=title, border_style="dim", expand=False))
        else:
            self._show(rows)
        self._start(lambda: self._training(self._plan or plan))
        self._refresh(self._began)

    def progress(self, epoch: int, fraction: float) -> None:
        if self._origin is None:
            self._origin = epoch - 1.0
        self._done = epoch - 1 + fraction
        now = time.monotonic()
        if now >= self._next_refresh:
            self._refresh(now)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self._last = record
        if best:
            self._best = record
        if self._schedule.due(record.epoch, time.monotonic()):
            self._rows.append(record)
        self.progress(record.epoch, 1.0)

    def refitting(self, epochs: int) -> None:
        if self._plan is not None:
            self._plan = replace(self._plan, epochs=epochs)
        self._began, self._origin, self._done = time.monotonic(), None, 0.0

    def many(self, what: str, done: float, total: float) -> None:
        now = time.monotonic()
        if self._live is None:
            self._began, self._origin = now, done
            self._start(lambda: self._runs(what, total), transient=True)
        self._done = done
        if done >= total:
            self._stop()
        elif now >= self._next_refresh:
            self._refresh(now)

    def row(self, cells: Mapping[str, Any]) -> None:
        for line in row_lines(self._headers, cells):
            self._say(line)

    def trial(self, cells: Mapping[str, Any], best: Sequence[Mapping[str, Any]]) -> None:
        self._ranking = ranking(self._screen, best)
        if self._live is not None:
            self._live.transient = False

    def finished(self, summary: Summary) -> None:
        self._ended = ending(summary)
        self._stop()
        self._show(summary_block(self._screen, self._plan, summary))

    def close(self) -> None:
        self._stop()
        super().close()

    def _say(self, line: str, style: str = "") -> None:
        with suppress(OSError):
            if self._live is None or not self._in_front():
                super()._say(line, style)
            else:
                # Rich moves the live display down and puts the line above it.
                self._begin_below()
                self._console.print(Text(line, style), soft_wrap=True)

    def _show(self, renderable: RenderableType) -> None:
        with suppress(OSError):
            self._screen.write(renderable)

    def _start(self, picture: Callable[[], RenderableType], transient: bool = False) -> None:
        def drawn() -> RenderableType:
            self._drawn = picture()
            return self._drawn

        self._live = Live(
            console=self._console,
            get_renderable=drawn,
            auto_refresh=False,
            transient=transient,
            redirect_stdout=False,
            # A library's own message goes above the display instead of through it.
            redirect_stderr=self._screen.stream is sys.stderr,
        )
        self._tidied.enter_context(tidied_by(self._leave_display))
        self._tidied.enter_context(suspended_by(self._leave_display, self._come_back))
        self._live.start()

    def _refresh(self, now: float) -> None:
        if self._live is None:
            return
        try:
            if self._in_front():
                self._begin_below()
                self._live.refresh()
        except OSError:
            # The terminal is gone; the work goes on without it.
            self._stop()
        took = time.monotonic() - now
        self._next_refresh = now + max(REFRESH_SECONDS, REST_AFTER_REDRAW * took)

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        try:
            with suppress(OSError, ValueError):
                self._begin_below()
                live.stop()
        finally:
            # Also when an error cut the last redraw short: the cursor comes back.
            with suppress(OSError, ValueError):
                self._console.control(Control.show_cursor(True))
            self._tidied.close()

    def _leave_display(self) -> None:
        """Go below the display and bring the cursor back, past Rich, which may be drawing."""
        with suppress(ValueError):
            cursor = str(Control.show_cursor(True))
            os.write(self._screen.stream.fileno(), f"\n{cursor}".encode())

    def _come_back(self) -> None:
        self._displaced = True

    def _in_front(self) -> bool:
        """Return whether the terminal is ours: in the background it shows the shell's lines."""
        try:
            front = os.tcgetpgrp(self._screen.stream.fileno()) == os.getpgrp()
        except (AttributeError, OSError, ValueError):  # no such system, or not our terminal
            front = True
        self._displaced = self._displaced or not front
        return front

    def _begin_below(self) -> None:
        """Make room below what others wrote: Rich goes up as far as it came down before."""
        if not self._displaced:
            return
        self._displaced = False
        self._console.show_cursor(False)
        lines = len(self._console.render_lines(self._drawn, pad=False))
        self._screen.stream.write("\n" * (min(lines, self._console.height) - 1))
        self._screen.stream.flush()

    def _reading_bar(self) -> RenderableType:
        done, total = self._reading_done, self._reading_total
        name = cut(self._reading_name or "", self._console.width // 3)
        so_far = read_so_far(done, total)
        return bar_line(self._console.width, f"reading {name}", total, done, so_far)

    def _training(self, plan: Plan) -> RenderableType:
        bar = self._runs("epoch", plan.epochs)
        return Group(self._epoch_table(plan, self._last), bar) if self._last else bar

    def _runs(self, what: str, total: float) -> RenderableType:
        """Return a bar with the time left, or how it ended."""
        elapsed = time.monotonic() - self._began
        gone = self._done - (self._origin or 0.0)
        after = clock(elapsed)
        if self._ended:
            after = f"{self._ended} in {after}"
        elif gone > 0:
            after = f"{clock(elapsed / gone * (total - self._done))} left"
            if not self._screen.narrow:
                after = f"{clock(elapsed)} elapsed, {after}"
        before = f"{what} {int(self._done)}/{total:g}"
        bar = bar_line(self._console.width, before, total, self._done, after)
        return Group(self._ranking, bar) if self._ranking else bar

    def _epoch_table(self, plan: Plan, last: EpochRecord) -> Table:
        ruled = self._screen.ruled
        gap, edges = (3, 4) if ruled else (2, 0)
        columns = epoch_columns(
            plan, self._console.width, gap=gap, edges=edges + len(BEST) + 1, folded=not ruled
        )
        headers = [column.header.replace("_", " ") for column in columns]
        table = self._screen.table("r" * len(columns), headers, [])
        for record in self._shown(last):
            cells = [Text(column.text(record)) for column in columns]
            if record is self._best:
                cells[0] = Text(f"{BEST} ") + cells[0]
            table.add_row(*cells, style="bold green" if record is self._best else "")
        return table

    def _shown(self, last: EpochRecord) -> list[EpochRecord]:
        """Return the reported epochs that there is room for, with the newest and the best."""
        room = min(MAX_ROWS, self._console.height - LINES_AROUND_ROWS)
        always = {record.epoch: record for record in (self._best, last) if record is not None}
        reported = [record for record in self._rows if record.epoch not in always]
        shown = always | {r.epoch: r for r in reported[-max(1, room - len(always)) :]}
        return [shown[epoch] for epoch in sorted(shown)]
