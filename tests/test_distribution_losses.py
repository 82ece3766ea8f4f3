"""gaussian_nll, quantile and poisson: their values, what each is least at, and every command.

Gradients are in `test_gradients` and `test_checker`, with those of the other losses.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import nnfit as package
from nnfit.config.conflicts import conflicts
from nnfit.config.reading import load_config
from nnfit.dataset.law import Law
from nnfit.errors import ConfigError, DataError
from nnfit.inside.explanation import explain
from nnfit.nn.arrays import negligible
from nnfit.nn.inference import mixture
from nnfit.nn.losses import VARIANCE_FLOOR, make_head
from nnfit.nn.names import DISTRIBUTION_LOSSES, LOSSES, QUANTILES, SCORES
from nnfit.nn.network import Architecture
from nnfit.table.rows import NamedRows
from nnfit.training.scores import gaussian_nll, pinball, poisson_deviance

if TYPE_CHECKING:
    from conftest import Commands

Array = NDArray[Any]
DTYPES = [np.float32, np.float64]


def head_of(loss: str, quantiles: tuple[float, ...] = QUANTILES) -> Any:
    return make_head(loss, LOSSES[loss].output_activation, quantiles)


def table(n: int = 240) -> pd.DataFrame:
    """Return rows whose y has a noise that grows with x, and c counts; w is in other units."""
    rng = np.random.default_rng(8)
    x = rng.uniform(-2.0, 2.0, n).round(3)
    y = 1000.0 + 200.0 * (x + np.exp(0.5 * x) * rng.normal(size=n))
    c, kind = rng.poisson(np.exp(0.4 + 0.8 * x)), np.array(["a", "b"])[rng.integers(2, size=n)]
    w = (0.01 * x * rng.normal(size=n)).round(5)
    return pd.DataFrame({"x": x, "kind": kind, "y": y.round(2), "c": c, "w": w})


def config(loss: str, target: Any = None, **sections: Any) -> dict[str, Any]:
    """Return a small network on x and kind."""
    own = "c" if loss == "poisson" else "y"
    data = {"path": "-", "target": target or own, "include": ["x", "kind"]}
    base: dict[str, Any] = {
        "data": data,
        "loss": loss,
        "model": {"hidden_sizes": [4], "activation": "tanh"},
        "optimizer": {"learning_rate": 0.02},
        "training": {"epochs": 4, "engine": "numpy"},
    }
    for name, values in sections.items():
        base[name] = {**base.get(name, {}), **values} if isinstance(values, dict) else values
    return base


# the heads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["gaussian_nll", "poisson"])
def test_values_and_slopes_are_torchs(loss: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    z, Y = 2.0 * rng.normal(size=(4, 9)), rng.poisson(2.0, (4, 9)).astype(float)
    share = rng.uniform(0.1, 0.3, 9)
    t, y, s = torch.tensor(z, requires_grad=True), torch.tensor(Y), torch.tensor(share)
    if loss == "gaussian_nll":
        Y[1::2] = Y[::2]
        y = torch.tensor(Y)
        v = torch.nn.functional.softplus(t[1::2]) + VARIANCE_FLOOR
        each = torch.nn.GaussianNLLLoss(reduction="none", eps=0.0)(t[::2], y[::2], v)
    else:
        each = torch.nn.PoissonNLLLoss(log_input=True, reduction="none")(t, y)
    rows = each.mean(dim=0)
    (rows * s).sum().backward()
    head, delta = head_of(loss), np.empty_like(z)
    head.delta(z, Y, share, delta)
    np.testing.assert_allclose(head.losses(z, Y), rows.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(delta, t.grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_the_pinball_loss_is_least_at_the_quantile(q: float) -> None:
    y = np.sort(np.random.default_rng(2).normal(size=1001))
    head = head_of("quantile", (q,))
    losses = [head.losses(np.full((1, 1001), value), y[None]).mean() for value in y]
    assert y[int(np.argmin(losses))] == pytest.approx(np.quantile(y, q), abs=1e-12)
    z, delta = np.array([[2.0, 0.0, -2.0]]), np.empty((1, 3))
    head.delta(z, np.zeros((1, 3)), 1.0, delta)
    assert delta.tolist() == [[1.0 - q, 0.0, -q]]  # 0 at the kink, as for mae


def test_outputs_of_several_targets_have_their_own_quantile() -> None:
    z, Y = np.array([[2.0], [2.0], [-1.0], [-1.0]]), np.zeros((4, 1))
    head, delta = head_of("quantile", (0.1, 0.7)), np.empty((4, 1))
    assert head.losses(z, Y).tolist() == pytest.approx([(1.8 + 0.6 + 0.1 + 0.7) / 4.0])
    head.delta(z, Y, 1.0, delta)
    np.testing.assert_allclose(delta[:, 0], np.array([0.9, 0.3, -0.1, -0.7]) / 4.0, rtol=1e-14)


def test_likelihoods_are_highest_at_the_mean_and_the_variance() -> None:
    y = np.random.default_rng(3).poisson(3.0, 400).astype(float)
    delta = np.empty((2, 400))
    z = np.stack([np.full(400, y.mean()), np.full(400, np.log(np.expm1(y.var() - 1e-6)))])
    head_of("gaussian_nll").delta(z, np.stack([y, y]), 1.0 / 400, delta)
    np.testing.assert_allclose(delta.sum(axis=1), 0.0, atol=1e-12)
    z = np.full((1, 400), np.log(y.mean()))
    head_of("poisson").delta(z, y[None], 1.0 / 400, delta[:1])
    assert delta[0].sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_variance_vanishes_or_leaves_the_range(dtype: Any) -> None:
    z: Array = np.array([[0.0, 0.0, 1.0], [-1e4, 1e4, -1e4]], dtype)
    Y: Array = np.zeros_like(z)
    y_hat, delta, head = np.empty_like(z), np.empty_like(z), head_of("gaussian_nll")
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        head.predict(z, y_hat)
        losses = head.losses(z, Y)
        head.delta(z, Y, 1.0, delta)
    np.testing.assert_allclose(y_hat[1], [1e-6, 1e4, 1e-6], rtol=1e-6)
    expected = [np.log(1e-6) / 2.0, np.log(1e4) / 2.0, (np.log(1e-6) + 1e6) / 2.0]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    np.testing.assert_allclose(delta, [[0.0, 0.0, 1e6], [0.0, 0.5e-4, 0.0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_beyond_its_bound_the_poisson_loss_is_its_tangent(dtype: Any) -> None:
    bound = -np.log(negligible(dtype))
    z: Array = np.array([[bound, bound + 1.0, bound + 500.0, -bound - 1.0, -1e4, 0.0]], dtype)
    Y: Array = np.array([[3.0, 3.0, 3.0, 0.0, 2.0, 0.0]], dtype)
    y_hat, delta, head = np.empty_like(z), np.empty_like(z), head_of("poisson")
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses = head.losses(z, Y)
        head.delta(z, Y, 1.0, delta)
        head.predict(z, y_hat)
        assert np.isfinite(delta[0, :3] ** 2).all()
    slope = np.exp(np.float64(bound))
    np.testing.assert_allclose(losses[1:3] - losses[0], slope * np.array([1.0, 500.0]), rtol=1e-4)
    np.testing.assert_allclose(delta[0, :3], slope, rtol=1e-4)
    np.testing.assert_allclose(y_hat[0, :3], slope, rtol=1e-4)
    assert delta[0, 3:].tolist() == [0.0, -2.0, 1.0]


def test_a_mixture_has_the_total_variance() -> None:
    rng = np.random.default_rng(4)
    mean, variance = rng.normal(size=(3, 2, 5)), rng.uniform(0.1, 2.0, (3, 2, 5))
    y_hat = np.stack([mean, variance], axis=2).reshape(3, 4, 5)
    together = mixture(head_of("gaussian_nll"), y_hat)
    second = (variance + mean**2).mean(axis=0)  # E y^2 of the mixture
    np.testing.assert_allclose(together[::2], mean.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(together[1::2], second - mean.mean(axis=0) ** 2, rtol=1e-12)
    np.testing.assert_array_equal(mixture(head_of("quantile"), y_hat), y_hat.mean(axis=0))
    np.testing.assert_array_equal(mixture(head_of("gaussian_nll"), y_hat[0]), y_hat[0])


def test_a_network_has_outputs_for_each_target() -> None:
    with pytest.raises(ValueError) as caught:
        Architecture((2, 3), (), "gaussian_nll")
    assert str(caught.value) == "gaussian_nll has 2 outputs of a target, got 3"
    with pytest.raises(ValueError) as caught:
        make_head("poisson", "identity")
    assert str(caught.value) == "poisson needs a exp output, got 'identity'"
    assert Architecture((2, 6), (), "quantile").quantiles == QUANTILES


# the scores ------------------------------------------------------------------------------------


def test_scores_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    y, mean = rng.poisson(2.0, 50).astype(float), rng.uniform(0.1, 5.0, 50)
    assert poisson_deviance(y, mean) == pytest.approx(metrics.mean_poisson_deviance(y, mean))
    told, quantiles = rng.normal(size=(50, 2)), (0.1, 0.8)
    each = [metrics.mean_pinball_loss(y, told[:, k], alpha=q) for k, q in enumerate(quantiles)]
    assert pinball(y, told, quantiles) == pytest.approx(np.mean(each), rel=1e-13)
    stats = pytest.importorskip("scipy.stats")
    expected = -stats.norm.logpdf(y, mean, 1.0 + mean).mean()
    assert gaussian_nll(y, mean, 1.0 + mean) == pytest.approx(expected, rel=1e-13)


def test_the_value_of_quantiles_is_the_one_nearest_to_a_half() -> None:
    y_hat = np.array([[3.0, 1.0, 2.0]])
    assert Law("quantile", (0.1, 0.2, 0.9)).value(y_hat).tolist() == [[2.0]]  # sorted before
    assert Law("quantile", QUANTILES).value(y_hat).tolist() == [[2.0]]
    assert Law("quantile", (0.4, 0.6)).value(np.array([[1.0, 2.0]])).tolist() == [[1.0]]


# what is learned -------------------------------------------------------------------------------

EXACT: dict[str, Any] = {
    "model": {"hidden_sizes": []},
    "training": {"epochs": 600, "batch_size": "full", "dtype": "float64"},
    "optimizer": {"learning_rate": 0.03, "schedule": "cosine"},
}


def test_poisson_regression_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    frame = table()
    frame["kind"] = (frame["kind"] == "b") * 1.0
    data = {"validation": 0, "include": ["x", "kind"]}
    model = package.train(config("poisson", data=data, **EXACT), frame)
    X = frame[["x", "kind"]].to_numpy()
    theirs = linear.PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000).fit(X, frame["c"])
    np.testing.assert_allclose(model.predict(frame), theirs.predict(X), rtol=1e-3)
    assert model.scaler is not None and model.scaler.scales == (1.0,)


def test_quantile_regression_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    frame = table()
    data = {"validation": 0, "include": ["x"]}
    fitted = config("quantile", data=data, quantiles=[0.25, 0.9], **EXACT)
    model = package.train(fitted, frame)
    metrics, X = model.evaluate(frame)["metrics"], frame[["x"]].to_numpy()
    theirs = [
        linear.QuantileRegressor(quantile=q, alpha=0.0).fit(X, frame["y"]).predict(X)
        for q in (0.25, 0.9)
    ]
    least = pinball(frame["y"].to_numpy(), np.stack(theirs, axis=1), (0.25, 0.9))
    assert least <= metrics["pinball"] * (1.0 + 1e-12)
    assert metrics["pinball"] == pytest.approx(least, rel=2e-3)


def test_a_standard_deviation_is_that_of_the_noise() -> None:
    frame = table(2000)
    learn = {"hidden_sizes": []}
    model = package.train(
        config("gaussian_nll", model=learn, training={"epochs": 60}, data={"validation": 0}), frame
    )
    law, outcome = model.outcome.law, model.outcome
    far = pd.DataFrame({"x": [-1.5, 0.0, 1.5], "kind": ["a"] * 3})
    told = outcome.told(model.outputs(NamedRows(far, "far")))
    assert law.columns(("y",)) == ["prediction", "prediction_sd"] and told.shape == (3, 2)
    assert outcome.told(model.outputs(NamedRows(far[:0], "none"))).shape == (0, 2)
    np.testing.assert_allclose(told[:, 0], 1000.0 + 200.0 * far["x"], atol=60.0)
    np.testing.assert_allclose(told[:, 1], 200.0 * np.exp(0.5 * far["x"]), rtol=0.25)


def test_counts_that_are_all_zero_begin_at_half_a_count() -> None:
    frame = table(40).assign(c=0)
    with pytest.warns(package.NnfitWarning, match="one value in all training rows"):
        model = package.train(
            config("poisson", data={"validation": 0}, training={"epochs": 1}), frame
        )
    assert 0.0 < model.predict(frame).max() < 1.0
    no_bias = config("poisson", model={"bias": False}, training={"epochs": 1})
    assert np.isfinite(package.train(no_bias, table()).predict(table())).all()


# the commands ----------------------------------------------------------------------------------

TOLD = {
    "gaussian_nll": ["prediction", "prediction_sd"],
    "quantile": ["prediction", "quantile_0.05", "quantile_0.5", "quantile_0.95"],
    "poisson": ["prediction"],
}


def written(folder: Path, loss: str, **sections: Any) -> None:
    """Put d.csv and c.yaml into the folder."""
    table().to_csv(folder / "d.csv", index=False)
    sections["data"] = {"path": "d.csv"} | sections.get("data", {})
    text = json.dumps(config(loss, **sections))
    (folder / "c.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("loss", DISTRIBUTION_LOSSES)
def test_every_command_takes_the_loss(cli: Commands, folder: Path, loss: str) -> None:
    written(folder, loss, model={"members": 2}, data={"validation": "folds"})
    said = cli("train", "c.yaml", "-o", "m.npz", "--oof", "oof.csv")
    assert said.code == 0 and f"task: regression (loss {loss})" in " ".join(said.err.split())
    target, columns, score = config(loss)["data"]["target"], TOLD[loss], SCORES[loss]
    frame = pd.read_csv("d.csv")

    plain = cli("predict", "m.npz", "d.csv", "--append", "--spread")
    (folder / "p.csv").write_text(plain.out, encoding="utf-8")
    predicted = pd.read_csv("p.csv")
    assert [*predicted.columns] == [*frame.columns, *columns, "prediction_spread"]
    lines = cli("predict", "m.npz", "d.csv", "--format", "jsonl", "--keep", "kind").out
    first = json.loads(lines.splitlines()[0])
    assert [*first] == ["kind", *columns]
    assert first["prediction"] == predicted["prediction"][0]
    assert cli("predict", "m.npz", "d.csv", "--format", "tsv").out.startswith("\t".join(columns))

    found = json.loads(cli("evaluate", "m.npz", "d.csv", "--json").out)["metrics"]
    assert {"rmse", "mae", "r2", score} <= found.keys()
    y, value = frame[target].to_numpy(float), predicted["prediction"].to_numpy()
    told = predicted[columns[1:]].to_numpy()
    own = {
        "nll": lambda: gaussian_nll(y, value, told[:, 0]),
        "pinball": lambda: pinball(y, told, QUANTILES),
        "poisson_deviance": lambda: poisson_deviance(y, value),
    }[score]()
    assert found[score] == pytest.approx(own, rel=1e-6)
    assert score in cli("evaluate", "m.npz", "--split", "validation").out

    oof = pd.read_csv("oof.csv")
    assert [*oof.columns] == [target, "fold", *columns]
    shown = json.loads(cli("inspect", "m.npz", "--json").out)
    assert shown["metrics"]["validation"][score] == pytest.approx(
        package.load("m.npz").outcome.law.score(
            oof[target].to_numpy(float),
            oof["prediction"].to_numpy(),
            oof[columns[1:]].to_numpy(),
        ),
        rel=1e-6,
    )
    assert loss in cli("inspect", "m.npz").out
    assert cli("gradcheck", "c.yaml").code == cli("gradcheck", "m.npz").code == 0
    assert cli("gradcheck", "m.npz", "--inject-bug", "factor").code == 1
    assert cli("activations", "m.npz", "d.csv", "--layer", "1").code == 0
    for kind, options in (("fit", ("--x", "x")), ("loss", ())):
        assert cli("plot", kind, "m.npz", *(["d.csv"] * (kind == "fit")), *options).code == 0
    assert cli("plot", "residuals", "m.npz", "d.csv", "-o", "r.svg").code == 0
    assert cli("plot", "network", "m.npz", "-o", "n.svg").code == 0


@pytest.mark.parametrize("loss", DISTRIBUTION_LOSSES)
def test_cv_writes_what_predict_tells(cli: Commands, folder: Path, loss: str) -> None:
    written(folder, loss, training={"epochs": 1})
    found = cli("cv", "c.yaml", "--folds", "2", "-o", "oof.csv", "--json")
    assert found.code == 0 and SCORES[loss] in json.loads(found.out)["metrics"]
    assert [*pd.read_csv("oof.csv").columns][2:] == TOLD[loss]


@pytest.mark.parametrize("loss", DISTRIBUTION_LOSSES)
def test_explain_has_the_formula_with_its_numbers(folder: Path, loss: str) -> None:
    keys: dict[str, Any] = {} if loss == "poisson" else {"target": ["y", "w"]}
    model = package.train(config(loss, **keys), table())
    found = explain(model, table(), row=3)
    last, target = found["backward"][0]["delta"], found["target"]
    np.testing.assert_allclose(last["product"], last["values"], rtol=1e-9)
    y, y_hat = np.array(target["y"]), np.array(found["prediction"]["y_hat"])
    row = {
        "gaussian_nll": lambda: 0.5 * (np.log(y_hat[1::2]) + (y - y_hat)[::2] ** 2 / y_hat[1::2]),
        "quantile": lambda: np.maximum(
            (np.tile(QUANTILES, 2) - 1.0) * (y - y_hat), np.tile(QUANTILES, 2) * (y - y_hat)
        ),
        "poisson": lambda: y_hat - y * np.log(y_hat),
    }[loss]()
    assert found["loss"]["loss"] == pytest.approx(row.mean(), rel=1e-12)
    assert [*found["prediction"].get("beside", {})] == model.outcome.law.columns(model.targets)[
        len(model.targets) :
    ]
    errors = [g["relative_error"] for step in found["backward"] for g in step["gradients"]]
    assert max(errors) < 1e-9
    for factor in last["factors"]:
        assert factor["formula"]


def test_the_explanation_on_paper(cli: Commands, folder: Path) -> None:
    written(folder, "gaussian_nll")
    shown = cli("explain", "c.yaml", "--row", "2").out
    assert "prediction_sd" in shown
    assert "L = (log s² + (y − μ)²/s²)/2, ŷ = (μ, s²)" in shown
    assert "∂L/∂ŷ    = (μ − y)/s² for μ, (1/s² − (y − μ)²/s⁴)/2 for s²" in shown
    assert "σ′(z[2]) = 1 for μ, 1/(1 + exp(−z)) for s²" in shown
    written(folder, "poisson")
    shown = cli("explain", "c.yaml", "--row", "2").out
    assert "= (1 − y/ŷ) · ŷ" in shown and "exp with poisson: the two factors" in shown
    written(folder, "quantile")
    assert "the mean of 3: max(τ (y − ŷ), (τ − 1) (y − ŷ))" in cli("explain", "c.yaml").out


def test_several_targets_are_told_by_name(cli: Commands, folder: Path) -> None:
    written(folder, "gaussian_nll", target=["y", "w"])
    assert cli("train", "c.yaml", "-q").code == 0
    rows = cli("predict", "c.npz", "d.csv").out.splitlines()
    assert rows[0] == "prediction_y,prediction_w,prediction_y_sd,prediction_w_sd"
    each = json.loads(cli("evaluate", "c.npz", "d.csv", "--json").out)["metrics"]
    assert {"rmse", "mae", "r2", "nll", "per_target"} <= each.keys()
    nll = [of["nll"] for of in each["per_target"].values()]
    assert each["nll"] == pytest.approx(np.mean(nll), rel=1e-12)
    assert package.load("c.npz").outcome.law.outputs(("y",)) == ("mean of y", "variance of y")
    frame = table().rename(columns={"w": "y_sd"})
    model = package.train(config("gaussian_nll", target=["y", "y_sd"]), frame)
    model.save("twice.npz")
    refused = cli("predict", "twice.npz", "d.csv")
    assert refused.code == 2 and refused.err == (
        "nnfit: error: loss gaussian_nll: 'prediction_y_sd' is a prediction too; rename a target\n"
    )


def test_the_deviation_of_members_is_that_of_their_mixture() -> None:
    frame = table()
    model = package.train(config("gaussian_nll", model={"members": 3}), frame)
    rows = NamedRows(frame, "rows")
    each = np.stack([m.outcome.told(m.outputs(rows)) for m in map(model.member, range(3))])
    mean, sd = each[..., 0], each[..., 1]
    told = model.outcome.told(model.outputs(rows))
    np.testing.assert_allclose(told[:, 0], mean.mean(axis=0), rtol=1e-6)
    total = (sd**2).mean(axis=0) + mean.var(axis=0)
    np.testing.assert_allclose(told[:, 1], np.sqrt(total), rtol=1e-5)
    np.testing.assert_allclose(
        model.outputs_with_spread(rows)[1][:, 0], mean.std(axis=0), rtol=1e-4
    )


def test_quantiles_that_cross_are_sorted_and_counted_once(cli: Commands, folder: Path) -> None:
    written(folder, "quantile", model={"hidden_sizes": []}, quantiles=[0.1, 0.6, 0.9])
    assert cli("train", "c.yaml", "-q").code == 0
    model = package.load("c.npz")
    model.network.parameters.flat[:] = 0.0
    model.network.parameters.W[0][:, 0] = [1.0, 0.0, -1.0]  # they cross where x is above its mean
    model.save("m.npz")
    found = cli("predict", "m.npz", "d.csv", "-q", "--append")
    n = int((table()["x"] > model.encoder.to_meta()["inputs"][0]["scaler"]["shift"]).sum())
    assert 50 < n < 200
    assert found.err == f"nnfit: warning: d.csv: quantiles cross in {n} rows; they are sorted\n"
    (folder / "p.csv").write_text(found.out, encoding="utf-8")
    told = pd.read_csv("p.csv")[["quantile_0.1", "quantile_0.6", "quantile_0.9"]].to_numpy()
    assert (np.diff(told) >= 0.0).all()
    assert f"quantiles cross in {n} rows" in cli("evaluate", "m.npz", "d.csv").err
    with pytest.warns(package.NnfitWarning, match="quantiles cross in 1 row; they are sorted"):
        model.predict(table()[table()["x"] > 1.9][:1])


def test_init_takes_the_task_of_the_loss(cli: Commands, folder: Path) -> None:
    frame = table()
    frame["c"] = frame["c"].clip(upper=3).astype(str)
    frame.loc[4, "c"] = "?"
    frame.to_csv("d.csv", index=False)
    keys = ("--set", "loss=poisson", "--set", "data.missing_values=?")
    found = cli("init", "d.csv", "--target", "c", *keys)
    assert found.code == 0 and "task: regression              # as the loss is" in found.out
    assert "loss: poisson" in found.out
    assert "task: classification" in cli("init", "d.csv", "--target", "c").out


# bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("quantiles=[0.5, 0.2]", "got 0.5 before 0.2; expected different quantiles, ascending"),
        ("quantiles=[0.5, 0.5]", "got 0.5 before 0.5; expected different quantiles, ascending"),
        ("quantiles=[0, 0.5]", "quantiles[0]: got 0; expected a number in (0, 1)"),
        ("quantiles=[0.5, 1.0]", "quantiles[1]: got 1.0; expected a number in (0, 1)"),
        ("quantiles=[]", "got an empty list; expected at least one entry"),
        (
            "model.output_activation=tanh",
            "got 'tanh', but the loss quantile has an output of its own. Leave it at auto",
        ),
        (
            "class_weight=balanced",
            "needs classes, but loss quantile is of quantities. Remove it",
        ),
        (
            "training.label_smoothing=0.1",
            "needs a cross-entropy, got loss quantile; expected 0. Remove it",
        ),
    ],
)
def test_what_does_not_go_with_the_loss(key: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config("quantile"), [key])
    assert str(caught.value) == f"--set {key}: {expected}"


@pytest.mark.parametrize(
    ("loss", "keys", "expected"),
    [
        ("mse", {"quantiles": [0.3]}, "needs the loss quantile, got loss mse. Remove it"),
        (
            "poisson",
            {"preprocessing": {"target": "standardize"}},
            "got 'standardize', but the loss is poisson, of counts as they are. Leave it at auto",
        ),
        (
            "gaussian_nll",
            {"data": {"task": "classification"}},
            "got 'gaussian_nll', but data.task is classification; expected auto, mse, mae, huber, "
            "binary_cross_entropy or cross_entropy",
        ),
    ],
)
def test_conflicts_are_one_line(loss: str, keys: dict[str, Any], expected: str) -> None:
    good = load_config(config("mse")).config
    assert not list(conflicts(good))
    with pytest.raises(ConfigError) as caught:
        load_config(config(loss, **keys))
    assert str(caught.value).endswith(expected)
    own = {"model": {"output_activation": "identity"}}
    assert load_config(config("quantile", **own)).config.task == "regression"


def test_a_count_below_zero_is_named(cli: Commands, folder: Path) -> None:
    written(folder, "poisson")
    assert cli("train", "c.yaml", "-o", "m.npz", "-q").code == 0
    frame = table()
    frame.loc[6, "c"] = -2
    frame.to_csv("d.csv", index=False)
    for command in (("train", "c.yaml"), ("evaluate", "m.npz", "d.csv"), ("gradcheck", "c.yaml")):
        refused = cli(*command, "-q")
        assert refused.code == 2 and refused.err == (
            "nnfit: error: d.csv, row 7, column 'c': got -2, which is no count; the poisson loss "
            "takes numbers >= 0. Mend the cell, or choose another loss\n"
        )
    assert cli("predict", "m.npz", "d.csv", "-q").code == 0  # which reads no target
    frame = table().assign(c=table()["c"] * 1e39)
    with pytest.raises(DataError) as caught:
        package.train(config("poisson"), frame)
    assert str(caught.value).endswith("takes the poisson loss out of the range of float32. Mend it")


# model files -----------------------------------------------------------------------------------


def test_other_models_keep_their_bytes() -> None:
    frame = table()
    plain = package.train(config("mse"), frame)
    assert b"quantiles" not in plain.to_bytes()
    told = package.train(config("mse", quantiles=[*QUANTILES]), frame)
    assert told.to_bytes() == plain.to_bytes()


def edited(model: package.Model, **network: Any) -> bytes:
    """Return the model's file with another declaration of its network."""
    arrays = dict(np.load(io.BytesIO(model.to_bytes())))
    meta = json.loads(arrays["meta"].tobytes())
    for key, value in network.items():
        meta["network"][key] = value
        if value is None:
            del meta["network"][key]
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"quantiles": [0.5, 0.2, 0.9]}, "the quantiles do not ascend from above 0 to below 1"),
        ({"quantiles": [0.0, 0.2, 0.9]}, "the quantiles do not ascend from above 0 to below 1"),
        ({"quantiles": []}, "the quantiles do not ascend from above 0 to below 1"),
        ({"quantiles": [0.2, 0.9]}, "quantile has 2 outputs of a target, got 3"),
        ({"quantiles": [0.5]}, "1 targets do not fit 3 outputs"),
        ({"loss": "gaussian_nll"}, "gaussian_nll has 2 outputs of a target, got 3"),
        ({"loss": "mse"}, "1 targets do not fit 3 outputs"),
        ({"output_activation": "exp"}, "quantile needs a identity output, got 'exp'"),
    ],
)
def test_a_file_of_other_quantiles_is_refused(
    folder: Path, network: dict[str, Any], expected: str
) -> None:
    model = package.train(config("quantile", training={"epochs": 1}), table())
    (folder / "m.npz").write_bytes(model.to_bytes())
    np.testing.assert_array_equal(package.load("m.npz").predict(table()), model.predict(table()))
    (folder / "bad.npz").write_bytes(edited(model, **network))
    with pytest.raises(package.NnfitError) as caught:
        package.load("bad.npz")
    assert str(caught.value) == f"bad.npz: {expected}; train the model again"


def test_the_loss_of_a_quantity_is_not_of_classes(folder: Path) -> None:
    model = package.train(config("cross_entropy", target="kind", data={"include": ["x"]}), table())
    changed = {"loss": "quantile", "output_activation": "identity", "quantiles": [0.5]}
    (folder / "bad.npz").write_bytes(edited(model, **changed))
    with pytest.raises(package.NnfitError) as caught:
        package.load("bad.npz")
    assert "the loss quantile is not of classes" in str(caught.value)
