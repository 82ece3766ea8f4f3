"""The lecture's formulas as text: v[l] = σ(z[l]), the losses, and the chain rule through them.

Nothing is worked out here; `nnfit.nn` holds the same equations as code.
"""

from __future__ import annotations

from nnfit.nn.names import DISTRIBUTION_LOSSES, EVERY_OUTPUT, LOSSES, RESIDUAL_LOSSES
from nnfit.table.bins import Piece
from nnfit.table.scaling import QuantileScaler, Scaler

Chain = list[dict[str, str | bool]]


PENALTY = "(l2/2) Σ_l ‖W[l]‖²"
_NO_RESIDUAL = {
    "binary_cross_entropy": "−y/ŷ + (1 − y)/(1 − ŷ)",
    "cross_entropy": "−y/ŷ",
    "gaussian_nll": "(μ − y)/s² for μ, (1/s² − (y − μ)²/s⁴)/2 for s²",
    "quantile": "1 − τ where ŷ > y, −τ where ŷ < y, else 0",
    "poisson": "1 − y/ŷ",
}  # ∂L/∂ŷ
# delta[L] by way of ∂L/∂ŷ and the output's derivative, each equal to the next
_CANCELLED = {
    "binary_cross_entropy": [
        "(−y/ŷ + (1 − y)/(1 − ŷ)) · ŷ (1 − ŷ)", "−y (1 − ŷ) + (1 − y) ŷ", "ŷ − y",
    ],
    "poisson": ["(1 − y/ŷ) · ŷ", "ŷ − y"],
    "cross_entropy": ["Σ_j (−y_j/ŷ_j) ŷ_j ([j = k] − ŷ_k)", "−y_k + ŷ_k Σ_j y_j", "ŷ − y"],
}  # fmt: skip


def averaged(name: str, n_outputs: int) -> int:
    """Return how many figures the loss of one example is the mean of."""
    return {"cross_entropy": 1, "gaussian_nll": n_outputs // 2}.get(name, n_outputs)


def loss(name: str, n_outputs: int) -> str:
    """Return the loss of one example, without the penalty of `optimizer.l2`."""
    text, n = LOSSES[name].meaning.partition(";")[0], averaged(name, n_outputs)
    if name in RESIDUAL_LOSSES and n > 1:
        text = f"1/{n} Σ_k {text.replace('ŷ − y', 'ŷ_k − y_k')}"
    elif name in DISTRIBUTION_LOSSES and n > 1:
        text = f"the mean of {n}: {text}"
    return text


def loss_derivative(name: str, n_outputs: int) -> str:
    """Return ∂L/∂ŷ."""
    text, n = _NO_RESIDUAL.get(name) or LOSSES[name].derivative, averaged(name, n_outputs)
    return text if n == 1 else f"{text}, over {n}"


def output_slope(activation: str) -> str:
    """Return σ′ of the last layer, whose v is ŷ; of softmax its Jacobian."""
    return EVERY_OUTPUT[activation].slope.replace("v", "ŷ")


def last_delta(loss: str, activation: str, n_layers: int) -> tuple[list[str], str]:
    """Return delta[L] as formulas each equal to the next, and in words the rule that gave them."""
    if loss in _CANCELLED:
        return _CANCELLED[loss], f"{activation} with {loss}: the two factors together are ŷ − y"
    through = "from the loss through the output activation"
    if activation == "softmax":
        return ["ŷ ⊙ (∂L/∂ŷ − Σ_k ŷ_k ∂L/∂ŷ_k)"], f"{through}, softmax's Jacobian"
    return [f"∂L/∂ŷ ⊙ σ′(z[{n_layers}])"], f"{through}, {activation}"


def of_one(loss: str, y: float, y_hat: float, opposite: float, derivative: float) -> str:
    """Return ∂L/∂ŷ of one output in numbers, `opposite` is 1 − ŷ; "" of a loss without formula."""
    if loss == "mse":
        return f"2 ({y_hat:.4g} {_minus(y)}) = {derivative:.4g}"
    if loss == "poisson":
        return f"1 − {y:.4g}/{y_hat:.4g} = {derivative:.4g}"
    if loss != "binary_cross_entropy":
        return ""
    return f"−{y:.4g}/{y_hat:.4g} + {1.0 - y:.4g}/{opposite:.4g} = {derivative:.4g}"


def parameter(name: str) -> str:
    """Return how formulas write the parameters called `name`: W1 is W[1], s is s."""
    return name if name == "s" else f"{name[0]}[{name[1:]}]"


def layer_input(layer: int, scaled: bool) -> str:
    """Return what W of a layer multiplies; `scaled` says whether the network has s."""
    return "(s ⊙ v[0])" if scaled and layer == 1 else f"v[{layer - 1}]"


def scaled(scaler: Scaler | Piece, of: str) -> str:
    """Return what a scaler makes of a feature: `(x − 5.8)/0.8`."""
    if isinstance(scaler, Piece):
        return f"clip(({of} {_minus(scaler.low)})/{scaler.high - scaler.low:.4g}, 0, 1)"
    if isinstance(scaler, QuantileScaler):
        return f"normal score of {of} among {len(scaler.quantiles)} quantiles"
    text = of if scaler.shift == 0.0 else f"({of} {_minus(scaler.shift)})"
    if scaler.scale != 1.0:
        text += f"/{scaler.scale:.4g}"
    return f"s/√(1 + s²/9), s = {text}" if scaler.clip else text


def _minus(value: float) -> str:
    return f"− {value:.4g}" if value >= 0.0 else f"+ {-value:.4g}"


def chain(layer: int, n_layers: int, by: str) -> Chain:
    """Return the factors of ∂L/∂`by` in a layer; `by` is W, b, z, s, or v of the layer below.

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
        name = {"v": f"v[{layer - 1}]", "s": "s"}.get(by, f"{by}[{layer}]")
        terms.append({"term": f"∂z[{layer}]/∂{name}", "reused": False})
    return terms
