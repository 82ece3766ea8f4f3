"""Out of memory, in whatever shape it comes: one line, exit code 1, nothing left behind."""

from __future__ import annotations

import errno
import gzip
import io
import os
import shutil
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from pandas.errors import ParserError

from nnfit.cli import memory
from nnfit.cli.memory import shortage
from nnfit.csv.source import Source
from nnfit.errors import DataError
from nnfit.observer import Observer

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

CURE = "; use less data, a smaller model or smaller batches, or give it more memory\n"


def chained(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("err", "found"),
    [
        (MemoryError(), ""),
        (MemoryError("Unable to allocate 9. TiB"), "unable to allocate 9. TiB"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "cannot allocate memory"),
        (ParserError("Error tokenizing data. C error: out of memory"), ""),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (
            ImportError("libopenblas.so: failed to map segment from shared object"),
            "failed to map segment",
        ),
        (chained(ImportError("numpy"), MemoryError()), ""),
        (chained(ValueError("x"), OSError(errno.EIO, "Input/output error")), None),
        (ValueError("x"), None),
        (DataError("d.csv: is empty"), None),
    ],
)
def test_how_libraries_say_it(err: Exception, found: str | None) -> None:
    assert shortage(err) == found


def test_any_error_is_a_shortage_where_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_is_room", lambda size: False)
    assert shortage(SystemError("error return without exception set")) == "SystemError"


def test_the_line(cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    for err, line in (
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to\nallocate"), "out of memory (unable to\\nallocate)"),
        (RuntimeError("can't start new thread"), "out of memory (can't start new thread)"),
    ):

        def fail(*args: Any, err: Exception = err) -> None:
            raise err

        monkeypatch.setattr("nnfit.model.file.reading.load", fail)
        result = cli("predict", "tiny.npz", "tiny.csv")
        assert (result.code, result.out, result.err) == (1, "", f"nnfit: error: {line}{CURE}")


def test_memory_that_runs_out_is_not_damaged_data(monkeypatch: pytest.MonkeyPatch) -> None:
    class Greedy:
        eof, unused_data = False, b""

        def decompress(self, raw: bytes) -> bytes:
            raise MemoryError

    monkeypatch.setattr(zlib, "decompressobj", lambda wbits: Greedy())
    packed = io.TextIOWrapper(io.BytesIO(gzip.compress(b"x\n1\n")))
    monkeypatch.setattr("sys.stdin", packed)
    with pytest.raises(MemoryError):
        Source("-", Observer()).read(100)


# real limits -----------------------------------------------------------------------------------


def limited(nnfit: Nnfit, mebibytes: int, *args: str) -> tuple[int, str, str]:
    """Return how `nnfit ARGS` ended with so much address space."""
    if shutil.which("bash") is None or sys.platform != "linux":
        pytest.skip("no limit of address space here")
    script = f'ulimit -v {mebibytes << 10}; exec "$@"'
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "nnfit", *args]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}  # each takes room, and machines differ
    found = subprocess.run(command, capture_output=True, text=True, cwd=nnfit.folder, env=env)
    return found.returncode, found.stdout, found.stderr


def test_no_room_for_the_libraries(nnfit: Nnfit, tiny: Example) -> None:
    for mebibytes in (60, 150, 250):
        for command in ("train tiny.yaml -o new.npz", "predict tiny.npz tiny.csv -o new.csv"):
            code, out, err = limited(nnfit, mebibytes, *command.split())
            assert (code, out) == (1, "")
            assert err == (
                "nnfit: error: out of memory (less than 256 MiB of address space are free)" + CURE
            )
    assert limited(nnfit, 60, "--help")[0] == 0
    assert sorted(path.name for path in nnfit.folder.iterdir()) == [
        "tiny.csv",
        "tiny.npz",
        "tiny.yaml",
    ]


def test_a_model_too_large_to_train(nnfit: Nnfit, tiny: Example) -> None:
    large = ("--set", "model.hidden_sizes=[30000, 30000]")
    code, out, err = limited(nnfit, 3000, "train", "tiny.yaml", "-q", *large)
    assert (code, out) == (1, "")
    assert err.startswith("nnfit: error: out of memory (unable to allocate 3.35 GiB for an array ")
    assert err.endswith(CURE) and err.count("\n") == 1
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz


@pytest.mark.slow
def test_data_too_large_to_read(nnfit: Nnfit, tiny: Example) -> None:
    rows = tiny.csv.split("\n", 1)[1] * 60_000
    (nnfit.folder / "long.csv").write_text("x,colour,kind\n" + rows, encoding="utf-8")
    code, out, err = limited(nnfit, 380, "train", "tiny.yaml", "-q", "--data", "long.csv")
    assert (code, out) == (1, "")
    assert err.startswith("nnfit: error: out of memory")
    assert err.endswith(CURE) and err.count("\n") == 1
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz
    # the same rows are no matter for what streams
    code, out, err = limited(nnfit, 500, "predict", "tiny.npz", "long.csv", "-q", "-o", "out.csv")
    assert (code, out, err) == (0, "", "")
    assert (nnfit.folder / "out.csv").read_bytes().count(b"\n") == 60_000 * 48 + 1


@pytest.mark.slow
def test_too_little_to_predict(nnfit: Nnfit, tiny: Example) -> None:
    wide = ("--set", "model.hidden_sizes=[500000]", "--set", "training.epochs=1")
    assert nnfit("train", "tiny.yaml", "-q", *wide, "-o", "wide.npz").code == 0
    (nnfit.folder / "out.csv").write_bytes(b"old")
    code, out, err = limited(nnfit, 450, "predict", "wide.npz", "tiny.csv", "-q", "-o", "out.csv")
    assert (code, out) == (1, "")
    assert err.startswith("nnfit: error: out of memory (unable to allocate ")
    assert err.endswith(CURE) and err.count("\n") == 1
    assert (nnfit.folder / "out.csv").read_bytes() == b"old"
    assert not list(nnfit.folder.glob(".*"))
