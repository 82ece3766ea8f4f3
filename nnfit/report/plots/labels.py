"""The texts of all pictures: names from the data, titles, and the figures beside an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from nnfit.report.figures import count, cut
from nnfit.report.plots.colors import FAINT

SMALLEST = 10.0  # points; less can't be read from the last row
NAME_WIDTH = 28
MAX_FIXED = 3  # columns with their values in one line


def name(text: str, width: int = NAME_WIDTH) -> str:
    """Return a name from the data as one short line."""
    return cut(text, width)


def entry(text: str) -> str:
    """Return the text of a legend's entry: matplotlib leaves out those that start with _."""
    return f" {text}" if text.startswith("_") else text


def title(axes: Axes, text: str, below: str = "") -> None:
    """Write the title, and what is to be known beside it in a fainter line."""
    axes.set_title(text, pad=26.0 if below else 8.0, fontweight="medium")
    if below:
        axes.annotate(
            below, (0.0, 1.0), (0.0, 8.0), xycoords="axes fraction", textcoords="offset points",
            fontsize=11, color=FAINT,
        )  # fmt: skip


def plain(value: float) -> str:
    """Return a tick's figure without mathematics markup."""
    size = abs(value)
    if size >= 1e4 and size < 1e15 and value == round(value):
        return f"{value:,.0f}"
    return f"{value:.6g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def ticks(axis: Any, labels: Sequence[str] = (), n: int = 7, whole: bool = False) -> None:
    """Give an axis its ticks: names at 0, 1, …, or about `n` round figures."""
    if labels:
        axis.set_ticks(range(len(labels)), [name(label, 18) for label in labels])
        return
    axis.set_major_locator(MaxNLocator(n, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def turn_labels(axes: Axes, labels: Sequence[str], room: float) -> None:
    """Turn the names on the x axis where they don't fit into `room` inches side by side."""
    longest = max((len(name(label, 18)) for label in labels), default=0)
    if longest * len(labels) * 0.105 > room:
        axes.tick_params(axis="x", rotation=90 if len(labels) > 14 else 40)
        if len(labels) <= 14:
            for label in axes.get_xticklabels():
                label.set(horizontalalignment="right", rotation_mode="anchor")


def log_axis(axes: Axes, *, x: bool = False) -> None:
    """Make the y axis, or `x`, logarithmic, its figures plain; narrow ranges get more of them."""
    (axes.set_xscale if x else axes.set_yscale)("log")
    axis, (low, high) = (axes.xaxis, axes.get_xlim()) if x else (axes.yaxis, axes.get_ylim())
    decades = math.log10(high / low) if low > 0 else 1.0
    subs: Any = (1.0,) if decades > 3 or x else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=10.0, subs=subs, numticks=4 if x else None))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_formatter(NullFormatter())


def units_text(n: int, n_units: int) -> str:
    """Return how many units are drawn, of how many."""
    return count(n, "unit") if n == n_units else f"{n} of {n_units} units"


def fixed_text(fixed: tuple[tuple[str, str], ...]) -> str:
    """Return at what the other columns stay, in one line."""
    if not fixed:
        return ""
    if len(fixed) <= MAX_FIXED:
        return "at " + ", ".join(f"{name(column, 20)} = {name(text, 12)}" for column, text in fixed)
    return f"the other {len(fixed)} columns at their median or most frequent value"
