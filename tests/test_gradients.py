"""Backpropagation against numerical derivatives of the production network itself.

Every activation with every loss at depths 0 to 3, each output activation, and every regulariser;
the data loss and the penalty are also checked apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.gradcheck.checking import TOLERANCE, Check, check_problem, largest_error
from nnfit.gradcheck.problems import Problem, random_problem, standard_problems
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.names import DISTRIBUTION_LOSSES, LOSSES, OUTPUT_ACTIVATIONS, QUANTILES
from nnfit.nn.network import Architecture
from nnfit.nn.residuals import RESIDUAL_LOSSES

PROBLEMS = list(standard_problems())
KINKS = [(name, kink) for name, f in ACTIVATIONS.items() for kink in f.kinks]


def _gradient_arrays(problem: Problem) -> dict[str, bool]:
    """Return for each parameter array whether any of its derivatives differs from 0."""
    network, ws = problem.build(np.float64)
    network.loss_and_gradient(ws, problem.share, problem.architecture.dropout > 0)
    arrays = {f"W{i + 1}": dW for i, dW in enumerate(network.gradient.W)}
    arrays |= {f"b{i + 1}": db for i, db in enumerate(network.gradient.b)}
    return {name: bool(array.any()) for name, array in arrays.items()}


# --- what the standard set holds --------------------------------------------------------------


def test_standard_set_has_every_activation_with_every_loss_at_every_depth() -> None:
    seen = {
        (a.activations[0], a.loss, len(a.activations))
        for a in (problem.architecture for problem in PROBLEMS)
        if len(set(a.activations)) == 1
    }
    wanted = {
        (f, loss, depth)
        for f in ACTIVATIONS
        for loss in LOSSES
        for depth in ((1,) if loss in DISTRIBUTION_LOSSES else (1, 2, 3))
    }
    assert wanted <= seen
    linear = {p.architecture.loss for p in PROBLEMS if not p.architecture.activations}
    assert linear == set(LOSSES)


def test_standard_set_has_every_output_with_every_residual_loss() -> None:
    seen = {(p.architecture.loss, p.architecture.output_activation) for p in PROBLEMS}
    assert {(loss, f) for loss in RESIDUAL_LOSSES for f in OUTPUT_ACTIVATIONS} <= seen


def test_standard_set_has_every_regulariser_alone_and_together() -> None:
    def what(problem: Problem) -> tuple[bool, bool, bool, bool]:
        a = problem.architecture
        return a.dropout > 0, a.l2 > 0, not a.bias, not np.isscalar(problem.share)

    seen = {what(problem) for problem in PROBLEMS}
    alone = {tuple(i == k for i in range(4)) for k in range(4)}
    assert alone | {(True, True, True, True)} <= seen


def test_standard_set_is_the_same_every_time_and_another_with_another_seed() -> None:
    again, other = list(standard_problems()), list(standard_problems(seed=17))
    for problem, same, different in zip(PROBLEMS, again, other, strict=True):
        assert problem.case == same.case == different.case
        np.testing.assert_array_equal(problem.parameters, same.parameters)
        assert not np.array_equal(problem.parameters, different.parameters)
    assert len({problem.case for problem in PROBLEMS}) == len(PROBLEMS)


def test_another_activation_changes_no_other_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnfit.gradcheck.problems.ACTIVATIONS", {"new": None, **ACTIVATIONS})
    fewer = {problem.case: problem.parameters for problem in PROBLEMS}
    more = {problem.case: problem.parameters for problem in standard_problems()}
    added = set(more) - set(fewer)
    depths = {loss: (1,) if loss in DISTRIBUTION_LOSSES else (1, 2, 3) for loss in LOSSES}
    assert added == {f"new x{n}, {loss}" for loss in LOSSES for n in depths[loss]}
    assert len(more) - len(fewer) == len(added)
    for case, parameters in fewer.items():
        np.testing.assert_array_equal(more[case], parameters)


def test_no_standard_problem_is_empty() -> None:
    # where every derivative is 0 (all units dead), no wrong factor could ever show
    empty = [p.case for p in PROBLEMS if not any(_gradient_arrays(p).values())]
    assert empty == []


# --- they pass --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_every_standard_gradient_is_the_complex_step(seed: int) -> None:
    checks = [c for p in standard_problems(seed=seed) for c in check_problem(p, "complex")]
    assert [check for check in checks if not check.passed] == []
    assert largest_error(checks) <= TOLERANCE["complex"] == 1e-9
    assert all(check.entries == np.prod(check.shape) and not check.kinks for check in checks)


@pytest.mark.slow
def test_every_standard_gradient_is_the_central_difference() -> None:
    checks = [check for problem in PROBLEMS for check in check_problem(problem, "central")]
    assert [check for check in checks if not check.passed] == []
    assert largest_error(checks) <= TOLERANCE["central"] == 1e-6
    compared, kinks = sum(c.entries for c in checks), sum(c.kinks for c in checks)
    assert all(c.entries + c.kinks == np.prod(c.shape) for c in checks)
    assert all(check.entries > 0 for check in checks)
    assert 0 < kinks < 0.02 * compared  # kinks happen, and are rare


def test_every_array_and_the_inputs_are_checked() -> None:
    rng = np.random.default_rng(0)
    with_bias = random_problem("two", Architecture((3, 4, 2), ("tanh",), "mse"), rng)
    assert [(c.parameter, c.shape) for c in check_problem(with_bias)] == [
        ("W1", (4, 3)),
        ("b1", (4,)),
        ("W2", (2, 4)),
        ("b2", (2,)),
        ("x", (5, 3)),
    ]
    without = random_problem("none", Architecture((3, 4, 2), ("tanh",), "mse", bias=False), rng)
    assert [c.parameter for c in check_problem(without)] == ["W1", "W2", "x"]
    assert {c.case for c in check_problem(without)} == {"none"}


def test_data_loss_and_penalty_apart() -> None:
    # a penalty much larger than the data loss would hide a wrong data gradient
    architecture = Architecture((3, 4, 2), ("tanh",), "mse", l2=0.3)
    both = random_problem("both", architecture, np.random.default_rng(1))
    data = replace(both, architecture=replace(architecture, l2=0.0))
    gradients = []
    for problem in (both, data):
        assert largest_error(check_problem(problem)) <= 1e-12
        network, ws = problem.build(np.float64)
        network.loss_and_gradient(ws, problem.share)
        gradients.append(network.gradient.flat.copy())
    penalty = 0.3 * network.is_weight * both.parameters
    np.testing.assert_allclose(gradients[0] - gradients[1], penalty, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_gradients_also_hold_after_some_training(name: str) -> None:
    architecture = Architecture((3, 6, 6, 3), (name, name), "cross_entropy")
    problem = random_problem(name, architecture, np.random.default_rng(2), n_rows=8)
    network, ws = problem.build(np.float64)
    before = float(network.loss_and_gradient(ws, problem.share))
    for _ in range(100):
        network.loss_and_gradient(ws, problem.share)
        network.parameters.flat -= 0.05 * network.gradient.flat
    trained = replace(problem, parameters=network.parameters.flat)
    assert float(network.loss(ws, problem.share)) < before
    assert largest_error(check_problem(trained)) <= 1e-9


def test_of_a_large_array_a_sample_is_compared() -> None:
    architecture = Architecture((50, 10, 1), ("tanh",), "mse")
    problem = random_problem("large", architecture, np.random.default_rng(3))
    entries = {check.parameter: check.entries for check in check_problem(problem)}
    assert entries == {"W1": 400, "b1": 10, "W2": 10, "b2": 1, "x": 250}


# --- kinks ------------------------------------------------------------------------------------


def _one_unit(name: str, z: float, loss: str = "mse", target: float = -1.0) -> Problem:
    """Return x -> f(w x) -> loss with x = 1, w = z and output weight 1."""
    architecture = Architecture((1, 1, 1), (name,), loss, bias=False)
    return Problem(
        case="one unit",
        architecture=architecture,
        parameters=np.array([z, 1.0]),
        X=np.array([[1.0]]),
        Y=np.array([[target]]),
        share=1.0,
    )


def _kinks(checks: list[Check]) -> dict[str, tuple[int, int]]:
    return {check.parameter: (check.entries, check.kinks) for check in checks}


@pytest.mark.parametrize("name, kink", KINKS)
def test_a_kink_between_the_points_is_counted_and_not_compared(name: str, kink: float) -> None:
    # the points lie 1e-3 and 2e-3 away, those of x times z
    near = check_problem(_one_unit(name, kink + 5e-4), "central")
    # the step of W2 moves no z, only those of W1 and x do
    assert _kinks(near) == {"W1": (0, 1), "W2": (1, 0), "x": (0, 1) if kink else (1, 0)}
    # an array of which nothing could be compared is not called right
    assert [check.passed for check in near] == [False, True, not kink]
    far = check_problem(_one_unit(name, kink + 5e-2), "central")
    assert _kinks(far) == {"W1": (1, 0), "W2": (1, 0), "x": (1, 0)}
    exact = check_problem(_one_unit(name, kink + 5e-4), "complex")
    assert _kinks(exact) == {"W1": (1, 0), "W2": (1, 0), "x": (1, 0)}
    assert largest_error(exact) <= 1e-14


@pytest.mark.parametrize("loss, residual", [("mae", 5e-4), ("huber", 1.0005), ("huber", -0.9995)])
def test_kinks_of_the_losses_are_counted_too(loss: str, residual: float) -> None:
    problem = _one_unit("identity", 1.0, loss, target=1.0 - residual)
    assert _kinks(check_problem(problem, "central")) == {"W1": (0, 1), "W2": (0, 1), "x": (0, 1)}
    assert largest_error(check_problem(problem, "complex")) <= 1e-14


@pytest.mark.parametrize("loss, residual", [("mae", 1.0005), ("huber", 5e-4), ("mse", 5e-4)])
def test_a_loss_is_compared_where_it_is_smooth(loss: str, residual: float) -> None:
    problem = _one_unit("identity", 1.0, loss, target=1.0 - residual)
    assert _kinks(check_problem(problem, "central")) == {"W1": (1, 0), "W2": (1, 0), "x": (1, 0)}


def test_smooth_activations_have_no_kinks() -> None:
    for name in sorted(set(ACTIVATIONS) - {name for name, _ in KINKS}):
        checks = check_problem(_one_unit(name, 5e-4), "central")
        assert all(check.kinks == 0 and check.passed for check in checks), name


# --- the Python entry point -------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, tolerance",
    [("complex", 1e-9), pytest.param("central", 1e-6, marks=pytest.mark.slow)],
)
def test_check_gradients_reports_the_standard_set(method: str, tolerance: float) -> None:
    result = nnfit.check_gradients(method=method)  # type: ignore[arg-type]
    assert result["passed"] is True
    assert result["method"] == method and result["tolerance"] == tolerance
    errors = [check["relative_error"] for check in result["checks"]]
    assert result["max_relative_error"] == max(errors) <= tolerance
    quantiles = [f"quantile {q}" for q in QUANTILES]
    points = {f"{name} at chosen points" for name in [*ACTIVATIONS, *RESIDUAL_LOSSES, *quantiles]}
    assert {check["case"] for check in result["checks"]} == {p.case for p in PROBLEMS} | points
    assert result["unreached"] == []
    first = result["checks"][0]
    assert set(first) >= {
        "case",
        "parameter",
        "shape",
        "relative_error",
        "analytic",
        "numeric",
        "index",
        "passed",
    }


def test_check_gradients_on_a_network_and_rows_of_ones_own() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=["u", "v", "w"])
    frame["y"] = frame["u"] * frame["v"]
    config = {
        "data": {"target": "y"},
        "model": {"hidden_sizes": [5], "activation": "tanh"},
        "optimizer": {"l2": 0.01},
    }
    result = nnfit.check_gradients(config, frame, method="both")
    assert result["passed"] is True
    assert result["tolerance"] == {"complex": 1e-9, "central": 1e-6}
    shapes = [(check["parameter"], tuple(check["shape"])) for check in result["checks"]]
    once = [("W1", (5, 3)), ("b1", (5,)), ("W2", (1, 5)), ("b2", (1,)), ("x", (8, 3))]
    assert shapes == once + once
