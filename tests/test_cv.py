"""`nnfit cv`: folds against runs of train by hand, their metrics, and runs that are stopped."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.config.reading import load_config
from nnfit.dataset.dataset import Decided
from nnfit.many.folds import Folds, run_fold
from nnfit.observer import Observer
from nnfit.run.run import train_run
from tests.processes import needs_proc, processes

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

EPOCHS = "training.epochs=5"
NUMPY = ("--set", "training.engine=numpy")


def folds_of(config: dict[str, Any], frame: pd.DataFrame, k: int, repeats: int = 1) -> Folds:
    """Return the folds of a table in memory."""
    file = load_config({**config, "training": {"epochs": 2}}, (), "-")
    return Folds.of(file, Decided.read(file, frame, Observer()), k, repeats, Observer())


@pytest.mark.parametrize("name", ["price", "tiny", "pair"])
def test_each_fold_is_a_run_of_train_on_the_other_rows(
    cli: Commands, request: pytest.FixtureRequest, name: str
) -> None:
    example: Example = request.getfixturevalue(name)
    done = cli("cv", f"{name}.yaml", "--set", EPOCHS, *NUMPY, "--folds", "3", "-o", "oof.csv")
    assert done.code == 0, done.err
    oof = pd.read_csv("oof.csv", dtype=str, keep_default_na=False)
    table = example.cells
    targets = {"price": ["price"], "tiny": ["kind"], "pair": ["north", "south"]}[name]
    assert oof[targets].to_numpy().tolist() == table[targets].to_numpy().tolist()
    for fold in range(3):
        held_out = oof["fold"] == str(fold + 1)
        table[~held_out].to_csv("others.csv", index=False)
        seed = ("--set", f"seed={fold}")
        run = ("--set", EPOCHS, *NUMPY, *seed, "--data", "others.csv", "-o", "one.npz", "-q")
        assert cli("train", f"{name}.yaml", *run).code == 0
        table[held_out].to_csv("rows.csv", index=False)
        out = cli("predict", "one.npz", "rows.csv", *["--proba"] * (name == "tiny")).out
        lines = oof[held_out].drop(columns=[*targets, "fold"]).to_csv(index=False)
        assert lines == out


def test_metrics_are_those_of_the_rows_and_their_mean_and_sd(cli: Commands, tiny: Example) -> None:
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "--json", "-o", "oof.csv", "--repeats", "2")
    found = json.loads(done.out)
    oof = pd.read_csv("oof.csv")
    assert [(fold["repeat"], fold["fold"]) for fold in found["folds"]] == [
        (repeat, fold) for repeat in (1, 2) for fold in range(1, 6)
    ]
    for fold in found["folds"]:
        rows = oof[(oof["repeat"] == fold["repeat"]) & (oof["fold"] == fold["fold"])]
        assert fold["rows"] == len(rows)
        assert fold["metrics"]["accuracy"] == (rows["kind"] == rows["prediction"]).mean()
        p = [row[f"probability_{row['kind']}"] for _, row in rows.iterrows()]
        assert fold["metrics"]["log_loss"] == pytest.approx(-np.log(p).mean())
    values = [fold["metrics"]["log_loss"] for fold in found["folds"]]
    assert found["metrics"]["log_loss"] == {
        "mean": pytest.approx(statistics.fmean(values)),
        "sd": pytest.approx(statistics.stdev(values)),
    }
    assert "confusion_matrix" not in found["metrics"]
    assert found["seconds"] > 0.0
    first, second = (oof.loc[oof["repeat"] == r, "fold"].tolist() for r in (1, 2))
    assert first != second
    assert oof["kind"].tolist() == 2 * tiny.cells["kind"].tolist()


def test_any_number_of_jobs_gives_the_same_bytes(cli: Commands, tiny: Example) -> None:
    written = []
    for jobs in ("1", "2", "5"):
        args = ("--set", EPOCHS, *NUMPY, "--set", "model.members=2", "--jobs", jobs, "-q")
        assert cli("cv", "tiny.yaml", *args, "-o", "oof.csv").code == 0
        written.append(Path("oof.csv").read_bytes())
    assert len({*written}) == 1
    assert sorted(os.listdir()) == ["oof.csv", "tiny.csv", "tiny.npz", "tiny.yaml"]


def test_classes_have_their_share_of_each_fold_and_groups_stay_whole(
    rng: np.random.Generator,
) -> None:
    frame = pd.DataFrame(
        {"x": rng.normal(size=60), "who": np.arange(60) // 4, "y": ["a", "b", "b"] * 20}
    )
    by_chance = folds_of({"data": {"target": "y"}}, frame, 5).numbers[0]
    for label, share in (("a", 4), ("b", 8)):
        assert np.bincount(by_chance[frame["y"] == label]).tolist() == [share] * 5
    by_group = folds_of({"data": {"target": "y", "groups": "who"}}, frame, 5).numbers[0]
    assert all(len({*by_group[frame["who"] == who]}) == 1 for who in range(15))
    assert np.bincount(by_group).tolist() == [12] * 5


def test_in_time_order_a_fold_is_judged_by_what_came_before(rng: np.random.Generator) -> None:
    when = rng.permutation(30)
    frame = pd.DataFrame({"x": rng.normal(size=30), "when": when, "y": when / 30.0})
    folds = folds_of({"data": {"target": "y", "time": "when", "validation": 0}}, frame, 4)
    numbers = folds.numbers[0]
    assert sorted({*numbers.tolist()}) == [-1, 0, 1, 2, 3]
    order = numbers[np.argsort(when)]
    assert (np.diff(order) >= 0).all()
    result = run_fold(folds, lambda fraction: None, 0, 2)
    assert result.rows == (numbers == 2).sum()
    changed = frame.assign(y=np.where(numbers >= 2, 1e3, frame["y"]))  # the future is not seen
    again = run_fold(
        folds_of({"data": {"target": "y", "time": "when", "validation": 0}}, changed, 4),
        lambda fraction: None,
        0,
        2,
    )
    assert again.predicted == result.predicted


def test_a_class_may_be_missing_where_groups_stay_whole(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=24),
            "who": np.arange(24) // 4,
            "y": ["rare"] * 4 + ["a", "b"] * 10,
        }
    )
    config = {"data": {"target": "y", "groups": "who"}, "class_weight": "balanced"}
    folds = folds_of(config, frame, 3)
    results = [run_fold(folds, lambda fraction: None, 0, fold) for fold in range(3)]
    assert sum(result.rows for result in results) == 24
    assert {len(row) for result in results for row in result.predicted} == {3}


def test_the_test_rows_are_in_folds_too_and_that_is_said(cli: Commands, tiny: Example) -> None:
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "--set", "data.test=0.5", "-o", "oof.csv")
    assert "data.test is left aside: each row is held out by a fold" in done.err
    assert len(pd.read_csv("oof.csv")) == 48


def test_kept_columns_come_first_and_codes_as_they_are_spelt(
    cli: Commands, labels: Example
) -> None:
    args = ("--set", EPOCHS, "--keep", "code", "--keep", "age", "-o", "-", "--folds", "2", "-q")
    out = cli("cv", "labels.yaml", *args).out
    Path("out.csv").write_text(out, encoding="utf-8", newline="")
    found = pd.read_csv("out.csv", dtype=str, keep_default_na=False)
    assert found.columns[:5].tolist() == ["code", "age", "label", "fold", "prediction"]
    for name in ("code", "age", "label"):
        assert found[name].tolist() == labels.cells[name].tolist()


def test_rows_are_shown_as_folds_end_and_the_table_is_on_stdout(
    cli: Commands, price: Example
) -> None:
    done = cli("cv", "price.yaml", "--set", EPOCHS, "--folds", "2", "--jobs", "1")
    head, *rows = [line.split() for line in done.err.splitlines() if not line.startswith("nnfit:")]
    assert head == ["fold", "rows", "rmse", "mae", "r2", "epochs", "seconds"]
    assert [row[:2] for row in rows] == [["1", "40"], ["2", "40"]]
    assert done.out.splitlines()[0].split() == ["metric", "over", "2", "folds", "mean", "sd"]
    names = ["rmse", "mae", "r2", "median_ae"]
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == names
    assert cli("cv", "price.yaml", "--set", EPOCHS, "--folds", "2", "-q").err == ""


def test_a_warning_of_several_folds_is_said_once(cli: Commands, price: Example) -> None:
    text = Path("price.csv").read_text().replace("\n", ",1\n").replace("price,1\n", "price,one\n")
    Path("price.csv").write_text(text)
    done = cli("cv", "price.yaml", "--set", EPOCHS, "--folds", "3")
    assert done.err.count("'one'") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--folds", "1"], "--folds: got 1; expected 2 or more"),
        (["--repeats", "0"], "--repeats: got 0; expected 1 or more"),
        (["--jobs", "0"], "--jobs: got 0; expected 1 or more"),
        (["--folds", "20"], "has 16 rows to train on; expected one or more for each of 20 folds"),
        (["--folds", "49"], "got 48 rows to train on; expected one or more for each of 49 folds"),
        (["--keep", "color"], "--keep names 'color', but there is no such column"),
        (["--json", "-o", "-"], "--json and -o - both write to stdout"),
        (["--engine", "ray"], "--engine: got 'ray'; expected local"),
        (["-o", "tiny.csv"], "tiny.csv: is what is read; expected another place"),
        (["-o", "no/oof.csv"], "no/oof.csv: cannot be written: the folder 'no' does not exist"),
        (["--set", "training.engin=numpy"], "did you mean 'engine'?"),
    ],
)
def test_what_is_wrong_is_one_line(
    cli: Commands, tiny: Example, args: list[str], said: str
) -> None:
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "-q", *args)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not done.out
    assert sorted(os.listdir()) == ["tiny.csv", "tiny.npz", "tiny.yaml"]


def test_what_a_fold_finds_wrong_names_the_fold(cli: Commands, tiny: Example) -> None:
    tiny.cells.assign(who=["a", "b"] * 24).to_csv("tiny.csv", index=False)
    args = ("--set", "data.groups=who", "--folds", "2", "--jobs", "1")
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, *args, "-q")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "nnfit: error: fold 1: tiny.csv: 1 group is too few for validation rows" in done.err


LONG = ("cv", "tiny.yaml", "--set", "training.epochs=20000", *NUMPY, "--jobs", "1", "-o", "oof.csv")


def started_folds(process: subprocess.Popen[bytes], n: int) -> None:
    """Wait until `n` folds are in the journal."""
    for _ in range(1200):
        kept = Path("oof.csv.folds")
        if kept.exists() and kept.read_bytes().count(b"\n") > n:
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("no fold ended")


def children(pid: int) -> list[int]:
    """Return the processes that have `pid` as their parent."""
    return [process.pid for process in processes() if process.parent == pid]


@needs_proc
def test_a_stopped_run_goes_on_with_the_folds_that_are_left(nnfit: Nnfit, tiny: Example) -> None:
    short = tuple("training.epochs=2000" if a.startswith("training.epochs") else a for a in LONG)
    process = nnfit.start(*short)
    started_folds(process, 1)
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"of 5 folds done; go on with: nnfit cv tiny.yaml" in err
    assert workers and not any(os.path.exists(f"/proc/{pid}") for pid in workers)
    kept = Path("oof.csv.folds").read_bytes()
    Path("oof.csv.folds").write_bytes(kept + b'{"repeat": 1, "fo')  # a power cut's half line
    other = nnfit(*short, "--resume", "--set", "optimizer.learning_rate=0.5", "-q")
    assert other.code == 1
    assert "oof.csv.folds: is of a run with other settings, optimizer.learning_rate" in other.err
    again = nnfit(*short, "--resume", "--jobs", "2")
    assert again.code == 0, again.err
    assert f"with {kept.count(bytes([10])) - 1} folds done" in again.err
    resumed = Path("oof.csv").read_bytes()
    assert nnfit(*short, "-q").code == 0
    assert Path("oof.csv").read_bytes() == resumed
    assert sorted(os.listdir()) == ["oof.csv", "tiny.csv", "tiny.npz", "tiny.yaml"]


def test_a_strangers_file_is_not_replaced(cli: Commands, tiny: Example) -> None:
    Path("oof.csv.folds").write_text("how to fold a crane\n")
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "-o", "oof.csv", "-q")
    assert done.code == 2 and done.err.count("\n") == 1
    assert Path("oof.csv.folds").read_text() == "how to fold a crane\n"
    Path("oof.csv.folds").write_text('{"steps": 4}\n')
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "-o", "oof.csv", "-q")
    assert done.code == 2 and "oof.csv.folds: was not written by nnfit" in done.err


def test_decided_rows_are_trained_on_as_a_table_is(tiny: Example) -> None:
    config = {"data": {"target": "kind"}, "training": {"epochs": 3, "engine": "numpy"}}
    frame = pd.read_csv("tiny.csv")
    file = load_config(config, (), "-")
    whole = train_run(file, Decided.read(file, frame, Observer())).model
    assert whole.metrics == package.train(config, frame).metrics


@pytest.mark.parametrize("text", ["a crane", '{"steps": 4}', '{"nnfit": 1}'])
def test_a_strangers_file_without_a_last_line_end_is_left_alone(
    cli: Commands, tiny: Example, text: str
) -> None:
    Path("oof.csv.folds").write_text(text)
    done = cli("cv", "tiny.yaml", "--set", EPOCHS, "-o", "oof.csv", "-q")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert Path("oof.csv.folds").read_text() == text


@pytest.mark.parametrize("change", [{"rows": 3}, {"fold": 9}, {"predicted": [[1.0]]}, {"x": 1}])
def test_a_damaged_journal_is_one_line(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    args = ("cv", "tiny.yaml", "--set", EPOCHS, *NUMPY, "--folds", "2", "-o", "oof.csv", "-q")
    with monkeypatch.context() as kept:
        kept.setattr("nnfit.many.journal.Journal.remove", lambda journal: None)
        assert cli(*args).code == 0
    first, *lines = Path("oof.csv.folds").read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | change)
    Path("oof.csv.folds").write_text("\n".join([first, *lines, ""]))
    done = cli(*args, "--resume")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "oof.csv.folds: is damaged" in done.err
