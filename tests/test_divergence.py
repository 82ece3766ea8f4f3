"""A loss that diverges: what is told, what is kept, and what a rollback does.

That a run which rolled back can be resumed is tested in `test_run_checkpoint`.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from loops import make_fit

import nnfit
from nnfit.config.reading import load_config
from nnfit.errors import ExitCode, Interrupted, TrainingError
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.observer import EpochRecord, Observer
from nnfit.run.run import train_run
from nnfit.training import fit as loop
from nnfit.training import judge
from nnfit.training.divergence import Diverged, epochs_to_stay, is_high
from nnfit.training.examples import network_rows
from nnfit.training.fit import Fit
from nnfit.training.state import Settings, roll_back
from nnfit.training.stop import StopRequest

if TYPE_CHECKING:
    from conftest import Commands, Example

ADVICE = "try a smaller optimizer.learning_rate, or set optimizer.clip_norm"
ROLLBACK = ("--set", "training.on_divergence=rollback")


class Listener(Observer):
    """Keeps the warnings and the records."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.records: list[EpochRecord] = []

    def warning(self, text: str) -> None:
        self.said.append(text)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self.records.append(record)


def make_run(
    rollback: bool,
    validation: bool,
    optimizer: str = "sgd",
    learning_rate: float = 0.1,
    epochs: int = 12,
    stop: StopRequest | None = None,
) -> Fit:
    """Return a run of one weight, w, on x = 1, y = 1, from w = 0."""
    network = Network(Architecture((1, 1), (), "mse", bias=False), np.float64)
    ones = np.ones((1, 1))
    rows = network_rows(ones, ones, None, network)
    return make_fit(
        network,
        make_optimizer(optimizer, network.is_weight),
        Settings(epochs=epochs, batch_size=1, learning_rate=learning_rate, rollback=rollback),
        rows,
        rows if validation else None,
        observer=Listener(),
        stop=stop,
    )


def play(fit: Fit, losses: list[float], monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Let the epochs have these training losses; the weights at their ends are 1, 2, 3, …"""
    script, weight = iter(losses), iter(range(1, 1000))

    def epoch(self: Fit, number: int) -> float:
        fit.state.parameters[0] = next(weight)
        return next(script)

    monkeypatch.setattr(loop.Fit, "_train_epoch", epoch)
    monkeypatch.setattr(loop, "epochs_to_stay", lambda steps: 3)
    assert isinstance(fit.observer, Listener)
    return fit.observer


# what divergence is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "lowest", "first", "high"),
    [
        (1.5, 0.001, 1.0, True),
        (0.9, 0.0001, 1.0, False),  # no worse than in the first epoch
        (5.0, 0.01, 1.0, False),  # by less than a factor of a thousand
        (1e-10, 0.0, 0.0, False),  # next to nothing is not much more than nothing
        (1.0, 0.0, 0.0, True),
        (0.5, -1.0, 0.3, False),  # of a log-likelihood there are no multiples
        (1300.0, -1.0, 0.3, True),
        (900.0, -0.5, -0.5, False),  # nor where the first epoch was the lowest
        (1000.0, -0.5, -0.5, True),
    ],
)
def test_high_is_far_above_the_lowest_and_above_the_first(
    loss: float, lowest: float, first: float, high: bool
) -> None:
    assert is_high(loss, lowest, first) is high


def test_it_stays_for_three_epochs_and_a_hundred_steps() -> None:
    assert [epochs_to_stay(steps) for steps in (1, 7, 33, 34, 50, 10**6)] == [100, 15, 4, 3, 3, 3]


def test_a_loss_that_grew_and_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = make_run(rollback=False, validation=False)
    heard = play(fit, [1.0, 0.001, 2.0, 2.0, 0.5, 2.0, 3.0, 4.0], monkeypatch)
    with pytest.raises(TrainingError) as caught:
        fit.run()
    assert str(caught.value) == (
        "loss grew from 0.001 to 4 and stays there in epoch 8, step 1 (learning_rate=0.1); "
        f"{ADVICE} or training.on_divergence: rollback"
    )
    assert caught.value.exit_code is ExitCode.FAILED
    assert len(heard.records) == 8 and heard.said == []  # a spike passes


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_a_run_that_wanders_is_left_alone(optimizer: str) -> None:
    """Train far too fast, but not so fast that the weights run away."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["u", "v", "w"])
    frame["y"] = np.sin(frame["u"]) + frame["v"] * frame["w"]
    config = {
        "data": {"target": "y"},
        "model": {"hidden_sizes": [16]},
        "optimizer": {"name": optimizer, "learning_rate": 0.2, "clip_norm": 1.0},
        "training": {"epochs": 60, "on_divergence": "stop"},
    }
    losses = nnfit.train(config, frame).history["train_loss"]
    assert np.isfinite(losses).all() and (np.diff(losses) > 0).sum() > 5


def test_weights_that_make_a_sum_overflow_are_divergence() -> None:
    network = Network(Architecture((1, 1), (), "mse", bias=False), np.float32)
    X = np.ones((3, 1))
    rows = network_rows(X, 1e19 * X, None, network)
    rows = replace(rows, weights=np.full(3, 1e3, np.float32))
    settings = Settings(epochs=1, batch_size=3, learning_rate=0.1)
    # each loss is finite, their weighted sum is not
    fit = make_fit(network, make_optimizer("sgd", network.is_weight), settings, rows)
    with pytest.raises(TrainingError, match="^loss became inf in epoch 1, step 1 "):
        fit.run()


def test_windows_whose_sum_overflows_are_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    """No epoch is noted with a loss that no model file may hold."""
    monkeypatch.setattr("nnfit.training.state.WINDOW_BYTES", 1)
    network = Network(Architecture((1, 1), (), "mse", bias=False), np.float64)
    rows = network_rows(np.ones((2, 1)), np.full((2, 1), 1e154), None, network)
    settings = Settings(epochs=1, batch_size=1, learning_rate=1e-300)
    fit = make_fit(network, make_optimizer("sgd", network.is_weight), settings, rows)
    with pytest.raises(TrainingError, match="^loss became inf in epoch 1, step 2 "):
        fit.run()


# rolling back ----------------------------------------------------------------------------------


def test_a_rollback_goes_to_the_best_weights_with_half_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = make_run(rollback=True, validation=True, epochs=7)
    validation = iter([0.5, 0.4, 0.3, 0.9, 0.9, 0.9, 0.2])
    monkeypatch.setattr(judge, "weighted_mean", lambda *args: next(validation))
    heard = play(fit, [1.0, 0.001, 0.001, 2.0, 2.0, 2.0, 0.001], monkeypatch)
    result = fit.run()
    assert heard.said == [
        "loss grew from 0.001 to 2 and stays there in epoch 6, step 1 (learning_rate=0.1); "
        "going back to the weights of epoch 3 with half the learning rate (1 of 5)"
    ]
    assert (len(result.records), result.best_epoch, result.failure) == (7, 7, None)
    assert fit.state.progress.rollbacks == [6]


def test_without_validation_it_goes_to_where_the_lowest_epoch_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights are as good as the epoch that they began, not as the one that they ended."""
    fit = make_run(rollback=True, validation=False, epochs=6)
    heard = play(fit, [1.0, 0.1, 0.001, 2.0, 2.0, 2.0], monkeypatch)
    result = fit.run()
    assert "going back to the weights of epoch 2 with half" in heard.said[0]
    # the run is over: what it went back to is what it keeps
    assert (len(result.records), result.best_epoch) == (6, 2)
    assert fit.state.parameters[0] == 2.0


def test_a_rollback_halves_the_rate_and_forgets_the_moments() -> None:
    """A rate of 1.6 takes w from 0 to 3.2, 1 - 2.2², …; half of it, 0.8, comes to 1."""
    fit = make_run(rollback=True, validation=True, learning_rate=1.6, epochs=1000)
    result = fit.run()
    heard = fit.observer
    assert isinstance(heard, Listener)
    (said,) = heard.said
    assert "going back to the initial weights" in said or "of epoch" in said
    rates = {record.learning_rate for record in result.records}
    assert rates == {1.6, 0.8}
    assert fit.state.parameters[0] == pytest.approx(1.0, rel=1e-9)
    momentum = make_run(rollback=True, validation=True, optimizer="adam", epochs=3)
    momentum.run()
    t, M = momentum.state.optimizers[0].t, momentum.state.optimizers[0].state["M"].copy()
    assert t == 3 and M.any()
    assert roll_back(momentum.state, Diverged("loss became nan", 3, 1, 0.1), Observer()) is None
    assert momentum.state.optimizers[0].t == 0
    assert not any(moment.any() for moment in momentum.state.optimizers[0].state.values())


def test_after_five_rollbacks_the_run_ends_with_what_was_best() -> None:
    fit = make_run(rollback=True, validation=True, learning_rate=1e200)
    result = fit.run()
    assert str(result.failure) == (
        "validation loss became inf in epoch 1, step 1 (learning_rate=3.125e+198) "
        f"after 5 rollbacks; {ADVICE}"
    )
    assert isinstance(fit.observer, Listener)
    assert [said[-8:] for said in fit.observer.said] == [f"({n} of 5)" for n in range(1, 6)]
    assert (result.best_epoch, result.interrupted, result.stopped_early) == (0, False, False)
    assert fit.state.parameters[0] == 0.0


def test_a_run_stopped_with_the_initial_weights_gives_no_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20), "y": np.linspace(1.0, 2.5, 20)})
    file = load_config(
        {"data": {"target": "y", "validation": 0}, "training": {"on_divergence": "rollback"}},
        (),
        "-",
    )
    stop = StopRequest()

    class Stopper(Observer):
        def warning(self, text: str) -> None:
            stop.signal = 2

    script = iter([1e-9, 2.0, 2.0, 2.0])
    original = loop.Fit._train_epoch
    monkeypatch.setattr(loop, "epochs_to_stay", lambda steps: 3)
    monkeypatch.setattr(
        loop.Fit,
        "_train_epoch",
        lambda self, epoch: original(self, epoch) and next(script),
    )
    with pytest.raises(Interrupted) as caught:
        train_run(file, frame, stop=stop, observer=Stopper())
    assert str(caught.value) == "stopped with the initial weights; no model was written"


# from outside ----------------------------------------------------------------------------------

WILD = ("--set", "optimizer.name=sgd", "--set", "model.hidden_sizes=[]")


def test_a_rollback_saves_a_run_and_the_history_shows_it(cli: Commands, price: Example) -> None:
    fast = (*WILD, "--set", "optimizer.learning_rate=3")
    stopped = cli("train", "price.yaml", "-q", *fast)
    assert (stopped.code, stopped.out) == (1, "")
    assert Path("price.npz").read_bytes() == price.npz
    assert stopped.err.startswith("nnfit: error: ") and stopped.err.count("\n") == 1
    assert stopped.err.endswith(f"{ADVICE} or training.on_divergence: rollback\n")
    result = cli("train", "price.yaml", "-q", *fast, *ROLLBACK)
    assert (result.code, result.out) == (0, "price.npz\n")
    lines = result.err.splitlines()
    assert lines and all(line.startswith("nnfit: warning: ") for line in lines)
    assert f"({len(lines)} of 5)" in lines[-1]
    with np.load("price.npz") as arrays:
        rates = arrays["history_learning_rate"]
        meta = json.loads(arrays["meta"].tobytes())
    assert rates[-1] == 3.0 / 2 ** len(lines)
    assert meta["config"]["training"]["on_divergence"] == "rollback"
    again = cli("train", "price.yaml", "-q", *fast, *ROLLBACK, "-o", "again.npz")
    assert again.code == 0
    assert Path("again.npz").read_bytes() == Path("price.npz").read_bytes()


def test_rolled_back_in_vain_the_best_weights_are_kept(
    cli: Commands, price: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [0]
    original = judge.weighted_mean

    def weighted_mean(*args: Any) -> float:
        calls[0] += 1
        return original(*args) if calls[0] < 3 else math.nan

    monkeypatch.setattr(judge, "weighted_mean", weighted_mean)
    result = cli("train", "price.yaml", *ROLLBACK)
    assert (result.code, result.out) == (1, "price.npz\n")
    assert "2 of 60, diverged; best epoch 2" in result.err
    assert result.err.splitlines()[-1] == (
        "nnfit: error: validation loss became nan in epoch 3, step 2 (learning_rate=0.0015625) "
        f"after 5 rollbacks; {ADVICE}; price.npz has the weights of epoch 2"
    )
    assert nnfit.load("price.npz").training["best_epoch"] == 2


def test_python_gets_the_error_and_no_model(
    price: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_csv(io.StringIO(price.csv))
    config = {
        "data": {"target": "price"},
        "optimizer": {"name": "sgd", "learning_rate": 1e36},
        "training": {"on_divergence": "rollback", "epochs": 5},
    }
    with pytest.raises(TrainingError, match="after 5 rollbacks"):
        nnfit.train(config, frame)
    calls = [0]
    original = judge.weighted_mean

    def weighted_mean(*args: Any) -> float:
        calls[0] += 1
        return original(*args) if calls[0] < 3 else math.nan

    monkeypatch.setattr(judge, "weighted_mean", weighted_mean)
    config["optimizer"] = {}
    with pytest.raises(TrainingError, match="after 5 rollbacks"):
        nnfit.train(config, frame)
