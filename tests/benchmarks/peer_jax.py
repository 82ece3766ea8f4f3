"""JAX as a peer: one jit per step, or one jit per epoch with `lax.scan` over its steps.

Data stay on the device and rows are gathered inside the jit; compilation is outside the times.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def mean_loss(params: Any, X: Any, Y: Any, loss: str) -> Any:
    """Return the mean loss of a ReLU network with layers (W (inputs, outputs), b)."""
    a = X
    for W, b in params[:-1]:
        a = jax.nn.relu(a @ W + b)
    W, b = params[-1]
    z = a @ W + b
    if loss == "mse":
        return jnp.mean((z - Y) ** 2)
    if loss == "binary_cross_entropy":
        return jnp.mean(jax.nn.softplus(z) - Y * z)
    return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(z), axis=1))


def update(state: Any, X: Any, Y: Any, loss: str) -> tuple[Any, Any]:
    """Return the state after one step of Adam (Kingma & Ba 2015), and the loss before it."""
    params, m, v, t = state
    value, grads = jax.value_and_grad(mean_loss)(params, X, Y, loss)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
    m_scale, v_scale = 1 / (1 - BETA1**t), 1 / (1 - BETA2**t)
    params = jax.tree.map(
        lambda p, m, v: p - LEARNING_RATE * (m * m_scale) / (jnp.sqrt(v * v_scale) + EPS),
        params,
        m,
        v,
    )
    return (params, m, v, t), value


def gather(array: Any, rows: Any) -> Any:
    return array.at[rows].get(mode="promise_in_bounds")


@partial(jax.jit, static_argnames="loss", donate_argnums=0)
def whole_step(state: Any, X: Any, Y: Any, loss: str) -> tuple[Any, Any]:
    return update(state, X, Y, loss)


@partial(jax.jit, static_argnames="loss", donate_argnums=0)
def step(state: Any, X: Any, Y: Any, rows: Any, loss: str) -> tuple[Any, Any]:
    return update(state, gather(X, rows), gather(Y, rows), loss)


@partial(jax.jit, static_argnames="loss", donate_argnums=0)
def scan(state: Any, X: Any, Y: Any, order: Any, loss: str) -> tuple[Any, Any]:
    """Run a step per row of `order` (steps, B); return the sum of their losses."""

    def one(state: Any, rows: Any) -> tuple[Any, Any]:
        return update(state, gather(X, rows), gather(Y, rows), loss)

    state, losses = jax.lax.scan(one, state, order)
    return state, losses.sum()


class Peer:
    """One network; `variant` is "step" or "scan"."""

    def __init__(self, threads: int, variant: str) -> None:
        self.variant = variant  # the threads were set before the process started

    def versions(self) -> dict[str, str]:
        return {"jax": jax.__version__}

    def prepare(self, shape: Shape, dtype: str) -> None:
        jax.config.update("jax_enable_x64", dtype == "float64")
        self.shape, self.dtype = shape, dtype
        X, Y = make_rows(shape)
        self.X, self.Y = jnp.asarray(X, dtype), jnp.asarray(Y, dtype)
        params = self._first()
        zeros = jax.tree.map(jnp.zeros_like, params)
        self.state = (
            params,
            zeros,
            jax.tree.map(jnp.zeros_like, params),
            jnp.zeros((), dtype),
        )
        self.shuffling = np.random.default_rng(ORDER_SEED)

    def _first(self) -> list[tuple[Any, Any]]:
        weights = first_weights(self.shape)
        return [(jnp.asarray(W.T, self.dtype), jnp.asarray(b, self.dtype)) for W, b in weights]

    def reset(self) -> None:
        self.state = (self._first(), *self.state[1:])
        jax.block_until_ready(self.state)

    def train(self, epochs: int) -> list[float]:
        losses = []
        n, size, loss = len(self.X), self.shape.batch_size, self.shape.loss
        for _ in range(epochs):
            if self.shape.full_batch:
                self.state, value = whole_step(self.state, self.X, self.Y, loss=loss)
                losses.append(float(value))
                continue
            order = self.shuffling.permutation(n).astype(np.int32)
            whole, rest = order[: n - n % size], order[n - n % size :]
            total: Any = 0.0
            if self.variant == "scan":
                args = (self.X, self.Y, whole.reshape(-1, size))
                self.state, total = scan(self.state, *args, loss=loss)
            else:
                values = []  # asked for once an epoch, so that steps may queue up
                for rows in whole.reshape(-1, size):
                    self.state, value = step(self.state, self.X, self.Y, rows, loss=loss)
                    values.append(value)
                total = sum(map(float, values))
            total = float(total) * size
            if len(rest):
                self.state, value = step(self.state, self.X, self.Y, rest, loss=loss)
                total += float(value) * len(rest)
            losses.append(total / n)
        jax.block_until_ready(self.state)
        return losses

    prove = train

    def parameters(self) -> list[np.ndarray]:
        return [np.asarray(array) for W, b in self.state[0] for array in (W.T, b)]
