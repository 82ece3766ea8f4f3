"""What is shown of one training run: its plan, its epochs as columns, and how it ended.

The same content for a terminal and a file; when and where it appears is the observers' part.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nnfit.observer import EpochRecord, Finding, Plan, Summary
from nnfit.report.figures import clean, count, cut, duration, listed, number, scalars, sparklines
from nnfit.report.screen import Screen

SHOWN_ROWS = 20
MAX_SILENCE = 10.0  # seconds
SPARKLINE_WIDTH = 40
FIGURE_WIDTH = 9  # 1.234e-05
ROW_WIDTH = 16
BAR_WIDTH = 80
FINDING_HEADERS = ("column", "kind", "distinct", "gaps", "example", "decision")
FINDING_FIGURES = ("distinct", "gaps")
SHOWN_FINDINGS, SHOWN_ALIKE = 60, 5  # columns of a table
_SPLITS = ("train", "validation", "test")


class Schedule:
    """Which epochs get a row: all of up to 20, else about 20, and one at least every 10 s."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._every = -(-epochs // SHOWN_ROWS)  # rounded up
        self._last_row = -math.inf  # whichever epoch comes first gets a row

    def due(self, epoch: int, now: float) -> bool:
        """Return whether `epoch`, over at time `now` (seconds), gets a row."""
        due = epoch % self._every == 0 or epoch == self._epochs
        if due or now - self._last_row >= MAX_SILENCE:
            self._last_row = now
            return True
        return False


@dataclass(frozen=True)
class EpochColumn:
    """One figure of an `EpochRecord`: its header, the width of its column, and its text."""

    header: str
    width: int
    text: Callable[[EpochRecord], str]


def epoch_columns(
    plan: Plan, width: int, *, gap: int, edges: int = 0, folded: bool = False
) -> list[EpochColumn]:
    """Return the columns of an epoch table that fit in `width` cells.

    Speed goes first when space is short, then the learning rate, then the metric. `gap` and `edges`
    are the cells between two columns and around the table; `folded` headers may fold at their
    underscores.
    """
    figures: list[tuple[str, Callable[[EpochRecord], str]]] = [
        ("train_loss", lambda r: number(r.train_loss)),
        ("val_loss", lambda r: number(r.validation_loss)),
        (cut(plan.metric, 16), lambda r: number(r.metric)),
        ("learning_rate", lambda r: f"{r.learning_rate:.4g}"),
        ("rows/s", lambda r: f"{r.rows_per_second:.0f}"),
    ]
    if not (plan.rows.get("validation") or plan.folds):
        del figures[1]
    if plan.l2:
        figures.insert(1, ("penalty", lambda r: number(r.penalty)))
    columns = [EpochColumn("epoch", max(5, len(str(plan.epochs))), lambda r: str(r.epoch))]
    for header, text in figures:
        words = header.split("_") if folded else [header]
        columns.append(EpochColumn(header, max(FIGURE_WIDTH, *map(len, words)), text))
    while len(columns) > 2 and sum(c.width + gap for c in columns) - gap + edges > width:
        columns.pop()
    return columns


def row_lines(headers: list[str], cells: Mapping[str, Any]) -> list[str]:
    """Return a row, below the headers where these are others than so far; `headers` become them."""
    names = [cut(name, ROW_WIDTH) for name in cells]
    lines = [] if names == headers else ["  ".join(f"{name:>{FIGURE_WIDTH}}" for name in names)]
    headers[:] = names
    texts = [
        cut(number(value), max(FIGURE_WIDTH, len(name)))
        for name, value in zip(names, cells.values(), strict=True)
    ]
    pairs = zip(texts, names, strict=True)
    return [*lines, "  ".join(text.rjust(max(FIGURE_WIDTH, len(name))) for text, name in pairs)]


def ranking(screen: Screen, rows: Sequence[Mapping[str, Any]]) -> RenderableType | None:
    """Return the best of many runs, the best first, by column; None where there is none."""
    if not rows:
        return None
    headers = [cut(name, ROW_WIDTH) for name in rows[0]]
    cells = [[cut(number(value), ROW_WIDTH) for value in row.values()] for row in rows]
    return screen.table("r" * len(headers), headers, cells)


def bar_line(width: int, before: str, total: float | None, done: float, after: str) -> Table:
    """Return a bar between two texts; without a total there is none."""
    line = Table.grid(padding=(0, 1, 0, 0), expand=True)
    line.width = min(width, BAR_WIDTH)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    bar = ProgressBar(total, done, complete_style="cyan", finished_style="green")
    line.add_row(Text(before), bar if total else "", Text(after))
    return line


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what was decided before training, as names and sentences."""
    splits = [f"{plan.rows.get(s, 0):,} {s}" for s in _SPLITS if plan.rows.get(s)]
    kinds = [f"{n:,} {kind}" for kind, n in plan.columns.items() if n]
    task = f"{plan.task} of {listed(plan.targets)}"
    if plan.classes:
        task += f", {count(len(plan.classes), 'class')}: {listed(plan.classes)}"
    sizes = zip(plan.layer_sizes[1:], plan.activations, strict=True)
    layers = [f"{plan.n_inputs:,}", *(f"{size:,} {activation}" for size, activation in sizes)]
    whole = plan.batch_size >= plan.rows["train"]
    batches = "all rows in one batch" if whole else f"batches of {plan.batch_size:,}"
    held_out = f", each held out by 1 of {plan.members} members" if plan.folds else ""
    training = f"{count(plan.epochs, 'epoch')}, {batches}, {count(plan.threads, 'thread')}"
    if plan.engine != "numpy":
        training += f", {plan.engine}"
    parameters = f"{plan.n_parameters:,} {plan.dtype}"
    if plan.members > 1:
        parameters += f" in each of {plan.members} members, whose mean is the prediction"
    rows = [
        ("config", cut(plan.config, 200)),
        ("data", f"{cut(plan.data, 200)}: {', '.join(splits)} rows{held_out}"),
        ("columns", f"{', '.join(kinds)} → {count(plan.n_inputs, 'input')}"),
        ("task", task),
        ("network", " → ".join(layers)),
        ("parameters", parameters),
        ("loss", plan.loss + (f"; loss + penalty is lowered, l2 {plan.l2:g}" if plan.l2 else "")),
        ("optimizer", plan.optimizer),
        ("training", training),
        ("output", cut(plan.output, 200)),
    ]
    return rows + [("decided" if i == 0 else "", text) for i, text in enumerate(plan.decided)]


def finding_rows(findings: Sequence[Finding]) -> list[list[str]]:
    """Return a row for each column of a table; of many that are alike, the first alone."""
    rows: list[list[str]] = []
    alike: Counter[tuple[str, str]] = Counter(
        (f.kind, f.decision) for f in findings if len(findings) > SHOWN_FINDINGS
    )
    shown: Counter[tuple[str, str]] = Counter()
    for found in findings:
        key = (found.kind, found.decision)
        shown[key] += 1
        if shown[key] <= SHOWN_ALIKE or alike[key] <= SHOWN_ALIKE + 1:
            rows.append([
                found.column, found.kind, str(found.distinct), str(found.gaps),
                found.example, found.decision,
            ])  # fmt: skip
        elif shown[key] == SHOWN_ALIKE + 1:
            more = f"… {alike[key] - SHOWN_ALIKE:,} more"
            rows.append([more, found.kind, "", "", "", found.decision])
    return rows


def findings_table(findings: Sequence[Finding], width: int) -> RenderableType:
    """Return what was found in each column for a terminal; a long decision is folded.

    The example goes first when space is short, then the figures.
    """
    widest = {"column": 16, "kind": 11, "example": 10}
    dropped = ("example", *FINDING_FIGURES)[: 0 if width >= 72 else 1 if width >= 54 else 3]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    shown = [i for i, header in enumerate(FINDING_HEADERS) if header not in dropped]
    for header in (FINDING_HEADERS[i] for i in shown):
        table.add_column(
            header, justify="right" if header in FINDING_FIGURES else "left",
            no_wrap=header != "decision", overflow="ellipsis", max_width=widest.get(header),
        )  # fmt: skip
    for row in finding_rows(findings):
        table.add_row(*(Text(clean(row[i])) for i in shown))
    return table


def metrics_table(
    screen: Screen, metrics: Mapping[str, Mapping[str, Any] | None]
) -> RenderableType | None:
    """Return metrics as rows and the splits as columns, or None without a scalar metric."""
    splits = {s: figures for s, values in metrics.items() if (figures := scalars(values))}
    names = dict.fromkeys(name for figures in splits.values() for name in figures)
    if not names:
        return None
    rows = [[cut(n, 30), *(number(figures.get(n)) for figures in splits.values())] for n in names]
    return screen.table("l" + "r" * len(splits), ["", *(cut(s, 20) for s in splits)], rows)


def summary_block(screen: Screen, plan: Plan | None, summary: Summary) -> RenderableType:
    """Return how the run ended: metrics, best epoch, time, model and the curve of the loss."""
    of = f" of {plan.epochs:,}" if plan and plan.epochs > summary.epochs else ""
    epochs = f"{summary.epochs:,}{of}, {ending(summary)}"
    if len(summary.validation_loss):
        by = f" by {plan.best}" if plan and plan.best != "loss" else ""
        epochs += f"; best {summary.best}{by}"
    series = {"train loss": summary.train_loss, "validation loss": summary.validation_loss}
    # The name before it and the first and last figure on its sides take 34 cells.
    lines = sparklines([*series.values()], max(5, min(SPARKLINE_WIDTH, screen.width - 34)))
    rows = [
        ("epochs", epochs),
        ("time", f"{duration(summary.seconds)}, {summary.rows_per_second:,.0f} rows/s"),
    ]
    for (name, losses), line in zip(series.items(), lines, strict=True):
        if line:
            rows.append((name, f"{number(losses[0])} {line} {number(losses[-1])}"))
    if summary.penalty is not None:
        rows.append(
            ("penalty", f"{number(summary.penalty)} of the model's weights, beside the loss")
        )
    rows.append(("model", clean(summary.model)))
    table = metrics_table(screen, summary.metrics)
    gap = [] if screen.ruled else [""]
    return Group(Text(""), *([table] if table else []), *gap, screen.pairs(rows))


def ending(summary: Summary) -> str:
    """Return why the run ended, in a word or two."""
    if summary.interrupted:
        return "interrupted"
    if summary.diverged:
        return "diverged"
    return "stopped early" if summary.stopped_early else "done"
