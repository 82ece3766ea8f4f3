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


@dataclass
class Steps:
    """Seconds per training step of one shape, by peer and thread count.

    `auto_threads` are those that the `base` takes by itself, `calls` NumPy's of a step, where they
    are counted.
    """

    shape: Shape
    samples: dict[tuple[str, int], Sample]
    auto_threads: int = 0
    calls: int = 0

    def best(self, peer: str) -> tuple[int, Sample] | None:
        """Return a peer's better thread count and its times, None for a missing peer."""
        found = [(threads, s) for (name, threads), s in self.samples.items() if name == peer]
        return min(found, key=lambda pair: pair[1].median) if found else None

    @property
    def base(self) -> str:
        """The engine of nnfit that the others are held against: the compiled one, if it is here."""
        return next(name for name in ("nnfit, compiled", "nnfit") if self.best(name))

    def ratio(self, mine: str, theirs: str, threads: int = 0) -> Sample | None:
        """Return how many times `mine` a step of `theirs` takes, None where either is missing.

        Each at its better thread count, or both at `threads`.
        """
        samples = []
        for peer in (mine, theirs):
            best = self.best(peer)
            samples.append(self.samples.get((peer, threads)) if threads else best and best[1])
        one, other = samples
        return other.over(one) if one and other else None

    def gain(self, peer: str) -> Sample | None:
        """Return how many times as fast a peer is on two threads as on one."""
        one, two = (self.samples.get((peer, threads)) for threads in (1, 2))
        return one.over(two) if one and two else None


def time_steps(
    workers: Mapping[tuple[str, int], Worker], shape: Shape, seconds: float, rounds: int
) -> Steps:
    """Time bursts of whole epochs, about `seconds` each, all from the same first weights."""
    steps_per_epoch = shape.n_rows // shape.batch_size
    contestants: dict[tuple[str, int], Callable[[], float]] = {}
    for key, worker in workers.items():
        worker.ask("prepare", shape=vars(shape), dtype=worker.kind.dtype)
        once = worker.ask("burst", epochs=1)["seconds"]  # compiles, allocates
        if once < 1.0 or worker.kind.compiles:
            once = worker.ask("burst", epochs=1)["seconds"]
        epochs = max(1, round(seconds / once))
        contestants[key] = burst_of(worker, epochs, epochs * steps_per_epoch)
    samples = in_rounds(contestants, rounds)
    steps = Steps(shape, samples)
    steps.auto_threads = workers[steps.base, 1].ask("auto_threads")["threads"]
    if shape.name == "tiny":
        steps.calls = workers["nnfit", 1].ask("calls", shape=vars(shape))["calls"]
    return steps


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
        worker.ask("prepare_prediction", shape=vars(shape), n_rows=n_rows)
        for batch in PREDICTION_BATCHES.get(name, (0,)):
            contestants[name, threads, batch] = rows_per_second(worker, batch, n_rows)
            contestants[name, threads, batch]()  # the first call allocates
    return in_rounds(contestants, rounds)


def rows_per_second(worker: Worker, batch: int, n_rows: int) -> Callable[[], float]:
    return lambda: n_rows / worker.ask("predict", batch=batch)["seconds"]


def time_beside_a_busy_loop(
    workers: Mapping[int, Worker], shapes: Iterable[Shape], seconds: float, rounds: int
) -> dict[str, dict[tuple[int, str], Sample]]:
    """Return seconds of the same training, "quiet" and beside a "busy" neighbour, by threads.

    The neighbour never rests and is held to one core.
    """
    found = {}
    for shape in shapes:
        contestants: dict[tuple[int, str], Callable[[], float]] = {}
        epochs = 0
        for threads, worker in workers.items():
            worker.ask("prepare", shape=vars(shape), dtype="float32")
            once = min(worker.ask("burst", epochs=1)["seconds"] for _ in range(2))
            epochs = epochs or max(1, round(seconds / once))
            quiet = burst_of(worker, epochs, 1)
            contestants[threads, "quiet"] = quiet
            contestants[threads, "busy"] = beside_a_busy_loop(quiet)
        found[shape.name] = in_rounds(contestants, rounds)
    return found


def beside_a_busy_loop(measure: Callable[[], float]) -> Callable[[], float]:
    """Return the measure with a loop on the last core meanwhile."""

    def busy() -> float:
        neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            if hasattr(os, "sched_setaffinity"):
                cores: Sequence[int] = sorted(os.sched_getaffinity(0))
                os.sched_setaffinity(neighbour.pid, cores[-1:])
            return measure()
        finally:
            neighbour.kill()
            neighbour.wait()

    return busy
