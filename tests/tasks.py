"""Work for workers, which find it by name: sums, deaths, waits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from nnfit.errors import DataError, Interrupted, TrainingError

LONGEST = 60.0  # seconds that a task waits, were it forgotten

Report = Callable[[float], None]


class Counted:
    """Data that write down in `folder`, by process, that they were read by another one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 7

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        with (self.folder / f"read-{os.getpid()}").open("a") as file:
            file.write("x")


def multiplied(shared: int, report: Report, x: int) -> tuple[int, int]:
    """Return the product, and who worked it out."""
    return shared * x, os.getpid()


def number_of(shared: Counted, report: Report, seconds: float) -> int:
    time.sleep(seconds)  # so that the others get some tasks too
    return shared.number


def dying(shared: Path, report: Report, times: int, name: str) -> str:
    """Kill the process of so many tries, one after the other, then return how many there were."""
    tries = len(list(shared.glob(f"{name}-*")))
    (shared / f"{name}-{tries}").touch()
    if tries < times:
        time.sleep(0.2)  # as if it had done something; those who start it must be done with that
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{name} after {tries}"


def going_on(shared: Path, report: Report, name: str) -> None:
    """Write down our process, and work until nobody wants it."""
    (shared / name).write_text(str(os.getpid()))
    end = time.monotonic() + LONGEST
    try:
        while time.monotonic() < end:
            report(0.5)
            time.sleep(0.01)
    except Interrupted:
        (shared / f"{name}-ended").write_text("it was not wanted")
        raise


def waiting(shared: Path, report: Report, name: str) -> None:
    """Write down our process, and wait until we are let go on; report the way there."""
    (shared / name).write_text(str(os.getpid()))
    end = time.monotonic() + LONGEST
    while not (shared / "go").exists() and time.monotonic() < end:
        report(0.25)
        time.sleep(0.01)


def counting(shared: Path, report: Report, name: str) -> int:
    """Return how many are at work at once."""
    (shared / name).touch()
    time.sleep(0.1)
    n = len(list(shared.iterdir()))
    (shared / name).unlink()
    return n


def failing(shared: None, report: Report, how: str) -> Any:
    """Fail in one of the ways that there are."""
    if how == "data":
        raise DataError("x.csv: is wrong", "y.csv: is wrong too")
    if how == "training":
        raise TrainingError("loss became nan")
    if how == "memory":
        raise MemoryError("unable to allocate 7 GiB")
    if how == "pickle":
        return threading.Lock()
    return 1 // 0


def surroundings(shared: None, report: Report) -> tuple[list[int], set[str]]:
    """Return the threads of each BLAS, and what memory is shared through /dev/shm."""
    a = np.ones((300, 300)) @ np.ones((300, 300))
    assert a[0, 0] == 300.0
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return threads, shared_memory()


def shared_memory() -> set[str]:
    """Return the names of memory in /dev/shm that this process has mapped, on Linux."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return {line.split()[5] for line in lines if "/dev/shm" in line}
