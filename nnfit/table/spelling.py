"""How the numbers of a column are written: decimal comma, thousands, currency, %, (17).

One spelling is found for a whole column, once; which columns are numbers is for `columns` and
`targets` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from nnfit.errors import DataError, DecimalError
from nnfit.storage import json_checks as check
from nnfit.table.cells import parse_number

if TYPE_CHECKING:
    from nnfit.config.schema import DataConfig

# Blanks that people and programs put between digits and signs: plain, no-break, narrow, thin.
_BLANKS = " \t\u00a0\u2007\u2009\u202f"
GROUPS = {",": ",", ".": r"\.", " ": f"[{_BLANKS}]", "'": "['\u2019]"}  # by the mark's name
CURRENCIES = (
    *("US$", "C$", "A$", "R$", *"$€£¥₹₩₽₺"),
    *("EUR", "USD", "GBP", "JPY", "CHF", "CAD", "AUD", "CNY", "INR", "SEK", "NOK", "DKK", "PLN"),
    *("kr", "zł", "Kč"),
)
CURRENCY = "|".join(re.escape(sign) for sign in CURRENCIES)
_HINTS = frozenset("0123456789-")  # a cell without any of them is none
_LONGEST = 60  # characters of a cell; a longer one is no number that anybody writes


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return those of a dressed number and of an accountant's 0; most tables need neither."""
    dressed = (
        rf"(?P<p0>%)?(?P<c1>{CURRENCY})?B*(?P<open>\()?B*(?P<c2>{CURRENCY})?B*(?P<sign>[-+\u2212])?B*"
        rf"(?P<c3>{CURRENCY})?B*(?P<body>(?:[0-9](?:[0-9.,'\u2019{_BLANKS}]*[0-9.,])?|[.,][0-9]+)"
        rf"(?:[eE][-+]?[0-9]+)?)B*(?P<p1>%)?B*(?P<c4>{CURRENCY})?B*(?P<close>\))?B*"
        rf"(?P<p2>%)?(?P<c5>{CURRENCY})?"
    )
    nothing = rf"({CURRENCY})B*-|-B*({CURRENCY})"
    made = [re.compile(text.replace("B*", f"[{_BLANKS}]*")) for text in (dressed, nothing)]
    return made[0], made[1]


class Dress(NamedTuple):
    """What a cell has around its digits: a currency, a %, and a minus as `-` or as `(`."""

    currency: str
    percent: bool
    minus: str
    body: str


def undress(cell: str) -> Dress | None:
    """Return a cell's dress, None if it is no number in any spelling read here."""
    if len(cell) > _LONGEST or _HINTS.isdisjoint(cell):
        return None
    cell = cell.strip(_BLANKS)
    dressed, zero = _patterns()
    if nothing := zero.fullmatch(cell):  # as accountants write 0: $ -
        return Dress(nothing[1] or nothing[2], False, "", "0")
    if not (found := dressed.fullmatch(cell)):
        return None
    parts = found.groupdict()
    currencies = [parts[f"c{i}"] for i in range(1, 6) if parts[f"c{i}"]]
    percents = [parts[f"p{i}"] for i in range(3) if parts[f"p{i}"]]
    brackets, sign = (parts["open"], parts["close"]), parts["sign"]
    if len(currencies) + len(percents) > 1 or brackets not in ((None, None), ("(", ")")):
        return None
    if parts["open"] and sign:
        return None
    minus = "(" if parts["open"] else "-" if sign and sign != "+" else ""
    return Dress("".join(currencies), bool(percents), minus, parts["body"])


@dataclass(frozen=True)
class Spelling:
    """How a number is written: its marks, and the currency or % that it has beside it.

    `45%` is 45, the unit as it is written. A plain number has no `thousands`, no `currency` and
    a `.` for its `decimal`.
    """

    decimal: str = "."
    thousands: str | None = None
    currency: str = ""
    percent: bool = False

    @cached_property
    def _body(self) -> re.Pattern[str]:
        decimal = re.escape(self.decimal)
        whole = r"[0-9]+"
        if self.thousands is not None:  # no group of thousands begins with 0: 0,123 is a fraction
            groups = rf"[1-9][0-9]{{0,2}}(?:{GROUPS[self.thousands]}[0-9]{{3}})+"
            indian = "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if self.thousands == "," else ""
            whole = rf"(?:{groups}{indian}|{whole})"
        return re.compile(rf"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][-+]?[0-9]+)?")

    def value(self, dress: Dress) -> float | None:
        """Return the number of a cell without its currency or %, None if its marks are others."""
        if not self._body.fullmatch(dress.body):
            return None
        digits = dress.body
        if self.thousands is not None:
            digits = re.sub(GROUPS[self.thousands], "", digits)
        value = float(digits.replace(self.decimal, "."))
        return -value if dress.minus else value

    def parse(self, cell: object) -> float | None:
        """Return the number that one cell holds, None when it holds none in this spelling.

        A number of Python's own is itself. A currency may be left out, but a % may not, since
        0.45 beside 45% may be either.
        """
        if not isinstance(cell, str):
            return parse_number(cell)
        dress = undress(cell)
        if dress is None:
            number = parse_number(cell)  # inf
            return None if number is None or not abs(number) == float("inf") else number
        if dress.percent != self.percent or dress.currency not in ("", self.currency):
            return None
        return self.value(dress)

    @property
    def shown(self) -> str:
        """A number as it is written: `1.234,5 €`, `$1,234.5`, `12.5%`."""
        whole = "12" if self.thousands is None or self.percent else f"1{self.thousands}234"
        number = f"{whole}{self.decimal}5"
        if self.percent:
            return f"{number}%"
        if not self.currency:
            return number
        return f"{number} {self.currency}" if self.decimal == "," else f"{self.currency}{number}"

    def is_misread(self, decimal: str) -> bool:
        """Return whether cells may be taken for other numbers by a reader of plain ones.

        `decimal` is that reader's.
        """
        return self.percent or self.decimal != decimal

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {key: getattr(self, key) for key in _CHECKS}

    @classmethod
    def from_meta(cls, meta: object, where: str) -> Spelling:
        """Return the spelling that `to_meta` wrote, or raise ValueError with the reason."""
        fields = check.record(meta, where, _CHECKS)
        if fields["decimal"] == fields["thousands"]:
            raise ValueError(f"{where}.thousands must not be the decimal mark")
        return cls(**fields)


def _thousands(meta: object, where: str) -> str | None:
    return None if meta is None else check.choice(meta, where, GROUPS)


_CHECKS: dict[str, Callable[[object, str], Any]] = {
    "decimal": lambda meta, where: check.choice(meta, where, (".", ",")),
    "thousands": _thousands,
    "currency": lambda meta, where: check.choice(meta, where, ("", *CURRENCIES)),
    "percent": check.flag,
}


@dataclass(frozen=True)
class Written:
    """What a config says of numbers: `data.decimal`, `data.thousands` and `data.numbers`.

    `auto` finds each column's own spelling; otherwise there is none but what the marks say.
    """

    decimal: str = "."
    thousands: str | None = None
    auto: bool = True

    @classmethod
    def of(cls, data: DataConfig) -> Written:
        """Return what the section `data` says."""
        return cls(data.decimal, data.thousands, data.numbers == "auto")

    @property
    def spelling(self) -> Spelling | None:
        """The spelling of a column without any dress, None for plain numbers."""
        if self.decimal == "." and self.thousands is None:
            return None
        partner = "." if self.decimal == "," and self.auto else None  # it can mean nothing else
        return Spelling(self.decimal, self.thousands or partner)


PLAIN = Written()


def complaint(cell: object, spelling: Spelling | None, message: str) -> DataError:
    """Return the error for a cell that is no number: a DecimalError if its mark is another."""
    spelling = spelling or Spelling()
    decimal, thousands = (".", ",") if spelling.decimal == "," else (",", ".")
    other = replace(spelling, decimal=decimal, thousands=thousands)
    return DataError(message) if other.parse(cell) is None else DecimalError(message, decimal)


def parser(spelling: Spelling | None) -> Callable[[object], float | None]:
    """Return what reads one cell."""
    return parse_number if spelling is None else spelling.parse
