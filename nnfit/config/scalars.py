"""One scalar of a YAML file: its spelling, what it means here, and how a message shows it.

It knows neither PyYAML nor the schema: a field that wants text takes the spelling, any other
field takes the value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nnfit.errors import shorten

MAX_DIGITS = 100  # of an integer

_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLEANS = {
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as spelt in the file; `plain` when it stands there without quotes."""

    spelling: str
    plain: bool

    @property
    def value(self) -> bool | int | float | str | None:
        """Return what the scalar means by the rules of YAML 1.2: `no` and `off` are text."""
        text = self.spelling
        if not self.plain:
            return text
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INTEGER.fullmatch(text):
            # Infinity is refused wherever a number is meant; int() would take seconds or raise.
            return int(text) if len(text) <= MAX_DIGITS else math.inf
        if _FLOAT.fullmatch(text):
            return float(text)
        return text


def shown(value: object) -> str:
    """Return `value` as a message shows it: text in quotes, numbers as spelt, null for None."""
    if value is None:
        return "null"
    if isinstance(value, Scalar):
        meant = value.value
        if meant is None:
            return "null"
        if not isinstance(meant, str):
            return shorten(value.spelling)
        if not value.plain and not isinstance(Scalar(meant, plain=True).value, str | None):
            return f"the quoted text {shorten(meant)!r}"
        return repr(shorten(meant))
    if isinstance(value, str):
        return repr(shorten(value))
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return f"an integer of over {MAX_DIGITS} digits"
    return shorten(repr(value))
