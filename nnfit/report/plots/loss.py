"""The loss over the epochs; the numbers are the history's own."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnfit.inside.pictures.loss import LossCurves
from nnfit.report.figures import WIDE_RANGE
from nnfit.report.plots.style import COLORS, FAINT, log_axis, new_figure, ticks, title


def draw(picture: LossCurves) -> Figure:
    """Draw training and validation loss, and where the kept weights come from."""
    figure = new_figure(9.0, 5.0)
    axes = figure.subplots()
    axes.grid(axis="y")
    series = [("training", picture.train, COLORS[0], "-")]
    if picture.validation is not None:
        series.append(("validation", picture.validation, COLORS[1], "--"))
    few, many = len(picture.epochs) < 20, len(picture.epochs) > 150
    for label, values, shade, dashes in series:
        axes.plot(
            picture.epochs,
            values,
            dashes,
            color=shade,
            label=label,
            marker="o" if few else None,
            markersize=5,
            linewidth=1.5 if many else None,
        )
    all_values = np.concatenate([values[np.isfinite(values)] for _, values, _, _ in series])
    if all_values.min() > 0 and all_values.max() > WIDE_RANGE * all_values.min():
        log_axis(axes.yaxis)
    else:
        ticks(axes.yaxis)
    if picture.validation is not None and picture.best_epoch:
        at = int(np.flatnonzero(picture.epochs == picture.best_epoch)[0])
        best = float(picture.validation[at])
        axes.plot(
            picture.best_epoch,
            best,
            marker="*",
            markersize=17,
            linestyle="none",
            color=COLORS[3],
            markeredgecolor="white",
            zorder=5,
            label=f"best: epoch {picture.best_epoch}, {best:.4g}",
        )
        axes.axvline(picture.best_epoch, color=FAINT, linewidth=1, linestyle=":", zorder=1)
    ticks(axes.xaxis, whole=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({picture.loss})" if len(picture.loss) < 30 else "loss")
    title(axes, "Loss while training", "" if len(picture.loss) < 30 else picture.loss)
    axes.legend(loc="upper right")
    return figure
