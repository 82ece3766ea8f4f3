"""What must hold for any numbers: softmax, the order of rows, the flat vector and its views."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nnfit.gradcheck.problems import random_problem
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.inference import mean_loss, predict
from nnfit.nn.layout import affine_layers
from nnfit.nn.losses import RESIDUAL_LOSSES, make_head, softmax
from nnfit.nn.names import LOSSES, OUTPUT_ACTIVATIONS
from nnfit.nn.network import Architecture, Network, Parameters
from nnfit.training.metrics import roc_auc

Array = NDArray[Any]
PROPERTY = settings(deadline=None, max_examples=60)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
LOGITS = hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e4, 1e4))
SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


@PROPERTY
@given(LOGITS)
def test_softmax_columns_are_distributions(z: Array) -> None:
    y_hat = np.empty_like(z)
    softmax(z, y_hat)
    assert (y_hat >= 0.0).all()
    np.testing.assert_allclose(y_hat.sum(axis=0), 1.0, rtol=1e-14)


@PROPERTY
@given(LOGITS, st.floats(-1e4, 1e4))
def test_softmax_ignores_a_shift(z: Array, shift: float) -> None:
    y_hat, shifted = np.empty_like(z), np.empty_like(z)
    softmax(z, y_hat)
    softmax(z + shift, shifted)
    # z + shift is rounded to eps * 2e4 = 4e-12, and exp hands that on as a relative error
    np.testing.assert_allclose(shifted, y_hat, rtol=2e-11, atol=1e-300)


@PROPERTY
@given(LOGITS, SEEDS)
def test_cross_entropy_is_never_negative_and_ignores_a_shift(z: Array, seed: int) -> None:
    K, N = z.shape
    Y = np.eye(K)[np.random.default_rng(seed).integers(K, size=N)].T
    head, delta = make_head("cross_entropy", "softmax"), np.empty_like(z)
    losses = head.losses(z, Y)
    assert (losses >= 0.0).all()
    head.delta(z, Y, 1.0 / N, delta)
    np.testing.assert_allclose(delta.sum(axis=0), 0.0, atol=1e-14)  # both y_hat and y sum to 1
    np.testing.assert_allclose(head.losses(z + 128.0, Y), losses, rtol=1e-11, atol=1e-11)


@PROPERTY
@given(SEEDS, st.sampled_from(list(LOSSES)), st.sampled_from(sorted(ACTIVATIONS)), st.booleans())
def test_loss_and_gradient_ignore_the_order_of_rows(
    seed: int, loss: str, name: str, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    K = {"binary_cross_entropy": 1, "gaussian_nll": 2}.get(loss, 3)
    problem = random_problem("", Architecture((2, 4, K), (name,), loss), rng, 7, weighted)
    network, ws = problem.build(np.float64)
    value = network.loss_and_gradient(ws, problem.share)
    gradient = network.gradient.flat.copy()
    order = rng.permutation(7)
    ws.load(problem.X[order], problem.Y[order])
    share = np.broadcast_to(problem.share, 7)[order]
    np.testing.assert_allclose(network.loss_and_gradient(ws, share), value, rtol=1e-12)
    np.testing.assert_allclose(network.gradient.flat, gradient, rtol=1e-9, atol=1e-12)


@PROPERTY
@given(SEEDS, st.sampled_from(sorted(RESIDUAL_LOSSES)), st.sampled_from(list(OUTPUT_ACTIVATIONS)))
def test_residual_losses_are_zero_only_at_the_target(seed: int, loss: str, output: str) -> None:
    rng = np.random.default_rng(seed)
    network = Network(Architecture((3, 2), (), loss, output_activation=output))
    # eighths: W x + b is exact, and so the same in whatever order a processor adds it up
    network.parameters.flat[:] = rng.integers(-16, 17, size=8) / 8.0
    X = rng.integers(-16, 17, size=(5, 3)) / 8.0
    Y = predict(network, X)
    assert mean_loss(network, X, Y) == 0.0
    assert mean_loss(network, X, Y + 0.5) > 0.1


@PROPERTY
@given(SEEDS, st.floats(0.01, 100.0))
def test_only_the_proportion_of_sample_weights_counts(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    network = Network(Architecture((3, 2), (), "mse"))
    network.parameters.flat[:] = rng.normal(size=8)
    X, Y, s = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.uniform(0.1, 1.0, 5)
    np.testing.assert_allclose(
        mean_loss(network, X, Y, factor * s), mean_loss(network, X, Y, s), rtol=1e-12
    )


@PROPERTY
@given(SIZES, st.booleans())
def test_weights_and_biases_are_the_flat_vector(sizes: tuple[int, ...], bias: bool) -> None:
    p = Parameters((layout := affine_layers(sizes, bias)), np.zeros(layout.size))
    arrays = [*p.W, *p.b]
    assert sum(array.size for array in arrays) == p.flat.size
    for array in arrays:
        assert array.base is not None and np.shares_memory(array, p.flat)
    p.flat[:] = np.arange(p.flat.size)
    held = np.concatenate([array.ravel() for array in arrays])
    assert sorted(held.tolist()) == p.flat.tolist()  # each entry in exactly one array
    for array in arrays:
        array += 0.5
    np.testing.assert_array_equal(p.flat, np.arange(p.flat.size) + 0.5)
    for Wb, W in zip(p.Wb, p.W, strict=True):
        np.testing.assert_array_equal(Wb[:, : W.shape[1]], W)


@PROPERTY
@given(SIZES, st.booleans())
def test_parameters_are_counted_as_they_are(sizes: tuple[int, ...], bias: bool) -> None:
    names = ("tanh",) * (len(sizes) - 2)
    architecture = Architecture(sizes, names, "mse", bias=bias)
    counted = sum(n_out * (n_in + bias) for n_in, n_out in itertools.pairwise(sizes))
    assert architecture.n_parameters == Network(architecture).parameters.flat.size == counted


@PROPERTY
@given(SEEDS, st.integers(2, 40))
def test_roc_auc_is_the_chance_to_rank_a_pair_right(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    positive, score = np.arange(n) % 2 == 0, rng.integers(5, size=n).astype(float)
    pairs = [(p > q) + 0.5 * (p == q) for p in score[positive] for q in score[~positive]]
    found = roc_auc(positive, score)
    assert found is not None
    np.testing.assert_allclose(found, np.mean(pairs), rtol=1e-12)
