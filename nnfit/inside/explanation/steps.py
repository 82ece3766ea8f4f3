"""The steps of one example as plain values: the layers forward, the chain rule back.

The numbers come ready; here they meet their formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnfit.inside.explanation import formulas
from nnfit.nn.activations import ACTIVATIONS, sigmoid
from nnfit.nn.arrays import Array
from nnfit.nn.losses import PointwiseHead
from nnfit.nn.names import EVERY_OUTPUT, OUTPUT_ACTIVATIONS
from nnfit.nn.network import Network
from nnfit.training.metrics import finite

MAX_JACOBIAN = 5  # classes

Values = dict[str, Any]


def plain(array: Array) -> list[Any]:
    """Return an array as nested lists; what is not finite becomes None."""
    if np.isfinite(array).all():
        return list(array.tolist())
    cells = array.astype(object)
    cells[~np.isfinite(array)] = None
    return list(cells.tolist())


def forward(network: Network, z: Sequence[Array], v: Sequence[Array]) -> list[Values]:
    """Return each layer's z[l] and v[l], and its first unit as a sum; `v` starts with v[0].

    Where the network has s, layer 1 has the `input` s ⊙ v[0].
    """
    architecture, p = network.architecture, network.parameters
    scaled = architecture.input_scale
    u = [*(s * v[0] for s in p.s), *v[len(p.s) :]]
    inputs = [formulas.layer_input(i, scaled) for i in range(1, len(v))]
    return [
        {
            "layer": i,
            "inputs": architecture.sizes[i - 1],
            "outputs": architecture.sizes[i],
            "activation": name,
            "affine": f"W[{i}] {inputs[i - 1]}" + (f" + b[{i}]" if architecture.bias else ""),
            "unit": {
                "formula": f"Σ_j w_1j {inputs[i - 1]}_j" + (" + b_1" if architecture.bias else ""),
                "products": plain(p.W[i - 1][0] * u[i - 1]),
                "z": finite(float(z[i - 1][0])),
            },
            "sigma": EVERY_OUTPUT[name].meaning,
            **({"input": plain(u[0])} if scaled and i == 1 else {}),
            "Wv": plain(p.W[i - 1] @ u[i - 1]),
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
    L, scaled = len(delta), network.architecture.input_scale
    penalty = " + l2 W[{0}]" if network.architecture.l2 else ""
    first, steps = last, []
    for i in range(L, 0, -1):
        made_of = {
            "W": f"delta[{i}] {formulas.layer_input(i, scaled)}ᵀ{penalty.format(i)}",
            "b": f"delta[{i}]",
            "s": "(W[1]ᵀ delta[1]) ⊙ v[0]",
        }
        names = [block.name for block in network.parameters.layout.layers[i - 1].blocks]
        handed = network.parameters.W[i - 1].T @ delta[i - 1]
        down = {
            "chain": formulas.chain(i, L, "v"),
            "formula": f"W[{i}]ᵀ delta[{i}]",
            "values": plain(handed),
        }
        if scaled and i == 1:
            down |= {"formula": "s ⊙ (W[1]ᵀ delta[1])", "input": plain(handed)}
        steps.append(
            {
                "layer": i,
                "delta": {"chain": formulas.chain(i, L, "z"), **first},
                "gradients": [
                    {
                        "chain": formulas.chain(i, L, name[0]),
                        "formula": made_of[name[0]],
                        **checked[name],
                    }
                    for name in names
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
    """Return delta[L] with the rule that gave it, and the factors that it is the product of.

    Where they are too large or too small to be told by numbers, the product may still be: the code
    works delta[L] out from the logits.
    """
    architecture, head = network.architecture, network.head
    L, K, name = len(architecture.sizes) - 1, len(z), architecture.output_activation
    derivation, rule = formulas.last_delta(architecture.loss, name, L)
    outer, opposite, slope = y_hat - y, 1.0 - y_hat, np.ones_like(y_hat)
    if isinstance(head, PointwiseHead):
        head.derivative(outer[:, None])
    elif name == "exp":
        outer, slope = 1.0 - y / y_hat, y_hat
    elif name == "mean_variance":
        e, v = outer[::2].copy(), y_hat[1::2]
        outer[::2], outer[1::2] = e / v, 0.5 * (1.0 / v - (e / v) ** 2)
        sigmoid(z[1::2], slope[1::2], slope[1::2])
    elif name == "softmax":
        outer = 0.0 - _shares(y, y_hat)
    else:
        head.predict(-z, opposite)  # where ŷ is nearly 1, 1 - ŷ has no digits
        outer = _shares(1.0 - y, opposite) - _shares(y, y_hat)
    outer /= formulas.averaged(architecture.loss, K)
    factors = [_factor("∂L/∂ŷ", formulas.loss_derivative(architecture.loss, K), outer)]
    jacobian, product = None, y_hat * (outer - y_hat @ outer)
    if name == "softmax":
        jacobian = np.diag(y_hat) - np.outer(y_hat, y_hat) if K <= MAX_JACOBIAN else None
    else:
        if isinstance(head, PointwiseHead):
            a = np.empty_like(z)
            ACTIVATIONS[name].f(z.copy(), a, slope)
            ACTIVATIONS[name].df(z.copy(), a, slope)
        elif name == "sigmoid":
            slope = y_hat * opposite
        factors.append(_factor(f"σ′(z[{L}])", formulas.output_slope(name), slope))
        product = outer * slope
    if K == 1:
        ends = [float(array[0]) for array in (y, y_hat, opposite, outer)]
        factors[0]["numbers"] = formulas.of_one(architecture.loss, *ends)
        if name == "sigmoid":
            factors[1]["numbers"] = f"{ends[1]:.4g} · {ends[2]:.4g} = {slope[0]:.4g}"
    return {
        "formula": derivation[-1],
        "rule": rule,
        "factors": factors,
        "values": plain(delta),
        "derivation": derivation,
        "jacobian": None if jacobian is None else plain(jacobian),
        "product": plain(product),
    }


def _shares(y: Array, y_hat: Array) -> Array:
    """Return y/ŷ, 0 where y is: also where ŷ rounds to 0."""
    return np.divide(y, y_hat, out=np.zeros_like(y), where=y != 0.0)


def _factor(name: str, formula: str, values: Array) -> Values:
    return {"name": name, "formula": formula, "values": plain(values)}
