"""Slices through the inputs of a model: one or two columns varied, or a plane of components.

A slice knows where the rows of the data lie in it, and what the network gets anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nnfit.errors import PictureError, did_you_mean, listed
from nnfit.inside.pictures.request import Request, sample_of
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.table.slices import made_up, read_column

if TYPE_CHECKING:
    from nnfit.table.coding import Code

MAX_CATEGORIES = 20  # more of them can't be labelled
MARGIN = 0.06  # of the range of the data, on both sides
MAX_POINTS = 2000  # rows drawn
COMPONENT_ROWS = 5000  # that the principal components are taken from


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A column, or a component.

    `labels` are the categories at 0, 1, …, none for numbers; `points` (N,) is where the rows
    lie, NaN for gaps; `low` and `high` are the ends.
    """

    name: str
    labels: tuple[str, ...]
    points: Array
    low: float
    high: float

    def grid(self, n: int) -> Array:
        """Return `n` places from end to end, shape (n,)."""
        return np.linspace(self.low, self.high, n)

    def with_points(self, places: Array) -> Axis:
        """Return the axis with the rows at `places` alone; its ends stay."""
        return replace(self, points=self.points[places])


@dataclass(frozen=True)
class Slice:
    """One or two axes; `fixed` says at what the other columns stay.

    `inputs` turns places, one array (M,) per axis, into the network's inputs of the places where
    they are defined, and a mask (M,) of these.
    """

    axes: tuple[Axis, ...]
    fixed: tuple[tuple[str, str], ...]
    inputs: Callable[[Sequence[Array]], tuple[Array, Array]]

    def at(self, places: Sequence[Array], of: Callable[[Array], Array]) -> Array:
        """Return what `of` makes of the inputs at the places (M, …), NaN where there are none."""
        X, defined = self.inputs(places)
        values = of(X)
        out: Array = np.full((len(defined), values.shape[1]), np.nan)
        out[defined] = values
        return out


def drawn(rows: NamedRows, observer: Observer) -> Array:
    """Return the places of the rows to draw, as many as can be seen one by one."""
    if len(rows) > MAX_POINTS:
        observer.note(f"{rows.name}: {MAX_POINTS} of {len(rows)} rows are drawn")
    return sample_of(len(rows), MAX_POINTS, 0)


def choose_plane(request: Request, rows: NamedRows) -> Slice:
    """Return the plane that was asked for, or the only one there is.

    Raises
    ------
    PictureError
        When the columns to choose from are more than two, or one.
    """
    model, name, options = request.model, request.name, request.options
    names, x, y = model.encoder.needed_columns, options.x, options.y
    if options.plane == "pca":
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


def tell_fixed(chosen: Slice, observer: Observer) -> None:
    """Say at what the other columns stay."""
    if chosen.fixed:
        at = listed((f"{name} = {text}" for name, text in chosen.fixed), whole=True)
        observer.note(f"held at their median or most frequent value: {at}")


def code_named(model: Model, model_name: str, option: str, column: str) -> Code:
    """Return the code of the column that an option names.

    Raises
    ------
    PictureError
        When the model reads no such column.
    """
    for code in model.encoder.columns:
        if code.name == column:
            return code
    names = model.encoder.needed_columns
    raise PictureError(
        f"{option}: {column!r} is no column that {model_name} reads; columns are: "
        f"{listed(names, whole=True)}{did_you_mean(column, names)}"
    )


def slice_of_columns(
    model: Model, model_name: str, rows: NamedRows, chosen: Sequence[tuple[str, str]]
) -> Slice:
    """Return the slice along columns, the others at their median or most frequent value.

    Parameters
    ----------
    chosen : sequence of (option, column)
        One or two; the option is for the errors.

    Raises
    ------
    PictureError
        When a column is not there, is there twice, or has too many categories.
    """
    codes = [code_named(model, model_name, option, column) for option, column in chosen]
    names = [code.name for code in codes]
    if len(set(names)) < len(names):
        raise PictureError(f"--y: {names[0]!r} is --x already; expected another column")
    readings = {code.name: read_column(rows, code) for code in model.encoder.columns}
    for (option, _), name in zip(chosen, names, strict=True):
        if (n := len(readings[name].labels)) > MAX_CATEGORIES:
            raise PictureError(
                f"{option}: {name!r} has {n} categories; expected at most {MAX_CATEGORIES}, "
                "or a column of numbers. Choose another column"
            )
    axes = tuple(_axis(readings[name].labels, readings[name].values, name) for name in names)

    def inputs(places: Sequence[Array]) -> tuple[Array, Array]:
        varied = dict(zip(names, places, strict=True))
        n = len(places[0])
        frame = made_up(
            (reading, _known(reading.labels, varied.get(name, np.full(n, reading.typical))))
            for name, reading in readings.items()
        )
        with np.errstate(all="ignore"):
            defined = model.encoder.defined(NamedRows(frame, rows.name))
            return model.encoder.transform(NamedRows(frame[defined], rows.name)), defined

    fixed = tuple(
        (name, reading.typical_text) for name, reading in readings.items() if name not in names
    )
    return Slice(axes, fixed, inputs)


def slice_of_components(model: Model, rows: NamedRows) -> Slice:
    """Return the plane of the network's inputs that holds most of the rows' variance.

    Its points are combinations of the inputs, not of the columns: scaled, one-hot and expressions.
    """
    if model.encoder.n_inputs < 2:
        raise PictureError("--plane pca: the network has one input; expected two or more")
    X = model.encoder.transform(rows)
    sample = X[sample_of(len(X), COMPONENT_ROWS, 0)]
    mean = sample.mean(axis=0)
    components, shares = principal_components(sample - mean)
    places = (X - mean) @ components.T
    axes = tuple(
        _axis((), places[:, k], f"component {k + 1} ({100 * shares[k]:.0f} % of the variance)")
        for k in range(2)
    )

    def inputs(places: Sequence[Array]) -> tuple[Array, Array]:
        return mean + np.column_stack(places) @ components, np.ones(len(places[0]), dtype=bool)

    return Slice(axes, (), inputs)


def principal_components(deviations: Array) -> tuple[Array, Array]:
    """Return the two directions of most variance (2, D), unit length, and their shares (2,).

    Signs are settled by the largest entry, which is made positive.
    """
    _, singular, components = np.linalg.svd(deviations, full_matrices=False)
    if len(components) < 2:  # one row has no second direction
        components = np.vstack([components, np.zeros_like(components)])
        singular = np.append(singular, 0.0)
    components = components[:2]
    largest = np.abs(components).argmax(axis=1)
    signs = np.where(components[[0, 1], largest] < 0.0, -1.0, 1.0)
    variances = singular**2
    total = variances.sum()
    return components * signs[:, None], variances[:2] / (total or 1.0)


def _axis(labels: tuple[str, ...], points: Array, name: str) -> Axis:
    if labels:
        return Axis(name=name, labels=labels, points=points, low=-0.5, high=len(labels) - 0.5)
    present = points[~np.isnan(points)]
    low, high = (present.min(), present.max()) if len(present) else (0.0, 0.0)
    margin = MARGIN * (high - low) or max(abs(low), 1.0) * 0.5
    ends = {"low": float(low - margin), "high": float(high + margin)}
    return Axis(name=name, labels=labels, points=points, **ends)


def _known(labels: tuple[str, ...], values: Array) -> Array:
    """Return the nearest place that is a label's, where there are labels."""
    return np.clip(np.rint(values), 0, len(labels) - 1) if labels else values
