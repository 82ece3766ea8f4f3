"""The lecture's formulas as text: v[l] = σ(z[l]), the losses, and the chain rule through them.

Nothing is worked out here; `nnfit.nn` holds the same equations as code.
"""

from __future__ import annotations

from nnfit.nn.names import LOSSES, QUANTITY_LOSSES

Chain = list[dict[str, str | bool]]


def loss(name: str, n_outputs: int, penalty: bool) -> str:
    """Return L of one example; `penalty` adds the term of `optimizer.l2`."""
    text = LOSSES[name].meaning
    if name in QUANTITY_LOSSES and n_outputs > 1:
        text = f"1/{n_outputs} Σ_k {text.replace('ŷ − y', 'ŷ_k − y_k')}"
    return f"ℓ + (l2/2) Σ_l ‖W[l]‖², ℓ = {text}" if penalty else text


def loss_derivative(name: str, n_outputs: int) -> str:
    """Return ∂L/∂ŷ of a loss of the residual ŷ − y."""
    text = LOSSES[name].derivative
    return text if n_outputs == 1 else f"{text}, over {n_outputs}"


def last_delta(loss: str, activation: str, n_layers: int) -> tuple[str, str]:
    """Return the formula of delta[L], and the rule that gave it in words."""
    if loss not in QUANTITY_LOSSES:
        both = f"{activation} with {loss}: the two factors together are ŷ − y"
        return "ŷ − y", both
    through = "from the loss through the output activation"
    if activation == "softmax":
        return "ŷ ⊙ (∂L/∂ŷ − Σ_k ŷ_k ∂L/∂ŷ_k)", f"{through}, softmax's Jacobian"
    return f"∂L/∂ŷ ⊙ σ′(z[{n_layers}])", f"{through}, {activation}"


def chain(layer: int, n_layers: int, by: str) -> Chain:
    """Return the factors of ∂L/∂`by` in a layer; `by` is W, b, z, or v of the layer below.

    Each has `term`, and `reused`: whether it was worked out for the layer above.
    """
    terms: Chain = [
        {"term": "∂L/∂ŷ", "reused": layer < n_layers},
        {"term": f"∂ŷ/∂z[{n_layers}]", "reused": layer < n_layers},
    ]
    for m in range(n_layers - 1, layer - 1, -1):
        terms.append({"term": f"∂z[{m + 1}]/∂v[{m}]", "reused": True})
        terms.append({"term": f"∂v[{m}]/∂z[{m}]", "reused": m > layer})
    if by != "z":
        name = f"v[{layer - 1}]" if by == "v" else f"{by}[{layer}]"
        terms.append({"term": f"∂z[{layer}]/∂{name}", "reused": False})
    return terms
