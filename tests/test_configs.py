"""Every example config is loaded, trained and held to the promise in its opening comment.

The data files are held to their script and to their README; the config and table rooms have tests
of their own.
"""

from __future__ import annotations

import operator
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import nnfit
from nnfit.config.reading import load_config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
DATA = sorted((ROOT / "data").glob("*.csv"))
MAKERS = runpy.run_path(str(ROOT / "data" / "make_data.py"))["MAKERS"]

PROMISE = re.compile(r"# promises: (train|validation|test) (\w+) (>=|<=) (\d+(?:\.\d+)?)")
OPERATORS = {">=": operator.ge, "<=": operator.le}


def by_name(path: Path) -> str:
    return path.name


def opening_comment(path: Path) -> list[str]:
    """Return the comment lines before the first line of YAML."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return lines[:first]


def promises(path: Path) -> list[tuple[str, str, str, float]]:
    """Return the split, metric, operator and number of every promise of a config."""
    lines = [line for line in opening_comment(path) if "promise" in line]
    matches = [PROMISE.fullmatch(line) for line in lines]
    assert all(matches), f"a promise is not of the form {PROMISE.pattern!r}: {lines}"
    return [(m[1], m[2], m[3], float(m[4])) for m in matches if m]


def header_and_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the cells of an example file, none of which is quoted."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].split(","), [line.split(",") for line in lines[1:]]


@pytest.mark.parametrize("path", CONFIGS, ids=by_name)
def test_config_loads_and_says_what_it_is(path: Path) -> None:
    file = load_config(path)
    comment = opening_comment(path)
    assert promises(path), "no line `# promises: SPLIT METRIC OPERATOR NUMBER`"
    assert f"#   nnfit train configs/{path.name}" in comment
    # a formula: an indented line of the comment with an equation or an update in it
    assert any(re.match(r"#   .*(?: = | ← )", line) for line in comment)
    assert Path(file.resolve(file.config.data.path)).resolve() in DATA


@pytest.mark.parametrize("path", CONFIGS, ids=by_name)
def test_config_keeps_its_promise(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # outputs are relative to the current folder
    metrics: dict[str, Any] = nnfit.train(path).metrics
    for split, metric, relation, number in promises(path):
        got = metrics[split][metric]
        assert OPERATORS[relation](got, number), (
            f"{split} {metric} is {got}, not {relation} {number}"
        )


def test_the_two_descents_differ_in_batch_size_alone() -> None:
    full, stochastic = (
        load_config(ROOT / "configs" / f"{name}.yaml").config.model_dump()
        for name in ("gradient_descent", "stochastic_gradient_descent")
    )
    assert full["training"].pop("batch_size") == "full"
    assert stochastic["training"].pop("batch_size") == 32
    assert full == stochastic


def test_every_data_file_is_used_by_a_config() -> None:
    used = {Path(load_config(path).config.data.path).name for path in CONFIGS}
    assert used == {path.name for path in DATA}


def test_the_script_makes_every_data_file_and_no_other() -> None:
    assert set(MAKERS) == {path.name for path in DATA}


@pytest.mark.parametrize("name", MAKERS)
def test_the_script_makes_the_file_again(name: str) -> None:
    assert (ROOT / "data" / name).read_bytes() == MAKERS[name]().encode("ascii")


@pytest.mark.parametrize("path", DATA, ids=by_name)
def test_readme_describes_the_data_file(path: Path) -> None:
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", readme, re.M | re.S))
    header, rows = header_and_rows(path)
    assert sections[path.name].startswith(f"\n{len(rows)} rows")
    names = set(re.findall(r"`([^`]+)`", sections[path.name]))
    if path.name == "digits.csv":  # 64 pixels, given as `p00` … `p77`
        assert {"p00", "p77"} <= names
        header = [column for column in header if not re.fullmatch(r"p[0-7]{2}", column)]
    assert set(header) <= names

    # the row of the table at the top: file, rows, inputs, target, …
    (row,) = re.findall(rf"^\| \[{re.escape(path.name)}\]\(.*$", readme, re.M)
    _, n_rows, n_inputs, target = (cell.strip() for cell in row.strip("| ").split("|")[:4])
    targets = re.findall(r"`([^`]+)`", target)
    width = len(header_and_rows(path)[0])
    assert (int(n_rows), int(n_inputs)) == (len(rows), width - len(targets))


def test_iris_is_fishers_and_not_the_one_at_uci() -> None:
    # UCI's file has 4.9, 3.1, 1.5, 0.1 in both of these rows; data/README.md says so
    _, rows = header_and_rows(ROOT / "data" / "iris.csv")
    assert rows[35 - 1] == ["4.9", "3.1", "1.5", "0.2", "setosa"]
    assert rows[38 - 1] == ["4.9", "3.6", "1.4", "0.1", "setosa"]


def test_the_data_files_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA) < 700_000
