"""Reads one CSV in a fresh process and prints the seconds and the memory as JSON.

Imports are made before the clock starts; it is run by `commands`, never by hand.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnfit.config.reading import load_config
from nnfit.dataset import prepare
from nnfit.observer import Observer
from nnfit.table.csv import CsvFormat, read_table


def peak_bytes() -> int:
    """Return the process's largest resident size so far, 0 where the system does not say.

    getrusage would count the parent's memory from before the exec.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return 1024 * int(found[1]) if found else 0


def reader(way: str, path: str) -> Callable[[], Any]:
    """Return the reading itself; its result must be kept while memory is looked at."""
    if way == "pandas.read_csv":
        return lambda: pd.read_csv(path)
    if way == "read_table":
        return lambda: read_table(path, CsvFormat(), ["target"])
    config = load_config({"data": {"path": path, "target": "target", "validation": 0}})
    return lambda: prepare(config, None, np.random.default_rng(0), Observer())


def main() -> None:
    """Read and report."""
    read = reader(*sys.argv[1:])
    before = peak_bytes()
    begin = time.perf_counter()
    result = read()
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "memory": peak_bytes() - before}))
    del result


if __name__ == "__main__":
    main()
