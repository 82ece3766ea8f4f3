"""The names against the code behind them, and against what the schema offers."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnfit.config.schema import json_schema
from nnfit.nn import activations, losses, names, optimizers, residuals
from nnfit.nn.initializers import draw_weights
from nnfit.nn.schedules import Schedule

SECTIONS = json_schema()["$defs"]
MODEL, OPTIMIZER = (SECTIONS[f"{name}Config"]["properties"] for name in ("Model", "Optimizer"))


@pytest.mark.parametrize(
    "named, coded",
    [
        (names.ACTIVATIONS, activations.ACTIVATIONS),
        (names.OPTIMIZERS, optimizers.OPTIMIZERS),
    ],
)
def test_every_name_has_its_code(named: Mapping[str, Any], coded: Mapping[str, Any]) -> None:
    assert list(named) == list(coded)


def test_every_loss_has_its_code() -> None:
    coded = {*residuals.RESIDUAL_LOSSES, *losses.LIKELIHOODS, "quantile"}
    assert coded == set(names.LOSSES)
    assert names.RESIDUAL_LOSSES == tuple(residuals.RESIDUAL_LOSSES)
    for name, loss in names.LOSSES.items():
        assert losses.make_head(name, loss.output_activation)


def test_the_losses_that_need_classes_are_those_of_probabilities() -> None:
    needy = [name for name, loss in names.LOSSES.items() if loss.needs_classes]
    assert needy == ["binary_cross_entropy", "cross_entropy"]
    assert [*names.QUANTITY_LOSSES, *needy] == list(names.LOSSES)
    assert names.DISTRIBUTION_LOSSES == ("gaussian_nll", "quantile", "poisson")
    assert {*names.RESIDUAL_LOSSES, *names.DISTRIBUTION_LOSSES} == {*names.QUANTITY_LOSSES}


def test_an_activation_is_registered_under_its_own_name() -> None:
    for name, pair in activations.ACTIVATIONS.items():
        assert (pair.f.__name__, pair.df.__name__) == (name, f"d_{name}")
    assert {f.initialization for f in names.ACTIVATIONS.values()} <= set(names.INITIALIZATIONS)


def test_every_schedule_and_initialization_is_known_to_its_code() -> None:
    for name in names.SCHEDULES:
        assert 0.0 < Schedule(name, 10).at(5.0) <= 1.0
    with pytest.raises(AssertionError):
        Schedule("none", 10).at(5.0)
    rng = np.random.default_rng(0)
    for name in names.INITIALIZATIONS:
        assert draw_weights((2, 3), name, rng).any() == (name != "zeros")
    with pytest.raises(AssertionError):
        draw_weights((2, 3), "none", rng)


@pytest.mark.parametrize(
    "found, expected",
    [
        (MODEL["activation"]["oneOf"][0], [*names.ACTIVATIONS]),
        (MODEL["activation"]["oneOf"][1]["items"], [*names.ACTIVATIONS]),
        (MODEL["output_activation"], ["auto", *names.OUTPUT_ACTIVATIONS]),
        (MODEL["initialization"], ["auto", *names.INITIALIZATIONS]),
        (json_schema()["properties"]["loss"], ["auto", *names.LOSSES]),
        (OPTIMIZER["name"], [*names.OPTIMIZERS]),
        (OPTIMIZER["schedule"], [*names.SCHEDULES]),
    ],
)
def test_the_schema_offers_exactly_these(found: dict[str, Any], expected: list[str]) -> None:
    assert (found["enum"], found["type"]) == (expected, "string")


def test_the_keys_that_a_rule_uses_are_the_configs() -> None:
    for rule in (*names.OPTIMIZERS.values(), *names.SCHEDULES.values()):
        assert set(rule.uses) <= set(OPTIMIZER)
    assert names.users(names.OPTIMIZERS, "momentum") == ["sgd"]
    assert names.users(names.SCHEDULES, "schedule_epochs") == ["step", "plateau"]


def test_a_meaning_is_one_line() -> None:
    rows: list[Any] = [*names.EVERY_OUTPUT.values(), *names.LOSSES.values()]
    rows += [*names.OPTIMIZERS.values(), *names.SCHEDULES.values()]
    for meaning in [*(row.meaning for row in rows), *names.INITIALIZATIONS.values()]:
        assert meaning and "\n" not in meaning and not meaning.endswith(".")


def test_only_typing_is_imported() -> None:
    tree = ast.parse(Path(names.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {getattr(node, "module", None) for node in imports} == {"__future__", "typing"}
