"""Large batches in blocks and on several threads: the same gradient as in one piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnfit.config.reading import load_config
from nnfit.nn.network import Architecture, Network
from nnfit.observer import Observer
from nnfit.run.run import train_run
from nnfit.training import gradients as shards_module
from nnfit.training.examples import Examples
from nnfit.training.gradients import Shards, n_shards


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_batch_in_one_piece(
    n_threads: int, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "BLOCK_BYTES", 0)  # blocks of 256 rows, the least
    rng = np.random.default_rng(5)
    network = Network(Architecture((3, 8, 2), ("tanh",), "cross_entropy", l2=0.1))
    network.initialize("auto", rng)
    rows = np.ones((1001, 4))
    rows[:, :3] = rng.normal(size=(1001, 3))
    Y = np.eye(2)[rng.integers(2, size=1001)]
    s = rng.uniform(0.0, 2.0, 1001)
    share = s / s.sum() if weighted else 1.0 / 1001
    ws = network.workspace(1001)
    ws.take(rows, Y)
    z = network.differentiate(ws, share).copy()
    network.add_penalty()
    expected = network.gradient.flat.copy()
    batch = Examples(rows, Y, s / s.mean() if weighted else None)
    with Shards(network, 4, n_threads=n_threads, probe=True, observer=Observer()) as shards:
        for _ in range(8):  # nothing is left over from the first time, or from the probes
            logits = shards.differentiate(batch)
            np.testing.assert_allclose(network.gradient.flat, expected, rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(logits, z, rtol=1e-12)


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(6)
    rows = np.ones((5000, 4), np.float32)
    rows[:, :3] = rng.normal(size=(5000, 3))
    Y = rng.normal(size=(5000, 1)).astype(np.float32)
    network = Network(Architecture((3, 8, 1), ("relu",), "mse"), np.float32)
    network.initialize("auto", rng)
    gradients = []
    for n_threads in (1, 2, 4, 7):
        with Shards(network, 4, n_threads=n_threads, probe=True, observer=Observer()) as shards:
            shards.differentiate(Examples(rows, Y))
        gradients.append(network.gradient.flat.copy())
    assert np.abs(gradients[0]).min() > 0.0
    for gradient in gradients[1:]:
        np.testing.assert_array_equal(gradient, gradients[0])


def test_the_number_of_shards_follows_from_the_sizes() -> None:
    small = Architecture((3, 8, 2), ("tanh",), "cross_entropy")
    large = Architecture((784, 2048, 2048, 10), ("relu", "relu"), "cross_entropy")
    dropout = Architecture((3, 8, 2), ("tanh",), "cross_entropy", dropout=0.1)
    assert [n_shards(small, n) for n in (32, 4095, 4096, 10**6)] == [1, 1, 4, 4]
    assert [n_shards(large, n) for n in (256, 511, 512, 4096)] == [1, 1, 2, 4]
    assert n_shards(dropout, 10**6) == 1


def test_of_rows_that_all_weigh_zero_the_penalty_is_left() -> None:
    network = Network(Architecture((1, 1), (), "mse", l2=0.5))
    network.parameters.flat[:] = network.gradient.flat[:] = 7.0
    rows = Examples(np.ones((8, 2)), np.ones((8, 1)), np.zeros(8))
    with Shards(network, 2, n_threads=1, probe=False, observer=Observer()) as shards:
        shards.differentiate(rows)
    assert network.gradient.flat.tolist() == [3.5, 0.0]  # l2 W, and none on b


class _Heard(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("together, chosen", [(0.003, 2), (0.007, 1)])
def test_the_probe_keeps_the_faster_and_says_so(
    monkeypatch: pytest.MonkeyPatch, together: float, chosen: int
) -> None:
    network = Network(Architecture((1, 1), (), "mse"))
    rows, Y, heard = np.ones((8, 2)), np.ones((8, 1)), _Heard()
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.005 if shards._alone else together
        return now

    with Shards(network, 2, n_threads=2, probe=True, observer=heard) as shards:
        monkeypatch.setattr(shards_module.time, "perf_counter", clock)
        for _ in range(12):
            shards.differentiate(Examples(rows, Y))
        monkeypatch.undo()
    took = f"(a step takes 5 ms on 1, {together * 1e3:.3g} ms on 2)"
    assert heard.notes == [f"threads: {chosen} {took}"]
    assert shards._alone == (chosen == 1)


def test_a_run_on_a_large_batch_learns_and_repeats(folder: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=6000)
    frame = pd.DataFrame({"x": x, "y": 3.0 * x + 1.0})
    config = {
        "data": {"path": "-", "target": "y", "validation": 0},
        "model": {"hidden_sizes": []},
        "optimizer": {"name": "sgd", "learning_rate": 0.4, "l2": 0.001},
        "training": {"epochs": 40, "batch_size": "full"},
    }
    runs = [train_run(load_config(config), frame) for _ in range(2)]
    assert runs[0].model.metrics["train"]["rmse"] < 0.02  # the target's spread is 3
    first, second = (run.model.network.parameters.flat for run in runs)
    np.testing.assert_array_equal(first, second)
