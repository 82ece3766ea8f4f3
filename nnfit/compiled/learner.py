"""Who takes the steps in the compiled engine: a window of them in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnfit.compiled import kernel
from nnfit.compiled.plans import ADAM, MOMENTUM, RMSPROP, Memory, Rows, Rule, plan_of
from nnfit.nn.arrays import Array, negligible_moment
from nnfit.nn.network import Network
from nnfit.nn.optimizers import SGD, Adam, Optimizer, RMSprop
from nnfit.training.examples import Examples
from nnfit.training.gradients import Gradients

WORK_AT_ONCE = 2 * 10**8  # weights x rows between two looks at the clock: some 50 ms


class CompiledLearner:
    """A `Learner` of one network, which may be a member of a larger one.

    `optimizer` holds the moments; `dropout` draws the masks. `gradients`, where a batch is cut into
    shards, works out the gradient of each step, the penalty's included.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        dropout: np.random.Generator,
        *,
        gradients: Gradients | None = None,
    ) -> None:
        architecture, dtype = network.architecture, network.dtype
        self.optimizer, self._dropout, self._gradients = optimizer, dropout, gradients
        self._plan, self._n_units = plan_of(architecture, dtype)
        self._none: Array = np.empty(0, dtype)
        moments, rates = optimizer.state, optimizer.rates
        none, W1 = self._none, network.parameters.Wb[0]
        self._memory = Memory(
            flat=network.parameters.flat,
            gradient=(network if gradients is None else gradients.network).gradient.flat,
            M=moments.get("M", none),
            V=moments.get("V", moments.get("v", none)),
            is_weight=optimizer.is_weight,
            rates=none if rates is None else rates,
            work=none,
            scaled=np.empty(W1.shape if architecture.input_scale else (0, 0), dtype),
        )
        self._rule = _rule_of(optimizer, 0.0 if gradients else architecture.l2)
        self._logits = none

    def rows_at_once(self, batch: int) -> int:
        """Return how many rows are learned from between two looks at the clock."""
        return max(1, WORK_AT_ONCE // (self._memory.flat.size * batch)) * batch

    def learn(
        self, rows: Examples, logits: Array, alphas: Sequence[float], batch: int, norm: float | None
    ) -> None:
        """Take a step from each minibatch of the rows, at the learning rate that is its own.

        `norm` is the largest that a gradient may have. The logits (K, N) that each step saw are
        written.
        """
        rule = self._rule._replace(clip_norm=norm or 0.0)
        if self._gradients is not None:
            for k, alpha in enumerate(alphas):
                some = slice(k * batch, (k + 1) * batch)
                logits[..., some] = self._gradients.differentiate(rows[some])
                self.optimizer.t += 1
                kernel.update(self._memory, rule, self.optimizer.t, alpha)
            return
        X, Y, weights = rows.X, rows.Y, rows.weights
        needed = self._n_units * min(batch, len(X))
        if self._memory.work.size < needed:
            self._memory = self._memory._replace(work=np.empty(needed, X.dtype))
        if self._logits.size < logits.size:
            self._logits = np.empty(logits.size, X.dtype)
        seen = self._logits[: logits.size].reshape(logits.shape)
        kernel.take_steps(
            self._plan,
            self._memory,
            Rows(
                X=X,
                Y=Y,
                weights=self._none if weights is None else weights,
                draws=self._dropout.random(self._plan.masked * len(X), np.float32),
                logits=seen,
            ),
            rule,
            np.array(alphas, np.float64),
            batch,
            self.optimizer.t,
        )
        self.optimizer.t += len(alphas)
        logits[...] = seen


def _rule_of(optimizer: Optimizer, l2: float) -> Rule:
    """Return the numbers of an optimizer as the kernel takes them."""
    rule = Rule(
        code=MOMENTUM,
        beta1=0.0,
        beta2=0.0,
        eps=0.0,
        nesterov=False,
        weight_decay=float(optimizer.weight_decay),
        l2=float(l2),
        clip_norm=0.0,
        negligible=negligible_moment(optimizer.is_weight.dtype),
    )
    if isinstance(optimizer, Adam):
        beta1, beta2, eps = optimizer.beta1, optimizer.beta2, optimizer.eps
        return rule._replace(code=ADAM, beta1=beta1, beta2=beta2, eps=eps)
    if isinstance(optimizer, RMSprop):
        return rule._replace(code=RMSPROP, beta2=optimizer.decay, eps=optimizer.eps)
    assert isinstance(optimizer, SGD), optimizer
    return rule._replace(beta1=float(optimizer.momentum), nesterov=optimizer.nesterov)
