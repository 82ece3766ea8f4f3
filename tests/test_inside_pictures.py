"""The numbers behind the pictures, read back and held against the model itself.

How they are drawn is tested in `test_report_plots`, the command in `test_cli_plot`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve  # type: ignore[import-untyped]

import nnfit
from nnfit.errors import PictureError
from nnfit.inside.own_rows import learned_rows
from nnfit.inside.pictures import features as features_picture
from nnfit.inside.pictures import loss as loss_picture
from nnfit.inside.pictures.activation import Activations
from nnfit.inside.pictures.calibration import wilson
from nnfit.inside.pictures.flatten import Flattened
from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.loss import LossCurves
from nnfit.inside.pictures.making import make_picture
from nnfit.inside.pictures.planes import random_direction
from nnfit.inside.pictures.request import read_rows, sample_of
from nnfit.inside.pictures.slicing import MAX_POINTS, principal_components
from nnfit.inside.pictures.surface import Surface, TrainingLoss, training_loss
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.losses import softmax
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.training.history import Steps

if TYPE_CHECKING:
    from conftest import Example


class Heard(Observer):
    """Remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def picture(kind: str, name: str, data: str | None = None, **options: Any) -> Any:
    """Return the picture of the model NAME.npz."""
    made = make_picture(
        kind, [(f"{name}.npz", nnfit.load(f"{name}.npz"))], data, Options(**options), Observer()
    )
    return made


def curve_table(n: int = 60) -> pd.DataFrame:
    x = np.linspace(0.5, 4.0, n)
    noise = np.random.default_rng(3).normal(0.0, 0.05, n)
    return pd.DataFrame({"x": x, "y": np.log(x) + noise})


def trained(table: pd.DataFrame, target: Any = "y", **sections: Any) -> Model:
    """Return a model of a table, in few epochs."""
    config: dict[str, Any] = {
        "data": {"target": target, **sections.pop("data", {})},
        "model": {"hidden_sizes": [], **sections.pop("model", {})},
        "optimizer": {"learning_rate": 0.05},
        "training": {"epochs": 10, "dtype": "float64", **sections.pop("training", {})},
        **sections,
    }
    return nnfit.train(config, table)


def saved(folder: Path, name: str, table: pd.DataFrame, **sections: Any) -> Model:
    """Write NAME.csv and NAME.npz, and return the model, which names the CSV as its data."""
    table.to_csv(folder / f"{name}.csv", index=False)
    model = trained(table, **sections)
    config = {**model.config, "data": {**model.config["data"], "path": f"{name}.csv"}}
    model = dataclasses.replace(model, config=config)
    model.save(f"{name}.npz")
    return model


# loss and fit ---------------------------------------------------------------------------------


def test_loss_is_the_history(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    (found,), drawn = (made := picture("loss", "tiny")).runs, made
    np.testing.assert_array_equal(found.train, model.history["train_loss"])
    np.testing.assert_array_equal(found.validation, model.history["validation_loss"])
    assert found.best_epoch == model.training["best_epoch"]
    assert (drawn.loss, found.name, found.steps) == ("cross entropy", "tiny.npz", None)
    assert found.best == found.validation[list(found.epochs).index(found.best_epoch)]
    losses = [*found.train, *found.validation]
    assert drawn.ends == (min(losses), max(losses))
    alone = picture("loss", _unvalidated())
    (run,) = alone.runs
    assert (run.validation, run.best, len(alone.curves)) == (None, None, 1)


def test_several_runs_over_one_axis_of_epochs_with_their_steps(folder: Path) -> None:
    table, models = curve_table(40), []
    for name, batch, record in (("gd", "full", True), ("sgd", 8, True), ("plain", 8, False)):
        training = {"batch_size": batch, "record_steps": record, "epochs": 3}
        models.append((f"in/{name}.npz", trained(table, training=training)))
    found = make_picture("loss", models, None, Options(), Observer())
    assert isinstance(found, LossCurves)
    gd, sgd, plain = found.runs
    assert [run.name for run in found.runs] == ["gd.npz", "sgd.npz", "plain.npz"]
    assert gd.steps is not None and sgd.steps is not None and plain.steps is None
    np.testing.assert_array_equal(gd.step_epochs, [1, 2, 3])  # a step ends where its epoch does
    np.testing.assert_allclose(gd.steps, gd.train, rtol=1e-12)
    np.testing.assert_array_equal(sgd.step_epochs, np.arange(1, 13) / 4)  # 32 rows to train on
    np.testing.assert_allclose(sgd.steps.reshape(3, 4).mean(axis=1), sgd.train, rtol=1e-12)
    kinds = [(curve.run, curve.kind) for curve in found.curves]
    each = [(i, kind) for i in range(3) for kind in ("training", "validation")]
    assert kinds == [(0, "each step"), (1, "each step"), *each]


def test_of_many_steps_those_are_drawn_that_bound_the_others(monkeypatch: Any) -> None:
    monkeypatch.setattr(loss_picture, "BINS", 5)
    losses = np.random.default_rng(0).random(1000)
    model = dataclasses.replace(trained(curve_table()), steps=Steps(100, losses))
    found = make_picture("loss", [("m.npz", model)], None, Options(), Observer())
    assert isinstance(found, LossCurves)
    (run,) = found.runs
    assert run.step_epochs is not None and run.steps is not None
    shown = np.rint(run.step_epochs * 100).astype(int) - 1
    np.testing.assert_array_equal(losses[shown], run.steps)
    for part in range(5):
        own = run.steps[shown // 200 == part]
        bins = losses[200 * part : 200 * part + 200]
        assert (len(own), own.min(), own.max()) == (2, bins.min(), bins.max())


def test_runs_of_one_picture_have_one_loss(folder: Path) -> None:
    table = curve_table()
    models = [("a", trained(table)), ("b", trained(table, loss="huber"))]
    with pytest.raises(
        PictureError,
        match="^b: its loss is huber, target standardised, that of a is mse, target standardised; ",
    ):
        make_picture("loss", models, None, Options(), Observer())
    with pytest.raises(PictureError, match="^got 9 models; expected at most 8$"):
        make_picture("loss", models[:1] * 9, None, Options(), Observer())


# activations ----------------------------------------------------------------------------------

OWN_ACTIVATIONS: dict[str, Any] = {  # by other formulas than the code's
    "identity": lambda z: z,
    "sigmoid": lambda z: np.exp(z) / (1 + np.exp(z)),
    "tanh": lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
    "relu": lambda z: (z + np.abs(z)) / 2,
    "leaky_relu": lambda z: np.maximum(z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
    "gelu": lambda z: z / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z: np.log(1 + np.exp(z)),
}


@pytest.mark.parametrize("name", OWN_ACTIVATIONS)
def test_activations_are_drawn_with_their_derivatives(name: str) -> None:
    found = make_picture("activation", [], None, Options(), Observer(), names=(name,))
    assert isinstance(found, Activations)
    (one,), f = found.shown, OWN_ACTIVATIONS[name]
    inside = ~np.isnan(one.z)
    z = one.z[inside]
    assert (z.min(), z.max(), np.isnan(one.slope).sum()) == (-4.0, 4.0, len(one.kinks))
    np.testing.assert_allclose(one.value[inside], f(z), rtol=1e-12, atol=1e-12)
    away = np.abs(z) > 1e-3
    slopes = (f(z + 1e-6) - f(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(one.slope[inside][away], slopes[away], rtol=1e-6, atol=1e-8)
    for kink, (left, right, used) in zip(one.kinks, one.jumps, strict=True):
        for side, slope in ((-1, left), (1, right)):
            near = np.array([kink, kink + side * 1e-6])
            assert slope == pytest.approx(np.diff(f(near))[0] / (side * 1e-6), abs=1e-5)
        assert used in (pytest.approx(left, abs=1e-8), pytest.approx(right, abs=1e-8))


def test_all_activations_or_those_of_a_model(tiny: Example, folder: Path) -> None:
    def shown(models: Any, *names: str) -> list[str]:
        found = make_picture("activation", models, None, Options(), Observer(), names=names)
        assert isinstance(found, Activations)
        return [one.name for one in found.shown]

    assert shown([]) == list(OWN_ACTIVATIONS)
    assert shown([], "relu", "sigmoid", "relu") == ["sigmoid", "relu"]
    assert shown([("tiny.npz", nnfit.load("tiny.npz"))]) == ["relu"]  # softmax is of all outputs
    with pytest.raises(PictureError, match="^'tahn' is no activation; .* did you mean 'tanh'"):
        shown([], "tahn")
    table = pd.DataFrame({"u": np.arange(30.0), "y": ["a", "b", "c"] * 10})
    with pytest.raises(PictureError, match="^m: has softmax alone, of all outputs together; "):
        shown([("m", trained(table))])


def _unvalidated() -> str:
    trained(curve_table(), data={"validation": 0}).save("unvalidated.npz")
    return "unvalidated"


def test_a_model_without_history_has_no_loss_curve(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    empty = {name: values[:0] for name, values in model.history.items()}
    trained = dataclasses.replace(model.trained, epochs=0, best_epoch=0)
    dataclasses.replace(model, history=empty, trained=trained).save("empty.npz")
    with pytest.raises(PictureError, match="^empty.npz: holds no history of its training; "):
        picture("loss", "empty")


def test_fit_is_what_the_models_predict_in_the_targets_units(folder: Path) -> None:
    table = curve_table()
    models = [
        ("a.npz", saved(folder, "a", table)),
        ("b.npz", saved(folder, "b", table, features=["x", "x**2"], model={"bias": False})),
        ("c.npz", saved(folder, "c", table, model={"hidden_sizes": [4], "activation": "tanh"})),
    ]
    found = make_picture("fit", models, "a.csv", Options(), Observer())
    assert [(curve.name, curve.phi) for curve in found.curves] == [
        ("a.npz", "[1, x]"),
        ("b.npz", "[x, x**2]"),
        ("c.npz", "learned from [x], 1–4–1 tanh"),
    ]
    cells = pd.read_csv("a.csv")  # older pandas read the last bit of some otherwise
    np.testing.assert_array_equal(found.x_points, cells["x"])
    np.testing.assert_array_equal(found.y_points[:, 0], cells["y"])
    assert found.grid[0] < 0.5 < 4.0 < found.grid[-1]
    for (_, model), curve in zip(models, found.curves, strict=True):
        expected = model.predict(pd.DataFrame({"x": found.grid}))
        np.testing.assert_array_equal(curve.values[:, 0], expected)


def test_a_curve_ends_where_an_expression_is_not_defined(folder: Path) -> None:
    table = curve_table()
    table.loc[0, "x"] = 0.01
    saved(folder, "log", table, features=["log(x)"])
    found = picture("fit", "log")
    values = found.curves[0].values[:, 0]
    assert found.grid[0] < 0.0
    np.testing.assert_array_equal(np.isnan(values), found.grid <= 0.0)


def test_fit_of_two_classes_is_the_second_ones_probability(binary: Example) -> None:
    model = nnfit.load("binary.npz")
    found = picture("fit", "binary", x="x1")
    held = float(np.median(pd.read_csv("binary.csv")["x2"]))
    expected = model.predict_proba(pd.DataFrame({"x1": found.grid, "x2": held}))
    np.testing.assert_array_equal(found.curves[0].values[:, 0], expected[:, 1])
    assert set(found.y_points[:, 0]) == {0, 1}


# boundary -------------------------------------------------------------------------------------


def test_the_grid_of_a_boundary_is_what_the_model_predicts(binary: Example) -> None:
    model = nnfit.load("binary.npz")
    found = picture("boundary", "binary")
    X, Y = np.meshgrid(found.x_grid, found.y_grid)
    frame = pd.DataFrame({"x1": X.reshape(-1), "x2": Y.reshape(-1)})
    expected = model.predict_proba(frame).reshape(found.probabilities.shape)
    np.testing.assert_array_equal(found.probabilities, expected)
    table = pd.read_csv("binary.csv")
    np.testing.assert_array_equal(found.x.points, table["x1"])
    assert [found.classes[code] for code in found.codes] == table["passed"].astype(str).tolist()


def test_the_boundary_of_a_linear_predictor_is_phi_w_equal_0(binary: Example) -> None:
    model = nnfit.load("binary.npz")
    found = picture("boundary", "binary")
    assert found.through_sigmoid
    X, Y = np.meshgrid(found.x_grid, found.y_grid)
    grid = pd.DataFrame({"x1": X.reshape(-1), "x2": Y.reshape(-1)})
    phi = model.encoder.transform(NamedRows(grid, "grid"))
    (w,), (b,) = model.network.parameters.W[0], model.network.parameters.b[0]
    z = (phi @ w.astype(np.float64) + b).reshape(X.shape)
    np.testing.assert_allclose(found.log_odds, z, atol=1e-5, rtol=1e-5)  # float32 network
    np.testing.assert_array_equal(found.probabilities[..., 1] > 0.5, found.log_odds > 0.0)


def test_a_boundary_goes_through_the_expressions_of_its_columns(folder: Path) -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(80, 2)), columns=["u", "v"])
    table["y"] = np.where(table["u"] ** 2 + table["v"] ** 2 > 1.5, "out", "in")
    model = saved(folder, "ring", table, features=["u**2", "v**2"], training={"epochs": 60})
    found = picture("boundary", "ring")
    middle = found.probabilities[len(found.y_grid) // 2, len(found.x_grid) // 2]
    assert found.classes[middle.argmax()] == "in"
    assert found.classes[found.probabilities[0, 0].argmax()] == "out"
    X, Y = np.meshgrid(found.x_grid, found.y_grid)
    frame = pd.DataFrame({"u": X.reshape(-1), "v": Y.reshape(-1)})
    expected = model.predict_proba(frame).reshape(found.probabilities.shape)
    np.testing.assert_array_equal(found.probabilities, expected)


def test_the_other_columns_are_held_at_median_and_most_frequent(folder: Path) -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(50, 3)).round(2), columns=["u", "v", "w"])
    table["shade"] = ["dark"] * 30 + ["light"] * 20
    table["old"] = [True] * 40 + [False] * 10
    table.loc[:4, "w"] = np.nan
    table["y"] = np.where(table["u"] > 0, "a", "b")
    model = saved(folder, "many", table)
    heard = Heard()
    found = make_picture("boundary", [("many.npz", model)], None, Options(x="v", y="u"), heard)
    median = float(table["w"].median())
    expected = (("w", f"{median:.4g}"), ("shade", "dark"), ("old", "true"))
    assert found.fixed == expected
    assert heard.notes == [
        f"held at their median or most frequent value: w = {median:.4g}, shade = dark, old = true",
        "data: many.csv, which many.npz was trained on",
    ]
    corner = pd.DataFrame(
        {"v": found.x_grid[:1], "u": found.y_grid[:1], "w": median, "shade": "dark", "old": True}
    )
    np.testing.assert_array_equal(model.predict_proba(corner)[0], found.probabilities[0, 0])


def test_a_category_is_an_axis_with_its_names(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    found = picture("boundary", "tiny", x="x", y="colour")
    assert found.y.labels == ("blue", "green", "red")
    cells = pd.read_csv("tiny.csv")["colour"]
    assert [found.y.labels[int(place)] for place in found.y.points] == cells.tolist()
    for place, label in enumerate(found.y.labels):
        row = int(np.abs(found.y_grid - place).argmin())
        expected = model.predict_proba(pd.DataFrame({"x": found.x_grid, "colour": label}))
        np.testing.assert_array_equal(found.probabilities[row], expected)


def test_a_plane_of_components_holds_the_rows_where_they_are(labels: Example) -> None:
    model = nnfit.load("labels.npz")
    found = picture("boundary", "labels", plane="pca")
    table = pd.read_csv("labels.csv", dtype={"code": str, "label": str}, keep_default_na=False)
    X = model.encoder.transform(NamedRows(table.replace("", np.nan), "labels.csv"))
    components, shares = principal_components(X - X.mean(axis=0))
    np.testing.assert_allclose(components @ components.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found.x.points, (X - X.mean(axis=0)) @ components[0], atol=1e-9)
    assert found.x.name == f"component 1 ({100 * shares[0]:.0f} % of the variance)"
    assert shares[0] >= shares[1] > 0.0
    # a place in the plane is that combination of inputs
    inputs = X.mean(axis=0) + found.x_grid[3] * components[0] + found.y_grid[5] * components[1]
    z = model.network.parameters
    a = np.maximum(z.W[0] @ inputs + z.b[0], 0.0)
    p = np.empty((5, 1))
    softmax((z.W[1] @ a + z.b[1])[:, None].astype(np.float64), p)
    np.testing.assert_allclose(found.probabilities[5, 3], p[:, 0], rtol=1e-4, atol=1e-7)


def test_of_many_rows_a_sample_is_drawn_and_medians_are_of_all(folder: Path) -> None:
    n = MAX_POINTS + 500
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"u": rng.normal(size=n), "v": rng.normal(size=n), "w": np.arange(n) ** 2})
    table["y"] = np.where(table["u"] > 0, "a", "b")
    model = saved(folder, "much", table, training={"epochs": 1, "batch_size": 500})
    heard = Heard()
    found = make_picture("boundary", [("much.npz", model)], None, Options(x="u", y="v"), heard)
    assert len(found.codes) == len(found.x.points) == MAX_POINTS
    assert f"much.csv: {MAX_POINTS} of {n} rows are drawn" in heard.notes
    assert found.fixed == (("w", f"{table['w'].median():.4g}"),)
    places = sample_of(n, MAX_POINTS, 0)
    np.testing.assert_allclose(found.x.points, table["u"].iloc[places], rtol=1e-12)


# surface --------------------------------------------------------------------------------------


def lines(loss: TrainingLoss, centre: Array, n: int, seed: int = 0) -> list[tuple[Array, Array]]:
    """Return the ends of random lines around `centre`."""
    rng = np.random.default_rng(seed)
    return [
        (centre + rng.normal(0.0, 2.0, centre.shape), centre + rng.normal(0.0, 2.0, centre.shape))
        for _ in range(n)
    ]


@pytest.mark.parametrize("name", ["price", "binary"])  # squared loss, and cross-entropy
def test_the_loss_of_a_linear_predictor_is_convex_on_every_line(
    request: pytest.FixtureRequest, name: str
) -> None:
    request.getfixturevalue(name)
    model = nnfit.load(f"{name}.npz")
    rows = read_rows(model, f"{name}.csv", Observer())
    loss = training_loss(model, rows, Observer())
    for a, b in lines(loss, model.network.parameters.flat.astype(np.float64), 200):
        assert loss((a + b) / 2.0) <= (loss(a) + loss(b)) / 2.0 + 1e-12


def test_the_loss_of_a_network_is_not_convex(folder: Path) -> None:
    table = curve_table()
    network = {"hidden_sizes": [4], "activation": "tanh"}
    model = saved(folder, "net", table, model=network, training={"epochs": 80})
    loss = training_loss(model, read_rows(model, "net.csv", Observer()), Observer())
    theta = model.network.parameters.flat.astype(np.float64)
    broken = [loss((a + b) / 2.0) - (loss(a) + loss(b)) / 2.0 for a, b in lines(loss, theta, 200)]
    assert max(broken) > 0.01
    # the same network with its units in another order is as good; halfway between, units are lost
    W1, W2 = np.split(theta, [8])
    other = np.concatenate([W1.reshape(4, 2)[::-1].reshape(-1), W2[:4][::-1], W2[4:]])
    assert loss(other) == pytest.approx(loss(theta), rel=1e-12)
    assert loss((theta + other) / 2.0) > 1.5 * loss(theta)


def second_differences(z: Array) -> float:
    """Return the lowest second difference along rows, columns and both diagonals of a grid."""
    along = [np.diff(z, 2, axis=0), np.diff(z, 2, axis=1)]
    along += [
        z[:-2, :-2] - 2 * z[1:-1, 1:-1] + z[2:, 2:],
        z[2:, :-2] - 2 * z[1:-1, 1:-1] + z[:-2, 2:],
    ]
    return min(float(d.min()) for d in along)


def test_the_surface_of_a_linear_predictor_bends_upwards_and_that_of_a_network_does_not(
    folder: Path,
) -> None:
    table = curve_table()
    saved(folder, "line", table)
    saved(folder, "cubic", table, features=["x", "x**2", "x**3"])
    saved(folder, "net", table, model={"hidden_sizes": [4], "activation": "tanh"},
          training={"epochs": 80, "keep_path": True})  # fmt: skip
    for name, names in (
        ("line", ("w of x", "b")),
        ("cubic", ("random direction 1", "random direction 2")),
    ):
        found = picture("surface", name)
        assert (found.x_name, found.y_name) == names
        assert found.linear and second_differences(found.loss) > -1e-12
    found = picture("surface", "net")
    assert not found.linear
    assert second_differences(found.loss) < -1e-5  # rounding is some 1e-15
    assert found.x_name.startswith("path component 1 (")


def test_exact_axes_are_the_weights_themselves(folder: Path) -> None:
    table = curve_table()
    model = saved(folder, "line", table, optimizer={"learning_rate": 0.05, "l2": 0.1},
                  training={"epochs": 12, "keep_path": True})  # fmt: skip
    said: list[str] = []
    observer = Observer()
    observer.note = said.append  # type: ignore[method-assign]
    found: Any = make_picture("surface", [("line.npz", model)], None, Options(), observer)
    w, b = model.network.parameters.flat
    assert found.walks[0].end == (w, b)
    assert model.trajectory is not None
    walked = model.trajectory.parameters
    trajectory = found.walks[0].trajectory
    np.testing.assert_allclose(trajectory, walked, rtol=1e-12, atol=1e-15)
    assert len(trajectory) == 13  # where training began, and after each epoch
    # by hand: the mean squared error on the training rows, and the penalty on w
    rows = learned_rows(model, read_rows(model, "line.csv", Observer()), Observer())
    assert len(rows) == model.training["rows"]["train"]
    assert model.scaler is not None
    x = model.encoder.transform(rows)[:, 0]
    y = model.scaler.encode(rows.frame[["y"]].to_numpy())[:, 0]
    i, j = 7, 30
    u, v = found.x[j], found.y[i]
    expected = ((u * x + v - y) ** 2).mean() + 0.05 * u**2
    assert found.loss[i, j] == pytest.approx(expected, rel=1e-12)
    assert found.loss_name == "mse + penalty"
    loss, penalty = float(((w * x + b - y) ** 2).mean()), 0.05 * float(w) ** 2
    sums = f"loss {loss:.6g} + penalty {penalty:.6g} = {loss + penalty:.6g}"
    assert any(text.endswith(f"at the model's weights {sums}") for text in said)


def test_two_weights_and_a_bias_are_two_exact_axes(binary: Example) -> None:
    found = picture("surface", "binary")
    assert (found.x_name, found.y_name) == ("w₁ of x1", "w₂ of x2")
    assert found.walks[0].end == tuple(nnfit.load("binary.npz").network.parameters.W[0][0])


def test_the_loss_is_the_one_that_training_reports(folder: Path) -> None:
    """Full batch: the loss of epoch k is that before its step, at the path's point k - 1."""
    table = curve_table(40)
    table["s"] = np.linspace(0.5, 2.0, 40)
    model = saved(folder, "weighed", table, data={"weight": "s"},
                  training={"epochs": 5, "batch_size": "full", "keep_path": True})  # fmt: skip
    loss = training_loss(model, read_rows(model, "weighed.csv", Observer()), Observer())
    assert model.trajectory is not None
    found = [loss(theta) for theta in model.trajectory.parameters[:-1]]
    np.testing.assert_allclose(found, model.history["train_loss"], rtol=1e-12)


def test_class_weights_count_in_the_loss(folder: Path) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"u": rng.normal(size=60), "y": ["a"] * 45 + ["b"] * 15})
    model = saved(folder, "rare", table, class_weight="balanced",
                  training={"epochs": 4, "batch_size": "full", "keep_path": True})  # fmt: skip
    loss = training_loss(model, read_rows(model, "rare.csv", Observer()), Observer())
    assert model.trajectory is not None
    found = [loss(theta) for theta in model.trajectory.parameters[:-1]]
    np.testing.assert_allclose(found, model.history["train_loss"], rtol=1e-12)


def test_another_table_than_the_training_one_is_taken_whole_and_said(price: Example) -> None:
    model = nnfit.load("price.npz")
    pd.read_csv("price.csv").head(30).to_csv("part.csv", index=False)
    heard = Heard()
    rows = learned_rows(model, read_rows(model, "part.csv", heard), heard)
    assert len(rows) == 30
    assert heard.notes == [
        "part.csv: 30 rows, the model was trained on a table of 80; the loss is that of all of them"
    ]


def starts(folder: Path, n: int, **sections: Any) -> list[tuple[str, Model]]:
    """Return models of one small network that began elsewhere, on the same rows."""
    table, found = curve_table(30), []
    for seed in range(n):
        model = {"hidden_sizes": [3], "activation": "tanh"}
        data = {"validation": 0}
        made = saved(folder, f"m{seed}", table, model=model, data=data, seed=seed, **sections)
        found.append((f"m{seed}.npz", made))
    return found


def by_hand(model: Model, theta: Array, table: pd.DataFrame) -> float:
    """Return the mean squared error of the network 1-3-1 tanh at `theta`, all in plain NumPy."""
    x, y = ((table[c] - table[c].mean()) / table[c].std(ddof=0) for c in ("x", "y"))
    W1, b1, W2, b2 = theta[0:6:2], theta[1:6:2], theta[6:9], theta[9]
    y_hat = np.tanh(np.outer(x, W1) + b1) @ W2 + b2
    return float(((y_hat - y) ** 2).mean())


@pytest.mark.parametrize("kept", [False, True], ids=["no paths", "paths"])
def test_two_models_lie_in_one_plane_with_what_is_between(folder: Path, kept: bool) -> None:
    models = starts(folder, 2, training={"keep_path": kept})
    table = pd.read_csv("m0.csv")
    found = make_picture("surface", models, None, Options(), Observer())
    a, b = (model.network.parameters.flat for _, model in models)
    assert isinstance(found, Surface) and found.between is not None
    np.testing.assert_allclose([walk.end for walk in found.walks], [(0, 0), (1, 0)], atol=1e-9)
    middle = len(found.between) // 2
    for t, loss in (
        (0.0, found.between[0]),
        (0.5, found.between[middle]),
        (1.0, found.between[-1]),
    ):
        assert loss == pytest.approx(by_hand(models[0][1], a + t * (b - a), table), rel=1e-9)
    assert "m0.npz at 0, m1.npz at 1" in found.x_name
    places = np.array([walk.end for walk in found.walks])
    for walk, (_, model) in zip(found.walks, models, strict=True):
        assert (walk.trajectory is not None) == kept == (model.trajectory is not None)
        if walk.trajectory is not None:
            np.testing.assert_allclose(walk.trajectory[-1], walk.end, atol=1e-9)
            places = np.vstack([places, walk.trajectory])
    for k, ends in enumerate((found.x, found.y)):
        assert ends[0] < places[:, k].min() and places[:, k].max() < ends[-1]


def test_a_plane_goes_through_three_models_as_far_apart_as_they_are(folder: Path) -> None:
    models = starts(folder, 3)
    found = make_picture("surface", models, None, Options(), Observer())
    assert isinstance(found, Surface) and found.between is None
    flats = np.array([model.network.parameters.flat for _, model in models])
    ends = np.array([walk.end for walk in found.walks])
    for points in (flats, ends):
        points -= points[0].copy()
    unit = np.linalg.norm(flats[1])
    np.testing.assert_allclose(ends @ ends.T * unit**2, flats @ flats.T, atol=1e-9 * unit**2)


def test_gradient_descent_and_sgd_go_from_one_start(folder: Path) -> None:
    table = curve_table(30)
    models = []
    for name, batch in (("gd", "full"), ("sgd", 4)):
        training = {"keep_path": True, "batch_size": batch}
        rule = {"name": "sgd", "learning_rate": 0.05}
        models.append((name, saved(folder, name, table, training=training, optimizer=rule)))
    found = make_picture("surface", models, "gd.csv", Options(), Observer())
    assert isinstance(found, Surface)
    one, other = (walk.trajectory for walk in found.walks)
    assert one is not None and other is not None
    np.testing.assert_array_equal(one[0], other[0])
    assert np.abs(one[1:] - other[1:]).min() > 0.0
    for walk, (_, model) in zip(found.walks, models, strict=True):
        np.testing.assert_array_equal(walk.end, model.network.parameters.flat)


@pytest.mark.parametrize(
    ("what", "sections"),
    [
        ("layers, activations, loss or l2", {"model": {"hidden_sizes": [4], "activation": "tanh"}}),
        ("layers, activations, loss or l2", {"optimizer": {"l2": 0.1}}),
        ("data", {"table": curve_table(31)}),
        ("columns or their scaling", {"preprocessing": {"numeric": "minmax"}}),
        ("columns or their scaling", {"data": {"validation": 0.5}}),
        ("target", {"preprocessing": {"target": "none"}}),
    ],
)
def test_models_whose_weights_mean_other_things_share_no_plane(
    folder: Path, what: str, sections: dict[str, Any]
) -> None:
    models = starts(folder, 1)
    own = {"model": {"hidden_sizes": [3], "activation": "tanh"}, "data": {"validation": 0}}
    table = sections.pop("table", curve_table(30))
    models.append(("other.npz", saved(folder, "other", table, **{**own, **sections})))
    with pytest.raises(PictureError, match=f"^other.npz: differs from m0.npz in its {what}; "):
        make_picture("surface", models, None, Options(), Observer())


def test_a_bias_beside_two_weights_is_the_first_models(binary: Example) -> None:
    heard, model = Heard(), nnfit.load("binary.npz")
    moved = dataclasses.replace(model, network=Network(model.network.architecture, np.float64))
    moved.network.parameters.flat[:] = model.network.parameters.flat + 0.5
    models = [("one.npz", model), ("two.npz", moved)]
    found = make_picture("surface", models, "binary.csv", Options(), heard)
    assert isinstance(found, Surface) and found.between is None
    assert heard.notes == ["the bias stays at that of one.npz, for want of a third axis"]
    one, two = (np.array(walk.end) for walk in found.walks)
    np.testing.assert_allclose(two - one, 0.5, rtol=1e-6)


def test_a_plane_needs_two_places_and_holds_three_models(folder: Path) -> None:
    (model,) = starts(folder, 1)
    with pytest.raises(PictureError, match="has the same weights as m0.npz; expected two places"):
        make_picture("surface", [model, model], None, Options(), Observer())
    with pytest.raises(PictureError, match="^got 4 models; expected at most 3, "):
        make_picture("surface", [model] * 4, None, Options(), Observer())


def test_a_direction_is_as_long_as_each_neurons_weights_and_seeded(pair: Example) -> None:
    network = nnfit.load("pair.npz").network
    theta = network.parameters.flat.astype(np.float64)
    one, again, other = (
        random_direction(network, theta, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01
    start = 0
    for n_out, n_in in ((8, 3), (2, 9)):  # [W | b]
        part = slice(start, start + n_out * n_in)
        start = part.stop
        lengths = [np.linalg.norm(v[part].reshape(n_out, n_in), axis=1) for v in (one, theta)]
        np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-12)


def test_the_seed_chooses_the_surface(pair: Example) -> None:
    asked = ({"seed": 0}, {}, {"seed": 1})
    one, again, other = (picture("surface", "pair", **seed).loss for seed in asked)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.0


# layers ---------------------------------------------------------------------------------------


def test_units_compute_relu_of_W_x_plus_b(pair: Example) -> None:
    model = nnfit.load("pair.npz")
    found = picture("features", "pair")
    assert (found.values.shape[0], found.n_units, found.activation) == (8, 8, "relu")
    i, j = 11, 47
    row = pd.DataFrame({"u": [found.grids[0][j]], "v": [found.grids[1][i]]})
    x = model.encoder.transform(NamedRows(row, "grid"))[0]
    z = model.network.parameters.W[0] @ x + model.network.parameters.b[0]
    np.testing.assert_allclose(found.z[:, i, j], z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.values[:, i, j], np.maximum(z, 0.0), rtol=1e-5, atol=1e-6)
    largest = [unit.max() for unit in found.values]
    assert found.bends
    np.testing.assert_array_equal(found.largest, largest)


def test_units_of_large_networks_are_worked_out_at_fewer_places(
    pair: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_parameters = nnfit.load("pair.npz").network.architecture.n_parameters
    for places, expected in ((20, 20), (3, 12), (500, 120)):
        monkeypatch.setattr(features_picture, "WORK", places**2 * n_parameters)
        found = picture("features", "pair")
        assert found.values.shape == (8, expected, expected)


def test_z_of_a_deeper_layer_is_that_of_its_own_units(folder: Path) -> None:
    """Dropout masks nothing here; gelu has no kink, and its z no trace in a alone."""
    model = {"hidden_sizes": [4, 3], "activation": ["relu", "gelu"], "dropout": 0.5}
    made = saved(folder, "deep", curve_table(), model=model)
    found = picture("features", "deep", layer=2)
    p = made.network.parameters
    X = made.encoder.transform(NamedRows(pd.DataFrame({"x": found.grids[0]}), "grid"))
    z = np.maximum(X @ p.W[0].T + p.b[0], 0.0) @ p.W[1].T + p.b[1]
    np.testing.assert_allclose(found.z, z.T, rtol=1e-9, atol=1e-12)
    assert not found.bends and (found.activation, found.n_units) == ("gelu", 3)


def test_units_over_one_column_are_curves(pair: Example) -> None:
    found = picture("features", "pair", "pair.csv", x="u", y=None)
    assert found.values.shape == (8, len(found.grids[1]), len(found.grids[0]))  # two columns
    table = pd.read_csv("pair.csv").assign(more=1.5)
    table["more"] += np.arange(80) % 7
    trained(table, target=["north"], model={"hidden_sizes": [3]}).save("three.npz")
    table.to_csv("three.csv", index=False)
    flat = picture("features", "three", "three.csv", x="u")
    assert flat.values.shape == (3, len(flat.grids[0]))
    assert {name for name, _ in flat.fixed} == {"v", "more", "south"}


def test_weights_are_W1_with_the_inputs_names(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    found = picture("weights", "tiny")
    np.testing.assert_array_equal(found.W, model.network.parameters.W[0])
    assert found.input_names == ("x", "colour=blue", "colour=green", "colour=red")
    assert found.unit_names == tuple(f"unit {i}" for i in range(1, 9))


def test_of_many_inputs_those_with_the_largest_weights_are_shown(folder: Path) -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(50, 40)), columns=[f"c{i}" for i in range(40)])
    table["y"] = table["c7"] * 5.0
    model = saved(folder, "wide", table, training={"epochs": 2})
    found = picture("weights", "wide")
    sizes = np.abs(model.network.parameters.W[0][0])
    kept = np.sort(np.argsort(-sizes)[:30])
    assert found.input_names == tuple(f"c{i}" for i in kept)
    assert (found.n_inputs, found.W.shape) == (40, (1, 30))


def test_pixels_that_training_left_out_stay_empty(folder: Path) -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(40, 6)), columns=[f"p{i}" for i in range(6)])
    table["p2"] = 0.0  # never changes
    table["y"] = table["p0"] - table["p5"]
    model = saved(folder, "image", table, model={"hidden_sizes": [2]})
    found = picture("weights", "image", shape=(2, 3))
    W = model.network.parameters.W[0]
    expected = np.column_stack([W[:, :2], np.full(2, np.nan), W[:, 2:]]).reshape(2, 2, 3)
    np.testing.assert_array_equal(found.W, expected)


def pixels(folder: Path) -> pd.DataFrame:
    """Write image.csv: 5 images of 2 rows and 3 columns, and what they are of."""
    names = [f"p{i}{j}" for i in range(2) for j in range(3)]
    table = pd.DataFrame(np.arange(30).reshape(5, 6) ** 2, columns=names)
    table["shape"] = ["ring", "bar", "ring", "bar", "ring"]
    table.to_csv(folder / "image.csv", index=False)
    return table


def flattened(*names: str, **options: Any) -> Flattened:
    found = make_picture("flatten", [], None, Options(**options), Observer(), names=names)
    assert isinstance(found, Flattened)
    return found


def test_a_row_of_pixels_is_an_image_and_a_column_of_numbers(folder: Path) -> None:
    table = pixels(folder)
    found = flattened("image.csv", row=2)
    np.testing.assert_array_equal(found.pixels, [[36, 49, 64], [81, 100, 121]])
    assert found.names == tuple(table.columns[:6])
    assert (found.source, found.row, found.label) == ("image.csv", 2, "shape = bar")
    assert flattened("image.csv", shape=(3, 2)).pixels.tolist() == [[0, 1], [4, 9], [16, 25]]
    config = {"data": {"target": "shape", "path": "image.csv", "validation": 0}}
    model = nnfit.train({**config, "training": {"epochs": 1}})
    of_model = make_picture("flatten", [("m", model)], None, Options(row=2), Observer())
    assert isinstance(of_model, Flattened)
    np.testing.assert_array_equal(of_model.pixels, found.pixels)
    assert of_model.label == found.label


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": 6}, "--row: got 6; expected 1 to 5, the rows of image.csv"),
        ({"shape": (2, 2)}, "--shape: there are 6 pixels, 2x2 are others; expected HEIGHTxWIDTH"),
    ],
)
def test_a_row_and_a_shape_are_those_of_the_image(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    pixels(folder)
    with pytest.raises(PictureError) as caught:
        flattened("image.csv", **options)
    assert str(caught.value).startswith(message)


def test_what_is_no_image_is_not_flattened(folder: Path) -> None:
    table = pixels(folder).astype(object)
    table.loc[1, "p01"] = "?"
    table.to_csv("odd.csv", index=False)
    message = "odd.csv, row 2, column 'p01': got '\\?'; expected a number"
    with pytest.raises(PictureError, match=f"^{message}$"):
        flattened("odd.csv", row=2)
    table.drop(columns="p00").to_csv("less.csv", index=False)
    with pytest.raises(PictureError, match="^--shape: there are 5 pixels, 2x3 are others; "):
        flattened("less.csv")
    curve_table().to_csv("curve.csv", index=False)
    with pytest.raises(PictureError, match="^curve.csv: has no columns of grey pixels such as p00"):
        flattened("curve.csv")
    for names in ((), ("a.csv", "b.csv")):
        with pytest.raises(PictureError, match="; expected a model file, or one CSV$"):
            flattened(*names)
    model = trained(curve_table())
    with pytest.raises(PictureError, match="^--shape: there are 1 pixels, their names tell no"):
        make_picture("flatten", [("m", model)], "curve.csv", Options(), Observer())


def test_a_graph_has_all_weights_and_names(tiny: Example, binary: Example) -> None:
    found = picture("network", "tiny")
    assert found.sizes == (4, 8, 3)
    assert found.activations == ("relu", "softmax")
    assert found.output_names == ("kind = a", "kind = b", "kind = c")
    assert [W.shape for W in found.W] == [(8, 4), (3, 8)]
    assert picture("network", "binary").output_names == ("passed = True",)


# judged ---------------------------------------------------------------------------------------


def test_confusion_is_that_of_evaluate(tiny: Example) -> None:
    found = picture("confusion", "tiny")
    result = nnfit.load("tiny.npz").evaluate(pd.read_csv("tiny.csv"))
    assert found.counts.tolist() == result["metrics"]["confusion_matrix"]
    np.testing.assert_allclose(found.shares.sum(axis=1), 1.0, rtol=1e-12)


def test_calibration_of_two_classes_is_scikit_learns(binary: Example) -> None:
    found = picture("calibration", "binary")
    table = pd.read_csv("binary.csv")
    p = nnfit.load("binary.npz").predict_proba(table)[:, 1]
    observed, predicted = calibration_curve(table["passed"], p, n_bins=10)
    some = found.counts > 0
    np.testing.assert_allclose(found.observed[some], observed, rtol=1e-12)
    np.testing.assert_allclose(found.predicted[some], predicted, rtol=1e-12)
    gaps = np.abs(observed - predicted)
    assert found.error == pytest.approx((found.counts[some] * gaps).sum() / 80)
    assert found.of == "passed = True"


def test_calibration_of_more_classes_is_of_the_predicted_one(tiny: Example) -> None:
    found = picture("calibration", "tiny")
    table = pd.read_csv("tiny.csv")
    model = nnfit.load("tiny.npz")
    p = model.predict_proba(table).max(axis=1)
    right = model.predict(table) == table["kind"]
    observed, predicted = calibration_curve(right, p, n_bins=10)
    some = found.counts > 0
    np.testing.assert_allclose(found.observed[some], observed, rtol=1e-12)
    np.testing.assert_allclose(found.predicted[some], predicted, rtol=1e-12)


def test_wilson_intervals() -> None:
    """Against the roots of |p - share| = z sqrt(p (1 - p) / n), which define them."""
    low, high = wilson(np.array([0.0, 0.3, 1.0]), np.array([10.0, 50.0, 4.0]))
    for p, share, n in (
        (high[0], 0.0, 10),
        (low[1], 0.3, 50),
        (high[1], 0.3, 50),
        (low[2], 1.0, 4),
    ):
        assert abs(p - share) == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / n), rel=1e-9)
    assert low[0] == pytest.approx(0.0, abs=1e-15) and high[2] == pytest.approx(1.0)


def test_residuals_are_predictions_minus_truth(pair: Example) -> None:
    found = picture("residuals", "pair")
    table = pd.read_csv("pair.csv")
    predicted = nnfit.load("pair.npz").predict(table)
    np.testing.assert_array_equal(found.predicted, predicted)
    truth = table[["north", "south"]].to_numpy()
    np.testing.assert_array_equal(found.residuals, predicted - truth)


# importance -----------------------------------------------------------------------------------


def test_importance_finds_the_column_that_matters_and_the_one_that_does_not(folder: Path) -> None:
    rng = np.random.default_rng(9)
    table = pd.DataFrame(rng.normal(size=(100, 3)), columns=["no", "much", "some"])
    table["y"] = 10.0 * table["much"] + 2.0 * table["some"]
    model = saved(folder, "three", table, training={"epochs": 150})
    found = picture("importance", "three")
    assert found.columns == ("much", "some", "no")
    assert (found.metric, found.losses.shape) == ("rmse", (3, 10))
    # shuffling x changes w x by w (x' - x), whose mean square is 2 w^2 var(x)
    assert found.means[0] == pytest.approx(10.0 * np.sqrt(2.0), rel=0.25)
    assert found.means[0] > 3.0 * found.means[1] > 30.0 * abs(found.means[2])
    assert found.baseline == model.evaluate(pd.read_csv("three.csv"))["metrics"]["rmse"]


def test_a_column_without_weight_has_no_importance_at_all(binary: Example) -> None:
    model = nnfit.load("binary.npz")
    model.network.parameters.W[0][0, 1] = 0.0
    for metric in ("accuracy", "log_loss", "f1_macro", "roc_auc"):
        options = Options(metric=metric, repeats=3)
        found: Any = make_picture(
            "importance", [("binary.npz", model)], "binary.csv", options, Observer()
        )
        assert found.columns == ("x1", "x2")
        assert found.means[0] > 0.0  # worse is positive, for errors and scores
        np.testing.assert_array_equal(found.losses[1], 0.0)


def test_importance_is_seeded(price: Example) -> None:
    one, again, other = (picture("importance", "price", seed=s, repeats=4) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.losses, again.losses)
    assert np.abs(one.losses - other.losses).max() > 0.0
    assert picture("importance", "price", top=1).columns == one.columns[:1]
    np.testing.assert_allclose(one.spreads, one.losses.std(axis=1), rtol=1e-12)


def test_several_targets_are_judged_by_r2(pair: Example) -> None:
    assert picture("importance", "pair", repeats=2).metric == "r2"
