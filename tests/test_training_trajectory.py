"""The trajectory of the parameters, and the losses of steps, that a run keeps when asked to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.training import history as trajectory_module
from nnfit.training.history import MAX_POINTS, TrajectoryKeeper

TABLE = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40.0) ** 2})


def trained(keep: bool, epochs: int = 6, **training: object) -> nnfit.Model:
    return nnfit.train(
        {
            "data": {"target": "y"},
            "model": {"hidden_sizes": [3], "dropout": 0.2},
            "optimizer": {"learning_rate": 0.3},
            "training": {"epochs": epochs, "keep_path": keep, **training},
        },
        TABLE,
    )


def test_keeping_the_trajectory_changes_no_weight() -> None:
    kept, without = trained(True), trained(False)
    np.testing.assert_array_equal(kept.network.parameters.flat, without.network.parameters.flat)
    assert without.trajectory is None


def test_the_trajectory_has_the_start_and_every_epoch() -> None:
    trajectory = trained(True).trajectory
    assert trajectory is not None
    np.testing.assert_array_equal(trajectory.epochs, range(7))
    for epochs in (1, 4):  # a shorter run is the beginning of a longer one
        shorter = trained(True, epochs).trajectory
        assert shorter is not None
        np.testing.assert_array_equal(shorter.parameters, trajectory.parameters[: epochs + 1])


def test_the_trajectory_goes_on_beyond_the_best_epoch() -> None:
    model = trained(True, 200, patience=3)
    trajectory = model.trajectory
    assert trajectory is not None and model.training["stopped_early"]
    best, last = model.training["best_epoch"], model.training["epochs"]
    assert trajectory.epochs[-1] == last > best
    np.testing.assert_array_equal(trajectory.parameters[best], model.network.parameters.flat)


@pytest.mark.parametrize("epochs", [1, 2, 199, 200, 201, 1000, 1999])
def test_long_trajectories_are_thinned_evenly(epochs: int) -> None:
    keeper = TrajectoryKeeper(epochs, 8)
    for epoch in range(epochs + 1):
        keeper.add(epoch, np.array([float(epoch)]))
    kept = keeper.trajectory()
    assert kept.epochs[0] == 0 and kept.epochs[-1] == epochs
    assert len(kept.epochs) <= MAX_POINTS + 2
    assert len(kept.epochs) > min(epochs, MAX_POINTS / 2)
    assert len(set(np.diff(kept.epochs)[:-1])) <= 1
    np.testing.assert_array_equal(kept.parameters[:, 0], kept.epochs)


def test_networks_of_many_parameters_keep_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectory_module, "MAX_BYTES", 80)
    keeper = TrajectoryKeeper(100, 8)
    for epoch in range(101):
        keeper.add(epoch, np.zeros(1))
    assert keeper.epochs == list(range(0, 101, 10))


# the losses of steps --------------------------------------------------------------------------


def recorded(**sections: Any) -> nnfit.Model:
    """Return a linear predictor of 40 rows as they are, trained by plain descent."""
    config = {
        "data": {"target": "y", "validation": 0, **sections.pop("data", {})},
        "preprocessing": {"target": "none"},
        "model": {"hidden_sizes": []},
        "optimizer": {"name": "sgd", "learning_rate": 1e-3},
        "training": {"record_steps": True, "dtype": "float64", "keep_path": True}
        | sections.pop("training", {}),
    }
    return nnfit.train(config, sections.pop("table", TABLE))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_steps_loss_is_its_minibatchs_before_the_step(weighted: bool) -> None:
    """With all rows in each step: the mean of s (w x + b - y)^2 / mean(s), at the path's points."""
    table = TABLE.assign(s=np.linspace(0.5, 2.0, len(TABLE)))
    data = {"weight": "s" if weighted else None, "exclude": [] if weighted else ["s"]}
    model = recorded(data=data, table=table, training={"epochs": 5, "batch_size": "full"})
    assert model.steps is not None and model.trajectory is not None
    assert model.steps.per_epoch == 1
    x = (table["x"] - table["x"].mean()) / table["x"].std(ddof=0)
    s = table["s"] / table["s"].mean() if weighted else 1.0
    for (w, b), found in zip(model.trajectory.parameters, model.steps.losses, strict=False):
        assert found == pytest.approx((s * (w * x + b - table["y"]) ** 2).mean(), rel=1e-9)
    np.testing.assert_allclose(model.steps.losses, model.history["train_loss"], rtol=1e-12)


def test_the_steps_of_an_epoch_are_its_loss_in_the_mean() -> None:
    model = recorded(training={"epochs": 4, "batch_size": 16})
    assert model.steps is not None
    losses, rows = model.steps.losses.reshape(4, 3), [16, 16, 8]
    np.testing.assert_allclose(losses @ rows / 40, model.history["train_loss"], rtol=1e-12)
    assert np.ptp(losses, axis=1).min() > 0.0


def test_recording_steps_changes_no_weight_and_only_the_first_ones_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = recorded(training={"epochs": 4, "batch_size": 8})
    without = recorded(training={"epochs": 4, "batch_size": 8, "record_steps": False})
    assert everything.steps is not None and without.steps is None
    own = everything.network.parameters.flat
    np.testing.assert_array_equal(own, without.network.parameters.flat)
    monkeypatch.setattr(trajectory_module, "MAX_STEPS", 7)
    some = recorded(training={"epochs": 4, "batch_size": 8}).steps
    assert some is not None
    np.testing.assert_array_equal(some.losses, everything.steps.losses[:7])
