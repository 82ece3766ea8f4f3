"""Class probabilities over a plane: two columns, or two principal components.

Where two classes meet, their log odds are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError, listed
from nnfit.inside.pictures.rows import sample_of
from nnfit.inside.pictures.slicing import Axis, Slice, slice_of_columns, slice_of_components
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows

GRID = 240  # places along each axis
MAX_POINTS = 2000  # rows drawn
MAX_CLASSES = 20  # more can't be told apart
MAX_LOG_ODDS = 35.0  # a probability of 1 in float64


@dataclass(frozen=True)
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
    held: tuple[tuple[str, str], ...]
    through_sigmoid: bool
    linear: bool

    @property
    def log_odds(self) -> Array:
        """The log odds of the second of two classes (ny, nx): 0 on the boundary."""
        with np.errstate(divide="ignore"):
            odds = np.log(self.probabilities[..., 1]) - np.log(self.probabilities[..., 0])
        limited: Array = np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        return limited


def boundary(
    model: Model,
    name: str,
    rows: NamedRows,
    *,
    x: str | None,
    y: str | None,
    pca: bool,
    observer: Observer,
) -> Boundary:
    """Return the class probabilities of a classification in the file `name` over a plane.

    Raises
    ------
    PictureError
        For too many classes, or a choice of columns that makes no plane.
    """
    assert model.labels is not None
    if len(model.classes) > MAX_CLASSES:
        raise PictureError(
            f"{name}: has {len(model.classes)} classes; expected at most {MAX_CLASSES}, "
            "which colours can tell apart"
        )
    plane = choose_plane(model, name, rows, x, y, pca)
    tell_held(plane, observer)
    shown = drawn(rows, observer)
    x_axis, y_axis = (axis.with_points(shown) for axis in plane.axes)
    grids = x_axis.grid(GRID), y_axis.grid(GRID)
    places = [places.reshape(-1) for places in np.meshgrid(*grids)]
    p = plane.at(places, lambda X: model.outcome.probabilities(predict(model.network, X)))
    architecture = model.network.architecture
    return Boundary(
        x_axis,
        y_axis,
        *grids,
        p.reshape(GRID, GRID, -1),
        model.classes,
        model.targets[0],
        model.labels.read(rows)[shown],
        plane.held,
        architecture.output_activation == "sigmoid" and architecture.sizes[-1] == 1,
        not architecture.activations,
    )


def drawn(rows: NamedRows, observer: Observer) -> Array:
    """Return the places of the rows to draw, as many as can be seen one by one."""
    if len(rows) > MAX_POINTS:
        observer.note(f"{rows.name}: {MAX_POINTS} of {len(rows)} rows are drawn")
    return sample_of(len(rows), MAX_POINTS, 0)


def choose_plane(
    model: Model, name: str, rows: NamedRows, x: str | None, y: str | None, pca: bool
) -> Slice:
    """Return the plane that was asked for, or the only one there is.

    Raises
    ------
    PictureError
        When the columns to choose from are more than two, or one.
    """
    names = model.encoder.needed_columns
    if pca:
        if x is not None or y is not None:
            raise PictureError("--plane pca: takes all columns; leave out --x and --y")
        return slice_of_components(model, rows)
    if len(names) < 2:
        raise PictureError(
            f"{name}: reads one column, {listed(names, whole=True)}; expected two or more for a "
            "plane. 'nnfit plot fit' draws the curve over one"
        )
    if x is None or y is None:
        if len(names) > 2:
            raise PictureError(
                f"{name}: reads {len(names)} columns; expected two. Choose them with --x and --y, "
                f"or set --plane pca; columns are: {listed(names, whole=True)}"
            )
        given = y if x is None else x
        if given is not None and given in names:
            other = names[1 - names.index(given)]
            x, y = (given, other) if y is None else (other, given)
        else:
            x, y = x or names[0], y or names[1]
    return slice_of_columns(model, name, rows, [("--x", x), ("--y", y)])


def tell_held(chosen: Slice, observer: Observer) -> None:
    """Say at what the other columns are kept."""
    if chosen.held:
        at = listed((f"{name} = {text}" for name, text in chosen.held), whole=True)
        observer.note(f"held at their median or most frequent value: {at}")
