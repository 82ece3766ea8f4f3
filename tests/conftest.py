"""What several test files share: a seeded generator, examples with models, nnfit itself, `alike`.

No test stands here; data that only one file needs is made in that file.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

# the same examples every run, and no judgement by the clock: machines and their load differ
settings.register_profile(
    "nnfit", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nnfit")

TIMEOUT = 120  # seconds; nothing here takes more than a few
LABELS = ("007", "1.0", "yes", ' a,b "q"', "Zürich")

CONFIGS = {
    "tiny": """\
data:
  path: tiny.csv
  target: kind
model:
  hidden_sizes: [8]
optimizer:
  learning_rate: 0.02
training:
  epochs: 30
""",
    # every label and cell that a careless reader would respell
    "labels": """\
data:
  path: labels.csv
  target: label
  exclude: [code]
model:
  hidden_sizes: [16]
optimizer:
  learning_rate: 0.02
training:
  epochs: 60
""",
    "binary": """\
data:
  path: binary.csv
  target: passed
model:
  hidden_sizes: []
optimizer:
  learning_rate: 0.05
training:
  epochs: 30
""",
    "price": """\
data:
  path: price.csv
  target: price
model:
  hidden_sizes: []
optimizer:
  learning_rate: 0.05
training:
  epochs: 60
  dtype: float64
""",
    "pair": """\
data:
  path: pair.csv
  target: [north, south]
model:
  hidden_sizes: [8]
optimizer:
  learning_rate: 0.02
training:
  epochs: 60
""",
}

# A number with a fraction and its sign; a word, which a count is too; any other mark; no space.
TOKEN = re.compile(r"(?<!\w)[-+]?\d+\.\d*(?:e[-+]\d+)?|\w+|\S")
NUMBER = re.compile(r"[-+]?\d+\.\d*(?:e[-+]\d+)?")


def alike(shown: str, printed: str) -> bool:
    """Return whether two lines say the same, up to spaces and what rounding does to fractions.

    The last bit of a sum depends on the processor, and training makes more of it: a unit that is
    0 on one machine is small beside its layer's others on another. So fractions may differ by a
    twentieth of the largest of their line, and by two units in the last place where few places
    are shown. Below 1e-9, what gradcheck tolerates, they are nothing but rounding.
    """
    a, b = TOKEN.findall(shown), TOKEN.findall(printed)
    if [NUMBER.sub("", token) for token in a] != [NUMBER.sub("", token) for token in b]:
        return False
    fractions = [token for token in a + b if NUMBER.fullmatch(token)]
    largest = max((abs(float(token)) for token in fractions), default=0.0)
    pairs = [(s, t) for s, t in zip(a, b, strict=True) if NUMBER.fullmatch(s)]
    return all(
        abs(float(s) - float(t)) <= max(largest / 20.0, 2.0 * min(unit(s), unit(t), 0.01), 1e-9)
        for s, t in pairs
    )


def unit(number: str) -> float:
    """Return one unit in the last place of a number as it is written."""
    exponent = Decimal(number).as_tuple().exponent
    assert isinstance(exponent, int)
    return 10.0**exponent


@dataclass(frozen=True)
class Result:
    """How a command ended; the streams are UTF-8, their line ends as written."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Example:
    """A CSV, a config and the model they give, in the current folder as NAME.csv, .yaml, .npz."""

    name: str
    csv: str
    yaml: str
    npz: bytes

    @property
    def cells(self) -> pd.DataFrame:
        """The CSV's cells exactly as spelt."""
        return pd.read_csv(io.StringIO(self.csv), dtype=str, keep_default_na=False)


class Nnfit:
    """Runs the real executable in a folder of its own, with an environment that asks nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        *args: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
        **popen: Any,
    ) -> subprocess.Popen[bytes]:
        """Return the running process; one that a test leaves behind is killed."""
        asked = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "NNFIT_DEBUG")
        plain = {name: value for name, value in os.environ.items() if name not in asked}
        process = subprocess.Popen(
            [sys.executable, "-m", "nnfit", *args],
            cwd=self.folder,
            env={**plain, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            **popen,
        )
        self.started.append(process)
        return process

    def __call__(
        self, *args: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None
    ) -> Result:
        """Return how `nnfit ARGS` ended; `stdin` comes through a pipe."""
        source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        process = self.start(*args, stdin=source, env=env)
        given = stdin.encode() if isinstance(stdin, str) else stdin
        out, err = process.communicate(given, timeout=TIMEOUT)
        return Result(process.returncode, out.decode(), err.decode())


class Commands:
    """Runs commands in this process, where the streams' own manners do not matter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *args: str, stdin: str | bytes | TextIO | None = b"") -> Result:
        """Return how `nnfit ARGS` ended; `stdin` is the stream, or what is in it."""
        from nnfit.cli.app import run

        given = stdin.encode() if isinstance(stdin, str) else stdin
        if isinstance(given, bytes):
            given = io.TextIOWrapper(io.BytesIO(given))
        self._monkeypatch.setattr("sys.stdin", given)
        self._capsys.readouterr()
        code = run(args)
        out, err = self._capsys.readouterr()
        return Result(code, out, err)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for each test, always the same."""
    return np.random.default_rng(20261123)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nnfit(folder: Path) -> Iterator[Nnfit]:
    """The real executable."""
    runner = Nnfit(folder)
    yield runner
    for process in runner.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # unwritten input of a killed process
                    stream.close()


@pytest.fixture
def cli(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """The commands in this process."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "NNFIT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Commands(monkeypatch, capsys)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Example]:
    """Every example, trained once."""
    import nnfit

    home = tmp_path_factory.mktemp("examples")
    made = {}
    for name, frame in _tables().items():
        path = home / f"{name}.yaml"
        path.write_text(CONFIGS[name], encoding="utf-8")
        text = frame.to_csv(index=False)
        (home / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
        made[name] = Example(name, text, CONFIGS[name], nnfit.train(path).to_bytes())
    return made


@pytest.fixture
def tiny(folder: Path, examples: dict[str, Example]) -> Example:
    """Three kinds told by a number and a colour, 48 rows; its three files are here."""
    return _put(folder, examples["tiny"])


@pytest.fixture
def labels(folder: Path, examples: dict[str, Example]) -> Example:
    """Labels and cells in odd spellings, gaps, a boolean column; its three files are here."""
    return _put(folder, examples["labels"])


@pytest.fixture
def binary(folder: Path, examples: dict[str, Example]) -> Example:
    """Two classes, True and False, that overlap; its three files are here."""
    return _put(folder, examples["binary"])


@pytest.fixture
def price(folder: Path, examples: dict[str, Example]) -> Example:
    """A regression in units far from 1; its three files are here."""
    return _put(folder, examples["price"])


@pytest.fixture
def pair(folder: Path, examples: dict[str, Example]) -> Example:
    """A regression with two targets in different units; its three files are here."""
    return _put(folder, examples["pair"])


def _put(folder: Path, example: Example) -> Example:
    (folder / f"{example.name}.csv").write_text(example.csv, encoding="utf-8", newline="")
    (folder / f"{example.name}.yaml").write_text(example.yaml, encoding="utf-8")
    (folder / f"{example.name}.npz").write_bytes(example.npz)
    return example


def _tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(7)
    tables = {}
    k = np.arange(48) % 3
    tables["tiny"] = pd.DataFrame(
        {
            "x": (k + rng.normal(0.0, 0.3, 48)).round(3),
            "colour": np.array(["red", "green", "blue"])[(k + (rng.random(48) < 0.2)) % 3],
            "kind": np.array(["a", "b", "c"])[k],
        }
    )
    k = np.arange(100) % 5
    tables["labels"] = pd.DataFrame(
        {
            "code": np.array(["1.10", "007", "NA", " x ", 'a,"b"'])[np.arange(100) * 3 % 5],
            "amount": (k + rng.normal(0.0, 0.2, 100)).round(3),
            "city": np.array(["Köln", 'a,b "c"', "東京"])[rng.integers(3, size=100)],
            "age": np.where(np.arange(100) % 9, rng.integers(18, 80, 100).astype(str), ""),
            "member": np.array(["True", "False"])[rng.integers(2, size=100)],
            "label": np.array(LABELS)[k],
        }
    )
    x = rng.normal(size=(80, 2)).round(3)
    tables["binary"] = pd.DataFrame(
        {"x1": x[:, 0], "x2": x[:, 1], "passed": x[:, 0] - x[:, 1] + rng.normal(size=80) > 0.0}
    )
    area, rooms = rng.uniform(30.0, 200.0, 80).round(1), rng.integers(1, 6, 80)
    noise = rng.normal(0.0, 5000.0, 80)
    tables["price"] = pd.DataFrame(
        {"area": area, "rooms": rooms, "price": (250000 + 3000 * area + noise).round(2)}
    )
    x = rng.uniform(-2.0, 2.0, (80, 2)).round(3)
    tables["pair"] = pd.DataFrame(
        {
            "u": x[:, 0],
            "v": x[:, 1],
            "north": (1000 * x[:, 0] + rng.normal(0.0, 50.0, 80)).round(2),
            "south": (0.01 * x[:, 1] + rng.normal(0.0, 0.001, 80)).round(5),
        }
    )
    return tables
