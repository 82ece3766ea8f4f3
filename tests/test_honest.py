"""What held-out rows tell: temperature, intervals, sets of labels, thresholds; fitted and used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.errors import ModelFileError, PictureError
from nnfit.inside.pictures.calibration import make as make_calibration
from nnfit.inside.pictures.intervals import make as make_intervals
from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.request import Request
from nnfit.model.members import uncalibrated
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.report.plots import render
from nnfit.training.calibration import (
    MAX_KEPT,
    best_temperature,
    best_thresholds,
    kept_scores,
    losses,
    radius,
    scaled,
)

if TYPE_CHECKING:
    from conftest import Commands, Example

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDS = {"preset": "fast", "data": {"target": "y"}, "training": {"epochs": 8, "engine": "numpy"}}


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p: Array = e / e.sum(axis=1, keepdims=True)
    return p


def test_scaled_is_the_softmax_of_divided_logits(rng: np.random.Generator) -> None:
    z = rng.normal(size=(50, 4))
    np.testing.assert_allclose(scaled(softmax(z), 2.5), softmax(z / 2.5), rtol=1e-12)
    two = np.column_stack([np.zeros(50), z[:, 0]])
    one = softmax(two)[:, 1:]
    np.testing.assert_allclose(scaled(one, 0.5), softmax(two / 0.5)[:, 1:], rtol=1e-9)


@pytest.mark.parametrize("true", [0.5, 2.0])
def test_the_temperature_that_logits_were_multiplied_by_is_found(
    rng: np.random.Generator, true: float
) -> None:
    z = 1.5 * rng.normal(size=(8000, 3))
    codes = np.array([rng.choice(3, p=p) for p in softmax(z)])
    found = best_temperature(softmax(true * z), codes)
    assert found == pytest.approx(true, rel=0.05)
    grid = np.exp(np.linspace(-1.3, 1.3, 4001))
    mean = [losses(scaled(softmax(true * z), t), codes).mean() for t in grid[::40]]
    assert losses(scaled(softmax(true * z), found), codes).mean() <= min(mean) + 1e-12


def test_on_few_rows_or_honest_ones_there_is_no_temperature(rng: np.random.Generator) -> None:
    z = rng.normal(size=(2000, 3))
    codes = np.array([rng.choice(3, p=p) for p in softmax(z)])
    assert best_temperature(softmax(z), codes) == 1.0
    assert best_temperature(softmax(3.0 * z[:6]), codes[:6]) == 1.0
    assert best_temperature(softmax(z[:1]), codes[:1]) == 1.0


def test_the_radius_is_the_order_statistic_of_split_conformal(rng: np.random.Generator) -> None:
    scores = rng.exponential(size=(99, 2))
    ordered = np.sort(scores, axis=0)
    np.testing.assert_array_equal(radius(kept_scores(scores), 99, 0.9), ordered[89])
    np.testing.assert_array_equal(radius(kept_scores(scores), 99, 0.5), ordered[49])
    np.testing.assert_array_equal(radius(kept_scores(scores), 99, 0.99), ordered[98])
    assert radius(kept_scores(scores), 99, 0.995) is None


def test_of_many_scores_some_are_kept_and_the_next_larger_is_taken(
    rng: np.random.Generator,
) -> None:
    scores = rng.exponential(size=(54_321, 1))
    kept, ordered = kept_scores(scores), np.sort(scores, axis=0)
    assert len(kept) == MAX_KEPT
    assert (kept[0], kept[-1]) == (ordered[0], ordered[-1])
    for share in (0.1, 0.5, 0.9, 0.999):
        found, exact = radius(kept, len(scores), share), ordered[math.ceil(54_322 * share) - 1]
        assert found is not None
        assert exact <= found <= ordered[math.ceil(54_322 * share) + 5]


def test_the_radius_covers_new_rows_as_often_as_it_says(rng: np.random.Generator) -> None:
    covered = [
        rng.standard_cauchy() <= radius(np.sort(rng.standard_cauchy((49, 1)), axis=0), 49, 0.8)
        for _ in range(4000)
    ]
    assert np.mean(covered) == pytest.approx(0.8, abs=4.0 * math.sqrt(0.16 / 4000))


@pytest.mark.parametrize("digits", [1, 6])
def test_thresholds_are_the_best_of_all(rng: np.random.Generator, digits: int) -> None:
    p = rng.random(300).round(digits)
    positive = rng.random(300) < p**2
    found = best_thresholds(p, positive)

    def merits(cut: float) -> tuple[float, float]:
        said = p >= cut
        tp, fp = (said & positive).sum(), (said & ~positive).sum()
        fn = (~said & positive).sum()
        return (
            2 * tp / (2 * tp + fp + fn),
            tp / positive.sum() - fp / (~positive).sum(),
        )

    every = [merits(cut) for cut in np.unique(p)]
    assert merits(found["f1"])[0] == pytest.approx(max(f1 for f1, _ in every))
    assert merits(found["youden"])[1] == pytest.approx(max(j for _, j in every))
    assert best_thresholds(p, np.ones(300, bool)) == {}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 3)).round(3)
    y = np.where(x[:, 0] + 0.8 * rng.normal(size=300) > 0.4, "yes", "no")
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})


@pytest.fixture(scope="module")
def noisy(table: pd.DataFrame) -> Any:
    """A model of two classes that overlap."""
    return package.train(FOLDS, table)


DIGITS = {"data": {"path": str(DATA / "digits.csv"), "target": "digit"}, "preset": "fast"}


@pytest.fixture(scope="module")
def sure() -> Any:
    """A model that was far too sure of itself, and is brought back by a temperature."""
    return package.train({**DIGITS, "training": {"engine": "numpy"}})


def test_the_temperature_is_worked_into_the_last_layer(sure: Any) -> None:
    told = sure.held_out.told
    assert told.temperature > 1.2
    assert (told.by, told.rows) == ("out_of_fold", 1797)
    assert told.after["log_loss"] < told.before["log_loss"]
    assert told.after["log_loss"] == sure.metrics["validation"]["log_loss"]
    members, digits = range(sure.network.members), pd.read_csv(DATA / "digits.csv")
    trained = uncalibrated(sure)
    for i in members:
        p, before = (m.member(i).predict_proba(digits) for m in (sure, trained))
        np.testing.assert_allclose(p, scaled(before, told.temperature), atol=1e-5)
    np.testing.assert_allclose(
        sure.predict_proba(digits),
        np.mean([sure.member(i).predict_proba(digits) for i in members], axis=0),
        atol=1e-6,
    )


def test_without_calibrate_the_weights_are_those_of_training(sure: Any) -> None:
    plain = package.train({**DIGITS, "training": {"engine": "numpy"}, "calibrate": "none"})
    assert plain.held_out is not None
    assert plain.held_out.told.temperature == 1.0
    assert not plain.held_out.told.after
    np.testing.assert_allclose(
        plain.network.parameters.Wb[-1], uncalibrated(sure).network.parameters.Wb[-1], rtol=1e-5
    )


def test_the_network_of_a_refit_has_no_temperature(table: pd.DataFrame) -> None:
    refit = package.train({**FOLDS, "training": {"epochs": 4, "refit": True}}, table)
    assert refit.held_out is not None
    assert refit.held_out.told.temperature == 1.0


@pytest.fixture
def files(folder: Path, table: pd.DataFrame, noisy: Any) -> Path:
    table.to_csv(folder / "rows.csv", index=False)
    noisy.save(folder / "noisy.npz")
    return folder


def test_a_threshold_of_its_own(
    cli: Commands, files: Path, noisy: Any, table: pd.DataFrame
) -> None:
    p = noisy.predict_proba(table)[:, 1]
    for asked, cut in (
        ("0.2", 0.2),
        ("f1", noisy.held_out.told.thresholds["f1"]),
        ("youden", noisy.held_out.told.thresholds["youden"]),
    ):
        out = cli("predict", "noisy.npz", "rows.csv", "--threshold", asked).out
        assert out.split() == ["prediction", *np.where(p >= cut, "yes", "no")]


def test_sets_of_labels_hold_the_prediction_and_what_the_rows_allow(
    cli: Commands, files: Path, noisy: Any, table: pd.DataFrame
) -> None:
    p = noisy.predict_proba(table)
    reach = radius(noisy.held_out.scores, 300, 0.95)
    out = cli("predict", "noisy.npz", "rows.csv", "--prediction-set", "0.95", "--format", "jsonl")
    sets = [json.loads(line) for line in out.out.splitlines()]
    for row, found in zip(p, sets, strict=True):
        wanted = [name for name, q in zip(("no", "yes"), row, strict=True) if 1 - q <= reach]
        assert found["prediction_set"] == (wanted or [found["prediction"]])
    text = cli("predict", "noisy.npz", "rows.csv", "--prediction-set", "0.95").out.splitlines()
    assert text[0] == "prediction,prediction_set"
    assert [line.split(",")[1].split("|") for line in text[1:]] == [
        found["prediction_set"] for found in sets
    ]


def test_intervals_reach_as_far_as_held_out_rows_were_off(
    cli: Commands, folder: Path, price: Example, pair: Example
) -> None:
    model = package.load("price.npz")
    truth = model.held_out.scores  # type: ignore[union-attr]
    out = cli("predict", "price.npz", "price.csv", "--interval", "0.5", "--keep", "price").out
    Path("out.csv").write_text(out)
    found = pd.read_csv("out.csv")
    assert [*found] == ["price", "prediction", "prediction_low", "prediction_high"]
    reach = truth[math.ceil((len(truth) + 1) * 0.5) - 1, 0]
    np.testing.assert_allclose(found["prediction"] - found["prediction_low"], reach)
    np.testing.assert_allclose(found["prediction_high"] - found["prediction"], reach)
    header = cli("predict", "pair.npz", "pair.csv", "--interval", "0.5").out.split("\n")[0]
    assert header == (
        "prediction_north,prediction_south,prediction_low_north,prediction_high_north,"
        "prediction_low_south,prediction_high_south"
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["price", "--interval", "1"], "--interval: got 1; expected a number above 0 and below 1"),
        (["price", "--interval", "0"], "--interval: got 0; expected a number above 0 and below 1"),
        (["price", "--interval", "0.99"], "--interval: 0.99 needs 99 held-out rows or more, and"),
        (["price", "--prediction-set", "0.9"], "--prediction-set: a regression model has no"),
        (["price", "--threshold", "f1"], "--threshold: the model has no classes; expected two"),
        (["tiny", "--interval", "0.9"], "--interval: the model predicts classes; use --prediction"),
        (["tiny", "--threshold", "f1"], "--threshold: the model has 3 classes; expected two"),
        (["binary", "--threshold", "2"], "--threshold: got '2'; expected f1, youden or a prob"),
        (["binary", "--threshold", "f2"], "--threshold: got 'f2'; expected f1, youden or a prob"),
        (["blind", "--interval", "0.5"], "--interval: the model has no rows that were held out"),
    ],
)
def test_what_the_model_does_not_know_is_one_line(
    cli: Commands, price: Example, tiny: Example, binary: Example, args: list[str], said: str
) -> None:
    if args[0] == "blind":
        train = ("train", "price.yaml", "--set", "data.validation=0", "-o", "blind.npz", "-q")
        assert cli(*train).code == 0
    data = "price.csv" if args[0] == "blind" else f"{args[0]}.csv"
    done = cli("predict", f"{args[0]}.npz", data, *args[1:])
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not done.out


def test_a_threshold_needs_both_classes_among_the_held_out(cli: Commands, binary: Example) -> None:
    model = package.load("binary.npz")
    assert model.held_out is not None
    told = replace(model.held_out.told, thresholds={})
    replace(model, held_out=replace(model.held_out, told=told)).save("one.npz")
    done = cli("predict", "one.npz", "binary.csv", "--threshold", "f1")
    assert "--threshold: the held-out rows have one class only, by which f1 has no" in done.err


def test_calibration_without_held_out_rows_is_refused(cli: Commands, tiny: Example) -> None:
    args = ("--set", "calibrate=auto", "--set", "data.validation=0")
    done = cli("train", "tiny.yaml", *args, "-q")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "got auto with data.validation 0; expected held-out rows" in done.err


def test_it_is_told_by_inspect_and_explain(
    cli: Commands, folder: Path, sure: Any, price: Example
) -> None:
    sure.save("sure.npz")
    found = cli("inspect", "sure.npz").out
    assert "1,797, each by a fold" in found
    assert "temperature" in found and "before" in found
    explained = " ".join(cli("explain", "sure.npz", str(DATA / "digits.csv")).out.split())
    assert f"temperature T = {sure.held_out.told.temperature:.4g}: W[4] and b[4]" in explained
    assert "90 % interval of price" in " ".join(cli("explain", "price.npz").out.split())
    told = json.loads(cli("inspect", "price.npz", "--json").out)["held_out"]
    assert told["by"] == "validation" and set(told["reach"]) == {"0.5", "0.9"}


def test_pictures_before_and_after(folder: Path, sure: Any, price: Example) -> None:
    pytest.importorskip("matplotlib")
    digits = str(DATA / "digits.csv")
    found = Request([("sure.npz", sure)], digits, Options(), Observer())
    picture = make_calibration(found)
    assert picture.before is not None
    assert picture.temperature == sure.held_out.told.temperature
    sets = make_intervals(found)
    assert sets.widths.min() >= 1.0 and (sets.covered >= 0.9).all()
    model = package.load("price.npz")
    lines = make_intervals(Request([("price.npz", model)], "price.csv", Options(), Observer()))
    assert (np.diff(lines.covered[:, 0]) >= 0.0).all()
    assert lines.predicted is not None and lines.predicted.shape == (80, 1)
    for kind, made in (("calibration", picture), ("intervals", sets), ("intervals", lines)):
        assert render(kind, made, "svg").startswith(b"<?xml")
    blind = Request([("b.npz", replace(model, held_out=None))], "price.csv", Options(), Observer())
    with pytest.raises(PictureError, match="b.npz: has no rows that were held out"):
        make_intervals(blind)


def damaged(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return binary.npz with another meta, or other scores."""
    import io

    with np.load("binary.npz") as archive:
        arrays = dict(archive)
    meta = json.loads(arrays["meta"].tobytes())
    arrays["meta"] = meta
    change(arrays)
    arrays["meta"] = np.frombuffer(json.dumps(arrays["meta"]).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _drop_scores(arrays: dict[str, Any]) -> None:
    del arrays["held_out_scores"]


def _upside_down(arrays: dict[str, Any]) -> None:
    arrays["held_out_scores"] = arrays["held_out_scores"][::-1]


def _not_finite(arrays: dict[str, Any]) -> None:
    arrays["held_out_scores"] = arrays["held_out_scores"] * np.nan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop_scores, "holds no 'held_out_scores.npy'"),
        (_upside_down, "held_out_scores are not ascending numbers from 0 on"),
        (_not_finite, "held_out_scores are not ascending numbers from 0 on"),
        (lambda a: a["meta"]["held_out"].update(rows=0), "held_out.rows must be an integer from"),
        (lambda a: a["meta"]["held_out"].update(temperature=-1), "held_out.temperature must be"),
        (lambda a: a["meta"]["held_out"].update(by="luck"), "held_out.by must be one of"),
        (lambda a: a["meta"]["held_out"].update(thresholds={"f1": 2}), "held_out.thresholds.f1"),
    ],
)
def test_a_damaged_file_is_refused(
    binary: Example, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    Path("damaged.npz").write_bytes(damaged(change))
    with pytest.raises(ModelFileError, match=said):
        package.load("damaged.npz")


def test_a_model_from_before_has_none(binary: Example) -> None:
    def before(arrays: dict[str, Any]) -> None:
        _drop_scores(arrays)
        del arrays["meta"]["held_out"]

    Path("before.npz").write_bytes(damaged(before))
    assert package.load("before.npz").held_out is None
