"""The critical-difference diagram: mean ranks on a line, those too close to tell joined.

After Demšar, JMLR 7, 2006, figure 1; it needs matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.tables.measures import cliques

OWN, OTHER = "#c2185b", "#3566b0"


def draw(path: str, systems: Sequence[str], ranks: np.ndarray, difference: float) -> None:
    """Write the picture; `ranks` (systems,) are mean ranks, 1 the best."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    order = np.argsort(ranks)
    names, sorted_ranks = [systems[i] for i in order], ranks[order]
    n = len(names)
    n_left = (n + 1) // 2
    runs = cliques(list(sorted_ranks), difference)
    depth = 0.5 + 0.28 * len(runs)
    low, high = 1, n
    style = {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "nnfit"}
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=(10, 1.6 + 0.3 * n_left + 0.15 * len(runs)))
        axes.plot((low, high), (0, 0), color="black", linewidth=1)
        for rank in range(low, high + 1):
            axes.plot((rank, rank), (0, -0.12), color="black", linewidth=1)
            axes.text(rank, -0.25, str(rank), ha="center", va="bottom")
        for i, (name, rank) in enumerate(zip(names, sorted_ranks, strict=True)):
            left = i < n_left
            y = depth + 0.55 * (i if left else n - 1 - i)
            end = low - 0.15 if left else high + 0.15
            colour = OWN if name.startswith("nnfit") else OTHER
            axes.plot((rank, rank, end), (0, y, y), color=colour, linewidth=1)
            text = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
            x = end - 0.05 if left else end + 0.05
            axes.text(x, y, text, ha="right" if left else "left", va="center", color=colour)
        for k, (first, last) in enumerate(runs):
            ends = (sorted_ranks[first] - 0.04, sorted_ranks[last] + 0.04)
            axes.plot(ends, (0.3 + 0.28 * k,) * 2, color="#555555", linewidth=3)
        ends = (low, low + difference)
        axes.plot(ends, (-0.9, -0.9), color="black", linewidth=1, marker="|")
        axes.text(sum(ends) / 2, -1.0, f"critical difference {difference:.2f}",
                  ha="center", va="bottom")  # fmt: skip
        axes.set_ylim(depth + 0.55 * n_left, -1.5)
        axes.set_xlim(low - 0.45 * n, high + 0.45 * n)
        axes.axis("off")
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else {},
                       bbox_inches="tight")  # fmt: skip
        plt.close(figure)
