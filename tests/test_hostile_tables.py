"""CSVs and configs from a stranger, through the real executable: one line, soon, in little memory.

What is merely wrong is in `test_bad_input`; SECURITY.md names the tests here.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nnfit.csv import dialect, source
from nnfit.errors import did_you_mean
from nnfit.observer import Observer
from nnfit.table.cells import parse_any_spelling, parse_number

if TYPE_CHECKING:
    from conftest import Commands

CONFIG = "data: {path: d.csv, target: y}\ntraining: {epochs: 1}\n"
TRAIN = ("train", "c.yaml", "-q", "--data", "-")
MEMORY = 1 << 30  # bytes that a refusal may take, pandas and all
PATIENCE = 120  # seconds, on a machine that is busy with something else


class Ended(NamedTuple):
    """How a command ended: its exit code, its streams, and the most memory it had, in bytes."""

    code: int
    out: str
    err: str
    peak: int


def endless(unit: bytes) -> Iterator[bytes]:
    """Yield ever more of `unit`."""
    block = unit * (1 << 16)
    while True:
        yield block


# A process has, as its most, what its parent had when it was forked: so a small one stands between.
BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "nnfit", *sys.argv[2:]])
_, status, usage = os.wait4(process.pid, 0)
os.write(int(sys.argv[1]), str(usage.ru_maxrss).encode())
os._exit(os.waitstatus_to_exitcode(status))
"""


def measured(*args: str, stdin: Iterator[bytes] | None = None) -> Ended:
    """Run nnfit in the current folder, feeding it until it has had enough."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", BETWEEN, str(writing), *args],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    kill = threading.Timer(PATIENCE, process.kill)
    kill.start()
    try:
        if process.stdin is not None and stdin is not None:
            try:
                for block in stdin:
                    process.stdin.write(block)
                process.stdin.close()
            except BrokenPipeError:
                process.stdin.raw.close()  # what is still buffered is wanted no more
        out, err = process.stdout.read(), process.stderr.read()  # both are short
        code = process.wait()
        os.close(writing)
        peak = int(os.read(reading, 32))
    finally:
        kill.cancel()
        os.close(reading)
        process.stdout.close()
        process.stderr.close()
    scale = 1 if sys.platform == "darwin" else 1024
    return Ended(code, out.decode(), err.decode(), peak * scale)


@pytest.fixture
def config(folder: Path) -> Path:
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


ENDLESS = "no end within 16 MiB; expected a line end. Close the quote it may have left open, or "
ENDLESS += "check that the file is a CSV"


@pytest.mark.parametrize(
    ("start", "unit", "line"),
    [
        (b"", b"x", f"<stdin>, the header: {ENDLESS}"),
        pytest.param(b"", b"ab,", f"<stdin>, the header: {ENDLESS}", marks=pytest.mark.slow),
        (b"x,y\n1,2\n", b'",', f"<stdin>, row 2: {ENDLESS}"),
        pytest.param(b"x,y\n1,2\n", b'""', f"<stdin>, row 2: {ENDLESS}", marks=pytest.mark.slow),
    ],
    ids=["a word", "columns", "quotes and commas", "quotes"],
)
def test_a_line_that_never_ends(config: Path, start: bytes, unit: bytes, line: str) -> None:
    def given() -> Iterator[bytes]:
        yield start
        yield from endless(unit)

    ended = measured(*TRAIN, stdin=given())
    assert (ended.code, ended.out, ended.err) == (2, "", f"nnfit: error: {line}\n")
    assert ended.peak < MEMORY


def test_a_line_of_100_megabytes(config: Path) -> None:
    rows = "".join(f"{i},{i / 3}\n" for i in range(20))
    with open("d.csv", "w", encoding="utf-8") as stream:
        stream.write(f"x,y\n{rows}{'z' * 10**8},1\n")
    ended = measured("train", "c.yaml", "-q")
    line = f"nnfit: error: d.csv, row 21: {ENDLESS}\n"
    assert (ended.code, ended.out, ended.err) == (2, "", line)
    assert ended.peak < MEMORY


def test_a_device_that_never_ends(config: Path) -> None:
    ended = measured("train", "c.yaml", "-q", "--data", "/dev/zero")
    assert ended.code == 2 and ended.err == (
        "nnfit: error: /dev/zero: NUL at byte 1 of the text; expected a CSV. The file is binary, "
        "or UTF-16 without a byte order mark: save it as UTF-8\n"
    )
    assert ended.peak < MEMORY
    ended = measured("train", "/dev/zero")
    line = "nnfit: error: /dev/zero: is over 1000000 bytes; expected a config in YAML\n"
    assert (ended.code, ended.err) == (2, line)
    assert ended.peak < MEMORY


def test_a_fifo_is_a_csv(config: Path) -> None:
    os.mkfifo("fifo")

    def write() -> None:
        rows = "".join(f"{i},{i / 3}\n" for i in range(20))
        Path("fifo").write_text(f"x,y\n{rows}", encoding="utf-8")

    writer = threading.Thread(target=write)
    writer.start()
    ended = measured("train", "c.yaml", "-q", "--data", "fifo")
    writer.join()
    assert (ended.code, ended.out, ended.err) == (0, "c.npz\n", "")


# in this process -----------------------------------------------------------------------------


def refused(cli: Commands, text: str | bytes, *more: str) -> str:
    """Return the one line that training on `text` ends with."""
    Path("d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = cli("train", "c.yaml", "-q", *more)
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line.removeprefix("nnfit: error: ")


@pytest.mark.slow
def test_ten_thousand_columns(cli: Commands, config: Path) -> None:
    names = [f"c{i}" for i in range(10_000)]
    rows = [
        ",".join(str((r * i) % 7) for i in range(10_000)) + f",{'ab'[r % 2]}" for r in range(12)
    ]
    Path("d.csv").write_text("\n".join([",".join([*names, "y"]), *rows]), encoding="utf-8")
    sets = ["--set", "model.hidden_sizes=[]", "--set", "data.validation=0"]
    assert cli("train", "c.yaml", "-q", *sets).code == 0
    result = cli("predict", "c.npz", "d.csv", "-q")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 13)


def test_more_columns_than_any_table_has(cli: Commands, config: Path) -> None:
    many = dialect.MAX_COLUMNS + 1
    row = ",".join(f"c{i}" for i in range(many)) + "\n"
    line = (
        f"d.csv: got {many} columns; expected at most {dialect.MAX_COLUMNS}. "
        "Check that the file is a CSV with a row in each line"
    )
    assert refused(cli, row + row) == line
    assert refused(cli, row + row, "--set", "data.header=false") == line


def test_a_name_as_long_as_a_text(cli: Commands, config: Path) -> None:
    assert refused(cli, f"x,{'y' * 1001}\n1,2\n") == (
        "d.csv: the name of column 2 has 1001 characters; expected at most 1000. "
        "Check that the first line is a header, or set data.header: false"
    )


@pytest.mark.parametrize(
    ("compress", "kind", "suffix"), [(lzma.compress, "xz", "xz"), (bz2.compress, "bzip2", "bz2")]
)
def test_a_compressed_bomb(
    cli: Commands, config: Path, monkeypatch: pytest.MonkeyPatch, compress, kind: str, suffix: str
) -> None:
    """Small limits, so that the bomb needs to be no large one."""
    monkeypatch.setattr(source, "INFLATED_FREELY", 1 << 20)
    raw = compress(b"x,y\n" + b"1,2\n" * (1 << 20))
    Path(f"d.csv.{suffix}").write_bytes(raw)
    result = cli("train", "c.yaml", "-q", "--data", f"d.csv.{suffix}")
    assert result.code == 2 and result.out == ""
    assert re.fullmatch(
        rf"nnfit: error: d.csv.{suffix}: \d+ bytes of {kind} data have become \d+ so far; expected "
        r"at most 200 times as many. Decompress it first, if that is meant\n",
        result.err,
    )


@pytest.mark.slow
def test_a_compressed_bomb_takes_little_memory(config: Path) -> None:
    """Twenty thousand members, each of which holds nearly a megabyte: 18 GB in a few."""
    member = bz2.compress(b"x,y\n" + (b"1" * 60 + b"," + b"2" * 60 + b"\n") * 7000)
    Path("d.csv.bz2").write_bytes(member * 20_000)
    ended = measured("train", "c.yaml", "-q", "--data", "d.csv.bz2")
    assert ended.code == 2
    assert "bytes of bzip2 data have become" in ended.err and ended.err.count("\n") == 1
    assert ended.peak < MEMORY


def test_well_compressed_data_come_in_small_pieces(folder: Path) -> None:
    """32 MiB in five thousand bytes are not inflated at once."""
    Path("d.csv.xz").write_bytes(lzma.compress(b"1,2\n" * (1 << 23), preset=0))
    with source.Source("d.csv.xz", Observer()) as opened:
        sizes = [len(block) for block in iter(lambda: opened.read(1 << 16), b"")]
    assert sum(sizes) == 1 << 25
    assert max(sizes) < 1 << 25


def test_nothing_is_guessed_for_a_long_name() -> None:
    assert did_you_mean("x" * 100, ["x" * 99]) != ""
    assert did_you_mean("x" * 101, ["x" * 100]) == ""


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("AGE", ["wage", "age"], "age"),
        ("age", ["Age", "AGE"], "Age"),
        ("PETAL_WIDHT", ["petal_length", "petal_width"], "petal_width"),
        ("STRASSE", ["Straße"], "Straße"),
        ("wagee", ["WAGE", "wage"], "wage"),
        ("x", ["y"], None),
    ],
)
def test_near_names_whatever_their_case(name: str, known: list[str], near: str | None) -> None:
    expected = "" if near is None else f"; did you mean {near!r}?"
    assert did_you_mean(name, known) == expected


def test_what_is_compressed_as_a_table_is(cli: Commands, config: Path, monkeypatch) -> None:
    monkeypatch.setattr(source, "INFLATED_FREELY", 1 << 10)
    text = "x,y\n" + "".join(f"{i * 7919 % 1000},{i * 31 % 97 / 7}\n" for i in range(2000))
    Path("d.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert cli("train", "c.yaml", "-q", "--data", "d.csv.gz").code == 0


FOREIGN = ["1,70", "-1.234,5", "1,234.5", "1_000", "1 000", "1\u202f000", "1\u2019000.5", "0x1F"]
FOREIGN += ["\u0661\u0662", "\uff11\uff12", "3,5e2"]
OWN = ["1", "1.5", "-1e400", ".5", "inf"]
WORDS = [
    "192.168.1.1",
    "1.2.3",
    "2020-01-02",
    "12:30",
    "a,b",
    "1,2,x",
    "_1_000",
    "0x",
    "1__000",
    "",
]
WORDS += ["1,", "12 34", "\u0661x", "1_00", "x" * 100_000, "1" * 100_000 + "x"]


def test_spellings_of_numbers() -> None:
    for cell in FOREIGN:
        assert parse_number(cell) is None
        assert str(parse_any_spelling(cell)) == "nan", cell
    for cell in OWN:
        assert parse_any_spelling(cell) == parse_number(cell) is not None
    for cell in (*WORDS, True, None):
        assert parse_any_spelling(cell) is None, cell


@pytest.mark.parametrize("cell", ["1_000", "0x1F", "\u0661\u0662", "\uff11\uff12"])
def test_a_column_of_numbers_in_another_spelling(cli: Commands, config: Path, cell: str) -> None:
    """Text of this kind would quietly become categories, one for each number."""
    numbers = "".join(f"{i};{i / 3}\n" for i in range(9))
    delimiter = ("--set", "data.delimiter=;")
    cells = f"{cell};1.5\n" * 11
    said = (
        f"cannot read {cell!r} as a number; 11 of 20 cells look like numbers with a decimal comma, "
        "separators or other digits. Write them as 1234.5, or "
    )
    line = refused(cli, f"x;y\n{numbers}{cells}", *delimiter)
    assert line == f"d.csv, row 10, column 'x': {said}list the column under data.categorical"
    line = refused(cli, f"y;x\n{numbers}{cells}", *delimiter)
    assert line == f"d.csv, row 10, column 'y': {said}set data.task: classification"
    sets = ("--set", "data.categorical=[x]")
    Path("d.csv").write_text(f"x;y\n{numbers}{cells}", encoding="utf-8")
    assert cli("train", "c.yaml", "-q", *delimiter, *sets).code == 0


@pytest.mark.parametrize("delimiter", ["é", "\\n", "ab", "\x00"])
def test_a_delimiter_that_no_csv_has(cli: Commands, config: Path, delimiter: str) -> None:
    Path("d.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    result = cli("train", "c.yaml", "-q", "--set", f'data.delimiter="{delimiter}"')
    assert result.code == 2
    (line,) = result.err.splitlines()
    assert "delimiter" in line and line.startswith("nnfit: error: --set ")


def test_a_label_of_a_million_characters(cli: Commands, config: Path) -> None:
    rows = "".join(f"{i},{'ab'[i % 2] * 10**6}\n" for i in range(20))
    Path("d.csv").write_text(f"x,y\n{rows}", encoding="utf-8")
    assert cli("train", "c.yaml", "-q").code == 0
    result = cli("evaluate", "c.npz", "-q", stdin=f"x,y\n1,{'c' * 10**6}\n")
    assert result.code == 2
    assert result.err == (
        f"nnfit: error: <stdin>: no row has a class of the training rows, got '{'c' * 56}...; "
        f"classes are: {'a' * 57}..., {'b' * 57}...\n"
    )
