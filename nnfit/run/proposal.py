"""The config that `nnfit init` proposes for a CSV: it trains as it stands.

What would stop a training run is settled here and said in a comment: tokens for missing cells,
ids, numbers that are categories. The network and its training are those of a preset.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnfit.config.presets import By, ByTask, Shape, left_open, told
from nnfit.config.reading import ConfigFile, load_config
from nnfit.config.rendering import render
from nnfit.csv.frames import with_columns
from nnfit.dataset.deciding import choose_head, shape_of
from nnfit.dataset.reading import csv_format
from nnfit.errors import listed, require_columns, shorten
from nnfit.observer import Finding, Observer
from nnfit.run.dialect import find_format, read_plain
from nnfit.table.cells import cell_type, parse_number, read_floats
from nnfit.table.columns import decide_columns
from nnfit.table.labels import LabelEncoder
from nnfit.table.rows import NamedRows
from nnfit.table.survey import Reason, Sight, copies_of_target, look_at, reason_to_leave_out
from nnfit.table.targets import drop_rows_without_target
from nnfit.table.task import MAX_INTEGER_CLASSES, decide_task, refuse_one_row
from nnfit.table.words import settle_words

if TYPE_CHECKING:
    import pandas as pd

    from nnfit.config.schema import DataConfig

MAX_TOKENS = 3  # that many spellings of "missing" in one column of numbers are believed
GAP_SIGNS = frozenset("missing unknown n.a. n.a na nil none n/k nd blank empty".split())
DROPPED = ("empty", "one value")  # by training, which says so
ENOUGH = 200  # rows for a test part


def propose(
    path: str,
    stored_path: str,
    targets: Sequence[str],
    overrides: Sequence[str],
    observer: Observer,
    preset: str = "default",
) -> str:
    """Return a commented YAML config for the CSV at `path`, which it calls `stored_path`.

    `targets` are the columns to predict; `overrides`, KEY=VALUE, win over what is proposed. The
    preset's values for this table are written out, so that none is left to decide.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    # what is asked for may change how the file is read, so it is looked at first
    tree: dict[str, Any] = {
        "preset": preset, "data": {"path": stored_path, "target": list(targets)}
    }  # fmt: skip
    asked = load_config(tree, overrides)
    data = asked.config.data
    flat = {override.split("=", 1)[0].strip() for override in overrides}
    if asked.config.task != data.task:  # the loss settles it
        data = data.model_copy(update={"task": asked.config.task})
    fmt, lines = find_format(path, csv_format(asked.config), flat)
    rows, marks = read_plain(path, fmt, data, observer)
    require_columns(rows.name, rows.columns, data.target, key="--target")
    rows = settle_words(rows, data, observer)
    values, comments, known, labels = _decide(rows, data, flat, observer)
    if fmt.delimiter != ",":
        values["data.delimiter"] = fmt.delimiter
    values.update(lines | marks)
    comments |= dict.fromkeys(marks, "found in the numbers of this file")
    comments |= dict.fromkeys(lines, "found above the header")
    values["output"] = _output(stored_path)
    comments = {key: text for key, text in comments.items() if key not in flat}
    for key, value in values.items():
        section, _, last = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[last] = value
    file = load_config(tree, overrides)
    return _written_out(file, _shape(file, known, labels), comments)


def _shape(file: ConfigFile, rows: NamedRows, labels: LabelEncoder | None) -> Shape:
    """Return the sizes that training with the config will find in the rows that have a target."""
    config = file.config
    where = file.where("features")
    columns = decide_columns(rows, config.data, config.features, where, Observer())
    return shape_of(rows, columns, choose_head(config, labels)[1], labels)


def _written_out(file: ConfigFile, shape: Shape, comments: Mapping[str, str]) -> str:
    """Return the config as YAML with the preset's values in the place of its name."""
    resolved = file.resolved(shape).config
    rules = {k: rule for k, rule in left_open(file.config).items() if isinstance(rule, By | ByTask)}
    of = {key: told(rule) for key, rule in rules.items()}
    if resolved.preset != "none":
        of["preset"] = f"every value is written out; those of {resolved.preset} are for {shape}"
    return render(resolved.model_copy(update={"preset": "none"}), {**of, **comments})


def _output(path: str) -> str:
    stem = path.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0]
    return f"{stem}.npz" if stem and stem != "-" else "model.npz"


def _decide(
    rows: NamedRows, data: DataConfig, asked: Collection[str], observer: Observer
) -> tuple[dict[str, Any], dict[str, str], NamedRows, LabelEncoder | None]:
    """Return values by dotted key, the comments that say why, the rows to learn from, the labels.

    `asked` keys are settled.
    """
    values: dict[str, Any] = {}
    comments: dict[str, str] = {}
    read = _how_to_read(rows, data, asked)
    if read.tokens:
        everywhere = _everywhere(read.tokens, rows, data.target)
        values["data.missing_values"] = everywhere or read.tokens
        comments["data.missing_values"] = "found where the other cells are numbers"
        rows = _masked(rows, dict.fromkeys(rows.columns, everywhere) if everywhere else read.tokens)
    if read.categorical:
        values["data.categorical"] = read.categorical
    table, rows = rows, drop_rows_without_target(rows, data.target, observer)
    refuse_one_row(rows)
    task = decide_task(rows, data.target, read.task, observer)
    labels = None
    if task == "classification":
        labels = LabelEncoder.fit(rows.column(data.target[0]), observer)
    sights = {name: look_at(table.column(name)) for name in table.columns}
    reasons = _reasons(table, data, sights, read.categorical, labels)
    stay = "" if None in reasons.values() else "for want of others"
    stay = "as asked" if "data.exclude" in asked else stay
    out = {name: why for name, why in reasons.items() if why and why not in DROPPED and not stay}
    if out:
        values["data.exclude"] = [*data.exclude, *out]
        comments["data.exclude"] = "; ".join(f"{name}: {why}" for name, why in out.items())
    values["data.task"] = task
    by = f"decided from {len(rows)} rows" if data.task == "auto" else "as the loss is"
    comments["data.task"] = f"{by}; regression | classification"
    if len(rows) >= ENOUGH:
        values["data.test"] = 0.2
    decisions = _decisions(rows, data, read.tokens, labels)
    for name, why in reasons.items():
        if why:
            became = "dropped in training" if why in DROPPED else stay or "left out"
            decisions[name] = f"{'input, ' if became == stay else ''}{became}: {why}"
    observer.surveyed([_finding(sights[name], read, decisions[name]) for name in rows.columns])
    return values, comments, rows, labels


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """How columns are read: tokens for gaps by column, numbers that are categories, the task."""

    tokens: Mapping[str, Sequence[str]]
    categorical: Sequence[str]
    task: Literal["auto", "regression", "classification"]


def _how_to_read(rows: NamedRows, data: DataConfig, asked: Collection[str]) -> _Reading:
    """Return what would stop a training run, settled where its key is not `asked`."""
    tokens: dict[str, list[str]] = {}
    categorical, task = list(data.categorical), data.task
    settled = {*data.exclude, *categorical, *data.roles.values()}
    for column in rows.columns:  # a gap in a target is a row less, not a class more
        odd, n_numbers = _odd_cells(rows.column(column).cells)
        if not odd or column in settled:
            continue
        few = n_numbers <= MAX_INTEGER_CLASSES  # which may be classes, and odd ones among them
        if column in data.target and few and len(data.target) == 1:
            settled_task = "data.task" in asked or task != "auto"
            task = task if settled_task else "classification"
        elif len(odd) <= MAX_TOKENS and (not few or all(map(_is_gap_sign, odd))):
            tokens |= {} if "data.missing_values" in asked else {column: odd}
        elif column not in data.target and "data.categorical" not in asked:
            categorical.append(column)
    return _Reading(tokens=tokens, categorical=categorical, task=task)


def _masked(rows: NamedRows, tokens: Mapping[str, Sequence[str]]) -> NamedRows:
    """Return the rows with gaps where a column has one of its tokens."""
    frame = rows.frame
    masked = {name: frame[name].mask(frame[name].isin(odd)) for name, odd in tokens.items()}
    return dataclasses.replace(rows, frame=with_columns(frame, masked))


def _reasons(
    rows: NamedRows,
    data: DataConfig,
    sights: Mapping[str, Sight],
    categorical: Sequence[str],
    labels: LabelEncoder | None,
) -> Mapping[str, Reason | None]:
    """Return for each feature why it is better left out, None where it is not."""
    unused = {*data.target, *data.exclude, *data.roles.values()}
    if data.include is not None:
        unused |= {name for name in rows.columns if name not in data.include}
    features = [name for name in rows.columns if name not in unused]
    reasons = {name: reason_to_leave_out(rows.column(name), sights[name]) for name in features}
    settled = [name for name in features if name in categorical and reasons[name] not in DROPPED]
    copies = copies_of_target(rows, features, data.target, labels is not None)
    return reasons | dict.fromkeys(settled) | dict.fromkeys(copies, "the target in other words")


def _decisions(
    rows: NamedRows,
    data: DataConfig,
    tokens: Mapping[str, Sequence[str]],
    labels: LabelEncoder | None,
) -> dict[str, str]:
    """Return in a few words what becomes of each column, by its part in the config alone."""
    target = "target: a quantity"
    if labels is not None:
        label, share = labels.most_frequent(rows)
        most = f"{shorten(repr(label))} in {100 * share:.1f} %"
        target = f"target: {len(labels.classes)} classes, {most}"
    decisions = {}
    for name in rows.columns:
        decision = "input" if data.include is None or name in data.include else "left out: asked"
        if name in data.target:
            decision = target
        elif key := next((key for key, column in data.roles.items() if column == name), ""):
            decision = {"weight": "weight of each row", "groups": "keeps its rows together"}.get(
                key, "orders the rows"
            )
        elif name in data.exclude:
            decision = "left out: asked"
        gap = f"; {listed(tokens[name])} is a gap" if name in tokens else ""
        decisions[name] = decision + gap
    return decisions


def _finding(sight: Sight, read: _Reading, decision: str) -> Finding:
    """Return what is shown of a column; an input has the name that training gives its kind."""
    kind: str = "categorical" if sight.name in read.categorical else sight.kind
    if decision.startswith("input"):
        kind = {"number": "numeric", "true/false": "boolean", "text": "categorical"}.get(kind, kind)
    return Finding(
        column=sight.name,
        kind=kind,
        distinct=sight.n_distinct,
        gaps=sight.n_gaps,
        example=sight.example,
        decision=decision,
    )


def _odd_cells(series: pd.Series[Any]) -> tuple[list[str], int]:
    """Return the cells that are no numbers in a column that mostly holds numbers.

    And how many different numbers it holds.
    """
    if cell_type(series) != "text":
        return [], 0
    values, failed = read_floats(series, parse_number)
    n_cells = int(series.notna().sum())
    if (n_cells - len(failed)) * 2 <= n_cells:
        return [], 0
    odd = [str(cell) for cell in series.iloc[failed].unique()]
    return odd, len(np.unique(values[~np.isnan(values)]))


def _is_gap_sign(cell: str) -> bool:
    """Return whether a cell says by itself that nothing is there: `?`, `-`, `unknown`."""
    return not any(map(str.isalnum, cell)) or cell.strip().lower() in GAP_SIGNS


def _everywhere(
    tokens: Mapping[str, Sequence[str]], rows: NamedRows, targets: Sequence[str]
) -> list[str]:
    """Return the tokens of all columns as one list, if none is a value in another column."""
    every = list(dict.fromkeys(token for odd in tokens.values() for token in odd))
    values = [token for token in every if not _is_gap_sign(token)]
    others = rows.frame.drop(columns=list(tokens))
    classes = others[[name for name in targets if name not in tokens]]
    ordinary = others.isin(values).to_numpy().any() or classes.isin(every).to_numpy().any()
    return [] if ordinary else every
