"""Small networks as nodes and edges, read from the parameters."""

from __future__ import annotations

from dataclasses import dataclass

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.model.model import Model
from nnfit.nn.arrays import Array

MAX_NODES = 16  # in a layer
MAX_LAYERS = 8


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes and edges: `W[l]` (outputs, inputs) and the names of what goes in and comes out.

    `b` (outputs,) are the weights of a node that is 1 in each layer; None without biases.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...] | None
    sizes: tuple[int, ...]
    activations: tuple[str, ...]  # one for each layer after the input
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    trained: bool


def make(request: Request) -> Graph:
    """Return the network as nodes and edges.

    Raises
    ------
    PictureError
        When they are too many to be told apart.
    """
    model = request.model
    architecture = model.network.architecture
    sizes = architecture.sizes
    if max(sizes) > MAX_NODES or len(sizes) > MAX_LAYERS:
        raise PictureError(
            f"{request.name}: has layers of {', '.join(map(str, sizes))}; expected at most "
            f"{MAX_NODES} nodes in a layer and {MAX_LAYERS} layers. 'nnfit plot weights' takes "
            "larger ones"
        )
    tell_scale(request)
    return Graph(
        W=tuple(model.network.parameters.W),
        b=tuple(model.network.parameters.b) if architecture.bias else None,
        sizes=sizes,
        activations=architecture.every_activation,
        input_names=tuple(model.encoder.input_names),
        output_names=output_names(model),
        trained=model.trained.epochs > 0,
    )


def tell_scale(request: Request) -> None:
    """Say that a picture of W leaves s out, where there is one."""
    if request.model.network.architecture.input_scale:
        request.observer.note("W is drawn as it is, without the scale s of the inputs")


def output_names(model: Model) -> tuple[str, ...]:
    """Return what each output is of: a target, or a class."""
    if model.labels is None:
        return model.outcome.law.outputs(model.targets)
    labels = model.classes if model.network.architecture.sizes[-1] > 1 else model.classes[1:]
    return tuple(f"{model.targets[0]} = {label}" for label in labels)
