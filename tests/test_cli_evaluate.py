"""`nnfit evaluate` held against scikit-learn on the very predictions that `nnfit predict` gives.

The formulas themselves are tested in the training room; here it is the whole way from a CSV.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as reference  # type: ignore[import-untyped]

import nnfit as package

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Commands, Example


def evaluated(cli: Commands, name: str) -> dict[str, Any]:
    result = cli("evaluate", f"{name}.npz", f"{name}.csv", "--json")
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    return found


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
    if len(classes) > 2:
        names.remove("roc_auc")
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
        }
        for k in range(len(targets))
    ]
    metrics = found["metrics"]
    if len(targets) == 1:
        assert metrics == pytest.approx(each[0], rel=1e-9)
        return
    assert list(metrics) == ["rmse", "mae", "r2", "per_target"]
    for k, target in enumerate(targets):
        assert metrics["per_target"][target] == pytest.approx(each[k], rel=1e-9)
    for metric in ("rmse", "mae", "r2"):
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
    assert [line.split() for line in lines[:6]] == [
        ["metric", "value"],
        ["rows", "80"],
        ["accuracy", f"{metrics['accuracy']:.4f}"],
        ["log_loss", f"{metrics['log_loss']:.4f}"],
        ["f1_macro", f"{metrics['f1_macro']:.4f}"],
        ["roc_auc", f"{metrics['roc_auc']:.4f}"],
    ]
    (a, b), (c, d) = metrics["confusion_matrix"]
    assert lines[7:] == [
        "confusion matrix",
        "true \\ predicted  False  True",
        f"False             {a:>5}  {b:>4}",
        f"True              {c:>5}  {d:>4}",
    ]


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
