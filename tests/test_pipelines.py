"""Pipes and descriptors in every state that a shell can hand over, through real processes.

What comes in may be slow, cut off or missing; what goes out may be closed, full or left by its
reader. Interactive manners are in `test_cli_streams`.
"""

from __future__ import annotations

import gzip
import os
import pty
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Example, Nnfit, Result

NNFIT = f"{sys.executable} -m nnfit"
MANY = 2500  # times the 48 rows: more than pipes and read-ahead hold

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells and descriptors of POSIX")


def sh(nnfit: Nnfit, script: str, shell: str = "sh") -> Result:
    """Return how a script ended in which `nnfit` is the real executable."""
    from conftest import TIMEOUT, Result

    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = f'nnfit() {{ {NNFIT} "$@"; }}\n{script}'
    found = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, cwd=nnfit.folder, timeout=TIMEOUT
    )
    return Result(found.returncode, found.stdout, found.stderr)


def predictions(tiny: Example, times: int = 1) -> str:
    """Return what `nnfit predict` writes for the rows of `tiny.csv`, so many times over."""
    from nnfit.model.file.reading import load

    once = "".join(f"{label}\n" for label in load("tiny.npz").predict(tiny.cells))
    return "prediction\n" + once * times


def write_many(tiny: Example, folder: Path) -> None:
    """Write `many.csv`, 120,000 rows."""
    header, *rows = tiny.csv.splitlines(keepends=True)
    (folder / "many.csv").write_text(header + "".join(rows) * MANY, encoding="utf-8")


# descriptors that are closed -------------------------------------------------------------------

CLOSED_STDOUT = "nnfit: error: <stdout>: cannot be written: it is closed\n"


@pytest.mark.parametrize(
    "command",
    [
        "train tiny.yaml",
        "predict tiny.npz tiny.csv",
        "evaluate tiny.npz tiny.csv -q",
        "inspect tiny.npz",
        "schema",
        "--help",
        "--version",
    ],
)
def test_a_closed_stdout(nnfit: Nnfit, tiny: Example, command: str) -> None:
    result = sh(nnfit, f"nnfit {command} >&-")
    assert (result.code, result.err) == (2, CLOSED_STDOUT)  # for train: before its plan
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz


def test_what_writes_a_file_needs_no_stdout(nnfit: Nnfit, tiny: Example) -> None:
    result = sh(nnfit, "nnfit predict tiny.npz tiny.csv -o out.csv <&- >&- 2>&-")
    assert (result.code, result.err) == (0, "")
    assert (nnfit.folder / "out.csv").read_text(encoding="utf-8") == predictions(tiny)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("train -", "<stdin>: is closed; expected a config in YAML"),
        ("gradcheck -", "<stdin>: is closed; expected a config in YAML"),
        ("train tiny.yaml -q --data -", "<stdin>: is closed; expected a CSV"),
        ("predict tiny.npz -", "<stdin>: is closed; expected a CSV"),
    ],
)
def test_a_closed_stdin(nnfit: Nnfit, tiny: Example, command: str, line: str) -> None:
    result = sh(nnfit, f"nnfit {command} <&-")
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")


def test_a_closed_stderr_leaves_results_and_exit_codes(nnfit: Nnfit, tiny: Example) -> None:
    (nnfit.folder / "tiny.npz").unlink()
    result = sh(nnfit, "nnfit train tiny.yaml 2>&-")
    assert (result.code, result.out) == (0, "tiny.npz\n")
    # no message went to a file that got the stream's number
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz
    assert sh(nnfit, "nnfit predict tiny.npz nope.csv 2>&-").code == 2


# messages that nobody takes --------------------------------------------------------------------

ONLY_PATH = (0, b"tiny.npz\n")


def test_a_reader_of_the_messages_that_leaves_costs_no_model(nnfit: Nnfit, tiny: Example) -> None:
    (nnfit.folder / "tiny.npz").unlink()
    process = nnfit.start("train", "tiny.yaml")
    assert process.stderr is not None and process.stdout is not None
    assert process.stderr.readline().startswith(b"config")
    process.stderr.close()
    assert (process.wait(timeout=60), process.stdout.read()) == ONLY_PATH
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz


def test_a_full_disk_below_the_log_costs_no_model(nnfit: Nnfit, tiny: Example) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (nnfit.folder / "tiny.npz").unlink()
    result = sh(nnfit, "nnfit train tiny.yaml 2>/dev/full")
    assert (result.code, result.out) == (0, "tiny.npz\n")
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz
    assert sh(nnfit, "nnfit predict tiny.npz nope.csv 2>/dev/full").code == 2


def test_a_terminal_that_is_gone_costs_no_model(nnfit: Nnfit, tiny: Example) -> None:
    (nnfit.folder / "tiny.npz").unlink()
    terminal, end = pty.openpty()
    process = nnfit.start("train", "tiny.yaml", stderr=end, env={"TERM": "xterm"})
    os.close(end)
    assert os.read(terminal, 1)
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == ONLY_PATH
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz


# producers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "n_good", "complaint"),
    [
        (
            "0.5,red\\n1.5,blue\\n0.5",
            2,
            "row 3: got 1 cell; expected 2, as in the header. Fill in the missing cells, or quote "
            "a cell that holds a line break",
        ),
        (
            '0.5,red\\n1.5,"blu',
            1,
            "row 2: a quote is opened and never closed. Close it, or double each quote that is "
            "part of a cell",
        ),
        ("0.5,red\\n1.5,red", 2, None),  # whole cells: a file without a last line end
        ("", 0, None),
    ],
)
def test_a_producer_that_dies(
    nnfit: Nnfit, tiny: Example, rows: str, n_good: int, complaint: str | None
) -> None:
    dying = f"{{ sh -c 'printf \"%b\" \"$1\"; kill -9 $$' sh 'x,colour\\n{rows}'; }} 2>/dev/null"
    script = f"{dying} | nnfit predict tiny.npz"
    result = sh(nnfit, script)
    header, *found = result.out.splitlines()
    assert header == "prediction" and set(found) <= {"a", "b", "c"}
    if complaint is None:
        assert (result.code, len(found), result.err) == (0, n_good, "")
    else:
        assert (result.code, result.err) == (2, f"nnfit: error: <stdin>, {complaint}\n")
    # the shell can tell: nnfit alone can't where the last row is whole
    failed = sh(nnfit, f"set -o pipefail\n{script} >/dev/null 2>&1", "bash")
    assert failed.code == (137 if complaint is None else 2)


def test_gzip_that_is_cut_short(nnfit: Nnfit, tiny: Example) -> None:
    packed = gzip.compress(tiny.csv.encode())
    for cut in (len(packed) - 1, len(packed) // 2):
        result = nnfit("predict", "tiny.npz", "-q", stdin=packed[:cut])
        assert result.code == 2
        assert result.err == "nnfit: error: <stdin>: ends in the middle of its gzip data\n"
        assert predictions(tiny).startswith(result.out)  # whatever came out is right


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.rstrip("\n").encode(), id="no last line end"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(
            lambda text: gzip.compress(text.replace("\n", "\r\n").rstrip().encode()),
            id="gzip and both",
        ),
    ],
)
def test_the_same_rows_in_other_clothes(nnfit: Nnfit, tiny: Example, change: object) -> None:
    assert callable(change)
    given: bytes = change(tiny.csv)
    # in crumbs, so that what has arrived ends in many places
    process = nnfit.start("predict", "tiny.npz", stdin=subprocess.PIPE)
    assert process.stdin is not None

    def feed(stream: IO[bytes]) -> None:
        with stream:
            for start in range(0, len(given), 7):
                stream.write(given[start : start + 7])
                stream.flush()

    feeder = threading.Thread(target=feed, args=(process.stdin,))
    feeder.start()
    assert process.stdout is not None
    assert process.stdout.read().decode() == predictions(tiny)
    feeder.join()
    assert process.wait(timeout=60) == 0


def test_a_stdin_that_does_not_block_is_waited_for(nnfit: Nnfit, tiny: Example) -> None:
    expected = predictions(tiny).splitlines(keepends=True)
    rows = tiny.csv.splitlines(keepends=True)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = nnfit.start("predict", "tiny.npz", stdin=reading)
    os.close(reading)
    assert process.stdout is not None
    os.write(writing, (rows[0] + rows[1]).encode())
    assert process.stdout.readline().decode() == expected[0]
    for row, line in zip(rows[2:6], expected[1:5], strict=True):
        assert process.stdout.readline().decode() == line  # it has nothing to read now
        os.write(writing, row.encode())
    os.close(writing)
    assert process.stdout.read().decode() == expected[5]
    assert process.wait(timeout=60) == 0


# consumers -------------------------------------------------------------------------------------


def full(pipe: int) -> bool:
    """Return whether a pipe holds as much as it can, or nothing more comes."""
    import fcntl
    import struct
    import termios

    held = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return bool(
        struct.unpack("i", held)[0] >= 50_000
    )  # of 65,536: each write may leave a part of a page


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "not blocking"])
def test_a_full_pipe_is_waited_for(nnfit: Nnfit, tiny: Example, blocking: bool) -> None:
    write_many(tiny, nnfit.folder)
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    process = nnfit.start("predict", "tiny.npz", "many.csv", "-q", stdout=writing)
    os.close(writing)
    deadline = time.monotonic() + 60.0
    while not full(reading) and time.monotonic() < deadline:
        time.sleep(0.01)
    with os.fdopen(reading, "rb") as stream:
        assert stream.read().decode() == predictions(tiny, MANY)
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None and process.stderr.read() == b""


@pytest.mark.parametrize(
    ("script", "code", "out"),
    [
        ("nnfit predict tiny.npz many.csv --append | head -1", 0, "x,colour,kind,prediction\n"),
        ("nnfit predict tiny.npz nope.csv 2>/dev/null | cat", 2, ""),
        ("(cat tiny.csv; false) | nnfit predict tiny.npz >/dev/null", 1, ""),
        ("model=$(nnfit train tiny.yaml -q) && nnfit inspect $model --json | head -c 1", 0, "{"),
        ("nnfit train tiny.yaml -q -o /dev/stdout | cmp - tiny.npz && echo same", 0, "same\n"),
        ("nnfit train tiny.yaml 2>&1 >/dev/null | head -c 6", 0, "config"),
        (
            "nnfit init tiny.csv --target kind --set training.epochs=2 2>/dev/null | "
            "nnfit train - -q",
            0,
            "tiny.npz\n",
        ),
    ],
)
def test_scripts_that_look_at_every_exit_code(
    nnfit: Nnfit, tiny: Example, script: str, code: int, out: str
) -> None:
    write_many(tiny, nnfit.folder)
    result = sh(nnfit, f"set -euo pipefail\n{script}", "bash")
    assert (result.code, result.out, result.err) == (code, out, "")
