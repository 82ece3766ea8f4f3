"""The benchmark of speed: its verdicts on times made up here, and the networks that it asks for."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return what imports a file of the benchmark, which is run from the root."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"tests.benchmarks.{name}")


def test_a_step_is_judged_by_each_of_its_targets(part: Callable[[str], Any]) -> None:
    timing, verdicts = part("timing"), part("verdicts")
    shape = part("shapes").SHAPES["digits"]
    seconds = {
        ("nnfit", 1): (6.0, 6.0),
        ("nnfit", 2): (5.0, 5.0),
        ("nnfit, compiled", 1): (4.0, 2.0),
        ("nnfit, compiled", 2): (8.0, 8.0),
        ("jax scan", 1): (5.2, 2.6),
        ("jax scan", 2): (2.0, 1.0),
        ("torch fused", 1): (6.0, 2.8),
        ("torch default", 1): (30.0, 24.0),
    }
    steps = timing.Steps(shape, {key: timing.Sample(s) for key, s in seconds.items()})
    assert steps.base == "nnfit, compiled" and steps.best("nnfit")[0] == 2
    peaks = {1: timing.Sample((shape.gemm_flops / 1.5,))}  # 1.5 s of products
    found = {
        (v.section, v.against): (pytest.approx(v.measured), v.word)
        for v in verdicts.judge_steps(steps, peaks)
    }
    assert found == {  # scikit-learn is missing
        ("step, nnfit", "torch default"): (5.4, "reached"),
        ("step, nnfit, compiled", "jax scan"): (0.5, "missed"),
        ("step, nnfit, compiled", "jax scan, 1t each"): (1.3, "reached"),
        ("step, nnfit, compiled", "torch fused"): (1.45, "missed"),
        ("step, nnfit, compiled", "sgemm peak, 1t"): (0.5625, "reached"),
    }


def test_two_threads_are_judged_where_they_are_to_help(part: Callable[[str], Any]) -> None:
    timing, verdicts = part("timing"), part("verdicts")
    samples = {("nnfit, compiled", t): timing.Sample((3.0 / t,)) for t in (1, 2)}
    for name, asked in (("tab", True), ("full", False)):
        steps = timing.Steps(part("shapes").SHAPES[name], samples)
        found = [v.measured for v in verdicts.judge_steps(steps, {})]
        assert found == [2.0] * asked


def test_every_shape_has_every_target_of_a_step(part: Callable[[str], Any]) -> None:
    shapes = part("shapes").SHAPES
    for target in part("verdicts").STEP_TARGETS:
        assert list(target.by_shape) == list(shapes)


def test_what_is_around_the_steps_is_judged(part: Callable[[str], Any]) -> None:
    Sample, verdicts = part("timing").Sample, part("verdicts")
    busy = {(1, "busy"): Sample((2.0, 4.0)), (2, "busy"): Sample((2.5, 4.0))}
    (neighbour,) = verdicts.judge_neighbour({"tab": busy})
    assert neighbour.measured == pytest.approx(0.9) and neighbour.reached
    shares = {
        ("numpy", "tiny", "around"): Sample((0.5,)),
        ("compiled", "tiny", "around"): Sample((0.11,)),
        ("compiled", "digits", "around"): Sample((0.05,)),
    }
    assert [v.word for v in verdicts.judge_around(shares)] == ["missed", "reached"]
    commands = {("auto", "auto", "8 members"): Sample((1.9, 2.2, 1.8)),
                ("numpy", 1, "8 members"): Sample((3.0,) * 3)}  # fmt: skip
    (recipe,) = verdicts.judge_recipe(commands)
    assert (recipe.show(recipe.measured), recipe.word) == ("1.90 s", "reached")


def test_the_networks_of_the_curve_survive_their_way_to_a_worker(
    part: Callable[[str], Any],
) -> None:
    curve, shapes = part("curve"), part("shapes")
    wanted = curve.shapes(quick=False)
    assert len(wanted) == len(curve.WIDTHS) * len(curve.BATCHES)
    for shape in wanted:
        assert shapes.Shape.read(json.loads(json.dumps(vars(shape)))) == shape
        assert not shape.full_batch and shape.n_rows % shape.batch_size == 0
    steps = part("timing").Steps(
        wanted[0], {("jax scan", 2): part("timing").Sample((wanted[0].batch_size * 3e-6,))}
    )
    assert curve.per_row(steps, "jax scan").median == pytest.approx(3.0)
    assert curve.per_row(steps, "nnfit") is None


def test_work_is_equal_only_where_every_figure_is(part: Callable[[str], Any]) -> None:
    Proof = part("equal_work").Proof
    close = Proof("tiny", "float64", "nnfit", "nnfit, compiled", 1e-11, 1e-11)
    assert close.judged and close.equal
    for figures in ((1e-9, 0.0), (0.0, 1e-9), (0.0, float("nan")), (float("nan"), 0.0)):
        assert not Proof("tiny", "float64", "nnfit", "torch fused", *figures).equal
    assert not Proof("tiny", "float64", "nnfit", "jax scan", 0.0, 0.0).judged
