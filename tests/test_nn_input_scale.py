"""A learned scale of the inputs beside its formulas, and what else a published recipe asks for."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import nnfit
from nnfit.config.reading import load_config
from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.making import make_picture
from nnfit.nn.losses import smoothed
from nnfit.nn.network import Architecture, Network
from nnfit.observer import EpochRecord, Observer
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.run import train_run
from nnfit.training.stop import StopRequest

Array = NDArray[Any]
N = 9


def _network(scaled: bool = True, **more: Any) -> Network:
    sizes, names = (3, 5, 4, 2), ("tanh", "silu")
    return Network(Architecture(sizes, names, "mse", input_scale=scaled, **more))


def _rows(network: Network) -> Any:
    rng = np.random.default_rng(8)
    ws = network.workspace(N)
    ws.load(rng.normal(size=(N, 3)), rng.normal(size=(N, 2)))
    return ws


def _silu(z: Array) -> Array:
    return np.asarray(z / (1.0 + np.exp(-z)))


def _derivative(f: Callable[[Array], Array], z: Array) -> Array:
    return np.asarray(f(z + 1e-30j).imag / 1e-30)


def test_at_first_the_network_is_the_one_without_it() -> None:
    plain, scaled = _network(False), _network()
    for network in (plain, scaled):
        network.initialize("auto", np.random.default_rng(2))
    p = scaled.parameters
    assert p.s[0].tolist() == [1.0] * 3 and plain.parameters.s == []
    np.testing.assert_array_equal(p.flat[:-3], plain.parameters.flat)  # the same W and b
    losses = [network.loss_and_gradient(_rows(network), 1.0 / N) for network in (plain, scaled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-14)
    for name, gradient in plain.gradient.named.items():
        np.testing.assert_allclose(scaled.gradient.named[name], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_passes_are_the_formulas(dropout: float) -> None:
    network = _network(dropout=dropout)
    rng = np.random.default_rng(5)
    p = network.parameters
    p.flat[:] = rng.normal(0.0, 0.8, p.flat.size)
    p.s[0][1] = 0.0  # an input that counts no more still has a derivative
    ws, masked = _rows(network), dropout > 0.0
    masks = [np.ones((5, N)), np.ones((4, N))]
    if masked:
        network.draw_dropout(ws, rng)
        masks = [mask.copy() for mask in ws.masks]
    x, Y = ws.a[0][:3].copy(), ws.Y.copy()
    network.loss_and_gradient(ws, 1.0 / N, masked)
    (W1, W2, W3), (b1, b2, b3), (s,) = p.W, p.b, p.s
    z1 = W1 @ (s[:, None] * x) + b1[:, None]
    v1 = np.tanh(z1) * masks[0]
    z2 = W2 @ v1 + b2[:, None]
    v2 = _silu(z2) * masks[1]
    delta3 = 2.0 * (W3 @ v2 + b3[:, None] - Y) / (2 * N)
    delta2 = W3.T @ delta3 * masks[1] * _derivative(_silu, z2)
    delta1 = W2.T @ delta2 * masks[0] * _derivative(np.tanh, z1)
    g0 = W1.T @ delta1
    expected = {
        "s": (g0 * x).sum(1), "W1": delta1 @ (s[:, None] * x).T, "b1": delta1.sum(1),
        "W2": delta2 @ v1.T, "b2": delta2.sum(1), "W3": delta3 @ v2.T, "b3": delta3.sum(1),
    }  # fmt: skip
    assert list(network.gradient.named) == list(expected)
    for name, gradient in expected.items():
        np.testing.assert_allclose(network.gradient.named[name], gradient, rtol=1e-10, atol=1e-14)
    dx = network.input_gradient(ws)
    np.testing.assert_allclose(dx, s[:, None] * g0, rtol=1e-10, atol=1e-14)


def test_no_penalty_and_no_decay_touches_it() -> None:
    network = _network(l2=0.5)
    groups = {block.name: block.group for block in network.architecture.layout.blocks}
    assert (groups["s"], groups["W1"], groups["b2"]) == ("scale", "weight", "bias")
    network.parameters.flat[:] = 3.0
    network.gradient.flat[:] = 0.0
    network.add_penalty()
    for name, gradient in network.gradient.named.items():
        assert (gradient == (1.5 if name[0] == "W" else 0.0)).all()
    assert network.penalty() == 0.25 * 9.0 * sum(W.size for W in network.parameters.W)


def test_initial_biases_are_normal_in_hidden_layers_and_the_last_weights_0() -> None:
    sizes = (3, 4000, 4000, 2)
    network = Network(Architecture(sizes, ("relu", "relu"), "mse"), np.float32)
    network.initialize("zeros", np.random.default_rng(1), bias="normal")
    for b in network.parameters.b[:2]:
        assert (b.mean(), b.std()) == pytest.approx((0.0, 1.0), abs=0.06)
    assert not network.parameters.b[2].any()
    plain, zeros = _network(False), _network(False)
    plain.initialize("auto", np.random.default_rng(1))
    zeros.initialize("auto", np.random.default_rng(1), output="zeros")
    for i, (W, of_zeros) in enumerate(zip(plain.parameters.W, zeros.parameters.W, strict=True)):
        np.testing.assert_array_equal(of_zeros, W if i < 2 else np.zeros_like(W))


def test_smoothed_labels() -> None:
    assert smoothed(np.array([[1.0], [0.0]]), 0.2).tolist() == [[0.9], [0.1]]  # of two classes
    np.testing.assert_allclose(smoothed(np.eye(4), 0.1), 0.9 * np.eye(4) + 0.025, rtol=1e-15)
    assert smoothed(np.eye(3, dtype=np.float32), 0.1).dtype == np.float32


RECIPE = {
    "model": {
        "hidden_sizes": [6, 4], "activation": "mish", "dropout": 0.1, "parametrization": "ntk",
        "input_scale": True, "bias_initialization": "normal", "output_initialization": "zeros",
    },
    "optimizer": {
        "betas": [0.9, 0.95], "bias_rate": 0.1, "scale_rate": 6, "schedule": "coslog4",
        "learning_rate": 0.04, "weight_decay": 0.02,
    },
    "training": {"label_smoothing": 0.1, "epochs": 5},
}  # fmt: skip


def _table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    return frame.assign(kind=np.where(frame.a * frame.b > 0.0, "yes", "no"))


def test_all_of_it_trains_and_is_kept_in_the_file(tmp_path: Any) -> None:
    model = nnfit.train({"data": {"target": "kind"}, **RECIPE}, _table())
    assert model.network.architecture.input_scale
    assert (model.network.parameters.s[0] != 1.0).all()
    model.save(tmp_path / "m.npz")
    again = nnfit.load(tmp_path / "m.npz")
    assert again.to_bytes() == model.to_bytes()
    np.testing.assert_array_equal(again.predict_proba(_table()), model.predict_proba(_table()))


class _StopsIn(Observer):
    """Stops the run at the end of an epoch, as a signal would."""

    def __init__(self, epoch: int) -> None:
        self.at, self.stop = epoch, StopRequest()

    def epoch(self, record: EpochRecord, is_best: bool) -> None:
        if record.epoch == self.at:
            self.stop.signal = signal.SIGINT


def test_stopped_and_resumed_it_ends_with_the_same_bytes(folder: Path) -> None:
    file = load_config({"data": {"target": "kind", "path": "-"}, **RECIPE})
    expected = train_run(file, _table()).model.to_bytes()
    for last in (3, 0):  # stopped after that epoch; the second run ends
        observer = _StopsIn(last)
        with Checkpoint("m.npz", last == 0, Observer()) as checkpoint:
            run = train_run(
                file, _table(), observer=observer, stop=observer.stop, checkpoint=checkpoint
            )
        assert len(run.model.history["epoch"]) == (last or 5)
    assert run.model.to_bytes() == expected


def test_only_training_rows_are_smoothed() -> None:
    """With weights that stay 0 each class has probability 1/2, and every loss is known."""
    still = {
        "data": {"target": "kind"}, "model": {"hidden_sizes": [], "initialization": "zeros"},
        "optimizer": {"learning_rate": 1e-30},
    }  # fmt: skip
    of = {}
    for smoothing in (0.0, 0.5):
        training = {"epochs": 1, "label_smoothing": smoothing, "dtype": "float64"}
        of[smoothing] = nnfit.train({**still, "training": training}, _table())
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(of[0.5].history[name], np.log(2.0), rtol=1e-12)
    fast = {**still, "optimizer": {"learning_rate": 0.5}}
    for smoothing in (0.0, 0.9):
        training = {"epochs": 60, "label_smoothing": smoothing, "dtype": "float64"}
        of[smoothing] = nnfit.train({**fast, "training": training}, _table().assign(c=lambda f: (
            f.kind == "yes") * 1.0))  # fmt: skip
    # nearly all of the label shared: trained towards 1/2 +- 0.05, but judged by the label itself
    assert of[0.9].history["train_loss"][-1] > 0.68
    assert of[0.9].history["validation_loss"][-1] < 0.66
    assert of[0.9].metrics["train"]["log_loss"] < 0.66
    assert of[0.0].history["train_loss"][-1] < 0.1


def test_pictures_of_W_say_what_they_leave_out() -> None:
    model = nnfit.train({"data": {"target": "kind"}, **RECIPE}, _table())
    for kind in ("weights", "network"):
        heard: list[str] = []
        observer = Observer()
        observer.note = heard.append  # type: ignore[method-assign]
        make_picture(kind, [("m.npz", model)], None, Options(), observer)
        assert heard[-1] == "W is drawn as it is, without the scale s of the inputs"


def test_defaults_written_out_leave_no_trace_in_the_file() -> None:
    written = {
        "model": {
            "parametrization": "standard", "input_scale": False, "bias_initialization": "zeros",
            "output_initialization": "auto",
        },
        "optimizer": {"betas": [0.9, 0.999], "bias_rate": 1, "scale_rate": 1.0},
        "training": {"label_smoothing": 0, "epochs": 2},
    }  # fmt: skip
    data = {"data": {"target": "kind"}}
    plain = nnfit.train({**data, "training": {"epochs": 2}}, _table())
    assert nnfit.train({**data, **written}, _table()).to_bytes() == plain.to_bytes()
    for section, keys in written.items():
        assert not set(keys) - {"epochs"} & set(plain.config[section])
