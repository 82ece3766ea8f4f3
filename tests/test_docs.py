"""The README is true: commands, options, links, its YAML, its Python, its terminal session.

So are the examples in the docstrings of the mathematics.

What the example configs promise is tested in `test_configs`.
"""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import alike
from test_layout import FLOORS

from nnfit.cli.app import COMMANDS
from nnfit.config.messages import FIELDS
from nnfit.config.reading import load_config
from nnfit.inside.pictures.kinds import KINDS

if TYPE_CHECKING:
    from conftest import Commands

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def command_lines() -> list[str]:
    """Return each `nnfit …` call in the README's shell blocks and inline code, comments aside."""
    code = [
        line.split("  #")[0] for block in blocks("(?:sh|console)") for line in block.split("\n")
    ]
    code += re.findall(r"`(nnfit [^`]+)`", README)
    calls = [re.split(r"[|><&)]", call)[0] for line in code for call in line.split("nnfit ")[1:]]
    return [call.strip() for call in calls if call.split()[:1] and call.split()[0] in COMMANDS]


@pytest.fixture
def checkout(folder: Path) -> Path:
    """A folder that looks like the checkout to a reader of the README, but may be written to."""
    for name in ("configs", "data"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.parametrize(
    "path", sorted((ROOT / "nnfit/nn").glob("[!_]*.py")), ids=lambda path: path.stem
)
def test_examples_in_docstrings_give_what_they_show(path: Path) -> None:
    module = importlib.import_module(f"nnfit.nn.{path.stem}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_and_has_help(cli: Commands, command: str) -> None:
    assert any(line.split()[0] == command for line in command_lines())
    result = cli(command, "--help")
    assert (result.code, result.err) == (0, "")
    usage, _, text = result.out.partition("\n\n")
    assert usage.startswith(f"Usage: nnfit {command} ")
    assert re.search(r"^  Example: nnfit " + command, text, re.MULTILINE) or command == "schema"
    # every option says what it is for
    for line in re.findall(r"^  (-.*)$", text, re.MULTILINE):
        assert re.search(r"\S  +\S", line) or line.split()[0] in ("--method", "--inject-bug")


def test_every_option_in_the_readme_exists(cli: Commands) -> None:
    used = {
        (call.split()[0], option)
        for call in command_lines()
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", call)
    }
    assert ("init", "--target") in used and ("train", "--set") in used
    for command, option in sorted(used):
        assert re.search(rf"(?m)^  .*{option}\b", cli(command, "--help").out), (command, option)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        if "://" not in link:
            assert (ROOT / link).exists(), link


def test_every_example_config_is_linked() -> None:
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        assert f"(configs/{path.name})" in README, path.name


def test_the_rooms_are_all_there_in_the_order_of_their_floors() -> None:
    section = README.split("## The code, room by room")[1].split("\n## ")[0]
    rooms = re.findall(r"(?m)^\| `([a-z]+)/?` \|", section)
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    below = {"budget", "errors", "observer", "version"}  # single modules at the bottom
    assert set(rooms) == set(floor) - below
    assert [floor[room] for room in rooms] == sorted((floor[room] for room in rooms), reverse=True)


def test_the_kinds_of_pictures_are_all_there() -> None:
    rows = "".join(f"| `{name}` | {kind.meaning} |\n" for name, kind in KINDS.items())
    assert f"| kind | |\n|---|---|\n{rows}\n" in README
    *most, last = [f"`{name}`" for name, kind in KINDS.items() if kind.text]
    assert f"{', '.join(most)} and {last} without `-o` come as text" in " ".join(README.split())


def test_every_example_config_loads_from_the_checkout() -> None:
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        file = load_config(path)
        assert Path(file.resolve(file.config.data.path)).exists(), path.name


def test_the_yaml_loads(folder: Path) -> None:
    found = blocks("yaml")
    assert found
    for text in found:
        (folder / "c.yaml").write_text(text, encoding="utf-8")
        load_config("c.yaml")


def test_the_config_reference_names_every_key_with_its_default(folder: Path) -> None:
    text = next(text for text in blocks("yaml") if text.startswith("preset: "))
    tree = yaml.safe_load(text)
    for section, names in FIELDS.items():
        assert tuple(tree[section] if section else tree) == names
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    data = {"path": tree["data"]["path"], "target": tree["data"]["target"]}
    assert load_config("c.yaml").config == load_config({"data": data}).config


def test_the_names_and_their_meanings_are_those_of_the_code() -> None:
    """Hold the table and the lists to `nnfit.nn.names`; `docs/make_names.py` writes them."""
    spec = importlib.util.spec_from_file_location("make_names", ROOT / "docs" / "make_names.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.written(README).splitlines() == README.splitlines()
    text = module.PRESETS.read_text(encoding="utf-8")
    assert module.with_presets(text) == text


def test_the_extras_are_told() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", README, re.MULTILINE))
    for extra, needs in project["optional-dependencies"].items():
        names = []
        for need in needs:
            found = re.fullmatch(r"nnfit\[(.*)\]|([\w-]+).*", need)
            assert found is not None
            names += [f"`{e}`" for e in (found[1] or "").split(",") if e] or [found[2]]
        assert rows[extra] == ", ".join(names), extra


def test_every_install_hint_works_from_a_checkout() -> None:
    """Nnfit is on no package index: hints name packages, or the checkout."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")]
    texts += (ROOT / "nnfit").rglob("*.py")
    hints = [
        hint
        for path in texts
        for hint in re.findall(r"pip install ([^`\n]+)", path.read_text(encoding="utf-8"))
    ]
    assert len(hints) > 8
    assert [hint for hint in hints if "nnfit" in hint.split("&&")[0]] == []


def test_the_python_runs(checkout: Path) -> None:
    """Run one block after the other, in one process, as a reader would type them."""
    code = blocks("python")
    assert code
    script = "\n".join(code)
    found = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, cwd=checkout
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""


def test_the_lines_of_numpy_work_for_members(checkout: Path) -> None:
    """The block that reads a model, on one of several members."""
    *_, lines = blocks("python")
    script = f"""
import nnfit, pandas as pd
model = nnfit.train({{
    "data": {{"path": "data/iris.csv", "target": "species", "validation": "folds"}},
    "model": {{"members": 3, "hidden_sizes": [6, 4]}}, "training": {{"epochs": 3}},
}})
model.save("iris.npz")
{lines}
row = pd.read_csv("data/iris.csv").head(1)
np.testing.assert_allclose(p, model.predict_proba(row)[0], rtol=1e-5)
assert file["W1"].shape == (3, 6, 4)
"""
    found = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, cwd=checkout
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split()[0] in ("setosa", "versicolor", "virginica")


@pytest.mark.slow
def test_the_terminal_session_runs(checkout: Path) -> None:
    """Run what stands after each `$`; what is shown below it must come out."""
    scripts = checkout / "bin"
    scripts.mkdir()
    (scripts / "nnfit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nnfit "$@"\n')
    (scripts / "nnfit").chmod(0o755)
    env = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/activate").touch()
    session = [part for block in blocks("console") for part in re.split(r"(?m)^\$ ", block)[1:]]
    assert session
    for part in session:
        line, *shown = part.rstrip("\n").split("\n")
        command, _, comment = line.partition("  #")
        found = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, cwd=checkout, env=env
        )
        expected = int(code[1]) if (code := re.search(r"exit code (\d)", comment)) else 0
        assert found.returncode == expected, (command, found.stderr)
        assert "Traceback" not in found.stderr
        if shown:
            printed = found.stdout.splitlines()
            assert len(printed) == len(shown), (command, printed)
            for line, other in zip(shown, printed, strict=True):
                assert alike(line, other), (command, line, other)
