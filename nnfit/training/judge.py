"""How an epoch is judged: the loss and the metric of rows that the network only looks at."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.inference import logits, mixture, weighted_mean
from nnfit.nn.network import Network
from nnfit.training.examples import Examples, judged_rows
from nnfit.training.learners import Learners


class Figures(NamedTuple):
    """What an `EpochRecord` has of an epoch's judge: the loss is None without validation rows.

    A single network has no members; their metrics are there where they are asked for.
    """

    validation_loss: float | None
    metric: float
    member_losses: tuple[float, ...] = ()
    member_metrics: tuple[float, ...] = ()


class Judge:
    """Judges `network` on the validation rows, where there are any, else on training rows.

    The rows are from `network_rows`. `metric` turns y_hat (N, K) of the validation rows, or else
    of the `judged_rows` of those in training, into the figure shown beside the loss. Of several
    members the loss is their mean one, and the metric that of their mean; `member_metric`, where
    it is given, turns y_hat of one member and the places of its rows into a figure of its own.
    """

    def __init__(
        self,
        network: Network,
        train: Examples,
        validation: Examples | None,
        metric: Callable[[Array], float],
        member_metric: Callable[[Array, Any], float] | None = None,
    ) -> None:
        self.network, self.metric, self.member_metric = network, metric, member_metric
        self.validated = validation is not None
        self.rows = train[judged_rows(len(train))] if validation is None else validation

    def figures(self) -> Figures:
        """Return what the epoch is judged by.

        Where the loss is not finite, or without one a logit, the metric is not worked out: it is
        NaN.
        """
        head, z = self.network.head, self._logits()
        loss = None
        of_members: tuple[float, ...] = ()
        if self.validated:
            losses = head.losses(z, self.rows.Y.T)
            together = losses if losses.ndim == 1 else losses.mean(axis=0)
            loss = weighted_mean(together, self.rows.weights)
            of_members = self._of_members(losses)
            if not math.isfinite(loss):
                return Figures(loss, math.nan, of_members)
        elif not np.isfinite(z).all():
            return Figures(None, math.nan)
        y_hat: Array = np.empty(z.shape)
        head.predict(z.astype(np.float64), y_hat)
        metric = self.metric(mixture(head, y_hat).T)
        return Figures(loss, metric, of_members, self._metrics_of_members(y_hat))

    def _of_members(self, losses: Array) -> tuple[float, ...]:
        """Return the mean loss of each member, of losses (members, N)."""
        if losses.ndim == 1:
            return ()
        return tuple(weighted_mean(own, self.rows.weights) for own in losses)

    def _metrics_of_members(self, y_hat: Array) -> tuple[float, ...]:
        """Return the metric of each member, of y_hat (members, K, N), where it is asked for."""
        if self.member_metric is None or y_hat.ndim == 2:
            return ()
        return tuple(self.member_metric(own.T, slice(None)) for own in y_hat)

    def _logits(self) -> Array:
        """Return those of the rows to judge by: (K, N), or (members, K, N) of several members."""
        return logits(self.network, self.rows.X)


class FoldJudge(Judge):
    """Judges each member on the rows that it alone was not trained on, so that all rows judge.

    Parameters
    ----------
    learners : Learners
        Their threads are used.
    train : Examples
        All rows.
    folds : ndarray of shape (N,)
        The number, from 0, of the member that does not train on each row.
    """

    def __init__(
        self,
        network: Network,
        learners: Learners,
        train: Examples,
        folds: Array,
        metric: Callable[[Array], float],
        member_metric: Callable[[Array, Any], float] | None = None,
    ) -> None:
        super().__init__(network, train, train, metric, member_metric)
        self._learners = learners
        members = range(network.members)
        self._held_out = [np.flatnonzero(folds == i) for i in members]
        self._members = [network.member(i) for i in members]
        self._z = np.empty((train.Y.shape[1], len(train)), self.network.dtype)

    def _logits(self) -> Array:
        def judge(of: tuple[Network, Array]) -> None:
            member, rows = of
            self._z[:, rows] = logits(member, self.rows.X, rows)

        self._learners.map(judge, zip(self._members, self._held_out, strict=True))
        return self._z

    def _of_members(self, losses: Array) -> tuple[float, ...]:
        """Return the mean loss of each member over the rows that it is judged by."""
        s = self.rows.weights
        return tuple(
            weighted_mean(losses[rows], None if s is None else s[rows]) for rows in self._held_out
        )

    def _metrics_of_members(self, y_hat: Array) -> tuple[float, ...]:
        """Return the metric of each member over the rows that it is judged by, of y_hat (K, N)."""
        if self.member_metric is None:
            return ()
        return tuple(self.member_metric(y_hat[:, rows].T, rows) for rows in self._held_out)
