"""Draws the training step against the peers, and the share of the sgemm peak, as one SVG.

It needs matplotlib; without it the picture is skipped, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.speed_tables import duration
from tests.benchmarks.timing import Sample, Steps
from tests.benchmarks.verdicts import share_of_peak

# a colour per library, a mark per way of using it
LOOKS = {
    "nnfit": ("#c2185b", "D"),
    "nnfit, compiled": ("#c2185b", "X"),
    "scikit-learn f64": ("#ef8a17", "s"),
    "scikit-learn f32": ("#ef8a17", "P"),
    "torch default": ("#3566b0", "o"),
    "torch fused": ("#3566b0", "^"),
    "torch compile": ("#3566b0", "p"),
    "jax step": ("#3a8f5c", "v"),
    "jax scan": ("#3a8f5c", "*"),
}
STYLE = {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "nnfit"}


def draw(path: str, all_steps: Sequence[Steps], peaks: Mapping[int, Sample]) -> bool:
    """Write the picture; return False where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(10, 4.9), width_ratios=(3, 2), layout="constrained"
        )
        draw_times(left, all_steps)
        draw_shares(right, [s for s in all_steps if s.shape.peak_threads], peaks)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    return True


def draw_times(axes: Any, all_steps: Sequence[Steps]) -> None:
    """Draw each peer's time in units of nnfit's, with the quartiles as a line."""
    base = all_steps[0].base
    axes.axvline(1.0, color=LOOKS[base][0], linewidth=1)
    for peer, (colour, mark) in LOOKS.items():
        points = [(y, s.ratio(base, peer)) for y, s in enumerate(all_steps)]
        points = [(y, ratio) for y, ratio in points if ratio is not None]
        if not points:
            continue
        for y, ratio in points:
            axes.plot(ratio.quartiles, (y, y), color=colour, linewidth=1)
        x = [ratio.median for _, ratio in points]
        axes.scatter(x, [y for y, _ in points], color=colour, marker=mark, label=peer, zorder=3)
    axes.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    labels = []
    for steps in all_steps:
        best = steps.best(base)
        assert best is not None
        labels.append(f"{steps.shape.name}\n{duration(best[1].median)}")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(f"time per step / that of {base} (right of the line it is faster)")
    axes.set_title(f"Training step, the time of {base} beside its name", loc="left", fontsize=9)
    axes.grid(axis="x", alpha=0.3)


def draw_shares(axes: Any, all_steps: Sequence[Steps], peaks: Mapping[int, Sample]) -> None:
    """Draw the part of the machine's float32 peak that each reaches."""
    for peer, (colour, mark) in LOOKS.items():
        for y, steps in enumerate(all_steps):
            share = share_of_peak(steps, peer, peaks)
            if share is None:
                continue
            if peer == steps.base:
                axes.barh(y, 100 * share.median, height=0.55, color=colour, alpha=0.25)
            axes.scatter(100 * share.median, y, color=colour, marker=mark, zorder=3)
    labels = [f"{s.shape.name}\nof {s.shape.peak_threads}t" for s in all_steps]
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, max(100.0, axes.get_xlim()[1]))  # a busy host can lower the peak itself
    axes.set_xlabel("%, products only")
    axes.set_title("Share of the sgemm peak", loc="left", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
