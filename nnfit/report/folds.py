"""The table of a cross-validation on stdout: each metric, its mean and its spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from nnfit.report.figures import count, cut, number
from nnfit.report.screen import Cell, Screen


def print_folds(result: Mapping[str, Any], stream: TextIO) -> None:
    """Print `metrics` of a result: by name their `mean` and `sd` over its `folds`."""
    screen = Screen(stream)
    rows: list[list[Cell]] = [
        [cut(name, 40), number(of["mean"]), number(of["sd"])]
        for name, of in result["metrics"].items()
    ]
    folds = count(len(result["folds"]), "fold")
    screen.write(screen.table("lrr", [f"metric over {folds}", "mean", "sd"], rows))
