"""What goes to stdout and what to stderr, colours, widths, pipes, `-`, and the exit codes.

All through the real executable; what the commands compute is tested elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import pytest

import nnfit as package
from nnfit.cli.app import run

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

ESCAPE = "\x1b"
COMMANDS = (
    "train",
    "predict",
    "activations",
    "evaluate",
    "cv",
    "sweep",
    "gradcheck",
    "inspect",
    "explain",
    "plot",
    "graph",
    "init",
    "schema",
    "flatten",
)


def on_a_terminal(
    nnfit: Nnfit, *args: str, columns: int = 80, env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Return the exit code, stdout, and what a terminal got for stderr."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = nnfit.start(*args, stderr=end, env={"TERM": "xterm-256color", **(env or {})})
    os.close(end)
    seen = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 60.0)
        assert ready, "the terminal got nothing for a minute"
        try:
            data = os.read(terminal, 65536)
        except OSError as err:
            assert err.errno == errno.EIO  # Linux: the other end is closed
            data = b""
        if not data:
            break
        seen += data
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode(), seen.decode()


# stdout and stderr ---------------------------------------------------------------------------


def test_stdout_of_train_is_the_path_alone(nnfit: Nnfit, tiny: Example) -> None:
    result = nnfit("train", "tiny.yaml")
    assert (result.code, result.out) == (0, "tiny.npz\n")
    lines = result.err.splitlines()
    assert lines[0].split() == ["config", "tiny.yaml"]
    assert "decided     task: classification (target 'kind' is text, 3 classes)" in lines
    assert lines[-1].split() == ["model", "tiny.npz"]
    # redirected: plain rows, one per report, none redrawn
    assert ESCAPE not in result.err and "\r" not in result.err
    header = next(line for line in lines if line.split()[:1] == ["epoch"])
    assert header.split() == [
        "epoch",
        "train_loss",
        "val_loss",
        "accuracy",
        "learning_rate",
        "rows/s",
    ]
    assert max(map(len, lines)) <= 80


def test_quiet_leaves_stderr_empty(nnfit: Nnfit, tiny: Example) -> None:
    for args in (
        ("train", "tiny.yaml", "--quiet", "--json"),
        ("predict", "tiny.npz", "tiny.csv", "-q"),
        ("gradcheck", "tiny.yaml", "-q"),
    ):
        result = nnfit(*args)
        assert (result.code, result.err) == (0, ""), args
        assert result.out, args


def test_quiet_leaves_warnings(nnfit: Nnfit, tiny: Example) -> None:
    text = tiny.csv.replace(",a\n", ",\n", 1)
    result = nnfit("train", "tiny.yaml", "--data", "-", "-q", stdin=text)
    assert (result.code, result.out) == (0, "tiny.npz\n")
    assert result.err == (
        "nnfit: warning: <stdin>: 1 row of 48 dropped: no value in target column 'kind'\n"
    )


def test_stdout_of_every_other_command_is_its_result(cli: Commands, tiny: Example) -> None:
    first = {
        "predict tiny.npz tiny.csv": "prediction",
        "activations tiny.npz tiny.csv --layer 1": ",".join(
            f"layer1_unit{i + 1}" for i in range(8)
        ),
        "evaluate tiny.npz tiny.csv": "metric              value  baseline",
        "gradcheck tiny.npz": "case      parameter  shape  relative error  verdict",
        "inspect tiny.npz": "model           tiny.npz",
        "explain tiny.yaml": "example  row 1 of tiny.csv, a training row",
        "init tiny.csv --target kind": "preset: none                    # every value is written "
        "out; those of default are for 48 rows, 2 columns, classification",
        "schema": "{",
        "--version": f"nnfit {package.__version__}",
    }
    for command, line in first.items():
        result = cli(*command.split())
        assert (result.code, result.out.splitlines()[0]) == (0, line), command
        assert ESCAPE not in result.out + result.err, command


def test_an_error_is_one_line_on_stderr_and_stdout_is_empty(nnfit: Nnfit, tiny: Example) -> None:
    result = nnfit("predict", "tiny.npz", "nope.csv")
    assert (result.code, result.out) == (2, "")
    assert result.err == "nnfit: error: nope.csv: no such file\n"


def test_debug_shows_the_traceback(nnfit: Nnfit) -> None:
    result = nnfit("predict", "nope.npz", "x.csv", env={"NNFIT_DEBUG": "1"})
    assert result.code != 0
    assert result.err.startswith("Traceback (most recent call last):")
    assert result.err.splitlines()[-1].endswith("nope.npz: no such file; 'nnfit train' writes one")


# colours, widths, terminals ------------------------------------------------------------------


def test_force_color_colours_a_redirected_stream_and_no_color_wins(
    nnfit: Nnfit, tiny: Example
) -> None:
    forced = nnfit("evaluate", "tiny.npz", "tiny.csv", env={"FORCE_COLOR": "1"})
    assert ESCAPE in forced.out
    both = nnfit("evaluate", "tiny.npz", "tiny.csv", env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert ESCAPE not in both.out
    # the data itself is never coloured
    predicted = nnfit("predict", "tiny.npz", "tiny.csv", env={"FORCE_COLOR": "1"})
    assert ESCAPE not in predicted.out


@pytest.mark.parametrize("columns", [40, 120])
def test_columns_is_honoured(nnfit: Nnfit, tiny: Example, columns: int) -> None:
    result = nnfit("train", "tiny.yaml", env={"COLUMNS": str(columns)})
    assert result.code == 0
    assert max(map(len, result.err.splitlines())) <= columns
    # the widest table of 80 columns is cut to 40, and nothing is lost on 120
    header = next(line.split() for line in result.err.splitlines() if "train_loss" in line)
    assert ("rows/s" in header) is (columns == 120)


def test_on_a_terminal_the_display_is_live_and_stdout_stays_clean(
    nnfit: Nnfit, tiny: Example
) -> None:
    code, out, seen = on_a_terminal(nnfit, "train", "tiny.yaml")
    assert (code, out) == (0, "tiny.npz\n")
    assert ESCAPE in seen
    hidden, shown = seen.rfind(f"{ESCAPE}[?25l"), seen.rfind(f"{ESCAPE}[?25h")
    assert hidden < shown, "the cursor must be shown again at the end"


def test_no_color_on_a_terminal(nnfit: Nnfit, tiny: Example) -> None:
    code, _, seen = on_a_terminal(nnfit, "train", "tiny.yaml", env={"NO_COLOR": "1"})
    assert code == 0
    colours = [
        c for c in re.findall(rf"{ESCAPE}\[([0-9;]*)m", seen) if re.search("3[0-8]|9[0-7]", c)
    ]
    assert colours == []


def test_a_dumb_terminal_gets_plain_rows(nnfit: Nnfit, tiny: Example) -> None:
    code, out, seen = on_a_terminal(nnfit, "train", "tiny.yaml", env={"TERM": "dumb"})
    assert (code, out) == (0, "tiny.npz\n")
    assert ESCAPE not in seen


def test_an_ascii_stream_is_no_reason_to_fail(nnfit: Nnfit, labels: Example) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for command in ("train labels.yaml", "inspect labels.npz", "evaluate labels.npz labels.csv"):
        result = nnfit(*command.split(), env=env)
        assert result.code == 0, (command, result.err)
        assert result.out.isascii() and result.err.isascii()


def test_predictions_are_utf8_whatever_the_locale(nnfit: Nnfit, labels: Example) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    expected = nnfit("predict", "labels.npz", "labels.csv", "--keep", "city")
    found = nnfit("predict", "labels.npz", "labels.csv", "--keep", "city", env=env)
    assert "Zürich" in expected.out and "東京" in expected.out
    assert found == expected


RESULTS = (  # what programs read: the same bytes in every locale
    "train labels.yaml -q -o größe.npz",
    "evaluate labels.npz labels.csv --json",
    "inspect labels.npz --json",
    "explain labels.npz --json",
    "gradcheck labels.yaml --json",
    "predict labels.npz labels.csv --append",
    "activations labels.npz labels.csv --layer 1 --keep city --format jsonl",
    "init labels.csv --target label",
    "schema",
)
TABLES = (  # what people read: in the letters that the stream has
    "evaluate labels.npz labels.csv",
    "inspect labels.npz",
    "explain labels.npz",
    "gradcheck labels.yaml",
    "plot confusion labels.npz labels.csv",
    "--help",
)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("command", RESULTS + TABLES)
def test_no_code_page_of_stdout_harms_a_result(
    cli: Commands,
    labels: Example,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    encoding: str,
) -> None:
    expected = cli(*command.split())
    stream = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", newline="")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        code = run(command.split())
    stream.seek(0)
    found = stream.buffer.read()
    assert (code, expected.code) == (0, 0), expected.err
    if command in RESULTS:
        assert found == expected.out.encode()
    else:
        assert found.decode(encoding)


def test_what_is_redirected_is_never_in_a_code_page(nnfit: Nnfit, labels: Example) -> None:
    """UTF-8 for programs, escapes for people; help, tables and errors as well."""
    env = {"PYTHONIOENCODING": "cp1252"}
    path = nnfit("train", "labels.yaml", "-q", "-o", "größe.npz", env=env)
    assert (path.code, path.out) == (0, "größe.npz\n")
    table = nnfit("inspect", "größe.npz", env=env)
    assert (table.code, table.out.splitlines()[0].split()) == (0, ["model", r"gr\xf6\xdfe.npz"])
    failed = nnfit("predict", "größe.npz", "日本.csv", env=env)
    assert (failed.code, failed.err) == (2, "nnfit: error: \\u65e5\\u672c.csv: no such file\n")


# `-`, pipes ----------------------------------------------------------------------------------


def test_a_config_from_stdin(nnfit: Nnfit, tiny: Example) -> None:
    named = nnfit("train", "tiny.yaml", "-o", "named.npz")
    piped = nnfit("train", "-", "-o", "piped.npz", stdin=tiny.yaml)
    assert (named.code, piped.code, piped.out) == (0, 0, "piped.npz\n")
    assert (nnfit.folder / "piped.npz").read_bytes() == (nnfit.folder / "named.npz").read_bytes()


def test_the_default_output_of_a_config_from_stdin(nnfit: Nnfit, tiny: Example) -> None:
    assert nnfit("train", "-", "-q", stdin=tiny.yaml).out == "model.npz\n"


@pytest.mark.parametrize("args", [(), ("-",)])
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_data_from_stdin_named_or_left_out(
    nnfit: Nnfit, tiny: Example, command: str, args: tuple[str, ...]
) -> None:
    piped = nnfit(command, "tiny.npz", *args, stdin=tiny.csv)
    assert piped.code == 0
    assert piped.out == nnfit(command, "tiny.npz", "tiny.csv").out


LEFT_OUT = ("predict", "evaluate", "activations --layer 1", "explain", "plot confusion")


@pytest.mark.parametrize("command", LEFT_OUT)
def test_data_left_out_means_stdin_or_else_the_training_data(
    cli: Commands, tiny: Example, command: str
) -> None:
    """Alike for every command; that of nobody is a terminal, /dev/null, or closed."""
    args, rows = [*command.split(), "tiny.npz"], "".join(tiny.csv.splitlines(keepends=True)[:11])
    Path("some.csv").write_text(rows, encoding="utf-8")
    some, own = cli(*args, "some.csv"), cli(*args, "tiny.csv")
    assert (some.code, own.code) == (0, 0) and some.out != own.out

    with open("some.csv", encoding="utf-8") as piped:
        result = cli(*args, stdin=piped)
    assert (result.code, result.out.replace("<stdin>", "some.csv")) == (0, some.out)
    assert result.err == ""
    said = "nnfit: data: tiny.csv, which tiny.npz was trained on\n"
    terminal, end = pty.openpty()
    with open(end, encoding="utf-8") as nobody, open(os.devnull, encoding="utf-8") as nothing:
        for stream in (nobody, nothing, None):
            result = cli(*args, stdin=stream)
            assert (result.code, result.out) == (0, own.out)
            assert said in result.err.splitlines(keepends=True)
        assert cli(*args, "-q", stdin=nothing).err == ""
        Path("tiny.csv").unlink()
        result = cli(*args, stdin=nothing)
    os.close(terminal)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "'tiny.csv'" in result.err and "not here" in result.err


def test_an_empty_pipe_is_no_data(nnfit: Nnfit, tiny: Example) -> None:
    """What should have come failed; who asks for no rows in a script finds such a pipe there."""
    result = nnfit("predict", "tiny.npz", stdin="")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("nnfit: error: <stdin>: is empty; expected a header and rows")
    assert nnfit("explain", "tiny.npz", "-q", stdin="").out == nnfit("explain", "tiny.npz").out


def test_a_model_to_stdout(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("train", "tiny.yaml", "-q", "-o", "-")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out == tiny.npz


def test_predictions_to_a_file_leave_stdout_empty(nnfit: Nnfit, tiny: Example) -> None:
    result = nnfit("predict", "tiny.npz", "tiny.csv", "-q", "-o", "out.csv")
    assert (result.code, result.out, result.err) == (0, "", "")
    expected = nnfit("predict", "tiny.npz", "tiny.csv").out
    assert (nnfit.folder / "out.csv").read_text(encoding="utf-8") == expected
    assert sorted(path.name for path in nnfit.folder.iterdir()) == [
        "out.csv",
        "tiny.csv",
        "tiny.npz",
        "tiny.yaml",
    ]


def test_init_into_train(nnfit: Nnfit, tiny: Example) -> None:
    (nnfit.folder / "tiny.npz").unlink()
    first = nnfit.start("init", "tiny.csv", "--target", "kind", "--set", "training.epochs=2")
    assert first.stdout is not None
    second = nnfit.start("train", "-", "-q", stdin=first.stdout.fileno())
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out, err) == (0, b"tiny.npz\n", b"")
    assert nnfit("predict", "tiny.npz", "tiny.csv").code == 0


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "schema",
        "inspect tiny.npz --json",
        "gradcheck tiny.yaml",
        "init tiny.csv --target kind",
        "predict tiny.npz tiny.csv",
        "train tiny.yaml",
    ],
)
def test_a_reader_that_is_gone(nnfit: Nnfit, tiny: Example, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    quiet = ["-q"] if command[0] in "tp" else []
    # told of errors at the very end, as every Python from 3.13 on tells of them
    process = nnfit.start(*command.split(), *quiet, stdout=writing, env={"PYTHONDEVMODE": "1"})
    os.close(writing)
    _, err = process.communicate(timeout=60)
    if command.startswith("init"):
        assert err.startswith(b"nnfit: task: classification (target 'kind' is text, 3 classes)\n")
    else:
        assert err == b""
    assert process.returncode == 0


def test_head_ends_a_long_prediction(nnfit: Nnfit, tiny: Example) -> None:
    rows = tiny.csv.split("\n", 1)[1] * 4000
    (nnfit.folder / "long.csv").write_text("x,colour,kind\n" + rows, encoding="utf-8")
    process = nnfit.start("predict", "tiny.npz", "long.csv")
    assert process.stdout is not None and process.stderr is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    assert lines[0] == b"prediction\n"


@pytest.mark.parametrize("command", ["inspect tiny.npz --json", "predict tiny.npz tiny.csv"])
def test_a_full_disk_below_stdout(nnfit: Nnfit, tiny: Example, command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        process = nnfit.start(*command.split(), stdout=full.fileno())
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2  # a place that can't be written
    assert err.decode() == "nnfit: error: <stdout>: cannot be written: no space left on device\n"


def test_a_closed_stdin(nnfit: Nnfit, tiny: Example) -> None:
    script = f"exec {sys.executable} -m nnfit predict tiny.npz - <&-"
    process = subprocess.run(["sh", "-c", script], capture_output=True, cwd=nnfit.folder)
    assert process.returncode == 2
    assert process.stderr.decode().startswith("nnfit: error: ")
    assert process.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("train", "flatten", "plot")])
def test_every_command_takes_quiet(cli: Commands, tiny: Example, command: str) -> None:
    short = ("--set", "training.epochs=2")
    more = {
        "cv": ("tiny.yaml", "--folds", "2", *short),
        "sweep": ("tiny.yaml", "--over", "seed=1,2", "-o", "tried", *short),
        "init": ("tiny.csv", "--target", "kind"),
        "activations": ("tiny.npz", "tiny.csv", "--layer", "1"),
        "gradcheck": ("tiny.npz",),
        "graph": ("x**2", "--at", "x=3"),
        "inspect": ("tiny.npz",),
        "schema": (),
    }
    args = (command, *more.get(command, ("tiny.npz", "tiny.csv")))
    quiet = cli(*args, "-q")
    assert (quiet.code, quiet.err, quiet.out) == (0, "", cli(*args).out)


# commands, help, exit codes ------------------------------------------------------------------


def test_help_names_every_command_and_none_to_come(nnfit: Nnfit) -> None:
    result = nnfit("--help")
    assert (result.code, result.err) == (0, "")
    listed = re.findall(r"^  ([a-z]+)  ", result.out.split("Commands:\n")[1], re.MULTILINE)
    assert listed == list(COMMANDS)


def test_no_arguments_show_the_help(nnfit: Nnfit) -> None:
    result = nnfit()
    assert (result.code, result.out) == (2, "")
    assert result.err == nnfit("--help").out


def test_the_console_script_is_the_same(nnfit: Nnfit) -> None:
    script = shutil.which("nnfit", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("nnfit is not installed beside this Python")
    found = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, f"nnfit {package.__version__}\n")


OBEYED = "\x7f\x85\x9b\u061c\u200e\u202e\u2066\u2028"


def test_nothing_that_a_terminal_obeys_is_in_json(cli: Commands, folder: Path) -> None:
    """DEL, C1 and marks of direction; of C0 JSON itself takes care."""
    columns = [f"{c}a" for c in OBEYED if c not in "\x85\u2028"]
    rows = "".join(
        ",".join(
            [*(f"{(i * k) % 7}.5" for k in range(1, len(columns) + 1)), f"{i % 2}{OBEYED[:3]}"]
        )
        + "\n"
        for i in range(24)
    )
    (folder / "d.csv").write_text(",".join([*columns, "y"]) + "\n" + rows, encoding="utf-8")
    yaml = "data: {path: d.csv, target: y}\ntraining: {epochs: 1}\n"
    assert cli("train", "-", "-q", "-o", "d.npz", stdin=yaml).code == 0
    for command in ("evaluate d.npz d.csv --json", "inspect d.npz --json", "explain d.npz --json"):
        result = cli(*command.split())
        assert result.code == 0 and not set(OBEYED) & set(result.out), command
        assert OBEYED[:3] in json.dumps(json.loads(result.out), ensure_ascii=False)


def test_a_message_ends_where_a_person_stops_reading(cli: Commands, folder: Path) -> None:
    names = ",".join(f"{i}" + "n" * 900 for i in range(15))
    (folder / "d.csv").write_text(f"{names}\n" + ",".join("1" * 15) + "\n", encoding="utf-8")
    result = cli("train", "-", stdin="data: {path: d.csv, target: y}")
    assert result.code == 2 and len(result.err) < 2100
    result = cli("predict", "nope.npz" + "x" * 5000)
    assert result.code == 2 and len(result.err) < 2100


def test_json_is_one_object_without_nan(cli: Commands, tiny: Example) -> None:
    for command in (
        "train tiny.yaml -q --json --set data.validation=0",
        "evaluate tiny.npz tiny.csv --json",
        "gradcheck tiny.yaml --json",
        "inspect tiny.npz --json",
        "explain tiny.npz --json",
        "schema",
    ):
        result = cli(*command.split())
        found = json.loads(result.out, parse_constant=pytest.fail)
        assert isinstance(found, dict), command
        assert result.out.endswith("}\n")


def test_rows_come_out_while_input_still_comes_in(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("predict", "tiny.npz", stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    rows = tiny.csv.splitlines(keepends=True)
    process.stdin.write(rows[0].encode() + rows[1].encode())
    process.stdin.flush()
    assert process.stdout.readline() == b"prediction\n"  # would hang if it waited for the end
    expected = nnfit("predict", "tiny.npz", "tiny.csv").out.splitlines(keepends=True)
    assert process.stdout.readline().decode() == expected[1]
    for row, line in zip(rows[2:6], expected[2:6], strict=True):
        process.stdin.write(row.encode())
        process.stdin.flush()
        assert process.stdout.readline().decode() == line  # would hang if it waited for the end
    process.stdin.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "activations --layer 1"])
def test_five_million_rows_in_flat_memory(nnfit: Nnfit, tiny: Example, command: str) -> None:
    process = nnfit.start(*command.split(), "tiny.npz", "-q", stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    lines = tiny.csv.splitlines(keepends=True)
    block = "".join(lines[1:] * 1000).encode()
    n_blocks = -(-5_000_000 // (48 * 1000))

    def feed(stream: IO[bytes]) -> None:
        with stream:
            stream.write(lines[0].encode())
            for _ in range(n_blocks):
                stream.write(block)

    feeder = threading.Thread(target=feed, args=(process.stdin,))
    feeder.start()
    rows, largest, early = -1, 0, 0
    status = Path(f"/proc/{process.pid}/status")
    while data := process.stdout.read(1 << 22):
        rows += data.count(b"\n")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        largest = max(largest, int(peak[1]) if peak else 0)
        early = early or largest  # after the first two million
    feeder.join()
    assert process.wait(timeout=60) == 0
    assert rows == n_blocks * 48 * 1000 >= 5_000_000
    assert 0 < largest < 400 * 1024, f"{largest} KiB resident"
    assert largest - early < 16 * 1024, f"{early} KiB early on, {largest} at last"


@pytest.mark.slow
def test_endless_input_and_head(nnfit: Nnfit, tiny: Example) -> None:
    script = (
        "(echo x,colour; yes 0.5,red) | "
        f"{sys.executable} -m nnfit predict tiny.npz | head -3; echo end"
    )
    found = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, cwd=nnfit.folder, timeout=60
    )
    lines = found.stdout.splitlines()
    assert (lines[0], lines[3:], found.stderr) == ("prediction", ["end"], "")
    assert set(lines[1:3]) <= {"a", "b", "c"} and np.unique(lines[1:3]).size == 1
