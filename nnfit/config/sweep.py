"""What a sweep is asked for: the config, the keys to vary, how many trials, and what judges them.

It stands in a file that names a config, or in the options of a command, which win.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from nnfit.config import fields
from nnfit.config.messages import FIELDS, Problem, dotted
from nnfit.config.nodes import Node
from nnfit.config.places import Place, Tree
from nnfit.config.reading import ConfigFile, Draft, in_order, read_config, read_root
from nnfit.config.scalars import shown
from nnfit.config.space import Axis, axes_of_node, axis_of_option
from nnfit.errors import ConfigError, did_you_mean, printable
from nnfit.nn.names import METRICS, SCORES

MAX_TRIALS = 100_000
SAMPLERS = ("grid", "random", "halving", "tpe")
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _time(text: str) -> str:
    if not (text[-1:] in UNITS and 0.0 < float(text[:-1]) < 1e9):
        raise ValueError
    return text


class SweepConfig(fields.Section):
    """The keys of a sweep's file, which are also the options of the command."""

    config: fields.PathText = Field(description="the config, relative to this file")
    over: dict[str, Any] = Field(
        default_factory=dict, description="values, or log(a, b), uniform(a, b), int(a, b), by key"
    )
    sampler: Annotated[str, fields.Choice(SAMPLERS)] | None = Field(
        None, description="grid | random | halving | tpe; default: grid of lists, else random"
    )
    trials: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=MAX_TRIALS)] | None,
        fields.Expect(f"an integer from 1 to {MAX_TRIALS}"),
    ] = Field(None, description="at most so many; default: the whole grid, else 20")
    time: Annotated[
        Annotated[str, AfterValidator(_time)] | None,
        fields.Expect("a time such as 90s, 10m or 2h"),
    ] = Field(None, description="no trial begins after it")
    cv: Annotated[
        Annotated[int, Field(strict=True, ge=2, le=1000)] | None,
        fields.Expect("an integer from 2 to 1000"),
    ] = Field(None, description="folds by which a trial is judged, instead of validation rows")
    metric: (
        Annotated[
            str,
            fields.Choice(
                dict.fromkeys(n for ns in (*METRICS.values(), SCORES.values()) for n in ns)
            ),
        ]
        | None
    ) = Field(None, description="default: log_loss of classes, rmse of quantities")
    seed: Annotated[
        int, Field(strict=True, ge=0, lt=2**63), fields.Expect("an integer in [0, 2**63)")
    ] = Field(0, description="of what is drawn; a trial's own is its config's")

    @property
    def seconds(self) -> float:
        """After how many seconds no trial begins."""
        text = self.time
        return math.inf if text is None else float(text[:-1]) * UNITS[text[-1]]


@dataclass(frozen=True, kw_only=True)
class SweepFile:
    """A checked sweep: `base` is its config without any of the values that are tried.

    `sampler` is the one that is asked for, or follows from the axes. `stem` names the folder of the
    results where no option does.
    """

    config: SweepConfig
    axes: tuple[Axis, ...]
    draft: Draft
    base: ConfigFile
    stem: str

    @property
    def sampler(self) -> str:
        """The sampler's name."""
        ranges = any(axis.law for axis in self.axes)
        return self.config.sampler or ("random" if ranges else "grid")

    @property
    def grid(self) -> float:
        """The number of combinations of all values; infinite where one is a range of reals."""
        counts = [
            len(axis.values) if not axis.law else axis.high - axis.low + 1 for axis in self.axes
        ]
        reals = any(axis.law in ("log", "uniform") for axis in self.axes)
        return math.inf if reals else math.prod(counts)

    def trial(self, settings: Mapping[str, Any]) -> ConfigFile:
        """Return the config of a trial with these values by dotted key.

        Raises
        ------
        ConfigError
            When they don't go together, or leave nothing to judge the trial by.
        """
        told = {axis.keys: axis.told(settings[axis.key]) for axis in self.axes}
        file = self.draft.with_values(told).checked()
        if self.config.cv is None and file.config.data.validation == 0:
            raise ConfigError(
                f"{file.where('data.validation')}: got 0; trials are compared by validation rows. "
                "Hold some out, such as 0.2, or compare by folds, --cv 5"
            )
        return file


def read_sweep(
    source: str,
    over: Sequence[str],
    options: Mapping[str, Any],
    overrides: Sequence[str] = (),
    data: str | None = None,
) -> SweepFile:
    """Return the sweep in the file `source`, or that of the options over the config `source`.

    Parameters
    ----------
    over : sequence of str
        `KEY=V1,V2`, or `KEY=log(LOW, HIGH)` and the like; they win over the same key in the file.
    options : mapping
        The values of other keys of the sweep, None where an option is not given.
    overrides, data
        Of the config, as for `load_config`.

    Raises
    ------
    ConfigError
        With a line for each error.
    """
    tree, node, name, stem = _read(source)
    config = source
    for i, (key, value) in enumerate(options.items()):
        if value is not None:
            tree.set((key,), value, Place(f"--{key}", (2, i, 0), key, printable(f"={value}")))
    settings = _checked(tree, name)
    if node is not None:
        config = os.path.join(os.path.dirname(source), settings.config)
    draft = read_config(config, overrides, data)
    base = draft.checked()
    axes = {} if node is None else {axis.keys: axis for axis in axes_of_node(node, name, draft)}
    lines: list[str] = []
    for i, text in enumerate(over):
        try:
            axis = axis_of_option(text, i, draft)
            axes[axis.keys] = axis
        except ConfigError as err:
            lines += err.messages
    if lines:
        raise ConfigError(*lines)
    sweep = SweepFile(
        config=settings,
        axes=tuple(axes.values()),
        draft=draft,
        base=base,
        stem=base.stem if node is None else stem,
    )
    if problems := _conflicts(sweep):
        raise ConfigError(*in_order(problems, tree, name))
    return sweep


def _read(source: str) -> tuple[Tree, Node | None, str, str]:
    """Return the tree of a sweep's file, what is below its `over`, its name and its stem.

    A config, known by having no `over`, is a sweep that names nothing but that config.
    """
    tree, name = Tree(), printable(source)
    if source != "-" and Path(source).is_file():
        root = read_root(source, name)
        assert isinstance(root.content, dict)
        if "over" in root.content:
            tree.read_nodes(root, name)
            return tree, root.content["over"][1], name, Path(source).stem
    tree.values["config"] = source
    return tree, None, name, ""


def _checked(tree: Tree, name: str) -> SweepConfig:
    """Return what the tree holds, by the schema; what is wrong is told in our words."""
    try:
        return SweepConfig.model_validate(tree.values)
    except ValidationError as err:
        problems = [_problem(detail) for detail in err.errors(include_url=False)]
        raise ConfigError(*in_order(problems, tree, name)) from None


def _problem(detail: ErrorDetails) -> Problem:
    key, kind = dotted(detail["loc"]), detail["type"]
    if kind == fields.ERROR_TYPE:
        return Problem(key, detail["msg"])
    if kind == "extra_forbidden":
        known = SweepConfig.model_fields
        near = did_you_mean(key, known) or f"; expected one of {', '.join(known)}"
        if key in FIELDS[""]:
            near = "; it belongs to the config that 'config' names"
        return Problem(key, f"unknown key {shown(key)}{near}", named=True)
    if kind == "missing":
        return Problem("", "config: missing; name the config whose keys are varied", named=True)
    value = shown(detail["input"])
    return Problem(key, f"got {value}; expected values by key, such as training.epochs: [9]")


def _conflicts(sweep: SweepFile) -> list[Problem]:
    """Return what makes no sense together."""
    config, axes = sweep.config, sweep.axes
    ranges = [axis.key for axis in axes if axis.law]
    problems = []
    if not axes:
        problems.append(
            Problem("over", "nothing to vary; expected --over KEY=V1,V2, or 'over:' in the file")
        )
    elif sweep.sampler == "grid" and ranges:
        problems.append(
            Problem(
                "sampler",
                f"got 'grid', but {ranges[0]} is a range; expected lists of values. List some, or "
                "take random, halving or tpe",
            )
        )
    elif sweep.sampler == "grid" and sweep.grid > MAX_TRIALS and config.trials is None:
        problems.append(
            Problem(
                "over",
                f"makes a grid of {sweep.grid:,} trials; expected at most {MAX_TRIALS:,}. Draw "
                "some: --sampler random --trials 100",
            )
        )
    if sweep.sampler == "halving" and config.cv is not None:
        problems.append(
            Problem("cv", "got folds with halving, which goes on with a run; expected one of them")
        )
    return problems
