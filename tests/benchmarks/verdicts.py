"""The targets, and which of them were reached.

A ratio is the median over the rounds; below 1.2 it establishes little, whichever way it points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.benchmarks.timing import Sample, Steps

# shape: nnfit's step against torch default, torch fused, scikit-learn f64; its share of the peak
STEP_TARGETS: dict[str, tuple[float, float, float, float | None]] = {
    "tiny": (15.0, 12.0, 8.0, None),
    "digits": (5.0, 4.0, 4.5, 0.40),
    "mnist": (2.2, 1.3, 4.0, 0.55),
    "tab": (1.5, 1.2, 3.0, 0.58),
    "large": (1.4, 1.1, 2.5, 0.75),
    "full": (1.8, 2.0, 4.0, 0.33),
}
TARGET_PEERS = ("torch default", "torch fused", "scikit-learn f64")
TINY_CALLS = 25
PREDICTION_TARGETS = {"torch default": 1.3, "scikit-learn f64": 4.0}
DIGITS_TARGETS = {"scikit-learn": 2.0, "torch": 3.0}
CSV_TARGETS = {"prediction": 120_000, "--append": 60_000}  # rows per second
READING_LIMIT = 1.3
MEMORY_LIMIT = 3.0
START_LIMITS = {
    ("nnfit --help", "import typer, rich"): 2.5,
    ("nnfit predict, 100 rows", "import numpy, pandas"): 1.6,
}
NEIGHBOUR_LIMIT = 2.2
AROUND_LIMIT = 0.10
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
    unit: str  # x | % | rows/s | calls
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
    return f"{value:.0f} {unit}"


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
    """Return the part of the sgemm peak that a peer's step reaches, None if there is none."""
    threads, best = steps.shape.peak_threads, steps.best(peer)
    if threads is None or best is None or threads not in peaks:
        return None
    possible = steps.shape.gemm_flops / peaks[threads].median
    return Sample(tuple(possible / seconds for seconds in best[1].values))


def judge_steps(steps: Steps, peaks: Mapping[int, Sample]) -> list[Verdict]:
    """Return the verdicts on one shape; a missing peer has none."""
    *ratios, share = STEP_TARGETS[steps.shape.name]
    name = steps.shape.name
    verdicts = []
    for peer, target in zip(TARGET_PEERS, ratios, strict=True):
        ratio = steps.ratio(peer)
        if ratio is not None:
            verdicts.append(judge("training step", name, peer, ratio, target, "x"))
    reached = share_of_peak(steps, "nnfit", peaks)
    if share is not None and reached is not None:
        verdicts.append(judge("training step", name, "sgemm peak", reached, share, "%"))
    if name == "tiny":
        calls = Sample((float(steps.calls),))
        verdicts.append(
            judge("training step", name, "sgemm peak", calls, TINY_CALLS, "NumPy calls", True)
        )
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


def judge_around(found: Mapping[str, Sample]) -> list[Verdict]:
    """Return the verdicts on what is around the steps."""
    return [
        judge(
            "around the step",
            "shuffling, validation, table; digits",
            "the run",
            found["epochs"],
            AROUND_LIMIT,
            "%",
            True,
        ),
        judge(
            "around the step",
            "live display, 1,000 epochs of tiny",
            "quiet",
            found["display"],
            DISPLAY_LIMIT,
            "x",
            True,
        ),
    ]


def judge_neighbour(seconds: Mapping[str, Mapping[str, Sample]]) -> list[Verdict]:
    """Return the verdicts on training beside a busy loop on the other core."""
    return [
        judge(
            "busy neighbour", name, "quiet", s["busy"].over(s["quiet"]), NEIGHBOUR_LIMIT, "x", True
        )
        for name, s in seconds.items()
    ]
