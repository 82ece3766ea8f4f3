"""Expressions as a blackboard has them, for legends and labels."""

from __future__ import annotations

import re

from nnfit.report.figures import clean

_POWER = re.compile(r"\s*\*\*\s*([0-9]+)(?![\w.])")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def pretty(expression: str) -> str:
    """Return an expression with its whole powers raised and its products dotted.

    >>> pretty("[1, x, x**2, sin(3*x)]")
    '[1, x, x², sin(3·x)]'
    """
    raised = _POWER.sub(lambda power: power[1].translate(_SUPERSCRIPTS), clean(expression))
    return re.sub(r"(?<!\*)\s*\*\s*(?!\*)", "·", raised)
