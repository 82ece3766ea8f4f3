"""First-layer weights as a heat map, or as an image for each unit."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nnfit.inside.pictures.weights import Weights
from nnfit.report.phi import pretty
from nnfit.report.plots.colors import DIVERGING, INK
from nnfit.report.plots.labels import SMALLEST, name, title, units_text
from nnfit.report.plots.style import color_bar, new_figure, panels

MAX_NUMBERED = 120  # cells with their figure in them


def draw(picture: Weights) -> Figure:
    """Draw W of the first layer: inputs downwards, units across, or an image for each unit."""
    largest = float(np.nanmax(np.abs(picture.W))) or 1.0
    scale = Normalize(-largest, largest)
    if picture.shape is not None:
        return _images(picture, scale)
    n_units, n_inputs = picture.W.shape
    numbered = n_units * n_inputs <= MAX_NUMBERED and n_units <= 12
    height = max(3.4, 0.2 * n_inputs + 1.5)
    figure = new_figure(min(max(6.5, (0.75 if numbered else 0.16) * n_units + 4.5), 14.0), height)
    axes = figure.subplots()
    image = axes.imshow(
        picture.W.T, cmap=DIVERGING, norm=scale, aspect="auto", interpolation="nearest"
    )
    if numbered:
        for i, column in enumerate(picture.W):
            for j, w in enumerate(column):
                shade = "white" if abs(w) > 0.62 * largest else INK
                axes.text(i, j, f"{w:.2g}", ha="center", va="center", fontsize=11, color=shade)
    axes.set_yticks(range(n_inputs), [pretty(name(n)) for n in picture.input_names])
    axes.tick_params(axis="y", labelsize=SMALLEST if n_inputs > 20 else 11.5, length=0)
    every = max(1, -(-n_units // 16))
    places = range(0, n_units, every)
    axes.set_xticks(places, [str(i + 1) for i in places])
    axes.set_xlabel("unit of the first layer" if n_units > 1 else "the one unit")
    axes.spines[:].set_visible(False)
    color_bar(figure, image, axes, "weight")
    all_shown = n_inputs == picture.n_inputs
    below = "" if all_shown else f"the {n_inputs} inputs with the largest weights"
    title(axes, f"First-layer weights, {n_units} × {picture.n_inputs}", below)
    return figure


def _images(picture: Weights, scale: Normalize) -> Figure:
    n = len(picture.W)
    columns = min(int(np.ceil(np.sqrt(n * 1.6))), 8)
    rows = -(-n // columns)
    size = 1.9 if columns <= 5 else 1.1
    figure = new_figure(max(columns * size + 1.4, 5.5), rows * (size + 0.2) + 1.1)
    grid = panels(figure, n, columns)
    for i, (axes, W) in enumerate(zip(grid, picture.W, strict=True)):
        axes.set_facecolor("#D9D9D9")  # pixels without a weight
        axes.imshow(W, cmap=DIVERGING, norm=scale, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(str(i + 1), fontsize=SMALLEST, loc="center", pad=2)
        axes.spines[:].set_visible(False)
    color_bar(figure, grid[0].images[0], grid, "weight of each pixel", aspect=30)
    figure.suptitle(f"First-layer weights: {units_text(n, picture.n_units)}", fontsize=14)
    return figure
