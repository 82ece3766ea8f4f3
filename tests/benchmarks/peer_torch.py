"""PyTorch in eager mode as a peer: a Sequential, its losses, its default or its fused Adam.

No DataLoader: indexing a tensor is much faster for rows in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.benchmarks import recipe_torch
from tests.benchmarks.recipe import Case
from tests.benchmarks.shapes import LEARNING_RATE, ORDER_SEED, Shape, first_weights, make_rows

LOSSES = {
    "mse": torch.nn.MSELoss,
    "binary_cross_entropy": torch.nn.BCEWithLogitsLoss,
    "cross_entropy": torch.nn.CrossEntropyLoss,
}


class Peer:
    """One network; `variant` is "default" or "fused"."""

    def __init__(self, threads: int, variant: str) -> None:
        self.variant = variant
        if threads:
            torch.set_num_threads(threads)

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def prepare(self, shape: Shape, dtype: str) -> None:
        self.shape = shape
        kind = getattr(torch, dtype)
        layers: list[torch.nn.Module] = []
        for n_in, n_out in zip(shape.sizes, shape.sizes[1:], strict=False):
            layers += [torch.nn.Linear(n_in, n_out, dtype=kind), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        fused = {"fused": True} if self.variant == "fused" else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, **fused)
        self.loss = LOSSES[shape.loss]()
        X, Y = make_rows(shape)
        self.X = torch.from_numpy(X).to(kind)
        by_class = shape.loss == "cross_entropy"
        self.y = torch.from_numpy(Y.argmax(axis=1)) if by_class else torch.from_numpy(Y).to(kind)
        self.shuffling = np.random.default_rng(ORDER_SEED)
        self.reset()

    def reset(self) -> None:
        linear = [layer for layer in self.model if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for layer, (W, b) in zip(linear, first_weights(self.shape), strict=True):
                layer.weight.copy_(torch.from_numpy(W))
                layer.bias.copy_(torch.from_numpy(b))

    def train(self, epochs: int) -> list[float]:
        losses = []
        n = len(self.X)
        for _ in range(epochs):
            if self.shape.full_batch:
                losses.append(self._step(self.X, self.y))
                continue
            total = 0.0
            order = torch.from_numpy(self.shuffling.permutation(n))
            for rows in order.split(self.shape.batch_size):
                total += self._step(self.X[rows], self.y[rows]) * len(rows)
            losses.append(total / n)
        return losses

    def _step(self, X: torch.Tensor, y: torch.Tensor) -> float:
        loss = self.loss(self.model(X), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    prove = train

    def parameters(self) -> list[np.ndarray]:
        return [p.detach().numpy() for p in self.model.parameters()]

    def prepare_prediction(self, shape: Shape, n_rows: int) -> None:
        self.prepare(shape, "float32")
        self.X = torch.from_numpy(make_rows(shape, n_rows)[0]).to(torch.float32)

    def predict(self, batch: int) -> np.ndarray:
        """Return probabilities, computed `batch` rows at a time; 0: all at once."""
        with torch.inference_mode():
            parts = [torch.sigmoid(self.model(X)) for X in self.X.split(batch or len(self.X))]
            return torch.cat(parts).numpy()

    def recipe(self, case: dict[str, Any], epochs: int, sizes: list[int]) -> dict[str, float]:
        """Return the seconds of the recipe's loop."""
        return {"seconds": recipe_torch.seconds(Case(**case), epochs, sizes)}
