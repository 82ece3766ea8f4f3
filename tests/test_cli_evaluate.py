"""`nnfit evaluate` held against scikit-learn on the very predictions that `nnfit predict` gives.

The formulas themselves are tested in the training room; here it is the whole way from a CSV.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as reference  # type: ignore[import-untyped]
from test_model_file import with_meta

import nnfit as package

if TYPE_CHECKING:
    from conftest import Commands, Example


def evaluated(cli: Commands, name: str) -> dict[str, Any]:
    result = cli("evaluate", f"{name}.npz", f"{name}.csv", "--json", "-q")
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    return found


def assert_same(metrics: dict[str, Any], expected: Any) -> None:
    """Hold counts equal, and figures but for rounding: those that a model keeps."""
    counts = "confusion_matrix"
    metrics = {name: metrics[name] for name in expected}
    assert metrics.get(counts) == expected.get(counts)
    one, other = ({k: v for k, v in m.items() if k != counts} for m in (metrics, expected))
    assert one == pytest.approx(other, rel=1e-6)


def predicted(cli: Commands, name: str, *args: str) -> list[list[str]]:
    text = cli("predict", f"{name}.npz", f"{name}.csv", "-q", *args).out
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


@pytest.mark.parametrize(("name", "target"), [("binary", "passed"), ("labels", "label")])
def test_classification(
    cli: Commands, request: pytest.FixtureRequest, name: str, target: str
) -> None:
    example: Example = request.getfixturevalue(name)
    found = evaluated(cli, name)
    rows = predicted(cli, name, "--proba")
    truth, guess = example.cells[target].tolist(), [row[0] for row in rows]
    p = np.array([[float(cell) for cell in row[1:]] for row in rows])
    p /= p.sum(axis=1, keepdims=True)  # nine digits each
    classes = sorted(set(truth))
    assert list(found) == ["rows", "metrics", "classes"]
    assert (found["rows"], found["classes"]) == (len(truth), classes)
    names = ["accuracy", "log_loss", "f1_macro", "roc_auc", "confusion_matrix"]
    names += ["balanced_accuracy", "average_precision", "ece"]
    if len(classes) > 2:
        names = [name for name in names if name not in ("roc_auc", "average_precision")]
    names += ["per_class", "baseline", "baseline_of"]
    metrics = found["metrics"]
    assert list(metrics) == names
    assert metrics["accuracy"] == reference.accuracy_score(truth, guess)
    assert metrics["log_loss"] == pytest.approx(
        reference.log_loss(truth, p, labels=classes), rel=1e-5
    )
    assert metrics["f1_macro"] == pytest.approx(
        reference.f1_score(truth, guess, average="macro"), rel=1e-12
    )
    matrix = reference.confusion_matrix(truth, guess, labels=classes)
    assert metrics["confusion_matrix"] == matrix.tolist()
    if len(classes) == 2:
        auc = reference.roc_auc_score([label == classes[1] for label in truth], p[:, 1])
        assert metrics["roc_auc"] == pytest.approx(auc, rel=1e-12)
        assert 0.5 < auc < 1.0
    of_training = package.load(f"{name}.npz").metrics["train"]
    assert of_training is not None
    counts = np.array(of_training["confusion_matrix"]).sum(axis=1)
    shares, codes = counts / counts.sum(), np.array([classes.index(label) for label in truth])
    assert metrics["baseline_of"] == "train"
    assert metrics["baseline"]["accuracy"] == (codes == counts.argmax()).mean()
    assert metrics["baseline"]["log_loss"] == pytest.approx(-np.log(shares[codes]).mean())
    assert [of["support"] for of in metrics["per_class"].values()] == np.bincount(codes).tolist()


@pytest.mark.parametrize(("name", "targets"), [("price", ["price"]), ("pair", ["north", "south"])])
def test_regression(
    cli: Commands, request: pytest.FixtureRequest, name: str, targets: list[str]
) -> None:
    example: Example = request.getfixturevalue(name)
    found = evaluated(cli, name)
    assert list(found) == ["rows", "metrics"] and found["rows"] == 80
    y = example.cells[targets].astype(float).to_numpy()
    y_hat = np.array(predicted(cli, name), float)
    each = [
        {
            "rmse": reference.root_mean_squared_error(y[:, k], y_hat[:, k]),
            "mae": reference.mean_absolute_error(y[:, k], y_hat[:, k]),
            "r2": reference.r2_score(y[:, k], y_hat[:, k]),
            "median_ae": reference.median_absolute_error(y[:, k], y_hat[:, k]),
        }
        for k in range(len(targets))
    ]
    metrics = found["metrics"]
    scaler = package.load(f"{name}.npz").scaler
    assert scaler is not None and metrics.pop("baseline_of") == "train"
    means = np.tile(scaler.means, (len(y), 1))
    assert metrics.pop("baseline") == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(y, means),
            "mae": reference.mean_absolute_error(y, means),
            "r2": reference.r2_score(y, means),
        }
    )
    if len(targets) == 1:
        assert metrics == pytest.approx(each[0], rel=1e-9)
        return
    assert list(metrics) == ["rmse", "mae", "r2", "per_target", "median_ae"]
    for k, target in enumerate(targets):
        assert metrics["per_target"][target] == pytest.approx(each[k], rel=1e-9)
    for metric in ("rmse", "mae", "r2", "median_ae"):
        mean = np.mean([figures[metric] for figures in each])
        assert metrics[metric] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("name", ["binary", "labels", "tiny"])
@pytest.mark.parametrize("confidence", [1.0, 8.0, 300.0])
def test_every_metric_follows_from_what_predict_writes(
    cli: Commands, request: pytest.FixtureRequest, name: str, confidence: float
) -> None:
    """Sure to the ninth digit, where float32 gives many rows the same one, or underflows, too."""
    example: Example = request.getfixturevalue(name)
    model = package.load(f"{name}.npz")
    model.network.parameters.W[-1][:] *= confidence
    model.network.parameters.b[-1][:] *= confidence
    model.save(f"{name}.npz")
    found = evaluated(cli, name)["metrics"]
    rows = predicted(cli, name, "--proba")
    p = np.array([[float(cell) for cell in row[1:]] for row in rows])
    truth = example.cells[model.targets[0]].tolist()
    codes = np.array([list(model.classes).index(text) for text in truth])
    eps = np.finfo(float).eps
    mine = -np.log(np.clip(p[np.arange(len(p)), codes], eps, 1.0 - eps)).mean()
    guess = [row[0] for row in rows]
    counts = reference.confusion_matrix(truth, guess, labels=model.classes)
    assert found["log_loss"] == pytest.approx(mine, rel=1e-6, abs=1e-12)
    assert found["accuracy"] == pytest.approx(
        np.mean([a == b for a, b in zip(truth, guess, strict=True)])
    )
    assert found["f1_macro"] == pytest.approx(
        reference.f1_score(truth, guess, average="macro"), rel=1e-6
    )
    assert found["confusion_matrix"] == counts.tolist()
    if name == "binary":
        assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(codes, p[:, 1]), rel=1e-6)


def test_the_table(cli: Commands, binary: Example) -> None:
    metrics = evaluated(cli, "binary")["metrics"]
    lines = cli("evaluate", "binary.npz", "binary.csv").out.splitlines()
    names = ["accuracy", "log_loss", "f1_macro", "roc_auc", "balanced_accuracy"]
    names += ["average_precision", "ece"]
    assert [line.split() for line in lines[:9]] == [
        ["metric", "value", "baseline"],
        ["rows", "80"],
        *([n, f"{metrics[n]:.4f}", f"{metrics['baseline'][n]:.4f}"] for n in names),
    ]
    (a, b), (c, d) = metrics["confusion_matrix"]
    assert lines[10:14] == [
        "confusion matrix",
        "true \\ predicted  False  True",
        f"False             {a:>5}  {b:>4}",
        f"True              {c:>5}  {d:>4}",
    ]
    assert lines[15] == "by class"
    assert [line.split() for line in lines[16:]] == [
        ["class", "precision", "recall", "f1", "support"],
        *(
            [label, *(f"{of[n]:.4f}" for n in ("precision", "recall", "f1")), str(of["support"])]
            for label, of in metrics["per_class"].items()
        ),
    ]


def test_metrics_prints_those_alone_in_their_order(cli: Commands, binary: Example) -> None:
    whole = evaluated(cli, "binary")["metrics"]
    asked = ("--metrics", "f1_macro,per_class", "--metrics", " accuracy, f1_macro")
    result = cli("evaluate", "binary.npz", "binary.csv", "-q", *asked, "--json")
    found = json.loads(result.out)
    assert list(found) == ["rows", "metrics", "classes"]
    names = ["f1_macro", "per_class", "accuracy"]
    assert list(found["metrics"]) == [*names, "baseline", "baseline_of"]
    assert all(found["metrics"][name] == whole[name] for name in names)
    assert list(found["metrics"]["baseline"]) == ["f1_macro", "accuracy"]
    lines = cli("evaluate", "binary.npz", "binary.csv", "-q", *asked).out.splitlines()
    assert [line.split()[0] for line in lines if line][:5] == [
        "metric", "f1_macro", "accuracy", "by", "class"
    ]  # fmt: skip
    alone = cli("evaluate", "binary.npz", "binary.csv", "-q", "--metrics", "confusion_matrix")
    assert alone.out.startswith("confusion matrix\ntrue ")
    alone = cli(*"evaluate binary.npz binary.csv --metrics per_class --json".split())
    assert list(json.loads(alone.out)["metrics"]) == ["per_class"]


@pytest.mark.parametrize(
    ("name", "asked", "got"),
    [
        ("binary", "acuracy", "'acuracy' for a classification"),
        ("binary", "roc_auc,RMSE", "'RMSE' for a classification"),
        ("labels", "roc_auc", "'roc_auc' for a classification"),  # of three classes
        ("price", "r2,,mae", "'' for a regression"),
        ("price", "per_target", "'per_target' for a regression"),  # of one target
    ],
)
def test_an_unknown_metric_is_refused_before_a_row_is_read(
    cli: Commands, request: pytest.FixtureRequest, name: str, asked: str, got: str
) -> None:
    request.getfixturevalue(name)
    result = cli("evaluate", f"{name}.npz", "no.csv", "--metrics", asked)
    known = package.load(f"{name}.npz").outcome.metrics
    line = f"nnfit: error: --metrics: got {got}; expected some of {', '.join(known)}"
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(line)
    assert ("did you mean 'accuracy'?" in result.err) == (asked == "acuracy")


@pytest.mark.parametrize("change", ["no metrics", "other classes", "text", "nothing in it"])
def test_the_baseline_of_a_model_that_keeps_none_is_that_of_the_rows(
    cli: Commands, labels: Example, change: str
) -> None:
    matrix: Any = {
        "other classes": [[1, 2], [3, 4]],
        "text": "many",
        "nothing in it": [[0] * 3] * 3,
    }

    def altered(meta: dict[str, Any]) -> None:
        meta["metrics"]["train"] = {"confusion_matrix": matrix.get(change)}
        if change == "no metrics":
            meta["metrics"] = {}

    Path("m.npz").write_bytes(with_meta(labels.npz, altered))
    result = cli("evaluate", "m.npz", "labels.csv", "--split", "validation", "--json")
    metrics = json.loads(result.out)["metrics"]
    support = [of["support"] for of in metrics["per_class"].values()]
    assert max(support) / sum(support) == metrics["baseline"]["accuracy"]
    assert metrics["baseline_of"] == "evaluated"
    assert result.err == (
        "nnfit: labels.csv (validation): the baseline is that of these rows; that of its "
        "training rows m.npz does not keep\n"
    )


def test_the_baseline_of_targets_as_they_are_is_that_of_the_rows(
    cli: Commands, folder: Path
) -> None:
    Path("d.csv").write_text("x,y\n" + "".join(f"{i % 7},{i / 3}\n" for i in range(40)))
    data = {"path": "d.csv", "target": "y", "validation": 0}
    config = {"data": data, "preprocessing": {"target": "none"}, "training": {"epochs": 1}}
    package.train(config).save("m.npz")
    metrics = json.loads(cli("evaluate", "m.npz", "d.csv", "--json", "-q").out)["metrics"]
    assert metrics["baseline_of"] == "evaluated"
    assert metrics["baseline"]["r2"] == pytest.approx(0.0, abs=1e-12)


def test_rows_without_a_target_are_left_out_and_counted(cli: Commands, binary: Example) -> None:
    text = binary.csv.replace(",True\n", ",\n", 3)
    result = cli("evaluate", "binary.npz", "--json", stdin=text)
    assert json.loads(result.out)["rows"] == 77
    assert result.err == "nnfit: warning: <stdin>: left out 3 rows without a target\n"


def test_one_row_without_a_target(cli: Commands, binary: Example) -> None:
    result = cli("evaluate", "binary.npz", "--json", stdin=binary.csv.replace(",True\n", ",\n", 1))
    assert result.err == "nnfit: warning: <stdin>: left out 1 row without a target\n"


def test_one_class_alone_has_no_auc(cli: Commands, binary: Example) -> None:
    text = "x1,x2,passed\n1,0,True\n2,1,True\n"
    result = cli("evaluate", "binary.npz", "--json", stdin=text)
    assert json.loads(result.out)["metrics"]["roc_auc"] is None


def test_one_row_of_a_regression_has_no_r2(cli: Commands, price: Example) -> None:
    text = "\n".join(price.csv.splitlines()[:2]) + "\n"
    metrics = json.loads(cli("evaluate", "price.npz", "--json", stdin=text).out)["metrics"]
    assert metrics["r2"] is None
    assert metrics["rmse"] == pytest.approx(metrics["mae"], rel=1e-12)


def test_python_gives_the_same(cli: Commands, labels: Example, folder: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(folder / "labels.csv", dtype={"label": str})
    assert package.load("labels.npz").evaluate(frame) == evaluated(cli, "labels")


def test_the_same_whatever_the_blocks(
    cli: Commands, labels: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluated(cli, "labels")
    monkeypatch.setattr("nnfit.csv.reading.BLOCK_BYTES", 256)
    in_pieces = evaluated(cli, "labels")
    assert in_pieces == whole


CLASSES = "x,y\n" + "".join(f"{i % 7}.5,{'abc'[i % 3]}\n" for i in range(60))
UNSEEN = [
    ("9.5,ab\n", "1 row of a class not seen in training: 'ab' in 1; classes are: a, b, c"),
    ("9.5,None\n" * 2, "2 rows of a class not seen in training: 'None' in 2; classes are: a, b, c"),
    (
        "9.5,up\n8.5,down\n9.5,up\n",
        "3 rows of 2 classes not seen in training: 'up' in 2, 'down' in 1; classes are: a, b, c",
    ),
]


@pytest.mark.parametrize(("more", "said"), UNSEEN, ids=range(len(UNSEEN)))
def test_rows_of_an_unseen_class_are_left_out_and_counted(
    cli: Commands, folder: Path, more: str, said: str
) -> None:
    """By `evaluate`, and in a validation or test CSV alike."""
    (folder / "d.csv").write_text(CLASSES, encoding="utf-8")
    (folder / "t.csv").write_text(CLASSES + more, encoding="utf-8")
    (folder / "c.yaml").write_text(
        "{data: {path: d.csv, target: y, validation: t.csv, test: t.csv}, training: {epochs: 2}}"
    )
    result = cli("train", "c.yaml", "-q", "-o", "m.npz")
    warning = f"nnfit: warning: t.csv: left out {said}"
    assert (result.code, [line[: len(warning)] for line in result.err.splitlines()]) == (
        0,
        [warning] * 2,
    )
    whole, known = (cli("evaluate", "m.npz", name, "--json", "-q") for name in ("t.csv", "d.csv"))
    assert (whole.code, whole.out) == (0, known.out)
    assert whole.err[: len(warning)] == warning and len(whole.err.splitlines()) == 1
    metrics = json.loads(known.out)["metrics"]
    assert_same(metrics, package.load("m.npz").metrics["test"])


def test_an_unseen_class_in_python(cli: Commands, labels: Example) -> None:
    import pandas as pd

    frame = pd.DataFrame({"amount": [1.0, 2.0], "city": "Köln", "age": 30, "member": True})
    frame["label"] = ["yes", "maybe"]
    with pytest.warns(UserWarning, match="left out 1 row of a class not seen in training"):
        assert package.load("labels.npz").evaluate(frame)["rows"] == 1


def test_no_row_of_a_known_class_is_an_error(cli: Commands, folder: Path) -> None:
    (folder / "d.csv").write_text(CLASSES, encoding="utf-8")
    (folder / "t.csv").write_text("x,y\n1.5,A\n", encoding="utf-8")
    args = ("--set", "data.path=d.csv", "--set", "data.target=y", "--set", "data.test=t.csv")
    result = cli("train", "-", "-q", *args, stdin="training: {epochs: 1}")
    assert result.code == 2
    assert result.err == (
        "nnfit: error: t.csv: no row has a class of the training rows, got 'A'; "
        "classes are: a, b, c; did you mean 'a'?\n"
    )


SPLITS = {
    "drawn": {"validation": 0.25, "test": 0.2},
    "validation alone": {"validation": 0.2},
    "none": {"validation": 0},
    "a CSV of its own": {"validation": "v.csv", "test": 0.3},
    "both": {"validation": "v.csv", "test": "v.csv"},
}
TABLES = {
    "classification": "x,c,y\n"
    + "".join(f"{i % 11}.5,{'pqr'[i % 4 % 3]},{'ab'[i % 5 > 2]}\n" for i in range(90)),
    "regression": "x,y\n" + "".join(f"{i % 13}.25,{0.1 + 0.3 * i}\n" for i in range(90)),
}


@pytest.mark.parametrize("held_out", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("task", TABLES)
def test_split_finds_the_rows_of_each_part(
    cli: Commands, folder: Path, task: str, held_out: dict[str, Any]
) -> None:
    """What training said of each part is what `evaluate` says of it, from the data alone."""
    gaps = f"7.5,{'p,' if task == 'classification' else ''}\n"  # a row without a target
    (folder / "d.csv").write_text(TABLES[task] + gaps)
    (folder / "v.csv").write_text("\n".join(TABLES[task].splitlines()[:31]) + "\n")
    config = {"data": {"path": "d.csv", "target": "y", **held_out}, "training": {"epochs": 3}}
    model = package.train(config)
    model.save("m.npz")
    for part in ("train", "validation", "test"):
        result = cli("evaluate", "m.npz", "--split", part, "--json", "-q")
        if model.metrics[part] is None:
            line = f"nnfit: error: m.npz: was trained without {part} rows; data.{part} is 0\n"
            assert (result.code, result.err) == (2, line)
            continue
        found = json.loads(result.out)
        assert found["rows"] == model.training["rows"][part]
        assert_same(found["metrics"], model.metrics[part])
    others = [part for part, share in held_out.items() if share]
    judged = f"; --split {' or '.join(others)} judges it by others" if others else ""
    n = model.training["rows"]["train"]
    said = cli("evaluate", "m.npz", "d.csv").err.splitlines()[-1]
    assert said == f"nnfit: d.csv: the model was trained on {n} of these rows{judged}"


def test_split_knows_the_data_by_its_cells(cli: Commands, folder: Path) -> None:
    """Another name, another place and further columns don't matter; other cells or order do."""
    table = TABLES["classification"]
    (folder / "d.csv").write_text(table)
    config = {"data": {"path": "d.csv", "target": "y", "test": 0.2}, "training": {"epochs": 1}}
    package.train(config).save("m.npz")
    expected = cli("evaluate", "m.npz", "--split", "test", "--json", "-q").out
    header, *rows = table.splitlines()
    wider = "\n".join([f"more,{header}", *(f"{i},{row}" for i, row in enumerate(rows))])
    (folder / "d.csv").rename("moved.csv")
    for stdin in (table, wider):
        args = ("evaluate", "m.npz", "-", "--split", "test", "--json", "-q")
        assert cli(*args, stdin=stdin).out == expected
    result = cli("evaluate", "m.npz", "--split", "test")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: m.npz: its test rows are of 'd.csv', which is not here. "
        "Name that CSV after it\n",
    )
    for changed in (
        [*rows[1:], rows[0]],
        rows[:-1],
        [*rows, rows[0]],
        [rows[0].replace("0.5,", "0.6,"), *rows[1:]],
        [rows[0].replace(",p,", ",q,"), *rows[1:]],
        [rows[0].replace(",a", ",b"), *rows[1:]],
    ):
        (folder / "d.csv").write_text("\n".join([header, *changed]))
        for command in ("evaluate m.npz", "plot confusion m.npz"):
            result = cli(*command.split(), "--split", "train")
            assert (result.code, result.out) == (2, "")
            assert result.err == (
                "nnfit: error: d.csv: is not the data that m.npz was trained on, whose train rows "
                "are asked for; expected the same rows in the same order. Name that CSV, or leave "
                "out --split\n"
            )


def test_split_of_a_model_without_fingerprints(cli: Commands, binary: Example) -> None:
    Path("m.npz").write_bytes(with_meta(binary.npz, lambda meta: meta.pop("fingerprints")))
    result = cli("evaluate", "m.npz", "--split", "train")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: m.npz: keeps no fingerprint of its data, by which its train rows could be "
        "known. Train it again, or leave out --split\n",
    )
    assert cli("evaluate", "m.npz", "binary.csv").err == ""


def test_split_of_a_model_of_a_data_frame(cli: Commands, folder: Path) -> None:
    import pandas as pd

    table = TABLES["classification"]
    config = {"data": {"target": "y"}, "training": {"epochs": 1}}
    package.train(config, pd.read_csv(io.StringIO(table))).save("m.npz")
    result = cli("evaluate", "m.npz", "--split", "train")
    assert result.err == (
        "nnfit: error: m.npz: its train rows are of stdin or a DataFrame, which is not here. "
        "Name that CSV after it\n"
    )
    assert cli("evaluate", "m.npz", "-", "--split", "train", stdin=table).code == 0


@pytest.mark.parametrize("block_bytes", [256, 1 << 22])
def test_rows_that_the_model_was_trained_on_are_said(
    cli: Commands, binary: Example, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("nnfit.csv.reading.BLOCK_BYTES", block_bytes)
    said = "the model was trained on 64 of these rows; --split validation judges it by others\n"
    assert cli("evaluate", "binary.npz", "binary.csv").err == f"nnfit: binary.csv: {said}"
    assert cli("evaluate", "binary.npz", stdin=binary.csv).err == f"nnfit: <stdin>: {said}"
    assert cli("evaluate", "binary.npz", "binary.csv", "-q").err == ""
    fewer = "\n".join(binary.csv.splitlines()[:-1])
    assert cli("evaluate", "binary.npz", stdin=fewer).err == ""
    assert cli("evaluate", "binary.npz", "--split", "validation").err == ""


@pytest.mark.parametrize("part", ["train", "validation"])
def test_pictures_of_a_part(cli: Commands, binary: Example, part: str) -> None:
    found = cli("plot", "confusion", "binary.npz", "--split", part)
    rows = {"train": 64, "validation": 16}[part]
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"confusion of passed, {rows} rows\n")
    matrix = json.loads(cli("evaluate", "binary.npz", "--split", part, "--json").out)
    counts = [n for row in matrix["metrics"]["confusion_matrix"] for n in row]
    assert all(f" {n} " in found.out for n in counts)
    result = cli("plot", "loss", "binary.npz", "--split", part)
    assert (result.code, "--split is for boundary, fit, " in result.err) == (2, True)
