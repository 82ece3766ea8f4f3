"""The steps of one example as plain values: the graph, the layers forward, the chain rule back.

The numbers come ready; here they meet their formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnfit.inside.explanation import formulas
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import Array
from nnfit.nn.losses import PointwiseHead
from nnfit.nn.names import OUTPUT_ACTIVATIONS
from nnfit.nn.network import Architecture, Network

Values = dict[str, Any]


def plain(array: Array) -> list[Any]:
    """Return an array as nested lists; what is not finite becomes None."""
    if np.isfinite(array).all():
        return list(array.tolist())
    cells = array.astype(object)
    cells[~np.isfinite(array)] = None
    return list(cells.tolist())


def graph(architecture: Architecture) -> list[Values]:
    """Return the nodes of the computation from v[0] to L, each after those it is made of."""
    sizes, n_layers = architecture.sizes, len(architecture.sizes) - 1
    nodes: list[tuple[str, str, list[int], list[str]]] = [("v[0]", "φ(x)", [sizes[0]], [])]
    for i, name in enumerate(architecture.every_activation, 1):
        blocks = architecture.layout.layers[i - 1].blocks
        names = [f"{letter}[{i}]" for letter, _ in zip("Wb", blocks, strict=False)]
        for node, block in zip(names, blocks, strict=True):
            nodes.append((node, "", list(block.shape), []))
        parts = [*names, f"v[{i - 1}]"]
        nodes.append((f"z[{i}]", _affine(i, architecture), [sizes[i]], parts))
        out = "ŷ" if i == n_layers else f"v[{i}]"
        nodes.append((out, f"{name}(z[{i}])", [sizes[i]], [f"z[{i}]"]))
    nodes.append(("y", "", [sizes[-1]], []))
    parts, loss = ["ŷ", "y"], f"{architecture.loss}(ŷ, y)"
    if architecture.l2:
        weights = [f"W[{i}]" for i in range(1, n_layers + 1)]
        nodes.append(("penalty", "(l2/2) Σ_l ‖W[l]‖²", [], weights))
        parts, loss = [*parts, "penalty"], f"{loss} + penalty"
    nodes.append(("L", loss, [], parts))
    keys = ("node", "formula", "shape", "inputs")
    return [dict(zip(keys, node, strict=True)) for node in nodes]


def forward(architecture: Architecture, z: Sequence[Array], v: Sequence[Array]) -> list[Values]:
    """Return each layer's z[l] and v[l]; `v` starts with v[0]."""
    return [
        {
            "layer": i,
            "inputs": architecture.sizes[i - 1],
            "outputs": architecture.sizes[i],
            "activation": name,
            "affine": _affine(i, architecture),
            "sigma": OUTPUT_ACTIVATIONS[name].meaning,
            "z": plain(z[i - 1]),
            "v": plain(v[i]),
        }
        for i, name in enumerate(architecture.every_activation, 1)
    ]


def backward(
    network: Network,
    last: Values,
    delta: Sequence[Array],
    slope: Sequence[Array],
    checked: Mapping[str, Values],
) -> list[Values]:
    """Return the layers from the last down, each with its delta, gradients and what it hands on.

    Parameters
    ----------
    last : mapping
        From `last_delta`.
    delta, slope : sequence of ndarray
        Every layer's delta[l], and σ′(z[l]) of the hidden ones.
    checked : mapping
        The gradients W1, b1, ... and x beside their complex steps.
    """
    L = len(delta)
    penalty = " + l2 W[{0}]" if network.architecture.l2 else ""
    first, steps = last, []
    for i in range(L, 0, -1):
        made_of = (f"delta[{i}] v[{i - 1}]ᵀ{penalty.format(i)}", f"delta[{i}]")
        blocks = network.parameters.layout.layers[i - 1].blocks
        handed = network.parameters.W[i - 1].T @ delta[i - 1]
        down = {
            "chain": formulas.chain(i, L, "v"),
            "formula": f"W[{i}]ᵀ delta[{i}]",
            "values": plain(handed),
        }
        steps.append(
            {
                "layer": i,
                "delta": {"chain": formulas.chain(i, L, "z"), **first},
                "gradients": [
                    {"chain": formulas.chain(i, L, by), "formula": formula, **checked[block.name]}
                    for by, formula, block in zip("Wb", made_of, blocks, strict=False)
                ],
                "handed_down": down | (checked["x"] if i == 1 else {}),
            }
        )
        if i > 1:
            df = OUTPUT_ACTIVATIONS[network.architecture.activations[i - 2]].slope
            first = {
                "formula": f"∂L/∂v[{i - 1}] ⊙ σ′(z[{i - 1}])",
                "rule": "handed down by the layer above, through the activation",
                "factors": [
                    _factor(f"∂L/∂v[{i - 1}]", f"W[{i}]ᵀ delta[{i}]", handed),
                    _factor(f"σ′(z[{i - 1}])", df, slope[i - 2]),
                ],
                "values": plain(delta[i - 2]),
            }
    return steps


def last_delta(network: Network, y: Array, z: Array, y_hat: Array, delta: Array) -> Values:
    """Return delta[L] with the rule that gave it, and its factors where the code has them."""
    architecture, head = network.architecture, network.head
    L, K, name = len(architecture.sizes) - 1, len(z), architecture.output_activation
    formula, rule = formulas.last_delta(architecture.loss, name, L)
    factors = []
    if isinstance(head, PointwiseHead):
        e: Array = y_hat - y
        head.derivative(e)
        factors.append(_factor("∂L/∂ŷ", formulas.loss_derivative(architecture.loss, K), e / K))
        if name != "softmax":
            z, a, slope = z.copy(), np.empty_like(z), np.empty_like(z)
            ACTIVATIONS[name].f(z, a, slope)
            ACTIVATIONS[name].df(z, a, slope)
            factors.append(_factor(f"σ′(z[{L}])", OUTPUT_ACTIVATIONS[name].slope, slope))
    return {"formula": formula, "rule": rule, "factors": factors, "values": plain(delta)}


def _affine(layer: int, architecture: Architecture) -> str:
    return f"W[{layer}] v[{layer - 1}]" + (f" + b[{layer}]" if architecture.bias else "")


def _factor(name: str, formula: str, values: Array) -> Values:
    return {"name": name, "formula": formula, "values": plain(values)}
