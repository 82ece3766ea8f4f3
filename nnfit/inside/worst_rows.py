"""The rows of any table that a network predicts worst: of each piece the best candidates are kept.

What memory holds is one piece and a few rows. A prediction's bits don't depend on the rows beside
it, so a CSV in blocks and a DataFrame in one have the same worst rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from nnfit.budget import INPUTS_AT_ONCE, block_widths, rows_at_once
from nnfit.errors import DataError, quoted
from nnfit.inside.sources import encoded
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import BLOCK_ROWS, bytes_per_row, predict
from nnfit.nn.network import Network, Workspace
from nnfit.table.labels import Unseen
from nnfit.table.rows import NamedRows
from nnfit.table.targets import rows_with_target
from nnfit.training.threads import blas_threads

# A delta that is so much smaller than the error has passed a slope like 1 - f^2 of a saturated
# unit, which has lost its digits.
FADED = 1e-6


def worst_rows(model: Model, pieces: Iterable[NamedRows], n: int) -> tuple[Array, Array]:
    """Return X (n, D) and Y (n, K) of the worst predicted rows, or of all if there are no more.

    Those rows come first whose error reaches every layer of the network: where a unit above is
    saturated or dead, a gradient is 0 whether it is right or wrong. They are in the table's order.
    Rows without a target, or of a class that training never saw, are left out, as in `evaluate`.

    Raises
    ------
    DataError
        When no row is left, or a cell can't be read.
    """
    network = Network(model.network.architecture, np.float64)
    np.copyto(network.parameters.flat, model.network.parameters.flat)
    sizes = network.architecture.sizes
    X, Y, ranks = np.empty((0, sizes[0])), np.empty((0, sizes[-1])), np.empty((3, 0))
    unseen: Unseen = Counter()
    for piece in pieces:
        rows = rows_with_target(piece, model.targets)
        if model.labels is not None:
            rows = model.labels.known(rows, unseen)
        at_once = rows_at_once(sizes[0], INPUTS_AT_ONCE)
        for start in range(0, len(rows), at_once):
            part = encoded(model, rows.between(start, start + at_once))
            with blas_threads(1):
                predicted = model.outcome.law.value(predict(model.network, part.X))
                errors = np.abs(predicted - model.outcome.law.value(part.Y)).max(axis=1)
                new = np.stack([errors, *_reached(network, part.X, part.Y, errors)])
            X, Y = np.concatenate([X, part.X]), np.concatenate([Y, part.Y])
            ranks = np.concatenate([ranks, new], axis=1)
            kept = np.sort(np.lexsort(-ranks)[:n])  # the last key is the first; ties keep order
            X, Y, ranks = X[kept], Y[kept], ranks[:, kept]
    if not len(X) and model.labels is not None and unseen:
        raise model.labels.none_known(piece.name, unseen)
    if not len(X):
        raise DataError(f"{piece.name}: target {quoted(model.targets)}: no row has a value")
    return X, Y


def _reached(network: Network, X: Array, Y: Array, errors: Array) -> tuple[Array, Array]:
    """Return how many layers each row's error reaches: at all (N,), and not faded (N,)."""
    per_row = bytes_per_row(network.architecture, network.dtype)
    (width,) = block_widths(per_row, (BLOCK_ROWS,))
    ws = Workspace(network, width)
    at_all, well = np.zeros(len(X)), np.zeros(len(X))
    for start in range(0, len(X), width):
        block = slice(start, start + width)
        ws.load(X[block], Y[block])
        with np.errstate(all="ignore"):
            network.differentiate(ws, 1.0)
        for delta in ws.delta:
            size = np.abs(delta).max(axis=0)[: len(errors[block])]
            at_all[block] += size > 0.0
            well[block] += size > FADED * errors[block]
    return at_all, well
