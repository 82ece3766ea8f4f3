"""Runs the benchmark: equal work first, then the times, then the verdicts.

Exit code 1 says that the work was not equal; a missed target is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.benchmarks import curve, output, picture
from tests.benchmarks.session import PARTS, Benchmark
from tests.benchmarks.shapes import SHAPES


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
    parser.add_argument("--curve", metavar="FILE.svg", help="draw the cost curve")
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
    if options.picture:
        drawn = benchmark.steps and picture.draw(options.picture, benchmark.steps, benchmark.peaks)
        say_drawn(benchmark, options.picture, bool(benchmark.steps), bool(drawn))
    if options.curve:
        drawn = benchmark.curve and curve.draw(options.curve, benchmark.curve)
        say_drawn(benchmark, options.curve, bool(benchmark.curve), bool(drawn))


def say_drawn(benchmark: Benchmark, path: str, timed: bool, drawn: bool) -> None:
    """Say why a picture is missing."""
    if not drawn:
        why = "matplotlib is not installed" if timed else "what it shows was not timed"
        benchmark.err.print(f"{path} was skipped: {why}")


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
