"""The two passes of `network.Network` and the updates of `optimizers`, whole windows in one call.

The mathematics, its equations BP1 to BP4 and their sources are those of nn/network.py, the update
rules those of nn/optimizers.py; the names are theirs. Here nothing returns to Python between the
steps of a window: products go to BLAS through np.dot, which wants contiguous arrays, and what is
done to each element is done in one pass.

All that a step of N examples works on lies in one vector `work`, in units: an array of D units
from unit u on is work[u N : (u + D) N], of shape (D, N). Which units those are stands in the plan.
"""

from __future__ import annotations

import numpy as np

from nnfit.compiled.formulas import (
    activate,
    d_huber,
    d_mae,
    d_mse,
    d_quantile,
    entry,
    exp_within,
    jit,
    sigmoid,
    softmax,
    softplus,
    times_slope,
)
from nnfit.compiled.plans import (
    ADAM,
    CROSS_ENTROPY,
    DELTA,
    GAUSSIAN,
    HUBER,
    MAE,
    MASK,
    MSE,
    N_IN,
    N_OUT,
    POISSON,
    RMSPROP,
    SOFTMAX,
    WB,
    WIDTH,
    A,
    F,
    Memory,
    Plan,
    Rows,
    Rule,
    V,
    Z,
)  # fmt: skip
from nnfit.nn.arrays import Array
from nnfit.nn.losses import VARIANCE_FLOOR
from nnfit.nn.optimizers import SWEEP_STEPS


@jit
def _units(work: Array, unit: int, n_units: int, n: int) -> Array:
    return work[unit * n : (unit + n_units) * n]


@entry
def forward(plan: Plan, memory: Memory, X: Array, draws: Array) -> Array:
    """Return the logits z[L] (K, N) of the examples X; `draws` are one step's, or none."""
    n, last, flat, work = len(X), len(plan.layers) - 1, memory.flat, memory.work
    keep = flat.dtype.type(1.0 / (1.0 - plan.dropout))
    logits = flat[:0].reshape(0, 0)
    for i in range(last + 1):
        layer = plan.layers[i]
        D, width = layer[N_OUT], layer[WIDTH]
        Wb = flat[layer[WB] : layer[WB] + D * width].reshape(D, width)
        z = _units(work, layer[Z], D, n)
        if i == 0 and plan.scale >= 0:
            for k in range(D):
                for d in range(width):
                    s = flat[plan.scale + d] if d < layer[N_IN] else flat.dtype.type(1.0)
                    memory.scaled[k, d] = Wb[k, d] * s
            Wb = memory.scaled
        if i == 0:
            np.dot(Wb, X.T, z.reshape(D, n))
        else:
            np.dot(Wb, _units(work, layer[A], width, n).reshape(width, n), z.reshape(D, n))
        if i == last:
            logits = z.reshape(D, n)
            break
        v, above = _units(work, layer[V], D, n), plan.layers[i + 1]
        a = _units(work, above[A], above[WIDTH], n)
        if layer[V] != layer[Z]:
            for k in range(D * n):
                v[k] = z[k]
        activate(layer[F], v)
        if layer[V] != above[A]:
            for k in range(D * n):
                a[k] = v[k]
        if draws.size:
            kept = _units(draws, layer[MASK], D, n)
            for k in range(D * n):
                a[k] = a[k] * keep if kept[k] >= np.float32(plan.dropout) else a.dtype.type(0.0)
        for k in range(D * n, a.size):
            a[k] = 1.0  # the input of the bias
    return logits


@jit
def _of_variances(z: Array, delta: Array) -> None:
    """Turn mu - y, in each second row, into dl/dz of a Gaussian: of mu and, below it, of v."""
    one, half = z.dtype.type(1.0), z.dtype.type(0.5)
    for k in range(0, len(z), 2):
        for i in range(z.shape[1]):
            v = softplus(z[k + 1, i]) + z.dtype.type(VARIANCE_FLOOR)
            delta[k, i] /= v
            of_v = half * (one / v - delta[k, i] * delta[k, i])
            delta[k + 1, i] = of_v * sigmoid(z[k + 1, i])


@entry
def delta_of_head(plan: Plan, work: Array, z: Array, Y: Array, shares: Array, share: float) -> None:
    """Write BP1, delta[L]; the targets are (N, K), the shares (N,), or none: `share` is each's."""
    layer = plan.layers[-1]
    K, n = z.shape
    one = z.dtype.type(1.0)
    delta_1d, v_1d = _units(work, layer[DELTA], K, n), _units(work, layer[V], K, n)
    delta, v, z_1d = delta_1d.reshape(K, n), v_1d.reshape(K, n), z.reshape(K * n)
    outputs = 1 if plan.head == CROSS_ENTROPY else K // 2 if plan.head == GAUSSIAN else K
    if plan.output == SOFTMAX:
        softmax(z, v, plan.least if plan.head == CROSS_ENTROPY else -np.inf)
    else:
        for i in range(K * n):
            v_1d[i] = z_1d[i]
        activate(plan.output, v_1d)
    if plan.head == POISSON:
        for i in range(K * n):
            v_1d[i] = exp_within(v_1d[i], plan.least)
    for k in range(K):
        for i in range(n):
            delta[k, i] = v[k, i] - Y[i, k]
    if plan.head == GAUSSIAN:
        _of_variances(z, delta)
    if plan.head >= MSE:
        for i in range(delta_1d.size):
            if plan.head == MSE:
                delta_1d[i] = d_mse(delta_1d[i])
            elif plan.head == MAE:
                delta_1d[i] = d_mae(delta_1d[i])
            elif plan.head == HUBER:
                delta_1d[i] = d_huber(delta_1d[i])
            else:
                delta_1d[i] = d_quantile(delta_1d[i], plan.quantiles[i // n % plan.quantiles.size])
        if plan.output == SOFTMAX:  # dy_hat_j/dz_k = y_hat_j ([j = k] - y_hat_k)
            for i in range(n):
                mean = one - one
                for k in range(K):
                    mean += delta[k, i] * v[k, i]
                for k in range(K):
                    delta[k, i] = (delta[k, i] - mean) * v[k, i]
        else:
            times_slope(plan.output, z_1d, v_1d, delta_1d)
        for i in range(delta_1d.size):
            if abs(delta_1d[i]) < plan.negligible:
                delta_1d[i] = 0.0
    for k in range(K):
        for i in range(n):
            of_row = shares[i] if shares.size else one
            delta[k, i] *= of_row * z.dtype.type(share / outputs)


@entry
def backward(plan: Plan, memory: Memory, X: Array, draws: Array) -> None:
    """Walk from delta[L] down, each delta used for dW, db and below."""
    n, flat, work, gradient = len(X), memory.flat, memory.work, memory.gradient
    keep = flat.dtype.type(1.0 / (1.0 - plan.dropout))
    for i in range(len(plan.layers) - 1, -1, -1):
        layer = plan.layers[i]
        D_out, D, width = layer[N_OUT], layer[N_IN], layer[WIDTH]
        Wb = flat[layer[WB] : layer[WB] + D_out * width].reshape(D_out, width)
        dWb = gradient[layer[WB] : layer[WB] + D_out * width].reshape(D_out, width)
        delta = _units(work, layer[DELTA], D_out, n).reshape(D_out, n)
        if i == 0:
            np.dot(delta, X, dWb)  # BP4 | BP3
            break
        a = _units(work, layer[A], width, n)
        np.dot(delta, a.reshape(width, n).T, dWb)
        below = plan.layers[i - 1]
        handed = _units(work, below[DELTA], width, n)  # dL/da of the ones too, which none needs
        if D_out == 1:
            for k in range(D):
                for j in range(n):
                    handed[k * n + j] = Wb[0, k] * delta[0, j]
        else:
            np.dot(Wb.T, delta, handed.reshape(width, n))
        handed = handed[: D * n]
        if draws.size:
            kept = _units(draws, below[MASK], D, n)
            for k in range(D * n):
                handed[k] = handed[k] * keep if kept[k] >= np.float32(plan.dropout) else 0.0
        z, v = _units(work, below[Z], D, n), _units(work, below[V], D, n)
        times_slope(below[F], z, v, handed)  # BP2
    if plan.scale >= 0:
        for d in range(plan.layers[0, N_IN]):
            total = flat.dtype.type(0.0)
            for k in range(D_out):
                total += Wb[k, d] * dWb[k, d]
                dWb[k, d] *= flat[plan.scale + d]
            gradient[plan.scale + d] = total


@entry
def update(memory: Memory, rule: Rule, t: int, rate: float) -> None:
    """Take the step `t`, from 1, along the gradient, which is scratch afterwards."""
    flat, g, M, V, rates = memory.flat, memory.gradient, memory.M, memory.V, memory.rates
    number = flat.dtype.type
    if rule.l2:
        for i in range(flat.size):
            g[i] += memory.is_weight[i] * flat[i] * number(rule.l2)
    if rule.clip_norm:
        norm = np.sqrt(np.dot(g, g))
        if norm > rule.clip_norm:
            for i in range(g.size):
                g[i] *= number(rule.clip_norm / norm)
    if rule.weight_decay:
        for i in range(flat.size):
            flat[i] *= number(1.0) - memory.is_weight[i] * number(rate * rule.weight_decay)
    beta1, beta2 = number(rule.beta1), number(rule.beta2)
    if rule.code == ADAM:
        c = np.sqrt((1.0 - rule.beta2) / (1.0 - rule.beta2**t))
        rate *= (1.0 - rule.beta1) / ((1.0 - rule.beta1**t) * c)
        eps = number(rule.eps / c)
        for i in range(flat.size):
            M[i] = M[i] * beta1 + g[i]
            V[i] = V[i] * beta2 + g[i] * g[i]
            g[i] = M[i] / (np.sqrt(V[i]) + eps)
    elif rule.code == RMSPROP:
        for i in range(flat.size):
            V[i] = V[i] * beta2 + g[i] * g[i] * (number(1.0) - beta2)
            g[i] /= np.sqrt(V[i]) + number(rule.eps)
    elif rule.beta1:
        for i in range(flat.size):
            V[i] = V[i] * beta1 + g[i]
            g[i] = g[i] + beta1 * V[i] if rule.nesterov else V[i]
    if t % SWEEP_STEPS == 0:
        for moment in (M, V):
            for i in range(moment.size):
                if abs(moment[i]) < rule.negligible:
                    moment[i] = 0.0
    alpha = number(rate)
    if rates.size:
        for i in range(flat.size):
            flat[i] -= g[i] * (rates[i] * alpha)
    else:
        for i in range(flat.size):
            flat[i] -= g[i] * alpha


@entry
def take_steps(
    plan: Plan, memory: Memory, rows: Rows, rule: Rule, alphas: Array, batch: int, t: int
) -> None:
    """Take a step for each minibatch of the rows, each at its own learning rate of `alphas`.

    `t` steps were taken before.
    """
    n_rows = len(rows.X)
    for step in range(len(alphas)):
        start = step * batch
        stop = min(start + batch, n_rows)
        n = stop - start
        X, shares = rows.X[start:stop], rows.weights[start:stop]
        draws = rows.draws[plan.masked * start : plan.masked * stop]
        z = forward(plan, memory, X, draws)
        for k in range(len(z)):
            for i in range(n):
                rows.logits[k, start + i] = z[k, i]
        delta_of_head(plan, memory.work, z, rows.Y[start:stop], shares, 1.0 / n)
        backward(plan, memory, X, draws)
        update(memory, rule, t + step + 1, alphas[step])
