"""What one number becomes: scaled, and beside that its piecewise linear encoding, if it has bins.

Not the choice of the numbers, which `inputs` makes; a bin has its edges from the training rows.

References
----------
Gorishniy, Rubachev, Babenko, On embeddings for numerical features in tabular deep learning, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from nnfit.storage import json_checks as check
from nnfit.table.scaling import Scaler, scaler_from_meta
from nnfit.table.table import Floats

MAX_BINS = 100


def encode(
    x: Floats, low: Floats | float, high: Floats | float, out: Floats | None = None
) -> Floats:
    """Return clip((x - low) / (high - low), 0, 1), into `out` if that is given."""
    with np.errstate(over="ignore"):
        y = np.asarray((x - low) / (high - low))
    return np.clip(y, 0.0, 1.0, out=y if out is None else out)


@dataclass(frozen=True)
class Piece:
    """One bin: 0 below it, 1 above, and a straight line between."""

    low: float
    high: float

    def apply(self, x: Floats) -> Floats:
        """Return `x` encoded, as a new array of the same shape."""
        return encode(x, self.low, self.high)

    def slope(self, x: float) -> float:
        """Return the derivative at `x`: NaN at the two ends, where it bends."""
        if x in (self.low, self.high):
            return np.nan
        with np.errstate(over="ignore"):
            inside = self.low < x < self.high
            return float(1.0 / (np.float64(self.high) - self.low)) if inside else 0.0


@dataclass(frozen=True)
class Scaling:
    """A scaler, and the T + 1 ascending edges of T bins, or none."""

    scaler: Scaler
    edges: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """How many inputs there are: 1 + T."""
        return max(1, len(self.edges))

    @cached_property
    def parts(self) -> tuple[Scaler | Piece, ...]:
        """What makes each of the inputs: the scaler, then the pieces."""
        return self.scaler, *(Piece(low, high) for low, high in pairwise(self.edges))

    def names(self, name: str) -> list[str]:
        """Return what the inputs of the number `name` are called: `age`, `age in 17..21`."""
        told = ([f"{edge:.{digits}g}" for edge in self.edges] for digits in range(4, 18))
        apart = next(texts for texts in told if len(set(texts)) == len(self.edges))
        return [name, *(f"{name} in {low}..{high}" for low, high in pairwise(apart))]

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        edges = {"edges": list(self.edges)} if self.edges else {}
        return {"scaler": self.scaler.to_meta(), **edges}

    @classmethod
    def from_meta(cls, meta: dict[str, Any], where: str) -> Scaling:
        """Return the scaling that `to_meta` wrote, or raise ValueError with the reason."""
        scaler = scaler_from_meta(meta["scaler"], f"{where}.scaler")
        if "edges" not in meta:
            return cls(scaler)
        edges = check.numbers(meta["edges"], f"{where}.edges")
        if not 2 <= len(edges) <= MAX_BINS + 1:
            raise ValueError(f"{where}.edges must be a list of 2 to {MAX_BINS + 1} numbers")
        if not (all(a < b for a, b in pairwise(edges)) and edges[-1] - edges[0] < np.inf):
            raise ValueError(f"{where}.edges must ascend")
        return cls(scaler, edges)


def fit_edges(bins: int, x: Floats) -> tuple[float, ...]:
    """Return the edges of the bins of one input: its evenly spaced quantiles, each value once.

    Parameters
    ----------
    bins : int
        One less than the quantiles; 0 for no edges.
    x : float64 ndarray of shape (N,)
        The training rows, finite. Two values are told apart without bins: they get no edges.

    Raises
    ------
    ValueError
        If the values are too far apart for float64.
    """
    values = np.sort(x) if bins else x[:0]
    if np.count_nonzero(values[1:] != values[:-1]) < 2:
        return ()
    # Places among the sorted rows in whole numbers: a quantile that is a value is that value,
    # where a rounding error would make a bin of its own beside it.
    whole, rest = np.divmod(np.arange(bins + 1) * (len(values) - 1), bins)
    low, high = values[whole], values[np.minimum(whole + 1, len(values) - 1)]
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(values[-1] - values[0]):
            raise ValueError(f"from {values[0]:g} to {values[-1]:g} is too far apart for bins")
    return tuple(np.unique(low + (high - low) * (rest / bins)).tolist())
