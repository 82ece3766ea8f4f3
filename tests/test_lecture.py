"""docs/lecture.md is true: its commands run in order, and print what is shown below them.

What the configs reach is tested in `test_configs`, what a picture holds in the tests of `plot`.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import alike

if TYPE_CHECKING:
    from conftest import Commands

DOCS = Path(__file__).resolve().parents[1] / "docs"
FAST = ("10. ",)


def guide() -> Any:
    """Return the module that reads the guide."""
    spec = importlib.util.spec_from_file_location("make_lecture", DOCS / "make_lecture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GUIDE = guide()
TEXT = GUIDE.GUIDE.read_text(encoding="utf-8")
CALLS = GUIDE.calls(TEXT)
SECTIONS = list(dict.fromkeys(call.section for call in CALLS))


def check(call: Any, folder: Path) -> None:
    """Run a command; hold its exit code and what is shown of its streams, … for any lines."""
    found = GUIDE.run(call, folder)
    assert found.returncode == call.exit_code, (call.command, found.stderr)
    assert "Traceback" not in found.stderr, call.command
    said = found.stderr.splitlines()
    for line in (line for line in call.shown if line.startswith("nnfit: ")):
        assert line in said, (call.command, said)
    unsaid = [line for line in said if line.startswith("nnfit: ") and line not in call.shown]
    assert not unsaid or "…" in call.shown, (call.command, unsaid)
    shown = [line for line in call.shown if not line.startswith("nnfit: ")]
    printed, skipping = found.stdout.rstrip().splitlines(), False
    for line in shown:
        if line == "…":
            skipping = True
            continue
        while skipping and printed and not alike(line, printed[0]):
            printed.pop(0)
        skipping = False
        assert printed and alike(line, printed[0]), (call.command, line, printed[:1])
        printed.pop(0)
    assert skipping or not printed, (call.command, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("W1   1 × 2  0.501", "W1 1 × 2  0.50"),
        ("[[2.01 0.5]] [ 0.96819204 -2.0216794 ]", "[[2.01  0.5 ]] [0.9682 -2.02168]"),
        (" [ 0.96  1.    ]]", "[0.96 1.]]"),
        ("[0.01 3.0058503]", "[-0.01 3.006]"),
        ("[ -0.01  3.0058503 ]", "[ 0.01 3.006 ]"),
        ("x,0.0,0.884339929,4.9111228", "x,0.0338,0.807973325,4.89728355"),
        ("1,422 of 1,422 in 218 cases  1.1e-12", "1,422 of 1,422 in 218 cases  0.0e+00"),
        ("accuracy  0.62  0.54", "accuracy  0.63  0.53"),
        ("0.2", "0.21"),
        ("  ├── W[2]   1 × 8", "├── W[2] 1 × 8  "),
    ],
)
def test_lines_are_alike(shown: str, printed: str) -> None:
    assert alike(shown, printed) and alike(printed, shown)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("failed", "passed"),
        ("r2  0.50", "rmse  0.50"),
        ("not ok", "notok"),
        ("accuracy 0.95", "accuracy 0.85"),
        ("[0.9 3.0]", "[-0.9 3.0]"),
        ("0.04", "0.07"),
        ("0.2", "0.3"),
        ("relative error 1.1e-12", "relative error 1.1e-08"),
        ("relative error 8.8e-01", "relative error 7.8e-01"),
        ("0.50", "nan"),
        ("W1   1 × 2  0.501", "W1 1 × 3  0.501"),
        ("W1  1 × 2", "W1  1 × -2"),
        ("1,422 gradients", "1,423 gradients"),
        ("12 3", "1 23"),
        ("layer2_unit1", "layer2_unit2"),
        ("tolerance 1e-09", "tolerance 1e-06"),
        ("[0.5 1.25]", "[0.5]"),
        ("[0.5 1.25]", "[0.51.25]"),
        ("0.5", ""),
    ],
)
def test_lines_are_not_alike(shown: str, printed: str) -> None:
    assert not alike(shown, printed) and not alike(printed, shown)


def test_every_section_has_commands_and_a_place_in_the_contents() -> None:
    titles = re.findall(r"(?m)^## (.*)$", TEXT)
    assert SECTIONS == titles
    contents = re.findall(r"(?m)^\d+\. \[(.*)\]\(#(.*)\)$", TEXT)
    assert [f"{i}. {title}" for i, (title, _) in enumerate(contents, 1)] == titles
    for title, (_, anchor) in zip(titles, contents, strict=True):
        assert re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") == anchor


def test_links_and_pictures_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (DOCS / link).exists(), link
    for command in re.findall(r"(?m)^\| [^|]+ \| `([^`]+)` \|", TEXT):  # the table of slides
        assert any(call.command.startswith(command) for call in CALLS), command
    made = {path.name for path in (DOCS / "lecture").iterdir()}
    assert made == set(GUIDE.pictures(TEXT))
    assert sum(path.stat().st_size for path in (DOCS / "lecture").iterdir()) < 2_500_000
    for name in made:  # by a command of the guide, to that very name
        assert any(re.search(f"(-o|--graph) {name}", call.command) for call in CALLS), name


def test_every_command_and_option_exists(cli: Commands) -> None:
    used = {
        (part.split()[0], option)
        for call in CALLS
        for part in re.split(r"nnfit (?=[a-z]+ )", call.command)[1:]
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", re.split(r"[|;>]|  #", part)[0])
    }
    assert ("flatten", "--label-from-folder") in used and ("gradcheck", "--inject-bug") in used
    for command, option in sorted(used):
        assert re.search(rf"(?m)^  .*{option}\b", cli(command, "--help").out), (command, option)


@pytest.mark.parametrize("start", FAST)
def test_a_section_runs(folder: Path, start: str) -> None:
    GUIDE.prepare(folder)
    some = [call for call in CALLS if call.section.startswith(start)]
    assert some
    for call in some:
        # those of the next test, and a picture, which the slow test draws
        if not call.command.startswith("nnfit graph ") and "--graph" not in call.command:
            check(call, folder)


def test_graphs_are_as_they_are_shown(cli: Commands) -> None:
    """Run each `nnfit graph` in this process; a pipe after it leaves lines that follow another."""
    some = [call for call in CALLS if call.command.startswith("nnfit graph ")]
    assert len(some) >= 4
    for call in some:
        arguments = shlex.split(call.command.partition(" | ")[0])[1:]
        if "-o" not in arguments:  # pictures are drawn by the slow test
            printed = cli(*arguments).out.splitlines()
            n = len(call.shown)
            places = range(len(printed) - n + 1)
            assert any(all(map(alike, call.shown, printed[i : i + n])) for i in places), call


@pytest.mark.slow
def test_the_whole_guide_runs(folder: Path) -> None:
    GUIDE.prepare(folder)
    for call in CALLS:
        check(call, folder)
    for name in GUIDE.pictures(TEXT):
        assert (folder / name).stat().st_size > 0
