"""The look of all pictures: slide sizes, the settings of matplotlib, file formats.

No figure is registered anywhere and no window opens: there is no pyplot here.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from nnfit.report.plots.colors import FAINT, INK
from nnfit.report.plots.labels import ticks

DPI = {"png": 300, "svg": 150, "pdf": 150}  # of the parts of vector files that are images
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
        "font.size": 13, "lines.linewidth": 2.4, "grid.color": "#E3E3E3",
        "text.color": INK, "text.parse_math": False,  # a column may be called $price$
        "axes.titlesize": 15, "axes.titlelocation": "left", "axes.labelsize": 13,
        "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "axes.formatter.useoffset": False,
        "xtick.color": FAINT, "xtick.labelcolor": INK, "xtick.labelsize": 11.5,
        "ytick.color": FAINT, "ytick.labelcolor": INK, "ytick.labelsize": 11.5,
        "legend.fontsize": 11.5, "legend.frameon": True, "legend.framealpha": 0.85,
        "legend.edgecolor": "none", "svg.hashsalt": "nnfit", "pdf.fonttype": 42,
    }  # fmt: skip
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
