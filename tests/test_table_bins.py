"""Piecewise linear encoding: its formula, its edges, and the way through a model's file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnfit
from nnfit.errors import ConfigError, DataError
from nnfit.model.inspection import describe
from nnfit.table.bins import Piece, Scaling, fit_edges
from nnfit.table.encoding import Encoder
from nnfit.table.rows import NamedRows
from nnfit.table.scaling import AS_IT_IS
from tests.test_table_encoding import fit

FINITE = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
COLUMN = st.lists(FINITE | st.sampled_from([0.0, 1.0]), min_size=3, max_size=40)


def pieces(edges: tuple[float, ...], x: Any) -> Any:
    """Return the encoding (N, T) that the parts of a scaling give."""
    return np.stack([part.apply(x) for part in Scaling(AS_IT_IS, edges).parts[1:]], axis=1)


def published(edges: tuple[float, ...], x: float) -> list[float]:
    """Return the encoding of the paper between the outermost edges: full, partly full, empty."""
    full = [1.0 if x >= high else 0.0 for high in edges[1:]]
    for t, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        if low <= x < high:
            full[t] = (x - low) / (high - low)
    return full


@given(COLUMN, st.integers(1, 12), st.lists(FINITE, min_size=1, max_size=20))
def test_the_encoding(cells: list[float], bins: int, asked: list[float]) -> None:
    column = np.array(cells)
    edges = fit_edges(bins, column)
    assert bool(edges) == (len(set(cells)) > 2)
    if not edges:
        return
    quantiles = np.quantile(column, np.linspace(0.0, 1.0, bins + 1))
    assert edges[0] == column.min() and edges[-1] == column.max() and len(edges) <= bins + 1
    slack = 1e-12 * np.abs(column).max()
    assert all(np.abs(quantiles - edge).min() <= slack for edge in edges)
    assert all(np.abs(np.array(edges) - quantile).min() <= slack for quantile in quantiles)
    x = np.sort([*asked, *cells, edges[0] - 1.0, edges[-1] + 1.0])
    z = pieces(edges, x)
    assert z[0].tolist() == [0.0] * z.shape[1] and z[-1].tolist() == [1.0] * z.shape[1]
    assert (np.diff(z, axis=0) >= 0.0).all()  # so the sum is monotone too
    steepest = 1.0 / np.diff(edges).min()
    assert (np.diff(z.sum(axis=1)) <= np.diff(x) * steepest * (1 + 1e-9) + 1e-9).all()  # no jump
    for value, row in zip(x, z, strict=True):
        if edges[0] <= value <= edges[-1]:
            assert row.tolist() == published(edges, value)


def test_a_quantile_that_is_a_value_is_that_value() -> None:
    """No bin of a rounding error's width beside it: 3 of 10 steps is place 2.9999... in floats."""
    column = np.repeat([0.0, 1.0, 0.1 + 0.2], [40, 4, 7])
    for bins in range(1, 60):
        edges = np.array(fit_edges(bins, column))
        assert np.diff(edges).min() > 1e-3


@given(COLUMN, st.integers(2, 8), FINITE)
def test_the_slope_is_the_complex_step(cells: list[float], bins: int, x: float) -> None:
    for low, high in zip(fit_edges(bins, np.array(cells)), fit_edges(bins, np.array(cells))[1:],
                         strict=False):  # fmt: skip
        piece = Piece(low, high)
        assert np.isnan(piece.slope(low)) and np.isnan(piece.slope(high))
        middle = (low + high) / 2.0
        for at in (x, middle):
            if at not in (low, high):
                step = piece.apply(np.array([at + 1e-30j]))[0].imag / 1e-30  # type: ignore[arg-type]
                assert piece.slope(at) == pytest.approx(step, rel=1e-12)


def frame_of_kinds() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [17.0, 21.0, np.nan, 30.0, 64.0, 40.0],
            "flag": [True, False, True, True, False, False],
            "two": [3.0, 4.0, 3.0, 4.0, 4.0, 3.0],
            "c": ["a", "b", "a", "b", "a", "b"],
            "w": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )


def test_which_inputs_get_bins() -> None:
    frame = frame_of_kinds()
    encoder = fit(frame, features=["age", "flag", "two", "c", "w**2"], bins=2)
    assert encoder.input_names == [
        "age", "age in 17..30", "age in 30..64", "age is missing", "flag", "two", "c=a", "c=b",
        "w**2", "w**2 in 1..12.5", "w**2 in 12.5..36",
    ]  # fmt: skip
    X = encoder.transform(NamedRows(frame, "d.csv"))
    assert X[1, :4].tolist() == [21.0, 4.0 / 13.0, 0.0, 0.0]
    assert X[2, :4].tolist() == [30.0, 1.0, 0.0, 1.0]  # the gap is filled with the median
    assert X[3, 8:].tolist() == [16.0, 1.0, 3.5 / 23.5]
    again = Encoder.from_meta(json.loads(json.dumps(encoder.to_meta())))
    assert again == encoder
    np.testing.assert_array_equal(again.transform(NamedRows(frame, "d.csv")), X)
    # the scaled input beside them goes on where they end
    far = fit(frame[["w"]], bins=2).transform(NamedRows(pd.DataFrame({"w": [-9.0, 99.0]}), "d.csv"))
    assert far.tolist() == [[-9.0, 0.0, 0.0], [99.0, 1.0, 1.0]]


def test_names_have_the_digits_that_tell_edges_apart() -> None:
    close = 1e9 + np.arange(5.0)
    assert fit(pd.DataFrame({"t": close}), bins=2).input_names == [
        "t", "t in 1000000000..1000000002", "t in 1000000002..1000000004",
    ]  # fmt: skip


def test_a_constant_that_is_the_bias_gets_none() -> None:
    frame = pd.DataFrame({"one": [1.0] * 5, "x": [1.0, 2.0, 4.0, 8.0, 9.0]})
    encoder = fit(frame, bins=1, bias=False)
    assert encoder.input_names == ["one", "x", "x in 1..9"]


def test_numbers_too_far_apart_for_bins() -> None:
    frame = pd.DataFrame({"x": [-1.7e308, 0.0, 1.7e308]})
    with pytest.raises(DataError) as caught:
        fit(frame, bins=2)
    assert str(caught.value) == (
        "d.csv: column 'x': from -1.7e+308 to 1.7e+308 is too far apart for bins. Set "
        "preprocessing.bins to 0, or mend the data"
    )


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=20))
def test_any_finite_numbers_have_pieces_in_0_and_1(cells: list[float]) -> None:
    try:
        edges = fit_edges(3, np.array(cells))
    except ValueError as err:
        assert "too far apart" in str(err)
        return
    x = np.array([*cells, 1.7e308, -1.7e308, 5e-324])
    if edges:
        assert np.isfinite(z := pieces(edges, x)).all() and z.min() >= 0.0 and z.max() <= 1.0
        assert Scaling.from_meta(json.loads(json.dumps(Scaling(AS_IT_IS, edges).to_meta())), "m")


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        ([], "edges must be a list of 2 to 101 numbers"),
        ([1.0], "edges must be a list of 2 to 101 numbers"),
        (list(range(102)), "edges must be a list of 2 to 101 numbers"),
        ([1.0, 1.0], "edges must ascend"),
        ([2.0, 1.0, 3.0], "edges must ascend"),
        ([-1.7e308, 1.7e308], "edges must ascend"),
        ([0.0, float("inf")], "edges must be a finite number"),
        ([0.0, "1"], "edges must be a finite number"),
        (None, "edges must be a list"),
    ],
)
def test_edges_from_elsewhere_are_checked(edges: Any, reason: str) -> None:
    meta = fit(pd.DataFrame({"x": [1.0, 2.0, 4.0]}), bins=2).to_meta()
    assert meta["inputs"][0]["edges"] == [1.0, 2.0, 4.0]
    meta["inputs"][0]["edges"] = edges
    with pytest.raises(ValueError) as caught:
        Encoder.from_meta(meta)
    assert str(caught.value) == f"encoder.inputs[0].{reason}"


CONFIG: dict[str, Any] = {
    "data": {"path": "-", "target": "y"},
    "preprocessing": {"bins": 4},
    "training": {"epochs": 2},
}


def test_bins_without_a_number_are_refused() -> None:
    frame = frame_of_kinds()[["flag", "c"]]
    frame["y"] = ["p", "q", "q", "p", "p", "q"]
    with pytest.raises(ConfigError) as caught:
        nnfit.train(CONFIG, frame)
    assert str(caught.value) == (
        "config: preprocessing.bins: got 4, but there is no numeric feature to have bins; "
        "expected 0"
    )


def test_a_model_with_bins_reads_and_predicts(rng: np.random.Generator, tmp_path: Any) -> None:
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    frame["y"] = np.sin(3.0 * frame["a"])
    model = nnfit.train(CONFIG, frame)
    assert model.encoder.n_inputs == 10
    model.save(tmp_path / "m.npz")
    again = nnfit.load(tmp_path / "m.npz")
    assert [c["detail"][-8:] for c in describe(again, "m.npz")["columns"]] == ["; 4 bins"] * 2
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
