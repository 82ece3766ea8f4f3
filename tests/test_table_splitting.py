"""Training, validation and test rows, and folds: sizes, classes, groups, time, seeds, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnfit.table.arrangement import Arrangement
from nnfit.table.splitting import folds, split


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_row_once_ascending() -> None:
    parts = split(10, None, 0.2, 0.3, _rng())
    assert [len(part) for part in parts] == [5, 2, 3]
    assert sorted(np.concatenate(parts).tolist()) == list(range(10))
    assert all((np.diff(part) > 0).all() for part in parts)


def test_nothing_held_out() -> None:
    train, validation, test = split(3, None, 0.0, 0.0, _rng())
    assert train.tolist() == [0, 1, 2] and len(validation) == len(test) == 0


def test_seeds() -> None:
    first, again, other = (split(50, None, 0.2, 0.0, _rng(seed)) for seed in (1, 1, 2))
    assert first[1].tolist() == again[1].tolist() != other[1].tolist()


def test_classes_keep_their_share() -> None:
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    train, validation, test = split(100, codes, 0.1, 0.2, _rng())
    assert np.bincount(codes[train]).tolist() == [35, 21, 14]
    assert np.bincount(codes[validation]).tolist() == [5, 3, 2]
    assert np.bincount(codes[test]).tolist() == [10, 6, 4]


def test_a_class_with_one_row_stays_in_training() -> None:
    codes = np.array([0] * 5 + [1])
    for seed in range(20):
        train, validation, _ = split(6, codes, 0.8, 0.0, _rng(seed))
        assert 5 in train and len(validation) == 4  # of 5 wanted, one class has none to spare


def test_codes_need_not_be_consecutive() -> None:
    codes = np.array([7, 7, 7, 7, 900, 900, 900, 900])
    train, validation, _ = split(8, codes, 0.25, 0.0, _rng())
    assert sorted(codes[validation].tolist()) == [7, 900] and len(train) == 6


def test_small_fractions_give_a_row() -> None:
    assert [len(part) for part in split(3, None, 0.01, 0.01, _rng())] == [1, 1, 1]
    assert [len(part) for part in split(2, None, 0.01, 0.0, _rng())] == [1, 1, 0]


@pytest.mark.parametrize(
    ("n_rows", "codes", "validation", "test", "reason"),
    [
        (
            10,
            None,
            0.5,
            0.5,
            "validation and test take 0.5 + 0.5 of the rows; expected less than 1, so that some "
            "are left for training",
        ),
        (
            1,
            None,
            0.2,
            0.0,
            "1 row is too few for validation rows beside a training row of every class",
        ),
        (
            2,
            None,
            0.2,
            0.2,
            "2 rows are too few for validation and test rows beside a training row of every class",
        ),
        (
            4,
            [0, 1, 2, 3],
            0.0,
            0.5,
            "4 rows are too few for test rows beside a training row of every class",
        ),
    ],
)
def test_refused(
    n_rows: int, codes: list[int] | None, validation: float, test: float, reason: str
) -> None:
    with pytest.raises(ValueError) as caught:
        split(n_rows, None if codes is None else np.array(codes), validation, test, _rng())
    assert str(caught.value) == reason


@given(
    st.lists(st.integers(0, 4), min_size=12, max_size=80),
    st.floats(0.0, 0.45),
    st.floats(0.0, 0.45),
    st.integers(0, 2**32),
)
def test_properties(codes: list[int], validation: float, test: float, seed: int) -> None:
    y = np.array(codes)
    n = len(y)
    parts = split(n, y, validation, test, _rng(seed))
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert set(y[parts[0]]) == set(codes)
    spare = n - len(set(codes))
    for fraction, part, other in zip(
        (validation, test), parts[1:], (parts[2], parts[1]), strict=True
    ):
        wanted = max(1, int(fraction * n + 0.5)) if fraction else 0
        assert len(part) == wanted or len(part) + len(other) == spare

        if len(part) + len(other) < spare and all(np.unique(y, return_counts=True)[1] >= 10):
            quota = np.bincount(y, minlength=5) * wanted / n
            assert np.all(np.abs(np.bincount(y[part], minlength=5) - quota) < 1.0)


CODES = st.lists(st.integers(0, 3), min_size=12, max_size=60).map(np.array)


def _counts(codes: np.ndarray, fold: np.ndarray, k: int) -> np.ndarray:
    """Return the rows of each class in each fold (k, K)."""
    return np.array([np.bincount(codes[fold == f], minlength=4) for f in range(k)])


@given(CODES, st.integers(2, 6), st.integers(0, 2**32))
def test_folds_are_even_in_size_and_in_every_class(y: np.ndarray, k: int, seed: int) -> None:
    y = np.concatenate([y, np.repeat(np.unique(y), k)])  # rows enough of every class
    fold = folds(len(y), y, k, _rng(seed), classes="abcd")
    counts = _counts(y, fold, k)
    assert np.all(np.ptp(counts, axis=0) <= 1) and np.ptp(counts.sum(axis=1)) <= 1
    np.testing.assert_array_equal(fold, folds(len(y), y, k, _rng(seed), classes="abcd"))


def test_folds_are_drawn() -> None:
    first, other = (folds(50, None, 5, _rng(seed)) for seed in (1, 2))
    assert np.bincount(first).tolist() == [10] * 5 and (first != other).any()


@given(CODES, st.integers(2, 4), st.integers(0, 2**32))
def test_groups_stay_in_one_fold(y: np.ndarray, k: int, seed: int) -> None:
    y = np.concatenate([y, np.repeat(np.unique(y), k)])
    groups = _rng(seed).permutation(len(y)) % 7
    fold = folds(len(y), y, k, _rng(seed), Arrangement(groups=groups), "abcd")
    assert all(len(np.unique(fold[groups == group])) == 1 for group in range(7))
    assert np.unique(fold).tolist() == list(range(k))
    again = folds(len(y), y, k, _rng(seed), Arrangement(groups=groups), "abcd")
    np.testing.assert_array_equal(fold, again)


def test_whole_groups_keep_classes_even(rng: np.random.Generator) -> None:
    """Groups of a few rows leave room to even the classes out, a rare one too."""
    y = rng.choice(3, 900, p=[0.6, 0.35, 0.05])
    groups = Arrangement(groups=rng.integers(0, 300, 900))
    counts = _counts(y, folds(900, y, 5, rng, groups, "abc"), 5)
    assert np.all(np.ptp(counts, axis=0) <= 3) and np.ptp(counts.sum(axis=1)) <= 3
    shares = [
        np.bincount(y[part]) / np.bincount(y) for part in split(900, y, 0.2, 0.1, rng, groups)
    ]
    np.testing.assert_allclose(shares, [[0.7] * 3, [0.2] * 3, [0.1] * 3], atol=0.05)


def test_large_groups_leave_no_set_empty() -> None:
    """Three groups, and tiny fractions: each set has one, and training the largest."""
    groups = np.repeat([0, 1, 2], [5, 50, 10])
    parts = split(65, None, 0.01, 0.01, _rng(), Arrangement(groups=groups))
    assert np.unique(groups[parts[0]]).tolist() == [1]
    assert sorted(len(part) for part in parts) == [5, 10, 50]
    assert [len(part) for part in split(65, None, 0, 0, _rng(), Arrangement(groups=groups))] == [
        65, 0, 0
    ]  # fmt: skip


def test_groups_of_equal_size_are_drawn() -> None:
    groups = Arrangement(groups=np.arange(40) // 4)
    drawn = {tuple(split(40, None, 0.2, 0.0, _rng(seed), groups)[1]) for seed in range(10)}
    assert len(drawn) > 3 and {len(rows) for rows in drawn} == {8}


@given(st.lists(st.integers(0, 9), min_size=6, max_size=40), st.integers(2, 6))
def test_time_cuts_spans(times: list[int], k: int) -> None:
    ranks = np.argsort(np.argsort(times, kind="stable"))
    n = len(times)
    fold = folds(n, None, k, _rng(), Arrangement(ranks=ranks))
    in_time = fold[np.argsort(ranks)]
    assert (np.diff(in_time) >= 0).all() and np.ptp(np.bincount(in_time, minlength=k)) <= 1
    parts = split(n, np.arange(n) % 2, 0.3, 0.2, _rng(), Arrangement(ranks=ranks))
    assert [len(part) for part in parts[1:]] == [int(0.3 * n + 0.5), int(0.2 * n + 0.5)]
    assert np.concatenate([np.sort(ranks[part]) for part in parts]).tolist() == list(range(n))


def test_what_is_left_of_an_arrangement() -> None:
    left = Arrangement(ranks=np.array([3, 0, 2, 1])).take(np.array([0, 2, 3]))
    assert left.ranks is not None and left.ranks.tolist() == [2, 1, 0] and left.groups is None


@pytest.mark.parametrize(
    ("n_rows", "codes", "groups", "reason"),
    [
        (3, None, None, "got 3 rows to train on; expected one or more for each of 4 folds"),
        (8, None, [0, 1] * 4, "got 2 groups to train on; expected one or more for each of 4 folds"),
        (8, [0] * 7 + [2], None, "class 'c' has 1 row to train on; expected one or more for each "
         "of 4 folds"),
        (8, [0] * 5 + [1] * 3, None, "class 'b' has 3 rows to train on; expected one or more for "
         "each of 4 folds"),
    ],
)  # fmt: skip
def test_too_few_for_folds(
    n_rows: int, codes: list[int] | None, groups: list[int] | None, reason: str
) -> None:
    arrangement = Arrangement(groups=None if groups is None else np.array(groups))
    with pytest.raises(ValueError) as caught:
        y = None if codes is None else np.array(codes)
        folds(n_rows, y, 4, _rng(), arrangement, "abc")
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("n_groups", "shares", "reason"),
    [
        (1, (0.2, 0.0), "1 group is too few for validation rows beside those of training"),
        (
            2,
            (0.2, 0.2),
            "2 groups are too few for validation and test rows beside those of training",
        ),
    ],
)
def test_too_few_groups(n_groups: int, shares: tuple[float, float], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        split(6, None, *shares, _rng(), Arrangement(groups=np.arange(6) % n_groups))
    assert str(caught.value) == reason


def test_too_few_rows_in_time() -> None:
    with pytest.raises(ValueError) as caught:
        split(2, None, 0.2, 0.2, _rng(), Arrangement(ranks=np.arange(2)))
    assert str(caught.value) == (
        "2 rows are too few for validation and test rows beside a training row"
    )
