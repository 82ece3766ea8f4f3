"""The lecture's formulas as text: v[l] = σ(z[l]), the losses, and the chain rule through them.

Nothing is worked out here; `nnfit.nn` holds the same equations as code.
"""

from __future__ import annotations

from nnfit.nn.losses import RESIDUAL_LOSSES

# σ(z), and σ′(z) with v = σ(z)
ACTIVATIONS: dict[str, tuple[str, str]] = {
    "identity": ("z", "1"),
    "sigmoid": ("1/(1 + exp(−z))", "v (1 − v)"),
    "tanh": ("tanh(z)", "1 − v²"),
    "relu": ("max(0, z)", "1 where z > 0, else 0"),
    "leaky_relu": ("z where z > 0, else 0.01 z", "1 where z > 0, else 0.01"),
    "elu": ("z where z > 0, else exp(z) − 1", "1 where z > 0, else v + 1"),
    "selu": (
        "1.0507 (z where z > 0, else 1.6733 (exp(z) − 1))",
        "1.0507 where z > 0, else v + 1.7581",
    ),
    "gelu": (
        "z g(z), g(z) = (1 + tanh(√(2/π) (z + 0.044715 z³)))/2",
        "g + 2 √(2/π) z g (1 − g) (1 + 0.134145 z²)",
    ),
    "silu": ("z s(z), s(z) = 1/(1 + exp(−z))", "s (1 + z − v)"),
    "mish": ("z t(z), t(z) = tanh(log(1 + exp(z)))", "t + z (1 − t²)/(1 + exp(−z))"),
    "softplus": ("log(1 + exp(z))", "1/(1 + exp(−z))"),
    "softmax": ("exp(z_k)/Σ_j exp(z_j)", "∂ŷ_j/∂z_k = ŷ_j ([j = k] − ŷ_k)"),
}

Chain = list[dict[str, str | bool]]


def loss(name: str, n_outputs: int, penalty: bool) -> str:
    """Return L of one example; `penalty` adds the term of `optimizer.l2`."""
    e = "ŷ − y" if n_outputs == 1 else "ŷ_k − y_k"
    mean = "" if n_outputs == 1 else f"1/{n_outputs} Σ_k "
    text = {
        "mse": f"{mean}({e})²",
        "mae": f"{mean}|{e}|",
        "huber": f"{mean}h({e}), h(e) = e²/2 where |e| ≤ 1, else |e| − 1/2",
        "binary_cross_entropy": "−[y log ŷ + (1 − y) log(1 − ŷ)]",
        "cross_entropy": "−Σ_k y_k log ŷ_k",
    }[name]
    return f"ℓ + (l2/2) Σ_l ‖W[l]‖², ℓ = {text}" if penalty else text


def loss_derivative(name: str, n_outputs: int) -> str:
    """Return ∂L/∂ŷ of a loss of the residual ŷ − y."""
    text = {"mse": "2 (ŷ − y)", "mae": "sign(ŷ − y)", "huber": "ŷ − y, cut to −1 … 1"}[name]
    return text if n_outputs == 1 else f"{text}, over {n_outputs}"


def last_delta(loss: str, activation: str, n_layers: int) -> tuple[str, str]:
    """Return the formula of delta[L], and the rule that gave it in words."""
    if loss not in RESIDUAL_LOSSES:
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
