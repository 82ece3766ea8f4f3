"""Measures nnfit's presets and their peers on tables, or reports what was measured.

A run adds to its file and leaves out what stands there already, so that it can be stopped.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks import output
from tests.benchmarks.tables import measures, picture, report
from tests.benchmarks.tables.peers import PACKAGES
from tests.benchmarks.tables.results import Results, read
from tests.benchmarks.tables.sets import SEEDS, SETS, absent, load
from tests.benchmarks.tables.systems import CONFIGS, Job, is_missing, run, systems


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tables", description=__doc__)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.jsonl",
        help="keep the results here; another nnfit wants another file",
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, metavar="SET", default=list(SETS))
    parser.add_argument("--role", choices=("tuning", "reporting"), help="only this half")
    parser.add_argument("--systems", nargs="+", metavar="SYSTEM", help="default: all")
    parser.add_argument("--splits", type=int, choices=range(1, len(SEEDS) + 1), default=len(SEEDS))
    parser.add_argument("--max-rows", type=int, default=10_000, help="rows to train on, at most")
    parser.add_argument("--largest", type=int, help="leave out tables of more rows")
    parser.add_argument("--threads", type=int, default=2, help="of every system (2)")
    parser.add_argument("--jobs", type=int, default=1, help="measurements at a time (1)")
    parser.add_argument(
        "--quiet-machine", action="store_true", help="nothing else runs: seconds count"
    )
    parser.add_argument(
        "--ablation", nargs="?", const="nnfit", choices=CONFIGS, metavar="SYSTEM",
        help="a preset (nnfit) and itself with one part changed at a time",
    )  # fmt: skip
    parser.add_argument("--report", nargs="+", metavar="FILE.jsonl", help="report these")
    parser.add_argument("--markdown", metavar="FILE.md", help="the report there, not on stdout")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw the reporting half's ranks")
    options = parser.parse_args()
    if (options.output is None) == (options.report is None):
        parser.error("one of --output and --report is needed")
    known = {**systems(options.ablation), **(systems(None) if options.report else {})}
    if unknown := [name for name in options.systems or [] if name not in known]:
        parser.error(f"no system {unknown[0]!r}; there are {', '.join(known)}")
    return options


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yield everything that was asked for and can be run, set by set."""
    known = systems(options.ablation)
    names = []
    for name in options.systems or known:
        if package := is_missing(name):
            say(f"{name} is left out: {PACKAGES[package]} is not installed")
        else:
            names.append(name)
    for name in options.sets:
        if options.role not in (None, SETS[name].role):
            continue
        if reason := absent(SETS[name]):
            say(f"{name} is left out: {reason}")
            continue
        if options.largest and len(load(name).y) > options.largest:
            continue
        for split in range(options.splits):
            for system in names:
                yield Job(name, split, system, options.max_rows,
                          threads=options.threads, **known[system])  # fmt: skip


def machine() -> dict[str, Any]:
    versions = {}
    for package in ("numpy", "pandas", *PACKAGES.values()):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return output.describe_machine(versions)


def measure(options: argparse.Namespace) -> None:
    """Run what is missing in the file, and add each result as it comes."""
    path = Path(options.output)
    _, kept = read([path]) if path.exists() else ([], [])
    done = {record["key"] for record in kept if "failure" not in record}
    wanted = [job for job in jobs(options) if job.key() not in done]
    say(f"{len(wanted)} to measure, {len(done)} kept")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # read when the workers import their libraries
    os.environ["PYTHONWARNINGS"] = "ignore"
    context = multiprocessing.get_context("spawn")
    with (
        path.open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(options.jobs, mp_context=context) as pool,
    ):
        file.write("\n" if kept else "")  # after a line that was cut off
        about = {**machine(), "threads": options.threads, "jobs": options.jobs}
        file.write(json.dumps({"machine": about}) + "\n")
        for number, record in enumerate(pool.map(run, wanted), 1):
            record["quiet"] = options.quiet_machine
            record["role"] = SETS[record["set"]].role
            file.write(json.dumps(record) + "\n")
            file.flush()
            found = record.get("failure") or f"{record['score']:.4f} in {record['seconds']:.1f} s"
            who = f"{record['set']} {record['split']} {record['system']}"
            say(f"{number}/{len(wanted)}  {who}: {found}")


def tell(options: argparse.Namespace) -> None:
    """Write the page and draw the picture."""
    machines, records = read(options.report)
    results = Results(r for r in records if r["system"] in (options.systems or [r["system"]]))
    names = report.groups(results)[0]
    sets = results.common(names, "reporting")
    if options.picture and (len(names) < 2 or not sets):
        say("the picture was skipped: no two systems have a table in common")
    elif options.picture:
        ranks = measures.mean_ranks(results.means(sets, names, "score"))
        difference = measures.critical_difference(len(names), len(sets))
        picture.draw(options.picture, names, ranks, difference)
    shown = Path(options.picture).name if options.picture else None
    text = report.page(machines, results, shown)
    if options.markdown:
        Path(options.markdown).write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    options = read_options()
    tell(options) if options.report else measure(options)
