"""The gradient check itself, tested with wrong gradients: each of them must be caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import nnfit
from nnfit.errors import ConfigError
from nnfit.gradcheck.checking import (
    Check,
    check_problem,
    check_values,
    largest_error,
    relative_errors,
    standard_checks,
    unreached,
)
from nnfit.gradcheck.problems import BUGS, random_problem, standard_problems, with_bug
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.losses import RESIDUAL_LOSSES, Share
from nnfit.nn.names import DISTRIBUTION_LOSSES
from nnfit.nn.network import Architecture, Network, Workspace, product_of
from nnfit.training.gradients import Shards

Array = NDArray[Any]
METHODS = ("complex", "central")
MEMBERS = ("mse", "cross_entropy", *DISTRIBUTION_LOSSES)  # of which two members are checked


def _failed(
    network_class: type[Network], architecture: Architecture, method: str, weighted: bool = False
) -> set[str]:
    """Return the names of the arrays that the check rejects."""
    rng = np.random.default_rng(1)
    problem = random_problem("case", architecture, rng, 6, weighted, network_class)
    return {check.parameter for check in check_problem(problem, method) if not check.passed}


# --- the definition of the error --------------------------------------------------------------


def test_relative_error_is_the_difference_over_the_larger() -> None:
    found = relative_errors(np.array([1.0, -2.0, 0.0, 3.0]), np.array([1.0, -1.0, 4.0, -3.0]))
    assert found.tolist() == [0.0, 0.5, 1.0, 2.0]


def test_both_zero_is_no_error_and_one_zero_is_a_full_one() -> None:
    assert relative_errors(np.zeros(3), np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert relative_errors(np.zeros(1), np.array([1e-300])).tolist() == [1.0]
    assert relative_errors(np.array([1e-300]), np.zeros(1)).tolist() == [1.0]
    assert relative_errors(np.empty(0), np.empty(0)).shape == (0,)


def test_round_off_beside_a_large_entry_is_measured_by_the_large_one() -> None:
    # the scale of a tiny entry is a millionth of the largest: 1e-6 * 2.0
    found = relative_errors(np.array([2.0, 1e-15]), np.array([2.0, 2e-15]))
    assert found == pytest.approx([0.0, 1e-15 / 2e-6], rel=1e-12)
    # the same two numbers in a small array are a wrong gradient
    assert relative_errors(np.array([1e-15]), np.array([2e-15])) == pytest.approx([0.5])


def test_differences_below_the_floor_do_not_count_in_full() -> None:
    found = relative_errors(np.array([1e-9]), np.array([3e-9]), floor=1e-6)
    assert found == pytest.approx([2e-3], rel=1e-12)


def test_largest_error_of_no_checks_is_zero() -> None:
    check = Check(
        case="c",
        parameter="W1",
        shape=(1,),
        relative_error=0.25,
        analytic=1.0,
        numeric=0.75,
        index=(0,),
        passed=False,
        method="complex",
        entries=1,
    )
    assert largest_error([]) == 0.0
    assert largest_error([replace(check, relative_error=0.125), check]) == 0.25


def test_a_failure_names_the_worst_entry_with_both_numbers() -> None:
    class OneWrong(Network):
        def backward(self, ws: Workspace, dropout: bool = False) -> None:
            super().backward(ws, dropout)
            self.gradient.W[0][1, 2] *= 1.5

    problem = random_problem(
        "case", Architecture((3, 2), (), "mse"), np.random.default_rng(0), network_class=OneWrong
    )
    check = next(check for check in check_problem(problem) if check.parameter == "W1")
    assert (check.case, check.index, check.passed) == ("case", (1, 2), False)
    assert check.analytic == pytest.approx(1.5 * check.numeric, rel=1e-12)
    assert check.relative_error == pytest.approx(1.0 / 3.0, rel=1e-12)


# --- the bugs offered to a class --------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BUGS))
def test_each_bug_is_caught_in_every_problem_where_it_can_show(name: str) -> None:
    missed, tried = [], 0
    for problem in standard_problems(with_bug(name)):
        right, ws = replace(problem, network_class=Network).build(np.float64)
        wrong, wrong_ws = problem.build(np.float64)
        for network, workspace in ((right, ws), (wrong, wrong_ws)):
            dropout = problem.architecture.dropout > 0
            network.loss_and_gradient(workspace, problem.share, dropout)
        if np.array_equal(right.gradient.flat, wrong.gradient.flat):
            continue
        tried += 1
        if all(check.passed for check in check_problem(problem)):
            missed.append(problem.case)
    assert missed == []
    assert tried > 200


CAUGHT = [
    # the central difference takes its time
    pytest.param(name, method, marks=pytest.mark.slow) if method == "central" else (name, method)
    for method in METHODS
    for name in sorted(BUGS)
]


@pytest.mark.parametrize(("name", "method"), CAUGHT)
def test_check_gradients_fails_with_a_bug_injected(name: Any, method: Any) -> None:
    result = nnfit.check_gradients(inject_bug=name, method=method)
    assert result["passed"] is False
    assert result["max_relative_error"] > 9e-4


def test_an_unknown_bug_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        nnfit.check_gradients(inject_bug="typo")
    expected = "inject_bug must be one of sign, factor, lost_mean, lost_bias, got 'typo'"
    assert str(caught.value) == expected


def test_a_bias_that_is_not_there_can_not_be_lost() -> None:
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20), "y": np.linspace(1.0, 2.5, 20)})
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": [3], "bias": False}}
    with pytest.raises(ConfigError) as caught:
        nnfit.check_gradients(config, frame, inject_bug="lost_bias")
    assert str(caught.value) == "config: has no bias to lose; inject another bug"


def test_on_one_row_no_mean_can_be_lost(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 20), "y": np.linspace(1.0, 2.5, 20)})
    model = nnfit.train({**SHORT, "data": {"target": "y"}}, frame)
    assert nnfit.check_gradients(model, frame[:1])["passed"] is True
    assert nnfit.check_gradients(model, frame[:2], inject_bug="lost_mean")["passed"] is False
    with pytest.raises(ConfigError) as caught:
        nnfit.check_gradients(model, frame[:1], inject_bug="lost_mean")
    assert str(caught.value) == (
        "the model: is checked on one row, the mean of which is its sum; inject another bug, "
        "or name more rows with --data"
    )


# --- the rows that a model is checked on ------------------------------------------------------

SHORT = {"model": {"hidden_sizes": [3], "activation": "tanh"}, "training": {"epochs": 1}}


@pytest.fixture(scope="module")
def saturated() -> tuple[nnfit.Model, pd.DataFrame]:
    """A model whose units are saturated on all rows of its sorted data but a few late ones."""
    x = np.r_[np.linspace(-900.0, -300.0, 3000), np.linspace(-0.9, 0.9, 12), np.full(20, 300.0)]
    frame = pd.DataFrame({"x": x, "y": np.where(x < -1.0, 1.0, np.sin(3.0 * x))})
    data = {"data": {"target": "y", "validation": 0}, "preprocessing": {"numeric": "none"}}
    model = nnfit.train({**SHORT, **data}, frame)
    model.network.parameters.W[0][...] = [[0.5], [-1.0], [1.5]]
    return model, frame


def test_a_model_is_checked_on_the_worst_rows_of_all_its_data(
    saturated: tuple[nnfit.Model, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, frame = saturated
    checked: list[Any] = []

    def noting(problem: Any, method: str) -> Any:
        checked.append(problem.X)
        return check_problem(problem, method)

    monkeypatch.setattr("nnfit.inside.gradient_check.check_problem", noting)
    frame.to_csv(tmp_path / "sorted.csv", index=False)
    found = nnfit.check_gradients(model, frame)
    assert found["passed"] is True and found["unreached"] == []
    assert nnfit.check_gradients(model, tmp_path / "sorted.csv")["passed"] is True
    # those eight alone: of the rows that reach every layer the worst predicted
    reach = frame[frame["x"].abs() < 1.0]
    errors = np.abs(model.predict(reach) - reach["y"])
    worst = reach.loc[errors.nlargest(8).sort_index().index]
    assert nnfit.check_gradients(model, worst)["passed"] is True
    of_frame, of_csv, of_worst = checked
    assert of_frame.shape == (8, 1)
    for other in (of_csv, of_worst):  # an older parser reads a CSV to the last bit but one
        np.testing.assert_allclose(other, of_frame, rtol=1e-12)
    for bug in BUGS:
        assert nnfit.check_gradients(model, frame, inject_bug=bug)["passed"] is False, bug


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("bug", [None, *BUGS])
def test_where_every_gradient_is_zero_nothing_is_called_right(
    saturated: tuple[nnfit.Model, pd.DataFrame], bug: str | None, l2: float
) -> None:
    model, frame = saturated
    network = Network(replace(model.network.architecture, l2=l2), np.float32)
    np.copyto(network.parameters.flat, model.network.parameters.flat)
    found = nnfit.check_gradients(
        replace(model, network=network), frame[:1500], inject_bug=bug, method="both"
    )
    assert found["passed"] is False
    # the penalty's part of a gradient says nothing of the network
    nothing = {check["parameter"] for check in found["checks"] if check["nothing_to_compare"]}
    assert {"W1", "b1", "x"} <= nothing
    assert not any(c["passed"] for c in found["checks"] if c["parameter"] in ("W1", "b1", "x"))
    for method in METHODS:
        assert {"case": "the model", "method": method, "layer": 1} in found["unreached"]


def test_one_array_of_zeros_is_told_and_fails_nothing() -> None:
    # with W2 = 0 nothing reaches the first layer; with x = 0 only its weights have no gradient
    problem = random_problem("case", PLAIN, np.random.default_rng(0))
    checks = check_problem(replace(problem, X=np.zeros_like(problem.X)))
    assert [c.parameter for c in checks if c.nothing_to_compare] == ["W1"]
    assert [c.parameter for c in checks if c.passed] == ["b1", "W2", "b2", "x"]
    assert unreached(checks) == []
    problem.parameters[16:-1] = 0.0
    checks = check_problem(problem)
    assert [c.parameter for c in checks if c.nothing_to_compare] == ["W1", "b1", "x"]
    assert [check.parameter for check in unreached(checks)] == ["W1"]


def test_zeros_that_should_not_be_zero_are_wrong() -> None:
    class Silent(Network):
        def backward(self, ws: Workspace, dropout: bool = False) -> None:
            super().backward(ws, dropout)
            self.gradient.flat.fill(0.0)

    problem = random_problem("case", PLAIN, np.random.default_rng(0), network_class=Silent)
    checks = check_problem(problem)[:-1]
    assert not any(check.passed or check.nothing_to_compare for check in checks)


# --- wrong values, whose derivative is theirs -------------------------------------------------


def _wrong_relu(z: Array, a: Array, slope: Array) -> None:
    np.greater(z.real, 0.1, out=slope)  # the mask is wrong forward and backward alike
    np.multiply(z, slope, out=a)


def _failed_values() -> set[tuple[str, str]]:
    checks = standard_checks((), Network)  # by no method of slopes
    return {(check.case, check.parameter) for check in checks if not check.passed}


def test_a_wrong_relu_with_its_own_slope_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _failed_values() == set()
    wrong = replace(ACTIVATIONS["relu"], f=_wrong_relu)
    monkeypatch.setitem(ACTIVATIONS, "relu", wrong)
    slopes = [
        c for p in standard_problems() if p.case.startswith("relu x") for c in check_problem(p)
    ]
    assert all(check.passed or check.nothing_to_compare for check in slopes)
    failed = _failed_values()
    assert ("relu at chosen points", "f(z)") in failed
    assert ("relu at chosen points", "f'(z)") not in failed
    assert {("relu x3, mse", "y_hat"), ("relu x3, mse", "loss")} <= failed


@pytest.mark.parametrize("name", sorted(RESIDUAL_LOSSES))
def test_a_wrong_loss_with_its_own_slope_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = RESIDUAL_LOSSES[name]

    def derivative(e: Array) -> None:
        right.derivative(e)
        e *= 1.5

    wrong = right._replace(value=lambda e: 1.5 * right.value(e), derivative=derivative)
    monkeypatch.setitem(RESIDUAL_LOSSES, name, wrong)
    failed = _failed_values()
    assert {(f"{name} at chosen points", "l(e)"), (f"linear, {name}", "loss")} <= failed
    assert all(name in case for case, _ in failed)


def test_a_wrong_product_of_many_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The large product and the small one are both reached, each with its own mistake."""
    several = {"many rows, mse", *(f"members, {loss}" for loss in MEMBERS)}
    for kind, reached in (("matmul", several), ("dot", None)):
        with monkeypatch.context() as patch:

            def wrong(shape: tuple[int, ...], n_rows: int, kind: str = kind) -> Any:
                right = product_of(shape, n_rows)
                mistaken = right is getattr(np, kind)

                def product(a: Array, b: Array, out: Array) -> None:
                    right(a, b, out=out)
                    if mistaken:
                        out *= 1.001

                return product

            patch.setattr("nnfit.nn.network.product_of", wrong)
            failed = {case for case, _ in _failed_values()}
        assert failed == reached if reached else "linear, mse" in failed


def test_a_wrong_sum_over_shards_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Shards._sum

    def wrong(self: Shards, k: int, *rest: Any) -> Array:
        return right(self, k, *rest) * (1.0 if k == 0 else 1.001)

    monkeypatch.setattr(Shards, "_sum", wrong)
    some = [p for p in standard_problems() if p.case.startswith(("linear", "in shards"))]
    failed = {p.case for p in some if not all(check.passed for check in check_problem(p))}
    assert failed == {"in shards, mse", "in shards, cross_entropy"}


# --- wrong derivatives of each activation -----------------------------------------------------

FACTORS = {"1.001 times": 1.001, "flipped": -1.0, "zero": 0.0}


def _break_activation(monkeypatch: pytest.MonkeyPatch, name: str, factor: float) -> None:
    right = ACTIVATIONS[name]

    def wrong(z: Array, a: Array, slope: Array) -> None:
        right.df(z, a, slope)
        slope *= factor

    monkeypatch.setitem(ACTIVATIONS, name, replace(right, df=wrong))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_wrong_slope_of_a_hidden_layer_is_caught_below_it(
    name: str, factor: float, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = Architecture((3, 4, 2), (name,), "mse")
    assert _failed(Network, architecture, method) == set()
    _break_activation(monkeypatch, name, factor)
    assert _failed(Network, architecture, method) == {"W1", "b1", "x"}


@pytest.mark.parametrize("factor", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"identity"}))
def test_a_wrong_slope_of_the_output_is_caught_everywhere(
    name: str, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_activation(monkeypatch, name, factor)
    architecture = Architecture(
        (3, 4, 2), ("tanh" if name != "tanh" else "silu",), "mse", output_activation=name
    )
    assert _failed(Network, architecture, "complex") == {"W1", "b1", "W2", "b2", "x"}


def test_a_value_that_drops_the_imaginary_part_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ACTIVATIONS["tanh"]

    def real_only(z: Array, a: Array, scratch: Array) -> None:
        np.copyto(a, np.tanh(z.real))

    monkeypatch.setitem(ACTIVATIONS, "tanh", replace(right, f=real_only))
    failed = _failed(Network, Architecture((3, 4, 2), ("tanh",), "mse"), "complex")
    assert failed == {"W1", "b1", "x"}


# --- the classic mistakes of a backward pass --------------------------------------------------


class ZeroedBias(Network):
    """One entry of one bias gradient stays 0."""

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        super().backward(ws, dropout)
        self.gradient.b[0][1] = 0.0


class LostMean(Network):
    """The gradient is that of the sum over the rows; `_failed` draws six."""

    def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        return super().loss_and_gradient(ws, share * 6.0, dropout) / 6.0


class LostPenalty(Network):
    """The gradient is that of the data loss alone."""

    def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        self.head.delta(self.forward(ws, dropout), ws.Y, share, ws.delta[-1])
        self.backward(ws, dropout)
        return self.loss(ws, share, dropout)


class DoubledPenalty(Network):
    """The derivative of ||W||^2 instead of ||W||^2/2."""

    def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        value = super().loss_and_gradient(ws, share, dropout)
        self.gradient.flat += self.architecture.l2 * self.is_weight * self.parameters.flat
        return value


class PenalisedBias(Network):
    """The penalty reaches the biases."""

    def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        value = super().loss_and_gradient(ws, share, dropout)
        is_bias = 1.0 - self.is_weight
        self.gradient.flat += self.architecture.l2 * is_bias * self.parameters.flat
        return value


class ForgottenMask(Network):
    """The dropout mask is applied forwards and forgotten backwards."""

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        super().backward(ws, dropout=False)


class UntransposedWeights(Network):
    """W instead of W^T hands delta down; the hidden layers are as wide as the output."""

    def _hand_down(self, delta: Array, i: int, out: Array) -> None:
        if i > 0:
            np.matmul(self.parameters.W[i], delta, out=out)
        else:
            super()._hand_down(delta, i, out)


PLAIN = Architecture((3, 4, 2), ("tanh",), "mse")
ALL = {"W1", "b1", "W2", "b2", "x"}

MISTAKES: list[tuple[type[Network], Architecture, set[str]]] = [
    (ZeroedBias, PLAIN, {"b1"}),
    (LostMean, PLAIN, ALL),
    (LostPenalty, replace(PLAIN, l2=0.1), {"W1", "W2"}),
    (DoubledPenalty, replace(PLAIN, l2=0.1), {"W1", "W2"}),
    (PenalisedBias, replace(PLAIN, l2=0.1), {"b1", "b2"}),
    (ForgottenMask, replace(PLAIN, dropout=0.4), {"W1", "b1", "x"}),
    (UntransposedWeights, Architecture((3, 4, 4), ("tanh",), "mse"), {"W1", "b1", "x"}),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("network_class, architecture, arrays", MISTAKES)
def test_a_mistake_is_caught_in_the_arrays_it_spoils(
    network_class: type[Network],
    architecture: Architecture,
    arrays: set[str],
    method: str,
    weighted: bool,
) -> None:
    assert _failed(Network, architecture, method, weighted) == set()
    assert _failed(network_class, architecture, method, weighted) == arrays


# --- members ----------------------------------------------------------------------------------


class MixedGradients(Network):
    """Every member gets the mean of all members' gradients."""

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        super().backward(ws, dropout)
        if self.gradient.flat.ndim == 2:
            self.gradient.flat[...] = self.gradient.flat.mean(axis=0)


class MixedDeltas(Network):
    """The members' deltas change places on their way down."""

    def _hand_down(self, delta: Array, i: int, out: Array) -> None:
        super()._hand_down(delta[::-1] if delta.ndim == 3 else delta, i, out)


class MixedLogits(Network):
    """Each member has the mean of all logits, and of all deltas: values alone can tell."""

    def forward(self, ws: Workspace, dropout: bool = False) -> Array:
        z = super().forward(ws, dropout)
        if z.ndim == 3:
            z[...] = z.mean(axis=0)
        return z

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        if ws.delta[-1].ndim == 3:
            ws.delta[-1][...] = ws.delta[-1].mean(axis=0)
        super().backward(ws, dropout)


@pytest.mark.parametrize(
    "mistake, failing",
    [
        (MixedGradients, {"W1", "b1", "W2", "b2", "W3", "b3"}),
        (MixedDeltas, {"W1", "b1", "W2", "b2", "x"}),
        (MixedLogits, {"y_hat", "loss"}),
    ],
)
def test_what_mixes_members_is_caught(mistake: type[Network], failing: set[str]) -> None:
    cases = [of for of in standard_problems(mistake) if of.parameters.ndim == 2]
    assert [of.case for of in cases] == [f"members, {loss}" for loss in MEMBERS]
    for of in cases:
        checks = [*check_values(of), *check_problem(of)]
        failed = {check.parameter for check in checks if not check.passed}
        assert failed - {"s"} == failing
        right = replace(of, network_class=Network)
        assert all(check.passed for check in [*check_values(right), *check_problem(right)])
