"""One process per peer and thread count, alive for the whole run and driven through pipes.

A worker does one thing at a time and only when asked, so that the others lie idle meanwhile.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REST_SECONDS = 0.01  # between two bursts, in which the last one's threads go to sleep


@dataclass(frozen=True)
class Kind:
    """A way to train: a library, how it is used, and its dtype.

    `compiles` says that the first call of each kind is no measure.
    """

    name: str
    module: str
    variant: str = ""
    dtype: str = "float32"
    package: str = ""
    compiles: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("nnfit", "peer_nnfit", package="nnfit"),
        Kind("nnfit, compiled", "peer_nnfit", "compiled", package="numba", compiles=True),
        Kind("scikit-learn f64", "peer_sklearn", dtype="float64", package="scikit-learn"),
        Kind("scikit-learn f32", "peer_sklearn", package="scikit-learn"),
        Kind("torch default", "peer_torch", "default", package="torch"),
        Kind("torch fused", "peer_torch", "fused", package="torch"),
        Kind("torch compile", "peer_torch_compile", package="torch.compile", compiles=True),
        Kind("jax step", "peer_jax", "step", package="jax", compiles=True),
        Kind("jax scan", "peer_jax", "scan", package="jax", compiles=True),
    )
}


class Worker:
    """A peer in a process of its own; `threads` 0 leaves the choice to the library."""

    def __init__(self, kind: Kind, threads: int) -> None:
        self.kind, self.threads = kind, threads
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        if kind.package == "jax" and threads:
            environment["NPROC"] = str(threads)  # the size of XLA's thread pools
            environment["OMP_NUM_THREADS"] = str(threads)
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.workers", kind.name, str(threads)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self.missing = ""
        self.versions: dict[str, str] = {}

    def meet(self) -> bool:
        """Wait for the imports; return whether the peer is there."""
        answer = self._answer()
        self.missing = answer.get("missing", "")
        self.versions = answer.get("versions", {})
        return not self.missing

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have one thing done and return what came of it."""
        assert self._process.stdin is not None
        time.sleep(REST_SECONDS)
        self._process.stdin.write(json.dumps({"what": what, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._stderr.seek(0)
            said = self._stderr.read().decode(errors="replace")
            raise RuntimeError(f"{self.kind.name}, threads {self.threads}: ended early\n{said}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._stderr.close()


def gemm(n: int) -> float:
    """Return the float32 operations per second of one n x n matrix product."""
    import numpy as np

    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, n, n), np.float32)
    out = np.empty_like(A)
    np.matmul(A, B, out=out)
    begin = time.perf_counter()
    np.matmul(A, B, out=out)
    return 2.0 * n**3 / (time.perf_counter() - begin)


def respond(peer: Any, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do one thing in the worker and return the answer."""
    from tests.benchmarks.shapes import Shape, proof_of

    if "shape" in arguments:
        arguments["shape"] = Shape.read(arguments["shape"])
    if what == "prepare":
        peer.prepare(arguments["shape"], arguments["dtype"])
    elif what == "burst":
        peer.reset()
        begin = time.perf_counter()
        peer.train(arguments["epochs"])
        return {"seconds": time.perf_counter() - begin}
    elif what == "prove":
        import numpy as np

        shape, epochs = proof_of(arguments["shape"], arguments["dtype"])
        peer.prepare(shape, arguments["dtype"])
        losses = peer.prove(epochs)
        np.savez(arguments["file"], *peer.parameters())
        return {"losses": losses}
    elif what == "prepare_prediction":
        peer.prepare_prediction(arguments["shape"], arguments["n_rows"])
    elif what == "predict":
        begin = time.perf_counter()
        y_hat = peer.predict(arguments["batch"])
        return {"seconds": time.perf_counter() - begin, "sum": float(y_hat.sum())}
    elif what == "gemm":
        return {"flops": gemm(arguments["n"])}
    elif what == "auto_threads":
        return {"threads": peer.auto_threads()}
    elif what == "calls":
        from tests.benchmarks.calls import calls_per_step

        return {"calls": calls_per_step(arguments["shape"])}
    elif what == "recipe":
        return dict(peer.recipe(**arguments))
    return {}


def main() -> None:
    """Serve one peer until stdin ends."""
    kind, threads = KINDS[sys.argv[1]], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    try:
        peer = importlib.import_module(f"tests.benchmarks.{kind.module}").Peer(
            threads, kind.variant
        )
    except ImportError as err:
        print(json.dumps({"missing": str(err)}), file=answers, flush=True)
        return
    print(json.dumps({"versions": peer.versions()}), file=answers, flush=True)
    for line in sys.stdin:
        arguments = json.loads(line)
        print(json.dumps(respond(peer, arguments.pop("what"), arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
