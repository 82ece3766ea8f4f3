"""The loss over the epochs; the numbers are the histories' own."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnfit.inside.pictures.loss import Curve, LossCurves
from nnfit.report.figures import is_wide
from nnfit.report.plots.colors import COLORS, FAINT, color
from nnfit.report.plots.labels import entry, log_axis, name, ticks, title
from nnfit.report.plots.style import new_figure


def draw(picture: LossCurves) -> Figure:
    """Draw training and validation loss of each run, and where the kept weights come from."""
    several = len(picture.runs) > 1
    figure = new_figure(9.0, 5.0 + (0.2 * len(picture.runs) if several else 0.0))
    axes = figure.subplots()
    axes.grid(axis="y")
    for curve in picture.curves:
        whose = f"{name(picture.runs[curve.run].name)}: " if several else ""
        _curve(axes, curve, whose)
    if is_wide(*picture.ends):
        log_axis(axes)
    else:
        ticks(axes.yaxis)
    for i, run in enumerate(picture.runs):
        if run.best is None:
            continue
        label = f"{run.best_by}, {run.best:.4g}"
        axes.plot(
            run.best_epoch, run.best, marker="*", markersize=13 if several else 17, zorder=5,
            linestyle="none", color=color(i) if several else COLORS[3], markeredgecolor="white",
            label=entry(f"{name(run.name)}, {label}") if several else label,
        )  # fmt: skip
        if not several:
            axes.axvline(run.best_epoch, color=FAINT, linewidth=1, linestyle=":", zorder=1)
    ticks(axes.xaxis, whole=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({picture.loss})" if len(picture.loss) < 30 else "loss")
    title(axes, "Loss while training", "" if len(picture.loss) < 30 else picture.loss)
    if several:
        figure.legend(loc="outside lower left", ncols=3)
    else:
        axes.legend(loc="upper right")
    return figure


def _curve(axes: Axes, curve: Curve, whose: str) -> None:
    """Draw a curve: steps thin behind the epochs, validation dashed."""
    few, many = len(curve.x) < 20, len(curve.x) > 150
    own = {"each step": 0, "training": 0, "validation": 1}[curve.kind]
    look: dict[str, Any] = {
        "color": color(curve.run) if whose else COLORS[own],
        "label": entry(whose + curve.kind),
    }
    if curve.kind == "each step":
        axes.plot(curve.x, curve.y, linewidth=0.7, alpha=0.5, zorder=1.5, **look)
        return
    axes.plot(
        curve.x, curve.y, "--" if curve.kind == "validation" else "-",
        marker="o" if few else None, markersize=5, linewidth=1.5 if many else None, **look,
    )  # fmt: skip
