"""Presets: the values of keys that a config leaves open, by the size of its table.

They are one table, `PRESETS`, which docs/presets.md shows. What a key means is the schema's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from nnfit.config.conflicts import Conflict, conflicts
from nnfit.config.rendering import as_yaml
from nnfit.config.schema import Config

NAMES = ("fast", "default", "best")
SIZES = {"rarest": "of the rarest class", "numbers": "numeric columns"}  # told in other words


class Shape(NamedTuple):
    """What the values depend on: rows with a target, columns that are inputs, outputs, the task.

    `rarest` are the rows of the rarest class, in a regression all; `numbers` are the columns that
    are numeric.
    """

    rows: int
    columns: int
    outputs: int
    task: str
    rarest: int
    numbers: int

    def __str__(self) -> str:
        return f"{self.rows:,} rows, {self.columns:,} columns, {self.task}"


@dataclass(frozen=True)
class By:
    """A value by a size of the table: that of the first limit which it does not exceed.

    It may be `By` another size.
    """

    size: Literal["rows", "columns", "outputs", "rarest", "numbers"]
    up_to: tuple[tuple[int, Any], ...]
    beyond: Any

    def of(self, shape: Shape) -> Any:
        """Return the value for a table."""
        size = getattr(shape, self.size)
        value = next((value for limit, value in self.up_to if size <= limit), self.beyond)
        return _settled(value, shape)

    def __str__(self) -> str:
        size = SIZES.get(self.size, self.size)
        steps = [
            f"{told(value)} to {limit:,} {size}" if limit else f"{told(value)} without {size}"
            for limit, value in self.up_to
        ]
        return ", ".join([*steps, f"then {told(self.beyond)}"])


@dataclass(frozen=True)
class ByTask:
    """A value for each task; either may be `By` a size."""

    regression: Any
    classification: Any

    def of(self, shape: Shape) -> Any:
        """Return the value for a table."""
        return _settled(getattr(self, shape.task), shape)

    def __str__(self) -> str:
        return f"regression: {told(self.regression)}; classification: {told(self.classification)}"


def each(fast: Any, default: Any, best: Any) -> Mapping[str, Any]:
    """Return a row of the table."""
    return dict(zip(NAMES, (fast, default, best), strict=True))


def same(value: Any) -> Mapping[str, Any]:
    """Return a row of the table whose value is that of every preset."""
    return each(value, value, value)


_BINS = ByTask(By("rows", ((5_000, 12),), 32), By("rows", ((1_500, 0),), 12))

# By dotted key; none by which rows are read, kinds and task decided, or the outputs counted.
# Where a class has too few rows for the folds, and a test set, a fraction is held out.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "data.validation": same(
        By("rows", ((9, 0.0),), By("rarest", ((4, 0.2),), "folds")),
    ),
    "preprocessing.numeric": same("robust"),
    "preprocessing.bins": each(
        By("numbers", ((0, 0),), ByTask(12, 0)),
        By("numbers", ((0, 0),), _BINS),
        By("numbers", ((0, 0),), _BINS),
    ),
    "preprocessing.max_categories": same(400),
    "preprocessing.clamp": same(ByTask(True, False)),
    "model.members": each(
        By("columns", ((1_000, 4),), 2),
        By("columns", ((1_000, By("rarest", ((9, 4),), By("rows", ((5_000, 8),), 4))),), 2),
        By("columns", ((1_000, By("rarest", ((9, 4), (19, 8)), 16)),), 2),
    ),
    "model.hidden_sizes": each((64, 64, 64), (128, 128, 128), (128, 128, 128)),
    "model.parametrization": same("ntk"),
    "model.output_initialization": same("zeros"),
    "model.bias_initialization": same("normal"),
    "model.input_scale": same(True),
    "optimizer.learning_rate": same(ByTask(0.08, 0.04)),
    "optimizer.betas": same((0.9, 0.95)),
    "optimizer.schedule": same("coslog4"),
    "optimizer.bias_rate": same(0.1),
    "optimizer.scale_rate": same(6.0),
    "calibrate": same(By("rows", ((9, "none"),), "auto")),
    "training.epochs": each(By("rows", ((1_000, 64), (3_000, 32)), 10), 64, 128),
    "training.patience": each(*(By("rows", ((9, None),), n) for n in (16, 16, 32))),
    "training.patience_factor": same(2.0),
    "training.batch_size": same(
        By("rows", ((500, 32), (900, 64), (1_500, 96), (12_000, 128)), 256)
    ),
}


def chosen(config: Config) -> str:
    """Return the preset that `config` names, or means by what it leaves open."""
    if config.preset is not None:
        return config.preset
    own = (config.model, config.optimizer, config.training)
    keys = {key for section in own for key in section.model_fields_set}
    return "none" if keys - {"engine"} else "default"


def left_open(config: Config) -> Mapping[str, Any]:
    """Return for each key that `config` leaves to its preset the value, or the rule for it."""
    name = chosen(config)
    rules = {} if name == "none" else {key: row[name] for key, row in PRESETS.items()}
    return {key: rule for key, rule in rules.items() if not _is_set(config, key)}


def resolve(config: Config, shape: Shape) -> Config:
    """Return `config` with its preset's values for a table; what it sets itself wins.

    A value that does not go together with what is set is left at the schema's default.
    """
    filled = {key: _settled(rule, shape) for key, rule in left_open(config).items()}
    while True:
        resolved = with_values(config, filled)
        clashing = {key for conflict in conflicts(resolved) for key in conflict.keys}
        if not clashing & filled.keys():
            return resolved
        filled = {key: value for key, value in filled.items() if key not in clashing}


def settled_conflicts(config: Config) -> list[Conflict]:
    """Return the conflicts in which no key is left to a preset, whose value is not known yet."""
    unknown = left_open(config).keys()
    return [conflict for conflict in conflicts(config) if not unknown & {*conflict.keys}]


def decided(config: Config, resolved: Config, shape: Shape) -> str:
    """Return in a sentence what the preset made of the keys that `config` leaves open, or ''."""
    values = [f"{key.split('.')[-1]} {told(_value(resolved, key))}" for key in left_open(config)]
    return f"preset {resolved.preset}, for {shape}: {', '.join(values)}" if values else ""


def told(value: Any) -> str:
    """Return a value or a rule for a person, in one line."""
    return str(value) if isinstance(value, By | ByTask) else as_yaml(value)


def _settled(rule: Any, shape: Shape) -> Any:
    return rule.of(shape) if isinstance(rule, By | ByTask) else rule


def _is_set(config: Config, key: str) -> bool:
    section, _, name = key.rpartition(".")
    return name in (getattr(config, section) if section else config).model_fields_set


def _value(config: Config, key: str) -> Any:
    section, _, name = key.rpartition(".")
    return getattr(getattr(config, section) if section else config, name)


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return `config` with values by dotted key, and with the name of its preset."""
    update: dict[str, Any] = {"preset": chosen(config)}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section:
            inner = update.get(section, getattr(config, section))
            update[section] = inner.model_copy(update={name: value})
        else:
            update[name] = value
    return config.model_copy(update=update)
