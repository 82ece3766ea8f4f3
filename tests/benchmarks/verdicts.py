"""The targets, and which of them were reached.

A ratio is the median over the rounds; below 1.2 it establishes little, whichever way it points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.timing import Sample, Steps

COMPILED = "nnfit, compiled"


class StepTarget(NamedTuple):
    """How many times `mine` a step of `theirs` is to take, by shape.

    Each at the better of one and all threads, or both at `threads`.
    """

    mine: str
    theirs: str
    threads: int
    by_shape: Mapping[str, float]

    @property
    def against(self) -> str:
        return f"{self.theirs}, {self.threads}t each" if self.threads else self.theirs


def by_shape(*targets: float) -> dict[str, float]:
    return dict(zip(SHAPES, targets, strict=True))


STEP_TARGETS = (
    #                                               tiny digits mnist tab large full
    StepTarget("nnfit", "torch default", 0, by_shape(15.0, 5.0, 2.2, 1.5, 1.4, 1.8)),
    StepTarget("nnfit", "scikit-learn f64", 0, by_shape(8.0, 4.5, 4.0, 3.0, 2.5, 4.0)),
    StepTarget(COMPILED, "jax scan", 0, by_shape(2.5, 1.3, 1.1, 1.1, 1.0, 1.1)),
    StepTarget(COMPILED, "jax scan", 1, by_shape(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
    StepTarget(COMPILED, "torch fused", 0, by_shape(60.0, 1.5, 1.5, 1.5, 1.5, 1.5)),
)
TINY_CALLS = 25  # of NumPy
SHARE_TARGETS = {"digits": 0.40}  # of the one-thread sgemm peak, compiled
TWO_CORES_TARGETS = dict.fromkeys(("mnist", "tab", "large"), 1.6)  # against one, compiled
NEIGHBOUR_TARGET = 0.9  # two threads against one, both beside a busy loop
PREDICTION_TARGETS = {"torch default": 1.2, "scikit-learn f64": 4.0}
DIGITS_TARGETS = {"scikit-learn": 2.2, "torch": 3.0}
RECIPE_LIMIT = 2.0  # seconds
CSV_TARGETS = {"prediction": 120_000, "--append": 60_000}  # rows per second
READING_LIMIT = 1.5
MEMORY_LIMIT = 3.5
START_LIMITS = {
    ("nnfit --help", "import typer, rich"): 2.5,
    ("nnfit predict, 100 rows", "import numpy, pandas"): 1.5,
}
AROUND_LIMITS = {"tiny": 0.10, "digits": 0.05, "tab": 0.05}  # shares of the run, compiled
DISPLAY_LIMIT = 1.1


@dataclass(frozen=True)
class Verdict:
    """One target: `measured` against `target`, to be reached from below or kept to from above."""

    section: str
    subject: str
    against: str
    measured: float
    spread: tuple[float, float]
    target: float
    unit: str  # x | % | rows/s | s | NumPy calls
    at_most: bool = False

    @property
    def reached(self) -> bool:
        if self.at_most:
            return self.measured <= self.target
        return self.measured >= self.target

    @property
    def word(self) -> str:
        return "reached" if self.reached else "missed"

    def show(self, value: float) -> str:
        """Return a figure in the verdict's unit."""
        return show(value, self.unit)

    @property
    def wanted(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.show(self.target)}"


def show(value: float, unit: str) -> str:
    """Return a figure with its unit, as short as it stays honest."""
    if unit == "x":
        return f"{value:.{2 if value < 10 else 1}f}x"
    if unit == "%":
        return f"{100 * value:.0f} %"
    if unit == "rows/s":
        return f"{value / 1000:,.0f}k rows/s"
    return f"{value:.2f} s" if unit == "s" else f"{value:.0f} {unit}"


def judge(
    section: str,
    subject: str,
    against: str,
    sample: Sample,
    target: float,
    unit: str,
    at_most: bool = False,
) -> Verdict:
    """Return the verdict on a sample's median."""
    return Verdict(
        section, subject, against, sample.median, sample.quartiles, target, unit, at_most
    )


def share_of_peak(steps: Steps, peer: str, peaks: Mapping[int, Sample]) -> Sample | None:
    """Return the part of the sgemm peak that a peer's step reaches, None if there is none.

    Peak and step are of the same number of threads.
    """
    threads = steps.shape.peak_threads
    if threads is None or threads not in peaks or (peer, threads) not in steps.samples:
        return None
    possible = steps.shape.gemm_flops / peaks[threads].median
    return Sample(tuple(possible / seconds for seconds in steps.samples[peer, threads].values))


def judge_steps(steps: Steps, peaks: Mapping[int, Sample]) -> list[Verdict]:
    """Return the verdicts on one shape; what is missing has none."""
    name, verdicts = steps.shape.name, []

    def add(mine: str, against: str, sample: Sample | None, target: float, unit: str) -> None:
        if sample is not None:
            at_most = "calls" in unit
            verdicts.append(judge(f"step, {mine}", name, against, sample, target, unit, at_most))

    for target in STEP_TARGETS:
        ratio = steps.ratio(target.mine, target.theirs, target.threads)
        add(target.mine, target.against, ratio, target.by_shape[name], "x")
    if name == "tiny":
        add("nnfit", "NumPy calls", Sample((float(steps.calls),)), TINY_CALLS, "calls")
    if name in SHARE_TARGETS:
        share = share_of_peak(steps, COMPILED, peaks)
        add(COMPILED, "sgemm peak, 1t", share, SHARE_TARGETS[name], "%")
    if name in TWO_CORES_TARGETS:
        add(COMPILED, "itself, 2t to 1t", steps.gain(COMPILED), TWO_CORES_TARGETS[name], "x")
    return verdicts


def judge_prediction(rates: Mapping[tuple[str, int, int], Sample]) -> list[Verdict]:
    """Return the verdicts on prediction in memory, against each peer's best setting."""
    mine = next(sample for (name, *_), sample in rates.items() if name == "nnfit")
    verdicts = []
    for peer, target in PREDICTION_TARGETS.items():
        theirs = [sample for (name, *_), sample in rates.items() if name == peer]
        if theirs:
            best = max(theirs, key=lambda sample: sample.median)
            against = "torch, its best" if "torch" in peer else "scikit-learn, its default"
            verdicts.append(
                judge("prediction", "tab in memory", against, mine.over(best), target, "x")
            )
    return verdicts


def judge_digits(seconds: Mapping[str, Sample]) -> list[Verdict]:
    """Return the verdicts on 30 epochs of digits as whole commands."""
    return [
        judge(
            "whole command",
            "digits, 30 epochs",
            f"{peer} script",
            seconds[peer].over(seconds["nnfit"]),
            target,
            "x",
        )
        for peer, target in DIGITS_TARGETS.items()
        if peer in seconds
    ]


def csv_rates(seconds: Mapping[str, Sample], n_rows: int, n_small: int) -> dict[str, Sample]:
    """Return rows per second once started: the time of a few rows is taken off."""
    start = seconds["start"].median
    return {
        way: Sample(tuple((n_rows - n_small) / (s - start) for s in sample.values))
        for way, sample in seconds.items()
        if way != "start"
    }


def judge_csv(rates: Mapping[str, Sample]) -> list[Verdict]:
    """Return the verdicts on CSV in, CSV out."""
    names = {"prediction": "predictions only"}
    return [
        judge("CSV to CSV", names.get(way, way), "", rates[way], target, "rows/s")
        for way, target in CSV_TARGETS.items()
    ]


def judge_reading(found: Mapping[str, Mapping[str, Sample]]) -> list[Verdict]:
    """Return the verdicts on reading, against pandas alone."""
    seconds, memory = found["seconds"], found["memory"]
    verdicts = []
    for way in ("read_table", "to arrays"):
        ratio = seconds[way].over(seconds["pandas.read_csv"])
        verdicts.append(judge("reading", way, "pandas.read_csv", ratio, READING_LIMIT, "x", True))
    if "to arrays" in memory:
        verdicts.append(
            judge(
                "reading",
                "peak memory, to arrays",
                "the float32 array",
                memory["to arrays"],
                MEMORY_LIMIT,
                "x",
                True,
            )
        )
    return verdicts


def judge_start(seconds: Mapping[str, Sample]) -> list[Verdict]:
    """Return the verdicts on start-up."""
    return [
        judge("start-up", mine, theirs, seconds[mine].over(seconds[theirs]), limit, "x", True)
        for (mine, theirs), limit in START_LIMITS.items()
    ]


def judge_around(shares: Mapping[tuple[str, str, str], Sample]) -> list[Verdict]:
    """Return the verdicts on what the compiled engine spends around the steps."""
    return [
        judge(
            "around the step", f"shuffling, validation, table; {shape}", "the run",
            shares["compiled", shape, "around"], limit, "%", True,
        )
        for shape, limit in AROUND_LIMITS.items()
        if ("compiled", shape, "around") in shares
    ]  # fmt: skip


def judge_display(ratio: Sample) -> Verdict:
    """Return the verdict on what the live display costs."""
    what = "live display, 1,000 epochs of xor"
    return judge("around the step", what, "quiet", ratio, DISPLAY_LIMIT, "x", True)


def judge_neighbour(seconds: Mapping[str, Mapping[tuple[int, str], Sample]]) -> list[Verdict]:
    """Return the verdicts on training beside a busy loop on one of the cores."""
    return [
        judge(
            "busy neighbour", f"{name}, two threads", "one thread, beside it too",
            s[1, "busy"].over(s[2, "busy"]), NEIGHBOUR_TARGET, "x",
        )
        for name, s in seconds.items()
    ]  # fmt: skip


def judge_recipe(seconds: Mapping[tuple[str, Any, str], Sample]) -> list[Verdict]:
    """Return the verdict on the recipe's eight members, left to nnfit."""
    return [
        judge("whole command", f"preset default, {case}", "", sample, RECIPE_LIMIT, "s", True)
        for (engine, _, case), sample in seconds.items()
        if engine == "auto"
    ]
