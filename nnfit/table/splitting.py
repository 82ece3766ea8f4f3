"""Rows into training, validation and test sets, or into folds, each class in its proportion.

Groups stay whole, and where there is time the latest rows are held out. Not a shuffle of the
training rows: that is training's, every epoch anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfit.table.arrangement import Arrangement

Indices = NDArray[np.intp]
Codes = NDArray[np.integer[Any]]
PARTS = ("train", "validation", "test")
BY_CHANCE = Arrangement()


def split(
    n_rows: int,
    codes: Codes | None,
    validation: float,
    test: float,
    rng: np.random.Generator,
    arrangement: Arrangement = BY_CHANCE,
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
    arrangement : Arrangement
        Rows of one group fall to one set; sizes and classes are then as near their share as
        whole groups allow, see `_whole`. By time the test rows are the latest, the validation
        rows those before them, whatever their classes.

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
    if arrangement.groups is not None:
        shares = (1.0 - validation - test, validation, test)
        n_groups = len(np.unique(arrangement.groups))
        if n_groups < sum(share > 0.0 for share in shares):
            raise ValueError(
                f"{n_groups} {'group is' if n_groups == 1 else 'groups are'} too few for "
                f"{_sets(validation, test)} rows beside those of training"
            )
        return _by_number(_whole(arrangement.groups, codes, shares, rng))
    if arrangement.ranks is not None:
        n_validation, n_test = _sizes(n_rows, validation, test, n_rows - 1, "a training row")
        ends = np.array([n_rows - n_validation - n_test, n_rows - n_test])
        return _by_number(np.searchsorted(ends, arrangement.ranks, side="right"))
    order = rng.permutation(n_rows)
    order = order[np.argsort(codes[order], kind="stable")]
    _, class_of, counts = np.unique(codes[order], return_inverse=True, return_counts=True)
    beside = "a training row of every class"
    n_validation, n_test = _sizes(n_rows, validation, test, int((counts - 1).sum()), beside)
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


def folds(
    n_rows: int,
    codes: Codes | None,
    k: int,
    rng: np.random.Generator,
    arrangement: Arrangement = BY_CHANCE,
    classes: Sequence[str] = (),
) -> Indices:
    """Return the fold of each row (N,), 0 to k - 1: no two folds share a row, and none is empty.

    Parameters
    ----------
    n_rows : int
        N.
    codes : int ndarray of shape (N,), optional
        Every row's class, an index into `classes`, the labels for messages. The rows of a class
        in two folds differ by one at most, and so do the folds' sizes.
    k : int
        How many folds, 2 or more.
    rng : Generator
    arrangement : Arrangement
        Rows of one group fall to one fold, sizes and classes as even as whole groups allow, see
        `_whole`. By time each fold is a span, fold 0 the earliest, whatever the classes.

    Raises
    ------
    ValueError
        If rows, groups, or the rows of a class are fewer than folds, in one line.
    """
    groups = arrangement.groups
    for what, n in (
        ("rows to train on", n_rows),
        ("groups to train on", n_rows if groups is None else len(np.unique(groups))),
    ):
        if n < k:
            raise ValueError(f"got {n} {what}; expected one or more for each of {k} folds")
    if codes is None:
        codes = np.zeros(n_rows, dtype=np.intp)
    counts = np.bincount(codes)
    if (rare := np.flatnonzero((counts > 0) & (counts < k))).size:
        n = counts[rare[0]]
        raise ValueError(
            f"class {classes[rare[0]]!r} has {n} {'row' if n == 1 else 'rows'} to train on; "
            f"expected one or more for each of {k} folds"
        )
    if groups is not None:
        return _whole(groups, codes, (1.0 / k,) * k, rng)
    if arrangement.ranks is not None:
        return arrangement.ranks * k // n_rows
    order = rng.permutation(n_rows)
    order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(n_rows, dtype=np.intp)
    fold[order] = np.arange(n_rows) % k  # dealt out, from class to class without a break
    return fold


def _by_number(numbers: Indices) -> tuple[Indices, Indices, Indices]:
    """Return the places of 0, 1 and 2."""
    train, validation, test = (np.flatnonzero(numbers == number) for number in range(3))
    return train, validation, test


def _whole(
    groups: Indices, codes: Codes, shares: Sequence[float], rng: np.random.Generator
) -> Indices:
    """Return for each row (N,) the set that its group falls to, each of its share of the rows.

    The groups come by falling size, ties drawn, and each goes where it lowers most, or raises
    least, the sum over sets s and classes j of (n_sj - f_s n_j)² / (f_s n_j²): n_sj rows of n_j
    in a set of share f_s. For equal shares that is the set that is emptiest in the group's
    classes; then the one of fewest rows counts, and then the draw. Sets are not left empty while
    there are groups enough.
    """
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _, class_of, n_class = np.unique(codes, return_inverse=True, return_counts=True)
    pairs, counts = np.unique(group_of * len(n_class) + class_of, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(len(sizes) + 1) * len(n_class))
    f = np.array(shares)[:, None]
    wanted = np.flatnonzero(f[:, 0])
    target, scale = f[wanted] * n_class, 1.0 / (f[wanted] * n_class * n_class)
    filled, totals = np.zeros_like(target), np.zeros(len(wanted))
    ties = rng.permutation(len(wanted))
    set_of = np.empty(len(sizes), dtype=np.intp)
    drawn = rng.permutation(len(sizes))
    for left, group in zip(
        range(len(sizes), 0, -1), drawn[np.argsort(-sizes[drawn], kind="stable")], strict=True
    ):
        own = slice(starts[group], starts[group + 1])
        j, c = pairs[own] % len(n_class), counts[own]
        costs = (2.0 * c * (filled[:, j] - target[:, j]) + c**2) * scale[:, j]
        # summed in one order on every machine, so that every machine draws the same sets
        cost = costs.cumsum(axis=1)[:, -1]
        if left <= len(wanted) and left <= np.count_nonzero(totals == 0.0):
            cost[totals > 0.0] = np.inf
        best = np.flatnonzero(cost == cost.min())
        best = best[np.lexsort((ties[best], totals[best]))[0]] if len(best) > 1 else best[0]
        filled[best, j] += c
        totals[best] += sizes[group]
        set_of[group] = wanted[best]
    return set_of[group_of]


def _sets(validation: float, test: float) -> str:
    """Return what is held out, for a message."""
    shares = zip(PARTS[1:], (validation, test), strict=True)
    return " and ".join(part for part, share in shares if share > 0)


def _sizes(
    n_rows: int, validation: float, test: float, capacity: int, beside: str
) -> tuple[int, int]:
    """Return how many rows to hold out, when training can spare `capacity` of them."""
    wanted = [
        max(1, int(fraction * n_rows + 0.5)) if fraction > 0.0 else 0
        for fraction in (validation, test)
    ]
    n_sets = sum(size > 0 for size in wanted)
    if capacity < n_sets:
        raise ValueError(
            f"{n_rows} {'row is' if n_rows == 1 else 'rows are'} too few for "
            f"{_sets(validation, test)} rows beside {beside}"
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
