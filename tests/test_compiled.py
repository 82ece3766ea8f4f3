"""The compiled engine against NumPy's, which is the reference: formulas, gradients, whole runs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loops import make_fit

from nnfit import compiled
from nnfit.gradcheck.checking import TOLERANCE, standard_checks
from nnfit.gradcheck.problems import BUGS, with_bug
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.architecture import Architecture
from nnfit.nn.inference import logits
from nnfit.nn.names import LOSSES
from nnfit.nn.network import Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.nn.rates import rate_factors
from nnfit.nn.residuals import RESIDUAL_LOSSES, d_pinball_error
from nnfit.training.examples import Examples, network_rows
from nnfit.training.learners import Learners
from nnfit.training.state import Settings
from nnfit.training.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("numba", reason="the extra 'fast' is not installed")
pytest.importorskip("scipy", reason="the extra 'fast' is not installed")

from nnfit.compiled import formulas
from nnfit.compiled.learner import CompiledLearner
from nnfit.compiled.network import CompiledNetwork

GRID = np.concatenate([np.linspace(-9.0, 9.0, 37) + 0.013, [-60.0, -1e-9, 1e-9, 25.0, 60.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_that_of_numpy(name: str, dtype: Any) -> None:
    """By value and slope; `py_func` is the formula before it is compiled."""
    z = GRID[abs(GRID) < 10].astype(dtype) if dtype is np.complex128 else GRID.astype(dtype)
    v, slope = np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].f(z, v, slope)
    ACTIVATIONS[name].df(z.copy(), v.copy(), slope)
    f: Any = getattr(formulas, name)
    df: Any = getattr(formulas, f"d_{name}")
    eps = float(np.finfo(dtype).eps)
    ours = np.array([f.py_func(x) for x in z])
    np.testing.assert_allclose(ours, v, rtol=16 * eps, atol=16 * eps)
    uses_z = name in formulas.USES_Z
    # far below 0 gelu's slope is a difference of numbers near 1, times z^2
    slopes = [df.py_func(x if uses_z else y, y) for x, y in zip(z, ours, strict=True)]
    np.testing.assert_allclose(slopes, slope, rtol=64 * eps, atol=512 * eps)


@pytest.mark.parametrize("name", RESIDUAL_LOSSES)
def test_the_derivative_of_a_loss_is_that_of_numpy(name: str) -> None:
    e = np.concatenate([GRID, [-1.0, 0.0, 1.0]])
    d: Any = getattr(formulas, f"d_{name}")
    ours = [d.py_func(x) for x in e]
    RESIDUAL_LOSSES[name].derivative(e)
    np.testing.assert_array_equal(ours, e)


def test_the_derivative_of_a_quantile_is_that_of_numpy() -> None:
    e = np.concatenate([GRID, [0.0]])[None]
    d: Any = formulas.d_quantile
    ours = [d.py_func(x, 0.05) for x in e[0]]
    d_pinball_error(e, (0.05,))
    np.testing.assert_array_equal([ours], e)


def test_where_no_folder_takes_the_machine_code_it_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def njit(**options: bool) -> Any:
        asked.append(options["cache"])
        if options["cache"]:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return lambda function: function

    def f() -> None: ...

    monkeypatch.setattr(formulas, "_njit", njit)
    assert formulas.entry(f) is f
    assert asked == [True, False]
    assert f.__qualname__ == f"f_{compiled.digest()}"  # by which Numba keeps it


def test_the_complex_step_holds_every_gradient() -> None:
    checks = list(standard_checks(("complex",), CompiledNetwork))
    assert all(check.passed or check.nothing_to_compare for check in checks)
    assert max(check.relative_error for check in checks) < TOLERANCE["complex"]


@pytest.mark.parametrize("bug", BUGS)
def test_a_wrong_derivative_is_caught(bug: str) -> None:
    checks = list(standard_checks(("complex",), with_bug(bug, CompiledNetwork)))
    assert sum(not check.passed for check in checks) > 500


def _rows(network: Network, weighted: bool, n: int = 70) -> Examples:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, network.architecture.sizes[0]))
    K, loss = network.architecture.sizes[-1], network.architecture.loss
    labels = (X[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int)
    each = network.architecture.outputs_of_target
    Y = np.repeat(rng.normal(size=(n, K // each)), each, axis=1)
    if loss == "poisson":
        Y = rng.poisson(2.0, (n, K)).astype(float)
    if loss == "binary_cross_entropy":
        Y = labels[:, None].astype(float)
    elif loss == "cross_entropy":
        Y = np.eye(K)[labels]
    return network_rows(X, Y, rng.uniform(0.1, 2.0, n) if weighted else None, network)


def _trained(
    architecture: Architecture,
    optimizer: dict[str, Any],
    *,
    dtype: Any = np.float64,
    compiled: bool,
    weighted: bool = False,
    by_group: bool = False,
    clip_norm: float | None = None,
    epochs: int = 7,
) -> NDArray[Any]:
    """Return the parameters after 8 steps an epoch, the last one short."""
    network = Network(architecture, dtype)
    network.initialize("auto", np.random.default_rng(1), bias="normal")
    rates = None
    if by_group:
        factors = {"bias": 0.1, "scale": 6.0, "activation": 0.2}
        rates = rate_factors(architecture.layout, factors, dtype, optimizer["name"])
    rule = make_optimizer(is_weight=network.is_weight, rates=rates, **optimizer)
    settings = Settings(epochs=epochs, batch_size=9, learning_rate=0.01, clip_norm=clip_norm)
    of_members = None
    if compiled:
        rng = stream(0, "dropout")
        learner = CompiledLearner(network, rule, rng)
        of_members = Learners(network, [(learner, slice(None))]), [rng]
    fit = make_fit(network, rule, settings, _rows(network, weighted), of_members=of_members)
    result = fit.run()
    assert len(result.records) == epochs
    return np.append(network.parameters.flat, [r.train_loss for r in result.records])


def _compare(architecture: Architecture, optimizer: dict[str, Any], **options: Any) -> None:
    ours = _trained(architecture, optimizer, compiled=True, **options)
    numpy = _trained(architecture, optimizer, compiled=False, **options)
    tolerance = 1e-5 if options.get("dtype") is np.float32 else 1e-12
    np.testing.assert_allclose(ours, numpy, rtol=tolerance, atol=tolerance)


OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd"},
    {"name": "sgd", "momentum": 0.9},
    {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"name": "rmsprop", "weight_decay": 0.05},
    {"name": "adam"},
    {"name": "adamw", "weight_decay": 0.1, "betas": (0.9, 0.95)},
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fifty_steps_are_those_of_numpy(name: str, loss: str) -> None:
    """Each activation with each loss; the optimizers take turns."""
    which = list(itertools.product(ACTIVATIONS, LOSSES)).index((name, loss))
    outputs = {"binary_cross_entropy": 1, "gaussian_nll": 4, "quantile": 6}.get(loss, 3)
    architecture = Architecture((4, 6, 5, outputs), (name, "tanh"), loss)
    _compare(architecture, OPTIMIZERS[which % len(OPTIMIZERS)])


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("by_group", [False, True])
def test_every_part_goes_with_every_optimizer(optimizer: dict[str, Any], by_group: bool) -> None:
    architecture = Architecture(
        (4, 6, 5, 3), ("relu", "silu"), "cross_entropy", dropout=0.3, l2=0.1, input_scale=True
    )  # fmt: skip
    _compare(architecture, optimizer, by_group=by_group, weighted=True, clip_norm=0.5)
    plain = replace(architecture, bias=False, dropout=0.0)
    _compare(plain, optimizer, by_group=by_group)


@pytest.mark.parametrize(
    "loss", ["mse", "binary_cross_entropy", "cross_entropy", "gaussian_nll", "quantile", "poisson"]
)
def test_float32_is_that_of_numpy(loss: str) -> None:
    outputs = {"binary_cross_entropy": 1, "gaussian_nll": 4, "quantile": 6}.get(loss, 3)
    architecture = Architecture((4, 6, 5, outputs), ("tanh", "softplus"), loss, input_scale=True)
    _compare(architecture, {"name": "adam"}, dtype=np.float32, by_group=True, epochs=3)


@pytest.mark.filterwarnings("error")
def test_rows_that_are_apart_in_memory_are_judged_too() -> None:
    """As where the metric is over every second training row."""
    network = CompiledNetwork(Architecture((4, 6, 3), ("relu",), "cross_entropy"), np.float64)
    network.initialize("auto", np.random.default_rng(0))
    X = np.random.default_rng(1).normal(size=(90, 5))
    X[:, -1] = 1.0
    apart, together = logits(network, X[::3]), logits(network, X[::3].copy())
    np.testing.assert_array_equal(apart, together)
