"""The production code against worked examples: the lecture's closed forms, and other libraries.

Each of the lecture's formulas has a test of its own name. Where the lecture slips, the test
holds the right sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import nnfit
from nnfit.gradcheck.numeric import COMPLEX_STEP
from nnfit.nn.activations import ACTIVATIONS, Activation
from nnfit.nn.inference import mean_loss, predict
from nnfit.nn.network import Architecture, Network, Workspace
from nnfit.nn.optimizers import make_optimizer

Array = NDArray[Any]


def _filled(network: Network, X: Array, Y: Array) -> Workspace:
    ws = network.workspace(len(X))
    ws.load(X, Y)
    return ws


def _sigmoid(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


# --- the lecture's gradients of two layers ----------------------------------------------------


@pytest.fixture
def two_layers() -> tuple[Network, Array, Array]:
    """Return y_hat = sigma(W2 sigma(W1 x)), one x and one y."""
    network = Network(
        Architecture((3, 4, 2), ("sigmoid",), "mse", output_activation="sigmoid", bias=False)
    )
    rng = np.random.default_rng(1)
    network.parameters.flat[:] = rng.normal(size=network.parameters.flat.size)
    return network, rng.normal(size=3), rng.uniform(size=2)


def test_two_layer_gradients_are_the_lectures(two_layers: tuple[Network, Array, Array]) -> None:
    network, x, y = two_layers
    W1, W2 = network.parameters.W
    v = _sigmoid(W1 @ x)
    y_hat = _sigmoid(W2 @ v)
    r = y_hat - y
    loss = float(network.loss_and_gradient(_filled(network, x[None], y[None]), 1.0))
    # the lecture sums the squares, mse is their mean over the K = 2 outputs
    K = 2.0
    assert K * loss == pytest.approx(float(r @ r), rel=1e-14)
    common = 2.0 * r * y_hat * (1.0 - y_hat)
    dW2 = np.outer(common, v)
    dW1 = np.outer((W2.T @ common) * v * (1.0 - v), x)
    np.testing.assert_allclose(K * network.gradient.W[1], dW2, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(K * network.gradient.W[0], dW1, rtol=1e-12, atol=1e-16)


def test_derivative_of_sigma_is_sigma_times_one_minus_sigma() -> None:
    # one unit, mae with a target below every output: dL/dz is the slope of the output itself
    network = Network(Architecture((1, 1), (), "mae", output_activation="sigmoid", bias=False))
    network.parameters.flat[:] = 1.0
    for z in (-3.0, -0.5, 0.0, 1.0, 4.0):
        network.loss_and_gradient(_filled(network, np.array([[z]]), np.array([[-1.0]])), 1.0)
        s = 1.0 / (1.0 + math.exp(-z))
        delta = network.workspace(1).delta[0].item()
        assert delta == pytest.approx(s * (1.0 - s), rel=1e-13)


# --- graph nodes ------------------------------------------------------------------------------
# As networks without bias: mae with a target far below has dL/dz = 1, so that the gradient of
# the loss is that of the node z itself.


def _node(sizes: tuple[int, ...], names: tuple[str, ...], weights: list[float]) -> Network:
    network = Network(Architecture(sizes, names, "mae", bias=False))
    network.parameters.flat[:] = weights
    return network


def _differentiate(network: Network, *x: float) -> tuple[list[float], list[float]]:
    """Return dz/dx and dz/dW of the node by the production backward pass."""
    ws = _filled(network, np.array([x]), np.array([[-1e3]]))
    network.loss_and_gradient(ws, 1.0)
    return network.input_gradient(ws)[:, 0].tolist(), network.gradient.flat.tolist()


@pytest.fixture
def square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register x^2 with its derivative 2x as an activation."""

    def f(z: Array, a: Array, scratch: Array) -> None:
        np.multiply(z, z, out=a)

    def df(z: Array, a: Array, slope: Array) -> None:
        np.multiply(z, 2.0, out=slope)

    monkeypatch.setitem(ACTIVATIONS, "square", Activation(f, df))


def test_sum_node_hands_its_gradient_to_both() -> None:
    dx, _ = _differentiate(_node((2, 1), (), [1.0, 1.0]), 3.0, -5.0)
    assert dx == [1.0, 1.0]  # z = x + y
    for x, y in ((3.0 + 1j * COMPLEX_STEP, -5.0), (3.0, -5.0 + 1j * COMPLEX_STEP)):
        assert (x + y).imag / COMPLEX_STEP == 1.0


def test_product_node_swaps_its_factors() -> None:
    # z = w x is the product of a weight and an input: dz/dw = x and dz/dx = w
    dx, dW = _differentiate(_node((1, 1), (), [7.0]), 3.0)
    assert (dx, dW) == ([7.0], [3.0])
    assert (7.0 * (3.0 + 1j * COMPLEX_STEP)).imag / COMPLEX_STEP == pytest.approx(7.0, rel=1e-15)


@pytest.mark.usefixtures("square")
def test_square_node_doubles_its_input() -> None:
    for x in (-1.5, 0.0, 3.0):
        dx, _ = _differentiate(_node((1, 1, 1), ("square",), [1.0, 1.0]), x)
        assert dx == [2.0 * x]
        assert ((x + 1j * COMPLEX_STEP) ** 2).imag / COMPLEX_STEP == pytest.approx(2.0 * x)


@pytest.mark.usefixtures("square")
def test_product_of_two_inputs_from_sums_and_squares() -> None:
    # xy = (x + y)^2/4 - (x - y)^2/4: a hidden layer of two squares
    node = _node((2, 2, 1), ("square",), [1.0, 1.0, 1.0, -1.0, 0.25, -0.25])
    dx, _ = _differentiate(node, 3.0, -5.0)
    assert dx == [-5.0, 3.0]  # z = xy: dz/dx = y, dz/dy = x


@pytest.mark.usefixtures("square")
def test_chain_of_squares_has_the_derivative_4_x_cubed() -> None:
    chain = _node((1, 1, 1, 1), ("square", "square"), [1.0, 1.0, 1.0])  # y = x^2, z = y^2
    for x in (-1.5, 0.0, 0.25, 2.0):
        dx, _ = _differentiate(chain, x)
        assert dx == [4.0 * x**3]  # powers of two and three: exact
        y = (x + 1j * COMPLEX_STEP) ** 2
        assert (y**2).imag / COMPLEX_STEP == pytest.approx(4.0 * x**3, rel=1e-14)


# --- the right signs --------------------------------------------------------------------------


def test_mean_loss_has_no_minus() -> None:
    network = Network(Architecture((1, 1), (), "mse"))  # all 0: y_hat = 0
    X, Y = np.zeros((2, 1)), np.array([[1.0], [3.0]])
    assert mean_loss(network, X, Y) == 5.0  # +(1 + 9)/2
    assert float(network.loss(_filled(network, X, Y), 0.5)) == 5.0


def test_the_minus_of_cross_entropy_covers_both_terms() -> None:
    network = Network(Architecture((1, 1), (), "binary_cross_entropy"))
    network.parameters.b[0][0] = math.log(3.0)  # y_hat = 3/4
    X = np.zeros((1, 1))
    # -[y log y_hat + (1 - y) log(1 - y_hat)]; were the second term outside, it would be < 0
    assert mean_loss(network, X, np.array([[1.0]])) == pytest.approx(math.log(4.0 / 3.0), rel=1e-14)
    assert mean_loss(network, X, np.array([[0.0]])) == pytest.approx(math.log(4.0), rel=1e-14)


@pytest.mark.parametrize("loss, y", [("binary_cross_entropy", [[1.0]]), ("cross_entropy", None)])
def test_delta_of_cross_entropy_is_y_hat_minus_y(loss: str, y: list[list[float]] | None) -> None:
    K = 1 if y else 3
    network = Network(Architecture((2, K), (), loss))
    network.parameters.flat[:] = np.linspace(-1.0, 1.0, network.parameters.flat.size)
    X, Y = np.array([[0.5, -2.0]]), np.array(y or [[0.0, 1.0, 0.0]])
    network.differentiate(_filled(network, X, Y), 1.0)
    delta = network.workspace(1).delta[-1][:, 0]
    np.testing.assert_allclose(delta, (predict(network, X) - Y)[0], rtol=1e-14)
    assert delta[Y[0] == 1.0].item() < 0.0  # a larger logit of the truth lowers the loss


def test_linear_prediction_is_W_x_plus_b() -> None:
    network = Network(Architecture((2, 1), (), "mse"))
    network.parameters.W[0][:] = [[2.0, -1.0]]
    network.parameters.b[0][:] = [10.0]
    assert predict(network, np.array([[3.0, 4.0]])).tolist() == [[12.0]]  # 6 - 4 + 10


# --- the explicit bias ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss, K", [("mse", 2), ("binary_cross_entropy", 1), ("cross_entropy", 3), ("huber", 1)]
)
def test_explicit_bias_is_a_weight_on_a_column_of_ones(loss: str, K: int) -> None:
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(12, 3)), np.eye(K)[rng.integers(K, size=12)]
    if K == 1:
        Y = (X[:, :1] > 0.0).astype(float)
    ones = np.hstack([X, np.ones((12, 1))])
    explicit = Network(Architecture((3, K), (), loss))
    column = Network(Architecture((4, K), (), loss, bias=False))
    W, b = rng.normal(size=(K, 3)), rng.normal(size=K)
    explicit.parameters.W[0][:], explicit.parameters.b[0][:] = W, b
    column.parameters.W[0][:] = np.hstack([W, b[:, None]])

    losses = [
        float(network.loss_and_gradient(_filled(network, rows, Y), 1 / 12))
        for network, rows in ((explicit, X), (column, ones))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-14)
    dW, db = explicit.gradient.W[0], explicit.gradient.b[0]
    np.testing.assert_allclose(
        column.gradient.W[0], np.hstack([dW, db[:, None]]), rtol=1e-13, atol=1e-16
    )

    for network, rows in ((explicit, X), (column, ones)):
        optimizer = make_optimizer("adam", network.is_weight)
        for _ in range(50):
            network.loss_and_gradient(_filled(network, rows, Y), 1 / 12)
            optimizer.step(network.parameters.flat, network.gradient.flat, 0.05)
    after = predict(explicit, X)
    assert np.abs(explicit.parameters.b[0] - b).min() > 0.1  # the bias did learn
    np.testing.assert_allclose(after, predict(column, ones), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("numeric", ["none", "standardize"])
@pytest.mark.parametrize("features", [["x", "u", "1"], ["1", "x", "u"], ["x", "u", "one"]])
@pytest.mark.parametrize("target", ["y", "label"])
def test_a_run_with_an_implicit_bias_ends_where_the_explicit_one_does(
    features: list[str], numeric: str, optimizer: str, target: str
) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(4.0, 2.0, 40), "u": rng.random(40), "one": 1.0})
    frame["y"] = 2.0 * frame["x"] - frame["u"] + 1.0
    frame["label"] = np.digitize(frame["y"], [7.0, 10.0]).astype(str)
    config: dict[str, Any] = {
        "data": {"target": target},
        "preprocessing": {"numeric": numeric, "target": "none" if target == "y" else "auto"},
        "optimizer": {"name": optimizer, "learning_rate": 0.02},
        "training": {"epochs": 20, "batch_size": 8, "dtype": "float64"},
    }
    start = {"hidden_sizes": [], "initialization": "zeros"}  # equal for both
    explicit, implicit = (
        nnfit.train({**config, "features": phi, "model": {**start, "bias": bias}}, frame)
        for phi, bias in ((["x", "u"], True), (features, False))
    )
    at = features.index("one" if "one" in features else "1")
    W, b = explicit.network.parameters.W[0], explicit.network.parameters.b[0]
    assert np.abs(b).max() > 0.01  # it did learn
    found = implicit.network.parameters.W[0]
    np.testing.assert_allclose(np.delete(found, at, axis=1), W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[:, at], b, rtol=1e-10, atol=1e-12)
    y_hat = [
        model.predict(frame) if target == "y" else model.predict_proba(frame)
        for model in (explicit, implicit)
    ]
    np.testing.assert_allclose(y_hat[1], y_hat[0], rtol=1e-12, atol=1e-12)


# --- worked by hand ---------------------------------------------------------------------------


def test_a_2_2_1_network_worked_by_hand() -> None:
    # sigmoid hidden units, mse. sigma(0) = 1/2 and sigma(ln 3) = 3/4, so all numbers are short.
    ln3 = math.log(3.0)
    network = Network(Architecture((2, 2, 1), ("sigmoid",), "mse"))
    W1, W2 = network.parameters.W
    b1, b2 = network.parameters.b
    W1[:], b1[:] = [[1.0, -1.0], [ln3, 0.0]], [1.0, 0.0]
    W2[:], b2[:] = [[2.0, -4.0]], [3.0]
    X = np.array([[1.0, 2.0], [0.0, 1.0]])
    Y = np.array([[-1.0], [1.0]])

    # row 1: z1 = (1 - 2 + 1, ln 3) = (0, ln 3), a1 = (1/2, 3/4), y_hat = 1 - 3 + 3 = 1
    # row 2: z1 = (0 - 1 + 1, 0)    = (0, 0),    a1 = (1/2, 1/2), y_hat = 1 - 2 + 3 = 2
    np.testing.assert_allclose(predict(network, X), [[1.0], [2.0]], rtol=1e-14)

    # L = ((1 + 1)^2 + (2 - 1)^2)/2 = 5/2
    ws = _filled(network, X, Y)
    assert float(network.loss_and_gradient(ws, 0.5)) == pytest.approx(2.5, rel=1e-14)

    # delta2 = 2 (y_hat - y)/N = (2, 1)
    # dW2 = 2 (1/2, 3/4) + 1 (1/2, 1/2) = (3/2, 2), db2 = 3
    np.testing.assert_allclose(ws.delta[1], [[2.0, 1.0]], rtol=1e-14)
    np.testing.assert_allclose(network.gradient.W[1], [[1.5, 2.0]], rtol=1e-14)
    np.testing.assert_allclose(network.gradient.b[1], [3.0], rtol=1e-14)

    # W2^T delta2 = (4, -8), (2, -4); slopes a(1 - a) = (1/4, 3/16), (1/4, 1/4)
    # delta1 = (1, -3/2), (1/2, -1), one column per row of X
    np.testing.assert_allclose(ws.delta[0], [[1.0, 0.5], [-1.5, -1.0]], rtol=1e-14)
    # dW1 = (1, -3/2)(1, 2)^T + (1/2, -1)(0, 1)^T = ((1, 5/2), (-3/2, -4)), db1 = (3/2, -5/2)
    np.testing.assert_allclose(network.gradient.W[0], [[1.0, 2.5], [-1.5, -4.0]], rtol=1e-14)
    np.testing.assert_allclose(network.gradient.b[0], [1.5, -2.5], rtol=1e-14)
    # W1^T delta1: row 1 (1 - 3/2 ln 3, -1), row 2 (1/2 - ln 3, -1/2)
    dx = [[1.0 - 1.5 * ln3, 0.5 - ln3], [-1.0, -0.5]]
    np.testing.assert_allclose(network.input_gradient(ws), dx, rtol=1e-13)

    # one step of gradient descent with learning rate 0.1
    optimizer = make_optimizer("sgd", network.is_weight)
    optimizer.step(network.parameters.flat, network.gradient.flat, 0.1)
    np.testing.assert_allclose(W1, [[0.9, -1.25], [ln3 + 0.15, 0.4]], rtol=1e-14)
    np.testing.assert_allclose(b1, [0.85, 0.25], rtol=1e-14)
    np.testing.assert_allclose(W2, [[1.85, -4.2]], rtol=1e-14)
    np.testing.assert_allclose(b2, [2.7], rtol=1e-14)


# --- PyTorch, where it is installed -----------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """An optimizer here and its namesake there; weight decay reaches W alone in both."""

    name: str
    torch_name: str
    torch_options: dict[str, Any]
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False


RULES = [
    Rule("adam", "Adam", {}),
    Rule("adamw", "AdamW", {}, weight_decay=0.1),
    Rule("sgd", "SGD", {}),
    Rule("sgd", "SGD", {"momentum": 0.9}, momentum=0.9),
    Rule("sgd", "SGD", {"momentum": 0.9, "nesterov": True}, momentum=0.9, nesterov=True),
    Rule("rmsprop", "RMSprop", {}),
]


@pytest.mark.parametrize("dtype, atol", [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}-{rule.torch_options}")
def test_fifty_steps_are_pytorchs(rule: Rule, loss: str, dtype: str, atol: float) -> None:
    torch = pytest.importorskip("torch")
    K = {"mse": 2, "binary_cross_entropy": 1, "cross_entropy": 3}[loss]
    network = Network(Architecture((4, 8, 6, K), ("tanh", "silu"), loss), np.dtype(dtype))
    rng = np.random.default_rng(3)
    network.initialize("auto", rng)
    X, noise = rng.normal(size=(20, 4)), rng.normal(size=(20, K))
    Y = {
        "mse": noise,
        "binary_cross_entropy": (noise > 0.0).astype(float),
        "cross_entropy": np.eye(K)[noise.argmax(axis=1)],
    }[loss]

    layers = [
        torch.nn.Linear(n, m, dtype=getattr(torch, dtype)) for n, m in ((4, 8), (8, 6), (6, K))
    ]
    with torch.no_grad():
        for layer, W, b in zip(layers, network.parameters.W, network.parameters.b, strict=True):
            layer.weight.copy_(torch.from_numpy(W.copy()))
            layer.bias.copy_(torch.from_numpy(b.copy()))
    theirs = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.SiLU(), layers[2])
    groups = [
        {"params": [layer.weight for layer in layers], "weight_decay": rule.weight_decay},
        {"params": [layer.bias for layer in layers], "weight_decay": 0.0},
    ]
    torch_rule = getattr(torch.optim, rule.torch_name)(groups, lr=0.01, **rule.torch_options)
    x, y = (torch.from_numpy(array.astype(dtype)) for array in (X, Y))
    criterion = {
        "mse": torch.nn.MSELoss(),
        "binary_cross_entropy": torch.nn.BCEWithLogitsLoss(),
        "cross_entropy": torch.nn.CrossEntropyLoss(),
    }[loss]

    ours = make_optimizer(
        rule.name, network.is_weight, rule.weight_decay, rule.momentum, rule.nesterov
    )
    ws = _filled(network, X, Y)
    for _ in range(50):
        value = float(network.loss_and_gradient(ws, 1 / 20))
        ours.step(network.parameters.flat, network.gradient.flat, 0.01)
        torch_rule.zero_grad()
        torch_loss = criterion(theirs(x), y)
        torch_loss.backward()
        torch_rule.step()
        assert value == pytest.approx(torch_loss.item(), rel=1e-10 if dtype == "float64" else 1e-4)
    for layer, W, b in zip(layers, network.parameters.W, network.parameters.b, strict=True):
        np.testing.assert_allclose(W, layer.weight.detach().numpy(), rtol=0.0, atol=atol)
        np.testing.assert_allclose(b, layer.bias.detach().numpy(), rtol=0.0, atol=atol)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_and_slopes_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    functions: dict[str, Any] = {
        "identity": lambda z: z,
        "gelu": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
    }
    z = np.linspace(-6.0, 6.0, 101)
    tensor = torch.from_numpy(z).requires_grad_()
    f = functions[name] if name in functions else getattr(torch.nn.functional, name)
    value = f(tensor)
    value.sum().backward()
    a, slope = np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].f(z, a, slope)
    ACTIVATIONS[name].df(z.copy(), a.copy(), slope)
    np.testing.assert_allclose(a, value.detach().numpy(), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-12, atol=1e-14)
