"""Each operation's formula and its local derivatives, in letters and in numbers; a row each.

What the operations compute is said once, in `nnfit.table.functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnfit.table.functions import OPERATIONS


class Rule(NamedTuple):
    """What a node z = f(a, b) is called, and its derivatives by a and b.

    `slopes` takes a, b and z; it is exact to round-off wherever there is a derivative, infinite at
    a pole, and NaN where there is none.
    """

    formula: str
    symbols: tuple[str, ...]
    slopes: Callable[..., tuple[float, ...]]


def _power(a: Any, b: Any, z: Any) -> tuple[float, float]:
    by_base = 0.0 if b == 0.0 else b * a ** (b - 1.0)  # x^0 is 1 at 0 too
    return by_base, 0.0 if a == 0.0 and b > 0.0 else z * np.log(a)


def _sigmoid(a: Any, z: Any) -> tuple[float]:
    return (z * OPERATIONS["sigmoid"](-a),)  # 1 - z, which would be 0 where z rounds to 1


def _smaller(a: Any, b: Any) -> tuple[float, float]:
    return (np.nan, np.nan) if a == b else (float(a < b), float(b < a))


def _step(a: Any) -> float:
    return np.nan if a == 0.0 else float(a > 0.0)


RULES = {
    "+": Rule("{a} + {b}", ("1", "1"), lambda a, b, z: (1.0, 1.0)),
    "-": Rule("{a} − {b}", ("1", "−1"), lambda a, b, z: (1.0, -1.0)),
    "*": Rule("{a}·{b}", ("{b}", "{a}"), lambda a, b, z: (b, a)),
    "/": Rule("{a}/{b}", ("1/{b}", "−{a}/{b}²"), lambda a, b, z: (1.0 / b, -z / b)),
    "**": Rule("{a}**{b}", ("{b}·{a}**({b} − 1)", "{z}·log({a})"), _power),
    "neg": Rule("−{a}", ("−1",), lambda a, z: (-1.0,)),
    "sin": Rule("sin({a})", ("cos({a})",), lambda a, z: (np.cos(a),)),
    "cos": Rule("cos({a})", ("−sin({a})",), lambda a, z: (-np.sin(a),)),
    "tan": Rule("tan({a})", ("1/cos({a})²",), lambda a, z: (1.0 / np.cos(a) ** 2,)),
    "exp": Rule("exp({a})", ("exp({a})",), lambda a, z: (z,)),
    "log": Rule("log({a})", ("1/{a}",), lambda a, z: (1.0 / a,)),
    "sqrt": Rule("sqrt({a})", ("1/(2·{z})",), lambda a, z: (0.5 / z,)),
    "abs": Rule("abs({a})", ("sign({a})",), lambda a, z: (2.0 * _step(a) - 1.0,)),
    "tanh": Rule("tanh({a})", ("1 − {z}²",), lambda a, z: (1.0 / np.cosh(a) ** 2,)),
    "sigmoid": Rule("sigmoid({a})", ("{z}·(1 − {z})",), _sigmoid),
    "relu": Rule("relu({a})", ("[{a} > 0]",), lambda a, z: (_step(a),)),
    "minimum": Rule(
        "minimum({a}, {b})", ("[{a} < {b}]", "[{b} < {a}]"), lambda a, b, z: _smaller(a, b)
    ),
    "maximum": Rule(
        "maximum({a}, {b})", ("[{a} > {b}]", "[{b} > {a}]"), lambda a, b, z: _smaller(b, a)
    ),
}
