"""The tables that commands print on stdout: metrics, a model's insides.

They take the mappings that `--json` prints and work out nothing new; there are frames and colour
on a terminal only.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

from rich.console import Group, RenderableType
from rich.text import Text

from nnfit.report.figures import count, cut, is_number, listed, number, scalars, shape_text
from nnfit.report.run import metrics_table
from nnfit.report.screen import Cell, Screen, titled

NAME_WIDTH = 24
MAX_CONFUSIONS = 15
MAX_CLASSES = 20  # whose metrics are shown
MAX_MATRIX = 100  # classes of a confusion matrix that some terminal is wide enough for


def print_metrics(evaluation: Mapping[str, Any], stream: TextIO) -> None:
    """Print one evaluation.

    It holds `rows` (int), where they are to be told, and `metrics`: scalars, their `baseline` by
    name, and where they apply `confusion_matrix`, counts with true classes as rows and predicted
    ones as columns, `per_class`, metrics by label, and `per_target`, metrics by target. For a
    confusion matrix there are `classes` (labels in the matrix's order).
    """
    screen, metrics = Screen(stream), evaluation["metrics"]
    baseline = metrics.get("baseline") or {}
    figures = [(name, evaluation[name]) for name in ("rows",) if name in evaluation]
    figures += scalars(metrics).items()
    width = 3 if baseline else 2
    rows = [
        [cut(name, 40), number(value), number(baseline[name]) if name in baseline else ""][:width]
        for name, value in figures
    ]
    headers = ["metric", "value", "baseline"]
    blocks: list[RenderableType] = [screen.table("lrr"[:width], headers[:width], rows)]
    labels = [str(label) for label in evaluation.get("classes") or ()]
    for name, value in metrics.items():
        if name == "per_target" and value:
            blocks.append(titled("by target", _by_name(screen, "target", value)))
        elif name == "confusion_matrix" and value is not None:
            blocks.append(_confusion(screen, value, labels))
        elif name == "per_class" and value:
            blocks.append(_per_class(screen, value))
    if not rows:
        first = cast(Group, blocks[1])  # which has no table to stand apart from
        blocks[:2] = first.renderables[1:]
    screen.write(*blocks)


def _per_class(screen: Screen, per_class: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    if len(per_class) <= MAX_CLASSES:
        return titled("by class", _by_name(screen, "class", per_class))
    largest = heapq.nlargest(MAX_CLASSES, per_class.items(), lambda item: item[1]["support"])
    title = f"largest {MAX_CLASSES} of {count(len(per_class), 'class')} (--json has them all)"
    return titled(title, _by_name(screen, "class", dict(largest)))


def _by_name(screen: Screen, what: str, of: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """Return a row of metrics for each of `what`."""
    names = list(dict.fromkeys(name for values in of.values() for name in values))
    names = [n for n in names if all(is_number(v.get(n) or 0) for v in of.values())]
    del names[3 if screen.narrow else len(names) :]
    rows: list[list[Cell]] = [
        [cut(label, NAME_WIDTH), *(number(values.get(name)) for name in names)]
        for label, values in of.items()
    ]
    return screen.table("l" + "r" * len(names), [what, *names], rows)


def _confusion(
    screen: Screen, matrix: Sequence[Sequence[int]], labels: list[str]
) -> RenderableType:
    labels = labels or [str(i) for i in range(len(matrix))]
    heads = [cut(label, 12) for label in labels]
    # Labels that look the same once cut would make a matrix nobody can read.
    if len(set(heads)) == len(heads) <= MAX_MATRIX:
        rows: list[list[Cell]] = [
            [cut(label, NAME_WIDTH), *(_count(n, i == j) for j, n in enumerate(line))]
            for i, (label, line) in enumerate(zip(labels, matrix, strict=True))
        ]
        table = screen.table("l" + "r" * len(heads), ["true \\ predicted", *heads], rows)
        if screen.fits(table):
            return titled("confusion matrix", table)
    cells = ((-n, i, j) for i, line in enumerate(matrix) for j, n in enumerate(line) if n)
    most = heapq.nsmallest(MAX_CONFUSIONS, ((n, i, j) for n, i, j in cells if i != j))
    rows = [[labels[i], labels[j], number(-n)] for n, i, j in most]
    title = f"most confused of {count(len(labels), 'class')} (--json has the whole matrix)"
    return titled(title, screen.table("llr", ["true", "predicted", "rows"], rows))


def _count(n: int, right: bool) -> Text:
    return Text(number(int(n)), "green" if right and n else "red" if n else "dim")


def print_inspection(info: Mapping[str, Any], stream: TextIO) -> None:
    """Print what a model file holds.

    Any of: `model`, `nnfit_version`, `format_version`, `task`, `loss`, `dtype`, `inputs`,
    `n_parameters`, `members`, `n_parameters_in_all` (one figure or word each), `preset` (a word, or
    None), `quantiles`, `targets`, `classes` (names), `cut_to` (the smallest and the largest
    prediction by target), `layers` (each `layer`, `inputs`, `outputs`, `activation`, `parameters`,
    `weight_mean`, `weight_std`), `columns` (each `name`, `kind`, `detail`), `metrics` (by split)
    and `training` (name to figure, or to figures by name), `held_out` (as `HeldOut.to_json`).
    """
    screen = Screen(stream)
    single = ("model", "nnfit_version", "format_version", "task", "loss", "dtype", "inputs",
              "n_parameters", "members", "n_parameters_in_all")  # fmt: skip
    rows: list[tuple[str, Cell]] = [(k, _word(info[k])) for k in single if k in info]
    if info.get("preset") is not None:
        rows.append(("preset", cut(info["preset"], 40)))
    if quantiles := info.get("quantiles"):
        rows.append(("quantiles", listed([repr(q) for q in quantiles], shown=20)))
    for key in ("targets", "classes"):
        if names := info.get(key):
            rows.append((key, f"{len(names)}: {listed(names, shown=20)}"))
    if ranges := info.get("cut_to"):
        told = [f"{target} ({a:.12g} to {b:.12g})" for target, (a, b) in ranges.items()]
        rows.append(("predictions", f"cut to the training range of {listed(told, width=60)}"))
    blocks: list[RenderableType] = [screen.pairs(rows)]
    if info.get("layers"):
        blocks.append(titled("layers", _layers(screen, info["layers"])))
    if info.get("columns"):
        blocks.append(titled("columns", _columns(screen, info["columns"])))
    metrics = metrics_table(screen, info.get("metrics") or {})
    if metrics is not None:
        blocks.append(titled("metrics", metrics))
    if info.get("held_out"):
        blocks.append(titled("held-out rows", screen.pairs(_held_out(info["held_out"]))))
    if info.get("training"):
        training = [(k, _word(v)) for k, v in info["training"].items()]
        blocks.append(titled("training", screen.pairs(training)))
    screen.write(*blocks)


def _held_out(told: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """Return what a model knows from the rows that were held out, as names and values."""
    by = "each by a fold" if told["by"] == "out_of_fold" else "validation rows"
    rows: list[tuple[str, Cell]] = [("rows", f"{_word(told['rows'])}, {by}")]
    if told["after"]:
        rows.append(("temperature", number(told["temperature"])))
    for name, after in told["after"].items():
        rows.append((name, f"{number(told['before'].get(name))} before, {number(after)} after"))
    for name, value in told["thresholds"].items():
        rows.append((f"threshold, {name}", number(value)))
    for share, reach in told["reach"].items():
        ends = [f"{target} ± {number(value)}" for target, value in reach.items()]
        rows.append((f"{100 * float(share):g} % of rows within", listed(ends, width=60)))
    return rows


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_word(figure)} {name}" for name, figure in value.items())
    return f"{value:,}" if isinstance(value, int) else number(value)


def _layers(screen: Screen, layers: Sequence[Mapping[str, Any]]) -> RenderableType:
    headers = ["layer", "shape of W", "activation", "parameters", "mean W", "std W"]
    rows = [
        [str(layer["layer"]), shape_text((layer["outputs"], layer["inputs"])),
         str(layer["activation"]), _word(layer["parameters"]), number(layer["weight_mean"]),
         number(layer["weight_std"])]
        for layer in layers
    ]  # fmt: skip
    shown = 4 if screen.narrow else 6
    return screen.table("rrlrrr"[:shown], headers[:shown], [row[:shown] for row in rows])


def _columns(screen: Screen, columns: Sequence[Mapping[str, Any]]) -> RenderableType:
    rows = [[cut(str(c["name"]), NAME_WIDTH), str(c["kind"]), str(c["detail"])] for c in columns]
    return screen.table("lll", ["name", "kind", "how encoded"], rows)
