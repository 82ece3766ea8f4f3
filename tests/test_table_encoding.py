"""The input matrix: against scikit-learn, by hand, and through the model file's JSON."""

from __future__ import annotations

import copy
import io
import json
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from nnfit.config.schema import DataConfig, PreprocessingConfig
from nnfit.errors import ConfigError, DataError
from nnfit.observer import Observer
from nnfit.table import inputs
from nnfit.table.columns import decide_columns
from nnfit.table.encoding import Encoder
from nnfit.table.fitting import fit_encoder
from nnfit.table.rows import NamedRows
from nnfit.table.scaling import Method, normal_quantile


class Heard(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)


def fit(
    frame: pd.DataFrame,
    heard: Heard | None = None,
    categorical: tuple[str, ...] = (),
    numbering: Any = 1,
    features: list[str] | None = None,
    bias: bool = True,
    **keys: Any,
) -> Encoder:
    rows, observer = NamedRows(frame, "d.csv", numbering), heard or Heard()
    data = DataConfig.model_construct(path="d.csv", target=(), categorical=categorical)
    columns = decide_columns(rows, data, None, "features", observer)
    settings = PreprocessingConfig(**{"numeric": "none", **keys})
    return fit_encoder(rows, columns, settings, features, "features", observer, bias)


def mixed(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, n).round(1),
            "sex": rng.choice(["m", "f"], n),
            "zone": rng.integers(0, 5, n),
            "paid": rng.random(n) < 0.5,
            "income": rng.lognormal(10, 1, n),
        }
    )
    frame.loc[3, "age"] = np.nan
    frame.loc[[5, 6], "sex"] = None
    return frame


def test_the_order_and_names_of_the_inputs() -> None:
    encoder = fit(mixed(), categorical=("zone",))
    assert encoder.needed_columns == ["age", "sex", "zone", "paid", "income"]
    assert encoder.text_columns(".") == ["sex", "zone"]
    assert encoder.input_names == [
        "age",
        "age is missing",
        "sex=f",
        "sex=m",
        "sex is missing",
        *[f"zone={i}" for i in range(5)],
        "paid",
        "income",
    ]
    X = encoder.transform(NamedRows(mixed(), "d.csv"))
    assert X.shape == (40, encoder.n_inputs) and X.dtype == np.float64 and X.flags.c_contiguous


def test_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "x": [1.0, np.nan, 3.0, 8.0],
            "c": ["b", "a", None, "b"],
            "t": [True, None, True, False],
        }
    )
    encoder = fit(frame, features=["x + 1", "*"])
    names = ["x + 1", "x", "x is missing", "c=a", "c=b", "c is missing", "t", "t is missing"]
    assert encoder.input_names == names
    assert encoder.transform(NamedRows(frame, "d.csv")).tolist() == [
        [2.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        [4.0, 3.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0],
        [4.0, 3.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        [9.0, 8.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
    ]


@pytest.mark.parametrize(
    ("numeric", "reference"),
    [
        ("standardize", StandardScaler()),
        ("minmax", MinMaxScaler()),
        ("quantile", QuantileTransformer(n_quantiles=300, output_distribution="normal")),
    ],
)
@pytest.mark.parametrize("values", ["normal", "integers", "large"])
def test_scaling_as_in_scikit_learn(numeric: str, reference: Any, values: str) -> None:
    rng = np.random.default_rng(1)
    train, new = {
        "normal": (rng.normal(size=300), rng.normal(size=50) * 3),
        "integers": (rng.integers(0, 4, 300), rng.integers(-1, 6, 50)),
        "large": (1e9 + rng.normal(size=300), 1e9 + rng.normal(size=50)),
    }[values]
    frame, later = pd.DataFrame({"x": train}), pd.DataFrame({"x": new})
    reference = copy.deepcopy(reference).fit(frame)
    encoder = fit(frame, numeric=numeric)
    for data in (frame, later):
        # scikit-learn's quantile bounds are 4e-10 away; x * scale + shift loses digits at 1e9.
        np.testing.assert_allclose(
            encoder.transform(NamedRows(data, "d.csv")),
            reference.transform(data),
            rtol=1e-9,
            atol=1e-6,
        )


def test_quantiles_of_more_rows_than_quantiles() -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(2).exponential(size=3000)})
    reference = QuantileTransformer(
        n_quantiles=1000, output_distribution="normal", subsample=10**6
    ).fit(frame)
    X = fit(frame, numeric="quantile").transform(NamedRows(frame, "d.csv"))
    np.testing.assert_allclose(X, reference.transform(frame), rtol=0, atol=1e-9)


def test_normal_quantiles() -> None:
    p = np.concatenate([np.logspace(-10, -0.5, 50), 1 - np.logspace(-10, -0.5, 50), [0.5]])
    expected = [NormalDist().inv_cdf(value) for value in p]
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=1e-13, atol=1e-15)


def test_robust_scaling_is_scikit_learns_and_a_smooth_clip() -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(3).standard_t(2, 200)})
    x = RobustScaler().fit_transform(frame)
    found = fit(frame, numeric="robust").transform(NamedRows(frame, "d.csv"))
    np.testing.assert_allclose(found, x / np.sqrt(1 + (x / 3) ** 2), rtol=1e-12, atol=1e-12)
    far = fit(frame, numeric="robust").transform(
        NamedRows(pd.DataFrame({"x": [1e308, -1e308]}), "d.csv")
    )
    np.testing.assert_allclose(far, [[3.0], [-3.0]], rtol=1e-12)


def test_robust_scaling_without_a_quartile_range() -> None:
    frame = pd.DataFrame({"x": [5.0] * 9 + [9.0]})  # so x is scaled by 2 / (9 - 5)
    found = fit(frame, numeric="robust").transform(NamedRows(frame, "d.csv"))
    np.testing.assert_allclose(found[[0, 9], 0], [0.0, 2 / np.sqrt(1 + 4 / 9)], rtol=1e-15)


def test_a_small_spread_around_a_large_mean() -> None:
    frame = pd.DataFrame({"x": 1e9 + np.array([-1.0, 0.0, 1.0])})
    found = fit(frame, numeric="standardize").transform(NamedRows(frame, "d.csv"))
    np.testing.assert_allclose(found[:, 0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], rtol=1e-12)


def test_squares_beyond_the_range() -> None:
    for size in (1e300, 1e-300):
        frame = pd.DataFrame({"x": np.array([-1.0, 0.0, 1.0]) * size})
        found = fit(frame, numeric="standardize").transform(NamedRows(frame, "d.csv"))
        np.testing.assert_allclose(found[:, 0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], rtol=1e-12)


def test_imputing_and_one_hot_as_in_scikit_learn() -> None:
    frame = mixed()
    X = fit(frame[["age"]]).transform(NamedRows(frame, "d.csv"))
    reference = SimpleImputer(strategy="median", add_indicator=True).fit_transform(frame[["age"]])
    np.testing.assert_array_equal(X, reference)
    zones = frame[["zone"]]
    X = fit(zones, categorical=("zone",)).transform(NamedRows(frame, "d.csv"))
    np.testing.assert_array_equal(X, OneHotEncoder(sparse_output=False).fit_transform(zones))


def test_rare_categories_share_a_slot() -> None:
    cells = ["a"] * 4 + ["b"] + ["c"] * 2 + ["d"] * 2 + ["e"]
    encoder = fit(pd.DataFrame({"c": cells}), max_categories=3)
    assert encoder.input_names == ["c=a", "c=c", "c is other"]  # c and d tie: the first by name
    later = pd.DataFrame({"c": ["a", "c", "d", "never"]})
    assert encoder.transform(NamedRows(later, "n.csv")).tolist() == [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0],
    ]


def test_what_training_never_saw_is_tallied() -> None:
    frame = pd.DataFrame({"c": ["a", "b"], "x": [1.0, 4.0], "t": [True, False], "g": [1.0, None]})
    encoder = fit(frame)
    tally: Counter[tuple[str, str]] = Counter()
    later = pd.DataFrame(
        {"c": ["z", None], "x": [np.nan, 2.0], "t": [None, None], "g": [None, 1.0]}
    )
    for _ in range(2):
        X = encoder.transform(NamedRows(later, "n.csv"), tally)
    assert X.tolist() == [[0.0, 0.0, 2.5, 0.0, 1.0], [0.0, 0.0, 2.0, 0.0, 0.0]]
    assert encoder.warnings(tally, "n.csv") == [
        "n.csv: column 'c': 2 cells of categories not seen in training, counted as no category",
        "n.csv: column 'c': 2 cells missing, counted as no category; "
        "training had none missing there",
        "n.csv: column 'x': 2 cells missing, filled with 2.5; training had none missing there",
        "n.csv: column 't': 4 cells missing, filled with false; training had none missing there",
    ]


def test_gaps_that_training_had_too_are_not_tallied() -> None:
    encoder = fit(pd.DataFrame({"c": ["a", "b", None], "x": [1.0, np.nan, 2.0]}))
    tally: Counter[tuple[str, str]] = Counter()
    later = pd.DataFrame({"c": [None, "z"], "x": [np.nan, 2.0]})
    encoder.transform(NamedRows(later, "n.csv"), tally)
    assert tally == {("unseen", "c"): 1}


def test_constant_and_empty_columns_go() -> None:
    frame = pd.DataFrame(
        {
            "one": [7, 7, 7],
            "x": [1, 2, 4],
            "same": ["a", "a", "a"],
            "empty": [np.nan] * 3,
            "none": pd.Series([None] * 3, dtype=object),
            "yes": [True] * 3,
            "gap": [5.0, np.nan, 5.0],  # its gaps still tell something
        }
    )
    heard = Heard()
    encoder = fit(frame, heard, features=["*", "0*x", "sin(x)**2 + cos(x)**2"])
    assert encoder.input_names == ["x", "gap is missing"]
    assert encoder.needed_columns == ["x", "gap"]
    assert heard.warnings == [
        "d.csv: columns 'empty', 'none' dropped: empty in all training rows",
        "d.csv: columns 'one', 'same', 'yes' dropped: one value in all training rows",
        "d.csv: features '0*x', 'sin(x)**2 + cos(x)**2' dropped: one value in all training rows",
    ]
    with pytest.raises(DataError) as caught:
        fit(frame[["one", "empty"]])
    assert str(caught.value) == (
        "d.csv: no usable feature column: none varies over the training rows. "
        "Check data.include, data.exclude and features"
    )


@pytest.mark.parametrize("method", get_args(Method))
def test_without_a_bias_a_constant_is_the_bias_and_is_not_scaled(method: str) -> None:
    frame = pd.DataFrame(
        {
            "one": [1.0] * 4,
            "x": [1, 2, 4, 9],
            "nought": [0] * 4,  # the weight of a 0 is no bias
            "same": ["a"] * 4,
            "yes": [True] * 4,
            "gap": [5.0, np.nan, 5.0, 5.0],
        }
    )
    heard = Heard()
    features = ["1", "*", "0*x", "2 + 0*x"]
    encoder = fit(frame, heard, features=features, bias=False, numeric=method)
    assert encoder.input_names == ["1", "one", "x", "yes", "gap", "gap is missing", "2 + 0*x"]
    assert heard.warnings == [
        "d.csv: columns 'nought', 'same' dropped: one value in all training rows",
        "d.csv: feature '0*x' dropped: one value in all training rows",
    ]
    assert heard.notes == [
        "d.csv: '1', 'one', 'yes', 'gap', '2 + 0*x': one value in all training rows, kept as it "
        "is: its weight is the bias, as model.bias is false"
    ]
    again = Encoder.from_meta(json.loads(json.dumps(encoder.to_meta())))
    for one in (encoder, again):
        X = one.transform(NamedRows(frame, "d.csv"))
        np.testing.assert_array_equal(X[:, [0, 1, 3, 4, 6]], [[1.0, 1.0, 1.0, 5.0, 2.0]] * 4)
    assert fit(frame, features=features, numeric=method).input_names == ["x", "gap is missing"]
    alone = fit(frame[["x"]], features=["1"], bias=False, numeric=method)  # the mean, learned
    assert alone.transform(NamedRows(frame, "d.csv")).tolist() == [[1.0]] * 4


def test_the_lectures_phi() -> None:
    frame = pd.DataFrame({"x": np.linspace(-1, 1, 9), "text": ["a", "b", "c"] * 3})
    encoder = fit(frame, features=["x", "x**2", "sin(3*x)"])
    assert encoder.needed_columns == ["x"]
    x = frame["x"].to_numpy()
    found = encoder.transform(NamedRows(frame, "d.csv"))
    np.testing.assert_allclose(found, np.stack([x, x**2, np.sin(3 * x)], axis=1), rtol=1e-15)
    scaled = fit(frame, features=["x", "x**2"], numeric="standardize").transform(
        NamedRows(frame, "d.csv")
    )
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (
            ["c*2"],
            ConfigError,
            "features: 'c*2': column 'c' is categorical; expected numeric or boolean columns",
        ),
        (
            ["log(x)"],
            DataError,
            "d.csv, row 8: feature 'log(x)' is -inf at x=0",
        ),
        (
            ["sqrt(x-1) + y"],
            DataError,
            "d.csv, row 8: feature 'sqrt(x-1) + y' is nan at x=0, y=2.5",
        ),
        (
            ["1e308*10 + x"],
            DataError,
            "d.csv, row 7: feature '1e308*10 + x' is inf at x=2",
        ),
        (
            ["e + 1"],
            DataError,
            "d.csv: feature 'e + 1' uses column 'e', which the training rows leave empty. "
            "Remove it from features",
        ),
    ],
)
def test_features_that_fail(features: list[str], error: Any, message: str) -> None:
    frame = pd.DataFrame({"x": [2, 0], "y": [1, 2.5], "c": ["a", "b"], "e": [np.nan, np.nan]})
    with pytest.raises(error) as caught:
        fit(frame, features=features, numbering=7)
    assert str(caught.value) == message


def _later(frame: Any, name: str = "n.csv", rows: Any = 1, **keys: Any) -> np.ndarray:
    train = pd.DataFrame({"x": [1, 2, 4], "c": ["1", "b", "True"], "t": [True, False, True]})
    return fit(train, **keys).transform(NamedRows(pd.DataFrame(frame), name, rows))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"x": ["3", " 4.5"], "c": ["b", "1"], "t": ["true", "FALSE"]}, [[3, 1], [4.5, 0]]),
        ({"x": [3.0, 4.5], "c": pd.Categorical(["b", "1"]), "t": [1, 0]}, [[3, 1], [4.5, 0]]),
        ({"t": ["1", "0"], "extra": [1, 1], "c": ["b", 1.0], "x": [3, 4.5]}, [[3, 1], [4.5, 0]]),
    ],
)
def test_later_frames_may_have_other_dtypes(frame: Any, expected: list[list[float]]) -> None:
    X = _later(frame)
    assert X[:, [0, 4]].tolist() == expected
    assert X[:, 1:4].tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]  # 1, True, b


def test_a_block_that_pandas_read_as_numbers_or_truth_values() -> None:
    for c, slot in ((pd.Series([1, 1]), 0), (pd.Series([1.0, np.nan]), 0), ([True, True], 1)):
        X = _later({"x": [1, 1], "c": c, "t": [True, True]})
        assert X[0, 1:4].tolist() == np.eye(3)[slot].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"x": ["1", "x"]},
            "n.csv, row 6, column 'x': cannot read 'x' as a number. "
            "Mend the cell, or leave it empty",
        ),
        (
            {"x": [True, False]},
            "n.csv, row 5, column 'x': cannot read True as a number. "
            "Mend the cell, or leave it empty",
        ),
        (
            {"x": [1.0, np.inf]},
            "n.csv, row 6, column 'x': got inf; expected a finite number. "
            "Mend the cell, or leave it empty",
        ),
        (
            {"t": [1, 2]},
            "n.csv, row 6, column 't': cannot read 2 as true or false. "
            "Mend the cell, or leave it empty",
        ),
        (
            {"t": ["yes", "no"]},
            "n.csv, row 5, column 't': cannot read 'yes' as true or false. "
            "Mend the cell, or leave it empty",
        ),
        (
            {"c": pd.to_datetime(["2020-01-01", "2020-01-02"])},
            "n.csv, row 5, column 'c': got Timestamp('2020-01-01 00:00:00') (Timestamp); "
            "expected text, a number or a truth value",
        ),
    ],
)
def test_later_cells_that_cannot_be_read(change: Any, message: str) -> None:
    frame = {"x": [1, 2], "c": ["b", "b"], "t": [True, True]} | change
    with pytest.raises(DataError) as caught:
        _later(frame, rows=5)
    assert str(caught.value) == message


def test_later_columns_that_are_not_there() -> None:
    with pytest.raises(DataError) as caught:
        _later({"X": [1], "c": ["b"]})
    assert str(caught.value) == (
        "n.csv: no columns 'x', 't', which the model needs; columns are: X, c; did you mean 'X' "
        "for 'x'?"
    )


def test_gaps_may_be_an_error() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, np.nan], "c": ["a", None, "b"]})
    for part, row in (("x", 9), ("c", 6)):
        with pytest.raises(DataError) as caught:
            fit(frame[[part]], missing="error", numbering=np.array([4, 6, 9]))
        assert str(caught.value) == (
            f"d.csv, row {row}, column '{part}': missing, and preprocessing.missing is 'error'. "
            "Fill the cell, or set preprocessing.missing to impute"
        )
    encoder = fit(frame.iloc[[0, 1]][["x"]], missing="error")
    with pytest.raises(DataError, match=r"^n\.csv, row 3, column 'x': missing, and "):
        Encoder.from_meta(encoder.to_meta()).transform(NamedRows(frame, "n.csv"))


def test_inputs_that_overflow() -> None:
    frame = pd.DataFrame({"x": [0.0, 1e-10]})
    with pytest.raises(DataError) as caught:
        fit(frame, numeric="minmax").transform(NamedRows(pd.DataFrame({"x": [1e300]}), "n.csv", 3))
    assert str(caught.value) == (
        "n.csv, row 3: 'x' is 1e+300, which leaves the range of float64 when scaled"
    )
    with pytest.raises(DataError) as caught:
        fit(pd.DataFrame({"x": [-1.7e308, 1.7e308]}), numeric="minmax")
    assert str(caught.value) == (
        "d.csv: column 'x': from -1.7e+308 to 1.7e+308 is too far apart to be scaled. "
        "Set preprocessing.numeric to none, or mend the data"
    )


def test_blocks_of_rows_and_no_rows() -> None:
    frame = pd.concat([mixed(60)] * 100, ignore_index=True)  # more than a block of 1,024 rows
    encoder = fit(frame.iloc[:60], features=["*", "sin(age)"], numeric="standardize")
    X = encoder.transform(NamedRows(frame, "d.csv"))
    np.testing.assert_array_equal(X, np.tile(X[:60], (100, 1)))
    assert encoder.transform(NamedRows(frame.iloc[:0], "d.csv")).shape == (0, encoder.n_inputs)
    frame.loc[5000, "income"] = -1.0
    bad = fit(frame.iloc[:60], features=["log(income)"])
    with pytest.raises(DataError) as caught:
        bad.transform(NamedRows(frame, "d.csv", np.arange(len(frame)) * 2))
    assert str(caught.value) == "d.csv, row 10000: feature 'log(income)' is nan at income=-1"


_NUMBERS = st.floats(-1e6, 1e6) | st.none() | st.just(1.0)


@given(
    st.lists(
        st.tuples(_NUMBERS, _NUMBERS, st.sampled_from(["a", "b", "1", "1.0", "ä,", None])),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from(["standardize", "robust", "quantile", "minmax", "none"]),
    st.sampled_from([None, ["*", "x*y", "tanh(`x`)"], ["c", "-x"]]),
    st.randoms(use_true_random=False),
)
def test_meta_row_order_and_column_order(
    cells: list[Any], numeric: str, features: list[str] | None, random: Any
) -> None:
    frame = pd.DataFrame(cells, columns=["x", "y", "c"]).astype({"x": float, "y": float})
    try:
        encoder = fit(frame, numeric=numeric, features=features, max_categories=3,
                      categorical=("c",))  # fmt: skip
    except DataError as err:
        assert "no usable feature column" in str(err) or "leave empty" in str(err)
        return
    X = encoder.transform(NamedRows(frame, "d.csv"))
    assert np.isfinite(X).all()
    meta = json.loads(json.dumps(encoder.to_meta(), allow_nan=False))
    again = Encoder.from_meta(meta)
    assert again.to_meta() == meta and again.input_names == encoder.input_names
    np.testing.assert_array_equal(again.transform(NamedRows(frame, "d.csv")), X)
    order = list(range(len(frame)))
    random.shuffle(order)
    shuffled = frame.iloc[order][["c", "x", "y"]]
    np.testing.assert_array_equal(encoder.transform(NamedRows(shuffled, "d.csv")), X[order])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_any_finite_numbers_scale_to_finite_ones(cells: list[float]) -> None:
    frame = pd.DataFrame({"x": cells})
    for numeric in ("standardize", "robust", "quantile", "minmax"):
        try:
            X = fit(frame, numeric=numeric).transform(NamedRows(frame, "d.csv"))
        except DataError as err:
            assert "no usable" in str(err) or "too far apart" in str(err)
        else:
            assert np.isfinite(X).all() and np.abs(X).max() <= max(6.0, len(cells))


def test_as_a_csv_of_text_and_as_numbers() -> None:
    text = "c,x\n1,1\n2,2\n1,4\n"
    spelt = pd.read_csv(io.StringIO(text), dtype={"c": str})
    guessed = pd.read_csv(io.StringIO(text))
    encoder = fit(spelt, categorical=("c",))
    assert encoder.input_names == ["c=1", "c=2", "x"]
    np.testing.assert_array_equal(
        encoder.transform(NamedRows(guessed, "d.csv")), encoder.transform(NamedRows(spelt, "d.csv"))
    )


def _meta() -> dict[str, Any]:
    frame = pd.DataFrame({"x": [1.0, np.nan, 2.0], "c": ["a", "b", "a"], "q": [1.0, 2.0, 3.0]})
    meta = fit(frame, features=["x", "c", "x + q"], numeric="quantile").to_meta()
    return json.loads(json.dumps(meta))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ((), None, "encoder must be an object with columns, inputs, missing"),
        (("more",), 1, "encoder must be an object with columns, inputs, missing"),
        (("missing",), "drop", "encoder.missing must be one of impute, error"),
        (("missing",), ["impute"], "encoder.missing must be one of impute, error"),
        (("columns",), {}, "encoder.columns must be a list"),
        (
            ("columns", 0),
            3,
            "encoder.columns[0] must be an object with fill, had_gaps, kind, name",
        ),
        (
            ("columns", 0, "kind"),
            "date",
            "encoder.columns[0].kind must be one of numeric, boolean, categorical",
        ),
        (("columns", 0, "name"), 3, "encoder.columns[0].name must be text"),
        (("columns", 0, "name"), "q", "encoder.columns must have different names"),
        (
            ("columns", 0, "fill"),
            float("nan"),
            "encoder.columns[0].fill must be a finite number",
        ),
        (("columns", 0, "fill"), 10**400, "encoder.columns[0].fill must be a finite number"),
        (("columns", 0, "fill"), True, "encoder.columns[0].fill must be a finite number"),
        (("columns", 0, "had_gaps"), 1, "encoder.columns[0].had_gaps must be true or false"),
        (("columns", 0, "had_gaps"), False, "encoder.inputs[1].column must be a column with gaps"),
        (
            ("columns", 1, "categories"),
            ["a", "a"],
            "encoder.columns[1].categories must be a list of different texts",
        ),
        (
            ("columns", 1, "categories"),
            ["a", 1],
            "encoder.columns[1].categories must be a list of different texts",
        ),
        (("inputs",), [], "encoder.inputs must not be empty"),
        (("inputs",), "x", "encoder.inputs must be a list"),
        (
            ("inputs", 0, "kind"),
            "eval",
            "encoder.inputs[0].kind must be one of column, gap, one_hot, expression",
        ),
        (
            ("inputs", 0, "kind"),
            [],
            "encoder.inputs[0].kind must be one of column, gap, one_hot, expression",
        ),
        (
            ("inputs", 0, "column"),
            "c",
            "encoder.inputs[0].column must be a numeric or boolean column",
        ),
        (("inputs", 2, "column"), "x", "encoder.inputs[2].column must be a categorical column"),
        (
            ("inputs", 3, "expression"),
            "x.__class__",
            "encoder.inputs[3].expression: 'x.__class__' at character 1 is not allowed; an "
            "expression holds numbers, column names, + - * / ** and sin cos tan exp log sqrt abs "
            "tanh sigmoid relu minimum maximum",
        ),
        (
            ("inputs", 3, "expression"),
            "c",
            "encoder.inputs[3].expression: unknown column 'c' at character 1",
        ),
        (
            ("inputs", 0, "scaler"),
            {},
            "encoder.inputs[0].scaler must be an object with clip, kind, scale, shift",
        ),
        (
            ("inputs", 0, "scaler", "quantiles"),
            [1.0],
            "encoder.inputs[0].scaler.quantiles must be a list of 2 to 1000 numbers",
        ),
        (
            ("inputs", 0, "scaler", "quantiles"),
            [2.0, 1.0],
            "encoder.inputs[0].scaler.quantiles must ascend",
        ),
        (
            ("inputs", 0, "scaler", "quantiles"),
            [1.0, "2"],
            "encoder.inputs[0].scaler.quantiles must be a finite number",
        ),
        (
            ("inputs", 0, "scaler"),
            {"kind": "linear", "shift": 0, "scale": 0.0, "clip": False},
            "encoder.inputs[0].scaler.scale must be > 0",
        ),
        (
            ("inputs", 0, "scaler"),
            {"kind": "cubic", "shift": 0, "scale": 1.0, "clip": False},
            "encoder.inputs[0].scaler.kind must be one of linear, quantile",
        ),
    ],
)
def test_meta_from_elsewhere_is_checked(path: tuple[Any, ...], value: Any, reason: str) -> None:
    meta = _meta()
    assert [item["kind"] for item in meta["inputs"]] == ["column", "gap", "one_hot", "expression"]
    if path:
        place: Any = meta
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    else:
        meta = value
    with pytest.raises(ValueError) as caught:
        Encoder.from_meta(meta)
    assert str(caught.value) == reason


@dataclass(frozen=True)
class Bands(inputs.Input):
    """Two inputs: whether a number is below 0, and whether it is above."""

    column: str
    kind = "bands"

    @classmethod
    def of_column(cls, code: Any, table: Any, fit_scaler: Any) -> Bands | None:
        return cls(code.name) if code.name in table.numbers else None

    @property
    def names(self) -> list[str]:
        return [f"{self.column} < 0", f"{self.column} > 0"]

    @property
    def width(self) -> int:
        return 2

    def write(self, X: Any, table: Any, block: slice, dtype: Any) -> None:
        values = table.numbers[self.column][block]
        X[:, 0], X[:, 1] = values < 0.0, values > 0.0

    @classmethod
    def from_meta(cls, meta: Any, where: str, codes: Any) -> Bands:
        return cls(codes.number(meta["column"], f"{where}.column").name)


def test_a_new_kind_of_input_is_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inputs.KINDS, Bands.kind, Bands)
    frame = pd.DataFrame({"x": [-2.0, 0.0, 3.0], "c": ["a", "b", "a"]})
    encoder = fit(frame, features=["c", "x"])
    assert encoder.input_names == ["c=a", "c=b", "x", "x < 0", "x > 0"] and encoder.n_inputs == 5
    again = Encoder.from_meta(json.loads(json.dumps(encoder.to_meta())))
    assert again == encoder
    for one in (encoder, again):
        X = one.transform(NamedRows(frame, "d.csv"))
        assert X[:, 2:].tolist() == [[-2.0, 1.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 1.0]]
