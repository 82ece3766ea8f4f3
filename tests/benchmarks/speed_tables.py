"""The tables of a run, as plain rows that the terminal and Markdown show alike.

No figure is made here; `timing` and `verdicts` made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.benchmarks.equal_work import BOUNDS, Proof
from tests.benchmarks.output import Table
from tests.benchmarks.shapes import PROOF_BATCH
from tests.benchmarks.timing import Sample, Steps
from tests.benchmarks.verdicts import Verdict, csv_rates, share_of_peak, show
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
        "Equal work: |θ − θ'| / |θ'| after 50 steps, each of nnfit's engines against the others",
        ["shape", "dtype", "engine", *PEERS, "losses, judged", "verdict"],
        remarks=[
            "Judged against torch and between the engines, the parameters and the epochs' losses: "
            + ", ".join(f"{dtype} ≤ {bound:g}" for dtype, bound in BOUNDS.items())
            + f". Batches of at most {PROOF_BATCH['float64']} in float64 and of "
            f"{PROOF_BATCH['float32']} in float32, full apart: a unit within rounding of ReLU's "
            "kink may be on in one library and off in another.",
            "JAX, torch compile and scikit-learn are shown, not judged: scikit-learn's Adam adds "
            "eps before the bias correction.",
        ],
    )
    groups: dict[tuple[str, str, str], dict[str, Proof]] = {}
    for proof in proofs:
        groups.setdefault((proof.shape, proof.dtype, proof.engine), {})[proof.peer] = proof
    for (shape, dtype, engine), found in groups.items():
        judged = [proof for proof in found.values() if proof.judged]
        losses = max((p.losses for p in judged), default=None)
        equal = "–" if not judged else "equal" if all(p.equal for p in judged) else "NOT EQUAL"
        cells = [f"{found[peer].parameters:.0e}" if peer in found else "–" for peer in PEERS]
        shown = "–" if losses is None else f"{losses:.0e}"
        table.rows.append([shape, dtype, engine, *cells, shown, equal])
    return table


def step_table(all_steps: Sequence[Steps]) -> Table:
    base = all_steps[0].base
    peers = [name for name in KINDS if name != base]
    table = Table(
        f"Training step: time of the peer / time of {base} (quartiles), threads",
        ["shape", base, *peers],
        remarks=[
            "Everyone at the better of 1 and 2 threads, written 1t and 2t; above 1 "
            f"{base} is faster. In brackets after its time: the threads it takes by itself.",
            "A step gathers its rows, works out loss and gradient, and updates by Adam; float32 "
            "but for scikit-learn f64. nnfit's Fit.run, scikit-learn's fit, loops around torch's "
            "and JAX's steps; compilation is left out.",
        ],
    )
    for steps in all_steps:
        mine = steps.best(base)
        assert mine is not None
        threads, sample = mine
        cells = []
        for peer in peers:
            best, ratio = steps.best(peer), steps.ratio(base, peer)
            cells.append(
                "–" if best is None or ratio is None else f"{with_spread(ratio)} {best[0]}t"
            )
        own = f"{duration(sample.median)} {threads}t [auto {steps.auto_threads}t]"
        table.rows.append([f"{steps.shape.name} {steps.shape.title}", own, *cells])
        auto = steps.samples.get((base, steps.auto_threads))
        if auto is not None and auto.median > 1.1 * sample.median:
            table.remarks.append(
                f"{steps.shape.name}: on the threads that nnfit takes by itself its step is "
                f"{show(auto.median / sample.median, 'x')} as long."
            )
    return table


def one_thread_table(all_steps: Iterable[Steps]) -> Table:
    table = Table("Training step on one thread", ["shape", *KINDS])
    for steps in all_steps:
        samples = [steps.samples.get((peer, 1)) for peer in KINDS]
        cells = ["–" if sample is None else duration(sample.median) for sample in samples]
        table.rows.append([steps.shape.name, *cells])
    return table


def share_table(all_steps: Iterable[Steps], peaks: Mapping[int, Sample]) -> Table:
    measured = ", ".join(f"{s.median / 1e9:.0f} GF/s on {t}" for t, s in peaks.items())
    table = Table(
        "Share of the sgemm peak",
        ["shape", "GFLOP", "peak of", "nnfit", *PEERS],
        remarks=[
            "Products only, dX of the first layer left out; step and peak of as many threads. "
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
        remarks=[
            "nnfit with the machine code of its compiled engine kept. Each its own split and seed: "
            "the accuracies say that all of them learned."
        ],
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


def neighbour_table(seconds: Mapping[str, Mapping[tuple[int, str], Sample]]) -> Table:
    table = Table(
        "The compiled engine beside a busy loop on one core: seconds / those of one thread, quiet",
        ["shape", "1t busy", "2t quiet", "2t busy"],
    )
    for name, samples in seconds.items():
        quiet = samples[1, "quiet"]
        cells = [
            with_spread(samples[key].over(quiet))
            for key in ((1, "busy"), (2, "quiet"), (2, "busy"))
        ]
        table.rows.append([name, *cells])
    return table


def around_table(shares: Mapping[tuple[str, str, str], Sample]) -> Table:
    table = Table(
        "Around the step: share of the run (quartiles), a fifth of the rows held out",
        ["engine", "shape", "all outside of steps", "judging of it", "forward pass of that"],
        remarks=["On one thread. Judging is a forward pass, the loss and the metric."],
    )
    for engine, shape in dict.fromkeys((engine, shape) for engine, shape, _ in shares):
        parts = [shares[engine, shape, what] for what in ("around", "judging", "forward")]
        table.rows.append([engine, shape, *(with_spread(part, "%") for part in parts)])
    return table


def step_verdict_table(verdicts: Iterable[Verdict], engine: str) -> Table:
    own = [v for v in verdicts if v.section == f"step, {engine}"]
    against = list(dict.fromkeys(v.against for v in own))
    table = Table(f"Targets of the training step, {engine}, against", ["shape", *against])
    cells: dict[str, dict[str, str]] = {}
    for v in own:
        text = f"{v.show(v.measured)}, {v.wanted}: {v.word}"
        cells.setdefault(v.subject, {})[v.against] = text
    for shape, found in cells.items():
        table.rows.append([shape, *(found.get(c, "–") for c in against)])
    return table


def verdict_table(verdicts: Iterable[Verdict]) -> Table:
    table = Table(
        "Other targets", ["part", "what", "against", "measured (quartiles)", "target", "verdict"]
    )
    for v in verdicts:
        if not v.section.startswith("step, "):
            low, high = (show(value, v.unit) for value in v.spread)
            measured = f"{v.show(v.measured)} ({low}–{high})"
            row = [v.section, v.subject, v.against or "–", measured, v.wanted, v.word]
            table.rows.append(row)
    return table
