"""The compiled passes in the place of `Network`'s own: for shards and for gradient checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnfit.compiled import kernel
from nnfit.compiled.plans import DELTA, N_OUT, Memory, Rows, Z, plan_of
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.losses import Share
from nnfit.nn.network import Network, Workspace


class CompiledWorkspace(Workspace):
    """A workspace whose z and deltas lie where the kernel works on them, in `work`.

    Where the slope needs no z, the kernel has written v over it; the sign is the same.
    """

    def __init__(self, network: CompiledNetwork, n_rows: int) -> None:
        super().__init__(network, n_rows, forward_only=True)  # most of those are not used
        members, layers = network.parameters.flat.shape[:-1], network.plan.layers
        self.work = np.zeros((*members, network.n_units * n_rows), network.dtype)

        def units(layer: Array, column: int) -> Array:
            first, n = layer[column] * n_rows, layer[N_OUT] * n_rows
            return self.work[..., first : first + n].reshape(*members, -1, n_rows)

        self.z = [units(layer, Z) for layer in layers]
        self.delta = [units(layer, DELTA) for layer in layers]


class CompiledNetwork(Network):
    """A `Network` whose passes run in the kernel, in complex128 too; losses are NumPy's."""

    def __init__(
        self, architecture: Architecture, dtype: Any = np.float64, flat: Array | None = None
    ) -> None:
        super().__init__(architecture, dtype, flat)
        self.plan, self.n_units = plan_of(architecture, self.dtype)

    def workspace(self, n_rows: int) -> CompiledWorkspace:
        """Return the arrays for steps of `n_rows` examples, the same ones at every call."""
        ws = self._workspaces.get(n_rows)
        if not isinstance(ws, CompiledWorkspace):
            ws = self._workspaces[n_rows] = CompiledWorkspace(self, n_rows)
        return ws

    def forward(self, ws: Workspace, dropout: bool = False, layers: int | None = None) -> Array:
        """Run the layers on `ws.a[0]` and return the logits z[L], shape (K, N)."""
        assert layers is None, "the kernel runs them all"
        for memory, rows in self._each(ws, dropout):
            kernel.forward(self.plan, memory, rows.X, rows.draws)
        return ws.z[-1]

    def differentiate(self, ws: Workspace, share: Share, dropout: bool = False) -> Array:
        """Fill `gradient` with that of the loss, and return the logits (K, N)."""
        z = self.forward(ws, dropout)
        given = isinstance(share, np.ndarray)
        shares = np.asarray(share if given else [], self.dtype)
        for i, (memory, rows) in enumerate(self._each(ws, dropout)):
            own = z.reshape(-1, *z.shape[-2:])[i]
            kernel.delta_of_head(
                self.plan, memory.work, own, rows.Y, shares, 1.0 if given else float(share)
            )
        self.backward(ws, dropout)
        return z

    def backward(self, ws: Workspace, dropout: bool = False) -> None:
        """Walk from delta[L] down; each delta is computed once and used for dW, db and below."""
        for memory, rows in self._each(ws, dropout):
            kernel.backward(self.plan, memory, rows.X, rows.draws)

    def _each(self, ws: Workspace, dropout: bool) -> Iterator[tuple[Memory, Rows]]:
        """Yield what the kernel takes, for one member after the other."""
        assert isinstance(ws, CompiledWorkspace)
        none: Array = np.empty(0, self.dtype)
        X, Y, flat = ws.aT[0], ws.Y.swapaxes(-1, -2), self.parameters.flat
        X = np.broadcast_to(X, (*flat.shape[:-1], *X.shape[-2:]))  # judged rows are all members'
        for i in range(self.members):
            of: Any = i if flat.ndim > 1 else ()
            draws = [d[of].reshape(-1) for d in ws.draws] if dropout else [np.empty(0, np.float32)]
            memory = Memory(
                flat[of], self.gradient.flat[of], none, none, none, none, ws.work[of], ws.scaled[of]
            )
            rows = np.ascontiguousarray(X[of])  # of judged rows every so many
            yield memory, Rows(rows, Y[of], none, np.concatenate(draws), none.reshape(0, 0))
