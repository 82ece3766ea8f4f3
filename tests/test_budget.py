"""Models as large as each limit allows, and tables that unfold: every command keeps to the budget.

SECURITY.md states it: a GiB of memory for what small files declare. Time is told, not judged.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_hostile_tables import MEMORY, measured
from test_model_file import Arrays, arrays_of, meta_of, packed

import nnfit
from nnfit import budget
from nnfit.budget import block_widths, entries_checked, rows_at_once
from nnfit.errors import did_you_mean

Meta = dict[str, Any]


def test_pieces_are_as_short_as_they_are_wide() -> None:
    assert [rows_at_once(n, cells=100) for n in (0, 1, 7, 100, 10**9)] == [100, 100, 14, 1, 1]
    widths = (512, 256, 128)
    assert block_widths(budget.WORK_BYTES // 512, widths) == widths
    assert block_widths(budget.WORK_BYTES // 512 + 1, widths) == (256, 128)
    assert block_widths(budget.WORK_BYTES // 100, widths) == (64,)
    assert block_widths(budget.WORK_BYTES, widths) == (8,)
    assert block_widths(0, widths) == widths


def test_a_gradient_check_compares_what_it_can_afford() -> None:
    assert entries_checked(7, 7000, 8) == budget.ENTRIES_CHECKED
    assert 1 <= entries_checked(5, 10**6, 8) < budget.ENTRIES_CHECKED
    assert entries_checked(2000, 10**7, 1) == 0


def test_the_nearest_of_very_many_names() -> None:
    names = [f"column_number_{i}" for i in range(2000)]
    for slip in ("colunm_number_77", "column_numbr_77", "Column_Number_77"):
        assert did_you_mean(slip, names) == "; did you mean 'column_number_77'?"
    assert did_you_mean("quite another", names) == ""


def made(base: Path, sizes: list[int], change: Callable[[Meta], None] | None = None) -> bytes:
    """Return a model with layers of such `sizes`, all zeros, compressed, and its meta changed."""
    arrays: Arrays = arrays_of(base.read_bytes())
    meta = meta_of(base.read_bytes())
    arrays = {name: array for name, array in arrays.items() if name[0] not in "Wb"}
    meta["network"] |= {"sizes": sizes, "activations": ["relu"] * (len(sizes) - 2)}
    for i, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
        arrays[f"W{i}"] = np.zeros((n_out, n_in), np.float32)
        arrays[f"b{i}"] = np.zeros(n_out, np.float32)
    if change is not None:
        change(meta)
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return packed(arrays, compression=zipfile.ZIP_DEFLATED)


def classes(meta: Meta) -> None:
    meta["classes"] = [f"c{i}" for i in range(2000)]
    meta["network"] |= {"output_activation": "softmax", "loss": "cross_entropy"}


def targets(meta: Meta) -> None:
    names = [f"t{i}" for i in range(100_000)]
    meta["targets"] = names
    ones = [1.0] * len(names)
    meta["scaler"] = {"targets": names, "means": ones, "scales": ones}


def categories(meta: Meta) -> None:
    names = sorted(map(str, range(900_000)))
    meta["encoder"]["columns"] = [
        {"name": "x", "kind": "categorical", "categories": names, "other": False, "had_gaps": False}
    ]
    meta["encoder"]["inputs"] = [{"kind": "one_hot", "column": "x"}]


def expressions(meta: Meta) -> None:
    scaler = meta["encoder"]["inputs"][0]["scaler"]
    sums = ["+".join(f"sin({i}*x)" for i in range(k, k + 30)) for k in range(800)]
    meta["encoder"]["inputs"] = [
        {"kind": "expression", "expression": text, "scaler": scaler} for text in sums
    ]


def values(meta: Meta) -> None:
    meta["config"]["junk"] = ["ab"] * (budget.MAX_VALUES - 1000)


# a model's layers, what its meta says, and commands that take it
MODELS: dict[str, tuple[str, list[int], Callable[[Meta], None] | None, list[str]]] = {
    "units": (
        "b",
        [1, 1_000_000, 1],
        None,
        ["predict", "activations", "features", "inspect", "explain"],
    ),
    "layers": ("b", [1, *[55] * 998, 1], None, ["predict", "explain", "gradcheck", "surface"]),
    "weights": ("b", [1, 4000, 4000, 1], None, ["predict", "weights"]),
    "classes": ("c", [1, 4, 2000], classes, ["proba", "evaluate", "calibration"]),
    "targets": ("b", [1, 4, 100_000], targets, ["predict", "inspect"]),
    "categories": ("b", [900_000, 4, 1], categories, ["predict", "inspect"]),
    "expressions": ("b", [800, 1], expressions, ["predict"]),
    "values": ("b", [1, 4, 1], values, ["predict"]),
}
COMMANDS = {
    "predict": "predict MODEL rows.csv -q -o out.csv",
    "proba": "predict MODEL classes.csv --proba -q -o out.csv",
    "evaluate": "evaluate MODEL classes.csv -q",
    "activations": "activations MODEL row.csv --layer 1 -q -o out.csv",
    "inspect": "inspect MODEL",
    "explain": "explain MODEL row.csv",
    "gradcheck": "gradcheck MODEL --data rows.csv",
    **{
        kind: f"plot {kind} MODEL {table}.csv -o out.png"
        for kind, table in (("features", "rows"), ("surface", "rows"), ("calibration", "classes"))
    },
    "weights": "plot weights MODEL -o out.png",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_models_up_to_each_limit_keep_to_the_budget(folder: Path, name: str) -> None:
    x = np.arange(100)
    config = {"data": {"target": "y", "validation": 0}, "training": {"epochs": 1}}
    for of, y in (("b", x / 2), ("c", x % 2)):
        task = "classification" if of == "c" else "regression"
        config["data"] |= {"task": task}
        nnfit.train(config, pd.DataFrame({"x": x, "y": y})).save(f"{of}.npz")
    pd.DataFrame({"x": [1], "y": [1]}).to_csv("row.csv", index=False)
    pd.DataFrame({"x": x, "y": x}).to_csv("rows.csv", index=False)
    many = np.arange(5000)
    labels = [f"c{i % 2000}" for i in many]
    pd.DataFrame({"x": many, "y": labels}).to_csv("classes.csv", index=False)
    base, sizes, change, commands = MODELS[name]
    raw = made(Path(f"{base}.npz"), sizes, change)
    Path("m.npz").write_bytes(raw)
    for command in commands:
        ended = measured(*COMMANDS[command].replace("MODEL", "m.npz").split())
        print(f"{name}, {command}: exit {ended.code}, {ended.peak >> 20} MiB")
        assert ended.code in (0, 2), (command, ended)
        assert ended.peak < MEMORY + 3 * len(raw), (command, ended.peak, ended.err)
        assert all(len(line) < 2100 for line in ended.err.splitlines())
        assert "bug" not in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict b.npz d.csv.gz -q -o out.csv", "train c.yaml -q"])
def test_a_table_that_unfolds_keeps_to_the_budget(folder: Path, command: str) -> None:
    """300 KB of gzip that become 300 MB."""
    frame = pd.DataFrame({"x": np.arange(50), "y": np.arange(50)})
    nnfit.train({"data": {"target": "y"}, "training": {"epochs": 1}}, frame).save("b.npz")
    Path("c.yaml").write_text("data: {path: d.csv.gz, target: y}\n", encoding="utf-8")
    Path("d.csv.gz").write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * 75_000_000))
    ended = measured(*command.split())
    assert ended.code == 2 and ended.peak < MEMORY, ended
    assert "expected at most 200 times as many" in ended.err and ended.err.count("\n") == 1
