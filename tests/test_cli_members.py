"""Every command on a model of several members: the mean of all, or one where one is shown."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import nnfit
from nnfit.errors import Interrupted
from nnfit.inside.explanation.explaining import explain
from nnfit.inside.own_rows import drawn_parts
from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.making import make_picture
from nnfit.inside.pictures.request import read_rows
from nnfit.inside.pictures.surface import training_loss
from nnfit.inside.sources import encoded
from nnfit.nn.inference import mean_loss
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.training.judge import FoldJudge

if TYPE_CHECKING:
    from conftest import Commands, Example

K = 3


def trained(example: Example, **data: Any) -> nnfit.Model:
    """Write m.npz, a model of three members with folds, and return it."""
    config = {
        "data": {"path": f"{example.name}.csv", "validation": "folds", **data},
        "model": {"members": K, "hidden_sizes": [4]},
        "training": {"epochs": 4},
    }
    target = ["north", "south"] if example.name == "pair" else None
    config["data"]["target"] = target or ("price" if example.name == "price" else "kind")
    model = nnfit.train(config)
    model.save("m.npz")
    return nnfit.load("m.npz")


@pytest.fixture
def kinds(tiny: Example) -> nnfit.Model:
    return trained(tiny)


def each_output(model: nnfit.Model, frame: pd.DataFrame) -> NDArray[Any]:
    """Return y_hat of each member alone, (members, N, K)."""
    rows = NamedRows.from_frame(frame, "data")
    return np.stack([model.member(i).outputs(rows) for i in range(K)])


# the mean of all -----------------------------------------------------------------------------


def test_predictions_are_the_mean_of_the_members_probabilities(
    cli: Commands, kinds: nnfit.Model
) -> None:
    frame = pd.read_csv("tiny.csv")
    p = each_output(kinds, frame)
    np.testing.assert_allclose(kinds.predict_proba(frame), p.mean(axis=0), rtol=1e-6)
    assert not np.allclose(p[0], p[1], rtol=1e-3)
    shown = pd.read_csv(io.StringIO(cli("predict", "m.npz", "tiny.csv", "--proba").out))
    np.testing.assert_allclose(shown.iloc[:, 1:], p.mean(axis=0), rtol=1e-6)
    result = json.loads(cli("evaluate", "m.npz", "tiny.csv", "--json").out)
    right = (p.mean(axis=0).argmax(axis=1) == frame["kind"].map({"a": 0, "b": 1, "c": 2})).mean()
    assert result["metrics"]["accuracy"] == pytest.approx(right)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_spread_is_the_deviation_of_the_predicted_class_s_probability(
    cli: Commands, kinds: nnfit.Model, form: str
) -> None:
    p = each_output(kinds, pd.read_csv("tiny.csv"))
    predicted = p.mean(axis=0).argmax(axis=1)
    expected = p.std(axis=0)[np.arange(len(predicted)), predicted]
    out = cli("predict", "m.npz", "tiny.csv", "--spread", "--format", form).out
    shown = pd.read_csv(io.StringIO(out)) if form == "csv" else pd.read_json(
        io.StringIO(out), lines=True
    )  # fmt: skip
    assert shown.columns.tolist() == ["prediction", "prediction_spread"]
    np.testing.assert_allclose(shown["prediction_spread"], expected, rtol=1e-4)
    assert (expected > 1e-4).all()


def test_spread_is_in_the_units_of_each_target(cli: Commands, pair: Example) -> None:
    model = trained(pair)
    frame = pd.read_csv("pair.csv")
    assert model.scaler is not None
    values = np.stack([model.scaler.decode(y_hat) for y_hat in each_output(model, frame)])
    shown = pd.read_csv(io.StringIO(cli("predict", "m.npz", "pair.csv", "--spread").out))
    names = ["prediction_north", "prediction_south"]
    spreads = ["prediction_spread_north", "prediction_spread_south"]
    assert shown.columns.tolist() == [*names, *spreads]
    np.testing.assert_allclose(shown[names], values.mean(axis=0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(shown[spreads], values.std(axis=0), rtol=1e-3)


def test_of_a_residual_loss_the_spread_is_that_of_probabilities(
    cli: Commands, tiny: Example, folder: Path
) -> None:
    config = {"data": {"path": "tiny.csv", "target": "kind"}, "loss": "mse"}
    model = nnfit.train({**config, "model": {"members": 2}, "training": {"epochs": 1}})
    model.save("m.npz")
    rows = NamedRows.from_frame(pd.read_csv("tiny.csv"), "data")
    outcome = model.outcome
    p = np.stack([outcome.probabilities(model.member(i).outputs(rows)) for i in (0, 1)])
    codes = outcome.codes(model.outputs(rows))
    shown = pd.read_csv(io.StringIO(cli("predict", "m.npz", "tiny.csv", "--spread").out))
    expected = p.std(axis=0)[np.arange(len(codes)), codes]
    np.testing.assert_allclose(shown["prediction_spread"], expected, rtol=1e-4)


def test_the_spread_of_a_row_has_the_same_bits_among_any_others(
    cli: Commands, kinds: nnfit.Model
) -> None:
    frame = pd.read_csv("tiny.csv")
    lines = cli("predict", "m.npz", "tiny.csv", "--spread").out.splitlines()
    pd.concat([frame.iloc[7:9]] * 400).to_csv("more.csv", index=False)
    more = cli("predict", "m.npz", "more.csv", "--spread").out.splitlines()
    assert set(more[1:]) == set(lines[8:10])
    rows = NamedRows.from_frame(frame, "data")
    whole = kinds.outputs_with_spread(rows)
    for alone, of_all in zip(kinds.outputs_with_spread(rows.between(5, 6)), whole, strict=True):
        assert alone.tobytes() == of_all[5:6].tobytes()
    assert whole[0].tobytes() == kinds.outputs(rows).tobytes()


def test_one_network_has_no_spread(cli: Commands, tiny: Example) -> None:
    result = cli("predict", "tiny.npz", "tiny.csv", "--spread")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: --spread: the model has one member, which has no spread. "
        "Train with model.members\n"
    )


def test_a_target_that_is_called_like_a_spread(cli: Commands, folder: Path) -> None:
    x = np.arange(12.0)
    table = pd.DataFrame({"x": x, "y": x**2, "spread_y": -x})
    data = {"target": ["y", "spread_y"]}
    model = nnfit.train({"data": data, "model": {"members": 2}, "training": {"epochs": 1}}, table)
    model.save("m.npz")
    table.to_csv("t.csv", index=False)
    result = cli("predict", "m.npz", "t.csv", "--spread")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: --spread: 'prediction_spread_y' is a prediction too; rename a target\n"
    )


def test_an_interrupted_run_says_whose_weights_it_has(
    cli: Commands,
    tiny: Example,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of members that differ no single epoch is that of the weights, their mean least of all."""
    text = (
        "data: {path: tiny.csv, target: kind, validation: folds}\n"
        f"model: {{members: {K}, hidden_sizes: [16]}}\noptimizer: {{learning_rate: 0.1}}\n"
        "training: {epochs: 1000, batch_size: 8, checkpoint_seconds: 1000}\n"
    )
    Path("c.yaml").write_text(text, encoding="utf-8")
    figures, left = FoldJudge.figures, [20]

    def interrupted(judge: FoldJudge) -> Any:
        left[0] -= 1
        if not left[0]:
            signal.raise_signal(signal.SIGINT)
        return figures(judge)

    monkeypatch.setattr(FoldJudge, "figures", interrupted)
    with pytest.raises(Interrupted) as stopped:
        cli("train", "c.yaml", "-o", "m.npz", "--json")
    best = nnfit.load("m.npz").training["best_epochs"]
    first, last = min(best), max(best)
    assert first < last
    own = f"epochs {first} to {last}, each member's own best"
    said = str(stopped.value)
    assert said.startswith(f"stopped in epoch 21; m.npz has the weights of {own}; resume with: ")
    told = json.loads(capsys.readouterr().out)
    assert told["best_epochs"] == list(best)
    assert (told["members"], told["folds"]) == (K, K)
    rows = len(pd.read_csv("tiny.csv"))
    assert told["validation"] == {"by": "out_of_fold", "rows": rows}


def test_inspect_counts_members(cli: Commands, kinds: nnfit.Model, tiny: Example) -> None:
    found = json.loads(cli("inspect", "m.npz", "--json").out)
    n = 4 * 4 + 4 + 4 * 3 + 3
    assert (found["members"], found["n_parameters"]) == (K, n)
    assert found["n_parameters_in_all"] == K * n
    W1 = np.load("m.npz")["W1"]
    assert W1.shape == (K, 4, 4)
    first = found["layers"][0]
    assert (first["inputs"], first["outputs"], first["parameters"]) == (4, 4, 20)
    assert first["weight_std"] == pytest.approx(W1.std(), rel=1e-5)
    assert "members              3" in cli("inspect", "m.npz").out
    assert "members" not in json.loads(cli("inspect", "tiny.npz", "--json").out)


# one of them ---------------------------------------------------------------------------------

NOTE = "nnfit: m.npz: member 1 of 3\n"
LOOKING = (
    ["explain", "m.npz", "tiny.csv", "--json"],
    ["activations", "m.npz", "tiny.csv", "--layer", "1"],
    ["gradcheck", "m.npz", "--data", "tiny.csv", "--json"],
)


@pytest.mark.parametrize("command", LOOKING, ids=lambda command: command[0])
def test_what_looks_inside_takes_the_first_member_or_the_one_that_is_named(
    cli: Commands, kinds: nnfit.Model, command: list[str]
) -> None:
    unnamed, first, last = (cli(*command, *m) for m in ([], ["--member", "1"], ["--member", "3"]))
    assert (unnamed.code, first.code, last.code) == (0, 0, 0)
    assert unnamed.err == NOTE and first.err == "" and last.err == ""
    assert unnamed.out == first.out != last.out
    assert cli(*command, "-q").err == ""
    for wrong in ("0", "4"):
        result = cli(*command, "--member", wrong)
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            f"nnfit: error: --member: got {wrong}; m.npz has 3 members; expected 1 to 3\n"
        )
    kinds.member(2).save("m.npz")  # which is a model of its own, and the same is said of it
    assert cli(*command, "--member", "1").out == last.out
    result = cli(*command, "--member", "2")
    assert (result.code, result.err) == (
        2, "nnfit: error: --member: got 2; m.npz has one network; expected 1, or none\n"
    )  # fmt: skip


def test_explain_shows_the_weights_of_that_member(cli: Commands, kinds: nnfit.Model) -> None:
    shown = json.loads(cli("explain", "m.npz", "tiny.csv", "--member", "2", "--json").out)
    W1 = next(of for of in shown["parameters"] if of["parameter"] == "W1")
    np.testing.assert_array_equal(W1["values"], np.load("m.npz")["W1"][1].astype(float))
    rows = NamedRows.from_frame(pd.read_csv("tiny.csv").head(1), "data")
    np.testing.assert_allclose(
        shown["prediction"]["y_hat"], kinds.member(1).outputs(rows)[0], rtol=1e-5
    )


@pytest.mark.parametrize("member", [1, 3])
def test_the_loss_of_a_member_is_that_of_the_rows_that_it_learned_from(
    cli: Commands, tiny: Example, member: int
) -> None:
    """Of explain --epoch-step on a model and on a config, and of plot surface."""
    text = (
        "data: {path: tiny.csv, target: kind, validation: folds, test: 0.25}\n"
        f"model: {{members: {K}, hidden_sizes: [4]}}\ntraining: {{epochs: 2}}\n"
    )
    Path("c.yaml").write_text(text, encoding="utf-8")
    assert cli("train", "c.yaml", "-o", "m.npz", "--oof", "oof.csv").code == 0
    fold = pd.read_csv("oof.csv")["fold"].to_numpy()
    rows = read_rows(nnfit.load("m.npz"), "tiny.csv", Observer())
    alone = nnfit.load("m.npz").member(member - 1)
    train = rows.take(drawn_parts(alone, rows)[0])
    part = encoded(alone, train.take(np.flatnonzero(fold != member)))
    expected = mean_loss(alone.network, part.X, part.Y)
    shown = cli("explain", "m.npz", "--epoch-step", "--member", str(member), "--json")
    update = json.loads(shown.out)["update"]
    assert update["rows"] == len(part) < len(train)
    assert update["loss_before"] == pytest.approx(expected, rel=1e-5)
    said = f"tiny.csv: the loss is that of the {len(part)} of {len(train)} training rows that the"
    assert said in shown.err
    surface = training_loss(alone, rows, Observer(), member=member)
    assert surface(alone.network.parameters.flat.astype(float)) == pytest.approx(expected, rel=1e-5)
    of_config = explain("c.yaml", epoch_step=True, member=member)["update"]
    assert of_config["rows"] == len(part)


@pytest.mark.parametrize("command", ["explain", "gradcheck"])
def test_of_a_config_members_are_as_they_are_initialised(
    cli: Commands, tiny: Example, command: str
) -> None:
    def run(*more: str) -> tuple[str, str]:
        result = cli(command, "c.yaml", "--json", *more)
        assert result.code == 0
        return result.out, result.err

    one = "data: {path: tiny.csv, target: kind}\nmodel: {hidden_sizes: [4]}\n"
    Path("c.yaml").write_text(one, encoding="utf-8")
    alone, _ = run()
    Path("c.yaml").write_text(one.replace("[4]", "[4], members: 2"), encoding="utf-8")
    assert run() == (alone, "nnfit: c.yaml: member 1 of 2\n")
    assert run("--member", "2")[0] != alone


def test_gradcheck_without_a_network_has_no_member(cli: Commands) -> None:
    result = cli("gradcheck", "--member", "1")
    assert result.code == 2
    assert result.err == (
        "nnfit: error: --member: without a config or a model there is none; name one\n"
    )


@pytest.mark.parametrize("kind", ["network", "weights", "features", "surface"])
def test_pictures_of_one_network(
    cli: Commands, kinds: nnfit.Model, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("nnfit.inside.pictures.surface.GRIDS", (9,))
    monkeypatch.setattr("nnfit.report.plots.surface.FACETS", 9)
    more = ["--x", "x"] if kind == "features" else []
    data = ["tiny.csv"] if kind != "network" else []
    drawn = []
    for number in ("1", "2"):
        command = ["plot", kind, "m.npz", *data, *more, "-o", f"{number}.svg"]
        assert cli(*command, "--member", number).code == 0
        drawn.append(Path(f"{number}.svg").read_bytes())
    assert drawn[0] != drawn[1]
    result = cli("plot", kind, "m.npz", *data, *more, "-o", "n.svg")
    assert NOTE in result.err
    assert Path("n.svg").read_bytes() == drawn[0]


def test_pictures_of_predictions_are_of_all_members(cli: Commands, kinds: nnfit.Model) -> None:
    result = cli("plot", "confusion", "m.npz", "tiny.csv", "--member", "1")
    assert (result.code, result.out) == (2, "")
    assert "--member is for surface, features, weights and network, not for confusion" in result.err

    def picture(kind: str, model: nnfit.Model, **options: str) -> Any:
        return make_picture(kind, [("m", model)], "tiny.csv", Options(**options), Observer())

    p = [
        picture("boundary", model, x="x", y="colour").probabilities
        for model in (kinds, *map(kinds.member, range(K)))
    ]
    np.testing.assert_allclose(p[0], np.mean(p[1:], axis=0), rtol=1e-6)
    fitted = picture("fit", kinds, x="x").curves[0]
    assert fitted.members.shape == (K, *fitted.values.shape)
    np.testing.assert_allclose(fitted.values, fitted.members.mean(axis=0), rtol=1e-5)
    assert len(picture("fit", kinds.member(0), x="x").curves[0].members) == 0
    frame = pd.read_csv("tiny.csv")
    p = each_output(kinds, frame).mean(axis=0)
    truth = frame["kind"].map({"a": 0, "b": 1, "c": 2})
    counts = np.histogram2d(truth, p.argmax(axis=1), bins=(range(4), range(4)))[0]
    assert picture("confusion", kinds).counts.tolist() == counts.tolist()


def test_out_of_fold_rows(cli: Commands, pair: Example) -> None:
    """The columns and values of --oof, worked out again from the model and the folds."""
    text = (
        "data: {path: pair.csv, target: [north, south], validation: folds, test: 0.2}\n"
        "model: {members: 3, hidden_sizes: [4]}\ntraining: {epochs: 2}\n"
    )
    Path("c.yaml").write_text(text, encoding="utf-8")
    assert cli("train", "c.yaml", "-o", "m.npz", "--oof", "oof.csv").code == 0
    rows, frame = pd.read_csv("oof.csv"), pd.read_csv("pair.csv")
    names = ["north", "south", "fold", "prediction_north", "prediction_south"]
    assert rows.columns.tolist() == names
    assert sorted(rows["fold"].unique()) == [1, 2, 3]
    model = nnfit.load("m.npz")
    assert len(rows) == model.training["rows"]["train"] < len(frame)
    found = rows.merge(frame, on=["north", "south"])
    assert len(found) == len(rows)
    for fold, of in found.groupby("fold"):
        alone = model.member(int(str(fold)) - 1).predict(of)
        np.testing.assert_allclose(of[names[3:]], alone, rtol=1e-4, atol=1e-4)
    difference = rows[names[3:]].to_numpy() - rows[["north", "south"]].to_numpy()
    metrics = model.metrics["validation"]
    assert metrics is not None
    by_target = metrics["targets"] if "targets" in metrics else metrics
    rmse = np.sqrt((difference**2).mean(axis=0))
    assert json.dumps(by_target)  # plain values
    assert metrics["rmse"] == pytest.approx(float(rmse.mean()), rel=1e-4)


def test_out_of_fold_rows_of_classes_and_of_one_target(
    cli: Commands, tiny: Example, price: Example
) -> None:
    for name, target in (("tiny", "kind"), ("price", "price")):
        text = (
            f"data: {{path: {name}.csv, target: {target}, validation: folds}}\n"
            "model: {members: 2, hidden_sizes: [4]}\ntraining: {epochs: 2}\n"
        )
        Path("c.yaml").write_text(text, encoding="utf-8")
        assert cli("train", "c.yaml", "-o", "m.npz", "--oof", "oof.csv").code == 0
        rows, frame = pd.read_csv("oof.csv"), pd.read_csv(f"{name}.csv")
        classes = ["probability_a", "probability_b", "probability_c"] if name == "tiny" else []
        assert rows.columns.tolist() == [target, "fold", "prediction", *classes]
        assert rows[target].tolist() == frame[target].tolist()  # in the table's order
        model = nnfit.load("m.npz")
        metrics = model.metrics["validation"]
        assert metrics is not None
        alone = [model.member(i) for i in (0, 1)]
        folds = rows["fold"].to_numpy() - 1
        own = [alone[fold].predict(frame.iloc[[i]])[0] for i, fold in enumerate(folds)]
        if classes:
            assert rows["prediction"].tolist() == own
            p = [alone[fold].predict_proba(frame.iloc[[i]])[0] for i, fold in enumerate(folds)]
            np.testing.assert_allclose(rows[classes], p, rtol=1e-5)
            right = (rows["prediction"] == rows[target]).mean()
            assert metrics["accuracy"] == pytest.approx(right)
        else:
            np.testing.assert_allclose(rows["prediction"], own, rtol=1e-6)
            error = rows["prediction"] - rows[target]
            assert metrics["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())), rel=1e-6)


@pytest.mark.parametrize(
    ("oof", "said"),
    [
        ("-", "--oof: got -; stdout has the model's path. Name a file; see 'nnfit train --help'"),
        ("./m.npz", "./m.npz: is the model's; expected another place for the rows out of fold"),
        ("tiny.csv", "tiny.csv: is what is read; expected another place for the rows out of "
         "fold"),
        ("c.yaml", "c.yaml: is what is read; expected another place for the rows out of fold"),
        ("no/o.csv", "no/o.csv: cannot be written: the folder 'no' does not exist"),
        ("o.csv", "c.yaml:2:1: data.validation: got 0.2, but what is predicted out of fold "
         "needs folds. Set it to folds, and model.members to 4, say"),
    ],
)  # fmt: skip
def test_out_of_fold_rows_go_to_a_file_of_their_own_and_need_folds(
    cli: Commands, tiny: Example, oof: str, said: str
) -> None:
    Path("c.yaml").write_text("preset: none\ndata: {path: tiny.csv, target: kind}\n")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = cli("train", "c.yaml", "-q", "-o", "m.npz", "--oof", oof)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == f"nnfit: error: {said}"
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
