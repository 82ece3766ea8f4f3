"""The rooms and their floors: who may import what, what a command loads, how long files are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

PACKAGE = Path(__file__).resolve().parents[1] / "nnfit"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What each room may import, from the bottom up; a room that is not named is a door of the house.
FLOORS = [
    {"budget", "errors", "observer", "version"},
    {"nn"},
    {"storage"},
    {"csv", "config", "images"},
    {"table", "gradcheck", "training", "compiled"},
    {"dataset", "graph"},
    {"model"},
    {"run"},
    {"inside", "many"},
    {"api"},
    {"report"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# Each package at home in one room.
HOMES = {
    "pandas": {"csv", "table"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "yaml": {"config"},
    "matplotlib": {"report"},
    "rich": {"report"},
    "typer": {"cli"},
    "threadpoolctl": {"training"},
    "numba": {"compiled"},
    "scipy": {"compiled"},
    "PIL": {"images"},
    "dask": {"many"},
    "distributed": {"many"},
    "optuna": {"many"},
}


def room(path: Path) -> str:
    """Return the first part of a module's name below nnfit."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the modules that a file imports, and whether at run time (not only for types)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in for_types
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, id(node) not in for_types) for name in names)


def by_name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_there_are_modules() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_imports_point_down(path: Path) -> None:
    """Hold every import to the floors, those for types too."""
    here = room(path)
    if here in ("__init__", "__main__"):  # the doors of the house
        return
    for module, _ in imports(path):
        parts = module.split(".")
        if parts[0] != "nnfit" or parts[1] == here:
            continue
        assert FLOOR[parts[1]] <= FLOOR[here], f"{module} is on a higher floor"


@pytest.mark.parametrize("name", ["rooms", "files"])
def test_imports_do_not_go_in_circles(name: str) -> None:
    """Hold the rooms of one floor, and the files of one room, to an order too."""
    known = {
        "nnfit." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in MODULES
    }
    uses: dict[str, set[str]] = {}
    for path in MODULES:
        here = "nnfit." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        here = here.removesuffix(".__init__")
        names = {module for module, _ in imports(path) if module.startswith("nnfit.")}
        names = {n if n in known else n.rpartition(".")[0] for n in names} - {"nnfit"}
        if name == "rooms":
            here, names = room(path), {n.split(".")[1] for n in names}
        uses.setdefault(here, set()).update(names - {here})
    for door in ("nnfit", "nnfit.__main__", "__init__", "__main__"):
        uses.pop(door, None)
    while done := [
        n for n in uses if not uses[n] & set(uses) or not any(n in u for u in uses.values())
    ]:
        for n in done:
            del uses[n]
    assert not uses, f"these import one another: {uses}"


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_packages_stay_at_home(path: Path) -> None:
    for module, at_run_time in imports(path):
        package = module.split(".")[0]
        if package in HOMES and at_run_time:
            assert room(path) in HOMES[package], f"{module} outside of {HOMES[package]}"
        if package not in (*HOMES, "numpy", "nnfit"):
            assert package in sys.stdlib_module_names, f"{module} is no dependency"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in ("nn", "compiled", "training")], ids=by_name
)
def test_the_mathematics_sees_arrays_alone(path: Path) -> None:
    allowed = {"nn": {"numpy", "nnfit.nn", "nnfit.budget"}}
    allowed["training"] = allowed["nn"] | {"nnfit.training", "nnfit.errors", "nnfit.observer",
                                           "threadpoolctl"}  # fmt: skip
    allowed["compiled"] = allowed["training"] | {"nnfit.compiled", "numba", "scipy"}
    allowed["training"] |= {"nnfit.storage.exit_signals"}  # how a run is stopped is no data
    for module, _ in imports(path):  # for types either
        if module.split(".")[0] in sys.stdlib_module_names:
            continue
        assert any(
            module == name or module.startswith(f"{name}.") for name in allowed[room(path)]
        ), module


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_what_a_model_file_says_is_read_once(path: Path) -> None:
    """Typed, by `model.kept` and `model.trained`: no command looks into the file's own JSON."""
    if by_name(path) != "model/respelling.py":  # which writes another config
        assert not re.search(r"model\.(config|training)(\[|\.get)", path.read_text("utf-8"))


@pytest.mark.parametrize("path", [PACKAGE / "budget.py", PACKAGE / "errors.py"], ids=by_name)
def test_errors_import_nothing(path: Path) -> None:
    for module, _ in imports(path):
        assert module.split(".")[0] in sys.stdlib_module_names or module.startswith("nnfit.budget")


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_files_are_short_and_open_with_two_sentences(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300, "ask which second subject moved in"
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "what it is, and what it is not"
    assert not docstring.splitlines()[0].endswith(",")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def n_code_lines(function: ast.FunctionDef, lines: list[str]) -> int:
    """Return how many lines of a function's body are code: no docstring, comment or blank."""
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        body = lines[first.end_lineno : function.end_lineno]
    else:
        body = lines[first.lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in body)


def n_arguments(function: ast.FunctionDef) -> int:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_functions_are_short_and_constructors_of_many_fields_take_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    for function in functions(tree):
        assert n_code_lines(function, lines) <= 50, function.name
        # a command has a parameter for each option; a comment may say why others have many
        before = "\n".join(lines[max(0, function.lineno - 3) : function.body[0].lineno])
        if room(path) != "cli" and "#" not in before:
            assert n_arguments(function) <= 7, function.name
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        decorators = [d for d in map(ast.unparse, node.decorator_list) if "dataclass" in d]
        fields = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
        marks = [i for i, field in enumerate(fields) if field.endswith(": KW_ONLY")]
        positional = [
            field
            for field in fields[: marks[0] if marks else None]
            if not any(word in field for word in ("ClassVar", "init=False", "kw_only=True"))
        ]
        if decorators and "kw_only=True" not in decorators[0]:
            assert len(positional) <= 4, node.name


def loaded(*args: str, stdin: str | None = None, cwd: Path | None = None) -> set[str]:
    """Return the modules that a command has imported when it ends."""
    script = (
        "import sys\n"
        "from nnfit.cli.app import run\n"
        f"code = run({list(args)!r})\n"
        "print('\\nLOADED', code, *sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], input=stdin, capture_output=True, text=True, cwd=cwd
    )
    mark, code, *names = found.stdout.splitlines()[-1].split()
    assert (mark, code) == ("LOADED", "0"), found.stderr
    return set(names)


def test_help_loads_next_to_nothing() -> None:
    heavy = {"numpy", "pandas", "pydantic", "yaml", "threadpoolctl"}
    for args in (["--help"], ["--version"]):
        assert not loaded(*args) & heavy, args
    # Typer itself may use pydantic to parse a command's options
    assert not loaded("train", "--help") & {"numpy", "pandas", "nnfit.config"}
    assert not loaded("plot", "--help") & {"numpy", "pandas", "matplotlib"}
    assert not loaded("cv", "--help") & {"numpy", "pandas", "dask", "distributed"}


def test_completion_loads_next_to_nothing(nnfit: Nnfit) -> None:
    """Ask for completions as a shell does, with `-X importtime` naming what is imported."""
    env = {"_NNFIT_COMPLETE": "complete_bash", "COMP_WORDS": "nnfit tr", "COMP_CWORD": "1"}
    result = nnfit(env={**env, "PYTHONPROFILEIMPORTTIME": "1"})
    assert result.out.split() == ["train"]
    names = {line.split("|")[-1].strip().split(".")[0] for line in result.err.splitlines()}
    assert "typer" in names
    assert not names & {"numpy", "pandas"}


def test_predict_loads_no_config_room(tiny: Example, folder: Path) -> None:
    names = loaded("predict", "tiny.npz", "tiny.csv", cwd=folder)
    assert not names & {"nnfit.config", "yaml", "pydantic"}
    assert not names & {"nnfit.cli.train", "nnfit.cli.plot", "nnfit.inside.pictures.kinds"}
    assert {"numpy", "pandas"} <= names
    # the rules for odd spellings are made for a table that has some
    patterns = "from nnfit.table.spelling import _patterns as made, undress; undress('a b'); "
    asked = subprocess.run(
        [sys.executable, "-c", patterns + "print(made.cache_info().currsize)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert asked.stdout == "0\n"


def test_train_without_a_terminal_loads_no_live_display(tiny: Example, folder: Path) -> None:
    names = loaded("train", "tiny.yaml", "--set", "training.epochs=1", cwd=folder)
    assert not names & {"nnfit.report.live", "rich.live", "nnfit.cli.predict"}


def test_schema_loads_neither_numpy_nor_pandas() -> None:
    assert not loaded("schema") & {"numpy", "pandas"}


def test_flatten_loads_no_pandas_and_nothing_else_loads_pillow(tiny: Example, folder: Path) -> None:
    from PIL import Image

    Image.new("L", (2, 2)).save("a.png")
    names = loaded("flatten", "a.png", "-q", cwd=folder)
    assert "PIL" in names and not names & {"pandas", "nnfit.config"}  # some Typers load rich
    assert "PIL" not in loaded("predict", "tiny.npz", "tiny.csv", cwd=folder)
    assert "PIL" not in loaded("flatten", "--help")


def test_a_wrong_config_is_told_before_pandas_is_loaded(cli: Commands, folder: Path) -> None:
    script = (
        "import sys\n"
        "from nnfit.config.reading import load_config\n"
        "from nnfit.errors import ConfigError\n"
        "try:\n    load_config({'data': {}})\n"
        "except ConfigError:\n    assert not {'numpy', 'pandas'} & set(sys.modules)\n"
        "else:\n    sys.exit('accepted')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
