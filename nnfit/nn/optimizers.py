"""Update rules, in order of increasing complexity, each on one flat vector.

An optimizer holds its moments; `step` changes the parameters in place and uses the gradient's
memory as scratch. `weight_decay` is decoupled (Loshchilov & Hutter 2019): before the step, W
shrinks by the factor 1 - learning_rate * weight_decay; biases do not.

`rates` (P,) are factors of the learning rate, from `rates`; decay takes the plain one, since what
decays are weights, and an NTK weight W' and its W = W'/sqrt(n) shrink by one and the same factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nnfit.nn import names
from nnfit.nn.arrays import Array, negligible_moment, scalar

CHUNK_SIZE = 2**17  # parameters updated at a time: with their moments they fit the cache
SWEEP_STEPS = 128  # 0.9**128 is above float32's eps: until the next sweep none fades to below tiny
BETAS = (0.9, 0.999)  # Kingma & Ba 2015


class Optimizer:
    """What all rules share: decoupled weight decay, the moments by name, and the chunks.

    `t` and `state` are all that a step depends on beside its arguments: checkpoints keep them.
    Beyond CHUNK_SIZE the parameters are updated chunk by chunk, so that each stays in the cache
    while its formula is worked out.
    """

    moment_names: tuple[str, ...] = ()

    def __init__(
        self, is_weight: Array, weight_decay: float = 0.0, *, rates: Array | None = None
    ) -> None:
        self.weight_decay, self.rates, self.is_weight = weight_decay, rates, is_weight
        self.t = 0  # updates made
        self.state = {name: np.zeros_like(is_weight) for name in self.moment_names}
        starts = range(0, len(is_weight), CHUNK_SIZE)
        self._chunks = [slice(start, start + CHUNK_SIZE) for start in starts]
        self._moments = [[m[chunk] for m in self.state.values()] for chunk in self._chunks]
        self._scratch = np.empty_like(is_weight[:CHUNK_SIZE])
        # written anew at each step: one number, or one for each parameter
        self._rate: Array = np.zeros(() if rates is None else len(rates), is_weight.dtype)
        self._rate_of = [self._rate if rates is None else self._rate[c] for c in self._chunks]

    def step(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Update `parameters` in place; `gradient` is scratch afterwards."""
        self.t += 1
        self._begin(learning_rate)
        if self.weight_decay:
            self._decay(parameters, learning_rate)
        if len(self._chunks) == 1:
            self._update(parameters, gradient, self._moments[0], self._rate)
        else:
            each = zip(self._chunks, self._moments, self._rate_of, strict=True)
            for chunk, moments, rate in each:
                self._update(parameters[chunk], gradient[chunk], moments, rate)
        if self.t % SWEEP_STEPS == 0:
            self._sweep()

    def _sweep(self) -> None:
        """Set negligible moments to 0.

        Those of a unit without gradient fade for ever, since the least denormal number times 0.9
        is rounded to itself.
        """
        for moment in (m for moments in self._moments for m in moments):
            counts = self._scratch[: len(moment)]
            np.abs(moment, out=counts)
            np.greater_equal(counts, negligible_moment(counts.dtype), out=counts)
            moment *= counts

    def _begin(self, learning_rate: float) -> None:
        """Work out what is the same for all parameters of this step."""
        self._set_rate(learning_rate)

    def _set_rate(self, rate: float) -> None:
        if self.rates is None:
            self._rate[()] = rate
        else:
            np.multiply(self.rates, rate, out=self._rate)

    def _decay(self, parameters: Array, learning_rate: float) -> None:
        """Shrink W by the factor 1 - learning_rate * weight_decay."""
        for chunk in self._chunks:
            is_weight = self.is_weight[chunk]
            shrink = self._scratch[: len(is_weight)]
            np.multiply(is_weight, -learning_rate * self.weight_decay, out=shrink)
            shrink += 1.0
            parameters[chunk] *= shrink

    def _update(
        self, parameters: Array, gradient: Array, moments: Sequence[Array], rate: Array
    ) -> None:
        """Take the step on some parameters; `moments` are theirs, one for each name.

        `rate` is a number, or as long as they are.
        """
        raise NotImplementedError


class SGD(Optimizer):
    """W <- W - alpha * v with v = momentum * v + gradient (Polyak 1964).

    Nesterov's form (Sutskever et al. 2013) steps along momentum * v + gradient.
    """

    def __init__(
        self,
        is_weight: Array,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        rates: Array | None = None,
    ) -> None:
        self.moment_names = ("v",) if momentum else ()
        super().__init__(is_weight, weight_decay, rates=rates)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(
        self, parameters: Array, gradient: Array, moments: Sequence[Array], rate: Array
    ) -> None:
        if self.momentum:
            (v,) = moments
            v *= self.momentum
            v += gradient
            if self.nesterov:
                along = self._scratch[: len(v)]
                np.multiply(v, self.momentum, out=along)
                gradient += along
            else:
                np.copyto(gradient, v)
        gradient *= rate
        parameters -= gradient


class RMSprop(Optimizer):
    """W <- W - alpha * g / (sqrt(v) + eps), v the decaying mean of g^2 (Tieleman & Hinton 2012)."""

    moment_names = ("v",)

    def __init__(
        self,
        is_weight: Array,
        weight_decay: float = 0.0,
        decay: float = 0.99,
        eps: float = 1e-8,
        *,
        rates: Array | None = None,
    ) -> None:
        super().__init__(is_weight, weight_decay, rates=rates)
        self.decay, self.eps = decay, eps

    def _update(
        self, parameters: Array, gradient: Array, moments: Sequence[Array], rate: Array
    ) -> None:
        (v,) = moments
        root = self._scratch[: len(v)]
        np.multiply(gradient, gradient, out=root)
        root *= 1.0 - self.decay
        v *= self.decay
        v += root
        np.sqrt(v, out=root)
        root += self.eps
        gradient /= root
        gradient *= rate
        parameters -= gradient


class Adam(Optimizer):
    """Kingma & Ba 2015, Algorithm 1, with its two bias corrections folded into two scalars.

    The paper's lines, for a gradient g     and as they are worked out here
    m = beta1 m + (1 - beta1) g             M = beta1 M + g    so that m = (1 - beta1) M
    v = beta2 v + (1 - beta2) g^2           V = beta2 V + g^2              v = (1 - beta2) V
    m_hat = m / (1 - beta1^t)               m_hat = (1 - beta1) / (1 - beta1^t) M
    v_hat = v / (1 - beta2^t)               v_hat = c^2 V, c^2 = (1 - beta2) / (1 - beta2^t)
    W -= alpha m_hat / (sqrt(v_hat) + eps)  W -= rate M / (sqrt(V) + eps / c)

    The last line is the paper's with c taken out of numerator and denominator:
    rate = alpha (1 - beta1) / ((1 - beta1^t) c).
    """

    moment_names = ("M", "V")

    def __init__(
        self,
        is_weight: Array,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        *,
        rates: Array | None = None,
    ) -> None:
        super().__init__(is_weight, weight_decay, rates=rates)
        self.beta1, self.beta2, self.eps = *betas, eps
        self._beta1, self._beta2 = (scalar(beta, is_weight.dtype) for beta in betas)
        self._eps_over_c: Array = np.zeros((), is_weight.dtype)

    def _begin(self, learning_rate: float) -> None:
        c = ((1.0 - self.beta2) / (1.0 - self.beta2**self.t)) ** 0.5
        self._eps_over_c[()] = self.eps / c
        self._set_rate(learning_rate * (1.0 - self.beta1) / ((1.0 - self.beta1**self.t) * c))

    def _update(
        self, parameters: Array, gradient: Array, moments: Sequence[Array], rate: Array
    ) -> None:
        M, V = moments
        M *= self._beta1
        M += gradient
        V *= self._beta2
        gradient *= gradient
        V += gradient
        np.sqrt(V, out=gradient)
        gradient += self._eps_over_c
        np.divide(M, gradient, out=gradient)
        gradient *= rate
        parameters -= gradient


# adamw is Adam under the name by which people look for decoupled weight decay
OPTIMIZERS: dict[str, Callable[..., Optimizer]]
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": Adam, "rmsprop": RMSprop}


def make_optimizer(
    name: str,
    is_weight: Array,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
    betas: tuple[float, float] = BETAS,
    *,
    rates: Array | None = None,
) -> Optimizer:
    """Return the optimizer `name`; momentum, nesterov and betas go to those that use them."""
    options = {"momentum": momentum, "nesterov": nesterov, "betas": betas}
    used = {key: options[key] for key in names.OPTIMIZERS[name].uses}
    return OPTIMIZERS[name](is_weight, weight_decay, rates=rates, **used)


def clip_norm(gradient: Array, limit: float) -> float:
    """Scale `gradient` in place to a Euclidean norm of at most `limit`; return the norm it had.

    Source: Pascanu, Mikolov, Bengio 2013.
    """
    norm = float(np.sqrt(np.dot(gradient, gradient)))
    if norm > limit:
        gradient *= limit / norm
    return norm
