"""Update rules step by step against the papers' algorithms, written out in full here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.nn import optimizers
from nnfit.nn.arrays import negligible_moment
from nnfit.nn.layout import affine_layers
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import (
    OPTIMIZERS,
    SGD,
    SWEEP_STEPS,
    Adam,
    Optimizer,
    RMSprop,
    clip_norm,
    make_optimizer,
)
from nnfit.nn.rates import rate_factors

Array = NDArray[Any]
N = 7
IS_WEIGHT = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0])
STEPS = 60


def _gradients(seed: int = 0) -> list[Array]:
    """Return gradients of very different sizes, one of them exactly 0."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(STEPS, N)) * np.array([1e-6, 1e-3, 1.0, 1.0, 1e3, 10.0, 0.0])
    return list(drawn)


def _rates() -> list[float]:
    return [0.01 * (1.0 + math.sin(t)) + 0.001 for t in range(STEPS)]


def _run(optimizer: Optimizer) -> list[Array]:
    """Return the parameters after each step."""
    W = np.linspace(-1.0, 1.0, N)
    path = []
    for g, alpha in zip(_gradients(), _rates(), strict=True):
        optimizer.step(W, g.copy(), alpha)
        path.append(W.copy())
    return path


def _textbook(
    update: Callable[[int, Array, Array, float], Array], decay: float = 0.0
) -> list[Array]:
    """Return the parameters after each step W <- W - update(t, W, g, alpha)."""
    W = np.linspace(-1.0, 1.0, N)
    path = []
    for t, (g, alpha) in enumerate(zip(_gradients(), _rates(), strict=True), start=1):
        W = W - alpha * decay * IS_WEIGHT * W
        W = W - update(t, W, g, alpha)
        path.append(W)
    return path


def _assert_same(found: list[Array], expected: list[Array]) -> None:
    # a different order of the same operations: round-off alone
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-12, atol=1e-14)


def _adam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Callable[..., Array]:
    m, v = np.zeros(N), np.zeros(N)

    def update(t: int, W: Array, g: Array, alpha: float) -> Array:
        nonlocal m, v
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        m_hat = m / (1.0 - beta1**t)
        v_hat = v / (1.0 - beta2**t)
        return np.asarray(alpha * m_hat / (np.sqrt(v_hat) + eps))

    return update


def test_gradient_descent_is_W_minus_alpha_g() -> None:
    _assert_same(_run(SGD(IS_WEIGHT)), _textbook(lambda t, W, g, alpha: alpha * g))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum_step_by_step(momentum: float, nesterov: bool) -> None:
    v = np.zeros(N)

    def update(t: int, W: Array, g: Array, alpha: float) -> Array:
        nonlocal v
        v = momentum * v + g
        return np.asarray(alpha * (g + momentum * v if nesterov else v))

    _assert_same(_run(SGD(IS_WEIGHT, 0.0, momentum, nesterov)), _textbook(update))


def test_nesterov_is_sutskevers_method_seen_from_the_point_ahead() -> None:
    # Sutskever et al. 2013, equations 3 and 4: v <- mu v - alpha grad(W + mu v), W <- W + v.
    # The optimizer keeps the point W + mu v, where the gradient is taken.
    mu, alpha = 0.9, 0.05
    A = np.diag(np.linspace(0.1, 3.0, N))
    start = np.linspace(-1.0, 1.0, N)
    W, v = start.copy(), np.zeros(N)
    ahead, optimizer = start.copy(), SGD(IS_WEIGHT, 0.0, mu, True)
    for _ in range(STEPS):
        v = mu * v - alpha * (A @ (W + mu * v))
        W = W + v
        optimizer.step(ahead, A @ ahead, alpha)
        np.testing.assert_allclose(ahead, W + mu * v, rtol=1e-11, atol=1e-13)


def test_rmsprop_step_by_step() -> None:
    v = np.zeros(N)

    def update(t: int, W: Array, g: Array, alpha: float) -> Array:
        nonlocal v
        v = 0.99 * v + 0.01 * g**2
        return np.asarray(alpha * g / (np.sqrt(v) + 1e-8))

    _assert_same(_run(RMSprop(IS_WEIGHT)), _textbook(update))


@pytest.mark.parametrize("constants", [(0.9, 0.999, 1e-8), (0.8, 0.99, 1e-3)])
def test_adam_step_by_step_is_algorithm_1(constants: tuple[float, float, float]) -> None:
    _assert_same(
        _run(Adam(IS_WEIGHT, 0.0, constants[:2], constants[2])), _textbook(_adam(*constants))
    )


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient() -> None:
    W, g = np.zeros(3), np.array([1e-3, -5.0, 1e3])
    Adam(np.ones(3)).step(W, g.copy(), 0.1)
    np.testing.assert_allclose(W, -0.1 * np.sign(g), rtol=1e-4)  # eps beside 1e-3


def test_adamw_decays_first_and_never_through_the_moments() -> None:
    _assert_same(
        _run(make_optimizer("adamw", IS_WEIGHT, weight_decay=0.1)), _textbook(_adam(), decay=0.1)
    )


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_decoupled_weight_decay_shrinks_weights_alone(name: str) -> None:
    optimizer = make_optimizer(name, IS_WEIGHT, weight_decay=0.5)
    W = np.full(N, 2.0)
    optimizer.step(W, np.zeros(N), 0.1)
    np.testing.assert_allclose(W, np.where(IS_WEIGHT == 1.0, 2.0 * (1.0 - 0.1 * 0.5), 2.0))


def test_decay_of_a_networks_weights_spares_its_biases() -> None:
    network = Network(Architecture((3, 4, 2), ("relu",), "mse"))
    network.parameters.flat.fill(1.0)
    optimizer = make_optimizer("sgd", network.is_weight, weight_decay=0.5)
    network.gradient.flat.fill(0.0)
    optimizer.step(network.parameters.flat, network.gradient.flat, 0.2)
    assert all((W == 0.9).all() for W in network.parameters.W)
    assert all((b == 1.0).all() for b in network.parameters.b)


@pytest.mark.parametrize("chunk", [2**17, 3])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_rates_are_factors_of_the_learning_rate_and_not_of_the_decay(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizers, "CHUNK_SIZE", chunk)
    factors = np.array([1.0, 0.1, 6.0, 0.5, 0.1, 2.0, 1.0])
    found = _run(make_optimizer(name, IS_WEIGHT, 0.1, rates=factors))
    for k, factor in enumerate(factors):
        W, alone = np.linspace(-1.0, 1.0, N)[k : k + 1], make_optimizer(name, IS_WEIGHT[k : k + 1])
        for g, alpha, theta in zip(_gradients(), _rates(), found, strict=True):
            W *= 1.0 - 0.1 * alpha * IS_WEIGHT[k]
            alone.step(W, g[k : k + 1].copy(), factor * alpha)
            np.testing.assert_allclose(theta[k], W[0], rtol=1e-12, atol=1e-14)


def test_rate_factors_by_group() -> None:
    layout = affine_layers((4, 9, 2), bias=True)
    assert rate_factors(layout, {"bias": 1.0, "scale": 6.0}, np.float32) is None
    factors = rate_factors(layout, {"bias": 0.1}, np.float32, "adam")
    assert factors is not None and factors.dtype == np.float32
    for block in layout.blocks:
        n = {"W1": 2.0, "W2": 3.0}.get(block.name, 10.0)
        np.testing.assert_allclose(block.of(factors), 1.0 / n, rtol=1e-7)


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_ntk_is_the_network_with_its_weights_over_the_root_of_the_inputs(
    name: str, decay: float
) -> None:
    """Train W' in z = W' a / sqrt(n) + b itself, beside W with the rates that stand for it."""
    sizes, rng = (5, 7, 2), np.random.default_rng(4)
    network = Network(Architecture(sizes, ("tanh",), "mse"))
    network.initialize("lecun", rng)
    layout, p = network.architecture.layout, network.parameters
    rows, Y = rng.normal(size=(11, 5)), rng.normal(size=(11, 2))
    ws = network.workspace(11)
    ws.load(rows, Y)
    rates = rate_factors(layout, {"bias": 0.1}, np.float64, name)
    momentum = 0.9 if name == "sgd" else 0.0
    ours = make_optimizer(name, network.is_weight, decay, momentum, rates=rates)

    (W1, b1), (W2, b2) = ((W * n**0.5, b.copy()) for W, b, n in zip(p.W, p.b, sizes, strict=False))
    arrays = [W1, b1, W2, b2]
    theirs = [
        make_optimizer(name, np.full(a.size, float(a.ndim == 2)), decay, momentum) for a in arrays
    ]
    for _ in range(20):
        network.differentiate(ws, 1.0 / 11)
        ours.step(p.flat, network.gradient.flat, 0.02)
        a1 = np.tanh(W1 @ rows.T / 5**0.5 + b1[:, None])
        delta2 = 2.0 * (W2 @ a1 / 7**0.5 + b2[:, None] - Y.T) / (2 * 11)
        delta1 = (W2.T @ delta2 / 7**0.5) * (1.0 - a1**2)
        of = [delta1 @ rows / 5**0.5, delta1.sum(1), delta2 @ a1.T / 7**0.5, delta2.sum(1)]
        for array, gradient, optimizer in zip(arrays, of, theirs, strict=True):
            rate = 0.02 if array.ndim == 2 else 0.002
            optimizer.step(array.reshape(-1), gradient.reshape(-1).copy(), rate)
    close = {"rtol": 1e-9} if name == "sgd" else {"atol": 1e-4}  # eps beside g, and beside g'
    for W, W_ntk, n in zip(p.W, (W1, W2), sizes, strict=False):
        np.testing.assert_allclose(W * n**0.5, W_ntk, **close)
    for b, b_ntk in zip(p.b, (b1, b2), strict=True):
        np.testing.assert_allclose(b, b_ntk, **close)


def test_make_optimizer_gives_each_its_rule() -> None:
    made = {name: type(make_optimizer(name, IS_WEIGHT)) for name in OPTIMIZERS}
    assert made == {"sgd": SGD, "adam": Adam, "adamw": Adam, "rmsprop": RMSprop}
    sgd = make_optimizer("sgd", IS_WEIGHT, 0.0, 0.7, True)
    assert isinstance(sgd, SGD)
    assert (sgd.momentum, sgd.nesterov) == (0.7, True)


@pytest.mark.parametrize(
    "optimizer, names",
    [
        (SGD(IS_WEIGHT), set()),
        (SGD(IS_WEIGHT, momentum=0.9), {"v"}),
        (RMSprop(IS_WEIGHT), {"v"}),
        (Adam(IS_WEIGHT), {"M", "V"}),
    ],
)
def test_steps_and_moments_are_kept_by_name(optimizer: Optimizer, names: set[str]) -> None:
    before = optimizer.t
    optimizer.step(np.ones(N), np.ones(N), 0.1)
    assert optimizer.t == before + 1
    assert set(optimizer.state) == names
    assert all(moment.all() for moment in optimizer.state.values())


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_float32_stays_float32_and_near(name: str) -> None:
    W, g = np.ones(N, np.float32), np.linspace(0.5, 2.0, N)
    exact = W.astype(np.float64)
    single = make_optimizer(name, IS_WEIGHT.astype(np.float32), weight_decay=0.01)
    double = make_optimizer(name, IS_WEIGHT, weight_decay=0.01)
    for _ in range(10):
        single.step(W, g.astype(np.float32), 0.01)
        double.step(exact, g.copy(), 0.01)
    assert W.dtype == np.float32
    np.testing.assert_allclose(W, exact, rtol=5e-6)


def test_clip_norm_shortens_only_what_is_longer() -> None:
    g = np.array([3.0, 4.0])
    assert clip_norm(g, 10.0) == 5.0
    assert g.tolist() == [3.0, 4.0]
    assert clip_norm(g, 5.0) == 5.0
    assert g.tolist() == [3.0, 4.0]
    assert clip_norm(g, 1.0) == 5.0
    np.testing.assert_allclose(g, [0.6, 0.8], rtol=1e-15)
    zero = np.zeros(2)
    assert clip_norm(zero, 1.0) == 0.0 and not zero.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, decay", [("sgd", 0.9), ("rmsprop", 0.99), ("adam", 0.999)])
def test_the_moments_of_a_dead_unit_end_at_0_and_never_are_denormal(
    name: str, decay: float, dtype: Any
) -> None:
    least, tiny = negligible_moment(dtype), np.finfo(dtype).tiny
    optimizer = make_optimizer(name, np.ones(2, dtype), momentum=0.9)
    for moment in optimizer.state.values():
        moment[:] = -1e3 * least if moment is optimizer.state.get("M") else 1e3 * least
    W: Array = np.ones(2, dtype)
    for _ in range(SWEEP_STEPS + math.ceil(math.log(1e-3) / math.log(decay))):
        optimizer.step(W, np.zeros(2, dtype), 1e-3)
        for moment in optimizer.state.values():
            assert ((moment == 0.0) | (np.abs(moment) >= tiny)).all()
    assert not any(moment.any() for moment in optimizer.state.values())


def test_only_negligible_moments_are_set_to_0_and_only_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optimizers, "CHUNK_SIZE", 2)
    least = negligible_moment(np.float64)
    given = np.array([least, -least, 0.9 * least, -0.9 * least, 0.0, np.inf, np.nan])
    optimizer = SGD(np.ones(N), momentum=1.0)
    for t in range(1, SWEEP_STEPS + 1):
        optimizer.state["v"][:] = given
        optimizer.step(np.ones(N), np.zeros(N), 0.1)
        left = given if t < SWEEP_STEPS else [least, -least, 0.0, 0.0, 0.0, np.inf, np.nan]
        np.testing.assert_array_equal(optimizer.state["v"], left)
