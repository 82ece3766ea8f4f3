"""The tables of a run, as plain rows that the terminal and Markdown show alike.

No figure is made here; `timing` and `verdicts` made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.benchmarks.equal_work import BOUNDS, JUDGES, Proof
from tests.benchmarks.output import Table
from tests.benchmarks.shapes import PROOF_BATCH
from tests.benchmarks.timing import Sample, Steps
from tests.benchmarks.verdicts import (
    TARGET_PEERS,
    Verdict,
    csv_rates,
    share_of_peak,
    show,
)
from tests.benchmarks.workers import KINDS

PEERS = [name for name in KINDS if name != "nnfit"]


def duration(seconds: float) -> str:
    """Return seconds in the unit that leaves a readable number."""
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.2f} s"


def with_spread(sample: Sample, unit: str = "x") -> str:
    """Return the median and the quartiles."""
    low, high = (show(value, unit).rstrip("x% ") for value in sample.quartiles)
    return f"{show(sample.median, unit)} ({low}–{high})"


def proof_table(proofs: Iterable[Proof]) -> Table:
    table = Table(
        "Equal work: |θ − θ'| / |θ'| after 50 steps, nnfit against each",
        ["shape", "dtype", *PEERS, "losses, torch", "verdict"],
        remarks=[
            "Judged against torch, the parameters and the epochs' losses: "
            + ", ".join(f"{dtype} ≤ {bound:g}" for dtype, bound in BOUNDS.items())
            + f". Batches of at most {PROOF_BATCH['float64']} in float64 and of "
            f"{PROOF_BATCH['float32']} in float32, full apart: a unit within rounding of ReLU's "
            "kink may be on in one library and off in another.",
            "JAX and scikit-learn are shown, not judged: scikit-learn's Adam adds eps before the "
            "bias correction.",
        ],
    )
    groups: dict[tuple[str, str], dict[str, Proof]] = {}
    for proof in proofs:
        groups.setdefault((proof.shape, proof.dtype), {})[proof.peer] = proof
    for (shape, dtype), found in groups.items():
        judged = [found[peer] for peer in JUDGES if peer in found]
        losses = max((p.losses for p in judged), default=None)
        equal = "–" if not judged else "equal" if all(p.equal for p in judged) else "NOT EQUAL"
        cells = [f"{found[peer].parameters:.0e}" if peer in found else "–" for peer in PEERS]
        table.rows.append([shape, dtype, *cells, "–" if losses is None else f"{losses:.0e}", equal])
    return table


def step_table(all_steps: Iterable[Steps]) -> Table:
    table = Table(
        "Training step: time of the peer / time of nnfit (quartiles), threads",
        ["shape", "nnfit", *PEERS],
        remarks=[
            "Everyone at the better of 1 and 2 threads, written 1t and 2t; above 1 nnfit is "
            "faster. In brackets after nnfit's: the threads it takes by itself.",
            "A step gathers its rows, works out loss and gradient, and updates by Adam; float32 "
            "but for scikit-learn f64. nnfit's Fit.run, scikit-learn's fit, loops around torch's "
            "and JAX's steps; compilation is left out.",
        ],
    )
    for steps in all_steps:
        mine = steps.best("nnfit")
        assert mine is not None
        threads, sample = mine
        cells = []
        for peer in PEERS:
            best, ratio = steps.best(peer), steps.ratio(peer)
            cells.append(
                "–" if best is None or ratio is None else f"{with_spread(ratio)} {best[0]}t"
            )
        own = f"{duration(sample.median)} {threads}t [auto {steps.auto_threads}t]"
        table.rows.append([f"{steps.shape.name} {steps.shape.title}", own, *cells])
        auto = steps.samples.get(("nnfit", steps.auto_threads))
        if auto is not None and auto.median > 1.1 * sample.median:
            table.remarks.append(
                f"{steps.shape.name}: on the threads that nnfit takes by itself its step is "
                f"{show(auto.median / sample.median, 'x')} as long."
            )
    return table


def share_table(all_steps: Iterable[Steps], peaks: Mapping[int, Sample]) -> Table:
    measured = ", ".join(f"{s.median / 1e9:.0f} GF/s on {t}" for t, s in peaks.items())
    table = Table(
        "Share of the sgemm peak",
        ["shape", "GFLOP", "peak of", "nnfit", *PEERS],
        remarks=[
            "Products only, dX of the first layer left out. "
            f"Peak, N = 2048, by threads: {measured}."
        ],
    )
    for steps in all_steps:
        shape = steps.shape
        if shape.peak_threads is None:
            continue
        shares = [share_of_peak(steps, peer, peaks) for peer in ("nnfit", *PEERS)]
        cells = ["–" if s is None else show(s.median, "%") for s in shares]
        flops = f"{shape.gemm_flops / 1e9:.3g}"
        table.rows.append([shape.name, flops, f"{shape.peak_threads}t", *cells])
    return table


def prediction_table(rates: Mapping[tuple[str, int, int], Sample]) -> Table:
    table = Table(
        "Prediction in memory, 30-256-256-256-1",
        ["who", "threads", "batch", "rows/s", "time / nnfit's"],
    )
    mine = next(sample for (name, *_), sample in rates.items() if name == "nnfit")
    for (name, threads, batch), sample in rates.items():
        size = "its own" if name == "nnfit" else str(batch) if batch else "all rows"
        ratio = "" if name == "nnfit" else with_spread(mine.over(sample))
        rate = f"{sample.median / 1000:,.0f}k"
        table.rows.append([name, str(threads) if threads else "its own", size, rate, ratio])
    return table


def digits_table(seconds: Mapping[str, Sample], accuracies: Mapping[str, float]) -> Table:
    table = Table(
        "Whole command: digits 64-128-64-10, B64, 30 epochs, CSV to model",
        ["who", "seconds", "time / nnfit's", "test accuracy"],
        remarks=["Each its own split and seed: the accuracies say that all of them learned."],
    )
    for name, sample in seconds.items():
        ratio = "" if name == "nnfit" else with_spread(sample.over(seconds["nnfit"]))
        cells = [name, duration(sample.median), ratio, f"{accuracies[name]:.3f}"]
        table.rows.append(cells)
    return table


def csv_table(seconds: Mapping[str, Sample], n_rows: int, n_small: int) -> Table:
    table = Table(
        f"nnfit predict, tab network, CSV of {n_rows:,} rows and 30 columns",
        ["written", "whole command", "rows/s, whole", "rows/s, once started"],
        remarks=[
            f"Once started: the time of {n_small} rows, {duration(seconds['start'].median)}, "
            "is taken off."
        ],
    )
    for way, rates in csv_rates(seconds, n_rows, n_small).items():
        whole = n_rows / seconds[way].median
        table.rows.append(
            [
                "predictions only" if way == "prediction" else way,
                duration(seconds[way].median),
                f"{whole / 1000:,.0f}k",
                f"{rates.median / 1000:,.0f}k",
            ]
        )
    return table


def reading_table(found: Mapping[str, Mapping[str, Sample]], n_rows: int) -> Table:
    seconds, memory = found["seconds"], found["memory"]
    table = Table(
        f"Reading a CSV of {n_rows:,} rows and 30 columns",
        ["way", "time", "time / pandas", "peak memory / float32 array"],
        remarks=[
            "Memory beside what the process had before, pages of the mapped file left out; "
            "to arrays: read, decided, encoded."
        ],
    )
    for way, sample in seconds.items():
        alone = way == "pandas.read_csv"
        ratio = "" if alone else with_spread(sample.over(seconds["pandas.read_csv"]))
        peak = show(memory[way].median, "x") if way in memory else "–"
        table.rows.append([way, duration(sample.median), ratio, peak])
    return table


def seconds_table(title: str, seconds: Mapping[str, Sample]) -> Table:
    rows = [[name, with_duration(sample)] for name, sample in seconds.items()]
    return Table(title, ["what", "time (quartiles)"], rows)


def with_duration(sample: Sample) -> str:
    low, high = sample.quartiles
    return f"{duration(sample.median)} ({duration(low)}–{duration(high)})"


def step_verdict_table(verdicts: Iterable[Verdict]) -> Table:
    table = Table("Targets of the training step", ["shape", *TARGET_PEERS, "sgemm peak"])
    cells: dict[str, dict[str, str]] = {}
    for v in verdicts:
        if v.section == "training step":
            text = f"{v.show(v.measured)}, {v.wanted}: {v.word}"
            cells.setdefault(v.subject, {})[v.against] = text
    for shape, found in cells.items():
        table.rows.append([shape, *(found.get(c, "–") for c in table.columns[1:])])
    return table


def verdict_table(verdicts: Iterable[Verdict]) -> Table:
    table = Table(
        "Other targets", ["part", "what", "against", "measured (quartiles)", "target", "verdict"]
    )
    for v in verdicts:
        if v.section != "training step":
            low, high = (show(value, v.unit) for value in v.spread)
            measured = f"{v.show(v.measured)} ({low}–{high})"
            row = [v.section, v.subject, v.against or "–", measured, v.wanted, v.word]
            table.rows.append(row)
    return table
