"""One run of the benchmark: its workers, what it times, and what it found."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import commands, curve, output, recipe, speed_tables, verdicts
from tests.benchmarks.equal_work import ENGINES, JUDGES, prove
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.timing import (
    Sample,
    Steps,
    time_beside_a_busy_loop,
    time_peak,
    time_prediction,
    time_steps,
)
from tests.benchmarks.verdicts import COMPILED
from tests.benchmarks.workers import KINDS, Worker

PARTS = (
    "neighbour", "around", "predict", "digits-command", "csv", "read", "start", "recipe", "curve",
)  # fmt: skip
NEIGHBOUR_SHAPES = ("digits", "mnist", "tab", "large", "full")
THREADS = (1, 2)
RECIPE_PEERS = ("nnfit", COMPILED, "torch fused")


def on_each(*names: str) -> list[tuple[str, int]]:
    """Return the workers of these kinds, one for each thread count."""
    return [(name, threads) for name in names for threads in THREADS]


# the workers that a part asks, as far as they can be had
WORKERS = {
    "neighbour": on_each(COMPILED),
    "predict": [("nnfit", 0), *on_each("torch default"), ("scikit-learn f64", 0)],
    "recipe": on_each(*RECIPE_PEERS),
    "curve": on_each(*curve.PEERS),
}


class Benchmark:
    """One run: what was asked for, the workers, and what was found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.quick: bool = options.quick
        only = set(options.only or [])
        self.shapes = [s for name, s in SHAPES.items() if not only or name in only]
        if self.quick and "large" not in only:
            self.shapes = [shape for shape in self.shapes if shape.name != "large"]
        self.parts = [part for part in PARTS if not only or part in only]
        self.rounds = 2 if self.quick else 9
        self.n_rows = 40_000 if self.quick else 200_000
        self.begin = time.perf_counter()
        self.err = Console(stderr=True)
        self.tables: list[output.Table] = []
        self.verdicts: list[verdicts.Verdict] = []
        self.remarks = ["quick: the figures say that it runs, no more"] if self.quick else []
        self.results: dict[str, Any] = {}
        self.steps: list[Steps] = []
        self.curve: list[Steps] = []
        self.peaks: dict[int, Sample] = {}
        self.workers: dict[tuple[str, int], Worker] = {}
        self.machine: dict[str, Any] = {}

    def say(self, text: str) -> None:
        elapsed = time.perf_counter() - self.begin
        self.err.print(f"{elapsed:4.0f} s  {text}", style="dim", highlight=False)

    def start_workers(self) -> None:
        """Start everyone at once and note who is missing."""
        wanted = on_each(*KINDS) if self.shapes else []
        wanted += [key for part in self.parts for key in WORKERS.get(part, [])]
        started = {key: Worker(KINDS[key[0]], key[1]) for key in dict.fromkeys(wanted)}
        versions: dict[str, str] = {}
        missing = {}
        for key, worker in started.items():
            if worker.meet():
                self.workers[key] = worker
                versions |= worker.versions
            else:
                missing[worker.kind.package] = worker.missing
                worker.close()
        for package, reason in missing.items():
            self.remarks.append(f"{package} was skipped: {reason}")
        self.machine = output.describe_machine(versions)

    def those(self, wanted: list[tuple[str, int]]) -> dict[tuple[str, int], Worker]:
        """Return those of the workers that are there."""
        return {key: self.workers[key] for key in wanted if key in self.workers}

    def prove(self) -> bool:
        """Return whether torch, where it is installed, agrees with nnfit."""
        all_threads = {name: w for (name, threads), w in self.workers.items() if threads == 2}
        if not self.shapes:
            return True
        if not any(name in JUDGES for name in all_threads):
            self.remarks.append("equal work was not proven: torch is not installed")
        proofs = []
        for shape in self.shapes:
            self.say(f"equal work: {shape.name}")
            proofs += prove(all_threads, [shape])
        self.tables.append(speed_tables.proof_table(proofs))
        self.results["equal_work"] = [{**vars(p), "equal": p.equal} for p in proofs if p.judged]
        return all(p.equal for p in proofs if p.judged)

    def time_training(self) -> None:
        """Time the step of every shape, and the sgemm peak before and after."""
        if not self.shapes:
            return
        timed = self.those(on_each(*KINDS))
        before = time_peak(timed, max(2, self.rounds // 2))
        for shape in self.shapes:
            self.say(f"training step: {shape.name}")
            rounds = min(self.rounds, 3) if shape.name == "large" else self.rounds
            self.steps.append(time_steps(timed, shape, 0.02 if self.quick else 0.1, rounds))
        after = time_peak(timed, max(2, self.rounds // 2))
        self.peaks = {t: Sample(before[t].values + after[t].values) for t in before}
        for steps in self.steps:
            self.verdicts += verdicts.judge_steps(steps, self.peaks)
        self.tables += [
            speed_tables.step_table(self.steps),
            speed_tables.one_thread_table(self.steps),
            speed_tables.share_table(self.steps, self.peaks),
            *(speed_tables.step_verdict_table(self.verdicts, e) for e in ENGINES),
        ]
        self.results["sgemm_peak"] = {t: s.to_json() for t, s in self.peaks.items()}
        self.results["seconds_per_step"] = {s.shape.name: to_json(s.samples) for s in self.steps}

    def time_parts(self, folder: Path) -> None:
        """Time everything around the step that was asked for."""
        for part in self.parts:
            self.say(f"timing: {part}")
            getattr(self, "time_" + part.replace("-", "_"))(folder)
        if self.parts:
            self.tables.append(speed_tables.verdict_table(self.verdicts))

    def time_neighbour(self, folder: Path) -> None:
        workers = {threads: w for (_, threads), w in self.those(on_each(COMPILED)).items()}
        if not workers:
            return
        shapes = [SHAPES[name] for name in NEIGHBOUR_SHAPES[: 2 if self.quick else None]]
        seconds = 0.05 if self.quick else 0.3
        found = time_beside_a_busy_loop(workers, shapes, seconds, min(self.rounds, 5))
        self.verdicts += verdicts.judge_neighbour(found)
        self.tables.append(speed_tables.neighbour_table(found))
        self.results["busy_neighbour"] = {name: to_json(s) for name, s in found.items()}

    def time_around(self, folder: Path) -> None:
        shares = commands.time_around(folder, min(self.rounds, 3))
        display = commands.time_display(folder, min(self.rounds, 5))
        self.verdicts += [*verdicts.judge_around(shares), verdicts.judge_display(display)]
        self.tables.append(speed_tables.around_table(shares))
        self.results["around_the_step"] = to_json(shares) | {"display": display.to_json()}

    def time_predict(self, folder: Path) -> None:
        workers = self.those(WORKERS["predict"])
        rates = time_prediction(workers, SHAPES["tab"], self.n_rows, min(self.rounds, 5))
        self.verdicts += verdicts.judge_prediction(rates)
        self.tables.append(speed_tables.prediction_table(rates))
        self.results["prediction_rows_per_second"] = to_json(rates)

    def time_digits_command(self, folder: Path) -> None:
        seconds, accuracies = commands.time_digits(folder, min(self.rounds, 4))
        self.verdicts += verdicts.judge_digits(seconds)
        self.tables.append(speed_tables.digits_table(seconds, accuracies))
        self.results["digits_command"] = {"seconds": to_json(seconds), "accuracy": accuracies}

    def time_csv(self, folder: Path) -> None:
        n_small = commands.SMALL_ROWS
        seconds = commands.time_csv_prediction(folder, self.n_rows, min(self.rounds, 3))
        self.verdicts += verdicts.judge_csv(verdicts.csv_rates(seconds, self.n_rows, n_small))
        self.tables.append(speed_tables.csv_table(seconds, self.n_rows, n_small))
        self.results["csv_to_csv"] = {"rows": self.n_rows, "seconds": to_json(seconds)}

    def time_read(self, folder: Path) -> None:
        n_rows = self.n_rows if self.quick else 1_000_000
        found = commands.time_reading(folder, n_rows, min(self.rounds, 5))
        self.verdicts += verdicts.judge_reading(found)
        self.tables.append(speed_tables.reading_table(found, n_rows))
        self.results["reading"] = {name: to_json(samples) for name, samples in found.items()}

    def time_start(self, folder: Path) -> None:
        seconds = commands.time_start(folder, min(self.rounds, 7))
        self.verdicts += verdicts.judge_start(seconds)
        self.tables.append(speed_tables.seconds_table("Start-up", seconds))
        self.results["start_up"] = to_json(seconds)

    def time_recipe(self, folder: Path) -> None:
        rounds = min(self.rounds, 3)
        seconds = recipe.time_commands(folder, rounds, self.quick)
        self.verdicts += verdicts.judge_recipe(seconds)
        workers, some = self.those(WORKERS["recipe"]), recipe.cases(folder, self.quick)
        loops = recipe.time_loops(workers, some, rounds, self.say)
        self.tables += [recipe.command_table(seconds), recipe.loop_table(loops)]
        self.results["recipe_commands"] = to_json(seconds)
        self.results["recipe_loops"] = {name: to_json(s) for name, s in loops.items()}

    def time_curve(self, folder: Path) -> None:
        workers, rounds = self.those(WORKERS["curve"]), min(self.rounds, 3)
        self.curve = curve.time_curve(workers, self.quick, rounds, self.say)
        self.tables.append(curve.curve_table(self.curve))
        self.results["curve_seconds_per_step"] = {
            steps.shape.title: to_json(steps.samples) for steps in self.curve
        }

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def to_json(samples: Mapping[Any, Sample]) -> dict[str, Any]:
    """Return the samples by name; of a key of several parts, they are joined."""
    return {
        ", ".join(map(str, key)) if isinstance(key, tuple) else key: sample.to_json()
        for key, sample in samples.items()
    }
