"""Reads one CSV in a fresh process and prints the seconds and the memory as JSON.

Imports are made before the clock starts; it is run by `commands`, never by hand.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnfit.config.reading import load_config
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import read_table
from nnfit.dataset.dataset import prepare
from nnfit.observer import Observer


class Peak:
    """The largest anonymous memory of the process inside the block, 0 where it is not told.

    Pages of a mapped file are left out: they are the system's cache of it, and go when others
    need the room.
    """

    def __init__(self) -> None:
        self.bytes = self.before = self._now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _now(self) -> int:
        status = Path("/proc/self/status")
        found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return 1024 * int(found[1]) if found else 0

    def _watch(self) -> None:
        while not self._over.wait(0.004):
            self.bytes = max(self.bytes, self._now())

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._over.set()
        self._thread.join()


def reader(way: str, path: str) -> Callable[[], Any]:
    """Return the reading itself; its result must be kept while memory is looked at."""
    if way == "pandas.read_csv":
        return lambda: pd.read_csv(path)
    if way == "read_table":
        return lambda: read_table(path, CsvFormat(), ["target"])
    data = {"path": path, "target": "target", "validation": 0}
    config = load_config({"preset": "none", "data": data})
    return lambda: prepare(config, None, np.random.default_rng(0), Observer())


def main() -> None:
    """Read and report."""
    read = reader(*sys.argv[1:])
    with Peak() as peak:
        begin = time.perf_counter()
        result = read()
        seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "memory": peak.bytes - peak.before}))
    del result


if __name__ == "__main__":
    main()
