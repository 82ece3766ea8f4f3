"""How much worse a model gets when one column is shuffled, as bars."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnfit.inside.pictures.importance import Importance
from nnfit.nn.names import ERRORS
from nnfit.report.figures import number
from nnfit.report.plots.colors import COLORS, FAINT, INK
from nnfit.report.plots.labels import name, ticks, title
from nnfit.report.plots.style import new_figure


def draw(picture: Importance) -> Figure:
    """Draw a bar for each column, its spread over the shuffles as an error bar."""
    n = len(picture.columns)
    figure = new_figure(9.0, max(3.0, 0.29 * n + 1.6))
    axes = figure.subplots()
    axes.grid(axis="x")
    places = np.arange(n)
    axes.barh(
        places, picture.means, xerr=picture.spreads, color=COLORS[0], height=0.68,
        error_kw={"elinewidth": 1.6, "capsize": 3, "ecolor": INK},
    )  # fmt: skip
    axes.axvline(0.0, color=FAINT, linewidth=1)
    axes.set_yticks(places, [name(column) for column in picture.columns])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    ticks(axes.xaxis, n=6)
    metric = picture.metric.replace("_", " ")
    verb = "rises" if picture.metric in ERRORS else "falls"
    axes.set_xlabel(f"{metric} {verb} by, when the column is shuffled (± standard deviation)")
    top = f"the first {n} of {picture.n_columns} columns, " if n < picture.n_columns else ""
    title(
        axes,
        "Permutation importance",
        f"{top}{metric} {number(picture.baseline)} as they are, {picture.n_rows:,} rows",
    )
    return figure
