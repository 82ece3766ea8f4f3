"""What the hidden units compute over a slice of the inputs; nothing is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.inside.pictures.slicing import Axis, choose_plane, slice_of_columns, tell_fixed
from nnfit.model.model import Model
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import Array
from nnfit.nn.inference import hidden_layer

PLANE_GRID = 120  # places along each axis
CURVE_GRID = 300
FEWEST = 12  # places along an axis, however large the network
WORK = 4e10  # multiplications that a picture may take beyond that
MAX_UNITS = 40  # small multiples that can be looked at


@dataclass(frozen=True, kw_only=True)
class Units:
    """Activations a (units, nx) over one axis or (units, ny, nx) over two, and z, likewise.

    `n_units` is how many the layer has; the first of them are here. `bends` when the activation has
    a kink at z = 0.
    """

    axes: tuple[Axis, ...]
    grids: tuple[Array, ...]
    values: Array
    z: Array
    layer: int
    n_units: int
    activation: str
    bends: bool
    fixed: tuple[tuple[str, str], ...]

    @property
    def largest(self) -> Array:
        """The largest size of each unit's activation that is finite, (units,)."""
        finite = np.where(np.isfinite(self.values), np.abs(self.values), 0.0)
        largest: Array = finite.reshape(len(finite), -1).max(axis=1)
        return largest


def make(request: Request) -> Units:
    """Return what the units of a hidden layer, counted from 1, compute over one or two columns.

    Raises
    ------
    PictureError
        When there is no such layer, or the choice of columns makes no plane.
    """
    model, options = request.model, request.options
    _check_layer(model, request.name, options.layer)
    rows = request.rows(target=False)
    columns, x = model.encoder.needed_columns, options.x
    if len(columns) == 1 and x is None:
        x = columns[0]
    if x is not None and options.y is None and options.plane != "pca" and len(columns) != 2:
        chosen = slice_of_columns(model, request.name, rows, [("--x", x)])
        grids = [chosen.axes[0].grid(_affordable(model, CURVE_GRID, 1))]
    else:
        chosen = choose_plane(request, rows)
        grids = [axis.grid(_affordable(model, PLANE_GRID, 2)) for axis in chosen.axes]
    tell_fixed(chosen, request.observer)
    places = [p.reshape(-1) for p in np.meshgrid(*grids)]
    network, layer = model.network, options.layer
    both = chosen.at(
        places, lambda X: hidden_layer(network, X, layer, most=MAX_UNITS, with_z=True)
    ).T.reshape(2, -1, *(len(grid) for grid in reversed(grids)))
    n_units, activation = (
        network.architecture.sizes[layer],
        network.architecture.activations[layer - 1],
    )
    if n_units > MAX_UNITS:
        request.observer.note(f"the first {MAX_UNITS} of {n_units} units are drawn")
    return Units(
        axes=chosen.axes,
        grids=tuple(grids),
        values=both[0],
        z=both[1],
        layer=layer,
        n_units=n_units,
        activation=activation,
        bends=bool(ACTIVATIONS[activation].kinks),
        fixed=chosen.fixed,
    )


def _affordable(model: Model, most: int, n_axes: int) -> int:
    """Return how many places each axis gets, `most` but for large networks."""
    places = WORK / model.network.architecture.n_parameters
    return int(np.clip(places ** (1.0 / n_axes), FEWEST, most))


def _check_layer(model: Model, name: str, layer: int) -> None:
    n_layers = len(model.network.architecture.activations)
    if not n_layers:
        raise PictureError(f"{name}: has no hidden layer; expected one whose units can be drawn")
    if not 1 <= layer <= n_layers:
        layers = "1" if n_layers == 1 else f"1 to {n_layers}"
        raise PictureError(f"--layer: {name} has no hidden layer {layer}; expected {layers}")
