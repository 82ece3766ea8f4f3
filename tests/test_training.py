"""The epoch loop: what it learns, what it counts, what it keeps, and how it ends."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from loops import make_fit
from numpy.typing import NDArray

import nnfit
from nnfit.config.reading import load_config
from nnfit.errors import ExitCode, Interrupted, TrainingError
from nnfit.nn.inference import mean_loss, predict
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import clip_norm, make_optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import EpochRecord, Observer
from nnfit.run.run import train_run
from nnfit.training.examples import Examples, network_rows
from nnfit.training.fit import Result
from nnfit.training.gradients import Alone, Shards
from nnfit.training.history import to_arrays
from nnfit.training.state import Settings
from nnfit.training.stop import StopRequest
from nnfit.training.streams import PURPOSES, stream
from nnfit.training.threads import (
    available_cores,
    blas_threads,
    choose_threads,
)

Array = NDArray[Any]


def _fit(
    network: Network,
    X: Array,
    Y: Array,
    *,
    epochs: int = 10,
    batch_size: int = 10**9,
    learning_rate: float = 0.1,
    optimizer: str = "sgd",
    weights: Array | None = None,
    validation: Examples | None = None,
    patience: int | None = None,
    patience_factor: float = 1.0,
    clip_norm: float | None = None,
    schedule: Schedule | None = None,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    metric: Callable[[Array], float] = lambda y_hat: 0.5,
    seed: int = 0,
) -> Result:
    return make_fit(
        network,
        make_optimizer(optimizer, network.is_weight),
        Settings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            patience=patience,
            patience_factor=patience_factor,
            clip_norm=clip_norm,
        ),
        network_rows(X, Y, weights, network),
        validation,
        schedule=schedule,
        seed=seed,
        metric=metric,
        observer=observer,
        stop=stop,
    ).run()


def _initialized(architecture: Architecture, dtype: Any = np.float64, seed: int = 0) -> Network:
    network = Network(architecture, dtype)
    network.initialize("auto", np.random.default_rng(seed))
    return network


def _one_weight(dtype: Any = np.float64) -> Network:
    """Return y_hat = w x with w = 0: on x = 1, y = 1 a step of 0.1 takes w to 1 - 0.8 (1 - w)."""
    return Network(Architecture((1, 1), (), "mse", bias=False), dtype)


ONE = np.ones((1, 1))


def _rows_of(network: Network, y: float) -> Examples:
    return network_rows(ONE, np.array([[y]]), None, network)


# --- learning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss, K", [("mse", 2), ("binary_cross_entropy", 1), ("cross_entropy", 3)])
def test_it_overfits_twenty_rows(loss: str, K: int) -> None:
    rng = np.random.default_rng(1)
    X, noise = rng.normal(size=(20, 4)), rng.normal(size=(20, K))
    Y = {
        "mse": noise,
        "binary_cross_entropy": (noise > 0.0).astype(float),
        "cross_entropy": np.eye(K)[noise.argmax(axis=1)],
    }[loss]
    network = _initialized(Architecture((4, 32, 32, K), ("relu", "relu"), loss))
    before = mean_loss(network, X, Y)
    _fit(network, X, Y, epochs=400, batch_size=5, optimizer="adam", learning_rate=0.01)
    # targets are noise: the mean, or the class shares, score about 1 or ln K
    assert before > 0.3
    assert mean_loss(network, X, Y) < 1e-3


@pytest.mark.parametrize("K", [2, 3, 10])
def test_a_zero_last_layer_has_the_loss_ln_K(K: int) -> None:
    network = _initialized(Architecture((4, 8, K), ("relu",), "cross_entropy"))
    network.parameters.Wb[-1].fill(0.0)
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(30, 4)), np.eye(K)[rng.integers(K, size=30)]
    assert mean_loss(network, X, Y) == pytest.approx(math.log(K), rel=1e-14)
    result = _fit(network, X, Y, epochs=1)
    assert result.records[0].train_loss == pytest.approx(math.log(K), rel=1e-14)


def test_a_zero_last_layer_of_one_sigmoid_has_the_loss_ln_2() -> None:
    network = Network(Architecture((2, 1), (), "binary_cross_entropy"))
    X, Y = np.ones((4, 2)), np.array([[0.0], [1.0], [1.0], [1.0]])
    assert mean_loss(network, X, Y) == pytest.approx(math.log(2.0), rel=1e-15)


def test_full_batch_is_gradient_descent() -> None:
    rng = np.random.default_rng(3)
    X, Y, s = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng.uniform(0.5, 2.0, 9)
    network = _initialized(Architecture((3, 4, 2), ("tanh",), "mse", l2=0.01))
    (W1, W2), (b1, b2) = (
        [array.copy() for array in arrays]
        for arrays in (network.parameters.W, network.parameters.b)
    )
    share = s / s.sum()
    losses = []
    for _ in range(30):  # the same thirty steps, row by row
        dW1, db1, dW2, db2, loss = 0.01 * W1, 0.0 * b1, 0.01 * W2, 0.0 * b2, 0.0
        for x, y, part in zip(X, Y, share, strict=True):
            a = np.tanh(W1 @ x + b1)
            e = W2 @ a + b2 - y
            loss += part * float(e @ e) / 2.0
            delta2 = part * e  # d/dy_hat of the mean of two squares
            delta1 = (W2.T @ delta2) * (1.0 - a**2)
            dW2, db2 = dW2 + np.outer(delta2, a), db2 + delta2
            dW1, db1 = dW1 + np.outer(delta1, x), db1 + delta1
        losses.append(loss)
        W1, b1, W2, b2 = W1 - 0.2 * dW1, b1 - 0.2 * db1, W2 - 0.2 * dW2, b2 - 0.2 * db2
    result = _fit(network, X, Y, epochs=30, learning_rate=0.2, weights=s)
    np.testing.assert_allclose([r.train_loss for r in result.records], losses, rtol=1e-11)
    p = network.parameters
    for found, expected in zip((*p.W, *p.b), (W1, W2, b1, b2), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


# --- seeds ------------------------------------------------------------------------------------


def _trained_bytes(seed: int, **changes: Any) -> bytes:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["u", "v", "w"])
    frame["y"] = frame["u"] + frame["v"] ** 2
    config = {
        "data": {"target": "y"},
        "model": {"hidden_sizes": [8], "dropout": 0.2, **changes},
        "training": {"epochs": 3, "batch_size": 7},
        "seed": seed,
    }
    return bytes(nnfit.train(config, frame).network.parameters.flat.tobytes())


def test_same_seed_same_arrays_bit_for_bit_and_another_seed_differs() -> None:
    first = _trained_bytes(5)
    assert first == _trained_bytes(5)
    assert first != _trained_bytes(6)
    assert first != _trained_bytes(5, dropout=0.3)


def test_each_stream_is_its_own_and_fixed_by_the_seed() -> None:
    draws = {purpose: stream(7, purpose).random() for purpose in PURPOSES}
    assert list(draws) == ["split", "initialization", "shuffling", "dropout"]
    assert len(set(draws.values())) == 4
    assert draws == {purpose: stream(7, purpose).random() for purpose in PURPOSES}
    assert set(draws.values()).isdisjoint(stream(8, purpose).random() for purpose in PURPOSES)


def test_the_first_members_streams_are_those_of_a_run_of_one() -> None:
    children = np.random.SeedSequence(7).spawn(4)  # as models were trained from the first on
    for purpose, child in zip(PURPOSES, children, strict=True):
        expected = np.random.default_rng(child).integers(2**63, size=9)
        for rng in (stream(7, purpose), stream(7, purpose, 0)):
            np.testing.assert_array_equal(rng.integers(2**63, size=9), expected)


def test_each_member_has_its_own_streams() -> None:
    draws = [
        stream(seed, purpose, member).random()
        for seed in (0, 1)
        for purpose in PURPOSES
        for member in range(20)
    ]
    assert len(set(draws)) == len(draws)


# --- minibatches ------------------------------------------------------------------------------


class _Recorder(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.best: list[bool] = []

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self.records.append(record)
        self.best.append(best)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 9, 10])
def test_train_loss_counts_a_short_last_batch_right(batch_size: int, weighted: bool) -> None:
    rng = np.random.default_rng(8)
    X, Y = rng.normal(size=(10, 3)), 3.0 * rng.normal(size=(10, 2))
    s = rng.uniform(0.0, 2.0, 10) if weighted else None
    if s is not None:
        s[3] = 0.0  # alone in its batch when batch_size is 1
    network = _initialized(Architecture((3, 4, 2), ("tanh",), "mse"))
    each = ((predict(network, X) - Y) ** 2).mean(axis=1)
    expected = each.mean() if s is None else (s * each).sum() / s.sum()
    # so slow that the parameters stand still to 1e-12 during the epoch
    result = _fit(network, X, Y, epochs=1, batch_size=batch_size, learning_rate=1e-14, weights=s)
    assert result.records[0].train_loss == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_the_penalty_is_told_beside_the_loss(l2: float) -> None:
    rng = np.random.default_rng(8)
    X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    network = _initialized(Architecture((3, 4, 2), ("tanh",), "mse", l2=l2))
    losses = (predict(network, X) - Y) ** 2
    result = _fit(network, X, Y, epochs=2, batch_size=10, learning_rate=0.1)
    assert result.records[0].train_loss == pytest.approx(losses.mean(), rel=1e-12)
    penalty = 0.5 * l2 * sum(float((W**2).sum()) for W in network.parameters.W)
    expected = pytest.approx(penalty, rel=1e-12) if l2 else None
    assert result.records[-1].penalty == expected


def test_every_epoch_sees_every_row_once_in_a_new_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[float]] = []
    original = Network.differentiate

    def spy(self: Network, ws: Any, share: Any, dropout: bool = False) -> Any:
        seen.append(ws.a[0][0].tolist())
        return original(self, ws, share, dropout)

    monkeypatch.setattr(Network, "differentiate", spy)
    X = np.arange(10.0)[:, None]
    _fit(_one_weight(), X, X, epochs=3, batch_size=4, learning_rate=1e-9)
    assert [len(batch) for batch in seen] == [4, 4, 2] * 3
    orders = [sum(seen[3 * k : 3 * k + 3], []) for k in range(3)]
    assert all(sorted(order) == X[:, 0].tolist() for order in orders)
    assert orders[0] != orders[1] != orders[2]


WEIGHTS = np.array([3.0, 0.0, 0.5, 1.0, 0.0, 7.0, 0.25, 1.25, 2.0, 4.0, 0.0, 0.0])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("loss", ["mse", "huber", "binary_cross_entropy", "cross_entropy"])
def test_the_mean_of_an_epochs_gradients_is_that_of_all_rows(
    batch_size: int, sharded: bool, loss: str
) -> None:
    rng = np.random.default_rng(11)
    network = _initialized(Architecture((3, 4, 2), ("tanh",), loss, l2=0.3))
    Y = np.eye(2)[rng.integers(2, size=12)]
    rows = network_rows(rng.normal(size=(12, 3)), Y, WEIGHTS * 1e30, network)
    shards = Shards(network, 2, n_threads=1, probe=False, observer=Observer())
    gradients = shards if sharded else Alone(network, rng)

    def gradient(batch: Examples) -> Array:
        gradients.differentiate(batch)
        return network.gradient.flat.copy()

    each = [gradient(rows[first : first + batch_size]) for first in range(0, 12, batch_size)]
    ws = network.workspace(12)
    ws.take(rows.X, rows.Y)
    network.loss_and_gradient(ws, WEIGHTS / WEIGHTS.sum())  # the loss as it is defined
    np.testing.assert_allclose(np.mean(each, axis=0), network.gradient.flat, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 10**9])
def test_a_weight_is_a_row_so_many_times(batch_size: int) -> None:
    """Steps so small that they add up: an epoch over weighted rows as one over repeated ones."""
    rng = np.random.default_rng(12)
    X, Y, s = (
        rng.normal(size=(9, 3)),
        rng.normal(size=(9, 2)),
        np.array([3, 1, 0, 2, 5, 1, 1, 0, 4]),
    )
    moved = []
    for rows, weights in ((np.arange(9), s * 1.0), (np.repeat(np.arange(9), s), None)):
        network = _initialized(Architecture((3, 4, 2), ("tanh",), "mse"))
        before = network.parameters.flat.copy()
        steps = -(-len(rows) // batch_size)
        _fit(network, X[rows], Y[rows], weights=weights, batch_size=batch_size, epochs=1,
             learning_rate=1e-9 / steps)  # fmt: skip
        moved.append(network.parameters.flat - before)
    np.testing.assert_allclose(*moved, rtol=1e-5, atol=1e-15)


@pytest.mark.parametrize("class_weight", ["balanced", {"yes": 9.0, "no": 1.0}])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_class_weights_move_the_prediction_whatever_the_batch(
    class_weight: Any, batch_size: int
) -> None:
    x = np.random.default_rng(3).normal(size=40)
    frame = pd.DataFrame({"x": x, "y": ["yes"] * 4 + ["no"] * 36})
    config = {
        "data": {"target": "y", "validation": 0},
        "model": {"hidden_sizes": []},
        "class_weight": class_weight,
        "optimizer": {"name": "sgd", "learning_rate": 0.02},
        "training": {"epochs": 150, "batch_size": batch_size},
    }
    p = nnfit.train(config, frame).predict_proba(frame)
    assert 0.4 < p[:, 1].mean() < 0.6  # unweighted it is 0.1


def test_learning_rate_is_the_schedules_at_the_middle_of_each_step() -> None:
    times: list[float] = []

    class Spy(Schedule):
        def at(self, time: float) -> float:
            times.append(time)
            return super().at(time)

    X = np.ones((8, 1))
    result = _fit(
        _one_weight(), X, X, epochs=2, batch_size=4, schedule=Spy("cosine", 2), learning_rate=0.3
    )
    assert times == [0.25, 0.75, 1.25, 1.75]
    last = [0.3 * Schedule("cosine", 2).at(time) for time in (0.75, 1.75)]
    assert [record.learning_rate for record in result.records] == last


def test_clip_norm_limits_the_whole_gradient() -> None:
    rng = np.random.default_rng(9)
    X, Y = rng.normal(size=(6, 3)), 50.0 * rng.normal(size=(6, 2))
    network = _initialized(Architecture((3, 2), (), "mse"))
    start = network.parameters.flat.copy()
    _fit(network, X, Y, epochs=1, learning_rate=1.0, clip_norm=0.25)
    step = start - network.parameters.flat
    assert float(np.sqrt(step @ step)) == pytest.approx(0.25, rel=1e-12)
    free = _initialized(Architecture((3, 2), (), "mse"))
    _fit(free, X, Y, epochs=1, learning_rate=1.0)
    direction = start - free.parameters.flat
    assert clip_norm(direction, 0.25) > 1.0
    np.testing.assert_allclose(step, direction, rtol=1e-10)


def test_dropout_is_on_in_training_and_off_in_validation() -> None:
    rng = np.random.default_rng(10)
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    train, validation = {}, {}
    for dropout in (0.0, 0.5):
        network = _initialized(Architecture((3, 16, 1), ("tanh",), "mse", dropout=dropout))
        held_out = network_rows(X, Y, None, network)
        result = _fit(network, X, Y, epochs=2, learning_rate=1e-14, validation=held_out)
        train[dropout] = [record.train_loss for record in result.records]
        validation[dropout] = [record.validation_loss for record in result.records]
    # the parameters stand still, so that the masks alone make a difference
    assert validation[0.5] == pytest.approx(validation[0.0], rel=1e-11)
    assert train[0.0] == pytest.approx(validation[0.0], rel=1e-11)
    assert abs(train[0.5][0] - train[0.0][0]) > 0.01
    assert abs(train[0.5][1] - train[0.5][0]) > 0.001  # each step draws new ones


# --- what is kept -----------------------------------------------------------------------------


def test_the_best_epochs_weights_are_kept() -> None:
    # w goes 0.2, 0.36, 0.488, 0.5904, ... to 1; the validation row wants 0.5
    network, recorder = _one_weight(), _Recorder()
    result = _fit(network, ONE, ONE, validation=_rows_of(network, 0.5), observer=recorder)
    assert (result.best_epoch, len(result.records), result.stopped_early) == (3, 10, False)
    assert network.parameters.flat[0] == pytest.approx(0.488, rel=1e-14)
    w = [1.0 - 0.8**k for k in range(1, 11)]
    found = [record.validation_loss for record in result.records]
    assert found == pytest.approx([(w_k - 0.5) ** 2 for w_k in w], rel=1e-11)
    assert recorder.records == result.records
    assert recorder.best == [True, True, True] + [False] * 7
    assert {record.metric for record in result.records} == {0.5}


def test_validation_loss_is_weighted() -> None:
    network = _one_weight()
    held_out = network_rows(
        np.zeros((2, 1)), np.array([[1.0], [3.0]]), np.array([3.0, 1.0]), network
    )
    result = _fit(network, ONE, ONE, epochs=1, validation=held_out)
    assert result.records[0].validation_loss == 3.0  # (3 * 1 + 1 * 9)/4


def test_without_validation_the_last_epochs_weights_are_kept() -> None:
    network, recorder = _one_weight(), _Recorder()
    result = _fit(network, ONE, ONE, epochs=5, patience=2, observer=recorder)
    assert (result.best_epoch, len(result.records), result.stopped_early) == (5, 5, False)
    assert network.parameters.flat[0] == pytest.approx(1.0 - 0.8**5, rel=1e-14)
    assert recorder.best == [False] * 5
    assert result.records[0].validation_loss is None
    assert result.records[0].metric == 0.5  # of the training rows


def test_without_validation_the_metric_is_over_training_rows_and_not_too_many() -> None:
    def rows_judged(n: int) -> int:
        judged: list[int] = []

        def metric(y_hat: Array) -> float:
            judged.append(len(y_hat))
            return 0.5

        _fit(_one_weight(), np.ones((n, 1)), np.ones((n, 1)), epochs=1, metric=metric)
        return judged[0]

    assert [rows_judged(n) for n in (1, 50, 4096, 4097, 100_000)] == [1, 50, 4096, 2049, 4000]


@pytest.mark.parametrize(
    "losses, patience, factor, epochs, best",
    [
        ([3.0, 2.0, 2.0, 2.0, 1.0, 1.0], 3, 1.0, 6, 5),  # better again just in time
        ([3.0, 2.0, 2.0, 2.0, 1.0, 1.0], 2, 1.0, 4, 2),  # an equal loss is not a better one
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1, 1.0, 2, 1),
        ([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 1, 1.0, 6, 6),
        ([1.0, 2.0, 0.5, 9.0, 9.0, 9.0], None, 1.0, 6, 3),
        ([2.0, 1.0, 2.0, 2.0, 2.0, 2.0], 1, 2.0, 5, 2),  # two times two, and one
        ([2.0, 1.0, 2.0, 2.0, 2.0, 2.0], 1, 1.5, 4, 2),
        ([2.0, 1.0, 2.0, 2.0, 0.5, 2.0], 1, 2.0, 6, 5),
        ([1.0, 2.0, 2.0, 2.0, 2.0, 2.0], 2, 1.7, 4, 1),  # 3.7
    ],
)
def test_patience_counts_epochs_without_a_better_loss(
    losses: list[float],
    patience: int | None,
    factor: float,
    epochs: int,
    best: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script: Iterator[float] = iter(losses)
    monkeypatch.setattr("nnfit.training.judge.weighted_mean", lambda *args: next(script))
    network = _one_weight()
    result = _fit(
        network, ONE, ONE, epochs=6, validation=_rows_of(network, 1.0), patience=patience,
        patience_factor=factor,
    )  # fmt: skip
    assert (len(result.records), result.best_epoch) == (epochs, best)
    assert result.stopped_early == (epochs < 6)
    assert network.parameters.flat[0] == pytest.approx(1.0 - 0.8**best, rel=1e-14)


def test_plateau_hears_the_validation_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    script = iter([1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr("nnfit.training.judge.weighted_mean", lambda *args: next(script))
    network = _one_weight()
    schedule = Schedule("plateau", 5, every=2)
    result = _fit(network, ONE, ONE, epochs=5, validation=_rows_of(network, 1.0), schedule=schedule)
    assert [record.learning_rate for record in result.records] == [0.1, 0.1, 0.1, 0.05, 0.05]


def test_history_has_an_array_for_each_field() -> None:
    figures = {
        "epoch": (1, 2),
        "train_loss": (0.5, 0.25),
        "validation_loss": (None, 0.5),
        "metric": (None, 1.0),
        "learning_rate": (0.1, 0.2),
        "rows_per_second": (9.0, 9.0),
    }
    records = [EpochRecord(**{k: v[i] for k, v in figures.items()}) for i in range(2)]
    arrays = to_arrays(records)
    assert list(arrays) == ["epoch", "train_loss", "validation_loss", "metric", "learning_rate"]
    assert arrays["epoch"].dtype == np.int64 and arrays["epoch"].tolist() == [1, 2]
    np.testing.assert_array_equal(arrays["train_loss"], [0.5, 0.25])
    np.testing.assert_array_equal(arrays["validation_loss"], [np.nan, 0.5])
    np.testing.assert_array_equal(arrays["learning_rate"], [0.1, 0.2])


# --- how it ends ------------------------------------------------------------------------------

ADVICE = (
    "try a smaller optimizer.learning_rate, or set optimizer.clip_norm "
    "or training.on_divergence: rollback"
)


def test_a_loss_that_overflows_is_told_once() -> None:
    # float32: the residual grows from 1 to 2e20, whose square is beyond 3.4e38
    network = _one_weight(np.float32)
    with pytest.raises(TrainingError) as caught:
        _fit(network, ONE, ONE, learning_rate=1e20)
    expected = f"loss became inf in epoch 2, step 1 (learning_rate=1e+20); {ADVICE}"
    assert str(caught.value) == expected
    assert caught.value.exit_code is ExitCode.FAILED


@pytest.mark.parametrize("validated", [False, True])
def test_what_the_last_update_leaves_is_judged(validated: bool) -> None:
    """No loss follows it; a tanh hides a weight that is not finite from the validation loss too."""
    network = Network(Architecture((1, 1, 1), ("tanh",), "mse", bias=False), np.float32)
    network.parameters.flat[:] = 0.5
    rows = network_rows(ONE, ONE, None, network)
    fit = make_fit(
        network,
        make_optimizer("sgd", network.is_weight),
        Settings(epochs=1, batch_size=1, learning_rate=0.1),
        rows,
        rows if validated else None,
    )

    def step(parameters: Array, gradient: Array, rate: float) -> None:
        parameters[:] = [math.inf, 0.5] if validated else [0.5, math.inf]

    fit.state.optimizers[0].step = step  # type: ignore[method-assign]
    what = "a weight is not finite" if validated else "an output is not finite"
    with pytest.raises(TrainingError, match=f"^{what} in epoch 1, step 1 "):
        fit.run()


def test_a_loss_that_is_no_number_is_told_with_its_step() -> None:
    X = np.array([[1.0], [1.0], [math.nan]])
    network = _one_weight()
    network.parameters.flat[:] = 0.5  # some products pass over a weight of 0, whatever it meets
    with pytest.raises(TrainingError) as caught:
        _fit(network, X, np.ones((3, 1)), batch_size=3, learning_rate=0.25)
    expected = f"loss became nan in epoch 1, step 1 (learning_rate=0.25); {ADVICE}"
    assert str(caught.value) == expected


def test_a_validation_loss_that_overflows_is_told_apart() -> None:
    network = _one_weight(np.float32)
    validation = network_rows(1e30 * ONE, ONE, None, network)
    with pytest.raises(TrainingError) as caught:
        _fit(network, ONE, ONE, validation=validation)
    expected = f"validation loss became inf in epoch 1, step 1 (learning_rate=0.1); {ADVICE}"
    assert str(caught.value) == expected


class _Stopper(Observer):
    """Sends this process a signal when an epoch ends."""

    def __init__(self, epoch: int, number: int) -> None:
        self.at, self.number = epoch, number

    def epoch(self, record: EpochRecord, best: bool) -> None:
        if record.epoch == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_a_signal_ends_the_run_with_the_best_weights(number: int, code: ExitCode) -> None:
    network, stop = _one_weight(), StopRequest()
    before = signal.getsignal(number)
    with stop:
        result = _fit(
            network,
            ONE,
            ONE,
            validation=_rows_of(network, 0.5),
            observer=_Stopper(6, number),
            stop=stop,
        )
    assert signal.getsignal(number) is before
    assert (stop.signal, stop.exit_code) == (number, code)
    assert result.interrupted and not result.stopped_early
    assert (len(result.records), result.best_epoch) == (6, 3)
    assert network.parameters.flat[0] == pytest.approx(0.488, rel=1e-14)


def test_a_signal_within_an_epoch_drops_the_unfinished_one() -> None:
    network, stop = _one_weight(), StopRequest()

    class Spy(Schedule):
        stays = False

        def at(self, time: float) -> float:
            if time > 1.4:  # the second of epoch 2's four steps
                os.kill(os.getpid(), signal.SIGINT)
            return super().at(time)

    X = np.ones((4, 1))
    with stop:
        result = _fit(network, X, X, batch_size=1, schedule=Spy("constant", 10), stop=stop)
    assert result.interrupted and len(result.records) == result.best_epoch == 1
    assert network.parameters.flat[0] == pytest.approx(1.0 - 0.8**4, rel=1e-14)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt; a shell's background jobs start with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_the_second_signal_acts_as_it_always_does() -> None:
    with StopRequest() as stop, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_a_run_stopped_before_its_first_epoch_gives_no_model() -> None:
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20), "y": np.linspace(1.0, 2.5, 20)})
    file = load_config({"preset": "none", "data": {"target": "y"}}, (), "-")
    stop = StopRequest()
    stop.signal = signal.SIGTERM
    with pytest.raises(Interrupted) as caught:
        train_run(file, frame, stop=stop)
    assert str(caught.value) == "stopped before the first epoch ended; no model was written"
    assert caught.value.exit_code is ExitCode.TERMINATED


# --- threads ----------------------------------------------------------------------------------


def test_auto_threads_are_a_function_of_the_work_alone() -> None:
    assert choose_threads("auto", shards=1) == 1
    assert choose_threads("auto", shards=10**6) == available_cores() >= 1
    assert choose_threads(3, shards=1) == choose_threads(3, shards=4) == 3


def test_blas_threads_are_limited_inside_and_given_back_outside() -> None:
    from threadpoolctl import threadpool_info

    def counts() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = counts()
    with blas_threads(1):
        assert set(counts()) <= {1}
    assert counts() == before


def test_validation_in_blocks_of_the_batch_size_sees_its_own_rows() -> None:
    # training and inference share the workspace of 512 rows
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(1024, 2)), rng.normal(size=(1024, 1))
    held_X, held_Y = rng.normal(size=(600, 2)), rng.normal(size=(600, 1))
    network = _initialized(Architecture((2, 4, 1), ("tanh",), "mse"))
    held = network_rows(held_X, held_Y, None, network)
    result = _fit(network, X, Y, epochs=1, batch_size=512, validation=held)
    expected = ((predict(network, held_X) - held_Y) ** 2).mean()
    assert result.records[0].validation_loss == pytest.approx(expected, rel=1e-12)
    fresh = Network(network.architecture)
    fresh.parameters.flat[:] = network.parameters.flat
    np.testing.assert_array_equal(predict(fresh, held_X), predict(network, held_X))
