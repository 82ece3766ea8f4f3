"""The loop of `preset: default` for a regression in PyTorch: its members are batched products.

As in nnfit the rows of a member's fold, or a fifth of all, judge it after every epoch, and the
weights of its best one are kept.
"""

from __future__ import annotations

import math
import time

import torch

from tests.benchmarks.recipe import BATCH, Case

RATE, BIAS_RATE, SCALE_RATE, BETAS = 0.08, 0.1, 6.0, (0.9, 0.95)
Tensor = torch.Tensor


def parameters(members: int, sizes: list[int]) -> list[dict[str, object]]:
    """Return the groups of Adam: weights (members, inputs, outputs), biases, the input scale."""
    groups: list[dict[str, object]] = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        W = torch.randn(members, n_in, n_out) * (0.0 if n_out == sizes[-1] else n_in**-0.5)
        b = torch.randn(members, 1, n_out)
        groups.append({"params": [W.requires_grad_()], "factor": n_in**-0.5})
        groups.append({"params": [b.requires_grad_()], "factor": BIAS_RATE})
    scale = torch.ones(members, 1, sizes[0], requires_grad=True)
    return [*groups, {"params": [scale], "factor": SCALE_RATE}]


def forward(theta: list[Tensor], X: Tensor) -> Tensor:
    """Return the outputs (members, N) for X (members, N, D)."""
    *pairs, scale = theta
    a = X * scale
    for i in range(0, len(pairs), 2):
        a = torch.baddbmm(pairs[i + 1], torch.relu(a) if i else a, pairs[i])
    return a[..., 0]


def seconds(case: Case, epochs: int, sizes: list[int]) -> float:
    """Return how long so many epochs take."""
    n, members = case.rows, case.members
    torch.manual_seed(0)
    X = torch.randn(n, sizes[0])
    y = X[:, 0] + 0.5 * torch.randn(n)
    fold = torch.arange(n) % (members if case.folds else 5)
    of_members = range(members) if case.folds else [0] * members
    held_out = [torch.nonzero(fold == i)[:, 0] for i in of_members]
    fewest = min(map(len, held_out))
    judging = torch.stack([rows[:fewest] for rows in held_out])
    own = [torch.nonzero(fold != i)[:, 0] for i in of_members]
    n_own = min(map(len, own))
    groups = parameters(members, sizes)
    optimizer = torch.optim.Adam(groups, lr=RATE, betas=BETAS, fused=True)
    theta = [p for group in optimizer.param_groups for p in group["params"]]
    best = [p.detach().clone() for p in theta]
    lowest = torch.full((members,), math.inf)
    begin = time.perf_counter()
    for epoch in range(epochs):
        order = torch.stack([rows[torch.randperm(len(rows))[:n_own]] for rows in own])
        for start in range(0, n_own, BATCH):
            done = (epoch + min(start + BATCH / 2, n_own) / n_own) / epochs
            rate = 0.5 * RATE * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * done)))
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            rows = order[:, start : start + BATCH]
            loss = (forward(theta, X[rows]) - y[rows]).square().mean(dim=1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        with torch.no_grad():
            found = (forward(theta, X[judging]) - y[judging]).square().mean(dim=1)
            better = found < lowest
            lowest = torch.where(better, found, lowest)
            for kept, p in zip(best, theta, strict=True):
                kept[better] = p[better]
    return time.perf_counter() - begin
