"""The results as they are kept, JSON lines, and as arrays over sets and systems.

A file opens with the machine; a run that goes on adds its own line and then its results.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.tables.sets import SETS

Record = dict[str, Any]


def read(paths: Iterable[str | Path]) -> tuple[list[Record], list[Record]]:
    """Return the machines and the results of files; of one measurement the last counts."""
    machines: list[Record] = []
    records: dict[str, Record] = {}
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue  # a run was stopped while it wrote; the measurement is made again
            if "machine" in found:
                machines.append(found["machine"])
            else:
                records[found["key"]] = found
    return machines, list(records.values())


class Results:
    """Measurements by set and system, an array over the splits for each measure."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.failures = []
        self.by_set: dict[str, dict[str, dict[int, Record]]] = {}
        for record in records:
            if "failure" in record:
                self.failures.append(record)
            elif record["set"] in SETS:
                systems = self.by_set.setdefault(record["set"], {})
                splits = systems.setdefault(record["system"], {})
                if splits.get(record["split"], record)["date"] <= record["date"]:
                    splits[record["split"]] = record
        for name, systems in self.by_set.items():
            for split in {k for splits in systems.values() for k in splits}:
                rows = {s[split]["test_rows"] for s in systems.values() if split in s}
                if len(rows) > 1:
                    raise ValueError(f"{name}, split {split}: not everybody has the same rows")

    @property
    def systems(self) -> list[str]:
        """Return all systems, those that were measured on most sets first."""
        n_sets: dict[str, int] = {}
        for systems in self.by_set.values():
            for name in systems:
                n_sets[name] = n_sets.get(name, 0) + 1
        return sorted(n_sets, key=lambda name: -n_sets[name])

    def first_splits(self) -> Results:
        """Return those of each set's first split alone, on which everybody may have been."""
        return Results(
            record
            for systems in self.by_set.values()
            for splits in systems.values()
            for record in splits.values()
            if record["split"] == 0
        )

    def n_splits(self, name: str) -> int:
        return max(len(splits) for splits in self.by_set[name].values())

    def everywhere(self) -> list[str]:
        """Return the systems that have every split of every set."""
        return [
            system
            for system in self.systems
            if all(
                len(systems.get(system, {})) == self.n_splits(name)
                for name, systems in self.by_set.items()
            )
        ]

    def common(self, systems: Sequence[str], role: str, measure: str = "score") -> list[str]:
        """Return the sets of a role that all the systems have on all splits, by size."""
        found = [
            name
            for name, measured in self.by_set.items()
            if role in (SETS[name].role, "all")
            and all(len(measured.get(s, {})) == self.n_splits(name) for s in systems)
            and all(measure in r for s in systems for r in measured[s].values())
        ]
        return sorted(found, key=self.size)

    def size(self, name: str) -> tuple[str, int]:
        record = next(r for splits in self.by_set[name].values() for r in splits.values())
        return record["task"], record["n_train"] + record["n_test"]

    def values(self, name: str, system: str, measure: str) -> np.ndarray:
        """Return a measure by split, (S,)."""
        splits = self.by_set[name][system]
        return np.array([splits[k][measure] for k in sorted(splits)], float)

    def means(self, sets: Sequence[str], systems: Sequence[str], measure: str) -> np.ndarray:
        """Return the means over the splits, (sets, systems)."""
        return np.array(
            [[self.values(name, s, measure).mean() for s in systems] for name in sets], float
        ).reshape(len(sets), len(systems))

    def floors(self, sets: Sequence[str]) -> np.ndarray:
        """Return the least error that is told from none: half a row of all test rows, (sets,)."""
        found = []
        for name in sets:
            splits = next(iter(self.by_set[name].values())).values()
            rows = sum(r["n_test"] for r in splits)
            classes = SETS[name].task == "classification"
            found.append(0.5 / rows if classes else np.finfo(float).tiny)
        return np.array(found)
