"""The loss over the epochs; the numbers are the history's own."""

from __future__ import annotations

from matplotlib.figure import Figure

from nnfit.inside.pictures.loss import LossCurves
from nnfit.report.figures import is_wide
from nnfit.report.plots.colors import COLORS, FAINT
from nnfit.report.plots.labels import log_axis, ticks, title
from nnfit.report.plots.style import new_figure


def draw(picture: LossCurves) -> Figure:
    """Draw training and validation loss, and where the kept weights come from."""
    figure = new_figure(9.0, 5.0)
    axes = figure.subplots()
    axes.grid(axis="y")
    few, many = len(picture.epochs) < 20, len(picture.epochs) > 150
    looks = zip(COLORS, ("-", "--"), strict=False)
    for (label, values), (shade, dashes) in zip(picture.curves, looks, strict=False):
        axes.plot(
            picture.epochs, values, dashes, color=shade, label=label,
            marker="o" if few else None, markersize=5, linewidth=1.5 if many else None,
        )  # fmt: skip
    if is_wide(*picture.ends):
        log_axis(axes)
    else:
        ticks(axes.yaxis)
    if picture.best is not None:
        axes.plot(
            picture.best_epoch, picture.best, marker="*", markersize=17, linestyle="none",
            color=COLORS[3], markeredgecolor="white", zorder=5,
            label=f"best: epoch {picture.best_epoch}, {picture.best:.4g}",
        )  # fmt: skip
        axes.axvline(picture.best_epoch, color=FAINT, linewidth=1, linestyle=":", zorder=1)
    ticks(axes.xaxis, whole=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({picture.loss})" if len(picture.loss) < 30 else "loss")
    title(axes, "Loss while training", "" if len(picture.loss) < 30 else picture.loss)
    axes.legend(loc="upper right")
    return figure
