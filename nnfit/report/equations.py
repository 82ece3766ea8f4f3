"""What a derivation on paper is made of: equations, products, and arrays with shapes.

It knows no network; `nnfit.report.explanation` puts the pieces together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nnfit.inside.explanation import FIRST_COLUMNS, FIRST_ROWS
from nnfit.report.arrays import array_lines, cell_width
from nnfit.report.figures import shape_text
from nnfit.report.screen import Cell, Screen

REUSED = "cyan"
MAX_FACTORS = 9  # that are reused: those of five layers

# a name, its shape, and its numbers
Line = tuple[str, Sequence[int], Sequence[Any]]


def chain(screen: Screen, factors: Sequence[Mapping[str, Any]]) -> Text:
    """Return a product with what is reused in {…}; the middle of a long one is left out."""
    reused = [screen.formula(f["term"]) for f in factors if f["reused"]]
    new = [screen.formula(f["term"]) for f in factors if not f["reused"]]
    if len(reused) > MAX_FACTORS:
        reused = [*reused[:3], "…", *reused[-3:]]
    times = screen.formula(" · ")
    text = Text()
    if reused:
        text.append("{" + times.join(reused) + "}", REUSED)
        text.append(times)
    return text.append(times.join(new))


def equations(
    screen: Screen, formulas: Sequence[tuple[str, Cell]], sign: str = " = "
) -> RenderableType:
    """Return what stands on either side of the equals signs; long right sides are folded."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for left, right in formulas:
        shown = right if isinstance(right, Text) else Text(screen.formula(right))
        grid.add_row(Text(screen.formula(f"  {left}")), Text(sign), shown)
    return grid


def arrays(screen: Screen, lines: Sequence[Line]) -> RenderableType:
    """Return names, shapes and numbers in three columns."""
    shapes = ["" if screen.narrow else shape_text(shape) for _, shape, _ in lines]
    names = [f"  {screen.formula(name)}" for name, _, _ in lines]
    left_width, shape_width = max(map(len, names)), max(map(len, shapes))
    edges = FIRST_ROWS, FIRST_COLUMNS
    cells: dict[Sequence[int], int] = {}
    for _, shape, values in lines:
        alike = tuple(shape)
        cells[alike] = max(cells.get(alike, 0), cell_width(values, *edges))
    texts = []
    for name, written, (_, shape, values) in zip(names, shapes, lines, strict=True):
        left = f"{name:<{left_width}}  {written:<{shape_width}}  "
        for line in array_lines(values, screen.width - len(left), *edges, cells[tuple(shape)]):
            texts.append(Text(f"{left}{line}", no_wrap=True, overflow="ellipsis"))
            left = " " * len(left)
    return Group(*texts)
