"""What a network is made of: its architecture, without a number, and its parameters as arrays."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

from nnfit.nn.arrays import Array
from nnfit.nn.layout import Layout, affine_layers
from nnfit.nn.names import LOSSES, QUANTILES, outputs_of_target


@dataclass(frozen=True)
class Architecture:
    """What is needed to build a network, without its numbers.

    `sizes` are the widths (inputs, hidden ..., outputs); `activations` has one name for each
    hidden layer; `dropout` is the share of hidden units left out of a training step; `l2` is the
    factor of the penalty (l2/2) * sum ||W||^2; `input_scale` says whether it has the scale s.
    `quantiles` are those of the loss of that name, ascending; other losses have none.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    _: KW_ONLY
    output_activation: str = "auto"
    bias: bool = True
    dropout: float = 0.0
    l2: float = 0.0
    input_scale: bool = False
    quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.activations) != len(self.sizes) - 2:
            raise ValueError(
                f"activations has {len(self.activations)} names, sizes has "
                f"{len(self.sizes) - 2} hidden layers"
            )
        if self.output_activation == "auto":
            own = LOSSES[self.loss].output_activation
            object.__setattr__(self, "output_activation", own)
        if self.loss == "quantile":
            object.__setattr__(self, "quantiles", self.quantiles or QUANTILES)
        if self.sizes[-1] % (each := self.outputs_of_target):
            raise ValueError(f"{self.loss} has {each} outputs of a target, got {self.sizes[-1]}")

    @cached_property
    def layout(self) -> Layout:
        """Where its weights and biases lie in the flat vector of all parameters."""
        return affine_layers(self.sizes, self.bias, scale=self.input_scale)

    @cached_property
    def n_parameters(self) -> int:
        return self.layout.size

    @property
    def outputs_of_target(self) -> int:
        """How many outputs there are of each quantity."""
        return outputs_of_target(self.loss, self.quantiles)

    @property
    def every_activation(self) -> tuple[str, ...]:
        """That of each layer: the hidden ones, then the output's."""
        return (*self.activations, self.output_activation)


class Parameters:
    """All weights and biases in one vector `flat` (P,), and views into it.

    `named` has them as W1, b1, W2, ...; `Wb`, `W` and `b` are lists by layer, `WT` W transposed.
    `s` has that of the first layer, or is []. Of vectors (..., P), members, the views have the same
    axes before their own.
    """

    def __init__(self, layout: Layout, flat: Array) -> None:
        self.layout, self.flat = layout, flat
        self.named = {block.name: block.of(flat) for block in layout.blocks}
        self.Wb = [layer.Wb.of(flat) for layer in layout.layers]
        self.W = [self.named[layer.W.name] for layer in layout.layers]
        self.b = [self.named[layer.b.name] for layer in layout.layers if layer.b]
        self.s = [self.named[layer.s.name] for layer in layout.layers if layer.s]
        self.WT = [W.swapaxes(-1, -2) for W in self.W]
