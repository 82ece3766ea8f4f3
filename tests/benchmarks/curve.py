"""The cost curve: time per row over the size of the batch, for networks of growing width.

Networks of 32 inputs, two hidden layers and an output; everyone at the better thread count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.benchmarks.output import Table
from tests.benchmarks.picture import LOOKS, STYLE
from tests.benchmarks.shapes import Shape
from tests.benchmarks.timing import Sample, Steps, time_steps
from tests.benchmarks.workers import Worker

PEERS = ("nnfit", "nnfit, compiled", "scikit-learn f32", "torch fused", "jax scan")
WIDTHS, BATCHES = (16, 64, 256, 1024), (16, 64, 256, 1024, 4096)
EPOCH_FLOPS = 2e9  # of an epoch, about: some hundredths of a second
MOST_STEPS = 256


def shapes(quick: bool) -> list[Shape]:
    """Return the networks, by width and then by batch; an epoch has two steps or more."""
    found = []
    for width in WIDTHS[::2] if quick else WIDTHS:
        for batch in BATCHES[1:4:2] if quick else BATCHES:
            sizes = (32, width, width, 1)
            one = Shape(f"W{width} B{batch}", sizes, batch, batch, "binary_cross_entropy", None)
            steps = min(MOST_STEPS, max(2, round(EPOCH_FLOPS / one.gemm_flops)))
            found.append(Shape(one.name, sizes, batch, steps * batch, one.loss, None))
    return found


def time_curve(
    workers: Mapping[tuple[str, int], Worker],
    quick: bool,
    rounds: int,
    say: Callable[[str], None],
) -> list[Steps]:
    """Return everyone's seconds per step for each network."""
    found = []
    for shape in shapes(quick):
        say(f"timing: curve, {shape.title}")
        found.append(time_steps(workers, shape, 0.01 if quick else 0.05, rounds))
    return found


def per_row(steps: Steps, peer: str) -> Sample | None:
    """Return a peer's microseconds per row, None for a missing peer."""
    best = steps.best(peer)
    return best[1].scaled(1e6 / steps.shape.batch_size) if best else None


def curve_table(curve: Sequence[Steps]) -> Table:
    table = Table(
        "Cost curve: µs per row of a training step, 32-W-W-1",
        ["W", "batch", *PEERS],
        remarks=["Medians, everyone at the better of 1 and 2 threads."],
    )
    for steps in curve:
        samples = [per_row(steps, peer) for peer in PEERS]
        cells = ["–" if s is None else f"{s.median:.3g}" for s in samples]
        table.rows.append([str(steps.shape.sizes[1]), str(steps.shape.batch_size), *cells])
    return table


def draw(path: str, curve: Sequence[Steps]) -> bool:
    """Write the picture, a panel per width; return False where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    widths = sorted({steps.shape.sizes[1] for steps in curve})
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(
            1, len(widths), figsize=(10, 3.9), squeeze=False, layout="constrained"
        )
        for axes, width in zip(panels[0], widths, strict=True):
            draw_panel(axes, [steps for steps in curve if steps.shape.sizes[1] == width])
            axes.set_title(f"32-{width}-{width}-1", loc="left", fontsize=9)
            axes.set_xlabel("rows of a batch")
        panels[0][0].set_ylabel("µs per row")
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    return True


def draw_panel(axes: Any, curve: Sequence[Steps]) -> None:
    """Draw a line per peer, its quartiles as bars."""
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for peer in PEERS:
        colour, mark = LOOKS[peer]
        found = [(steps.shape.batch_size, per_row(steps, peer)) for steps in curve]
        points = [(batch, sample) for batch, sample in found if sample is not None]
        if not points:
            continue
        x, y = [batch for batch, _ in points], [sample.median for _, sample in points]
        dashes = "--" if peer == "nnfit" else "-"  # it shares its colour
        axes.plot(x, y, dashes, color=colour, marker=mark, markersize=4, linewidth=1.2, label=peer)
        for batch, sample in points:
            axes.plot((batch, batch), sample.quartiles, color=colour, linewidth=1)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    batches = [steps.shape.batch_size for steps in curve]
    axes.set_xticks(batches, [f"{batch}" for batch in batches])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
