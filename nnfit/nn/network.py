"""The multilayer perceptron: forward and backward, examples as columns.

The book counts layers from 1 and calls the input layer 0; Python lists count from 0. So here
a[0] is phi(x), and `W[i]`, `z[i]`, `delta[i]` with i = 0 belong to the book's layer 1, whose
output is a[1]. Source: Nielsen, Neural Networks and Deep Learning, 2015, equations BP1 to BP4;
Rumelhart, Hinton, Williams 1986.

The bias is the weight of an input that is always 1: `Wb[i]` is [W[i] | b[i]], of shape (D_out,
D_in + 1), and a[i] carries a last row of ones, so that one product gives W a + b and another
gives dW and db together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import Array, total
from nnfit.nn.initializers import initialize
from nnfit.nn.losses import Share, make_head
from nnfit.nn.names import LOSSES

SMALL_PRODUCT = 50_000  # multiplications


@dataclass(frozen=True)
class Architecture:
    """What is needed to build a network, without its numbers.

    `sizes` are the widths (inputs, hidden ..., outputs); `activations` has one name for each
    hidden layer; `dropout` is the share of hidden units left out of a training step; `l2` is the
    factor of the penalty (l2/2) * sum ||W||^2.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    output_activation: str = "auto"
    bias: bool = True
    dropout: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        if len(self.activations) != len(self.sizes) - 2:
            raise ValueError(
                f"activations has {len(self.activations)} names, sizes has "
                f"{len(self.sizes) - 2} hidden layers"
            )
        if self.output_activation == "auto":
            own = LOSSES[self.loss].output_activation
            object.__setattr__(self, "output_activation", own)

    @property
    def n_parameters(self) -> int:
        pairs = zip(self.sizes[1:], self.sizes, strict=False)
        return sum(n_out * (n_in + self.bias) for n_out, n_in in pairs)


class Parameters:
    """All weights and biases in one flat vector; `Wb`, `W`, `b` are views into it."""

    def __init__(self, sizes: Sequence[int], bias: bool, dtype: Any) -> None:
        shapes = [(n_out, n_in + bias) for n_out, n_in in zip(sizes[1:], sizes, strict=False)]
        ends = np.cumsum([rows * columns for rows, columns in shapes])
        self.flat: Array = np.zeros(int(ends[-1]), dtype)
        parts = np.split(self.flat, ends[:-1])
        self.Wb = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        self.W = [Wb[:, :n_in] for Wb, n_in in zip(self.Wb, sizes, strict=False)]
        self.b = [Wb[:, -1] for Wb in self.Wb] if bias else []


def product_of(n_out: int, n_in: int, n_rows: int) -> Callable[..., Array]:
    """Return what multiplies (n_out, n_in) by (n_in, n_rows), and arrays of such sizes backward.

    np.dot begins sooner; on larger arrays np.matmul finds the better kernels.
    """
    return np.dot if n_out * n_in * n_rows < SMALL_PRODUCT else np.matmul


class Workspace:
    """The arrays of one step with `n_rows` examples, allocated once and used again.

    `rows` (N, D + 1) takes the examples row by row, ones in its last column; a[0] is its
    transpose. `keep` are the dropout masks, 0 or 1/(1 - p), made from uniform `draws`.
    """

    def __init__(self, network: Network, n_rows: int) -> None:
        sizes, dtype = network.architecture.sizes, network.dtype
        ones = int(network.architecture.bias)
        self.n_rows = n_rows
        self.rows: Array = np.ones((n_rows, sizes[0] + ones), dtype)
        self.Y: Array = np.empty((n_rows, sizes[-1]), dtype)
        self.z = [np.empty((n, n_rows), dtype) for n in sizes[1:]]
        self.a = [self.rows.T, *(np.ones((n + ones, n_rows), dtype) for n in sizes[1:-1])]
        self.delta = [np.empty_like(z) for z in self.z]
        self.slope = [np.empty_like(z) for z in self.z[:-1]]
        self.products = [
            product_of(n_out, n_in + ones, n_rows)
            for n_in, n_out in zip(sizes, sizes[1:], strict=False)
        ]
        self.keep: list[Array] = []
        self.draws: list[Array] = []
        self.active = [a[:n] for a, n in zip(self.a[1:], sizes[1:-1], strict=True)]
        if network.architecture.dropout:
            self.active = [np.empty_like(z) for z in self.z[:-1]]  # before the mask

    def show(self, rows: Array, Y: Array) -> None:
        """Take examples (N, D + 1) and targets (N, K) without copying them."""
        self.a[0], self.Y = rows.T, Y


class Network:
    """An architecture with its parameters, their gradient and the two passes.

    Parameters
    ----------
    architecture : Architecture
    dtype : numpy dtype
        float32 or float64; complex128 for the complex-step check.
    """

    def __init__(self, architecture: Architecture, dtype: Any = np.float64) -> None:
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        sizes, bias = architecture.sizes, architecture.bias
        self.parameters = Parameters(sizes, bias, self.dtype)
        self.gradient = Parameters(sizes, bias, self.dtype)
        marks = Parameters(sizes, bias, self.dtype)
        for W in marks.W:
            W.fill(1.0)
        self.is_weight = marks.flat  # 1 on W, 0 on b: penalties leave biases alone
        self.head = make_head(architecture.loss, architecture.output_activation)
        self.hidden = [ACTIVATIONS[name] for name in architecture.activations]
        self._penalised: Array = np.empty_like(marks.flat if architecture.l2 else marks.flat[:0])
        self._workspaces: dict[int, Workspace] = {}

    def initialize(self, initialization: str, rng: np.random.Generator) -> None:
        """Draw W and set b to 0; `auto` takes each layer's from the activation it feeds."""
        names = [f.initialization for f in self.hidden] + ["glorot"]
        if initialization != "auto":
            names = [initialization] * len(names)
        self.parameters.flat.fill(0.0)
        initialize(self.parameters.W, names, rng)

    def workspace(self, n_rows: int) -> Workspace:
        """Return the arrays for steps of `n_rows` examples, the same ones at every call."""
        ws = self._workspaces.get(n_rows)
        if ws is None:
            ws = self._workspaces[n_rows] = Workspace(self, n_rows)
        return ws

    def draw_dropout(self, ws: Workspace, rng: np.random.Generator) -> None:
        """Draw new masks: each hidden unit of each row is kept with probability 1 - p."""
        p = self.architecture.dropout
        if not ws.keep:
            ws.keep = [np.empty_like(z) for z in ws.z[:-1]]
            ws.draws = [np.empty(z.shape, np.float32) for z in ws.z[:-1]]
        for keep, draws in zip(ws.keep, ws.draws, strict=True):
            rng.random(dtype=np.float32, out=draws)
            np.greater_equal(draws, p, out=keep)
            keep *= 1.0 / (1.0 - p)

    def forward(self, ws: Workspace, dropout: bool = False) -> Array:
        """Run the layers on `ws.a[0]` and return the logits z[L], shape (K, N)."""
        for i, Wb in enumerate(self.parameters.Wb):
            ws.products[i](Wb, ws.a[i], out=ws.z[i])  # (D_out, D_in+1) @ (D_in+1, N)
            if i < len(self.hidden):
                self.hidden[i].f(ws.z[i], ws.active[i], ws.slope[i])
                if self.architecture.dropout:
                    scale = ws.keep[i] if dropout else 1.0
                    np.multiply(ws.active[i], scale, out=ws.a[i + 1][: len(ws.z[i])])
        return ws.z[-1]

    def backward(self, ws: Workspace) -> None:
        """Walk from delta[L] down; each delta is computed once and used for dW, db and below."""
        for i in reversed(range(len(ws.z))):
            ws.products[i](ws.delta[i], ws.a[i].T, out=self.gradient.Wb[i])  # BP4 | BP3
            if i > 0:
                self._hand_down(ws.delta[i], i, ws.delta[i - 1])
                if ws.keep:
                    ws.delta[i - 1] *= ws.keep[i - 1]
                self.hidden[i - 1].df(ws.z[i - 1], ws.active[i - 1], ws.slope[i - 1])
                ws.delta[i - 1] *= ws.slope[i - 1]  # BP2 (D_in, N)

    def _hand_down(self, delta: Array, i: int, out: Array) -> None:
        """Write dL/da[i] = W[i]^T delta[i]."""
        W = self.parameters.W[i]
        if len(W) == 1:  # a product with one inner index: broadcasting is faster than gemm
            np.multiply(W.T, delta, out=out)
        else:
            np.matmul(W.T, delta, out=out)

    def loss(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        """Return the mean loss of the examples in `ws`, without the penalty.

        Parameters
        ----------
        ws : Workspace
            Its `rows` and `Y` hold the examples.
        share : ndarray of shape (N,) or float
            Each row's part of the mean: s / sum(s), or 1/N.
        dropout : bool
            Apply the masks of `draw_dropout`.
        """
        return (self.head.losses(self.forward(ws, dropout), ws.Y.T) * share).sum()

    def differentiate(self, ws: Workspace, share: Share, dropout: bool = False) -> Array:
        """Fill `gradient` with that of the loss, and return the logits (K, N).

        The loss itself is not needed for its gradient; `head.losses` gives it from the logits.
        """
        if not dropout:
            ws.keep = []
        z = self.forward(ws, dropout)
        self.head.delta(z, ws.Y.T, share, ws.delta[-1])
        self.backward(ws)
        return z

    def add_penalty(self) -> None:
        """Add the derivative of the penalty, l2 W, to `gradient`."""
        if self.architecture.l2:
            np.multiply(self.is_weight, self.parameters.flat, out=self._penalised)
            self._penalised *= self.architecture.l2
            self.gradient.flat += self._penalised

    def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        """Return the mean loss without the penalty; `gradient` is that of loss + penalty."""
        z = self.differentiate(ws, share, dropout)
        self.add_penalty()
        return (self.head.losses(z, ws.Y.T) * share).sum()

    def penalty(self) -> Any:
        """Return (l2/2) * sum of the squared weights, biases left out."""
        penalised = self.is_weight * self.parameters.flat
        return 0.5 * self.architecture.l2 * total(penalised, penalised)

    def input_gradient(self, ws: Workspace) -> Array:
        """Return dL/da[0] of shape (D, N) after `loss_and_gradient`."""
        out: Array = np.empty((self.architecture.sizes[0], ws.n_rows), self.dtype)
        self._hand_down(ws.delta[0], 0, out)
        return out
