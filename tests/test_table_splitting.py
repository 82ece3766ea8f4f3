"""Training, validation and test rows: sizes, classes, seeds and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnfit.table.splitting import split


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
