"""Checks on the JSON that a model file carries about its table.

Not trust: the file may come from anywhere, so every value is looked at before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any


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
