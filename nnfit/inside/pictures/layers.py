"""What is inside a network: hidden units over a slice of the inputs, weights, nodes and edges.

All of it is read from the parameters; nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.boundary import choose_plane, tell_held
from nnfit.inside.pictures.slicing import Axis, slice_of_columns
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import hidden_layer
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows

PLANE_GRID = 80  # places along each axis
CURVE_GRID = 300
MAX_UNITS = 40  # small multiples that can be looked at
MAX_INPUTS = 30  # names beside a heat map
MAX_NODES = 16  # in a layer
MAX_LAYERS = 8


@dataclass(frozen=True)
class Units:
    """Activations a (units, nx) over one axis or (units, ny, nx) over two.

    `n_units` is how many the layer has; the first of them are here.
    """

    axes: tuple[Axis, ...]
    grids: tuple[Array, ...]
    values: Array
    layer: int
    n_units: int
    activation: str
    held: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Weights:
    """The first layer's W (units, inputs), or images (units, height, width) with a `shape`.

    Of many inputs those with the largest weights are here, of many images the first; `n_inputs`
    and `n_units` are how many there are.
    """

    W: Array
    input_names: tuple[str, ...]
    n_inputs: int
    n_units: int
    shape: tuple[int, int] | None


@dataclass(frozen=True)
class Graph:
    """Nodes and edges: `W[l]` (outputs, inputs) and the names of what goes in and comes out."""

    W: tuple[Array, ...]
    sizes: tuple[int, ...]
    activations: tuple[str, ...]  # one for each layer after the input
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


def check_layer(model: Model, name: str, layer: int) -> None:
    """Raise PictureError when there is no hidden layer `layer`, counted from 1."""
    n_layers = len(model.network.architecture.activations)
    if not n_layers:
        raise PictureError(f"{name}: has no hidden layer; expected one whose units can be drawn")
    if not 1 <= layer <= n_layers:
        layers = "1" if n_layers == 1 else f"1 to {n_layers}"
        raise PictureError(f"--layer: {name} has no hidden layer {layer}; expected {layers}")


def units(
    model: Model,
    name: str,
    rows: NamedRows,
    *,
    layer: int,
    x: str | None,
    y: str | None,
    pca: bool,
    observer: Observer,
) -> Units:
    """Return what the units of hidden layer `layer` (from 1) compute over one or two columns.

    Raises
    ------
    PictureError
        When the choice of columns makes no plane.
    """
    architecture = model.network.architecture
    columns = model.encoder.needed_columns
    if len(columns) == 1 and not pca and y is None:
        x = columns[0] if x is None else x
    if x is not None and y is None and not pca and len(columns) != 2:
        chosen = slice_of_columns(model, name, rows, [("--x", x)])
        grids = [chosen.axes[0].grid(CURVE_GRID)]
    else:
        chosen = choose_plane(model, name, rows, x, y, pca)
        grids = [axis.grid(PLANE_GRID) for axis in chosen.axes]
    tell_held(chosen, observer)
    places = [p.reshape(-1) for p in np.meshgrid(*grids)]
    a = chosen.at(places, lambda X: hidden_layer(model.network, X, layer)[:, :MAX_UNITS])
    n_units = architecture.sizes[layer]
    if n_units > MAX_UNITS:
        observer.note(f"the first {MAX_UNITS} of {n_units} units are drawn")
    return Units(
        chosen.axes,
        tuple(grids),
        a.T.reshape(-1, *(len(grid) for grid in reversed(grids))),
        layer,
        n_units,
        architecture.activations[layer - 1],
        chosen.held,
    )


def weights(
    model: Model,
    name: str,
    *,
    shape: tuple[int, int] | None,
    header: Sequence[str] | None,
    observer: Observer,
) -> Weights:
    """Return the first layer's weights, as images of `shape` (height, width) where that is given.

    Training leaves out pixels that are the same in all rows. The `header` of a CSV, where there
    is one, tells which they are; they have no weight, and are NaN in the images.

    Raises
    ------
    PictureError
        When the inputs do not fill the shape.
    """
    W = model.network.parameters.W[0]
    names = tuple(model.encoder.input_names)
    if shape is None:
        sizes = np.linalg.norm(W, axis=0)
        largest = np.sort(np.argsort(-sizes, kind="stable")[:MAX_INPUTS])
        if len(names) > MAX_INPUTS:
            observer.note(f"the {MAX_INPUTS} of {len(names)} inputs with the largest weights")
        shown = tuple(names[i] for i in largest)
        return Weights(W[:, largest], shown, len(names), len(W), None)
    height, width = shape
    pixels = [column for column in header or names if _is_pixel(model, column)]
    if height * width != len(pixels) or not set(names) <= set(pixels):
        left_out = len(pixels) - len(names)
        hint = "" if header else ". Name its CSV: training leaves out pixels that never change"
        raise PictureError(
            f"--shape: {height}x{width} are {height * width} pixels, {name} has {len(pixels)} "
            f"inputs{f', {left_out} of them left out' if left_out else ''}; expected as many{hint}"
        )
    if len(W) > MAX_UNITS:
        observer.note(f"the first {MAX_UNITS} of {len(W)} units are drawn")
    images = np.full((min(len(W), MAX_UNITS), len(pixels)), np.nan)
    images[:, [pixels.index(column) for column in names]] = W[:MAX_UNITS]
    return Weights(images.reshape(-1, height, width), names, len(names), len(W), shape)


def _is_pixel(model: Model, column: str) -> bool:
    """Return whether a column of the CSV is an input, or was one before training dropped it."""
    data = model.config["data"]
    if data["include"] is not None and column not in data["include"]:
        return False
    return column not in (*model.targets, *data["exclude"], data["weight"])


def graph(model: Model, name: str) -> Graph:
    """Return the network as nodes and edges.

    Raises
    ------
    PictureError
        When they are too many to be told apart.
    """
    architecture = model.network.architecture
    sizes = architecture.sizes
    if max(sizes) > MAX_NODES or len(sizes) > MAX_LAYERS:
        raise PictureError(
            f"{name}: has layers of {', '.join(map(str, sizes))}; expected at most {MAX_NODES} "
            f"nodes in a layer and {MAX_LAYERS} layers. 'nnfit plot weights' takes larger ones"
        )
    outputs = model.targets
    if model.labels is not None:
        labels = model.classes if sizes[-1] > 1 else model.classes[1:]
        outputs = tuple(f"{model.targets[0]} = {label}" for label in labels)
    return Graph(
        tuple(model.network.parameters.W),
        sizes,
        (*architecture.activations, architecture.output_activation),
        tuple(model.encoder.input_names),
        outputs,
    )
