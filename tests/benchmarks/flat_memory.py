"""Does `nnfit predict` stay flat in memory, however long its input is?

Rows are made on the way and never kept: `python -m tests.benchmarks.flat_memory [ROWS]` writes
what the process had resident, now and then, and its peak.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

ROWS = 20_000_000  # ten minutes' worth at some 33,000 a second
CONFIG = """\
data: {path: train.csv, target: kind}
model: {hidden_sizes: [16]}
training: {epochs: 3}
"""


def train(folder: Path) -> bytes:
    """Write a model for three columns and return the rows it was trained on, without a header."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=5000).round(4),
            "y": rng.normal(size=5000).round(4),
            "colour": rng.choice(["red", "green", "blue"], 5000),
        }
    )
    frame["kind"] = np.where(frame["x"] * frame["y"] > 0.0, "same", "other")
    frame.to_csv(folder / "train.csv", index=False)
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "nnfit", "train", "c.yaml", "-q"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return frame.to_csv(index=False, header=False).encode()


def measure(folder: Path, rows: bytes, n_rows: int, every: int) -> Iterator[tuple[int, int, int]]:
    """Yield how many rows came out, and KiB resident then and at most, about `every` rows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nnfit", "predict", "c.npz", "-q", "--append"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    in_block = rows.count(b"\n")
    n_blocks = -(-n_rows // in_block)

    def feed(stream: IO[bytes]) -> None:
        with stream:
            stream.write(b"x,y,colour,kind\n")
            for _ in range(n_blocks):
                stream.write(rows)

    feeder = threading.Thread(target=feed, args=(process.stdin,))
    feeder.start()
    status = Path(f"/proc/{process.pid}/status")
    done, told = -1, 0
    while data := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
        done += data.count(b"\n")
        if done >= told + every:
            told = done
            figures = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status.read_text()))
            if figures:  # the process may have ended
                yield done, int(figures["VmRSS"]), int(figures["VmHWM"])
    feeder.join()
    if process.wait() or done != n_blocks * in_block:
        raise RuntimeError(f"exit code {process.returncode}, {done} rows came out")


def main() -> None:
    """Print a line per twentieth of the rows."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        rows = train(Path(name))
        begin = time.perf_counter()
        for done, now, most in measure(Path(name), rows, n_rows, n_rows // 20):
            seconds = time.perf_counter() - begin
            print(f"{done:>12,} rows {now / 1024:8.1f} MiB, at most {most / 1024:8.1f} MiB, "
                  f"{seconds:7.1f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
