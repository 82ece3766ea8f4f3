"""What a sweep tries of one key: a list of values, or a range to draw them from.

Each value is as the schema has it, in JSON: one that is spelt in two ways is one. Which of them go
together is found when a whole config is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnfit.config.nodes import START, Node, YamlError
from nnfit.config.overrides import keys_of, read_value, taken
from nnfit.config.places import Place, Tree
from nnfit.config.reading import Draft
from nnfit.config.scalars import Scalar, shown
from nnfit.config.schema import Config
from nnfit.errors import ConfigError, printable, shorten

LAWS = ("log", "uniform", "int")
_RANGE = re.compile(rf"({'|'.join(LAWS)})\((.*)\)", re.DOTALL)
_OPEN, _CLOSE = "[{(", ")}]"


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A key and what is tried of it: `values`, or what is drawn by a `law` between two of them.

    The ends of such a range are `low` and `high`. `place` is where that was said.
    """

    keys: tuple[str, ...]
    place: Place
    values: tuple[Any, ...]
    law: str = ""
    low: float = 0.0
    high: float = 0.0

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(self.keys)

    def value(self, number: float) -> Any:
        """Return the value that a number of the range is: a list of one, where the key takes that.

        The ends have been found to be values; so is what lies between them.
        """
        end = self.values[0]
        return [type(end[0])(number)] if isinstance(end, list) else type(end)(number)

    def told(self, value: Any) -> tuple[Any, Place]:
        """Return `value` with its place, as a draft takes them."""
        place = self.place
        if place.key:  # an option's, which has no line to look at
            given = f"={shorten(json.dumps(value, ensure_ascii=False))}"
            place = Place(place.name, place.order, place.key, printable(given))
        return value, place


def axis_of_option(text: str, number: int, draft: Draft) -> Axis:
    """Return what `--over KEY=VALUES` says; `number` counts these options.

    Raises
    ------
    ConfigError
        With a line for each value that the key of the config can't have.
    """
    key, equals, values = text.partition("=")
    key = key.strip()
    said = f"--over {printable(shorten(' '.join(text.split())))}"
    if not equals or not key:
        raise ConfigError(f"{said}: expected KEY=V1,V2 such as optimizer.learning_rate=0.001,0.01")
    place = Place(f"--over {printable(shorten(key))}", (1, number, 0), key)
    try:
        keys = keys_of(key)
        found = _range(values)
        items = [] if found else _items(values)
        nodes = [(read_value(keys, item), place) for item in items]
    except YamlError as err:
        raise ConfigError(f"{said}: {err.text}") from None
    return _axis(keys, place, found, nodes, draft)


def axes_of_node(node: Node, name: str, draft: Draft) -> list[Axis]:
    """Return what `over:` says in the file `name`; `node` is the mapping below it.

    Raises
    ------
    ConfigError
        With a line for each key and value that is wrong.
    """
    assert isinstance(node.content, dict)
    axes, lines = [], []
    for key, (at, child) in node.content.items():
        place = Place(f"{name}:{at.line}:{at.column}", (0, *at))
        found, nodes = None, []
        try:
            keys = keys_of(key)
            if isinstance(child.content, list):
                nodes = child.content
            elif isinstance(child.content, Scalar) and child.content.plain:
                found = _range(child.content.spelling)
            if not (nodes or found):
                nodes = [child]
                if child.content == []:
                    raise YamlError("got an empty list; expected at least one value", START)
            listed = [(n, Place(f"{name}:{n.at.line}:{n.at.column}", (0, *n.at))) for n in nodes]
            axes.append(_axis(keys, place, found, listed, draft))
        except YamlError as err:
            lines.append(f"{place.where(key)}: {err.text}")
        except ConfigError as err:
            lines += err.messages
    if lines:
        raise ConfigError(*lines)
    return axes


def _axis(
    keys: tuple[str, ...],
    place: Place,
    found: tuple[str, float, float] | None,
    nodes: Sequence[tuple[Node, Place]],
    draft: Draft,
) -> Axis:
    law, low, high = found or ("", 0.0, 0.0)
    if law:  # the ends stand for what is between them
        ends = [Node(START, Scalar(repr(end), plain=True)) for end in (low, high)]
        nodes = [(end, place) for end in ends]
    values: dict[str, Any] = {}
    lines: list[str] = []
    for node, where in nodes:
        try:
            value = _as_schema(keys, node)
            values.setdefault(json.dumps(value, sort_keys=True), value)
        except ValueError:
            lines += _refused(keys, node, where, draft)
    if lines:
        raise ConfigError(*dict.fromkeys(lines))
    return Axis(keys=keys, place=place, values=tuple(values.values()), law=law, low=low, high=high)


def _refused(keys: tuple[str, ...], node: Node, place: Place, draft: Draft) -> Sequence[str]:
    """Return what is wrong with the value of a key."""
    if place.key:
        text = node.content.spelling if isinstance(node.content, Scalar) else "[...]"
        place = Place(place.name, place.order, place.key, f"={printable(shorten(text))}")
    lines: Sequence[str] = ()
    try:
        draft.with_values({keys: (node, place)}).checked()
    except ConfigError as err:
        lines = err.messages
    return lines


def _as_schema(keys: tuple[str, ...], node: Node) -> Any:
    """Return the value of `node` as the schema has it for a key, in JSON.

    Raises
    ------
    ValueError
        When the key does not take it.
    """
    found = taken(keys, node)
    if found is None:
        raise ValueError(f"{'.'.join(keys)} does not take it")
    tree = Tree({"data": {"path": "?", "target": "?"}})
    tree.set(keys, found, Place("", (0, 0, 0)))
    value: Any = Config.model_validate(tree.values).model_dump(mode="json")
    for name in keys:
        value = value[name]
    return value


def _range(text: str) -> tuple[str, float, float] | None:
    """Return the law and the ends of `log(LOW, HIGH)` and the like, None where it is none."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        return None
    law, inner = found.groups()
    ends = [Scalar(end.strip(), plain=True).value for end in inner.split(",")]
    kinds = int if law == "int" else int | float
    numbers = [e for e in ends if isinstance(e, kinds) and not isinstance(e, bool)]
    if len(ends) != 2 or len(numbers) != 2 or not all(abs(e) < 2.0**62 for e in numbers):
        what = "two integers" if law == "int" else "two numbers"
        raise YamlError(
            f"got {shown(text.strip())}; expected {what}, as in {law}(LOW, HIGH)", START
        )
    low, high = numbers
    if law == "log" and low <= 0:
        raise YamlError(f"got log from {low}, which has no logarithm; expected a number > 0", START)
    if low >= high:
        raise YamlError(f"got {law} from {low} to {high}; expected the lower end first", START)
    return (law, low, high) if law == "int" else (law, float(low), float(high))


def _items(text: str) -> list[str]:
    """Return what stands between the commas that are in no brackets and no quotes.

    Raises
    ------
    YamlError
        When there is nothing.
    """
    items, depth, quote, last = [""], 0, "", ","
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and last in ",[{:":
            quote = c
        elif c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth -= 1
        if c == "," and depth <= 0 and not quote:
            items.append("")
        else:
            items[-1] += c
        last = c if c.strip() else last
    if not all(map(str.strip, items)):
        what = "an empty value" if any(map(str.strip, items)) else "no value"
        raise YamlError(f"got {what}; expected values such as V1,V2, and null for none", START)
    return items
