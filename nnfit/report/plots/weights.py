"""First-layer weights as a heat map, or as an image for each unit."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nnfit.inside.pictures.weights import Weights
from nnfit.report.figures import count
from nnfit.report.phi import pretty
from nnfit.report.plots.colors import DIVERGING, INK
from nnfit.report.plots.labels import SMALLEST, name, title, units_text
from nnfit.report.plots.style import color_bar, new_figure, panels

MAX_NUMBERED = 120  # cells with their figure in them
DROPPED = "#D9D9D9"  # pixels without a weight: grey, as no weight is


def draw(picture: Weights) -> Figure:
    """Draw W of the first layer as it is, a row for each unit, or an image for each unit."""
    largest = float(np.nanmax(np.abs(picture.W))) or 1.0
    scale = Normalize(-largest, largest)
    if picture.shape is not None:
        return _images(picture, scale)
    n_units, n_inputs = picture.W.shape
    numbered = n_units * n_inputs <= MAX_NUMBERED and n_inputs <= 12
    longest = max(len(pretty(name(n))) for n in picture.input_names)
    cell = max(0.8 if numbered else 0.3, 0.105 * longest if n_inputs <= 8 else 0.0)
    room = float(np.clip(cell * n_inputs, 3.5, 9.5))
    crowded = 0.1 * longest > room / n_inputs
    height = float(np.clip((0.42 if numbered else 0.2) * n_units, 1.0, 8.0))
    figure = new_figure(room + 3.4, height + 1.6 + (0.085 * longest if crowded else 0.3))
    axes = figure.subplots()
    image = axes.imshow(
        picture.W, cmap=DIVERGING, norm=scale, aspect="auto", interpolation="nearest"
    )
    if numbered:
        for (i, j), w in np.ndenumerate(picture.W):
            shade = "white" if abs(w) > 0.62 * largest else INK
            axes.text(j, i, f"{w:.2g}", ha="center", va="center", fontsize=11, color=shade)
    every = max(1, -(-n_units // max(1, int(height / 0.2))))
    units = range(0, n_units, every)
    axes.set_yticks(units, [name(picture.unit_names[i]) for i in units])
    axes.set_xticks(range(n_inputs), [pretty(name(n)) for n in picture.input_names])
    axes.tick_params(axis="y", labelsize=SMALLEST if n_units > 20 else 11.5, length=0)
    axes.tick_params(axis="x", labelsize=SMALLEST if n_inputs > 12 else 11.5, length=0)
    if crowded:
        axes.tick_params(axis="x", rotation=90)
    axes.spines[:].set_visible(False)
    color_bar(figure, image, axes, "weight")
    all_shown = n_inputs == picture.n_inputs
    of = "" if all_shown else f", of {picture.n_inputs}: those with the largest weights"
    below = f"{count(n_units, 'unit')} × {count(n_inputs, 'input')}{of}"
    title(axes, "First-layer weights W", below)
    return figure


def _images(picture: Weights, scale: Normalize) -> Figure:
    n = len(picture.W)
    assert picture.shape is not None
    columns = min(int(np.ceil(np.sqrt(n * 1.6))), 8)
    rows = -(-n // columns)
    size = 1.9 if columns <= 5 else 1.1
    figure = new_figure(max(columns * size + 1.4, 6.5), rows * (size + 0.25) + 1.4)
    grid = panels(figure, n, columns)
    for axes, W, unit in zip(grid, picture.W, picture.unit_names, strict=False):
        axes.set_facecolor(DROPPED)
        axes.imshow(W, cmap=DIVERGING, norm=scale, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name(unit, int(8 * size)), fontsize=SMALLEST, loc="center", pad=2)
        axes.spines[:].set_visible(False)
    color_bar(figure, grid[0].images[0], grid, "weight of each pixel", aspect=30)
    shape = "×".join(map(str, picture.shape))
    text = f"First-layer weights W: {units_text(n, picture.n_units)}, an image of {shape} each"
    figure.suptitle(text, fontsize=14)
    n_dropped = int(np.isnan(picture.W[0]).sum())
    if n_dropped:
        why = f"{count(n_dropped, 'pixel')} without a weight: of one value in all training rows"
        figure.legend(handles=[Patch(color=DROPPED, label=why)], loc="outside lower left")
    return figure
