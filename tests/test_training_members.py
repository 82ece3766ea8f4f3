"""Members trained together or side by side: each learns what it learns alone; their judges."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from loops import learners_of_members, make_fit
from numpy.typing import NDArray

from nnfit.nn.architecture import Architecture
from nnfit.nn.network import Network
from nnfit.nn.optimizers import clip_norm, make_optimizer
from nnfit.training import learners as room
from nnfit.training.examples import Examples, network_rows
from nnfit.training.fit import Fit
from nnfit.training.judge import FoldJudge, Judge
from nnfit.training.learners import learners_of
from nnfit.training.state import Settings
from nnfit.training.streams import stream

Array = NDArray[Any]
M, N, BATCH, EPOCHS = 3, 23, 4, 3
FOLDS = np.arange(N) % M
NET = Architecture((3, 5, 2), ("tanh",), "mse", l2=0.02)
SETTINGS = Settings(epochs=EPOCHS, batch_size=BATCH, learning_rate=0.05, clip_norm=0.3)


def initialised(architecture: Architecture = NET) -> Network:
    network = Network.of_zeros(architecture, np.float64, M)
    for i in range(M):
        network.member(i).initialize("auto", stream(1, "initialization", i))
    return network


def rows_of(network: Network, weighted: bool = True) -> Examples:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 3))
    s = rng.uniform(0.2, 2.0, N) if weighted else None
    return network_rows(X, np.sin(2.0 * X[:, :2]), s, network)


def run(network: Network, *, alone: bool, folds: Array | None, threads: int = 2) -> Fit:
    """Return the run, which has ended."""
    make = partial(make_optimizer, "adam")
    taking = learners_of_members(network, make, alone=alone, folds=folds, seed=1, threads=threads)
    rows = rows_of(network)
    settings = Settings(**{**vars(SETTINGS), "record_steps": True})
    fit = make_fit(
        network, make(network.is_weight), settings, rows, None if folds is not None else rows,
        of_members=taking, folds=folds, seed=1,
    )  # fmt: skip
    fit.result = fit.run()  # type: ignore[attr-defined]
    taking[0].close()
    return fit


def trained_alone(folds: Array | None) -> tuple[Array, Array]:
    """Return the parameters (M, P) after each epoch, and each step's losses (steps, M).

    Each member takes its steps by itself, in the order that the common stream gives it.
    """
    network = initialised()
    rows, shuffling = rows_of(network), stream(1, "shuffling")
    own = [np.flatnonzero(folds != i) if folds is not None else np.arange(N) for i in range(M)]
    n = min(map(len, own))
    members = [Network(NET, np.float64, flat.copy()) for flat in network.parameters.flat]
    optimizers = [make_optimizer("adam", network.is_weight) for _ in members]
    after, losses = [], []
    for _ in range(EPOCHS):
        orders = [of[shuffling.permutation(len(of))[:n]] for of in own]
        steps = []
        for member, optimizer, order in zip(members, optimizers, orders, strict=True):
            of_member = []
            for start in range(0, n, BATCH):
                some = order[start : start + BATCH]
                ws = member.workspace(len(some))
                ws.take(rows.X[some], rows.Y[some])
                assert rows.weights is not None
                share = rows.weights[some] / len(some)
                of_member.append(member.loss_and_gradient(ws, share))
                clip_norm(member.gradient.flat, 0.3)
                optimizer.step(member.parameters.flat, member.gradient.flat, 0.05)
            steps.append(of_member)
        losses += np.transpose(steps).tolist()
        after.append([member.parameters.flat.copy() for member in members])
    return np.array(after), np.array(losses)


@pytest.mark.parametrize("folds", [None, FOLDS], ids=["all rows", "folds"])
@pytest.mark.parametrize("alone", [False, True], ids=["together", "side by side"])
def test_each_member_learns_what_it_learns_alone(alone: bool, folds: Array | None) -> None:
    network = initialised()
    fit = run(network, alone=alone, folds=folds)
    after, losses = trained_alone(folds)
    result: Any = fit.result  # type: ignore[attr-defined]
    losses_of_each = np.array([record.member_losses for record in result.records])
    for i, best in enumerate(losses_of_each.argmin(axis=0)):  # each keeps its own best epoch
        np.testing.assert_allclose(
            network.parameters.flat[i], after[best, i], rtol=1e-9, atol=1e-12
        )
    np.testing.assert_allclose(result.steps.losses, losses.mean(axis=1), rtol=1e-9)
    assert not np.allclose(after[0, 0], after[0, 1])


def test_the_bits_do_not_depend_on_threads() -> None:
    dropping = Architecture((3, 5, 2), ("tanh",), "mse", dropout=0.3)
    found = []
    for threads in (1, 2, 3):
        network = initialised(dropping)
        run(network, alone=True, folds=FOLDS, threads=threads)
        found.append(network.parameters.flat.tobytes())
    assert found[0] == found[1] == found[2]


def test_small_members_go_together_and_large_ones_side_by_side() -> None:
    small = Architecture((3, 5, 2), ("tanh",), "mse")
    rows = -(-room.SMALL_STEP // small.n_parameters)
    assert learners_of(small, rows - 1, 4) == [slice(None)]
    assert learners_of(small, rows, 4) == [0, 1, 2, 3]
    assert learners_of(small, rows, 1) == [slice(None)]


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_are_judged_each_by_its_own_member(weighted: bool) -> None:
    network = initialised()
    rows = rows_of(network, weighted)
    taking, _ = learners_of_members(network, partial(make_optimizer, "sgd"), folds=FOLDS)
    seen: list[Array] = []

    def metric(y_hat: Array) -> float:
        seen.append(y_hat.copy())
        return 7.0

    loss, shown, *_ = FoldJudge(network, taking, rows, FOLDS, metric).figures()
    expected = np.empty((N, 2))
    for i in range(N):
        flat = network.parameters.flat[FOLDS[i]]
        W1, b1 = flat[:20].reshape(5, 4)[:, :3], flat[:20].reshape(5, 4)[:, 3]
        W2, b2 = flat[20:].reshape(2, 6)[:, :5], flat[20:].reshape(2, 6)[:, 5]
        expected[i] = W2 @ np.tanh(W1 @ rows.X[i, :3] + b1) + b2
    np.testing.assert_allclose(seen[0], expected, rtol=1e-12)
    assert shown == 7.0
    losses = ((expected - rows.Y) ** 2).mean(axis=1)
    s = np.ones(N) if rows.weights is None else rows.weights
    assert loss == pytest.approx((s * losses).sum() / s.sum(), rel=1e-12)
    network.parameters.flat[1, 0] = np.inf
    network.parameters.flat[1, 20] = np.nan  # of one member
    assert np.isnan(FoldJudge(network, taking, rows, FOLDS, metric).figures()[1])
    taking.close()


def test_rows_held_out_of_all_are_judged_by_the_mean() -> None:
    """The loss is the members' mean one, the metric that of their mean prediction."""
    network = initialised()
    rows, seen = rows_of(network, weighted=False), []
    loss, *_ = Judge(network, rows, rows, lambda y_hat: seen.append(y_hat.copy()) or 0.0).figures()
    alone = [Judge(network.member(i), rows, rows, lambda y_hat: 0.0).figures()[0] for i in range(M)]
    assert loss == pytest.approx(np.mean(np.array(alone, float)), rel=1e-12)
    y_hat = [network.member(i).forward(_loaded(network.member(i), rows)).T for i in range(M)]
    np.testing.assert_allclose(seen[0], np.mean(y_hat, axis=0), rtol=1e-12)


def _loaded(network: Network, rows: Examples) -> Any:
    ws = network.workspace(len(rows))
    ws.take(rows.X, rows.Y)
    return ws


def test_the_penalty_beside_the_mean_loss_is_the_members_mean() -> None:
    network = initialised()
    each = [network.member(i).reported_penalty() for i in range(M)]
    assert network.reported_penalty() == pytest.approx(np.mean(np.array(each, float)))
