"""The compiled update against NumPy's, which is the reference: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.nn import compiled
from nnfit.nn.optimizers import SGD, Adam, make_optimizer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("size", [1, 65, 1000, 2**17 + 3])
def test_the_bits_are_those_of_numpy(
    size: int, by_group: bool, weight_decay: float, dtype: Any
) -> None:
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    rng = np.random.default_rng(3)
    is_weight = (rng.random(size) < 0.9).astype(dtype)
    rates = rng.uniform(0.1, 6.0, size).astype(dtype) if by_group else None
    betas = (0.9, 0.95) if by_group else (0.9, 0.999)
    reference = Adam(is_weight, weight_decay, betas, rates=rates)
    fused = compiled.CompiledAdam(is_weight, weight_decay, betas, rates=rates)
    W = rng.standard_normal(size).astype(dtype)
    V = W.copy()
    for step in range(30):
        g = (rng.standard_normal(size) * 10.0 ** rng.integers(-12, 4)).astype(dtype)
        reference.step(W, g.copy(), 0.01 / (1 + step))
        fused.step(V, g.copy(), 0.01 / (1 + step))
        np.testing.assert_array_equal(V.view(np.uint8), W.view(np.uint8))
    for name, moment in reference.state.items():
        np.testing.assert_array_equal(fused.state[name].view(np.uint8), moment.view(np.uint8))


def test_it_is_used_where_it_saves_more_than_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    adam = make_optimizer("adam", np.ones(4))
    monkeypatch.setattr(compiled, "find_spec", lambda name: name == "numba")
    assert not compiled.pays(adam, 1000, 10_000)
    assert compiled.pays(adam, 10**6, 65)
    assert compiled.pays(adam, 10**4, 10**6)
    assert not compiled.pays(SGD(np.ones(4)), 10**6, 10**6)
    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    assert not compiled.pays(adam, 10**6, 10**6)


def test_a_run_takes_it_and_ends_with_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    made = []
    original = compiled.CompiledAdam.__init__

    def noted(self: compiled.CompiledAdam, *args: Any, **rates: Any) -> None:
        made.append(self)
        original(self, *args, **rates)

    monkeypatch.setattr(compiled.CompiledAdam, "__init__", noted)
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=60), "y": rng.normal(size=60)})
    config = {
        "data": {"target": "y", "validation": 0},
        "training": {"epochs": 5},
        "optimizer": {"betas": [0.8, 0.95], "bias_rate": 0.1},
    }
    reference = nnfit.train(config, frame)
    assert not made
    monkeypatch.setattr(compiled, "LOADING", 0.0)
    fast = nnfit.train(config, frame)
    assert len(made) == 1
    np.testing.assert_array_equal(fast.network.parameters.flat, reference.network.parameters.flat)
