"""Class probabilities over a plane: two columns, or two principal components.

Where two classes meet, their log odds are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.inside.pictures.slicing import Axis, choose_plane, drawn, tell_fixed
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict

GRID = 240  # places along each axis
MAX_CLASSES = 20  # more can't be told apart
MAX_LOG_ODDS = 35.0  # a probability of 1 in float64


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """What is drawn: the grid (nx,), (ny,), its `probabilities` (ny, nx, K), and the rows.

    `codes` (N,) are the classes of the rows, whose places are in the axes. `through_sigmoid`
    when the probability of the second class is the sigmoid of phi(x) w.
    """

    x: Axis
    y: Axis
    x_grid: Array
    y_grid: Array
    probabilities: Array
    classes: tuple[str, ...]
    target: str
    codes: Array
    fixed: tuple[tuple[str, str], ...]
    through_sigmoid: bool

    @property
    def steps(self) -> bool:
        """Whether an axis has categories, between which there is nothing."""
        return bool(self.x.labels or self.y.labels)

    @property
    def log_odds(self) -> Array:
        """The log odds of the second of two classes (ny, nx): 0 on the boundary."""
        with np.errstate(divide="ignore"):
            odds = np.log(self.probabilities[..., 1]) - np.log(self.probabilities[..., 0])
        limited: Array = np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        return limited


def make(request: Request) -> Boundary:
    """Return the class probabilities of a classification over a plane.

    Raises
    ------
    PictureError
        For too many classes, or a choice of columns that makes no plane.
    """
    model, rows = request.model, request.rows()
    assert model.labels is not None
    if len(model.classes) > MAX_CLASSES:
        raise PictureError(
            f"{request.name}: has {len(model.classes)} classes; expected at most {MAX_CLASSES}, "
            "which colours can tell apart"
        )
    plane = choose_plane(request, rows)
    tell_fixed(plane, request.observer)
    shown = drawn(rows, request.observer)
    x, y = (axis.with_points(shown) for axis in plane.axes)
    x_grid, y_grid = x.grid(GRID), y.grid(GRID)
    places = [places.reshape(-1) for places in np.meshgrid(x_grid, y_grid)]
    p = plane.at(places, lambda X: model.outcome.probabilities(predict(model.network, X)))
    codes = model.labels.read(rows)
    architecture = model.network.architecture
    return Boundary(
        x=x,
        y=y,
        x_grid=x_grid,
        y_grid=y_grid,
        probabilities=p.reshape(GRID, GRID, -1),
        classes=model.classes,
        target=model.targets[0],
        codes=codes[shown],
        fixed=plane.fixed,
        through_sigmoid=architecture.output_activation == "sigmoid" and architecture.sizes[-1] == 1,
    )
