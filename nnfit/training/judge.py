"""How an epoch is judged: the loss and the metric of rows that the network only looks at."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.inference import logits, weighted_mean
from nnfit.nn.network import Network
from nnfit.training.examples import Examples, judged_rows


class Judge:
    """Judges `network` on the validation rows, where there are any, else on training rows.

    The rows are from `network_rows`. `metric` turns y_hat (N, K) of the validation rows, or else
    of the `judged_rows` of those in training, into the figure shown beside the loss.
    """

    def __init__(
        self,
        network: Network,
        train: Examples,
        validation: Examples | None,
        metric: Callable[[Array], float],
    ) -> None:
        self.network, self.validation, self.metric = network, validation, metric
        self._rows = train[judged_rows(len(train))] if validation is None else validation

    def figures(self) -> tuple[float | None, float]:
        """Return the validation loss, None without such rows, and the metric.

        Where the loss is not finite, or without one a logit, the metric is not worked out: it is
        NaN.
        """
        rows, head = self._rows, self.network.head
        z = logits(self.network, rows.X)
        loss = None
        if self.validation is not None:
            loss = weighted_mean(head.losses(z, rows.Y.T), rows.weights)
            if not math.isfinite(loss):
                return loss, math.nan
        elif not np.isfinite(z).all():
            return None, math.nan
        y_hat: Array = np.empty(z.shape)
        head.predict(z.astype(np.float64), y_hat)
        return loss, self.metric(y_hat.T)
