"""Times in rounds: everyone once per round, so that a slow moment of the machine meets all.

Medians and quartiles come out; what they mean is for `verdicts` to say.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.benchmarks.shapes import Shape
from tests.benchmarks.workers import Worker

Key = TypeVar("Key")
GEMM_SIZE = 2048
PREDICTION_BATCHES = {"torch default": (0, 1024, 4096)}  # 0: all rows at once


@dataclass(frozen=True)
class Sample:
    """One measure of one contestant, a value per round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.values) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def over(self, other: Sample) -> Sample:
        """Return the ratios round by round: what slows a whole round cancels."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def scaled(self, factor: float) -> Sample:
        return Sample(tuple(factor * value for value in self.values))

    def to_json(self) -> dict[str, Any]:
        low, high = self.quartiles
        return {
            "median": self.median,
            "quartiles": [low, high],
            "extremes": [min(self.values), max(self.values)],
            "rounds": len(self.values),
        }


def in_rounds(contestants: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, Sample]:
    """Measure everyone once per round, every other round in reverse."""
    values: dict[Key, list[float]] = {key: [] for key in contestants}
    for number in range(rounds):
        turns = list(contestants.items())
        for key, measure in reversed(turns) if number % 2 else turns:
            values[key].append(measure())
    return {key: Sample(tuple(found)) for key, found in values.items()}


@dataclass(frozen=True)
class Steps:
    """Seconds per training step of one shape, by peer and thread count."""

    shape: Shape
    samples: dict[tuple[str, int], Sample]
    auto_threads: int
    calls: int

    def best(self, peer: str) -> tuple[int, Sample] | None:
        """Return a peer's better thread count and its times, None for a missing peer."""
        found = [(threads, s) for (name, threads), s in self.samples.items() if name == peer]
        return min(found, key=lambda pair: pair[1].median) if found else None

    def ratio(self, peer: str) -> Sample | None:
        """Return how many times nnfit's step a peer's takes."""
        mine, theirs = self.best("nnfit"), self.best(peer)
        return theirs[1].over(mine[1]) if mine and theirs else None


def time_steps(
    workers: Mapping[tuple[str, int], Worker], shape: Shape, seconds: float, rounds: int
) -> Steps:
    """Time bursts of whole epochs, about `seconds` each, all from the same first weights."""
    steps_per_epoch = shape.n_rows // shape.batch_size
    contestants: dict[tuple[str, int], Callable[[], float]] = {}
    for key, worker in workers.items():
        worker.ask("prepare", shape=shape.name, dtype=worker.kind.dtype)
        once = worker.ask("burst", epochs=1)["seconds"]  # compiles, allocates
        if once < 1.0 or worker.kind.package == "jax":
            once = worker.ask("burst", epochs=1)["seconds"]
        epochs = max(1, round(seconds / once))
        contestants[key] = burst_of(worker, epochs, epochs * steps_per_epoch)
    samples = in_rounds(contestants, rounds)
    mine = next(worker for (name, _), worker in workers.items() if name == "nnfit")
    return Steps(
        shape,
        samples,
        mine.ask("auto_threads")["threads"],
        mine.ask("calls", shape=shape.name)["calls"] if shape.name == "tiny" else 0,
    )


def burst_of(worker: Worker, epochs: int, steps: int) -> Callable[[], float]:
    """Return a measure: the seconds of a step."""
    return lambda: worker.ask("burst", epochs=epochs)["seconds"] / steps


def time_peak(workers: Mapping[tuple[str, int], Worker], rounds: int) -> dict[int, Sample]:
    """Return float32 operations per second of a large matrix product, by threads."""
    return in_rounds(
        {
            threads: lambda worker=worker: worker.ask("gemm", n=GEMM_SIZE)["flops"]
            for (name, threads), worker in workers.items()
            if name == "nnfit"
        },
        rounds,
    )


def time_prediction(
    workers: Mapping[tuple[str, int], Worker], shape: Shape, n_rows: int, rounds: int
) -> dict[tuple[str, int, int], Sample]:
    """Return rows per second in memory, by peer, threads and batch; threads 0: its default."""
    contestants: dict[tuple[str, int, int], Callable[[], float]] = {}
    for (name, threads), worker in workers.items():
        worker.ask("prepare_prediction", shape=shape.name, n_rows=n_rows)
        for batch in PREDICTION_BATCHES.get(name, (0,)):
            contestants[name, threads, batch] = rows_per_second(worker, batch, n_rows)
            contestants[name, threads, batch]()  # the first call allocates
    return in_rounds(contestants, rounds)


def rows_per_second(worker: Worker, batch: int, n_rows: int) -> Callable[[], float]:
    return lambda: n_rows / worker.ask("predict", batch=batch)["seconds"]


def time_beside_a_busy_loop(
    worker: Worker, shapes: Iterable[Shape], seconds: float, rounds: int
) -> dict[str, dict[str, Sample]]:
    """Return seconds of the same training, quiet and with a neighbour that never rests.

    The worker takes the threads that nnfit itself takes; the neighbour is held to one core.
    """
    found = {}
    for shape in shapes:
        worker.ask("prepare", shape=shape.name, dtype="float32")
        once = min(worker.ask("burst", epochs=1)["seconds"] for _ in range(2))
        epochs = max(1, round(seconds / once))

        def quiet(epochs: int = epochs) -> float:
            return float(worker.ask("burst", epochs=epochs)["seconds"])

        def busy(measure: Callable[[], float] = quiet) -> float:
            neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            try:
                if hasattr(os, "sched_setaffinity"):
                    cores: Sequence[int] = sorted(os.sched_getaffinity(0))
                    os.sched_setaffinity(neighbour.pid, cores[-1:])
                return measure()
            finally:
                neighbour.kill()
                neighbour.wait()

        found[shape.name] = in_rounds({"quiet": quiet, "busy": busy}, rounds)
    return found
