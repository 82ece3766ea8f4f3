"""Update rules, in order of increasing complexity, each on one flat vector.

An optimizer holds its moments; `step` changes the parameters in place and uses the gradient's
memory as scratch. `weight_decay` is decoupled (Loshchilov & Hutter 2019): before the step, W
shrinks by the factor 1 - learning_rate * weight_decay; biases do not.
"""

from __future__ import annotations

import numpy as np

from nnfit.nn.arrays import Array


class Optimizer:
    """The part all rules share: decoupled weight decay, and the moments by name.

    `t` and `state` are all that a step depends on beside its arguments: checkpoints keep them.
    """

    def __init__(self, is_weight: Array, weight_decay: float = 0.0) -> None:
        self.weight_decay = weight_decay
        self._is_weight = is_weight
        self.t = 0  # updates made
        self._scratch = np.empty_like(is_weight)
        self.state: dict[str, Array] = {}

    def step(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Update `parameters` in place; `gradient` is scratch afterwards."""
        self.t += 1
        if self.weight_decay:
            np.multiply(self._is_weight, -learning_rate * self.weight_decay, out=self._scratch)
            self._scratch += 1.0
            parameters *= self._scratch
        self._update(parameters, gradient, learning_rate)

    def _update(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        raise NotImplementedError

    def _moment(self, name: str) -> Array:
        moment = np.zeros_like(self._is_weight)
        self.state[name] = moment
        return moment


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
    ) -> None:
        super().__init__(is_weight, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov
        if momentum:
            self.v = self._moment("v")

    def _update(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        if self.momentum:
            self.v *= self.momentum
            self.v += gradient
            if self.nesterov:
                np.multiply(self.v, self.momentum, out=self._scratch)
                gradient += self._scratch
            else:
                np.copyto(gradient, self.v)
        gradient *= learning_rate
        parameters -= gradient


class RMSprop(Optimizer):
    """W <- W - alpha * g / (sqrt(v) + eps), v the decaying mean of g^2 (Tieleman & Hinton 2012)."""

    def __init__(
        self, is_weight: Array, weight_decay: float = 0.0, decay: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(is_weight, weight_decay)
        self.decay, self.eps = decay, eps
        self.v = self._moment("v")

    def _update(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        np.multiply(gradient, gradient, out=self._scratch)
        self._scratch *= 1.0 - self.decay
        self.v *= self.decay
        self.v += self._scratch
        np.sqrt(self.v, out=self._scratch)
        self._scratch += self.eps
        gradient /= self._scratch
        gradient *= learning_rate
        parameters -= gradient


class Adam(Optimizer):
    """Kingma & Ba 2015, Algorithm 1, with its two bias corrections folded into two scalars.

    The moments are kept as M = m / (1 - beta1) and V = v / (1 - beta2). With
    c = sqrt((1 - beta2) / (1 - beta2^t)), sqrt(v_hat) = c sqrt(V), so that the step
    alpha m_hat / (sqrt(v_hat) + eps) is rate M / (sqrt(V) + eps / c), where
    rate = alpha (1 - beta1) / ((1 - beta1^t) c).
    """

    def __init__(
        self,
        is_weight: Array,
        weight_decay: float = 0.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(is_weight, weight_decay)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        # one array, so that one product ages both
        self._moments = np.zeros((2, len(is_weight)), is_weight.dtype)
        self._betas = np.array([[beta1], [beta2]], is_weight.dtype)
        self.M, self.V = self._moments
        self.state |= {"M": self.M, "V": self.V}

    def _update(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        c = ((1.0 - self.beta2) / (1.0 - self.beta2**self.t)) ** 0.5
        rate = learning_rate * (1.0 - self.beta1) / ((1.0 - self.beta1**self.t) * c)
        self._moments *= self._betas
        self.M += gradient
        gradient *= gradient
        self.V += gradient
        np.sqrt(self.V, out=gradient)
        gradient += self.eps / c
        np.divide(self.M, gradient, out=gradient)
        gradient *= rate
        parameters -= gradient


# adamw is Adam under the name by which people look for decoupled weight decay
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": Adam, "rmsprop": RMSprop}


def make_optimizer(
    name: str,
    is_weight: Array,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """Return the optimizer `name`; momentum and nesterov are sgd's."""
    if name == "sgd":
        return SGD(is_weight, weight_decay, momentum, nesterov)
    rule: type[Optimizer] = OPTIMIZERS[name]
    return rule(is_weight, weight_decay)


def clip_norm(gradient: Array, limit: float) -> float:
    """Scale `gradient` in place to a Euclidean norm of at most `limit`; return the norm it had.

    Source: Pascanu, Mikolov, Bengio 2013.
    """
    norm = float(np.sqrt(np.dot(gradient, gradient)))
    if norm > limit:
        gradient *= limit / norm
    return norm
