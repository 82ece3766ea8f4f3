"""Which function draws which picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from nnfit.inside.pictures.boundary import Boundary
from nnfit.inside.pictures.curves import FitCurves, LossCurves
from nnfit.inside.pictures.importance import Importance
from nnfit.inside.pictures.judged import Calibration, Confusion, Residuals
from nnfit.inside.pictures.layers import Graph, Units, Weights
from nnfit.inside.pictures.surface import Surface
from nnfit.report.plots.curves import draw_fit, draw_loss
from nnfit.report.plots.inside import draw_graph, draw_weights
from nnfit.report.plots.judged import (
    draw_calibration,
    draw_confusion,
    draw_importance,
    draw_residuals,
)
from nnfit.report.plots.planes import draw_boundary, draw_units
from nnfit.report.plots.surface import draw_surface

DRAWN_BY: dict[type, Callable[[Any], Figure]] = {
    LossCurves: draw_loss,
    FitCurves: draw_fit,
    Boundary: draw_boundary,
    Surface: draw_surface,
    Units: draw_units,
    Weights: draw_weights,
    Graph: draw_graph,
    Confusion: draw_confusion,
    Calibration: draw_calibration,
    Residuals: draw_residuals,
    Importance: draw_importance,
}


def draw(picture: object) -> Figure:
    """Return the figure of a picture; to be called within `slide_style`."""
    return DRAWN_BY[type(picture)](picture)
