"""A sweep: each trial a line through what was tried of the keys, and each key against the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from nnfit.inside.pictures.sweep import SweepPicture, TriedKey
from nnfit.nn.arrays import Array
from nnfit.report.figures import count, number
from nnfit.report.plots.colors import COLORS, FAINT, INK, SEQUENTIAL
from nnfit.report.plots.labels import SMALLEST, log_axis, name, plain, ticks, title, turn_labels
from nnfit.report.plots.style import new_figure

COLUMNS = 4  # of the small panels
MOST_LABELS = 12
BEST = COLORS[3]


def draw(picture: SweepPicture) -> Figure:
    """Draw parallel coordinates, and below them a panel for each key."""
    n = len(picture.keys)
    rows = -(-n // COLUMNS)
    columns = -(-n // rows)
    width = max(9.0, 2.0 * (n + 1))
    figure = new_figure(width, 4.4 + 2.6 * rows)
    parts: Any = figure.subfigures(2, 1, height_ratios=[4.4, 2.6 * rows])
    above, below = parts
    _parallel(above.subplots(), picture)
    panels = below.subplots(rows, columns, squeeze=False, sharey=True).reshape(-1)
    for axes in panels[n:]:
        axes.set_axis_off()
    for i, (axes, key) in enumerate(zip(panels, picture.keys, strict=False)):
        _against_score(axes, key, picture, width / columns - 1.0)
        if i % columns == 0:
            axes.set_ylabel(_score_name(picture))
    return figure


def _score_name(picture: SweepPicture) -> str:
    return picture.metric.replace("_", " ")


def _parallel(axes: Axes, picture: SweepPicture) -> None:
    """Draw a line for each trial, the best last and above the others."""
    score = TriedKey(
        name=_score_name(picture), values=picture.scores, labels=(),
        logarithmic=picture.logarithmic,
    )  # fmt: skip
    all_axes = [*picture.keys, score]
    places = np.arange(len(all_axes), dtype=float)
    heights = np.stack([_heights(key, picture.less_is_better and key is score) for key in all_axes])
    lines = [np.column_stack([places, heights[:, i]]) for i in range(heights.shape[1])]
    strength = np.linspace(1.0, 0.0, len(lines))  # the worst are faint, the best dark
    alpha = float(np.clip(30.0 / len(lines), 0.15, 0.8))
    shades = colormaps[SEQUENTIAL](strength)
    axes.add_collection(LineCollection(lines, colors=list(shades), linewidths=1.3, alpha=alpha))
    axes.plot(places, heights[:, -1], color=BEST, linewidth=3.0, zorder=3)
    for place, key in zip(places, all_axes, strict=True):
        axes.axvline(place, color=FAINT, linewidth=1.0, zorder=2)
        _labels(axes, place, key, picture.less_is_better and key is score)
    axes.set_xlim(-0.35, len(all_axes) - 0.35)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xticks(places, [_short(key.name) for key in all_axes])
    axes.tick_params(axis="x", length=0, pad=8.0)
    best = number(float(picture.scores[-1]))
    failed = f", {picture.failed:,} without a score" if picture.failed else ""
    said = f"{count(picture.n_trials, 'trial')}{failed}; the best, {_score_name(picture)} {best}"
    title(axes, "What was tried, and what came of it", f"{said}, is the thick line")


def _short(key: str) -> str:
    """Return a dotted key in two lines."""
    section, dot, own = key.rpartition(".")
    return f"{name(section, 18)}{dot}\n{name(own, 18)}" if dot else name(key, 18)


def _scaled(key: TriedKey, values: Array) -> Array:
    return np.log(values) if key.logarithmic else values


def _heights(key: TriedKey, falls: bool) -> Array:
    """Return where a key's values stand, between 0 and 1; one value alone in the middle."""
    values = _scaled(key, key.values)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.full(len(values), 0.5)
    heights: Array = (values - low) / (high - low)
    return 1.0 - heights if falls else heights


def _labels(axes: Axes, place: float, key: TriedKey, falls: bool) -> None:
    """Write what stands where beside an axis."""
    if key.labels:
        shown = _spaced(len(key.labels), MOST_LABELS)
        texts, heights = [key.labels[i] for i in shown], [0.5]
        if len(key.labels) > 1:
            heights = [i / (len(key.labels) - 1) for i in shown]
    else:
        low, high = float(key.values.min()), float(key.values.max())
        middle = float(np.sqrt(low * high)) if key.logarithmic else (low + high) / 2.0
        texts, heights = [plain(float(f"{v:.3g}")) for v in (low, middle, high)], [0.0, 0.5, 1.0]
        if low == high:
            texts, heights = [texts[0]], [0.5]
        if falls:
            heights = [1.0 - height for height in heights]
    for text, height in zip(texts, heights, strict=True):
        axes.annotate(
            name(text, 12), (place, height), (5.0, 0.0), textcoords="offset points", va="center",
            fontsize=SMALLEST, color=INK, zorder=4,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def _spaced(n: int, most: int) -> Sequence[int]:
    return range(0, n, -(-n // most))


def _against_score(axes: Axes, key: TriedKey, picture: SweepPicture, room: float) -> None:
    """Draw a dot for each trial, the best in its own colour."""
    alpha = float(np.clip(20.0 / np.sqrt(len(picture.scores)), 0.2, 0.8))
    axes.scatter(
        key.values[:-1], picture.scores[:-1], s=24, color=COLORS[0], alpha=alpha, linewidths=0
    )
    axes.scatter(key.values[-1:], picture.scores[-1:], s=60, color=BEST, zorder=3)
    axes.grid(axis="y")
    axes.set_xlabel(_short(key.name))
    if key.labels:
        shown = _spaced(len(key.labels), MOST_LABELS)
        labels = [key.labels[i] for i in shown]
        axes.set_xticks(list(shown), [name(label, 12) for label in labels])
        axes.margins(x=0.15)
        turn_labels(axes, labels, room)
    elif key.logarithmic:
        log_axis(axes, x=True)
    else:
        ticks(axes.xaxis, n=4)
    if picture.logarithmic:
        log_axis(axes)
    else:
        ticks(axes.yaxis, n=5)
