"""Numbers at the ends of their range: right to what the dtype allows, or a clear line.

Each through the public functions, from a table to predictions and metrics.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

import nnfit as package
from nnfit.errors import DataError, NnfitError
from nnfit.model.model import Model
from nnfit.nn.losses import RESIDUAL_LOSSES, make_head
from nnfit.nn.names import LOSSES, OUTPUT_ACTIVATIONS
from nnfit.table.rows import NamedRows
from nnfit.table.scaling import LinearScaler, fit_scaler

if TYPE_CHECKING:
    from conftest import Commands, Example

DTYPES = ["float32", "float64"]
N = 160


def trained(frame: pd.DataFrame, **sections: dict[str, Any]) -> Model:
    """Return a small model of column `y`, whose sections override these."""
    config: dict[str, Any] = {
        "data": {"path": "-", "target": "y"},
        "model": {"hidden_sizes": [8], "activation": "tanh"},
        "optimizer": {"learning_rate": 0.02},
        "training": {"epochs": 40},
    }
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    return package.train(config, frame)


def line(frame: pd.DataFrame, **sections: dict[str, Any]) -> str:
    """Return the one line with which training refuses `frame`."""
    with pytest.raises(NnfitError) as caught:
        trained(frame, **sections)
    (message,) = caught.value.messages
    return message


@pytest.fixture
def x(rng: np.random.Generator) -> Any:
    return rng.normal(size=N)


# features --------------------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [1e9, -1e9, 1e12])
def test_a_small_spread_around_a_large_mean_survives_scaling(x: Any, centre: float) -> None:
    column = np.floor(x * 1000.0) / 1000.0 + centre
    scaler = fit_scaler("standardize", column)
    scaled = scaler.apply(column)
    exact = column - centre  # no rounding: the numbers are near each other
    exact = (exact - math.fsum(exact) / N) / math.sqrt(math.fsum((exact - exact.mean()) ** 2) / N)
    # the shift is a float64 itself: half a unit in its last place, over a spread of 1
    np.testing.assert_allclose(scaled, exact, rtol=0.0, atol=2e-16 * abs(centre))
    assert abs(scaled.std() - 1.0) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_learns_from_a_small_spread_around_a_large_mean(x: Any, dtype: str) -> None:
    near = pd.DataFrame({"x": x, "y": np.where(x > 0.0, "a", "b")})
    far = near.assign(x=1e9 + x)
    models = [trained(frame, training={"dtype": dtype}) for frame in (near, far)]
    p = [model.predict_proba(f) for model, f in zip(models, (near, far), strict=True)]
    # 1e9 + x rounds x to 1.2e-7, and training goes on from there
    np.testing.assert_allclose(p[0], p[1], rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize("numeric", ["standardize", "robust", "quantile", "minmax"])
def test_the_unit_of_a_feature_is_no_matter(x: Any, numeric: str, size: float) -> None:
    frame = pd.DataFrame({"x": x, "y": np.sin(x)})
    far = frame.assign(x=x * size)
    models = [trained(f, preprocessing={"numeric": numeric}) for f in (frame, far)]
    # x * size is rounded, to one part in 1e16
    np.testing.assert_allclose(
        models[0].predict(frame), models[1].predict(far), rtol=0.0, atol=1e-5
    )


def test_a_feature_beyond_float32_is_a_line_and_fits_float64(x: Any) -> None:
    frame = pd.DataFrame({"x": x * 1e39, "y": np.where(x > 0.0, "a", "b")})
    none = {"numeric": "none"}
    first = int(np.flatnonzero(np.abs(frame["x"]) > np.finfo(np.float32).max)[0])
    message = line(frame, preprocessing=none, data={"validation": 0})
    assert message == (
        f"data, row {first + 1}: 'x' is {frame['x'][first]:g}, which leaves the range of float32 "
        "when scaled. Mend it, or set training.dtype to float64"
    )
    model = trained(frame, preprocessing=none, training={"dtype": "float64"})
    assert (model.predict(frame) == frame["y"]).mean() > 0.9  # half by chance


def test_a_row_to_predict_beyond_float32(cli: Commands, tiny: Example) -> None:
    result = cli("predict", "tiny.npz", "-q", "--proba", stdin="x,colour\n0.5,red\n1e39,red\n")
    assert result.code == 2
    assert result.err == (
        "nnfit: error: <stdin>, row 2: 'x' is 1e+39, which leaves the range of float32 when "
        "scaled. Mend it, or set training.dtype to float64\n"
    )


def test_a_row_whose_numbers_leave_the_range_inside_the_network(x: Any) -> None:
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0.0, "a", "b")})
    model = trained(frame, model={"hidden_sizes": [8, 8], "activation": "relu"})
    for W in model.network.parameters.W:
        W *= 1e8
    with pytest.raises(DataError) as caught:
        model.predict(pd.DataFrame({"x": [0.1, 1e30]}))
    scaled = float(model.encoder.transform(NamedRows(pd.DataFrame({"x": [1e30]}), "data"))[0, 0])
    assert str(caught.value) == (
        f"data, row 2: the network leaves the range of float32: 'x' is {scaled:g} when scaled. "
        "Mend it, or train with numbers as large"
    )


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_a_test_row_too_far_out_costs_no_trained_model(folder: Path, x: Any, kind: str) -> None:
    y = np.where(x > 0.0, "a", "b") if kind == "classes" else np.sin(x)
    frame = pd.DataFrame({"x": x, "y": y})
    pd.concat([frame.iloc[:9], frame.iloc[:1].assign(x=1e38)]).to_csv("test.csv", index=False)
    model = trained(
        frame,
        data={"test": "test.csv"},
        model={"hidden_sizes": [64, 64], "activation": "relu"},
        preprocessing={"numeric": "none"},
        optimizer={"learning_rate": 0.05},
    )
    test = model.metrics["test"]
    assert test is not None
    if kind == "classes":
        assert test["log_loss"] is None and 0.0 <= test["accuracy"] <= 0.9
    else:
        assert test["rmse"] is None and test["r2"] is None
    model.save("m.npz")  # JSON without NaN
    assert package.load("m.npz").metrics["test"] == test


def test_constant_columns_say_nothing(x: Any) -> None:
    frame = pd.DataFrame({"x": x, "y": np.sin(x)})
    wide = frame.assign(zero=0.0, same=1e300, text="t", truth=True)
    np.testing.assert_array_equal(trained(frame).predict(frame), trained(wide).predict(wide))


def test_a_column_that_is_constant_in_validation_alone(folder: Path, x: Any) -> None:
    frame = pd.DataFrame({"x": x, "z": np.arange(N) % 7.0, "y": x + np.arange(N) % 7})
    frame.assign(z=3.0, y=x + 3).to_csv("held.csv", index=False)
    model = trained(frame, data={"validation": "held.csv"}, training={"epochs": 200})
    validation = model.metrics["validation"]
    assert validation is not None
    assert 0.9 < validation["r2"] <= 1.0


# targets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-310, 1e-300, 1e-30, 1e30, 1e300])
def test_the_unit_of_a_target_is_no_matter(folder: Path, x: Any, size: float, dtype: str) -> None:
    frame = pd.DataFrame({"x": x, "y": np.sin(x)})
    far = frame.assign(y=np.sin(x) * size)
    one, other = (trained(f, training={"dtype": dtype, "epochs": 100}) for f in (frame, far))
    # two figures of a number near 1e-310 are lost to begin with; float32 has seven
    rtol = 1e-4 if size < 1e-305 or dtype == "float32" else 1e-9
    np.testing.assert_allclose(one.predict(frame), other.predict(far) / size, rtol=rtol, atol=rtol)
    for part in ("train", "validation"):
        a, b = one.metrics[part], other.metrics[part]
        assert a is not None and b is not None
        assert b["r2"] == pytest.approx(a["r2"], rel=1e-3)
        assert b["rmse"] / size == pytest.approx(a["rmse"], rel=1e-2)
        assert b["mae"] / size == pytest.approx(a["mae"], rel=1e-2)
    other.save("m.npz")  # JSON without infinities
    np.testing.assert_array_equal(package.load("m.npz").predict(far), other.predict(far))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_target_around_1e9_keeps_its_digits(x: Any, dtype: str) -> None:
    frame = pd.DataFrame({"x": x, "y": 1e9 + np.sin(x)})
    model = trained(frame, training={"dtype": dtype, "epochs": 200})
    near = trained(frame.assign(y=np.sin(x)), training={"dtype": dtype, "epochs": 200})
    np.testing.assert_allclose(model.predict(frame) - 1e9, near.predict(frame), atol=1e-4, rtol=0)
    train = model.metrics["train"]
    assert train is not None and train["r2"] > 0.99


@pytest.mark.parametrize(
    ("loss", "dtype", "size", "fits"),
    [
        ("mse", "float32", 1e18, True),
        ("mse", "float32", 1e20, False),
        ("mae", "float32", 1e20, True),
        ("mae", "float32", 1e39, False),
        ("huber", "float32", 1e39, False),
        ("mse", "float64", 1e39, True),
        ("mse", "float64", 1e160, False),
    ],
)
def test_a_target_left_as_it_is_must_fit_the_loss(
    loss: str, dtype: str, size: float, fits: bool
) -> None:
    frame = pd.DataFrame({"x": np.arange(4.0), "y": np.array([1.0, 2.0, 1.0, 1.5]) * size})
    config: dict[str, dict[str, Any]] = {
        "data": {"validation": 0},
        "preprocessing": {"target": "none"},
        "training": {"dtype": dtype, "epochs": 2},
    }
    text = {"data": {"path": "-", "target": "y", "validation": 0}, "loss": loss,
            "preprocessing": {"target": "none"}, "training": config["training"]}  # fmt: skip
    if fits:
        assert np.isfinite(package.train(text, frame).predict(frame)).all()
        return
    with pytest.raises(DataError) as caught:
        package.train(text, frame)
    assert str(caught.value) == (
        f"data, row 1, column 'y': {size:g} takes the {loss} loss out of the range of {dtype}. "
        "Mend it, or set preprocessing.target to standardize"
    )


# losses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("loss", "activation"),
    [(loss, a) for loss in sorted(RESIDUAL_LOSSES) for a in OUTPUT_ACTIVATIONS]
    + [(loss, of.output_activation) for loss, of in LOSSES.items() if not of.derivative],
)
def test_logits_of_1e4_are_finite_in_every_loss(loss: str, activation: str, dtype: str) -> None:
    head = make_head(loss, activation)
    z = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype)
    y_hat, delta = np.empty_like(z), np.empty_like(z)
    for Y in (np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype), np.zeros((2, 3), dtype)):
        if loss == "cross_entropy" and not Y.any():
            continue  # a column of Y sums to 1 there
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            head.predict(z.copy(), y_hat)
            losses = head.losses(z.copy(), Y)
            head.delta(z.copy(), Y, 1.0 / 3.0, delta)
        for found in (y_hat, losses, delta):
            assert np.isfinite(found).all()
        assert (losses >= 0.0).all() or loss in ("gaussian_nll", "poisson")


# weights and splits ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-300, 1e-40, 1e40, 1e300, 1.7e308])
def test_the_size_of_the_weights_is_no_matter(x: Any, size: float, dtype: str) -> None:
    powers = np.where(np.arange(N) % 2, 1.0, 0.5)
    frame = pd.DataFrame({"x": x, "y": np.sin(x), "w": powers})
    far = frame.assign(w=powers * size)
    keys = {"data": {"weight": "w"}, "training": {"dtype": dtype, "epochs": 5}}
    found = [trained(f, **keys).predict(frame) for f in (frame, far)]
    rtol = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(found[0], found[1], rtol=rtol, atol=rtol)


def test_weights_that_are_mostly_zero_leave_the_rows_they_weigh(x: Any) -> None:
    seen = np.arange(N) % 10 == 3
    frame = pd.DataFrame({"x": x, "y": np.where(seen, np.sin(x), 1e6), "w": seen * 1.0})
    data = {"weight": "w", "validation": 0}
    keys: dict[str, dict[str, Any]] = {
        "preprocessing": {"target": "none", "numeric": "none"},
        "training": {"batch_size": "full", "dtype": "float64", "epochs": 20},
    }
    weighted = trained(frame, data=data, **keys)
    alone = trained(frame[seen], data={**data, "weight": "w"}, **keys)
    np.testing.assert_allclose(weighted.predict(frame), alone.predict(frame), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_batches_that_weigh_nothing_are_passed_over(x: Any, batch_size: int) -> None:
    frame = pd.DataFrame({"x": x, "y": np.sin(x), "w": (np.arange(N) % 20 == 3) * 1.0})
    model = trained(
        frame, data={"weight": "w", "validation": 0}, training={"batch_size": batch_size}
    )
    assert np.isfinite(model.predict(frame)).all()
    assert np.isfinite(model.history["train_loss"]).all()


def test_weights_that_are_all_zero_in_one_part(x: Any) -> None:
    frame = pd.DataFrame({"x": x, "y": np.sin(x), "w": 0.0})
    cure = "Check data.weight, class_weight and how the rows are split"
    assert line(frame, data={"weight": "w"}) == (
        f"data: every training row weighs 0; some must weigh more. {cure}"
    )
    messages = {line(frame.assign(w=(np.arange(N) == i) * 1.0), data={"weight": "w"})
                for i in range(3)}  # fmt: skip
    assert messages <= {
        f"data: every {part} row weighs 0; some must weigh more. {cure}"
        for part in ("training", "validation")
    }


@pytest.mark.parametrize("held_out", ["b", "a"])
def test_a_class_that_the_validation_rows_lack(folder: Path, x: Any, held_out: str) -> None:
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0.0, "a", "b")})
    frame[frame["y"] != held_out].to_csv("held.csv", index=False)
    model = trained(frame, data={"validation": "held.csv"})
    validation = model.metrics["validation"]
    assert validation is not None
    assert model.classes == ("a", "b")
    assert 0.8 < validation["accuracy"] <= 1.0
    assert validation["roc_auc"] is None  # it takes two classes
    assert np.isfinite(validation["log_loss"]) and len(validation["confusion_matrix"]) == 2


def test_rows_told_twice_are_rows_of_weight_two_on_both_sides_of_a_split(
    folder: Path, x: Any
) -> None:
    """Duplicates are kept where they fall: no row is taken out, none is told to be new."""
    once = pd.DataFrame({"x": x, "y": np.sin(x), "w": 2.0})
    twice = pd.concat([once, once], ignore_index=True)
    once.iloc[:50].to_csv("held.csv", index=False)
    keys: dict[str, dict[str, Any]] = {"training": {"batch_size": "full", "dtype": "float64"}}
    data = {"validation": "held.csv", "exclude": ["w"]}
    told_once = trained(once, data=data, **keys)
    told_twice = trained(twice, data=data, **keys)
    np.testing.assert_allclose(
        told_once.predict(once), told_twice.predict(once), rtol=1e-7, atol=1e-7
    )
    assert told_twice.training["rows"] == {"train": 2 * N, "validation": 50}


# integers beyond 2^53 --------------------------------------------------------------------------

FAR = 2**53


def test_large_integers_as_labels_come_back_as_spelt(cli: Commands, folder: Path, x: Any) -> None:
    labels = np.where(x > 0.0, FAR, FAR + 1)  # one float64
    pd.DataFrame({"x": x, "y": labels}).to_csv("d.csv", index=False)
    Path("d.yaml").write_text("data: {path: d.csv, target: y}\noptimizer: {learning_rate: 0.02}\n")
    result = cli("train", "d.yaml")
    assert result.code == 0
    assert "task: classification (target 'y' holds integers, 2 distinct values)" in result.err
    found = cli("predict", "d.npz", "d.csv", "-q").out.split()[1:]
    assert set(found) == {str(FAR), str(FAR + 1)}
    assert np.mean([int(label) for label in found] == labels) > 0.9  # half by chance
    native = package.load("d.npz").predict(pd.read_csv("d.csv"))
    assert native.tolist() == [int(label) for label in found]


@pytest.mark.parametrize("size", [FAR, 10**30])
def test_large_integers_as_categories_are_told_apart(
    cli: Commands, folder: Path, x: Any, size: int
) -> None:
    ids = [size + int(value > 0.0) for value in x]
    pd.DataFrame({"id": ids, "y": np.where(x > 0.0, "a", "b")}).to_csv("d.csv", index=False)
    Path("d.yaml").write_text(
        "data: {path: d.csv, target: y, categorical: [id]}\noptimizer: {learning_rate: 0.05}\n"
    )
    assert cli("train", "d.yaml", "-q").code == 0
    result = cli("evaluate", "d.npz", "d.csv", "--json")
    assert json.loads(result.out)["metrics"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("size", "gap"), [(FAR, False), (2**63, False), (2**63, True), (10**30, True)]
)
def test_large_integers_as_numbers_are_rounded_and_that_is_said(
    cli: Commands, folder: Path, x: Any, size: int, gap: bool
) -> None:
    y = np.where(x > 0.0, "a", "b")
    ids = ["" if gap and i % 9 == 5 else str(size + i * size // N) for i in range(N)]
    pd.DataFrame({"x": x, "id": ids, "n": np.arange(N), "y": y}).to_csv("d.csv", index=False)
    Path("d.yaml").write_text("data: {path: d.csv, target: y}\ntraining: {epochs: 3}\n")
    result = cli("train", "d.yaml", "-q")
    assert result.err == (
        "nnfit: warning: d.csv: column 'id': integers beyond 2**53 are rounded to float64. "
        "Numbers that are names belong in data.categorical, or in data.exclude\n"
    )


def test_many_large_integers_are_a_quantity(cli: Commands, folder: Path, x: Any) -> None:
    frame = pd.DataFrame({"x": x, "y": [10**25 + i for i in range(N)]})  # nearly all one float64
    frame.to_csv("d.csv", index=False)
    Path("d.yaml").write_text("data: {path: d.csv, target: y}\ntraining: {epochs: 3}\n")
    result = cli("train", "d.yaml")
    assert result.code == 0
    assert f"task: regression (target 'y' holds integers, {N} distinct values)" in result.err


# predictions and their neighbours --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [[], [16], [300, 200]])
def test_predictions_depend_on_no_chunk_and_no_thread(
    x: Any, rng: np.random.Generator, sizes: list[int], dtype: str
) -> None:
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=N), "y": np.where(x > 0.0, "a", "b")})
    model = trained(frame, model={"hidden_sizes": sizes}, training={"dtype": dtype, "epochs": 3})
    many = pd.DataFrame(rng.normal(size=(3000, 2)) * 2.0, columns=["x", "z"])
    expected = model.predict_proba(many)
    for size in (1, 7, 512, 513, 2999):
        n = min(3000, 40 * size)
        pieces = [model.predict_proba(many[i : i + size]) for i in range(0, n, size)]
        found = np.concatenate(pieces)
        np.testing.assert_array_equal(found, expected[: len(found)])
    with np.errstate(all="ignore"), threadpool_limits(1, "blas"):
        for threads in (1, 2, 5):
            y_hat = model.outputs(NamedRows(many, "data"), threads=threads)
            np.testing.assert_array_equal(model.outcome.probabilities(y_hat), expected)


def test_a_scaled_column_has_no_digit_less_than_it_came_with() -> None:
    # the first mean of numbers around 1e9 is rounded; without a second look at it the scale is off
    column = 1e9 + np.array([0.0, 1e-6, 2e-6, 3e-6])
    scaler = fit_scaler("standardize", column)
    assert isinstance(scaler, LinearScaler)
    exact = column - 1e9
    assert scaler.scale == pytest.approx(exact.std(), rel=1e-12)
