"""Compact plots as text, for a terminal, of the kinds that have such a form.

Braille dots where the stream can show them in colours, else a character for each series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, TextIO

import numpy as np
from rich.text import Text

from nnfit.inside.pictures.confusion import Confusion
from nnfit.inside.pictures.fit import FitCurves
from nnfit.inside.pictures.loss import LossCurves
from nnfit.nn.arrays import Array
from nnfit.report.figures import cut, is_wide, number
from nnfit.report.phi import pretty
from nnfit.report.screen import Cell, Screen

HEIGHT = 14  # lines
MAX_WIDTH = 100
SHADES = " ░▒▓█"
STYLES = ("blue", "yellow", "green", "magenta", "cyan", "red", "bright_blue", "bright_green")
LETTERS = "*o+x#%@&"
DOTS = "."
# the dot of a braille character at (row, column): Unicode 1.1, U+2800
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True)
class _Series:
    """Points (n,) with finite ones among them."""

    x: Array
    y: Array
    label: str
    curve: int | None  # which of the curves; None for data, whose points are not joined

    @property
    def style(self) -> str:
        """The colour."""
        return "bright_black" if self.curve is None else STYLES[self.curve % len(STYLES)]

    @property
    def letter(self) -> str:
        """The sign where there are no colours."""
        return DOTS if self.curve is None else LETTERS[self.curve % len(LETTERS)]


def print_plot(picture: object, stream: TextIO) -> None:
    """Print a picture of a kind whose `text` is true."""
    write(picture, Screen(stream))


@singledispatch
def write(picture: object, screen: Screen) -> None:
    """Write a picture; what follows is registered for the pictures it takes."""
    raise TypeError(f"{type(picture).__name__} has no form as text")


@write.register
def _loss(picture: LossCurves, screen: Screen) -> None:
    logarithmic = is_wide(*picture.ends)
    series = [
        _Series(curve.x.astype(np.float64), np.log(curve.y) if logarithmic else curve.y, label, i)
        for i, curve in enumerate(picture.curves)
        for label in [cut(curve.label, 60)]
    ]
    head = f"loss ({picture.loss})" + (", logarithmic" if logarithmic else "")
    lines = _plot(screen, series, math.exp if logarithmic else float, "epoch", True)
    for run in picture.runs:
        if run.best is not None:
            whose = f"{cut(run.name, 30)}, " if len(picture.runs) > 1 else ""
            best = f"{run.best_by}, validation loss {number(run.best)}"
            lines.append(Text(whose + best))
    screen.write(Text(head, "bold"), *lines, wrap=False)


@write.register
def _fit(picture: FitCurves, screen: Screen) -> None:
    names = [cut(target, 40) for target in picture.targets]
    if picture.classes:
        names = [f"probability of {cut(picture.classes[1], 30)}"]
    many = len(picture.classes) > 2
    if many:
        names, labels = ["probability"], [cut(label, 30) for label in picture.classes]
    else:
        spelt = pretty if screen.unicode else str
        labels = [f"{cut(c.name, 30)}: {cut(spelt(c.phi), 60)}" for c in picture.curves]
    for k, name in enumerate(names):
        curves = picture.curves[0].values.T if many else [c.values[:, k] for c in picture.curves]
        pairs = zip(labels, curves, strict=True)
        series = [_Series(picture.grid, y, label, i) for i, (label, y) in enumerate(pairs)]
        if not many:
            points = picture.y_points[:, k].astype(np.float64)
            series.insert(0, _Series(picture.x_points, points, "data", None))
        lines = _plot(screen, series, float, cut(picture.x, 40), False)
        screen.write(Text(name, "bold"), *lines, wrap=False)


@write.register
def _confusion(picture: Confusion, screen: Screen) -> None:
    """Print counts and shares of each true class; shares alone as shades when space is short."""
    labels = [cut(label, 14) for label in picture.classes]
    shares, counts = picture.shares, picture.counts
    title = Text(f"confusion of {cut(picture.target, 40)}, {int(counts.sum()):,} rows", "bold")
    K = len(labels)
    rows: list[list[Cell]] = [
        [label, *(_cell(int(counts[i, j]), float(shares[i, j]), i == j) for j in range(K))]
        for i, label in enumerate(labels)
    ]
    table = screen.table("l" + "r" * len(labels), ["true \\ predicted", *labels], rows)
    if screen.fits(table):
        screen.write(title, table)
        return
    width = max(len(label) for label in labels)
    lines = [
        Text(f"{label.rjust(width)} ").append(
            "".join(SHADES[math.ceil(p * (len(SHADES) - 1))] * 2 for p in line), "green"
        )
        for label, line in zip(labels, shares, strict=True)
    ]
    foot = Text("rows: true classes; columns: predicted ones, in the same order", "dim")
    screen.write(title, *lines, foot, wrap=False)


def _cell(n: int, share: float, right: bool) -> Text:
    if not n:
        return Text("0", "dim")
    return Text(f"{n:,} {100 * share:3.0f} %", "green" if right else "red")


def _plot(
    screen: Screen, series: Sequence[_Series], shown: Any, x_name: str, whole: bool
) -> list[Text]:
    """Return the lines of a plot with its axes and legend.

    Parameters
    ----------
    shown : callable
        From a height to the figure written beside it.
    whole : bool
        The figures below are integers.
    """
    x = np.concatenate([s.x for s in series])
    y = np.concatenate([s.y for s in series])
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    (left, right), (low, high) = _ends(x), _ends(y)
    marks = {0: high, HEIGHT // 2: high + (low - high) * (HEIGHT // 2) / (HEIGHT - 1)}
    marks[HEIGHT - 1] = low
    figures = {row: number(float(shown(value))) for row, value in marks.items()}
    margin = max(map(len, figures.values()))
    width = min(screen.width, MAX_WIDTH) - margin - 3
    canvas = _Canvas(max(width, 8), HEIGHT, braille=screen.color and screen.unicode)
    for s in series:
        finite = np.isfinite(s.x) & np.isfinite(s.y)
        u, v = (s.x[finite] - left) / (right - left), (s.y[finite] - low) / (high - low)
        canvas.add(u, v, s)
    bar, corner, line = ("│", "└", "─") if screen.unicode else ("|", "+", "-")
    lines = [
        Text(f"{figures.get(row, '').rjust(margin)} {bar}", "dim").append_text(drawn)
        for row, drawn in enumerate(canvas.lines())
    ]
    lines.append(Text(f"{' ' * margin} {corner}{line * canvas.width}", "dim"))
    first, last = (f"{round(v):,}" if whole else number(float(v)) for v in (left, right))
    space = canvas.width - len(first) - len(last)
    between = x_name.center(space) if len(x_name) + 2 <= space else " " * max(space, 1)
    lines.append(Text(f"{' ' * margin}  {first}{between}{last}", "dim"))
    for s in series:
        sign = "•" if canvas.braille else s.letter
        lines.append(Text(f"{' ' * margin}  ").append(sign, s.style).append(f" {s.label}"))
    return lines


def _ends(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


class _Canvas:
    """Dots in a rectangle of characters: 2 x 4 in each with braille, else one letter."""

    def __init__(self, width: int, height: int, braille: bool) -> None:
        self.width, self.height, self.braille = width, height, braille
        self._bits = np.zeros((height, width), dtype=np.int64)
        self._last = np.full((height, width), None)  # the series seen at each place

    def add(self, u: Array, v: Array, series: _Series) -> None:
        """Put points at (u, v) in [0, 1], v upwards; what comes later covers what was there."""
        across, down = (2, 4) if self.braille else (1, 1)
        columns, rows = self.width * across, self.height * down
        if series.curve is not None and len(u) > 1:
            order = np.argsort(u, kind="stable")
            fine = np.linspace(0.0, 1.0, 4 * columns)
            fine = fine[(fine >= u[order[0]]) & (fine <= u[order[-1]])]
            u, v = np.append(u, fine), np.append(v, np.interp(fine, u[order], v[order]))
        i = np.clip(((1.0 - v) * (rows - 1)).round().astype(np.intp), 0, rows - 1)
        j = np.clip((u * (columns - 1)).round().astype(np.intp), 0, columns - 1)
        for row, column in set(zip(i.tolist(), j.tolist(), strict=True)):
            at = row // down, column // across
            if self.braille:
                self._bits[at] |= _BRAILLE[row % down][column % across]
            self._last[at] = series

    def lines(self) -> list[Text]:
        """Return the rows, from the top."""
        rows = []
        for bits, last in zip(self._bits, self._last, strict=True):
            line = Text()
            for bit, series in zip(bits, last, strict=True):
                sign = chr(0x2800 + int(bit)) if bit else series.letter if series else " "
                line.append(sign, series.style if series else "")
            rows.append(line)
        return rows
