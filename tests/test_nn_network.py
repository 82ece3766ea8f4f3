"""The network: its flat parameters and their views, both passes, dropout, penalty, inference."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import in_proportion
from nnfit.nn.inference import BLOCK_ROWS, hidden_layer, mean_loss, predict
from nnfit.nn.initializers import draw_weights
from nnfit.nn.names import INITIALIZATIONS
from nnfit.nn.network import Architecture, Network, Workspace

Array = NDArray[Any]


def _network(architecture: Architecture, dtype: Any = np.float64, seed: int = 0) -> Network:
    """Return a network whose parameters are all drawn, biases too."""
    network = Network(architecture, dtype)
    drawn = np.random.default_rng(seed).normal(0.0, 0.5, architecture.n_parameters)
    network.parameters.flat[:] = drawn
    return network


def _filled(network: Network, X: Array, Y: Array | None = None) -> Workspace:
    ws = network.workspace(len(X))
    ws.load(X, np.zeros((len(X), network.architecture.sizes[-1])) if Y is None else Y)
    return ws


# --- architecture and parameters --------------------------------------------------------------


def test_an_architecture_needs_a_name_for_each_hidden_layer() -> None:
    with pytest.raises(ValueError) as caught:
        Architecture((3, 4, 4, 1), ("tanh",), "mse")
    assert str(caught.value) == "activations has 1 names, sizes has 2 hidden layers"


@pytest.mark.parametrize(
    "loss, output",
    [
        ("mse", "identity"),
        ("mae", "identity"),
        ("huber", "identity"),
        ("binary_cross_entropy", "sigmoid"),
        ("cross_entropy", "softmax"),
    ],
)
def test_auto_output_is_the_loss_own(loss: str, output: str) -> None:
    assert Architecture((2, 2), (), loss).output_activation == output
    assert Architecture((2, 2), (), "mse", output_activation="tanh").output_activation == "tanh"


def test_parameters_are_counted() -> None:
    with_bias = Architecture((5, 4, 3), ("relu",), "mse")
    without = Architecture((5, 4, 3), ("relu",), "mse", bias=False)
    assert with_bias.n_parameters == 4 * 5 + 4 + 3 * 4 + 3
    assert without.n_parameters == 4 * 5 + 3 * 4


@pytest.mark.parametrize("bias", [True, False])
def test_weights_and_biases_are_views_of_one_vector(bias: bool) -> None:
    p = _network(Architecture((3, 4, 2), ("tanh",), "mse", bias=bias)).parameters
    assert [W.shape for W in p.W] == [(4, 3), (2, 4)]
    assert [b.shape for b in p.b] == ([(4,), (2,)] if bias else [])
    p.flat[:] = np.arange(p.flat.size)
    # row by row, each unit's weights and then its bias
    assert p.W[0][1].tolist() == ([4.0, 5.0, 6.0] if bias else [3.0, 4.0, 5.0])
    for n, array in enumerate([*p.W, *p.b]):
        array.fill(-1.0 - n)
    sizes = [W.size for W in p.W] + [b.size for b in p.b]
    values, counts = np.unique(p.flat, return_counts=True)
    assert dict(zip(values, counts, strict=True)) == {-1.0 - n: c for n, c in enumerate(sizes)}


def test_is_weight_marks_weights_alone() -> None:
    network = _network(Architecture((3, 4, 2), ("tanh",), "mse"))
    p = network.parameters
    p.flat.fill(0.0)
    for W in p.W:
        W.fill(1.0)
    np.testing.assert_array_equal(network.is_weight, p.flat)


# --- initialisation ---------------------------------------------------------------------------


def test_auto_initialization_is_each_layers_own() -> None:
    names = ("relu", "selu", "tanh")
    network = Network(Architecture((6, 5, 4, 3, 2), names, "mse"))
    network.parameters.flat.fill(7.0)
    network.initialize("auto", np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for W, name in zip(network.parameters.W, ("he", "lecun", "glorot", "glorot"), strict=True):
        np.testing.assert_array_equal(W, draw_weights(W.shape, name, rng))
    assert not np.concatenate(network.parameters.b).any()


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_a_named_initialization_is_every_layers(name: str) -> None:
    network = Network(Architecture((6, 5, 2), ("relu",), "mse"), np.float32)
    network.initialize(name, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for W in network.parameters.W:
        np.testing.assert_array_equal(W, draw_weights(W.shape, name, rng).astype(np.float32))


def test_scale_of_the_initial_weights() -> None:
    def rng() -> np.random.Generator:
        return np.random.default_rng(1)

    # sqrt(2/8) = sqrt(1/4) = 1/2 and sqrt(6/(2 + 4)) = 1
    normal = rng().standard_normal((3, 8))
    np.testing.assert_allclose(draw_weights((3, 8), "he", rng()), 0.5 * normal, rtol=1e-15)
    normal = rng().standard_normal((3, 4))
    np.testing.assert_allclose(draw_weights((3, 4), "lecun", rng()), 0.5 * normal, rtol=1e-15)
    uniform = 2.0 * rng().random((2, 4)) - 1.0
    np.testing.assert_allclose(draw_weights((2, 4), "glorot", rng()), uniform, rtol=1e-14)
    assert not draw_weights((2, 4), "zeros", rng()).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["he", "glorot", "lecun"])
def test_variance_of_the_initial_weights(name: str) -> None:
    outputs, inputs = 500, 200
    expected = {"he": 2 / inputs, "glorot": 2 / (inputs + outputs), "lecun": 1 / inputs}[name]
    W = draw_weights((outputs, inputs), name, np.random.default_rng(0))
    # the variance of 1e5 normal draws has a relative spread of sqrt(2/1e5) = 0.0045
    assert W.var() == pytest.approx(expected, rel=0.02)
    assert abs(W.mean()) < 5.0 * np.sqrt(expected / W.size)


# --- forward and backward ---------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
def test_forward_is_z_equals_W_a_plus_b(bias: bool) -> None:
    network = _network(Architecture((3, 4, 5, 2), ("tanh", "relu"), "mse", bias=bias))
    X = np.random.default_rng(1).normal(size=(6, 3))
    W, b = network.parameters.W, network.parameters.b or [np.zeros(n) for n in (4, 5, 2)]
    z = network.forward(_filled(network, X))
    for i, x in enumerate(X):
        first = np.tanh(W[0] @ x + b[0])
        second = np.maximum(W[1] @ first + b[1], 0.0)
        np.testing.assert_allclose(z[:, i], W[2] @ second + b[2], rtol=1e-13, atol=1e-15)


def test_the_linear_predictor_is_W_x_plus_b() -> None:
    network = Network(Architecture((2, 1), (), "mse"))
    network.parameters.W[0][...] = [[2.0, -3.0]]
    network.parameters.b[0][...] = [0.5]
    X = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    assert predict(network, X).tolist() == [[2.5], [-2.5], [1.5]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_everything_keeps_the_dtype(name: str, dtype: Any) -> None:
    architecture = Architecture((3, 4, 2), (name,), "mse", dropout=0.5, l2=0.1)
    network = _network(architecture, dtype)
    ws = _filled(network, np.ones((5, 3)))
    network.draw_dropout(ws, np.random.default_rng(0))
    network.loss_and_gradient(ws, 0.2, dropout=True)
    arrays = [ws.Y, *ws.z, *ws.a, *ws.delta, *ws.slope, *ws.active, *ws.masks]
    arrays += [network.parameters.flat, network.gradient.flat, network.input_gradient(ws)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_a_workspace_used_again_gives_the_same_gradient() -> None:
    network = _network(Architecture((3, 4, 2), ("silu",), "mse"))
    X = np.random.default_rng(2).normal(size=(5, 3))
    first = network.loss_and_gradient(_filled(network, X), 0.2)
    gradient = network.gradient.flat.copy()
    network.loss_and_gradient(_filled(network, 9.0 * X), 0.2)
    again = network.loss_and_gradient(_filled(network, X), 0.2)
    assert network.workspace(5) is network.workspace(5)
    assert first == again
    np.testing.assert_array_equal(network.gradient.flat, gradient)


def test_a_workspace_takes_the_callers_examples_or_loads_copies() -> None:
    network = _network(Architecture((3, 4, 2), ("tanh",), "mse"))
    rng = np.random.default_rng(3)
    rows, Y = np.ones((5, 4)), rng.normal(size=(5, 2))
    rows[:, :3] = rng.normal(size=(5, 3))
    ws = network.workspace(5)
    ws.take(rows, Y)
    assert np.shares_memory(ws.a[0], rows) and np.shares_memory(ws.Y, Y)
    taken, gradient = network.loss_and_gradient(ws, 0.2), network.gradient.flat.copy()
    ws.load(rows[:, :3], Y)
    assert not np.shares_memory(ws.a[0], rows) and not np.shares_memory(ws.Y, Y)
    assert network.loss_and_gradient(ws, 0.2) == taken
    np.testing.assert_array_equal(network.gradient.flat, gradient)
    for _ in range(2):  # what was taken is never written to, and what is loaded is what counts
        before = rows.copy(), Y.copy()
        ws.take(rows, Y)
        ws.load(np.zeros((2, 3)), np.zeros((2, 2)), places=np.array([3, 4]))
        np.testing.assert_array_equal(rows, before[0])
        np.testing.assert_array_equal(Y, before[1])
        np.testing.assert_array_equal(ws.a[0][:3, :3], rows[:3, :3].T)
        np.testing.assert_array_equal(ws.Y[:, :3], Y[:3].T)
        assert not ws.a[0][:3, 3:].any() and not ws.Y[:, 3:].any()
        assert (ws.a[0][3] == 1.0).all()


def test_gradient_is_that_of_loss_plus_penalty_on_weights_alone() -> None:
    X = np.random.default_rng(4).normal(size=(5, 3))
    plain = _network(Architecture((3, 4, 2), ("tanh",), "mse"))
    ridge = _network(Architecture((3, 4, 2), ("tanh",), "mse", l2=0.3))
    losses = [net.loss_and_gradient(_filled(net, X), 0.2) for net in (plain, ridge)]
    assert losses[0] == losses[1]  # without the penalty, as the docstring says
    p = ridge.parameters
    assert plain.penalty() == 0.0
    assert ridge.penalty() == pytest.approx(0.15 * sum(float((W**2).sum()) for W in p.W), rel=1e-14)
    for dW, plain_dW, W in zip(ridge.gradient.W, plain.gradient.W, p.W, strict=True):
        np.testing.assert_allclose(dW - plain_dW, 0.3 * W, rtol=1e-12, atol=1e-15)
    for db, plain_db in zip(ridge.gradient.b, plain.gradient.b, strict=True):
        np.testing.assert_array_equal(db, plain_db)


# --- dropout ----------------------------------------------------------------------------------


def test_dropout_masks_scale_the_kept_units() -> None:
    network = _network(Architecture((3, 50, 40, 1), ("tanh", "tanh"), "mse", dropout=0.2))
    ws = _filled(network, np.ones((10, 3)))
    network.draw_dropout(ws, np.random.default_rng(0))
    assert [mask.shape for mask in ws.masks] == [(50, 10), (40, 10)]
    assert all(set(np.unique(mask)) == {0.0, 1.25} for mask in ws.masks)
    kept = np.mean([(mask > 0.0).mean() for mask in ws.masks])
    assert abs(kept - 0.8) < 0.07  # 900 draws: five times sqrt(0.8 * 0.2 / 900)
    network.forward(ws, dropout=True)
    for i in (0, 1):
        n = len(ws.z[i])
        np.testing.assert_array_equal(ws.a[i + 1][:n], np.tanh(ws.z[i]) * ws.masks[i])
        np.testing.assert_array_equal(ws.a[i + 1][n], np.ones(10))  # the bias is never dropped


def test_dropout_is_off_unless_asked_for() -> None:
    X = np.random.default_rng(5).normal(size=(7, 3))
    dropped = _network(Architecture((3, 8, 2), ("relu",), "mse", dropout=0.5))
    plain = _network(Architecture((3, 8, 2), ("relu",), "mse"))
    ws = _filled(dropped, X)
    dropped.draw_dropout(ws, np.random.default_rng(0))
    with_masks = dropped.forward(ws, dropout=True).copy()
    z = plain.forward(_filled(plain, X))
    np.testing.assert_array_equal(dropped.forward(ws), z)
    np.testing.assert_array_equal(predict(dropped, X), predict(plain, X))
    assert np.abs(with_masks - z).max() > 0.1
    # a gradient without dropout does not remember the masks either
    assert dropped.loss_and_gradient(ws, 0.1) == plain.loss_and_gradient(_filled(plain, X), 0.1)
    np.testing.assert_array_equal(dropped.gradient.flat, plain.gradient.flat)


@pytest.mark.slow
def test_mean_over_dropout_masks_is_the_prediction() -> None:
    # one hidden layer: the logits are linear in the masked units, so their mean is exact
    network = _network(Architecture((3, 6, 2), ("tanh",), "mse", dropout=0.3))
    X = np.random.default_rng(6).normal(size=(1, 3))
    ws = _filled(network, np.repeat(X, 10_000, axis=0))
    rng, draws = np.random.default_rng(7), []
    for _ in range(20):
        network.draw_dropout(ws, rng)
        draws.append(network.forward(ws, dropout=True).copy())
    z = np.concatenate(draws, axis=1)
    error = z.std(axis=1) / np.sqrt(z.shape[1])  # of the mean of 2e5 draws
    assert (np.abs(z.mean(axis=1) - predict(network, X)[0]) < 5.0 * error).all()
    assert (error > 0.0).all()


# --- inference --------------------------------------------------------------------------------

SOME_SIZES = (1, 2, 3, 7, 8, 15, 64, 511, 512, 513, 1023, 1024, 1025)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_rows_prediction_does_not_depend_on_the_others(name: str, dtype: Any) -> None:
    network = _network(Architecture((5, 17, 9, 3), (name, name), "cross_entropy"), dtype)
    rng = np.random.default_rng(8)
    X = rng.normal(size=(1100, 5))
    whole = predict(network, X)
    assert whole.dtype == np.float64  # the output activation's
    for n in SOME_SIZES:
        first = int(rng.integers(0, 1101 - n))
        np.testing.assert_array_equal(predict(network, X[first : first + n]), whole[first:][:n])
    order = rng.permutation(1100)
    np.testing.assert_array_equal(predict(network, X[order]), whole[order])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(5, 1), (4, 20, 1), (784, 2), (30, 128, 128, 10)])
def test_every_number_of_rows_gives_the_same_bits(sizes: tuple[int, ...], dtype: Any) -> None:
    network = _network(Architecture(sizes, ("relu",) * (len(sizes) - 2), "mse"), dtype)
    X = np.random.default_rng(9).normal(size=(1100, sizes[0]))
    whole = predict(network, X)
    step = 1 if max(sizes) < 100 else 37
    for n in range(1, 1101, step):
        assert np.array_equal(predict(network, X[1100 - n :]), whole[1100 - n :]), n


# Wide enough to be shared; 600 inputs are more than a BLAS adds up in one go.
WIDE = Architecture((600, 80, 2), ("tanh",), "mse")


@pytest.mark.parametrize("n", [1, 1023, 1024, 2600])
def test_threads_give_the_same_bits(n: int) -> None:
    network = _network(WIDE, np.float32)
    X = np.random.default_rng(14).normal(size=(n, 600))
    with threadpool_limits(1, "blas"):
        alone = predict(network, X)
        for threads in (2, 3):
            np.testing.assert_array_equal(predict(network, X, threads), alone)


def test_predictions_in_several_threads_at_once() -> None:
    network = _network(WIDE, np.float32)
    parts = np.random.default_rng(15).normal(size=(8, 1500, 600))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda X: predict(network, X, 2), parts))
        for X, y_hat in zip(parts, found, strict=True):
            np.testing.assert_array_equal(y_hat, predict(network, X))


def test_an_error_in_one_thread_ends_the_others() -> None:
    network = _network(WIDE, np.float32)
    blocks = itertools.count(1)

    class Head:
        def predict(self, z: Any, y_hat: Any) -> None:
            if next(blocks) == 3:
                raise MemoryError

    network.head = cast(Any, Head())
    with pytest.raises(MemoryError):
        predict(network, np.zeros((100 * BLOCK_ROWS, 600)), threads=2)
    assert next(blocks) < 50


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_hidden_layer_is_what_the_next_one_sees(dropout: float, dtype: Any) -> None:
    names = ("tanh", "relu")
    network = _network(Architecture((5, 9, 9, 3), names, "mse", dropout=dropout), dtype)
    X = np.random.default_rng(16).normal(size=(1100, 5))
    a1, a2 = hidden_layer(network, X, 1), hidden_layer(network, X, 2)
    assert (a1.shape, a2.shape, a1.dtype, a2.dtype) == ((1100, 9), (1100, 9), dtype, dtype)
    (W1, W2, W3), (b1, b2, b3) = network.parameters.W, network.parameters.b
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(a1, np.tanh(X @ W1.T + b1), **close)
    np.testing.assert_allclose(a2, np.maximum(a1 @ W2.T + b2, 0.0), **close)
    np.testing.assert_allclose(a2 @ W3.T + b3, predict(network, X), **close)


def test_no_rows_give_no_predictions() -> None:
    network = _network(Architecture((3, 2), (), "mse"))
    assert predict(network, np.empty((0, 3))).shape == (0, 2)
    deep = _network(Architecture((3, 4, 2), ("relu",), "mse"))
    assert hidden_layer(deep, np.empty((0, 3)), 1).shape == (0, 4)


@pytest.mark.parametrize("n", [1, BLOCK_ROWS, BLOCK_ROWS + 1, 1100])
def test_mean_loss_is_the_weighted_mean_over_all_blocks(n: int) -> None:
    network = _network(Architecture((3, 4, 2), ("tanh",), "mse", l2=5.0))
    rng = np.random.default_rng(10)
    X, Y, s = rng.normal(size=(n, 3)), rng.normal(size=(n, 2)), rng.uniform(0.1, 2.0, n)
    each = ((predict(network, X) - Y) ** 2).mean(axis=1)  # the penalty is not in it
    assert mean_loss(network, X, Y) == pytest.approx(each.mean(), rel=1e-12)
    expected = (s * each).sum() / s.sum()
    assert mean_loss(network, X, Y, s) == pytest.approx(expected, rel=1e-12)


def test_weights_in_proportion_keep_their_shares_to_the_bit() -> None:
    weights = np.random.default_rng(16).random(100)
    for factor in (1e-300, 1.0, 1e300):
        found = in_proportion(factor * weights)
        assert 0.5 <= found.max() < 1.0
        np.testing.assert_array_equal(
            found / found.sum(), (factor * weights) / (factor * weights).sum()
        )
    assert in_proportion(np.full(9, 1.7e308)).sum() < 9.0  # their own sum overflows
