"""The proof that the peers do the same work: the same parameters and losses after 50 steps.

torch is the judge. JAX and scikit-learn are shown beside it; the latter cannot pass the bounds,
since its Adam adds eps before the bias correction (the remark that closes section 2 of Kingma
& Ba 2015), where nnfit, torch and the paper's Algorithm 1 add it after.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.shapes import Shape
from tests.benchmarks.workers import Worker

BOUNDS = {"float32": 1e-5, "float64": 1e-10}
JUDGES = ("torch default", "torch fused")


@dataclass(frozen=True)
class Proof:
    """How far nnfit's parameters and losses are from a peer's, relative."""

    shape: str
    dtype: str
    peer: str
    parameters: float
    losses: float

    @property
    def judged(self) -> bool:
        return self.peer in JUDGES

    @property
    def equal(self) -> bool:
        return max(self.parameters, self.losses) <= BOUNDS[self.dtype]


def prove(workers: Mapping[str, Worker], shapes: Iterable[Shape]) -> list[Proof]:
    """Run 50 steps from the same start everywhere and compare with nnfit.

    Parameters
    ----------
    workers : mapping
        One worker per kind of peer, by the kind's name, nnfit among them.
    """
    proofs = []
    for shape in shapes:
        for dtype in BOUNDS:
            found = {
                name: run(worker, shape, dtype)
                for name, worker in workers.items()
                if worker.kind.package != "scikit-learn" or worker.kind.dtype == dtype
                if shape.name != "large" or name in ("nnfit", *JUDGES)  # it takes long
            }
            parameters, losses = found.pop("nnfit")
            for name, theirs in found.items():
                apart = distance(parameters, theirs[0]), distance(losses, theirs[1])
                proofs.append(Proof(shape.name, dtype, name, *apart))
    return proofs


def run(worker: Worker, shape: Shape, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a peer's parameters as one vector, and its mean loss of every epoch."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "parameters.npz")
        answer = worker.ask("prove", shape=shape.name, dtype=dtype, file=str(file))
        with np.load(file) as arrays:
            vector = np.concatenate([arrays[name].ravel() for name in arrays.files])
    return vector.astype(np.float64), np.array(answer["losses"])


def distance(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Return |mine - theirs| / |theirs|, Euclidean."""
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(theirs))
