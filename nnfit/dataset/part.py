"""One part of a table as arrays: encoded rows, their targets and their weights.

Not how they came to be: `encoding` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnfit.nn.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Part:
    """Encoded rows.

    `X` (N, D); `Y` (N, K) as the loss sees them; `weights` (N,) or None; `truth` for the
    metrics: class codes (N,), or values (N, K) in the targets' own units; `numbers` (N,) of the
    data rows, from 1.
    """

    X: Array
    Y: Array
    weights: Array | None
    truth: Array
    numbers: Array

    def __len__(self) -> int:
        return len(self.X)
