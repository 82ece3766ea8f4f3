"""PyTorch as a peer whose whole step is one graph of `torch.compile`: gather, gradient and Adam.

All parameters are one vector, so that a call checks and hands over few tensors: with a tensor for
each layer's weights and biases it was slower. Compilation is outside the times; without a C++
compiler the peer is missing.
"""

from __future__ import annotations

import numpy as np
import torch
import torch._inductor.config
from torch.nn import functional

from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows

LOSSES = {
    "mse": functional.mse_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "cross_entropy": functional.cross_entropy,
}
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
Tensor = torch.Tensor


class Peer:
    """One network."""

    def __init__(self, threads: int, variant: str) -> None:
        inductor = torch._inductor.config
        inductor.compile_threads = 1
        if threads:
            torch.set_num_threads(threads)
            inductor.cpp.threads = threads  # it is compiled in
        try:
            torch.compile(torch.square)(torch.ones(2))
        except Exception as err:
            said = next((line for line in str(err).splitlines() if line.strip()), repr(err))
            raise ImportError(f"it does not compile here: {said}") from err

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def prepare(self, shape: Shape, dtype: str) -> None:
        torch._dynamo.reset()
        self.shape, kind = shape, getattr(torch, dtype)
        pairs = zip(shape.sizes, shape.sizes[1:], strict=False)
        self.layers = [(n_out, n_in) for n_in, n_out in pairs]
        self.lengths = [n for n_out, n_in in self.layers for n in (n_out * n_in, n_out)]
        self.flat = torch.empty(sum(self.lengths), dtype=kind)
        self.m, self.v = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.t = torch.zeros((), dtype=torch.float64)
        X, Y = make_rows(shape)
        self.X = torch.from_numpy(X).to(kind)
        by_class = shape.loss == "cross_entropy"
        self.y = torch.from_numpy(Y.argmax(axis=1)) if by_class else torch.from_numpy(Y).to(kind)
        self.shuffling = np.random.default_rng(ORDER_SEED)
        self.gradient = torch.func.grad_and_value(self._loss)
        self.gather = torch.compile(self._gather, fullgraph=True, dynamic=False)
        self.step = torch.compile(self._step, fullgraph=True, dynamic=False)
        self.reset()

    def reset(self) -> None:
        arrays = [array.ravel() for pair in first_weights(self.shape) for array in pair]
        self.flat.copy_(torch.from_numpy(np.concatenate(arrays)))

    def _loss(self, flat: Tensor, X: Tensor, y: Tensor) -> Tensor:
        parts, a = flat.split(self.lengths), X
        for i, shape in enumerate(self.layers):
            a = torch.relu(a) if i else a
            a = functional.linear(a, parts[2 * i].view(shape), parts[2 * i + 1])
        return LOSSES[self.shape.loss](a, y)

    def _step(self, flat: Tensor, m: Tensor, v: Tensor, t: Tensor, X: Tensor, y: Tensor) -> Tensor:
        """Update by Adam (Kingma & Ba 2015) and return the loss before it."""
        gradient, loss = self.gradient(flat, X, y)
        t.add_(1.0)
        m.mul_(BETA1).add_(gradient, alpha=1.0 - BETA1)
        v.mul_(BETA2).addcmul_(gradient, gradient, value=1.0 - BETA2)
        m_scale, v_scale = 1.0 / (1.0 - BETA1**t), 1.0 / (1.0 - BETA2**t)
        flat.sub_(LEARNING_RATE * (m * m_scale) / ((v * v_scale).sqrt() + EPS))
        return loss

    def _gather(
        self, flat: Tensor, m: Tensor, v: Tensor, t: Tensor, rows: Tensor, X: Tensor, y: Tensor
    ) -> Tensor:
        return self._step(flat, m, v, t, X[rows], y[rows])

    def train(self, epochs: int) -> list[float]:
        losses, n = [], len(self.X)
        state = self.flat, self.m, self.v, self.t
        with torch.no_grad():
            for _ in range(epochs):
                if self.shape.full_batch:
                    losses.append(self.step(*state, self.X, self.y).item())
                    continue
                total = 0.0
                order = torch.from_numpy(self.shuffling.permutation(n))
                for rows in order.split(self.shape.batch_size):
                    whole = len(rows) == self.shape.batch_size  # the rest is not worth compiling
                    step = self.gather if whole else self._gather
                    total += step(*state, rows, self.X, self.y).item() * len(rows)
                losses.append(total / n)
        return losses

    prove = train

    def parameters(self) -> list[np.ndarray]:
        return [self.flat.numpy()]
