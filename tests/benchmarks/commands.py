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

from tests.benchmarks.shapes import SHAPES
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


def warm_machine_code(config: Path) -> bool:
    """Have the machine code for a run compiled and kept; return whether the extra is there.

    `training.engine: auto` takes the compiled engine for a short run only where it is kept.
    """
    if is_missing("numba") or is_missing("scipy"):
        return False
    warm = ["--set", "training.engine=compiled", "-o", os.devnull, "-q"]
    run([*NNFIT, "train", str(config), *warm])
    return True


def time_digits(folder: Path, rounds: int) -> tuple[dict[str, Sample], dict[str, float]]:
    """Return seconds and test accuracies of training digits for 30 epochs, from CSV to model.

    The scripts get one thread, their best at this size; nnfit decides for itself, by the engine
    too, with the machine code kept.
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
    warm_machine_code(config)
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


def write_csv(path: Path, n_rows: int, n_columns: int = N_COLUMNS) -> None:
    """Write columns of normal numbers in full precision and a target; 5,000 rows come again."""
    rng, n_different = np.random.default_rng(3), 5000
    X = rng.standard_normal((n_different, n_columns))
    labels = np.where(X[:, 0] + X[:, 1] > 0.0, "yes", "no")
    lines = [
        ",".join([*map(repr, row), label]) + "\n"
        for row, label in zip(X.tolist(), labels.tolist(), strict=True)
    ]
    with open(path, "w") as file:
        file.write(",".join([*(f"x{i}" for i in range(n_columns)), "target"]) + "\n")
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


def write_around(folder: Path) -> dict[str, Path]:
    """Write the configs of runs of three sizes, by shape; a fifth of the rows is held out."""
    digits = str(ROOT / "data" / "digits.csv")
    tables = {"tiny": (2, [16], 32, 400), "tab": (N_COLUMNS, [256, 256, 256], 256, 6)}
    runs: dict[str, tuple[str, str, list[int], int, int]] = {
        "digits": (digits, "digit", [128, 64], 64, 100)
    }
    for name, (n_columns, hidden, batch, epochs) in tables.items():
        table = folder / f"around_{name}.csv"
        write_csv(table, 5 * SHAPES[name].n_rows // 4, n_columns=n_columns)
        runs[name] = (str(table), "target", hidden, batch, epochs)
    paths = {}
    for name in ("tiny", "digits", "tab"):
        data, target, hidden, batch, epochs = runs[name]
        paths[name] = folder / f"around_{name}.yaml"
        paths[name].write_text(
            f"""data: {{path: "{data}", target: {target}, task: classification}}
model: {{hidden_sizes: {hidden}}}
training: {{epochs: {epochs}, batch_size: {batch}, threads: 1}}
"""
        )
    return paths


def time_around(folder: Path, rounds: int) -> dict[tuple[str, str, str], Sample]:
    """Return what is spent around the steps, a share of the run, by engine and shape.

    "around" is all of it, "judging" that part in which the rows held out are run through the
    network and scored, "forward" the former of that.
    """
    found: dict[tuple[str, str, str], list[float]] = {}
    engines = ["numpy", *([] if is_missing("numba") else ["compiled"])]
    runs = [(engine, *run) for engine in engines for run in write_around(folder).items()]
    for _ in range(rounds):
        for engine, shape, config in runs:
            command = [PYTHON, "-m", "tests.benchmarks.around", "epochs", str(config), engine]
            for what, share in json.loads(run(command)[1]).items():
                found.setdefault((engine, shape, what), []).append(share)
    return {key: Sample(tuple(values)) for key, values in found.items()}


def time_display(folder: Path, rounds: int) -> Sample:
    """Return the ratio of the training times of a tiny run, shown on a terminal and quiet."""
    config = folder / "display.yaml"
    config.write_text(
        f"""data: {{path: "{ROOT / "data" / "xor.csv"}", target: xor}}
model: {{hidden_sizes: [16]}}
training: {{epochs: 1000}}
"""
    )
    command = [PYTHON, "-m", "tests.benchmarks.around", "display", str(config), "numpy"]
    found = [json.loads(run(command)[1]) for _ in range(rounds)]
    return Sample(tuple(once["shown"] / once["quiet"] for once in found))


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
