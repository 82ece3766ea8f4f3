"""What the schema refuses, in our words: pydantic's errors in, the keys and their complaints out.

Where a key stands in the file is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nnfit.config.fields import ERROR_TYPE, MANY, ONE
from nnfit.config.presets import settled_conflicts
from nnfit.config.scalars import shown
from nnfit.config.schema import Config
from nnfit.errors import SHOWN_LENGTH, did_you_mean

# Of each section, "" being the top level.
FIELDS: dict[str, tuple[str, ...]] = {"": tuple(Config.model_fields)}
for _name, _field in Config.model_fields.items():
    if isinstance(_field.annotation, type) and issubclass(_field.annotation, BaseModel):
        FIELDS[_name] = tuple(_field.annotation.model_fields)

MAX_PROBLEMS = 100  # a foreign YAML file may have a wrong key in every line

_REQUIRED = {
    "data.path": "missing; name the CSV, or give it with --data",
    "data.target": "missing; name the column to predict",
}


class Problem(NamedTuple):
    """What is wrong with a key; `named` when the text says which key it is."""

    key: str
    text: str
    named: bool = False


def dotted(loc: Sequence[str | int]) -> str:
    """Return a pydantic location as a key: `model.hidden_sizes[1]`."""
    key = ""
    for step in loc:
        if step not in (ONE, MANY):
            key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    return key


def unknown_key(section: str, name: str) -> str:
    """Return the complaint on a key that the schema lacks, with where it may have been meant."""
    key = f"{section}.{name}" if section else name
    said = f"unknown key {shown(key)}"
    homes = [home for home, names in FIELDS.items() if name in names and home != section]
    if homes:
        return f"{said}; it {f'belongs to {homes[0]!r}' if homes[0] else 'stands at the top'}"
    everywhere = {other: home for home, names in FIELDS.items() for other in names}
    short = name[:SHOWN_LENGTH]  # difflib takes its time over a long one
    near = did_you_mean(short, FIELDS[section]) or did_you_mean(
        short, [f"{home}.{other}" for other, home in everywhere.items() if home]
    )
    return said + (near or f"; expected one of {', '.join(FIELDS[section])}")


def accepts(keys: Sequence[str], value: Any) -> bool:
    """Return whether the schema takes `value` for the key, whatever is set beside it."""
    tree, key, wrong = value, ".".join(keys), []
    for name in reversed(keys):
        tree = {name: tree}
    try:
        Config.model_validate(tree)
    except ValidationError as err:
        wrong = [dotted(detail["loc"]) for detail in err.errors(include_url=False)]
    return not any(at == key or at.startswith((f"{key}.", f"{key}[")) for at in wrong)


def check(tree: Mapping[str, Any]) -> tuple[Config | None, list[Problem]]:
    """Return the config that `tree` holds, or None, and all that is wrong with it.

    Combinations are looked at even when other keys are wrong, as long as their own are right;
    those with values that a preset decides are looked at when these are known.
    """
    wrong: list[tuple[str | int, ...]] = []
    problems: list[Problem] = []
    try:
        config = Config.model_validate(tree)
    except ValidationError as err:
        details = err.errors(include_url=False)
        wrong = [detail["loc"] for detail in details]
        for detail in details[:MAX_PROBLEMS]:
            problems += _problems(detail)
        if len(details) > MAX_PROBLEMS:
            more = len(details) - MAX_PROBLEMS
            problems.append(Problem("", f"and {more} more errors", named=True))
        config = Config.model_validate(_without(tree, wrong))
    doubtful = {dotted(loc[:2]) for loc in wrong}
    for keys, text in settled_conflicts(config):
        if not any(key in doubtful or key.partition(".")[0] in doubtful for key in keys):
            problems.append(Problem(keys[0], text))
    return (None if problems else config), problems


def _without(tree: Mapping[str, Any], wrong: Sequence[tuple[str | int, ...]]) -> dict[str, Any]:
    """Return `tree` with defaults for the fields that hold `wrong` locations."""
    kept = {name: dict(value) if isinstance(value, dict) else value for name, value in tree.items()}
    for section, *rest in wrong:
        if rest and section in FIELDS:
            kept[str(section)].pop(rest[0], None)
        else:
            kept.pop(str(section), None)
    data = kept.setdefault("data", {})
    for key in _REQUIRED:
        data.setdefault(key.removeprefix("data."), "?")
    return kept


def _problems(detail: ErrorDetails) -> list[Problem]:
    """Return one pydantic error in our words; a missing section is the lack of all it needs."""
    loc, kind, value = detail["loc"], detail["type"], detail["input"]
    key = dotted(loc)
    if kind == ERROR_TYPE:
        return [Problem(key, detail["msg"])]
    if kind == "missing":
        keys = [key] if key in _REQUIRED else list(_REQUIRED)
        return [Problem("", f"{key}: {_REQUIRED[key]}", named=True) for key in keys]
    if kind == "extra_forbidden":
        return [Problem(key, unknown_key(dotted(loc[:-1]), str(loc[-1])), named=True)]
    if kind == "tuple_type":
        return [Problem(key, f"got {shown(value)}; expected a list, such as [a, b]")]
    names = ", ".join(FIELDS[key])
    return [Problem(key, f"got {shown(value)}; expected a section with the keys {names}")]
