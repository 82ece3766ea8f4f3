"""What is shown of one training run: its plan, its epochs as columns, and how it ended.

The same content for a terminal and a file; when and where it appears is the observers' part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from nnfit.observer import EpochRecord, Plan, Summary
from nnfit.report.figures import (
    clean,
    count,
    cut,
    duration,
    is_number,
    listed,
    number,
    sparklines,
)
from nnfit.report.screen import Screen

SHOWN_ROWS = 20
MAX_SILENCE = 10.0  # seconds
SPARKLINE_WIDTH = 40
FIGURE_WIDTH = 9  # 1.234e-05
_SPLITS = ("train", "validation", "test")


class Schedule:
    """Which epochs get a row: all of up to 20, else about 20, and one at least every 10 s."""

    def __init__(self, epochs: int, now: float) -> None:
        self._epochs = epochs
        self._every = max(1, -(-epochs // SHOWN_ROWS))  # rounded up
        self._first = True
        self._last_row = now

    def due(self, epoch: int, now: float) -> bool:
        """Return whether `epoch`, over at time `now` (seconds), gets a row."""
        if not (
            self._first
            or epoch % self._every == 0
            or epoch == self._epochs
            or now - self._last_row >= MAX_SILENCE
        ):
            return False
        self._first = False
        self._last_row = now
        return True


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

    Speed goes first when space is short, then the learning rate, then the metric.

    Parameters
    ----------
    plan : Plan
        Names the metric, and says whether there are validation rows.
    width, gap, edges : int
        Cells in all, between two columns, and around the table.
    folded : bool
        Headers may fold at their underscores.
    """
    figures: list[tuple[str, Callable[[EpochRecord], str]]] = [
        ("train_loss", lambda r: number(r.train_loss)),
        ("val_loss", lambda r: number(r.validation_loss)),
        (cut(plan.metric, 16), lambda r: number(r.metric)),
        ("learning_rate", lambda r: f"{r.learning_rate:.4g}"),
        ("rows/s", lambda r: f"{r.rows_per_second:.0f}"),
    ]
    if not plan.rows.get("validation"):
        del figures[1]
    columns = [EpochColumn("epoch", max(5, len(str(plan.epochs))), lambda r: str(r.epoch))]
    for header, text in figures:
        words = header.split("_") if folded else [header]
        columns.append(EpochColumn(header, max(FIGURE_WIDTH, *map(len, words)), text))
    while len(columns) > 2 and _total(columns, gap) + edges > width:
        columns.pop()
    return columns


def _total(columns: list[EpochColumn], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what was decided before training, as names and sentences."""
    splits = [f"{plan.rows.get(s, 0):,} {s}" for s in _SPLITS if plan.rows.get(s)]
    kinds = [f"{n:,} {kind}" for kind, n in plan.columns.items() if n]
    task = f"{plan.task} of {listed(plan.targets)}"
    if plan.classes:
        task += f", {count(len(plan.classes), 'class')}: {listed(plan.classes)}"
    layers = [f"{plan.n_inputs:,}"]
    layers += [
        f"{size:,} {activation}"
        for size, activation in zip(plan.layer_sizes[1:], plan.activations, strict=True)
    ]
    whole = plan.batch_size >= plan.rows.get("train", plan.batch_size + 1)
    batches = "all rows in one batch" if whole else f"batches of {plan.batch_size:,}"
    rows = [
        ("config", cut(plan.config, 200)),
        ("data", f"{cut(plan.data, 200)}: {', '.join(splits)} rows"),
        ("columns", f"{', '.join(kinds)} → {count(plan.n_inputs, 'input')}"),
        ("task", task),
        ("network", " → ".join(layers)),
        ("parameters", f"{plan.n_parameters:,} {plan.dtype}"),
        ("loss", plan.loss),
        ("optimizer", plan.optimizer),
        ("training", f"{count(plan.epochs, 'epoch')}, {batches}, {count(plan.threads, 'thread')}"),
        ("output", cut(plan.output, 200)),
    ]
    return rows + [("decided" if i == 0 else "", text) for i, text in enumerate(plan.decided)]


def metrics_table(
    screen: Screen, metrics: Mapping[str, Mapping[str, Any] | None]
) -> RenderableType | None:
    """Return metrics as rows and the splits as columns, or None without a scalar metric."""
    splits = [split for split in metrics if _scalars(metrics[split])]
    names = list(dict.fromkeys(name for split in splits for name in _scalars(metrics[split])))
    if not names:
        return None
    rows = [
        [cut(name, 30), *(number(_scalars(metrics[split]).get(name)) for split in splits)]
        for name in names
    ]
    return screen.table("l" + "r" * len(splits), ["", *(cut(s, 20) for s in splits)], rows)


def _scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: v for name, v in (metrics or {}).items() if is_number(v) or v is None}


def summary_block(screen: Screen, plan: Plan | None, summary: Summary) -> RenderableType:
    """Return how the run ended: metrics, best epoch, time, model and the curve of the loss."""
    table = metrics_table(screen, summary.metrics)
    pairs = screen.pairs(
        [
            ("epochs", _epochs_sentence(plan, summary)),
            ("time", f"{duration(summary.seconds)}, {summary.rows_per_second:,.0f} rows/s"),
            *_loss_rows(screen, summary),
            ("model", clean(summary.model)),
        ]
    )
    return Group(Text(""), *([table] if table else []), *([] if screen.ruled else [""]), pairs)


def ending(summary: Summary) -> str:
    """Return why the run ended, in a word or two."""
    if summary.interrupted:
        return "interrupted"
    if summary.diverged:
        return "diverged"
    return "stopped early" if summary.stopped_early else "done"


def _epochs_sentence(plan: Plan | None, summary: Summary) -> str:
    of = f" of {plan.epochs:,}" if plan and plan.epochs != summary.epochs else ""
    sentence = f"{summary.epochs:,}{of}, {ending(summary)}"
    if len(summary.validation_loss):
        sentence += f"; best epoch {summary.best_epoch:,}"
    return sentence


def _loss_rows(screen: Screen, summary: Summary) -> list[tuple[str, str]]:
    series = [summary.train_loss, summary.validation_loss]
    # The name before it and the first and last figure on its sides take 34 cells.
    lines = sparklines(series, max(5, min(SPARKLINE_WIDTH, screen.width - 34)))
    return [
        (name, f"{number(float(values[0]))} {line} {number(float(values[-1]))}")
        for name, values, line in zip(("train loss", "validation loss"), series, lines, strict=True)
        if line
    ]
