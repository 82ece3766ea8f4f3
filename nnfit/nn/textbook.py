"""The same network as a textbook writes it: one line per equation, new arrays for everything.

For reading beside network.py, losses.py and optimizers.py, whose fast forms the tests hold equal
to this; no part of the program runs it. Examples are columns, lists count layers from 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sigmoid(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {  # f and f'
    "sigmoid": (sigmoid, lambda z: np.asarray(sigmoid(z) * (1.0 - sigmoid(z)))),
    "tanh": (np.tanh, lambda z: np.asarray(1.0 - np.tanh(z) ** 2)),
    "relu": (relu, lambda z: np.asarray(1.0 * (z > 0.0))),
}


def loss_and_delta(loss: str, z: Array, y: Array) -> tuple[float, Array]:
    """Return the mean loss of logits `z` and targets `y`, (K, N), and dL/dz, which is BP1."""
    K, N = z.shape
    if loss == "mse":
        return ((z - y) ** 2).sum() / (K * N), 2.0 * (z - y) / (K * N)
    if loss == "binary_cross_entropy":
        p = sigmoid(z)
        return -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p)).sum() / (K * N), (p - y) / (K * N)
    p = np.exp(z) / np.exp(z).sum(axis=0)
    return -(y * np.log(p)).sum() / N, (p - y) / N


class Textbook:
    """Weights `W` and biases `b` of every layer, and what Adam remembers of their gradients."""

    def __init__(self, W: list[Array], b: list[Array], activation: str, loss: str) -> None:
        self.W, self.b, self.loss = W, b, loss
        self.f, self.df = ACTIVATIONS[activation]
        self.m = [np.zeros_like(theta) for theta in W + b]
        self.v = [np.zeros_like(theta) for theta in W + b]
        self.t = 0

    def gradient(self, X: Array, Y: Array) -> tuple[float, list[Array], list[Array]]:
        """Return the loss over rows `X` (N, D) and `Y` (N, K), every dW and every db."""
        W, b, L = self.W, self.b, len(self.W)
        a, z, dW, db = [X.T], [], list(W), list(b)
        for i in range(L):
            z.append(W[i] @ a[i] + b[i][:, None])  # (D_out, D_in) @ (D_in, N) -> (D_out, N)
            a.append(self.f(z[i]))
        value, delta = loss_and_delta(self.loss, z[-1], Y.T)  # BP1 (K, N)
        for i in reversed(range(L)):
            dW[i] = delta @ a[i].T  # BP4 (D_out, D_in)
            db[i] = delta.sum(axis=1)  # BP3 (D_out,)
            if i > 0:
                delta = (W[i].T @ delta) * self.df(z[i - 1])  # BP2 (D_in, N)
        return value, dW, db

    def step(self, X: Array, Y: Array, alpha: float) -> float:
        """Change W and b by a step of Adam (Kingma & Ba 2015); return the loss before it."""
        beta1, beta2, eps = 0.9, 0.999, 1e-8
        value, dW, db = self.gradient(X, Y)
        self.t += 1
        for k, (theta, g) in enumerate(zip(self.W + self.b, dW + db, strict=True)):
            m = self.m[k] = beta1 * self.m[k] + (1.0 - beta1) * g
            v = self.v[k] = beta2 * self.v[k] + (1.0 - beta2) * g**2
            m_hat = m / (1.0 - beta1**self.t)
            v_hat = v / (1.0 - beta2**self.t)
            theta -= alpha * m_hat / (np.sqrt(v_hat) + eps)
        return value
