"""The proof that the peers do the same work: the same parameters and losses after 50 steps.

torch is the judge of both of nnfit's engines, and each engine of the other. JAX, torch compile and
scikit-learn are shown beside it; the last cannot pass the bounds, since its Adam adds eps before
the bias correction (the remark that closes section 2 of Kingma & Ba 2015), where nnfit, torch and
the paper's Algorithm 1 add it after.
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
ENGINES = ("nnfit", "nnfit, compiled")


@dataclass(frozen=True)
class Proof:
    """How far the parameters and losses of an engine are from a peer's, relative."""

    shape: str
    dtype: str
    engine: str
    peer: str
    parameters: float
    losses: float

    @property
    def judged(self) -> bool:
        return self.peer in (*JUDGES, *ENGINES)

    @property
    def equal(self) -> bool:
        bound = BOUNDS[self.dtype]
        return self.parameters <= bound and self.losses <= bound


def prove(workers: Mapping[str, Worker], shapes: Iterable[Shape]) -> list[Proof]:
    """Run 50 steps from the same start everywhere and compare with nnfit's engines.

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
                if shape.name != "large" or name in (*ENGINES, *JUDGES)  # it takes long
            }
            for engine in ENGINES:
                if engine in found:
                    parameters, losses = found.pop(engine)
                    for name, theirs in found.items():
                        apart = distance(parameters, theirs[0]), distance(losses, theirs[1])
                        proofs.append(Proof(shape.name, dtype, engine, name, *apart))
    return proofs


def run(worker: Worker, shape: Shape, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a peer's parameters as one vector, and its mean loss of every epoch."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "parameters.npz")
        answer = worker.ask("prove", shape=vars(shape), dtype=dtype, file=str(file))
        with np.load(file) as arrays:
            vector = np.concatenate([arrays[name].ravel() for name in arrays.files])
    return vector.astype(np.float64), np.array(answer["losses"])


def distance(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Return |mine - theirs| / |theirs|, Euclidean."""
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(theirs))
