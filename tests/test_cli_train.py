"""`nnfit train` from outside: options, the JSON, reproducible files, what a failed run leaves.

Streams are in `test_cli_streams`, signals in `test_cli_signals`, wrong input in `test_bad_input`.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.nn.names import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    QUANTITY_LOSSES,
    RESIDUAL_LOSSES,
    SCHEDULES,
)

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit


def sha(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def weights(path: str) -> dict[str, Any]:
    """Return the weight arrays of a model file."""
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files if name[0] in "Wb"}


def write_csv(path: str, frame: pd.DataFrame) -> None:
    Path(path).write_text(frame.to_csv(index=False), encoding="utf-8", newline="")


def meta(path: str) -> dict[str, Any]:
    with np.load(path) as arrays:
        found: dict[str, Any] = json.loads(arrays["meta"].tobytes())
    return found


# options -------------------------------------------------------------------------------------


def test_json_has_the_shape_of_the_contract(cli: Commands, tiny: Example) -> None:
    result = cli("train", "tiny.yaml", "-q", "--json", "--set", "data.test=0.25")
    found = json.loads(result.out)
    assert list(found) == [
        "model",
        "task",
        "n_parameters",
        "epochs",
        "best_epoch",
        "stopped_early",
        "seconds",
        "rows_per_second",
        "metrics",
        "best_epochs",
        "engine",
        "members",
        "folds",
        "validation",
    ]
    assert found["best_epochs"] == [found["best_epoch"]]
    assert (found["members"], found["folds"], found["engine"]) == (1, None, "numpy")
    assert found["validation"] == {
        "by": "held_out",
        "rows": meta("tiny.npz")["training"]["rows"]["validation"],
    }
    assert (found["model"], found["task"], found["epochs"]) == ("tiny.npz", "classification", 30)
    assert found["n_parameters"] == (1 + 3) * 8 + 8 + 8 * 3 + 3
    assert 1 <= found["best_epoch"] <= 30
    assert found["stopped_early"] is False
    assert found["seconds"] > 0.0 and found["rows_per_second"] > 0.0
    assert list(found["metrics"]) == ["train", "validation", "test"]
    for part in found["metrics"].values():
        assert list(part) == ["accuracy", "log_loss", "f1_macro"]


def test_json_of_a_regression_without_held_out_rows(cli: Commands, price: Example) -> None:
    result = cli("train", "price.yaml", "-q", "--json", "--set", "data.validation=0")
    found = json.loads(result.out)
    metrics = found["metrics"]
    assert list(metrics["train"]) == ["rmse", "mae", "r2"]
    assert found["validation"] is None and found["folds"] is None
    assert metrics["validation"] is None and metrics["test"] is None


def test_a_patience_that_grows_waits_longer_and_one_that_does_not_as_before(
    cli: Commands, binary: Example
) -> None:
    fast = ("--set", "optimizer.learning_rate=0.3", "--set", "training.epochs=500")

    def trained(*more: str) -> tuple[bytes, int, int]:
        sets = [word for key in ("patience=3", *more) for word in ("--set", f"training.{key}")]
        told = json.loads(cli("train", "binary.yaml", "-q", "--json", *fast, *sets).out)
        assert told["stopped_early"]
        return Path("binary.npz").read_bytes(), told["best_epoch"], told["epochs"]

    plain, best, epochs = trained()
    assert epochs == best + 3
    assert trained("patience_factor=1.0") == (plain, best, epochs)
    _, best, epochs = trained("patience_factor=2.5")
    assert epochs == math.ceil(2.5 * best) + 3


def test_patience_stops_early(cli: Commands, binary: Example) -> None:
    args = ("--set", "training.patience=3", "--set", "training.epochs=5000")
    found = json.loads(cli("train", "binary.yaml", "-q", "--json", *args).out)
    assert found["stopped_early"] is True
    assert found["epochs"] == found["best_epoch"] + 3 < 5000


def test_the_best_epoch_is_kept(cli: Commands, binary: Example) -> None:
    """An over-large learning rate lets the loss wander; training no further gives the same."""
    jumpy = ("--set", "optimizer.learning_rate=1.0")
    found = json.loads(cli("train", "binary.yaml", "-q", "--json", *jumpy).out)
    best = found["best_epoch"]
    with np.load("binary.npz") as arrays:
        losses = arrays["history_validation_loss"]
    assert best == losses.argmin() + 1 < found["epochs"]
    args = ("--set", f"training.epochs={best}", "-o", "short.npz")
    assert cli("train", "binary.yaml", "-q", *jumpy, *args).code == 0
    kept, short = weights("binary.npz"), weights("short.npz")
    assert all(np.array_equal(kept[name], short[name]) for name in kept)


def test_set_overrides_in_turn(cli: Commands, tiny: Example) -> None:
    args = ["--set", "model.hidden_sizes=[3, 2]", "--set", "training.epochs=2"]
    args += ["--set", "training.epochs=4", "--set", "model.activation=tanh"]
    found = json.loads(cli("train", "tiny.yaml", "-q", "--json", *args).out)
    assert found["epochs"] == 4
    assert [layer.shape for name, layer in weights("tiny.npz").items() if name[0] == "W"] == [
        (3, 4),
        (2, 3),
        (3, 2),
    ]
    assert meta("tiny.npz")["network"]["activations"] == ["tanh", "tanh"]


def test_data_option_reads_another_csv(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "tiny.csv").rename(folder / "sub" / "other.csv")
    assert cli("train", "tiny.yaml", "-q", "--data", "sub/other.csv").code == 0
    assert all(np.array_equal(a, b) for a, b in _pairs(weights("tiny.npz"), tiny.npz))


def test_data_option_reads_stdin(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "tiny.csv").unlink()
    assert cli("train", "tiny.yaml", "-q", "--data", "-", stdin=tiny.csv).code == 0
    assert all(np.array_equal(a, b) for a, b in _pairs(weights("tiny.npz"), tiny.npz))


def _pairs(found: dict[str, Any], npz: bytes) -> list[tuple[Any, Any]]:
    with np.load(io.BytesIO(npz)) as arrays:
        return [(found[name], arrays[name]) for name in found]


def test_paths_are_relative_to_the_config_and_output_to_the_folder(
    cli: Commands, tiny: Example, folder: Path
) -> None:
    (folder / "configs").mkdir()
    (folder / "tiny.npz").unlink()
    text = tiny.yaml.replace("path: tiny.csv", "path: ../tiny.csv") + "output: kinds.npz\n"
    (folder / "configs" / "c.yaml").write_text(text, encoding="utf-8")
    assert cli("train", "configs/c.yaml", "-q").out == "kinds.npz\n"
    assert (folder / "kinds.npz").exists()
    assert cli("train", "configs/c.yaml", "-q", "-o", "configs/o.npz").out == "configs/o.npz\n"
    assert sorted(path.name for path in (folder / "configs").iterdir()) == ["c.yaml", "o.npz"]


# reproducible --------------------------------------------------------------------------------


def test_same_config_same_bytes(nnfit: Nnfit, tiny: Example) -> None:
    """Hold two processes, another folder and another name to the same SHA-256."""
    expected = hashlib.sha256(tiny.npz).hexdigest()
    assert nnfit("train", "tiny.yaml", "-q").code == 0
    assert sha(nnfit.folder / "tiny.npz") == expected
    assert nnfit("train", "tiny.yaml", "-q", "-o", "another name.npz").code == 0
    assert sha(nnfit.folder / "another name.npz") == expected
    home = nnfit.folder
    nnfit.folder = home / "sub"
    nnfit.folder.mkdir()
    assert nnfit("train", "../tiny.yaml", "-q").out == "tiny.npz\n"
    assert sha(nnfit.folder / "tiny.npz") == expected


def test_dropout_is_reproducible_and_another_seed_is_another_model(
    cli: Commands, tiny: Example
) -> None:
    dropout = ("--set", "model.dropout=0.3")
    for name, extra in (("a", ()), ("b", ()), ("c", ("--set", "seed=1"))):
        assert cli("train", "tiny.yaml", "-q", "-o", f"{name}.npz", *dropout, *extra).code == 0
    assert sha("a.npz") == sha("b.npz")
    a, c = weights("a.npz"), weights("c.npz")
    assert not any(np.array_equal(a[name], c[name]) for name in a)


# failed runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (
            ("--set", "optimizer.learning_rate=1e30", "--set", "optimizer.name=sgd"),
            1,
            "nnfit: error: loss became nan in epoch 1, step 2 (learning_rate=1e+30); "
            "try a smaller optimizer.learning_rate, or set optimizer.clip_norm or "
            "training.on_divergence: rollback\n",
        ),
        (
            ("--data", "-"),
            2,
            "nnfit: error: <stdin>: has a header and no rows; expected at least one row\n",
        ),
        (
            ("--set", "data.task=regression", "--set", "data.validation=0"),
            2,
            "nnfit: error: tiny.csv, row 1, column 'kind': cannot read 'a' as a number, which a "
            "regression needs. Mend the cell, or set data.task\n",
        ),
    ],
    ids=["diverged", "data", "task"],
)
def test_a_failed_run_leaves_the_old_model(
    cli: Commands, tiny: Example, folder: Path, args: tuple[str, ...], code: int, line: str
) -> None:
    result = cli("train", "tiny.yaml", "-q", *args, stdin="x,colour,kind\n")
    assert (result.code, result.out, result.err) == (code, "", line)
    assert (folder / "tiny.npz").read_bytes() == tiny.npz
    assert len(list(folder.iterdir())) == 3, "nothing is left beside it"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("nowhere/m.npz", "nowhere/m.npz: cannot be written: the folder 'nowhere' does not exist"),
        ("folder", "folder: is a folder; expected the name of a file to write"),
        ("tiny.csv/m.npz", "tiny.csv/m.npz: cannot be written: not a directory"),
        ("tiny.csv", "tiny.csv: is what is read; expected another place for the model"),
        ("tiny.yaml", "tiny.yaml: is what is read; expected another place for the model"),
        ("folder/../tiny.csv", "folder/../tiny.csv: is what is read; expected another place for "
         "the model"),
        ("held.csv", "held.csv: is what is read; expected another place for the model"),
    ],
)  # fmt: skip
def test_a_bad_output_is_found_before_training(
    cli: Commands, tiny: Example, folder: Path, output: str, line: str
) -> None:
    (folder / "folder").mkdir()
    (folder / "held.csv").write_text(tiny.csv, encoding="utf-8")
    # not quiet: training would say its plan
    result = cli("train", "tiny.yaml", "-o", output, "--set", "data.validation=held.csv")
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")
    assert (folder / "tiny.csv").read_text(encoding="utf-8") == tiny.csv
    assert (folder / "tiny.yaml").read_text(encoding="utf-8") == tiny.yaml
    assert (folder / "held.csv").read_text(encoding="utf-8") == tiny.csv


def test_a_folder_that_takes_no_files(cli: Commands, tiny: Example) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    result = cli("train", "tiny.yaml", "-o", "/proc/m.npz")
    assert (result.code, result.out) == (2, "")
    assert result.err == "nnfit: error: /proc/m.npz: cannot be written: no such file or directory\n"


def test_the_old_model_keeps_its_permissions_and_its_link(
    cli: Commands, tiny: Example, folder: Path
) -> None:
    (folder / "real.npz").write_bytes(b"old")
    (folder / "real.npz").chmod(0o640)
    (folder / "link.npz").symlink_to("real.npz")
    assert cli("train", "tiny.yaml", "-q", "-o", "link.npz").code == 0
    assert (folder / "link.npz").is_symlink()
    assert (folder / "real.npz").read_bytes() == tiny.npz
    assert (folder / "real.npz").stat().st_mode & 0o777 == 0o640


# weights, splits -----------------------------------------------------------------------------


def _full_batch(cli: Commands, name: str, frame: pd.DataFrame, *args: str) -> dict[str, Any]:
    """Train on all rows of `frame` by gradient descent and return the weights."""
    write_csv(f"{name}.csv", frame)
    Path(f"{name}.yaml").write_text(
        f"data: {{path: {name}.csv, target: y, validation: 0}}\n"
        "preprocessing: {numeric: none, target: none}\n"
        "model: {hidden_sizes: [4], activation: tanh}\n"
        "training: {batch_size: full, epochs: 20, dtype: float64}\n",
        encoding="utf-8",
    )
    result = cli("train", f"{name}.yaml", "-q", *args)
    assert (result.code, result.err) == (0, "")
    return weights(f"{name}.npz")


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_weight_two_is_the_row_twice(cli: Commands, rng: np.random.Generator, task: str) -> None:
    frame = pd.DataFrame(rng.normal(size=(12, 2)).round(3), columns=["a", "b"])
    frame["y"] = rng.normal(size=12).round(3) if task == "regression" else ["p", "q"] * 6
    s = np.array([1, 2, 3, 1, 2, 0, 1, 1, 2, 1, 3, 1])
    weighted = _full_batch(cli, "weighted", frame.assign(s=s), "--set", "data.weight=s")
    repeated = _full_batch(cli, "repeated", frame.loc[frame.index.repeat(s)])
    for name, values in repeated.items():
        # the same sums in another order: twenty steps of float64 round-off
        np.testing.assert_allclose(weighted[name], values, rtol=1e-9, atol=1e-12)
    plain = _full_batch(cli, "plain", frame)
    assert not np.allclose(weighted["W1"], plain["W1"], rtol=1e-6, atol=0.0)


def test_balanced_classes_weigh_the_same(cli: Commands, rng: np.random.Generator) -> None:
    frame = pd.DataFrame(rng.normal(size=(12, 2)).round(3), columns=["a", "b"])
    frame["y"] = ["p"] * 9 + ["q"] * 3
    balanced = _full_batch(cli, "balanced", frame, "--set", "class_weight=balanced")
    named = _full_batch(cli, "named", frame, "--set", "class_weight={p: 1, q: 3}")
    repeats = np.where(frame["y"] == "q", 3, 1)
    repeated = _full_batch(cli, "repeated", frame.loc[frame.index.repeat(repeats)])
    for name, values in repeated.items():
        np.testing.assert_allclose(balanced[name], values, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(named[name], values, rtol=1e-9, atol=1e-12)


def test_weights_are_no_feature(cli: Commands, tiny: Example) -> None:
    write_csv("tiny.csv", tiny.cells.assign(s="1"))
    assert cli("train", "tiny.yaml", "-q", "--set", "data.weight=s").code == 0
    assert weights("tiny.npz")["W1"].shape == (8, 4)


def test_the_split_is_stratified(cli: Commands, rng: np.random.Generator) -> None:
    y = np.repeat(["common", "rare", "rarest"], [70, 20, 10])
    frame = pd.DataFrame({"x": rng.normal(size=100).round(3), "y": y}).sample(
        frac=1.0, random_state=1
    )
    write_csv("d.csv", frame)
    text = "data: {path: d.csv, target: y, validation: 0.2, test: 0.1}\ntraining: {epochs: 1}\n"
    Path("d.yaml").write_text(text, encoding="utf-8")
    assert cli("train", "d.yaml", "-q").code == 0
    metrics = meta("d.npz")["metrics"]
    counts = {part: np.sum(metrics[part]["confusion_matrix"], axis=1).tolist() for part in metrics}
    assert counts == {"train": [49, 14, 7], "validation": [14, 4, 2], "test": [7, 2, 1]}


def test_held_out_rows_from_csvs_of_their_own(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "held").mkdir()
    frame = tiny.cells
    write_csv("tiny.csv", frame[:30])
    write_csv("held/v.csv", frame[30:40][["kind", "colour", "x"]])
    write_csv("held/t.csv", frame[40:].assign(more="z"))
    text = tiny.yaml.replace(
        "  target: kind\n", "  target: kind\n  validation: held/v.csv\n  test: held/t.csv\n"
    )
    (folder / "tiny.yaml").write_text(text, encoding="utf-8")
    found = json.loads(cli("train", "tiny.yaml", "-q", "--json").out)
    assert meta("tiny.npz")["training"]["rows"] == {"train": 30, "validation": 10, "test": 8}
    for part, path in (("validation", "held/v.csv"), ("test", "held/t.csv")):
        again = json.loads(cli("evaluate", "tiny.npz", path, "--json").out)["metrics"]
        assert found["metrics"][part] == {k: again[k] for k in ("accuracy", "log_loss", "f1_macro")}


def test_encoding_is_fitted_on_the_training_rows(cli: Commands, folder: Path) -> None:
    """Validation rows far away must move neither the mean, the scale nor the imputed value."""
    write_csv("t.csv", pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan, 6.0], "y": [1.5, 2, 3, 4, 5]}))
    write_csv("v.csv", pd.DataFrame({"x": [1e6, -1e6], "y": [1e6, 2.5]}))
    text = "data: {path: t.csv, target: y, validation: v.csv}\ntraining: {epochs: 1}\n"
    (folder / "t.yaml").write_text(text, encoding="utf-8")
    assert cli("train", "t.yaml", "-q").code == 0
    found = meta("t.npz")
    assert found["encoder"]["columns"] == [
        {"name": "x", "kind": "numeric", "fill": 2.5, "had_gaps": True}
    ]
    filled = np.array([1.0, 2.0, 3.0, 2.5, 6.0])
    scaler = found["encoder"]["inputs"][0]["scaler"]
    assert scaler["shift"] == pytest.approx(filled.mean(), rel=1e-12)
    assert scaler["scale"] == pytest.approx(filled.std(), rel=1e-12)
    assert found["scaler"]["means"] == [pytest.approx(3.1, rel=1e-12)]


# the whole range of networks -----------------------------------------------------------------

FITTING = [("binary", loss) for loss in ("auto", *LOSSES)]
FITTING += [("tiny", loss) for loss in ("auto", "cross_entropy", *RESIDUAL_LOSSES)]
FITTING += [("pair", loss) for loss in ("auto", *QUANTITY_LOSSES) if loss != "poisson"]  # y < 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_loss_that_fits_trains(
    examples: dict[str, Example], folder: Path, activation: str
) -> None:
    for name, loss in FITTING:
        frame = pd.read_csv(io.StringIO(examples[name].csv))
        target = {"binary": "passed", "tiny": "kind", "pair": ["north", "south"]}[name]
        model = package.train(
            {
                "data": {"path": "-", "target": target},
                "model": {"hidden_sizes": [4], "activation": activation},
                "loss": loss,
                "training": {"epochs": 1},
            },
            frame,
        )
        assert len(model.predict(frame)) == len(frame), (name, loss)
        assert np.isfinite(model.history["train_loss"]).all(), (name, loss)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimizer_and_schedule_trains(
    cli: Commands, binary: Example, optimizer: str, schedule: str
) -> None:
    args = ["train", "binary.yaml", "-q", "--json"]
    for value in (f"name={optimizer}", f"schedule={schedule}", "warmup_epochs=2", "clip_norm=1.0"):
        args += ["--set", f"optimizer.{value}"]
    result = cli(*args)
    assert (result.code, result.err) == (0, "")
    # the majority is right on 54 % of these rows, a line on 80 %
    assert json.loads(result.out)["metrics"]["train"]["accuracy"] > 0.7


@pytest.mark.parametrize("initialization", ["auto", "he", "glorot", "lecun", "zeros"])
def test_every_initialization_trains(cli: Commands, binary: Example, initialization: str) -> None:
    result = cli(
        "train", "binary.yaml", "-q", "--json", "--set", f"model.initialization={initialization}"
    )
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["metrics"]["train"]["accuracy"] > 0.7


@pytest.mark.parametrize("numeric", ["standardize", "robust", "quantile", "minmax", "none"])
def test_every_scaling_trains_and_predicts(cli: Commands, labels: Example, numeric: str) -> None:
    assert cli("train", "labels.yaml", "-q", "--set", f"preprocessing.numeric={numeric}").code == 0
    result = cli("evaluate", "labels.npz", "labels.csv", "--json")
    # five classes, a fifth each; `amount` tells them all but for noise
    if numeric == "none":  # ages of up to 80 drown the other columns
        assert json.loads(result.out)["rows"] == 100
    else:
        assert json.loads(result.out)["metrics"]["accuracy"] > 0.8


def test_compressed_and_foreign_delimiters(cli: Commands, tiny: Example, folder: Path) -> None:
    import gzip

    (folder / "tiny.csv").write_bytes(gzip.compress(tiny.csv.replace(",", ";").encode()))
    (folder / "tiny.csv").rename(folder / "tiny.csv.gz")
    args = ("--data", "tiny.csv.gz", "--set", 'data.delimiter=";"')
    assert cli("train", "tiny.yaml", "-q", *args).code == 0
    assert all(np.array_equal(a, b) for a, b in _pairs(weights("tiny.npz"), tiny.npz))
    # the model remembers how its CSVs are written
    assert cli("predict", "tiny.npz", "tiny.csv.gz").code == 0


def decided(err: str) -> str:
    """Return what training says that it decided, in one line."""
    text = err.partition("decided")[2].partition("\n\n")[0]
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["data.exclude=[b, c]"], "columns left out: 'b', 'c' (data.exclude)"),
        (["data.include=[a, c]"], "columns left out: 'b' (not in data.include)"),
        (
            ["data.include=[a, c]", "data.exclude=[b]", 'features=["a"]'],
            "columns left out: 'b' (data.exclude); 'c' (in no feature)",
        ),
        (['features=["a*b"]'], "columns left out: 'c' (in no feature)"),
        (["data.weight=b"], ""),
    ],
    ids=str,
)
def test_columns_that_are_left_out_are_listed(
    cli: Commands, folder: Path, settings: list[str], said: str
) -> None:
    rows = "".join(f"{i % 5},{i % 7 + 1},{i % 3},{i % 11}.5\n" for i in range(30))
    (folder / "d.csv").write_text("a,b,c,y\n" + rows, encoding="utf-8")
    config = "{data: {path: d.csv, target: y}, training: {epochs: 1}}"
    args = [word for setting in settings for word in ("--set", setting)]
    result = cli("train", "-", *args, stdin=config)
    assert result.code == 0
    assert ("columns left out" in result.err) == bool(said)
    assert said in decided(result.err)


@pytest.mark.parametrize("excluded", [False, True])
def test_a_feature_that_is_the_target_is_warned_of(
    cli: Commands, folder: Path, excluded: bool
) -> None:
    rows = "".join(f"{i % 5},{'no' if i % 3 else 'yes'},{int(not i % 3)}\n" for i in range(30))
    (folder / "d.csv").write_text("a,alive,survived\n" + rows, encoding="utf-8")
    config = "{data: {path: d.csv, target: survived}, training: {epochs: 1}}"
    args = ["--set", "data.exclude=[alive]"] if excluded else []
    result = cli("train", "-", "-q", *args, stdin=config)
    warning = (
        "nnfit: warning: d.csv: column 'alive' tells the target 'survived' one to one. "
        "Add it to data.exclude if it is the target in other words\n"
    )
    assert (result.code, result.err) == (0, "" if excluded else warning)


@pytest.mark.parametrize(
    ("classes", "share", "much"),
    [
        ("aaab", "75.0", True),
        ("aabcdefg", "25.0", False),
        ("aaaabcde", "50.0", True),
        ("ab", "50.0", False),
        ("aab", "66.7", True),
        ("abc", "33.3", False),
        ("aaabb", "60.0", False),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_share_of_a_majority_is_said(
    cli: Commands, folder: Path, classes: str, share: str, much: bool, weighted: bool
) -> None:
    rows = "".join(f"{i * 7 % 31},{classes[i % len(classes)]}\n" for i in range(120))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    config = "{data: {path: d.csv, target: y}, training: {epochs: 1}}"
    args = ["--set", "class_weight=balanced"] if weighted else []
    said = decided(cli("train", "-", *args, stdin=config).err)
    assert f"target 'y': {share} % of the rows are 'a'" in said
    assert ("an accuracy that saying so always has too" in said) == much
    assert ("class_weight: balanced" in said) == (much and not weighted)


def test_without_a_header(cli: Commands, tiny: Example, folder: Path) -> None:
    body = tiny.csv.split("\n", 1)[1]
    (folder / "tiny.csv").write_text(body, encoding="utf-8")
    args = ("--set", "data.header=false", "--set", "data.target=c3")
    assert cli("train", "tiny.yaml", "-q", *args).code == 0
    assert all(np.array_equal(a, b) for a, b in _pairs(weights("tiny.npz"), tiny.npz))
    assert len(cli("predict", "tiny.npz", stdin=body).out.splitlines()) == 1 + 48


def test_missing_values_and_categorical(cli: Commands, folder: Path) -> None:
    rows = "".join(f"{i if i % 7 else 'n/k'},{i % 4},{'ab'[i % 2]}\n" for i in range(40))
    (folder / "d.csv").write_text("x,zone,y\n" + rows, encoding="utf-8")
    (folder / "d.yaml").write_text(
        "data:\n  path: d.csv\n  target: y\n  missing_values: [n/k]\n  categorical: [zone]\n"
        "training:\n  epochs: 3\n",
        encoding="utf-8",
    )
    assert cli("train", "d.yaml", "-q").code == 0
    columns = meta("d.npz")["encoder"]["columns"]
    assert [(c["name"], c["kind"], c["had_gaps"]) for c in columns] == [
        ("x", "numeric", True),
        ("zone", "categorical", False),
    ]
    assert columns[1]["categories"] == ["0", "1", "2", "3"]
    assert "n/k" in (folder / "d.csv").read_text(encoding="utf-8")
    assert cli("predict", "d.npz", stdin="x,zone\nn/k,3\n").code == 0


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["no", "yes"], "classification"),
        (["True", "False"], "classification"),
        (["1", "2", "3"], "classification"),
        (["007", "008"], "classification"),  # integers, a few distinct ones
        ([str(i) for i in range(20)], "classification"),
        ([str(i) for i in range(21)], "regression"),
        (["1.0", "2.0"], "classification"),
        (["1.5", "2.5"], "regression"),
    ],
    ids=str,
)
def test_the_task_is_decided_and_said(
    cli: Commands, folder: Path, cells: list[str], task: str
) -> None:
    rows = "".join(f"{i},{cells[i % len(cells)]}\n" for i in range(84))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    (folder / "d.yaml").write_text(
        "data: {path: d.csv, target: y}\ntraining: {epochs: 1}\n", encoding="utf-8"
    )
    result = cli("train", "d.yaml", "--json")
    assert json.loads(result.out)["task"] == task
    assert f"task: {task} (target 'y' " in result.err


def test_features_travel_in_the_model(cli: Commands, folder: Path) -> None:
    x = np.linspace(-2.0, 2.0, 60).round(4)
    frame = pd.DataFrame({"the x": x, "y": 3 * np.sin(3 * x) + x**2})
    write_csv("d.csv", frame)
    (folder / "d.yaml").write_text(
        "data: {path: d.csv, target: y, validation: 0}\n"
        'features: ["`the x`**2", "sin(3*`the x`)"]\n'
        "model: {hidden_sizes: []}\n"
        "optimizer: {learning_rate: 0.1}\n"
        "training: {epochs: 300, batch_size: full, dtype: float64}\n",
        encoding="utf-8",
    )
    found = json.loads(cli("train", "d.yaml", "-q", "--json").out)
    assert found["n_parameters"] == 3
    assert found["metrics"]["train"]["r2"] > 0.9999  # a straight line scores 0.1
    (folder / "d.csv").unlink()
    (folder / "d.yaml").unlink()
    given = "the x\n0.25\n-1.75\n3.0\n"
    lines = cli("predict", "d.npz", "-q", stdin=given).out.splitlines()[1:]
    at = np.array([0.25, -1.75, 3.0])
    np.testing.assert_allclose(
        [float(line) for line in lines], 3 * np.sin(3 * at) + at**2, atol=0.1
    )


def test_umask_of_a_new_model(cli: Commands, tiny: Example, folder: Path) -> None:
    before = os.umask(0o027)
    try:
        assert cli("train", "tiny.yaml", "-q", "-o", "new.npz").code == 0
    finally:
        os.umask(before)
    assert (folder / "new.npz").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("role", ["feature", "target", "exclude", "weight"])
def test_a_column_may_be_called_as_an_argument_is(cli: Commands, folder: Path, role: str) -> None:
    """`self` with words for gaps and gaps in it, and names of pandas' own arguments beside it."""
    cells = {"feature": ["NA", "a", "", "b"], "target": ["p", "q", "", "p"],
             "exclude": ["NA", "x", "", "y"], "weight": ["1", "2", "3", "1"]}[role]  # fmt: skip
    rows = "".join(f"{cells[i % 4]},{i % 7}.5,{'uv'[i % 2]},{i % 5}\n" for i in range(40))
    (folder / "d.csv").write_text("self,frame,index,axis\n" + rows, encoding="utf-8")
    target = "self" if role == "target" else "index"
    keys = [] if role in ("feature", "target") else ["--set", f"data.{role}=self"]
    config = cli("init", "d.csv", "--target", target, *keys)
    assert config.code == 0
    assert cli("train", "-", "--set", "training.epochs=1", "-q", stdin=config.out).code == 0
    assert cli("evaluate", "d.npz", "d.csv").code == 0
    assert cli("plot", "importance", "d.npz", "d.csv", "--repeats", "1", "-o", "i.svg").code == 0
