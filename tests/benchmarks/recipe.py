"""`preset: default` on a small table: whole commands, the loop alone, and how the loop grows.

The table is Friedman's first (Annals of Statistics 19, 1991): five of its eight columns matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.commands import NNFIT, run, warm_machine_code
from tests.benchmarks.output import Table
from tests.benchmarks.speed_tables import duration, with_duration
from tests.benchmarks.timing import Sample, in_rounds
from tests.benchmarks.workers import Worker

N_COLUMNS = 8
N_ROWS = 1_000
BATCH = 96  # that the preset takes at so many
GROWTH = 10
GROWTH_EPOCHS = 16
WAYS = [(engine, threads) for engine in ("numpy", "compiled") for threads in (1, "auto")]
USERS_WAY = ("auto", "auto")


@dataclass(frozen=True)
class Case:
    """A table and how it is trained on; the preset decides what is not given.

    With `epochs` all that a step and their number depend on is held, whatever the size.
    """

    name: str
    path: str
    rows: int = N_ROWS
    members: int = 8
    width: int = 128
    epochs: int | None = None

    @property
    def folds(self) -> bool:
        """Whether each member is judged by rows of its own; else all by the same fifth."""
        return self.members > 1 and not self.epochs

    def config(self) -> dict[str, Any]:
        """Return the config of the run."""
        config: dict[str, Any] = {
            "data": {"path": self.path, "target": "y"},
            "preset": "default",
            "model": {"members": self.members, "hidden_sizes": [self.width] * 3},
        }
        if not self.folds:
            config["data"]["validation"] = 0.2
        if self.epochs:
            config["preprocessing"] = {"bins": 12}
            config["training"] = {"epochs": self.epochs, "patience": None, "batch_size": BATCH}
        return config


def cases(folder: Path, quick: bool) -> list[Case]:
    """Return the recipe for eight members and for one, then a base and what grows from it."""
    table = str(write_table(folder, N_ROWS))
    recipes = [Case("8 members", table), Case("1 member", table, members=1)]
    if quick:
        return [replace(case, epochs=2) for case in recipes]
    grown = str(write_table(folder, GROWTH * N_ROWS))
    base = Case("base", table, members=1, width=64, epochs=GROWTH_EPOCHS)
    return [
        *recipes,
        base,
        replace(base, name=f"rows x {GROWTH}", path=grown, rows=GROWTH * N_ROWS),
        replace(base, name=f"width x {GROWTH}", width=GROWTH * base.width),
        replace(base, name=f"members x {GROWTH}", members=GROWTH),
    ]


def write_table(folder: Path, n_rows: int) -> Path:
    """Write a CSV of `n_rows` rows and a target, with noise of standard deviation 1."""
    rng = np.random.default_rng(4)
    x = rng.random((n_rows, N_COLUMNS))
    y = 10.0 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20.0 * (x[:, 2] - 0.5) ** 2
    y += 10.0 * x[:, 3] + 5.0 * x[:, 4] + rng.standard_normal(n_rows)
    path = folder / f"friedman_{n_rows}.csv"
    names = ",".join([*(f"x{i}" for i in range(N_COLUMNS)), "y"])
    np.savetxt(path, np.column_stack([x, y]), "%.6f", ",", header=names, comments="")
    return path


def time_commands(folder: Path, rounds: int, quick: bool) -> dict[tuple[str, Any, str], Sample]:
    """Return seconds of `nnfit train`, by engine, threads and case.

    The config that leaves both to nnfit is there for eight members.
    """
    contestants: dict[tuple[str, Any, str], Callable[[], float]] = {}
    for case in cases(folder, quick)[:2]:
        config = folder / f"recipe_{case.members}.yaml"
        config.write_text(json.dumps(case.config()))  # JSON is YAML
        ways = [*WAYS, USERS_WAY] if case.members > 1 else WAYS
        installed = warm_machine_code(config)
        for engine, threads in ways:
            if engine != "compiled" or installed:
                way = [f"training.engine={engine}", f"training.threads={threads}"]
                contestants[engine, threads, case.name] = command(config, way)
    return in_rounds(contestants, rounds)


def command(config: Path, way: Iterable[str]) -> Callable[[], float]:
    sets = [word for key in way for word in ("--set", key)]
    output = ["-o", str(config.with_suffix(".npz")), "-q"]
    return lambda: run([*NNFIT, "train", str(config), *sets, *output])[0]


def time_loops(
    workers: Mapping[tuple[str, int], Worker],
    some: Iterable[Case],
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, dict[tuple[str, int], Sample]]:
    """Return seconds of the loop alone, by case, peer and threads.

    Each trains once before: that compiles. torch takes as many epochs as nnfit, the first, took.
    """
    found = {}
    for case in some:
        say(f"timing: recipe, the loop of {case.name}")
        epochs, sizes = 0, []
        contestants: dict[tuple[str, int], Callable[[], float]] = {}
        for key, worker in workers.items():
            asked = {"case": vars(case), "epochs": epochs, "sizes": sizes}
            answer = worker.ask("recipe", **asked)
            if not epochs:
                epochs, sizes = answer["epochs"], answer["sizes"]
            contestants[key] = loop(worker, asked)
        found[case.name] = in_rounds(contestants, rounds)
    return found


def loop(worker: Worker, asked: Mapping[str, Any]) -> Callable[[], float]:
    return lambda: float(worker.ask("recipe", **asked)["seconds"])


def command_table(seconds: Mapping[tuple[str, Any, str], Sample]) -> Table:
    names = list(dict.fromkeys(name for *_, name in seconds))
    table = Table(
        f"Whole command: preset default, {N_ROWS:,} rows of {N_COLUMNS} columns",
        ["engine", "threads", *names],
        remarks=["Engine auto with the machine code in Numba's cache."],
    )
    for engine, threads in dict.fromkeys((engine, threads) for engine, threads, _ in seconds):
        samples = [seconds.get((engine, threads, name)) for name in names]
        cells = ["–" if sample is None else with_duration(sample) for sample in samples]
        table.rows.append([engine, str(threads), *cells])
    return table


def loop_table(found: Mapping[str, Mapping[tuple[str, int], Sample]]) -> Table:
    columns = list(next(iter(found.values())))
    table = Table(
        "The recipe's loop alone, in brackets against its base",
        ["case", *(f"{name} {threads}t" for name, threads in columns)],
        remarks=[
            f"Base: a member of three layers of 64 units, {N_ROWS:,} rows of which a fifth is held "
            f"out, {GROWTH_EPOCHS} epochs in batches of {BATCH}.",
            "torch: the members as one more dimension of its tensors, fused Adam, with the same "
            "sizes, schedule, epochs, validation and keeping of the best weights.",
        ],
    )
    for name, samples in found.items():
        cells = []
        for key in columns:
            grown = ""
            if " x " in name and "base" in found:
                grown = f" ({samples[key].median / found['base'][key].median:.1f}x)"
            cells.append(duration(samples[key].median) + grown)
        table.rows.append([name, *cells])
    return table
