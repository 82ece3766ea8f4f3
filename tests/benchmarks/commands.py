"""Whole commands from the shell, start-up included, beside scripts that do the same.

Files are written to a temporary folder; each command runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.timing import Sample, in_rounds
from tests.benchmarks.workers import ROOT

SCRIPTS = Path(__file__).parent / "scripts"
PYTHON = sys.executable
NNFIT = [PYTHON, "-m", "nnfit"]
N_COLUMNS = 30
SMALL_ROWS = 100
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Return the seconds a command took and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return seconds, done.stdout


def seconds_of(command: list[str], **environment: str) -> Callable[[], float]:
    return lambda: run(command, environment)[0]


def is_missing(package: str) -> bool:
    return subprocess.run([PYTHON, "-c", f"import {package}"], capture_output=True).returncode != 0


def time_digits(folder: Path, rounds: int) -> tuple[dict[str, Sample], dict[str, float]]:
    """Return seconds and test accuracies of training digits for 30 epochs, from CSV to model.

    The scripts get one thread, their best at this size; nnfit decides for itself.
    """
    config = folder / "digits.yaml"
    data = str(ROOT / "data" / "digits.csv")
    config.write_text(
        f"""data: {{path: "{data}", target: digit, validation: 0, test: 0.2}}
preprocessing: {{numeric: minmax}}
model: {{hidden_sizes: [128, 64]}}
training: {{epochs: 30, batch_size: 64}}
"""
    )
    commands = {"nnfit": [*NNFIT, "train", str(config), "-o", str(folder / "digits.npz"), "--json"]}
    for name, package in (("scikit-learn", "sklearn"), ("torch", "torch")):
        if not is_missing(package):
            script = str(SCRIPTS / f"digits_{package}.py")
            commands[name] = [PYTHON, script, data, str(folder / f"digits.{package}")]
    limits = {name: {} if name == "nnfit" else ONE_THREAD for name in commands}
    accuracies = {}
    for name, command in commands.items():
        answer = json.loads(run(command, limits[name])[1])
        accuracies[name] = answer["metrics"]["test"]["accuracy"]
    measures = {name: seconds_of(c, **limits[name]) for name, c in commands.items()}
    return in_rounds(measures, rounds), accuracies


def write_csv(path: Path, n_rows: int, n_different: int = 5000) -> None:
    """Write 30 columns of normal numbers in full precision and a target; rows come again."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n_different, N_COLUMNS))
    labels = np.where(X[:, 0] + X[:, 1] > 0.0, "yes", "no")
    lines = [
        ",".join([*map(repr, row), label]) + "\n"
        for row, label in zip(X.tolist(), labels.tolist(), strict=True)
    ]
    with open(path, "w") as file:
        file.write(",".join([*(f"x{i}" for i in range(N_COLUMNS)), "target"]) + "\n")
        for start in range(0, n_rows, n_different):
            file.writelines(lines[: n_rows - start])


def time_csv_prediction(folder: Path, n_rows: int, rounds: int) -> dict[str, Sample]:
    """Return seconds of `nnfit predict` on the tab network, by what is written.

    "start" is the same on 100 rows.
    """
    model, big, small = folder / "tab.npz", folder / "big.csv", folder / "small.csv"
    if not model.exists():
        train_tab(folder)
    write_csv(big, n_rows)
    output = ["-o", str(folder / "out.csv"), "-q"]
    predict = [*NNFIT, "predict", str(model)]
    return in_rounds(
        {
            "start": seconds_of([*predict, str(small), *output]),
            "prediction": seconds_of([*predict, str(big), *output]),
            "--proba": seconds_of([*predict, str(big), "--proba", *output]),
            "--append": seconds_of([*predict, str(big), "--append", *output]),
        },
        rounds,
    )


def train_tab(folder: Path) -> None:
    """Write tab.npz, a model of the tab network, and small.csv."""
    config = folder / "tab.yaml"
    write_csv(folder / "tab.csv", 1000)
    write_csv(folder / "small.csv", SMALL_ROWS)
    config.write_text(
        "data: {path: tab.csv, target: target}\n"
        "model: {hidden_sizes: [256, 256, 256]}\n"
        "training: {epochs: 1}\n"
    )
    run([*NNFIT, "train", str(config), "-o", str(folder / "tab.npz"), "-q"])


def time_reading(folder: Path, n_rows: int, rounds: int) -> dict[str, dict[str, Sample]]:
    """Return seconds, and memory beside what was there before, of reading a CSV.

    Memory is the peak in units of the float32 array; a fresh process each time.
    """
    path = folder / "reading.csv"
    write_csv(path, n_rows)
    memory: dict[str, list[float]] = {}

    def measure(way: str) -> Callable[[], float]:
        def once() -> float:
            answer: dict[str, Any] = json.loads(
                run([PYTHON, "-m", "tests.benchmarks.reading", way, str(path)])[1]
            )
            if answer["memory"]:
                share = answer["memory"] / (4.0 * n_rows * N_COLUMNS)
                memory.setdefault(way, []).append(share)
            return float(answer["seconds"])

        return once

    ways = ("pandas.read_csv", "read_table", "to arrays")
    seconds = in_rounds({way: measure(way) for way in ways}, rounds)
    peaks = {way: Sample(tuple(values)) for way, values in memory.items()}
    return {"seconds": seconds, "memory": peaks}


def time_around(folder: Path, rounds: int) -> dict[str, Sample]:
    """Return what is spent around the steps of digits, and what the display costs a tiny run.

    "epochs" is a share; "display" the ratio of the training times, shown and quiet.
    """
    digits, tiny = folder / "around_digits.yaml", folder / "around_tiny.yaml"
    digits.write_text(
        f"""data: {{path: "{ROOT / "data" / "digits.csv"}", target: digit, task: classification}}
model: {{hidden_sizes: [128, 64]}}
training: {{epochs: 100, batch_size: 64}}
"""
    )
    tiny.write_text(
        f"""data: {{path: "{ROOT / "data" / "xor.csv"}", target: xor}}
model: {{hidden_sizes: [16]}}
training: {{epochs: 1000}}
"""
    )
    around = [PYTHON, "-m", "tests.benchmarks.around"]

    def share() -> float:
        return float(json.loads(run([*around, "epochs", str(digits)])[1])["share"])

    def display() -> float:
        found = json.loads(run([*around, "display", str(tiny)])[1])
        return float(found["shown"]) / float(found["quiet"])

    return in_rounds({"epochs": share, "display": display}, rounds)


def time_start(folder: Path, rounds: int) -> dict[str, Sample]:
    """Return seconds of short commands and of the imports they are held against."""
    if not (folder / "tab.npz").exists():
        train_tab(folder)
    files = [str(folder / name) for name in ("tab.npz", "small.csv")]
    commands = {
        "nnfit --help": [*NNFIT, "--help"],
        "import typer, rich": [PYTHON, "-c", "import typer, rich"],
        "nnfit predict, 100 rows": [*NNFIT, "predict", *files],
        "import numpy, pandas": [PYTHON, "-c", "import numpy, pandas"],
    }
    for command in commands.values():
        run(command)  # compiles what was never imported here
    return in_rounds({name: seconds_of(command) for name, command in commands.items()}, rounds)
