"""The trajectory of the parameters that a run keeps when asked to."""

from __future__ import annotations

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
