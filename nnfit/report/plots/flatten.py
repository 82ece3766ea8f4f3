"""An image, and beside it the column of numbers that it is flattened to."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nnfit.inside.pictures.flatten import Flattened
from nnfit.report.plots.colors import COLORS, FAINT, INK
from nnfit.report.plots.labels import SMALLEST, name, plain, title
from nnfit.report.plots.style import new_figure

MAX_NUMBERED = 10  # pixels along a side whose figures are written into them
FIRST, LAST = 12, 3  # numbers that are written beside the column
TURN = COLORS[3]  # where a row of the image ends and the next begins


def draw(picture: Flattened) -> Figure:
    """Draw the image with its figures, the column of all its pixels, and some of its numbers."""
    height, width = picture.pixels.shape
    figure = new_figure(11.0, 6.0)
    image, column, numbers = figure.subplots(1, 3, width_ratios=(4.8, 0.5, 2.2))
    known = picture.pixels[np.isfinite(picture.pixels)]
    scale = Normalize(min(0.0, known.min(initial=0.0)), known.max(initial=0.0) or 1.0)
    image.set_facecolor("#F3D9C8")  # gaps
    image.imshow(picture.pixels, "gray", scale, interpolation="nearest")
    if max(height, width) <= MAX_NUMBERED:
        for (i, j), value in np.ndenumerate(picture.pixels):
            shade = INK if scale(value) > 0.5 else "white"
            text = "" if np.isnan(value) else plain(float(f"{value:.3g}"))
            image.text(j, i, text, ha="center", va="center", fontsize=SMALLEST, color=shade)
    for i in range(1, height):
        image.axhline(i - 0.5, color=TURN, linewidth=1.2 if height <= 40 else 0.4)
    image.set(xticks=[], yticks=[])
    image.set_xlabel(f"{height} rows of {width}, read from the top left")
    _column(column, picture, scale)
    _numbers(numbers, picture)
    shapes = f"{height}×{width} → {height * width}"
    title(
        image, f"{name(picture.source, 30)}, row {picture.row}: {shapes}", name(picture.label, 60)
    )
    return figure


def _column(axes: Axes, picture: Flattened, scale: Normalize) -> None:
    """Draw all pixels below each other."""
    height, width = picture.pixels.shape
    axes.set_facecolor("#F3D9C8")
    axes.imshow(
        picture.pixels.reshape(-1, 1), "gray", scale, aspect="auto", interpolation="nearest"
    )
    for i in range(1, height):
        axes.axhline(i * width - 0.5, color=TURN, linewidth=1.2 if height <= 40 else 0.4)
    axes.set(xticks=[])
    axes.set_yticks([0, height * width - 1], ["1", str(height * width)])
    axes.set_xlabel("x")


def _numbers(axes: Axes, picture: Flattened) -> None:
    """Write the first numbers and the last ones, each with its column's name."""
    axes.set_axis_off()
    values, n = picture.pixels.reshape(-1), picture.pixels.size
    shown = [*range(min(n, FIRST)), None, *range(max(FIRST, n - LAST), n)]
    if n <= FIRST + LAST:
        shown = list(range(n))
    for line, k in enumerate(shown):
        at = (0.0, 1.0 - (line + 0.5) / (FIRST + LAST + 1))
        if k is None:
            axes.annotate("⋮", at, xycoords="axes fraction", va="center", color=FAINT)
            continue
        value = "gap" if np.isnan(values[k]) else plain(float(f"{values[k]:.6g}"))
        turns = k > 0 and k % picture.pixels.shape[1] == 0
        axes.annotate(
            f"{name(picture.names[k], 16)} = {value}", at, xycoords="axes fraction", va="center",
            fontsize=12, color=TURN if turns else INK,
        )  # fmt: skip
