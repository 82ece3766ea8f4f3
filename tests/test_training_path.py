"""The path of the parameters that a run keeps when asked to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.training import path as path_module
from nnfit.training.path import MAX_POINTS, PathKeeper

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


def test_keeping_the_path_changes_no_weight() -> None:
    with_path, without = trained(True), trained(False)
    np.testing.assert_array_equal(
        with_path.network.parameters.flat, without.network.parameters.flat
    )
    assert without.path is None


def test_the_path_has_the_start_and_every_epoch() -> None:
    path = trained(True).path
    assert path is not None
    np.testing.assert_array_equal(path.epochs, range(7))
    for epochs in (1, 4):  # a shorter run is the beginning of a longer one
        shorter = trained(True, epochs).path
        assert shorter is not None
        np.testing.assert_array_equal(shorter.parameters, path.parameters[: epochs + 1])


def test_the_path_goes_on_beyond_the_best_epoch() -> None:
    model = trained(True, 200, patience=3)
    assert model.path is not None and model.training["stopped_early"]
    best, last = model.training["best_epoch"], model.training["epochs"]
    assert model.path.epochs[-1] == last > best
    np.testing.assert_array_equal(model.path.parameters[best], model.network.parameters.flat)


@pytest.mark.parametrize("epochs", [1, 2, 199, 200, 201, 1000, 1999])
def test_long_paths_are_thinned_evenly(epochs: int) -> None:
    keeper = PathKeeper(epochs, 8)
    for epoch in range(epochs + 1):
        keeper.keep(epoch, np.array([float(epoch)]))
    path = keeper.path()
    assert path.epochs[0] == 0 and path.epochs[-1] == epochs
    assert len(path.epochs) <= MAX_POINTS + 2
    assert len(path.epochs) > min(epochs, MAX_POINTS / 2)
    assert len(set(np.diff(path.epochs)[:-1])) <= 1
    np.testing.assert_array_equal(path.parameters[:, 0], path.epochs)


def test_networks_of_many_parameters_keep_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_module, "MAX_BYTES", 80)
    keeper = PathKeeper(100, 8)
    for epoch in range(101):
        keeper.keep(epoch, np.zeros(1))
    assert keeper.epochs == list(range(0, 101, 10))
