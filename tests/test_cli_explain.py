"""`nnfit explain` from outside: its JSON, its streams, where the row comes from, bad input.

The numbers are tested in `test_inside_explanation`, the drawing in `test_report_explanation`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nnfit.inside.explanation import explain

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


def explained(cli: Commands, *args: str, stdin: str = "") -> dict[str, Any]:
    result = cli("explain", *args, "--json", "-q", stdin=stdin)
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out, parse_constant=pytest.fail)
    return found


def test_json_is_the_same_as_from_python(cli: Commands, tiny: Example) -> None:
    found = explained(cli, "tiny.yaml", "--row", "4")
    assert found == explain("tiny.yaml", row=4)
    assert list(found) == [
        "source", "initialised", "data", "row", "drawn", "task", "notes", "n_parameters",
        "parameters", "graph", "inputs", "forward", "prediction", "target", "loss", "backward",
        "columns", "update",
    ]  # fmt: skip
    assert (found["source"], found["data"], found["row"]) == ("tiny.yaml", "tiny.csv", 4)
    step = found["backward"][-1]
    assert list(step) == ["layer", "delta", "gradients", "handed_down"]
    assert list(step["gradients"][0]) == [
        "chain", "formula", "parameter", "shape", "values", "complex_step", "relative_error",
        "entries",
    ]  # fmt: skip
    assert explained(cli, "tiny.npz", "--epoch-step") == explain("tiny.npz", epoch_step=True)


def test_the_table_goes_to_stdout_plain_and_80_wide(cli: Commands, tiny: Example) -> None:
    result = cli("explain", "tiny.npz", "tiny.csv", "--row", "2")
    assert (result.code, result.err) == (0, "")
    assert result == cli("explain", "tiny.npz", "--data", "tiny.csv", "--row", "2")
    assert cli("explain", "tiny.npz", "tiny.csv", "--data", "b.csv").err == (
        "nnfit: error: --data b.csv: DATA is 'tiny.csv' already; leave one out; "
        "see 'nnfit explain --help'\n"
    )
    lines = result.out.splitlines()
    assert lines[:2] == ["example  row 2 of tiny.csv", "network  tiny.npz, trained"]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in result.out
    heads = [line for line in lines if line and line[0] != " "]
    for head in ("parameters", "computation graph", "forward", "prediction", "one update"):
        assert head in heads
    found = explained(cli, "tiny.npz", "--row", "2")
    errors = [f"{g['relative_error']:.1e}" for s in found["backward"] for g in s["gradients"]]
    shown = [line.split()[2].rstrip(",") for line in lines if line.startswith("  relative error")]
    assert shown[:-2] == errors  # the last are those of the inputs and of the columns


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_example_config(cli: Commands, path: Path) -> None:
    result = cli("explain", str(path), "-q")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    found = json.loads(cli("explain", str(path), "-q", "--json").out)
    for step in found["backward"]:
        assert all(g["relative_error"] <= 1e-9 for g in step["gradients"])
    assert found["backward"][-1]["handed_down"]["relative_error"] <= 1e-9


def test_the_graph_as_a_picture(cli: Commands, tiny: Example, folder: Path) -> None:
    pytest.importorskip("matplotlib")
    for form, magic in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        result = cli("explain", "tiny.npz", "--row", "2", "--graph", f"g.{form}", "-q")
        assert (result.code, result.out, result.err) == (0, f"g.{form}\n", "")
        assert (folder / f"g.{form}").read_bytes().startswith(magic)
    found = explained(cli, "tiny.npz", "--row", "2", "--graph", "again.svg")
    assert found == explain("tiny.npz", row=2)
    assert (folder / "again.svg").read_bytes() == (folder / "g.svg").read_bytes()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--graph", "g.gif"), "g.gif: got the suffix '.gif'; expected .png, .svg or .pdf"),
        (("--graph", "-", "--json"), "--json and --graph -: stdout takes one of them; name a file"),
        (("--graph", "no/g.svg"), "no/g.svg: "),
        (("--graph", "tiny.svg", "--data", "tiny.svg"), "tiny.svg: is what is read; "),
    ],
    ids=["suffix", "stdout twice", "no folder", "what is read"],
)
def test_a_picture_that_cannot_be(
    cli: Commands, tiny: Example, folder: Path, args: tuple[str, ...], line: str
) -> None:
    (folder / "tiny.svg").write_text(tiny.csv, encoding="utf-8")
    result = cli("explain", "tiny.npz", *args)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"nnfit: error: {line}")


def test_data_from_elsewhere(cli: Commands, tiny: Example, folder: Path) -> None:
    expected = {name: explained(cli, name, "--row", "5") for name in ("tiny.yaml", "tiny.npz")}
    (folder / "tiny.csv").rename(folder / "other.csv")
    for name, wanted in expected.items():
        found = explained(cli, name, "--row", "5", "--data", "other.csv")
        assert found == wanted | {"data": "other.csv"}
        piped = explained(cli, name, "--row", "5", "--data", "-", stdin=tiny.csv)
        assert piped == wanted | {"data": "<stdin>"}
    result = cli("explain", "tiny.npz")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: tiny.npz: its training data 'tiny.csv' is not here; name a CSV after it\n"
    )


def test_a_config_from_stdin(cli: Commands, tiny: Example) -> None:
    found = explained(cli, "-", stdin=tiny.yaml)
    assert found == explain("tiny.yaml") | {"source": "<stdin>"}


def test_a_reader_that_is_gone_and_a_narrow_stream(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("explain", "tiny.yaml")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    result = nnfit("explain", "tiny.yaml", env=env)
    assert (result.code, result.err) == (0, "")
    assert result.out.isascii() and "dL/dW[2] = dL/dy_hat * dy_hat/dz[2]" in result.out
    assert nnfit("explain", "--help", env=env).code == 0


def test_warnings_go_to_stderr(cli: Commands, tiny: Example, folder: Path) -> None:
    (folder / "tiny.csv").write_text(tiny.csv + "1.0,red,\n", encoding="utf-8")
    for args in (("tiny.yaml",), ("tiny.npz", "--epoch-step")):
        result = cli("explain", *args, "-q")
        assert result.code == 0
        assert result.err == (
            "nnfit: warning: tiny.csv: 1 row of 49 dropped: no value in target column 'kind'\n"
        )


@pytest.mark.parametrize("source", ["tiny.yaml", "tiny.npz"])
@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--row", "49"), "--row: got 49; tiny.csv ends with row 48"),
        (("--row", "49", "--epoch-step"), "--row: got 49; tiny.csv ends with row 48"),
        (("--row", "0"), "--row: got 0; rows are counted from 1"),
        (("--row", "-3"), "--row: got -3; rows are counted from 1"),
        (("--data", "nope.csv"), "nope.csv: no such file"),
    ],
    ids=["beyond the end", "for an epoch", "0", "below 0", "no file"],
)
def test_one_line_and_exit_2(
    cli: Commands, tiny: Example, source: str, args: tuple[str, ...], line: str
) -> None:
    result = cli("explain", source, *args)
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("x,colour\n1.0,red\n", "<stdin>: no column 'kind'; columns are: x, colour"),
        ("x,colour,kind\n", "<stdin>: has a header and no rows; expected at least one row"),
        (
            "x,colour,kind\n1.0,red,z\n",
            "<stdin>, row 1, column 'kind': unknown class 'z'; classes are: a, b, c",
        ),
        (
            "x,colour,kind\noops,red,a\n",
            "<stdin>, row 1, column 'x': cannot read 'oops' as a number. "
            "Mend the cell, or leave it empty",
        ),
    ],
    ids=["no target", "no rows", "an unknown class", "a bad cell"],
)
def test_data_that_does_not_fit_the_model(
    cli: Commands, tiny: Example, given: str, line: str
) -> None:
    result = cli("explain", "tiny.npz", "--data", "-", stdin=given)
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")


def test_without_its_argument(cli: Commands) -> None:
    result = cli("explain")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("nnfit: error: missing argument")
    assert result.err.count("\n") == 1
