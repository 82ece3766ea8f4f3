"""Rows into training, validation and test sets, each class in its proportion.

Not a shuffle of the training rows: that is training's, every epoch anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
PARTS = ("train", "validation", "test")


def split(
    n_rows: int,
    codes: NDArray[np.integer[Any]] | None,
    validation: float,
    test: float,
    rng: np.random.Generator,
) -> tuple[Indices, Indices, Indices]:
    """Return the rows of the training, validation and test sets, each ascending.

    Parameters
    ----------
    n_rows : int
        N.
    codes : int ndarray of shape (N,), optional
        Every row's class; each class keeps its share of every set as nearly as whole rows
        allow (largest remainders, ties drawn), and at least one row in the training set.
    validation, test : float
        Fractions of N in [0, 1). Above 0 they give at least one row.
    rng : Generator

    Raises
    ------
    ValueError
        If the rows do not suffice, with the reason in one line.
    """
    if validation + test >= 1.0:
        raise ValueError(
            f"validation and test take {validation:g} + {test:g} of the rows; "
            "expected less than 1, so that some are left for training"
        )
    if codes is None:
        codes = np.zeros(n_rows, dtype=np.intp)
    order = rng.permutation(n_rows)
    order = order[np.argsort(codes[order], kind="stable")]
    _, class_of, counts = np.unique(codes[order], return_inverse=True, return_counts=True)
    n_validation, n_test = _sizes(n_rows, validation, test, int((counts - 1).sum()))
    for_validation = _shares(n_validation, counts, counts - 1, rng)
    for_test = _shares(n_test, counts, counts - 1 - for_validation, rng)
    rank = np.arange(n_rows) - (np.cumsum(counts) - counts)[class_of]  # within its class
    in_validation = rank < for_validation[class_of]
    in_test = ~in_validation & (rank < (for_validation + for_test)[class_of])
    return (
        np.sort(order[~in_validation & ~in_test]),
        np.sort(order[in_validation]),
        np.sort(order[in_test]),
    )


def _sizes(n_rows: int, validation: float, test: float, capacity: int) -> tuple[int, int]:
    """Return how many rows to hold out, when training can spare `capacity` of them."""
    wanted = [
        max(1, int(fraction * n_rows + 0.5)) if fraction > 0.0 else 0
        for fraction in (validation, test)
    ]
    n_sets = sum(size > 0 for size in wanted)
    if capacity < n_sets:
        sets = " and ".join(
            label for label, size in zip(("validation", "test"), wanted, strict=True) if size > 0
        )
        raise ValueError(
            f"{n_rows} {'row is' if n_rows == 1 else 'rows are'} too few for {sets} rows "
            "beside a training row of every class"
        )
    while sum(wanted) > capacity:  # from the larger set, so that both keep a row
        wanted[int(wanted[1] > wanted[0])] -= 1
    return wanted[0], wanted[1]


def _shares(size: int, counts: Indices, capacity: Indices, rng: np.random.Generator) -> Indices:
    """Return how many of `size` rows each class gives: its quota, never above its capacity."""
    quota = size * counts / counts.sum()
    shares: Indices = np.minimum(np.floor(quota).astype(np.intp), capacity)
    ties = rng.permutation(len(counts))
    while (lacking := size - int(shares.sum())) > 0:
        room = np.flatnonzero(shares < capacity)
        # Full classes leave their share to the others, the neediest first.
        neediest = room[np.lexsort((ties[room], shares[room] - quota[room]))]
        shares[neediest[:lacking]] += 1
    return shares
