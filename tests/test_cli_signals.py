"""SIGINT, SIGTERM, SIGHUP at every stage: the exit code, one line, and what is left on disk.

All through the real executable, each stage waited for, so that nothing depends on timing.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import nnfit as package
from nnfit.training.stop import StopRequest

if TYPE_CHECKING:
    from conftest import Example, Nnfit

SIGNALS = [
    (signal.SIGINT, 130, "interrupted"),
    (signal.SIGTERM, 143, "terminated"),
    (signal.SIGHUP, 143, "terminated"),
]
ENDLESS = ("--set", "training.epochs=1000000000", "--set", "optimizer.learning_rate=0.5")


def wait_for_epochs(process: subprocess.Popen[bytes]) -> None:
    """Read stderr up to the first row of the epoch table, then let some more epochs pass."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == [b"1"]:
            time.sleep(0.3)
            return
    pytest.fail("training never started")


def once_read(fifo: Path, process: subprocess.Popen[bytes]) -> int:
    """Return a descriptor that writes to `fifo`, as soon as `process` reads it."""
    deadline = time.monotonic() + 60.0
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # nobody reads it yet
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.01)
    pytest.fail("the data was never read")


@pytest.mark.parametrize(("number", "code", "word"), SIGNALS[:2])
def test_mid_training_the_best_epoch_is_saved(
    nnfit: Nnfit, binary: Example, number: int, code: int, word: str
) -> None:
    process = nnfit.start("train", "binary.yaml", *ENDLESS)
    wait_for_epochs(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, b"binary.npz\n")
    said = err.decode().splitlines()[-1]
    match = re.fullmatch(
        r"nnfit: stopped in epoch (\d+); binary.npz has the weights of epoch (\d+); "
        r"resume with: nnfit train binary.yaml --set training.epochs=1000000000 "
        r"--set optimizer.learning_rate=0.5 --resume",
        said,
    )
    assert match, said
    stopped, best = int(match[1]), int(match[2])
    with np.load(nnfit.folder / "binary.npz") as arrays:
        losses = arrays["history_validation_loss"]
        W1 = arrays["W1"]
    assert len(losses) == stopped - 1
    assert best == losses.argmin() + 1
    # the weights are those of a run that ended with the best epoch, in the engine that was taken
    engine = package.load(nnfit.folder / "binary.npz").config["training"].get("engine", "numpy")
    short = nnfit("train", "-", "-q", *ENDLESS, "--set", f"training.epochs={best}",
                  "--set", f"training.engine={engine}", "-o", "short.npz", stdin=binary.yaml,
                  )  # fmt: skip
    assert short.code == 0
    with np.load(nnfit.folder / "short.npz") as arrays:
        assert np.array_equal(arrays["W1"], W1)
    assert package.load(nnfit.folder / "binary.npz").training["best_epoch"] == best
    assert (nnfit.folder / "binary.npz.checkpoint").exists()
    assert not list(nnfit.folder.glob(".*"))  # no lock outlives its run


def test_an_interrupted_run_with_json_says_how_far_it_came(nnfit: Nnfit, binary: Example) -> None:
    process = nnfit.start("train", "binary.yaml", "--json", *ENDLESS)
    wait_for_epochs(process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.match(rb'\{"model": "binary.npz", .*"epochs": [1-9]\d*, ', out)
    assert out.count(b"\n") == 1


def test_without_validation_rows_the_last_whole_epoch_is_saved(
    nnfit: Nnfit, binary: Example
) -> None:
    process = nnfit.start("train", "binary.yaml", *ENDLESS, "--set", "data.validation=0")
    wait_for_epochs(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    said = err.decode().splitlines()[-1]
    found = re.search(r"epoch (\d+); binary.npz has the weights of epoch (\d+);", said)
    assert found and int(found[2]) == int(found[1]) - 1


def test_before_the_first_epoch_ends_no_model_is_written(nnfit: Nnfit, binary: Example) -> None:
    rows = binary.csv.split("\n", 1)[1] * 1000
    (nnfit.folder / "long.csv").write_text("x1,x2,passed\n" + rows, encoding="utf-8")
    slow = ("--set", "training.batch_size=1", "--set", "model.hidden_sizes=[256, 256]")
    process = nnfit.start("train", "binary.yaml", "--data", "long.csv", *slow)
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == [b"epoch"]:
            break
    time.sleep(0.3)  # of the many seconds that 64,000 steps take
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err.decode() == (
        "nnfit: stopped before the first epoch ended; no model was written; resume with: "
        "nnfit train binary.yaml --set training.batch_size=1 --set 'model.hidden_sizes=[256, 256]' "
        "--data long.csv --resume\n"
    )
    assert (nnfit.folder / "binary.npz").read_bytes() == binary.npz
    assert (nnfit.folder / "binary.npz.checkpoint").exists()
    assert not list(nnfit.folder.glob(".*"))


@pytest.mark.parametrize(("number", "code", "word"), SIGNALS)
def test_while_the_data_is_read(
    nnfit: Nnfit, binary: Example, number: int, code: int, word: str
) -> None:
    os.mkfifo(nnfit.folder / "slow.csv")
    process = nnfit.start("train", "binary.yaml", "--data", "slow.csv")
    slow = once_read(nnfit.folder / "slow.csv", process)
    os.write(slow, b"x1,x2,passed\n1,2,True\n")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    os.close(slow)
    assert (process.returncode, out, err.decode()) == (code, b"", f"nnfit: {word}\n")
    assert (nnfit.folder / "binary.npz").read_bytes() == binary.npz


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15])
def test_during_start(nnfit: Nnfit, binary: Example, delay: float) -> None:
    """Signal while NumPy and pandas are being imported, wherever that is."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("no /proc here")
    os.mkfifo(nnfit.folder / "never.csv")
    process = nnfit.start("train", "binary.yaml", "--data", "never.csv")
    deadline = time.monotonic() + 60.0
    while "_multiarray_umath" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None and time.monotonic() < deadline
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.decode()) == (130, b"", "nnfit: interrupted\n")


def test_a_stopped_prediction_leaves_no_file(nnfit: Nnfit, tiny: Example) -> None:
    (nnfit.folder / "out.csv").write_text("old\n", encoding="utf-8")
    process = nnfit.start("predict", "tiny.npz", "-o", "out.csv", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(tiny.csv.encode())
    process.stdin.flush()
    deadline = time.monotonic() + 60.0
    while not list(nnfit.folder.glob(".out.csv.*.tmp")):  # the first moment of all
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode()) == (143, "nnfit: terminated\n")
    assert (nnfit.folder / "out.csv").read_text(encoding="utf-8") == "old\n"
    assert not list(nnfit.folder.glob(".*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_before_stays_so(
    folder: Path, binary: Example, number: signal.Signals
) -> None:
    """Scripts start background work (`nnfit train … &`) without SIGINT, nohup without SIGHUP."""
    os.mkfifo(folder / "slow.csv")
    name = number.name.removeprefix("SIG")
    script = f"trap '' {name}; exec {sys.executable} -m nnfit train binary.yaml -q --data slow.csv"
    with subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    ) as process:
        slow = once_read(folder / "slow.csv", process)
        process.send_signal(number)
        time.sleep(0.2)
        with contextlib.suppress(BrokenPipeError):  # where it has ended all the same
            os.write(slow, binary.csv.encode())
        os.close(slow)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"binary.npz\n", b"")


def test_a_hangup_hurries_no_run_that_ends() -> None:
    """Shells pass the hangup on that the terminal gave already; systems send it with SIGTERM."""
    left: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda n, frame: left.append(n)) for number in numbers}
    try:
        for first in numbers:
            with StopRequest() as stop:
                for number in (first, signal.SIGHUP, signal.SIGHUP):
                    signal.raise_signal(number)
                assert (left, stop.signal) == ([], first)
                assert stop.exit_code == (130 if first == signal.SIGINT else 143)
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGTERM)
                assert set(left) == {signal.SIGTERM}  # the second that was asked for
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # until the model is written
            signal.signal(signal.SIGHUP, lambda n, frame: left.append(n))
            left.clear()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_terminal(terminal: int, until: bytes) -> bytes:
    """Return what a terminal gets up to `until`, or its end."""
    seen = b""
    while until not in seen:
        ready, _, _ = select.select([terminal], [], [], 60.0)
        assert ready, seen
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    return seen


def on_a_terminal(nnfit: Nnfit, controlling: bool) -> tuple[int, subprocess.Popen[bytes]]:
    """Return a terminal and a run that shows its progress there; it may be the run's own."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 90, 0, 0))

    def own() -> None:
        os.setsid()
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)

    alone = {"preexec_fn": own} if controlling else {"process_group": 0}
    process = nnfit.start(
        "train", "binary.yaml", *ENDLESS,
        stdin=end, stdout=end, stderr=end, env={"TERM": "xterm-256color"}, **alone,
    )  # fmt: skip
    os.close(end)
    read_terminal(terminal, "├".encode())
    return terminal, process


def test_a_closed_terminal_loses_nothing(nnfit: Nnfit, binary: Example) -> None:
    folder = nnfit.folder
    terminal, process = on_a_terminal(nnfit, controlling=True)
    os.close(terminal)
    assert process.wait(timeout=60) == 143
    assert package.load(folder / "binary.npz").training["epochs"] > 0
    assert (folder / "binary.npz.checkpoint").exists()
    assert not list(folder.glob(".*"))


def test_ctrl_z_shows_the_cursor_and_fg_draws_anew(nnfit: Nnfit, binary: Example) -> None:
    hide, show, up = b"\x1b[?25l", b"\x1b[?25h", b"\x1b[1A"
    terminal, process = on_a_terminal(nnfit, controlling=False)
    for _ in range(2):
        process.send_signal(signal.SIGTSTP)
        assert os.waitpid(process.pid, os.WUNTRACED)[1] & 0xFF == 0x7F  # it stands still
        seen = read_terminal(terminal, show)
        assert seen.endswith(b"\n" + show)
        os.write(terminal, b"fg\n")
        process.send_signal(signal.SIGCONT)
        seen = read_terminal(terminal, "├".encode())
        room, _, drawn = seen.partition(hide)[2].partition(b"\r\x1b[2K")
        # as many new lines as the display goes up: the shell's own stay as they are
        assert room.count(b"\n") == drawn.partition("╭".encode())[0].count(up) > 1
    process.send_signal(signal.SIGTERM)
    assert b"resume with" in read_terminal(terminal, b"--resume")
    os.close(terminal)
    assert process.wait(timeout=60) == 143


def test_python_callers_keep_their_own_handlers(folder: Path, binary: Example) -> None:
    """Training from Python leaves SIGINT alone: a notebook's KeyboardInterrupt is its own."""
    import pandas as pd

    before = signal.getsignal(signal.SIGINT)
    package.train("binary.yaml", pd.read_csv(io.StringIO(binary.csv)))
    assert signal.getsignal(signal.SIGINT) is before
