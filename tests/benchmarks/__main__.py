"""Runs the benchmark: equal work first, then the times, then the verdicts.

Exit code 1 says that the work was not equal; a missed target is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import commands, output, picture, speed_tables, verdicts
from tests.benchmarks.equal_work import JUDGES, prove
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.timing import (
    Sample,
    Steps,
    time_beside_a_busy_loop,
    time_peak,
    time_prediction,
    time_steps,
)
from tests.benchmarks.workers import KINDS, Worker

PARTS = ("neighbour", "around", "predict", "digits-command", "csv", "read", "start")
NEIGHBOUR_SHAPES = ("digits", "mnist", "tab")
THREADS = (1, 2)


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
        self.peaks: dict[int, Sample] = {}
        self.workers: dict[tuple[str, int], Worker] = {}
        self.machine: dict[str, Any] = {}

    def say(self, text: str) -> None:
        elapsed = time.perf_counter() - self.begin
        self.err.print(f"{elapsed:4.0f} s  {text}", style="dim", highlight=False)

    def start_workers(self) -> None:
        """Start everyone at once and note who is missing."""
        wanted = [(name, threads) for name in KINDS for threads in THREADS if self.shapes]
        if "predict" in self.parts or "neighbour" in self.parts:
            wanted.append(("nnfit", 0))
        if "predict" in self.parts:
            wanted.append(("scikit-learn f64", 0))
            if not self.shapes:
                wanted += [("torch default", threads) for threads in THREADS]
        started = {key: Worker(KINDS[key[0]], key[1]) for key in wanted}
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

    def timed(self) -> dict[tuple[str, int], Worker]:
        """Return the workers of the step: those with a thread count."""
        return {key: worker for key, worker in self.workers.items() if key[1]}

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
        timed = self.timed()
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
            speed_tables.share_table(self.steps, self.peaks),
            speed_tables.step_verdict_table(self.verdicts),
        ]
        self.results["sgemm_peak"] = {t: s.to_json() for t, s in self.peaks.items()}
        self.results["seconds_per_step"] = {
            s.shape.name: {
                f"{peer}, {t} threads": v.to_json() for (peer, t), v in s.samples.items()
            }
            for s in self.steps
        }

    def time_parts(self, folder: Path) -> None:
        """Time everything around the step that was asked for."""
        for part in self.parts:
            self.say(f"timing: {part}")
            getattr(self, "time_" + part.replace("-", "_"))(folder)
        if self.parts:
            self.tables.append(speed_tables.verdict_table(self.verdicts))

    def time_neighbour(self, folder: Path) -> None:
        worker = self.workers["nnfit", 0]
        shapes = [SHAPES[name] for name in NEIGHBOUR_SHAPES]
        found = time_beside_a_busy_loop(
            worker, shapes, 0.05 if self.quick else 0.5, min(self.rounds, 5)
        )
        self.verdicts += verdicts.judge_neighbour(found)
        self.results["busy_neighbour"] = {name: to_json(s) for name, s in found.items()}

    def time_around(self, folder: Path) -> None:
        found = commands.time_around(folder, min(self.rounds, 5))
        self.verdicts += verdicts.judge_around(found)
        self.results["around_the_step"] = to_json(found)

    def time_predict(self, folder: Path) -> None:
        wanted = [("nnfit", 0), ("torch default", 1), ("torch default", 2), ("scikit-learn f64", 0)]
        workers = {key: self.workers[key] for key in wanted if key in self.workers}
        rates = time_prediction(workers, SHAPES["tab"], self.n_rows, min(self.rounds, 5))
        self.verdicts += verdicts.judge_prediction(rates)
        self.tables.append(speed_tables.prediction_table(rates))
        self.results["prediction_rows_per_second"] = {
            f"{name}, threads {threads or 'own'}, batch {batch or 'own'}": s.to_json()
            for (name, threads, batch), s in rates.items()
        }

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

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def to_json(samples: Mapping[str, Sample]) -> dict[str, Any]:
    return {name: sample.to_json() for name, sample in samples.items()}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds: does it all run?")
    parser.add_argument(
        "--only", nargs="+", choices=[*SHAPES, *PARTS], metavar="NAME",
        help=f"of the shapes {', '.join(SHAPES)} and the parts {', '.join(PARTS)}",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write machine, versions and all figures")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables and verdicts")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw the training step")
    return parser.parse_args()


def write(benchmark: Benchmark, options: argparse.Namespace) -> None:
    """Show the tables and write the files that were asked for, the picture last."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    for line in (*output.machine_lines(benchmark.machine), *benchmark.remarks):
        console.print(line, markup=False, highlight=False)
    console.print()
    for table in benchmark.tables:
        output.print_table(console, table)
    if options.markdown:
        text = output.to_markdown(benchmark.machine, benchmark.tables, benchmark.remarks)
        Path(options.markdown).write_text(text, encoding="utf-8")
    if options.json:
        found = {
            "machine": benchmark.machine,
            "quick": benchmark.quick,
            "remarks": benchmark.remarks,
            **benchmark.results,
            "verdicts": [{**vars(v), "reached": v.reached} for v in benchmark.verdicts],
        }
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if options.picture and not benchmark.steps:
        benchmark.err.print("the picture was skipped: no training step was timed")
    elif options.picture and not picture.draw(options.picture, benchmark.steps, benchmark.peaks):
        benchmark.err.print("the picture was skipped: matplotlib is not installed")


def main() -> int:
    """Run what the options ask for; return the exit code."""
    options = read_options()
    benchmark = Benchmark(options)
    benchmark.say("starting the workers")
    try:
        benchmark.start_workers()
        equal = benchmark.prove()
        if equal:
            benchmark.time_training()
            with tempfile.TemporaryDirectory() as folder:
                benchmark.time_parts(Path(folder))
    finally:
        benchmark.close()
    if not equal:
        benchmark.remarks.append("the work is not equal; nothing was timed")
    write(benchmark, options)
    benchmark.say("done")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
