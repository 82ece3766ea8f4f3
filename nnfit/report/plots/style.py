"""The look of all pictures: colours that colour-blind people tell apart, slide sizes, file formats.

No figure is registered anywhere and no window opens: there is no pyplot here.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from nnfit.nn.arrays import Array
from nnfit.report.figures import clean, count, cut

# Okabe & Ito, Color Universal Design, 2008, yellow last for it is faint on white; then two more
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#333333", "#8B5A2B",
          "#999999", "#F0E442")  # fmt: skip
_NAMED = {"blue": 0, "orange": 1, "green": 2, "red": 3, "pink": 4, "purple": 4, "violet": 4,
          "black": 6, "brown": 7, "grey": 8, "gray": 8, "yellow": 9}  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
INK, FAINT = "#222222", "#6B6B6B"
NEGATIVE, POSITIVE = "#0072B2", "#D55E00"
DIVERGING = LinearSegmentedColormap.from_list("nnfit", [NEGATIVE, "#F7F7F7", POSITIVE])
SEQUENTIAL = "cividis"
SMALLEST = 10.0  # points; less can't be read from the last row
DPI = {"png": 300, "svg": 150, "pdf": 150}  # of the parts of vector files that are images
NAME_WIDTH = 28
MAX_FIXED = 3  # columns with their values in one line
# scripts that matplotlib's own font lacks, where the machine has a font for them
_FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Hiragino Sans", "MS Gothic",
    "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS",
)  # fmt: skip


@contextmanager
def slide_style() -> Iterator[None]:
    """Draw with the settings of this module, whatever the user's matplotlibrc says."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # building a font cache is no news
    installed = {font.name for font in fontManager.ttflist}
    settings: Any = {
        "font.family": ["DejaVu Sans", *(name for name in _FALLBACKS if name in installed)],
        "font.size": 13,
        "axes.titlesize": 15,
        "axes.titlelocation": "left",
        "axes.labelsize": 13,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.useoffset": False,
        "axes.axisbelow": True,
        "text.color": INK,
        "text.parse_math": False,  # a column may be called $price$
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 11.5,
        "ytick.labelsize": 11.5,
        "legend.fontsize": 11.5,
        "legend.frameon": True,
        "legend.framealpha": 0.85,
        "legend.edgecolor": "none",
        "lines.linewidth": 2.4,
        "grid.color": "#E3E3E3",
        "svg.hashsalt": "nnfit",
        "pdf.fonttype": 42,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def contents(figure: Figure, format: str) -> bytes:
    """Return the figure as a PNG, SVG or PDF, without a date in it."""
    dated: dict[str, Any] = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that no font has becomes a box
        figure.savefig(buffer, format=format, dpi=DPI[format], metadata={dated[format]: None})
    return buffer.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that keeps its parts from overlapping."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def color(i: int) -> str:
    """Return the colour of the `i`-th of several."""
    return COLORS[i % len(COLORS)]


def class_colors(classes: Sequence[str]) -> list[str]:
    """Return a colour for each class: the one it is named after, where all are named so."""
    named = [_NAMED.get(label.strip().lower()) for label in classes]
    if None not in named and len(set(named)) == len(named):
        return [COLORS[i] for i in named if i is not None]
    return [color(k) for k in range(len(classes))]


def marker(i: int) -> str:
    """Return the marker of the `i`-th of several; a second round of colours gets others."""
    return MARKERS[(i + i // len(COLORS)) % len(MARKERS)]


def tinted(base: str, strength: Array) -> Array:
    """Return RGB (…, 3) between white, at strength 0, and a colour, at 1."""
    return 1.0 - np.asarray(strength)[..., None] * (1.0 - np.array(to_rgb(base)))


def name(text: str, width: int = NAME_WIDTH) -> str:
    """Return a name from the data as one short line."""
    return cut(clean(text), width)


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


def log_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, its figures plain; narrow ranges get more of them."""
    axes.set_yscale("log")
    axis, (low, high) = axes.yaxis, axes.get_ylim()
    decades = math.log10(high / low) if low > 0 else 1.0
    subs: Any = (1.0,) if decades > 3 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=10.0, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_formatter(NullFormatter())


def panels(figure: Figure, n: int, columns: int, **kind: Any) -> list[Axes]:
    """Return `n` small axes in rows of `columns`; what the last row lacks stays empty."""
    grid = figure.subplots(-(-n // columns), columns, squeeze=False, **kind).reshape(-1)
    for axes in grid[n:]:
        axes.set_axis_off()
    return list(grid[:n])


def color_bar(figure: Figure, shaded: Any, axes: Any, label: str, **kind: Any) -> Colorbar:
    """Return a bar without an outline that tells what the shades of `axes` stand for."""
    bar = figure.colorbar(shaded, ax=axes, pad=0.02, **({"aspect": 28} | kind))
    bar.set_label(label)
    bar.outline.set_visible(False)
    ticks(bar.ax.yaxis, n=5)
    return bar


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
