"""The multilayer perceptron: forward and backward, examples as columns.

The book counts layers from 1 and calls the input layer 0. For layer l of D[l] units and N examples:

    z[l] = W[l] a[l-1] + b[l]                     (D[l], N) = (D[l], D[l-1]) (D[l-1], N) + (D[l], 1)
    a[l] = f(z[l]),  a[0] = phi(x)                (D[l], N), the lecture's v[l]
    delta[l] = dL/dz[l]                           (D[l], N), the mean's 1/N is in it
    BP1  delta[L] = dl/dy_hat f'(z[L]) / N        (K, N), for each loss in losses.py
    BP2  delta[l-1] = (W[l]^T delta[l]) f'(z[l-1])                     f' element by element
    BP3  dL/db[l] = sum of delta[l] over the N    (D[l],)
    BP4  dL/dW[l] = delta[l] a[l-1]^T             (D[l], D[l-1]) = (D[l], N) (N, D[l-1])

Source: Nielsen, Neural Networks and Deep Learning, 2015; Rumelhart, Hinton, Williams 1986. The
same in plain lines is textbook.py; s, where a network has one, is in input_scale.py. Python lists
count from 0: `W[i]`, `z[i]`, `delta[i]` with i = 0 belong to the book's layer 1, whose output is
a[1].

The bias is the weight of an input that is always 1: `Wb[i]` is [W[i] | b[i]], of shape (D_out,
D_in + 1), and a[i] carries a last row of ones, so that one product gives W a + b and another
gives dW and db together. In all arrays of a step the last two axes are (units, examples).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.architecture import Architecture, Parameters
from nnfit.nn.arrays import Array, total
from nnfit.nn.initializers import draw_weights
from nnfit.nn.input_scale import d_scale_inputs, scale_inputs
from nnfit.nn.losses import Share, make_head
from nnfit.nn.names import ACTIVATIONS as ACTIVATION_NAMES

SMALL_PRODUCT = 50_000  # multiplications


def product_of(shape: tuple[int, ...], n_rows: int) -> Callable[..., Array]:
    """Return what multiplies [W | b] of `shape` by n_rows columns, and such arrays backward.

    np.dot begins sooner; on larger arrays np.matmul finds the better kernels, and on stacks of
    matrices it alone multiplies each.
    """
    small = len(shape) == 2 and math.prod(shape) * n_rows < SMALL_PRODUCT
    return np.dot if small else np.matmul


class Workspace:
    """The arrays of one step with `n_rows` examples, allocated once and used again.

    The examples are columns: a[0] (D + 1, N), the last row ones, and `Y` (K, N). They are the
    caller's own after `take`, and copies in arrays of the workspace's own after `load`; row by
    row in memory either way. `masks` are dropout's, 0 or 1/(1 - p), made from uniform `draws`;
    each pass is told whether to use them.

    If `forward_only`, layers of one width share their arrays, so that these stay in the cache: only
    those of the last layer that was worked out are left.
    """

    def __init__(self, network: Network, n_rows: int, *, forward_only: bool = False) -> None:
        p, dtype, ones = network.parameters, network.dtype, int(network.architecture.bias)
        members, widths = p.flat.shape[:-1], [W.shape[-2] for W in p.W]
        self.n_rows = n_rows

        def arrays(make: Callable[..., Array], widths: list[int]) -> list[Array]:
            make = cache(make) if forward_only else make
            return [make((*members, n, n_rows), dtype) for n in widths]

        self.z, self.delta = arrays(np.empty, widths), arrays(np.empty, widths)
        self.slope = arrays(np.empty, widths[:-1])
        inputs: Array = np.ones((*members, n_rows, p.Wb[0].shape[-1]), dtype)
        self._own: tuple[Array, Array] = inputs, np.empty((*members, n_rows, widths[-1]), dtype)
        self.a = [inputs.swapaxes(-1, -2)]
        self.a += arrays(np.ones, [n + ones for n in widths[:-1]])
        self.aT = [a.swapaxes(-1, -2) for a in self.a]
        self.units = [a[..., :n, :] for a, n in zip(self.a[1:], widths[:-1], strict=True)]
        self.active = self.units
        if network.architecture.dropout:
            self.active = arrays(np.empty, widths[:-1])  # before the mask
        self.scaled = np.empty_like(p.Wb[0] if p.s else p.Wb[0][..., :0])  # layer 1's [W s | b]
        self.masks: list[Array] = []
        self.draws: list[Array] = []
        self.products = [product_of(Wb.shape, n_rows) for Wb in p.Wb]
        self.take(*self._own)

    def take(self, rows: Array, Y: Array | None = None) -> None:
        """Work on examples (N, D + 1), ones in the last column, and targets (N, K), uncopied."""
        self.a[0], self.aT[0] = rows.swapaxes(-1, -2), rows
        self.Y = (self._own[1] if Y is None else Y).swapaxes(-1, -2)

    def load(self, X: Array, Y: Array | None = None, places: Array | None = None) -> None:
        """Copy examples (N, D) and targets (N, K) to `places` (N,), or the first; take those."""
        for own, given in zip(self._own, (X, Y), strict=True):
            if given is not None:
                n_rows, n_columns = given.shape[-2:]
                own[..., slice(n_rows) if places is None else places, :n_columns] = given
        self.take(*self._own)


class Network:
    """An architecture with its parameters, their gradient and the two passes.

    Parameters
    ----------
    architecture : Architecture
    dtype : numpy dtype
        float32 or float64; complex128 for the complex-step check.
    flat : ndarray of shape (P,) or (members, P), optional
        Its parameters, uncopied; those of several members are as many networks, worked out
        together, of which none knows of the others. Without it, one network's zeros.
    """

    def __init__(
        self, architecture: Architecture, dtype: Any = np.float64, flat: Array | None = None
    ) -> None:
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        layout = architecture.layout
        if flat is None:
            flat = np.zeros(layout.size, self.dtype)
        self.parameters = Parameters(layout, flat)
        self.gradient = Parameters(layout, np.zeros(flat.shape, self.dtype))
        self.is_weight = layout.decaying(self.dtype)  # 1 on W, 0 on b: no penalty on biases
        self.head = make_head(
            architecture.loss, architecture.output_activation, architecture.quantiles
        )
        self.hidden = [ACTIVATIONS[name] for name in architecture.activations]
        # a product with one inner index: broadcasting is faster than gemm
        self._down = [np.multiply if n == 1 else np.matmul for n in architecture.sizes[1:]]
        self._penalised = np.empty_like(flat[..., : layout.size if architecture.l2 else 0])
        self._workspaces: dict[int, Workspace] = {}

    @classmethod
    def of_zeros(cls, architecture: Architecture, dtype: Any, members: int) -> Network:
        """Return so many members, or with 1 a single network, whose parameters are all 0."""
        lead = (members,) if members > 1 else ()
        return cls(architecture, dtype, np.zeros((*lead, architecture.n_parameters), dtype))

    @property
    def members(self) -> int:
        """How many networks it is."""
        return self.parameters.flat.size // self.architecture.n_parameters

    def member(self, which: int | slice) -> Network:
        """Return one member, from 0, or some as a network whose parameters lie in the same memory.

        It has a gradient and workspaces of its own.
        """
        each = self.parameters.flat.reshape(-1, self.architecture.n_parameters)
        return type(self)(self.architecture, self.dtype, each[which])

    def initialize(
        self,
        initialization: str,
        rng: np.random.Generator,
        *,
        output: str = "auto",
        bias: str = "zeros",
    ) -> None:
        """Draw W, set b to 0 and s to 1.

        `auto` takes each layer's W from the activation it feeds. With `output` zeros the last W is
        0; with `bias` normal each b of a hidden layer is drawn from N(0, 1), after every W.
        """
        suited = [ACTIVATION_NAMES[f].initialization for f in self.architecture.activations]
        p = self.parameters
        p.flat.fill(0.0)
        for s in p.s:
            s.fill(1.0)
        for W, own in zip(p.W, [*suited, "glorot"], strict=True):
            W[...] = draw_weights(W.shape, own if initialization == "auto" else initialization, rng)
        if output == "zeros":
            p.W[-1].fill(0.0)
        for b in p.b[:-1] if bias == "normal" else ():
            b[...] = rng.normal(size=b.shape)

    def workspace(self, n_rows: int) -> Workspace:
        """Return the arrays for steps of `n_rows` examples, the same ones at every call."""
        ws = self._workspaces.get(n_rows)
        if ws is None:
            ws = self._workspaces[n_rows] = Workspace(self, n_rows)
        return ws

    def draw_dropout(self, ws: Workspace, *streams: np.random.Generator) -> None:
        """Draw new masks: each hidden unit of each row is kept with probability 1 - p.

        Each member's are drawn from a stream of its own.
        """
        p = self.architecture.dropout
        if not ws.masks:
            ws.masks = [np.empty_like(z) for z in ws.z[:-1]]
            ws.draws = [np.empty(z.shape, np.float32) for z in ws.z[:-1]]
        for mask, draws in zip(ws.masks, ws.draws, strict=True):
            for rng, own in zip(streams, draws.reshape(-1, *draws.shape[-2:]), strict=True):
                rng.random(dtype=np.float32, out=own)
            np.greater_equal(draws, p, out=mask)
            mask *= 1.0 / (1.0 - p)

    def forward(self, ws: Workspace, dropout: bool = False, layers: int | None = None) -> Array:
        """Run the layers, or so many, on `ws.a[0]` and return `ws.z[-1]`: logits z[L] (K, N)."""
        p = self.parameters
        for i, Wb in enumerate(p.Wb[:layers]):
            if i == 0 and p.s:
                Wb = scale_inputs(Wb, p.s[0], ws.scaled)
            ws.products[i](Wb, ws.a[i], out=ws.z[i])  # (D_out, D_in+1) @ (D_in+1, N)
            if i < len(self.hidden):
                self.hidden[i].f(ws.z[i], ws.active[i], ws.slope[i])
                if self.architecture.dropout:
                    np.multiply(ws.active[i], ws.masks[i] if dropout else 1.0, out=ws.units[i])
        return ws.z[-1]

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        """Walk from delta[L] down; each delta is computed once and used for dW, db and below."""
        p = self.parameters
        for i in reversed(range(len(ws.z))):
            ws.products[i](ws.delta[i], ws.aT[i], out=self.gradient.Wb[i])  # BP4 | BP3
            if i > 0:
                delta, slope = ws.delta[i - 1], ws.slope[i - 1]
                self._hand_down(ws.delta[i], i, delta)
                if dropout:
                    delta *= ws.masks[i - 1]
                self.hidden[i - 1].df(ws.z[i - 1], ws.active[i - 1], slope)
                delta *= slope  # BP2 (D_in, N)
        if p.s:
            d_scale_inputs(p.W[0], p.s[0], self.gradient.W[0], self.gradient.s[0], ws.scaled)

    def _hand_down(self, delta: Array, i: int, out: Array) -> None:
        """Write dL/da[i] = W[i]^T delta[i]."""
        self._down[i](self.parameters.WT[i], delta, out=out)

    def loss(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
        """Return the mean loss of the examples in `ws`, without the penalty.

        Parameters
        ----------
        ws : Workspace
            With the examples taken or loaded.
        share : ndarray of shape (N,) or float
            Each row's part of the mean: s / sum(s), or 1/N.
        dropout : bool
            Apply the masks of `draw_dropout`.
        """
        return (self.head.losses(self.forward(ws, dropout), ws.Y) * share).sum(axis=-1)

    def differentiate(self, ws: Workspace, share: Share, dropout: bool = False) -> Array:
        """Fill `gradient` with that of the loss, and return the logits (K, N).

        The loss itself is not needed for its gradient; `head.losses` gives it from the logits.
        """
        z = self.forward(ws, dropout)
        self.head.delta(z, ws.Y, share, ws.delta[-1])  # BP1 (K, N)
        self.backward(ws, dropout)
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
        return (self.head.losses(z, ws.Y) * share).sum(axis=-1)

    def penalty(self) -> Any:
        """Return (l2/2) * sum of the squared weights, biases left out."""
        if not self.architecture.l2:
            return self.dtype.type(0.0)
        penalised = self.is_weight * self.parameters.flat
        return 0.5 * self.architecture.l2 * total(penalised, penalised)

    def reported_penalty(self) -> float | None:
        """Return the penalty beside a reported loss, of members the mean; None without one."""
        return float(self.penalty()) / self.members if self.architecture.l2 else None

    def input_gradient(self, ws: Workspace) -> Array:
        """Return dL/da[0] of shape (D, N) after `loss_and_gradient`."""
        WT = self.parameters.WT[0]
        out: Array = np.empty((*WT.shape[:-1], ws.n_rows), self.dtype)
        self._hand_down(ws.delta[0], 0, out)
        for s in self.parameters.s:
            out *= s[..., None]
        return out
