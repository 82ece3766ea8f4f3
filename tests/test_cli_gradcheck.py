"""`nnfit gradcheck` from outside: what it passes, that every injected bug fails, its JSON.

The checker's own mathematics is tested with the gradcheck room.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Commands, Example

BUGS = ("sign", "factor", "lost_bias", "lost_mean")


def checked(cli: Commands, *args: str) -> dict[str, Any]:
    result = cli("gradcheck", *args, "--json")
    found: dict[str, Any] = json.loads(result.out)
    assert result.code == (0 if found["passed"] else 1)
    return found


def test_json_has_the_shape_of_the_contract(cli: Commands, tiny: Example) -> None:
    found = checked(cli, "tiny.yaml")
    assert list(found) == [
        "passed",
        "max_relative_error",
        "method",
        "tolerance",
        "inject_bug",
        "checks",
        "unreached",
    ]
    assert (found["passed"], found["method"], found["tolerance"]) == (True, "complex", 1e-9)
    assert [(c["case"], c["parameter"], c["shape"]) for c in found["checks"]] == [
        ("tiny.yaml", "W1", [8, 4]),
        ("tiny.yaml", "b1", [8]),
        ("tiny.yaml", "W2", [3, 8]),
        ("tiny.yaml", "b2", [3]),
        ("tiny.yaml", "x", [8, 4]),  # eight of its rows
    ]
    for check in found["checks"]:
        assert set(check) >= {
            "case",
            "parameter",
            "shape",
            "relative_error",
            "analytic",
            "numeric",
            "index",
            "passed",
        }
        assert check["relative_error"] <= found["max_relative_error"] <= 1e-9
        assert len(check["index"]) == len(check["shape"])
        assert check["analytic"] == pytest.approx(check["numeric"], rel=1e-6)
        assert check["analytic"] != 0.0


def test_the_standard_set_covers_everything(cli: Commands) -> None:
    from nnfit.nn.names import (
        ACTIVATIONS,
        DISTRIBUTION_LOSSES,
        LOSSES,
        OUTPUT_ACTIVATIONS,
        RESIDUAL_LOSSES,
    )

    found = checked(cli)
    assert found["passed"] and found["max_relative_error"] <= 1e-9
    cases = {check["case"] for check in found["checks"]}
    for loss in LOSSES:
        assert f"linear, {loss}" in cases
        for activation in ACTIVATIONS:
            depths = (1,) if loss in DISTRIBUTION_LOSSES else (1, 2, 3)
            assert {f"{activation} x{depth}, {loss}" for depth in depths} <= cases
    for loss in RESIDUAL_LOSSES:
        for output in OUTPUT_ACTIVATIONS.keys() - {"identity"}:
            assert f"tanh, {output} output, {loss}" in cases
    for loss in ("mse", "binary_cross_entropy", "cross_entropy"):
        for what in ("dropout", "l2", "sample weights", "no bias"):
            assert f"{what}, {loss}" in cases
    both = ("mse", "cross_entropy", *DISTRIBUTION_LOSSES)
    assert {f"members, {loss}" for loss in both} <= cases
    assert {check["parameter"] for check in found["checks"]} == {
        *(f"{kind}{layer}" for kind in "Wb" for layer in (1, 2, 3, 4)),
        *("s", "x", "y_hat", "loss", "f(z)", "f'(z)", "l(e)", "l'(e)"),
    }
    by_value = {check["parameter"] for check in found["checks"] if check["method"] == "value"}
    assert by_value == {"y_hat", "loss", "f(z)", "l(e)"}


@pytest.mark.parametrize("bug", BUGS)
def test_every_bug_is_caught_in_the_standard_set(cli: Commands, bug: str) -> None:
    found = checked(cli, "--inject-bug", bug)
    assert found["passed"] is False
    assert found["inject_bug"] == bug
    failed = {check["case"] for check in found["checks"] if not check["passed"]}
    # and no value is wrong of which the derivative is
    assert all(check["passed"] for check in found["checks"] if check["method"] == "value")
    cases = {check["case"] for check in found["checks"] if check["parameter"] == "W1"}
    # a lost bias can't show where there is none; every other bug shows everywhere
    untouched = {case for case in cases if case.startswith("no bias")}
    assert failed == (cases - untouched if bug == "lost_bias" else cases)


@pytest.mark.parametrize("source", ["tiny.yaml", "tiny.npz"])
@pytest.mark.parametrize("bug", BUGS)
def test_every_bug_is_caught_in_ones_own_network(
    cli: Commands, tiny: Example, source: str, bug: str
) -> None:
    assert checked(cli, source)["passed"] is True
    result = cli("gradcheck", source, "--inject-bug", bug)
    assert result.code == 1
    assert "FAILED" in result.out
    assert re.search(rf"^failed: {source}, [Wb]\d\[[\d, ]+\]$", result.out, re.MULTILINE)
    assert re.search(r"analytic \S+, numeric \S+, relative error \S+ > 1e-09$", result.out,
                     re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("name", ["labels", "binary", "price", "pair"])
def test_every_kind_of_model_passes(
    cli: Commands, request: pytest.FixtureRequest, name: str
) -> None:
    request.getfixturevalue(name)
    for source in (f"{name}.yaml", f"{name}.npz"):
        found = checked(cli, source)
        assert found["passed"] and found["max_relative_error"] <= 1e-9, source


def test_regularisers_and_weights_of_a_config(cli: Commands, tiny: Example, folder: Path) -> None:
    text = tiny.yaml.replace("  hidden_sizes: [8]\n", "  hidden_sizes: [8]\n  dropout: 0.5\n")
    text = text.replace("optimizer:\n", "optimizer:\n  l2: 0.1\n") + "class_weight: {a: 5}\n"
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    plain, found = checked(cli, "tiny.yaml"), checked(cli, "c.yaml")
    assert found["passed"]
    # they are in what was checked
    assert [c["analytic"] for c in found["checks"]] != [c["analytic"] for c in plain["checks"]]


def test_methods(cli: Commands, binary: Example) -> None:
    central = checked(cli, "binary.yaml", "--method", "central")
    assert (central["passed"], central["method"], central["tolerance"]) == (True, "central", 1e-6)
    both = checked(cli, "binary.yaml", "--method", "both")
    assert both["passed"]
    assert both["tolerance"] == {"complex": 1e-9, "central": 1e-6}
    methods = [check["method"] for check in both["checks"]]
    assert methods == ["complex"] * 3 + ["central"] * 3
    table = cli("gradcheck", "binary.yaml", "--method", "both").out.splitlines()
    assert table[0].split() == ["case", "method", "parameter", "shape", "relative", "error",
                                "verdict"]  # fmt: skip
    assert table[-2].endswith("tolerance 1e-09 (complex), 1e-06 (central)")


@pytest.mark.slow
def test_central_differences_count_the_kinks_they_cross(cli: Commands) -> None:
    from nnfit.nn.activations import ACTIVATIONS
    from nnfit.nn.residuals import RESIDUAL_LOSSES

    found = checked(cli, "--method", "central")
    assert found["passed"]
    kinked = [check for check in found["checks"] if check["kinks"]]
    assert kinked
    bent = [name for name, f in (ACTIVATIONS | RESIDUAL_LOSSES).items() if f.kinks] + ["quantile"]
    assert "relu" in bent and "tanh" not in bent
    pattern = "|".join([*bent, "dropout", "l2", "weights", "no bias", "many rows"])
    assert all(re.search(pattern, check["case"]) for check in kinked)


def test_the_table(cli: Commands, binary: Example) -> None:
    result = cli("gradcheck", "binary.yaml")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["case", "parameter", "shape", "relative", "error", "verdict"]
    assert [(line.split()[1], line.split()[-1]) for line in lines[1:4]] == [
        ("W1", "ok"),
        ("b1", "ok"),
        ("x", "ok"),
    ]
    assert lines[4:6] == ["", "passed: 3 gradients in 1 case"]
    assert re.fullmatch(r"largest relative error \S+, tolerance 1e-09 \(complex\)", lines[6])


def test_rows_from_elsewhere(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "tiny.csv").rename(folder / "other.csv")
    for source in ("tiny.yaml", "tiny.npz"):
        found = checked(cli, source, "--data", "other.csv")
        assert found["passed"], source
    # without its data a model is checked on random rows, and says so
    result = cli("gradcheck", "tiny.npz")
    assert result.code == 0
    assert result.err == (
        "nnfit: warning: tiny.npz: its training data 'tiny.csv' is not here, so the rows are "
        "random; name a CSV with --data\n"
    )


def test_rows_that_judge_nothing_are_left_out(cli: Commands, tiny: Example, folder: Path) -> None:
    """A gap in the target and a class of no training row, in any place, as in evaluate."""
    header, *rows = tiny.csv.splitlines()
    strange = [row[: row.rindex(",")] + ",no such kind" for row in rows[:2]]
    gaps = [row[: row.rindex(",")] + "," for row in rows[:2]]
    for some in (rows, [*gaps, *strange, *rows], [*rows, *strange, *gaps]):
        (folder / "some.csv").write_text("\n".join([header, *some, ""]), encoding="utf-8")
        found = checked(cli, "tiny.npz", "--data", "some.csv")
        assert found["passed"] and found == checked(cli, "tiny.npz", "--data", "tiny.csv")
    for some, said in (
        (strange, "no row has a class of the training rows"),
        (gaps, "no row has a value"),
    ):
        (folder / "none.csv").write_text("\n".join([header, *some, ""]), encoding="utf-8")
        result = cli("gradcheck", "tiny.npz", "--data", "none.csv")
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("nnfit: error: none.csv: ") and said in result.err


@pytest.mark.parametrize("key", ["zeros", "dead"])
def test_a_layer_of_zeros_is_nothing_to_compare(
    cli: Commands, tiny: Example, folder: Path, key: str
) -> None:
    text = tiny.yaml.replace(
        "  hidden_sizes: [8]\n", "  hidden_sizes: [8]\n  initialization: zeros\n"
    )
    if key == "dead":  # relu units at z = 0, each weighed by the penalty too
        text = text.replace("optimizer:\n", "optimizer:\n  l2: 0.1\n")
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    for bug in ((), ("--inject-bug", "lost_mean")):
        found = checked(cli, "c.yaml", *bug)
        assert found["passed"] is False
        assert {"case": "c.yaml", "method": "complex", "layer": 1} in found["unreached"]
    result = cli("gradcheck", "c.yaml")
    assert result.code == 1
    assert "nothing to compare: c.yaml, layer 1\n" in result.out and "--data" in result.out


def test_on_one_row_no_mean_can_be_lost(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "one.csv").write_text("\n".join(tiny.csv.splitlines()[:2]) + "\n", encoding="utf-8")
    result = cli("gradcheck", "tiny.npz", "--data", "one.csv", "--inject-bug", "lost_mean")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: tiny.npz: is checked on one row, the mean of which is its sum; inject "
        "another bug, or name more rows with --data\n"
    )


def test_data_without_a_network(cli: Commands, tiny: Example) -> None:
    """The standard networks have no use for a CSV: naming one is a mistake to be told of."""
    result = cli("gradcheck", "--data", "tiny.csv")
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("nnfit: error: ") and "--data" in result.err


def test_no_bias_to_lose(cli: Commands, tiny: Example, folder: Path) -> None:
    text = tiny.yaml.replace("model:\n", "model:\n  bias: false\n")
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    result = cli("gradcheck", "c.yaml", "--inject-bug", "lost_bias", "-q")
    assert (result.code, result.out) == (2, "")
    assert result.err == "nnfit: error: c.yaml: has no bias to lose; inject another bug\n"
