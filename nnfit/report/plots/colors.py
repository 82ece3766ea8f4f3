"""The colours of all pictures, which colour-blind people tell apart, and the markers with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from nnfit.nn.arrays import Array

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
LIGHT = LinearSegmentedColormap.from_list("light", ["#FBFBFB", "#F4BD8C", "#DD7A2B"])  # from 0 up


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
