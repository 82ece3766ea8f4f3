"""What a model keeps of its making: the config as commands read it, and how training went.

Each is read once, key by key. What no command reads of the config is shown as it is, and is not
here; keys that older models lack have their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from nnfit.csv.dialect import CsvFormat
from nnfit.nn.names import BEST_METRICS, OPTIMIZERS, SCHEDULES
from nnfit.storage import json_checks as check
from nnfit.storage.json_checks import checked
from nnfit.table.spelling import Written
from nnfit.table.splitting import PARTS
from nnfit.table.weights import ClassWeight

MAX_EPOCHS = 10**9
MAX_ROWS = 2**53
_COMMENTS = tuple(map(chr, (0x21, *range(0x23, 0x7F))))  # but for a quote or a blank


def _path(meta: object, where: str) -> str:
    path = check.text(meta, where)
    if not path or "\0" in path:
        raise ValueError(f"{where} must be the path of a file")
    return path


def _delimiter(meta: object, where: str) -> str:
    return CsvFormat(check.text(meta, where)).delimiter


def _comment(meta: object, where: str) -> str:
    if meta not in _COMMENTS:
        raise ValueError(f"{where} must be one ASCII character")
    return check.text(meta, where)


def _tokens(meta: object, where: str) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    one = check.list_of(check.text)
    return check.mapping_of(one)(meta, where) if isinstance(meta, dict) else one(meta, where)


def _held_out(meta: object, where: str) -> float | str:
    return _path(meta, where) if isinstance(meta, str) else _fraction(meta, where)


def _class_weight(meta: object, where: str) -> ClassWeight:
    if isinstance(meta, dict):
        return check.mapping_of(_not_negative)(meta, where)
    return cast(ClassWeight, check.one_of("balanced")(meta, where))


_epochs = check.list_of(check.integer(0, MAX_EPOCHS))
_fraction = check.number("a number in [0, 1)", lambda value: 0.0 <= value < 1.0)
_not_negative = check.number("a number >= 0", lambda value: value >= 0.0)
_positive = check.number("a number > 0", lambda value: value > 0.0)


@dataclass(frozen=True, kw_only=True)
class KeptData:
    """The keys of `data` that tell how a CSV is read, and which of its rows fell to which part."""

    path: str = checked(_path)
    task: str = checked(check.one_of("auto", "regression", "classification"))
    include: tuple[str, ...] | None = checked(check.or_null(check.texts))
    exclude: tuple[str, ...] = checked(check.texts)
    weight: str | None = checked(check.or_null(check.text))
    delimiter: str = checked(_delimiter)
    decimal: str = checked(check.one_of(".", ","), default=".")
    thousands: str | None = checked(check.or_null(check.one_of(",", ".", " ")), default=None)
    numbers: str = checked(check.one_of("auto", "plain"), default="auto")
    skip_rows: int = checked(check.integer(0, 10**6), default=0)
    comment: str | None = checked(check.or_null(_comment), default=None)
    header: bool = checked(check.flag)
    missing_values: tuple[str, ...] | Mapping[str, tuple[str, ...]] = checked(_tokens)
    validation: float | str = checked(_held_out)
    test: float | str = checked(_held_out)
    groups: str | None = checked(check.or_null(check.text), default=None)
    time: str | None = checked(check.or_null(check.text), default=None)

    @property
    def written(self) -> Written:
        """How numbers are written."""
        return Written(self.decimal, self.thousands, self.numbers == "auto")

    @property
    def roles(self) -> dict[str, str]:
        """The columns that are neither target nor feature, by key."""
        named = {"weight": self.weight, "groups": self.groups, "time": self.time}
        return {key: name for key, name in named.items() if name is not None}

    @property
    def has_folds(self) -> bool:
        """Whether each member held out a fold of the training rows."""
        return self.validation == "folds"

    def held_out(self, part: str) -> float | str:
        """Return what was held out for `part` alone: a fraction, or a CSV."""
        if part == "validation" and self.has_folds:
            return 0.0
        return self.validation if part == "validation" else self.test


@dataclass(frozen=True, kw_only=True)
class KeptOptimizer:
    """The keys of `optimizer` by which a step of training differs from gradient descent."""

    name: str = checked(check.one_of(*OPTIMIZERS))
    learning_rate: float = checked(_positive)
    momentum: float = checked(_fraction)
    weight_decay: float = checked(_not_negative)
    clip_norm: float | None = checked(check.or_null(_positive))
    schedule: str = checked(check.one_of(*SCHEDULES))
    bias_rate: float = checked(_positive, default=1.0)
    scale_rate: float = checked(_positive, default=1.0)


@dataclass(frozen=True, kw_only=True)
class KeptModel:
    """The key of `model` that is of training alone."""

    parametrization: str = checked(check.one_of("standard", "ntk"), default="standard")


@dataclass(frozen=True, kw_only=True)
class KeptTraining:
    """The keys of `training` by which the targets it saw differ, or its best epoch."""

    best: str = checked(check.one_of("loss", *BEST_METRICS), default="loss")
    label_smoothing: float = checked(_fraction, default=0.0)


@dataclass(frozen=True, kw_only=True)
class KeptConfig:
    """The resolved config, as far as commands on a model read it."""

    preset: str | None = checked(check.text, default=None)  # where its values came from
    data: KeptData = checked(check.parsed(KeptData))
    class_weight: ClassWeight | None = checked(check.or_null(_class_weight))
    model: KeptModel = checked(check.parsed(KeptModel))
    optimizer: KeptOptimizer = checked(check.parsed(KeptOptimizer))
    training: KeptTraining = checked(check.parsed(KeptTraining))
    seed: int = checked(check.integer(0, 2**63 - 1))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How training went, `rows` by part; the defaults are of a model that was not trained."""

    epochs: int = checked(check.integer(0, MAX_EPOCHS), default=0)
    best_epoch: int = checked(check.integer(0, MAX_EPOCHS), default=0)
    stopped_early: bool = checked(check.flag, default=False)
    best_epochs: tuple[int, ...] = checked(_epochs, default=())  # of several members, each one's
    rows: Mapping[str, int] = checked(
        check.mapping_of(check.integer(0, MAX_ROWS), PARTS), default_factory=dict
    )

    def __post_init__(self) -> None:
        if max(self.best_epoch, *self.best_epochs, 0) > self.epochs:
            raise ValueError("training.best_epoch must be one of its epochs")


kept_config = check.parsed(KeptConfig)
trained = check.parsed(Trained)
kept_metrics = check.mapping_of(check.or_null(check.mapping_of(check.in_range)), PARTS)
