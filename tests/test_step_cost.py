"""What a training step costs, in calls and in memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from loops import make_fit
from numpy.typing import NDArray

from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import SWEEP_STEPS, make_optimizer
from nnfit.training.examples import network_rows
from nnfit.training.fit import Fit
from nnfit.training.gradients import Alone
from nnfit.training.learners import StepByStep
from nnfit.training.state import Settings

Array = NDArray[Any]

TINY = (Architecture((2, 16, 1), ("relu",), "binary_cross_entropy"), 32)


def _fit(architecture: Architecture, batch_size: int, steps: int, optimizer: str = "adam") -> Fit:
    rng = np.random.default_rng(0)
    network = Network(architecture, np.float32)
    network.initialize("auto", rng)
    n, K = steps * batch_size, architecture.sizes[-1]
    Y = np.eye(K)[rng.integers(K, size=n)] if K > 1 else rng.integers(2, size=(n, 1)) * 1.0
    rows = network_rows(rng.normal(size=(n, architecture.sizes[0])), Y, None, network)
    settings = Settings(epochs=10, batch_size=batch_size, learning_rate=1e-3)
    return make_fit(network, make_optimizer(optimizer, network.is_weight), settings, rows)


class _Counting(np.ndarray[Any, Any]):
    """An array that counts the NumPy functions that it meets, and leaves others that count."""

    calls = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keys: Any) -> Any:
        return self._call(getattr(ufunc, method), inputs, keys)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(func, args, kwargs)

    def _call(self, func: Any, inputs: Any, keys: Any) -> Any:
        _Counting.calls += 1
        out = keys.get("out")
        plain = {**keys, "out": _plain(out[0] if isinstance(out, tuple) else out)}
        func(*map(_plain, inputs), **(plain if out is not None else keys))
        return out[0] if isinstance(out, tuple) else out


def _plain(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, _Counting) else x


def test_a_tiny_step_makes_at_most_25_numpy_calls() -> None:
    architecture, batch_size = TINY
    fit = _fit(architecture, batch_size, steps=10)
    window = fit._windows.gather(fit.state.shuffling.permutation(len(fit.train)), 0)
    logits = np.empty_like(window.Y.T)
    network, (learner, _) = fit.network, fit.learners.each[0]
    assert isinstance(learner, StepByStep)
    optimizer = learner.optimizer
    ws = network.workspace(batch_size)
    for arrays in (ws.z, ws.active, ws.delta, ws.slope, network.gradient.Wb):
        arrays[:] = [array.view(_Counting) for array in arrays]
    learner.gradient = learner.gradient.view(_Counting)
    optimizer._moments = [[m.view(_Counting) for m in optimizer._moments[0]]]
    _Counting.calls = 0
    assert fit._train_window(1, window, logits)
    assert 15 * 10 < _Counting.calls <= 24 * 10  # and one copy, of the logits
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("name", ["relu", "selu", "gelu", "silu", "mish", "softplus", "sigmoid"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("dropout, scaled", [(0.0, False), (0.3, False), (0.3, True)])
def test_a_step_allocates_no_array(name: str, optimizer: str, dropout: float, scaled: bool) -> None:
    architecture = Architecture(
        (64, 512, 256, 10), (name, name), "cross_entropy", dropout=dropout, input_scale=scaled
    )
    fit = _fit(architecture, 128, steps=6, optimizer=optimizer)
    window = fit._windows.gather(fit.state.shuffling.permutation(len(fit.train)), 0)
    logits = np.empty_like(window.Y.T)
    fit._train_window(1, window, logits)  # the first step makes the workspace
    fit.state.epoch.done = 0  # it may have paused
    fit.state.optimizers[0].t = SWEEP_STEPS - 3  # moments are looked through once
    tracemalloc.start()
    try:
        fit._train_window(1, window, logits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy's buffers (8 to 32 KiB, and three where W is seen without b), rows of the softmax,
    # Python's objects: the smaller of the layers has 128 KiB
    assert peak < (110_000 if scaled else 60_000)


@pytest.mark.parametrize("loss, K", [("cross_entropy", 5), ("mse", 5), ("binary_cross_entropy", 1)])
def test_what_is_learned_by_heart_leaves_no_denormal_number(loss: str, K: int) -> None:
    # such numbers take a hundred times as long, and every product behind them with them
    output = "sigmoid" if K == 1 else "softmax"
    architecture = Architecture((8, 32, 32, 32, K), ("relu",) * 3, loss, output_activation=output)
    network = Network(architecture, np.float32)
    rng = np.random.default_rng(1)
    network.initialize("auto", rng)
    classes = rng.integers(max(K, 2), size=64)
    Y = np.eye(K)[classes] if K > 1 else classes[:, None] * 1.0
    rows = network_rows(rng.normal(size=(64, 8)), Y, None, network)
    learner = StepByStep(Alone(network, rng), make_optimizer("adam", network.is_weight))
    for _ in range(6 * SWEEP_STEPS):
        z = learner.step(rows, 0.01, None)
    network.parameters.Wb[-1] *= 200.0 / (z.max() - z.min())  # as after many more epochs
    for _ in range(SWEEP_STEPS):
        z = learner.step(rows, 1e-4, None)
        deltas = network.workspace(64).delta
        learner.gradients.differentiate(rows)  # the step has used the gradient's memory
        for array in (*deltas, *network.gradient.Wb):
            assert not _denormal(array).any()
    assert z.max() - z.min() > 150.0 and (deltas[-1] == 0.0).any()
    for moment in learner.optimizer.state.values():  # after a sweep
        assert not _denormal(moment).any()


def _denormal(x: Array) -> Array:
    return np.asarray((x != 0.0) & (np.abs(x) < np.finfo(x.dtype).tiny))
