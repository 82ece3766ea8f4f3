"""The types of the config's fields: each reads a YAML scalar and says in one line what it expects.

What the fields are called, their defaults and their meaning are the schema's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from nnfit.config.scalars import MAX_DIGITS, Scalar, shown
from nnfit.errors import SHOWN_LENGTH, did_you_mean

ERROR_TYPE = "nnfit"  # the type of the pydantic errors whose message is already ours
ONE, MANY = "<one>", "<many>"  # tags of a field's two forms; pydantic puts them into `loc`

T = TypeVar("T")


def refusal(text: str) -> PydanticCustomError:
    """Return the pydantic error whose message is `text`."""
    return PydanticCustomError(ERROR_TYPE, "{text}", {"text": text})


class Expect:
    """Annotates a field: give it the scalar's value, and word whatever it then refuses."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self.check, handler(source))

    def check(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """Return what `inner` makes of the value, or raise the refusal."""
        try:
            return inner(self.read(value))
        except ValidationError:
            raise refusal(f"got {shown(value)}; expected {self.expected(value)}") from None

    def read(self, value: Any) -> Any:
        """Return the Python value for `inner`."""
        return value.value if isinstance(value, Scalar) else value

    def expected(self, value: Any) -> str:
        """Return what the message says after `expected`."""
        return self.what


class Choice(Expect):
    """Annotates a Literal, or a str that is one of `names`: the message lists them and the nearest.

    The names of a registry make the same schema as if they were written out in a Literal.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__("")
        self.names = [*names]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        self.names = self.names or [*get_args(source)]
        self.what = f"one of {', '.join(self.names)}"
        known = core_schema.literal_schema(self.names)
        return core_schema.no_info_wrap_validator_function(self.check, known)

    def expected(self, value: Any) -> str:
        spelling = self.read(value)
        if not isinstance(spelling, str):
            return self.what
        return self.what + did_you_mean(spelling[:SHOWN_LENGTH].lower(), self.names)


class Spelt(Expect):
    """Annotates a text: it is taken as spelt, so that `no`, `007` and `1.0` stay what they are."""

    def read(self, value: Any) -> Any:
        if isinstance(value, Scalar):
            return value.spelling
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            return value  # which is refused; str() would raise
        return str(value) if isinstance(value, bool | int | float) else value

    def expected(self, value: Any) -> str:
        return self.what if value is not None else f"{self.what}; quote 'null' to mean the word"

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # a text may be spelt as a YAML number or boolean
        return {**handler(schema), "type": ["string", "number", "boolean"]}


def _utf8(text: str) -> str:
    if re.search("[\ud800-\udfff]", text):
        raise ValueError
    return text


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise refusal(f"names {shown(name)} twice; expected each column once")
        known.add(name)
    return names


def _some(items: tuple[T, ...]) -> tuple[T, ...]:
    if not items:
        raise refusal("got an empty list; expected at least one entry")
    return items


def _ascending(numbers: tuple[float, ...]) -> tuple[float, ...]:
    for a, b in pairwise(numbers):
        if a >= b:
            raise refusal(f"got {a} before {b}; expected different quantiles, ascending")
    return numbers


OneOrList = Discriminator(lambda value: MANY if isinstance(value, list | tuple) else ONE)
OneOrMapping = Discriminator(lambda value: MANY if isinstance(value, dict) else ONE)
One, Many = Tag(ONE), Tag(MANY)

Flag = Annotated[bool, Field(strict=True), Expect("true or false")]
Count = Annotated[
    int, Field(strict=True, ge=1, le=10**9), Expect("an integer from 1 to 1000000000")
]
OptionalCount = Annotated[Count | None, Expect("an integer from 1 to 1000000000, or null")]
Fraction = Annotated[
    float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False), Expect("a number in [0, 1)")
]
NonNegative = Annotated[
    float, Field(strict=True, ge=0, allow_inf_nan=False), Expect("a number >= 0")
]
Betas = Annotated[tuple[Fraction, Fraction], Expect("two numbers in [0, 1), such as [0.9, 0.95]")]
Quantile = Annotated[
    float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False), Expect("a number in (0, 1)")
]
Quantiles = Annotated[tuple[Quantile, ...], AfterValidator(_some), AfterValidator(_ascending)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False), Expect("a number > 0")]

Text = Annotated[str, AfterValidator(_utf8), Spelt("text")]
ColumnName = Annotated[str, Field(min_length=1), AfterValidator(_utf8), Spelt("a column name")]
Expression = Annotated[str, Field(min_length=1), AfterValidator(_utf8), Spelt("an expression")]
PathText = Annotated[str, Field(pattern=r"^[^\x00]+$"), Spelt("the path of a file")]
Delimiter = Annotated[
    str,
    Field(pattern=r"^(auto|\\t|[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f])$"),
    AfterValidator(lambda text: "\t" if text == r"\t" else text),
    Spelt(r"one ASCII character other than a quote, '\t' or 'auto'"),
]
Comment = Annotated[
    str,
    Field(pattern=r"^[\x21\x23-\x7e]$"),
    Spelt('one ASCII character other than a quote or a blank, such as "#"'),
]
_HELD_OUT = Fraction | Annotated[str, Field(strict=True, pattern=r"^[^\x00]+$")]
HeldOut = Annotated[_HELD_OUT, Expect("a fraction in [0, 1) or the path of a CSV")]
HeldOutOrFolds = Annotated[
    _HELD_OUT,
    Expect("a fraction in [0, 1), the path of a CSV or folds"),
]

Columns = Annotated[tuple[ColumnName, ...], AfterValidator(_unique)]
SomeColumns = Annotated[tuple[ColumnName, ...], AfterValidator(_unique), AfterValidator(_some)]
Expressions = Annotated[tuple[Expression, ...], AfterValidator(_some)]
_COLUMN_JSON = {"type": ["string", "number", "boolean"], "minLength": 1}
_COLUMNS_JSON = {"type": "array", "items": _COLUMN_JSON, "minItems": 1, "uniqueItems": True}
Targets = Annotated[
    SomeColumns,
    BeforeValidator(lambda value: value if isinstance(value, list | tuple | dict) else (value,)),
    WithJsonSchema({"anyOf": [_COLUMN_JSON, _COLUMNS_JSON]}),
]


class Section(BaseModel):
    """A part of the config: unknown keys are errors, and nothing changes once it is read."""

    # a section is built as part of the config, with the first one that is read
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
