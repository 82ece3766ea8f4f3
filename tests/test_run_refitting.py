"""One network on all rows after the members: what it is, how it is told, stopped and resumed."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.config.reading import load_config
from nnfit.errors import Interrupted, TrainingError
from nnfit.observer import EpochRecord, Observer
from nnfit.run import refitting
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.run import Run, train_run
from nnfit.training.fit import Fit
from nnfit.training.stop import StopRequest

if TYPE_CHECKING:
    from conftest import Commands, Example

EPOCHS, M = 6, 3
CONFIG = f"""\
data: {{path: tiny.csv, target: kind, validation: folds, test: 0.25}}
model: {{members: {M}, hidden_sizes: [16], activation: tanh, dropout: 0.1}}
optimizer: {{learning_rate: 0.1, schedule: cosine}}
training: {{epochs: {EPOCHS}, batch_size: 8, refit: true, checkpoint_seconds: 1000}}
"""


@pytest.fixture
def config(tiny: Example) -> str:
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    return "c.yaml"


class Recorder(Observer):
    """Keeps what it hears of a run."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.epochs: list[EpochRecord] = []
        self.after: list[int] = []  # epochs heard before each refit
        self.refits: list[int] = []
        self.far: tuple[int, float] = (0, 0.0)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self.epochs.append(record)

    def progress(self, epoch: int, fraction: float) -> None:
        self.far = (epoch, fraction)

    def refitting(self, epochs: int) -> None:
        self.after.append(len(self.epochs))
        self.refits.append(epochs)


def sha(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def stopped_in_the_refit(
    monkeypatch: pytest.MonkeyPatch, steps: int, stop: StopRequest, checkpoint: Checkpoint | None
) -> Run:
    """Return a run that a signal ends after so many of the refit's steps."""
    build = refitting.build_fit

    def built(*args: Any) -> Fit:
        fit = build(*args)
        optimizer, left = fit.state.optimizers[0], [steps]
        original = optimizer.step

        def step(*args: Any) -> None:
            original(*args)
            left[0] -= 1
            if not left[0]:
                fit.stop.signal = signal.SIGINT

        optimizer.step = step  # type: ignore[method-assign]
        if not steps:
            fit.stop.signal = signal.SIGINT
        return fit

    with monkeypatch.context() as patch:
        patch.setattr(refitting, "build_fit", built)
        return train_run(load_config("c.yaml"), output="m.npz", stop=stop, checkpoint=checkpoint)


def test_it_is_one_network_on_all_rows_for_the_mean_best_epoch(cli: Commands, config: str) -> None:
    assert cli("train", config, "-q", "-o", "m.npz", "--oof", "oof.csv").code == 0
    without = ("--set", "training.refit=false")
    assert cli("train", config, "-q", "-o", "k.npz", "--oof", "k.csv", *without).code == 0
    model, members = nnfit.load("m.npz"), nnfit.load("k.npz")
    best = members.training["best_epoch"]
    assert best == round(np.mean(members.training["best_epochs"])) < EPOCHS
    assert model.network.members == 1
    assert model.training == {
        "epochs": best, "best_epoch": best, "stopped_early": False,
        "rows": members.training["rows"],
    }  # fmt: skip
    assert Path("oof.csv").read_bytes() == Path("k.csv").read_bytes()
    assert model.metrics["validation"] == members.metrics["validation"]
    assert model.metrics["test"] != members.metrics["test"]
    # The same network from a run that only has it, on the same rows, with a schedule as long.
    keys = ("data.validation=0", "model.members=1", f"training.epochs={best}", without[1])
    run = train_run(load_config("c.yaml", keys))
    np.testing.assert_allclose(
        model.network.parameters.flat, run.model.network.parameters.flat, rtol=1e-5
    )
    assert model.history["learning_rate"][-1] < members.history["learning_rate"][best - 1] / 3


def test_it_is_told_with_the_progress_and_no_epochs_of_its_own(config: str) -> None:
    observer = Recorder()
    run = train_run(load_config(config), observer=observer)
    n = run.model.training["epochs"]
    assert (observer.refits, observer.after) == ([n], [EPOCHS])
    assert len(observer.epochs) == EPOCHS and observer.far == (n, 1.0)
    assert observer.notes[-1] == f"refit: one network on all 36 rows, for {n} epochs"
    assert run.to_json()["epochs"] == run.to_json()["best_epoch"] == n
    assert len(run.summary.train_loss) == n and not run.summary.validation_loss


def test_commands_on_it(cli: Commands, config: str) -> None:
    result = cli("train", config, "-o", "m.npz", "--json")
    told, shown = json.loads(result.out), result.err
    n = told["epochs"]
    assert re.search(rf"^epochs +{n}, done$", shown, re.MULTILINE)
    assert (told["members"], told["folds"], told["best_epochs"]) == (1, M, [n])
    assert told["validation"]["by"] == "out_of_fold"
    found = json.loads(cli("inspect", "m.npz", "--json").out)
    assert "members" not in found
    assert found["training"]["best_epoch"] == n
    for part in ("train", "test"):
        judged = json.loads(cli("evaluate", "m.npz", "--split", part, "--json").out)
        assert judged["metrics"]["log_loss"] == pytest.approx(told["metrics"][part]["log_loss"])
        assert judged["rows"] == found["training"]["rows"][part]
    for command in (["gradcheck", "m.npz"], ["explain", "m.npz", "tiny.csv", "--epoch-step"]):
        assert cli(*command, "--json").code == 0
    result = cli("evaluate", "m.npz", "--split", "validation")
    assert result.code == 2 and "m.npz: has no validation rows" in result.err


@pytest.mark.parametrize("patience", ["null", "1"])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_stopped_it_keeps_the_members_and_goes_on_to_the_same_bytes(
    cli: Commands, config: str, monkeypatch: pytest.MonkeyPatch, steps: int, patience: str
) -> None:
    Path(config).write_text(CONFIG.replace("refit", f"patience: {patience}, refit"), "utf-8")
    assert cli("train", config, "-q", "-o", "whole.npz").code == 0
    without = ("--set", "training.refit=false")
    assert cli("train", config, "-q", "-o", "k.npz", *without).code == 0
    with Checkpoint("m.npz", False, Observer()) as checkpoint:
        run = stopped_in_the_refit(monkeypatch, steps, StopRequest(), checkpoint)
    members = nnfit.load("k.npz")
    assert run.in_refit and run.summary.interrupted and checkpoint.to_resume
    assert run.model.network.members == M
    assert run.model.training == members.training
    assert run.model.metrics == members.metrics
    result = cli("train", config, "-o", "m.npz", "--resume")
    assert (result.code, result.out) == (0, "m.npz\n")
    assert "nnfit: going on after the last epoch from m.npz.checkpoint\n" in result.err
    assert sha("m.npz") == sha("whole.npz")
    assert not Path("m.npz.checkpoint").exists()


def test_the_members_can_go_on_from_their_end(
    cli: Commands, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their weights are kept as the last epoch left them, beside the best ones."""
    text = CONFIG.replace("cosine", "constant").replace("learning_rate: 0.1", "learning_rate: 0.3")
    Path(config).write_text(text, "utf-8")
    more = ("--set", f"training.epochs={2 * EPOCHS}")
    assert cli("train", config, "-q", "-o", "whole.npz", *more).code == 0
    with Checkpoint("m.npz", False, Observer()) as checkpoint:
        run = stopped_in_the_refit(monkeypatch, 1, StopRequest(), checkpoint)
    assert run.in_refit and run.summary.best_epoch < EPOCHS
    assert cli("train", config, "-q", "-o", "m.npz", "--resume", *more).code == 0
    assert sha("m.npz") == sha("whole.npz")


def test_a_signal_in_it_says_so(
    cli: Commands, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = refitting.build_fit

    def built(*args: Any) -> Fit:
        signal.raise_signal(signal.SIGTERM)
        return build(*args)

    monkeypatch.setattr(refitting, "build_fit", built)
    with pytest.raises(Interrupted) as caught:
        cli("train", config, "-q", "-o", "m.npz")
    assert caught.value.exit_code == 143
    assert caught.value.message == (
        "stopped in the refit; m.npz has the members; "
        "resume with: nnfit train c.yaml -o m.npz -q --resume"
    )
    assert nnfit.load("m.npz").network.members == M
    assert Path("m.npz.checkpoint").exists()


def test_a_run_whose_members_are_stopped_has_no_refit(config: str) -> None:
    stop = StopRequest()

    class Stopping(Recorder):
        def epoch(self, record: EpochRecord, best: bool) -> None:
            super().epoch(record, best)
            stop.signal = signal.SIGINT if record.epoch == 2 else None

    observer = Stopping()
    run = train_run(load_config(config), observer=observer, stop=stop)
    assert run.summary.interrupted and not run.in_refit
    assert observer.refits == [] and run.model.network.members == M
    assert run.summary.epochs == 2


def test_a_refit_that_diverges_keeps_the_members(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = refitting.build_fit

    def built(*args: Any) -> Fit:
        fit = build(*args)
        step = fit.state.optimizers[0].step

        def far(parameters: Any, *args: Any) -> None:
            step(parameters, *args)
            parameters[:] = np.nan

        fit.state.optimizers[0].step = far  # type: ignore[method-assign]
        return fit

    monkeypatch.setattr(refitting, "build_fit", built)
    observer = Recorder()
    file = load_config(config, ["training.on_divergence=rollback"])
    with Checkpoint("m.npz", False, observer) as checkpoint:
        run = train_run(file, observer=observer, checkpoint=checkpoint)
    assert isinstance(run.failure, TrainingError) and not run.in_refit
    assert run.model.network.members == M and checkpoint.to_resume
    assert len(observer.warnings) == 5  # it says when it rolls back
    assert "the initial weights" in observer.warnings[0]


def test_steps_are_recorded_of_the_network_that_is_kept(cli: Commands, config: str) -> None:
    run = ("train", config, "-q", "-o", "m.npz", "--set", "training.record_steps=true")
    assert cli(*run).code == 0
    model = nnfit.load("m.npz")
    assert model.steps is not None
    assert model.steps.per_epoch == 5  # of 36 rows by 8; each member has 24, in 3
    assert len(model.steps.losses) == 5 * model.training["epochs"]


@pytest.mark.parametrize("name", ["price", "pair"])
def test_of_a_regression(cli: Commands, folder: Path, name: str, request: Any) -> None:
    request.getfixturevalue(name)
    target = "price" if name == "price" else ["north", "south"]
    tree = {
        "data": {"target": target, "validation": "folds"},
        "model": {"members": 2, "hidden_sizes": [4]},
        "training": {"epochs": 3, "refit": True},
    }
    model = nnfit.train(tree, pd.read_csv(f"{name}.csv"))
    members = nnfit.train({**tree, "training": {"epochs": 3}}, pd.read_csv(f"{name}.csv"))
    assert (model.network.members, members.network.members) == (1, 2)
    assert model.metrics["validation"] == members.metrics["validation"]
    assert model.metrics["train"] != members.metrics["train"]
