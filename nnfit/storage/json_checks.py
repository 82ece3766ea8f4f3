"""Checks on the JSON that a model file carries about its table.

Not trust: the file may come from anywhere, so every value is looked at before it is used.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, field, fields
from typing import Any, TypeAlias, TypeVar

from nnfit.errors import shorten

FLOAT_MAX = sys.float_info.max
T = TypeVar("T")
Check: TypeAlias = Callable[[object, str], T]


def entries(meta: object, where: str, keys: Collection[str]) -> dict[str, Any]:
    """Return `meta` if it is an object with exactly `keys`.

    Raises
    ------
    ValueError
        As all functions here: `where` and what is wrong with it.
    """
    if not isinstance(meta, dict) or set(meta) != set(keys):
        raise ValueError(f"{where} must be an object with {', '.join(sorted(keys))}")
    return meta


def record(
    meta: object, where: str, checks: Mapping[str, Callable[[object, str], Any]]
) -> dict[str, Any]:
    """Return the values of an object with exactly these keys, each as its check returns it."""
    fields = entries(meta, where, checks)
    return {key: check(fields[key], f"{where}.{key}") for key, check in checks.items()}


def items(meta: object, where: str) -> list[Any]:
    """Return `meta` if it is a list."""
    if not isinstance(meta, list):
        raise ValueError(f"{where} must be a list")
    return meta


def texts(meta: object, where: str) -> tuple[str, ...]:
    """Return the texts of a list that holds each once."""
    strings = items(meta, where)
    if not all(isinstance(item, str) for item in strings) or len(set(strings)) < len(strings):
        raise ValueError(f"{where} must be a list of different texts")
    return tuple(strings)


def text(meta: object, where: str) -> str:
    """Return `meta` if it is text."""
    if not isinstance(meta, str):
        raise ValueError(f"{where} must be text")
    return meta


def choice(meta: object, where: str, known: Collection[str]) -> str:
    """Return `meta` if it is one of `known`."""
    if not isinstance(meta, str) or meta not in known:
        raise ValueError(f"{where} must be one of {', '.join(known)}")
    return meta


def flag(meta: object, where: str) -> bool:
    """Return `meta` if it is true or false."""
    if not isinstance(meta, bool):
        raise ValueError(f"{where} must be true or false")
    return meta


def finite(meta: object, where: str) -> float:
    """Return `meta` if it is a finite number."""
    if isinstance(meta, bool) or not isinstance(meta, int | float):
        raise ValueError(f"{where} must be a finite number")
    try:
        value = float(meta)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{where} must be a finite number")
    return value


def numbers(meta: object, where: str) -> tuple[float, ...]:
    """Return the numbers of a list if all are finite."""
    return tuple(finite(item, where) for item in items(meta, where))


# checks of checks ----------------------------------------------------------------------------


def one_of(*known: str) -> Check[str]:
    """Return the check for one of `known`."""
    return lambda meta, where: choice(meta, where, known)


def integer(low: int, high: int) -> Check[int]:
    """Return the check for an integer from `low` to `high`."""

    def check(meta: object, where: str) -> int:
        if type(meta) is not int or not low <= meta <= high:
            raise ValueError(f"{where} must be an integer from {low} to {high}")
        return meta

    return check


def number(what: str, fits: Callable[[float], bool]) -> Check[float]:
    """Return the check for a finite number that `fits`: `what` it says is expected."""

    def check(meta: object, where: str) -> float:
        value = finite(meta, where)
        if not fits(value):
            raise ValueError(f"{where} must be {what}")
        return value

    return check


def or_null(check: Check[T]) -> Check[T | None]:
    """Return the check for null, or what `check` takes."""
    return lambda meta, where: None if meta is None else check(meta, where)


def list_of(check: Check[T]) -> Check[tuple[T, ...]]:
    """Return the check for a list, each item of which `check` takes."""
    return lambda meta, where: tuple(check(item, where) for item in items(meta, where))


def mapping_of(check: Check[T], keys: Collection[str] | None = None) -> Check[dict[str, T]]:
    """Return the check for an object, each value of which `check` takes, with some of `keys`."""

    def of(meta: object, where: str) -> dict[str, T]:
        if not isinstance(meta, dict) or not (keys is None or set(meta) <= set(keys)):
            known = "" if keys is None else f" with {', '.join(keys)}"
            raise ValueError(f"{where} must be an object{known}")
        return {key: check(value, f"{where}.{shorten(key)}") for key, value in meta.items()}

    return of


def in_range(meta: object, where: str) -> Any:
    """Return any JSON, no number of which is infinite."""
    if isinstance(meta, dict | list):
        for item in meta.values() if isinstance(meta, dict) else meta:
            in_range(item, where)
    elif isinstance(meta, int | float) and not abs(meta) <= FLOAT_MAX:
        raise ValueError(f"{where} holds a number beyond the range of float64")
    return meta


def checked(check: Check[Any], **default: Any) -> Any:
    """Return the field of a dataclass that `parsed` reads with `check`."""
    return field(metadata={"check": check}, **default)


def parsed(kind: type[T]) -> Check[T]:
    """Return the check for an object with the fields of a dataclass; it may have other keys."""

    def check(meta: object, where: str) -> T:
        found, values = mapping_of(lambda value, _: value)(meta, where), {}
        for known in fields(kind):  # type: ignore[arg-type]
            if known.name in found:
                place = f"{where}.{known.name}"
                values[known.name] = known.metadata["check"](found[known.name], place)
            elif known.default is MISSING and known.default_factory is MISSING:
                raise ValueError(f"{where} has no {known.name!r}")
        return kind(**values)

    return check
