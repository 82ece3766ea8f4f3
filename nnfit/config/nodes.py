"""YAML text to nodes with positions: mappings, lists and scalars as spelt, and nothing else.

Tags, several documents, duplicate keys and bombs are refused; what the keys mean is the schema's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from nnfit.config.scalars import Scalar, shown
from nnfit.errors import shorten

MAX_DEPTH = 100
MAX_NODES = 100_000
MAX_ALIASED = 10_000  # nodes that aliases may add

# Both give the same marks; the C one reads a megabyte in a second.
LOADER = getattr(yaml, "CLoader", yaml.Loader)

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_STANDARD_TAG = "tag:yaml.org,2002:"


class Position(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


START = Position(1, 1)


class YamlError(Exception):
    """The text is not the YAML that a config may be."""

    def __init__(self, text: str, at: Position) -> None:
        super().__init__(text)
        self.text, self.at = text, at


@dataclass(slots=True)
class Node:
    """A scalar, list or mapping; the entries of a mapping remember where their key stands."""

    at: Position
    content: Scalar | list[Node] | dict[str, tuple[Position, Node]]
    size: int = field(default=1, init=False)  # nodes in it, itself included, aliases expanded
    depth: int = field(default=0, init=False)  # levels below it
    key: tuple[str, Position] | None = field(default=None, init=False)  # waits for its value

    def adopt(self, child: Node) -> None:
        """Append `child`: as an item, or as the value of the waiting key."""
        self.size += child.size
        self.depth = max(self.depth, child.depth + 1)
        if isinstance(self.content, list):
            self.content.append(child)
            return
        assert isinstance(self.content, dict) and self.key is not None
        name, at = self.key
        self.content[name] = (at, child)
        self.key = None


def read_yaml(text: str) -> Node | None:
    """Return the one document in `text`, or None when there is nothing but comments.

    Raises
    ------
    YamlError
        With one line on what is wrong, and where.
    """
    bad = _CONTROL.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        at = Position(line, bad.start() - text.rfind("\n", 0, bad.start()))
        raise YamlError(f"control character U+{ord(bad[0]):04X}; expected plain text", at)
    try:
        try:
            return _compose(text, LOADER)
        except yaml.MarkedYAMLError as err:
            if "nesting depth" not in str(err.problem):
                raise
            # libyaml looks far ahead, and some versions end at a depth before ours is told
            return _compose(text, yaml.Loader)
    except yaml.MarkedYAMLError as err:
        raise _reworded(err, text) from err


def _compose(text: str, loader: Any) -> Node | None:
    composer = _Composer()
    for count, event in enumerate(yaml.parse(text, Loader=loader)):
        mark = event.start_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        if count > MAX_NODES:
            raise YamlError(f"over {MAX_NODES} values; expected a config", at)
        composer.take(event, at)
    return composer.root


class _Composer:
    """Builds the nodes from PyYAML's events, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._documents = 0
        self._open: list[tuple[Node, str | None]] = []  # with their anchors
        self._anchors: dict[str, Node | None] = {}  # None while the anchored node is open
        self._aliased = 0

    def take(self, event: yaml.Event, at: Position) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise YamlError("a second document; expected one config per file", at)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(*self._open.pop())
        elif isinstance(event, yaml.NodeEvent):
            anchor = event.anchor
            if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                _refuse_tag(event.tag, at)
            if self._at_key():
                self._take_key(event, at)
            elif isinstance(event, yaml.AliasEvent):
                self._close(self._expanded(anchor, at), None)
            elif isinstance(event, yaml.ScalarEvent):
                self._close(Node(at, Scalar(event.value, not event.style)), anchor)
            else:
                if len(self._open) == MAX_DEPTH:
                    raise YamlError(f"nested deeper than {MAX_DEPTH} levels", at)
                mapping = isinstance(event, yaml.MappingStartEvent)
                self._open.append((Node(at, {} if mapping else []), anchor))
                if anchor:
                    self._anchors[anchor] = None

    def _at_key(self) -> bool:
        parent = self._open[-1][0] if self._open else None
        return parent is not None and isinstance(parent.content, dict) and parent.key is None

    def _take_key(self, event: yaml.NodeEvent, at: Position) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            kind = "an alias" if isinstance(event, yaml.AliasEvent) else "a list or mapping"
            raise YamlError(f"{kind} cannot be a key; expected text", at)
        key = Scalar(event.value, not event.style)
        parent = self._open[-1][0]
        if key.plain and key.spelling == "<<":
            raise YamlError("merge key '<<' is not supported; write the keys out", at)
        if not key.spelling:
            raise YamlError("a key is empty; expected text, or quotes around '?' or ':'", parent.at)
        if isinstance(parent.content, dict) and key.spelling in parent.content:
            line = parent.content[key.spelling][0].line
            name = shown(key.spelling)
            raise YamlError(f"duplicate key {name}; first given in line {line}", at)
        parent.key = (key.spelling, at)
        if event.anchor:
            self._anchors[event.anchor] = Node(at, key)

    def _close(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][0].adopt(node)
        else:
            self.root = node

    def _expanded(self, name: str | None, at: Position) -> Node:
        """Return the node that the alias `name` repeats, within the limits."""
        alias = shorten(f"*{name}")
        if name is None or name not in self._anchors:
            raise YamlError(
                f"unknown alias {alias!r}; expected an anchor before it, or quotes around text "
                "that starts with '*'",
                at,
            )
        node = self._anchors[name]
        if node is None:
            raise YamlError(f"alias {alias!r} stands inside the node it repeats", at)
        self._aliased += node.size
        if self._aliased > MAX_ALIASED:
            raise YamlError(f"aliases expand to over {MAX_ALIASED} nodes", at)
        if len(self._open) + node.depth > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels", at)
        return node


def _refuse_tag(tag: str | None, at: Position) -> None:
    if tag is None:
        return
    shown_tag = f"!!{tag.removeprefix(_STANDARD_TAG)}" if tag.startswith(_STANDARD_TAG) else tag
    raise YamlError(f"tag {shorten(shown_tag)!r} is refused; expected plain YAML without tags", at)


# What PyYAML's two parsers say, a phrase that both share or each one's own, and what it means.
# True: the place is where the construct starts, which alone is the same in both.
_MEANINGS = (
    (("mapping values are not allowed", "found unexpected ':'"), "':' is not allowed here; indent "
     "the line as its neighbours are, or quote a text that holds ': '", False),
    (("sequence entries are not allowed",), "'-' starts a list here; quote a text that starts "
     "with '-'", False),
    (("could not find expected ':'",), "no ':' after this key; expected 'key: value'", True),
    (("while scanning a quoted scalar found unexpected end",), "this quote is not closed", True),
    (("mapping keys are not allowed",), "'?' starts a key here; quote a text that starts with '?'",
     False),
    (("document separator", "document indicator"), "this quote is not closed", True),
    (("escape",), "unknown escape in a quoted text; write '\\\\' for a backslash, or use single "
     "quotes", True),
    (("flow sequence",), "this '[' is not closed, or a ',' is missing after it", True),
    (("flow mapping",), "this '{' is not closed, or a ',' is missing after it", True),
    (("scanning an alias", "scanning an anchor"), "'*' and '&' start an alias or anchor; quote "
     "a text that starts with them", True),
    (("tag",), "tags are refused; expected plain YAML without tags", False),
    (("block scalar",), "'|' and '>' start a block of text; quote a text that starts with them",
     True),
    (("node content", "cannot start any token"), "{character} cannot start a value; quote the "
     "text", False),
    (("expected key", "expected <block end>", "'-' indicator"), "does not fit the lines above; "
     "indent it as its neighbours are, or quote the whole text", False),
    (("directive", "incompatible YAML"), "'%' directives are refused; expected plain YAML", False),
    (("<document start>",), "text after the end of the config; expected 'key: value' lines", False),
)  # fmt: skip


def _reworded(err: yaml.MarkedYAMLError, text: str) -> YamlError:
    """Return a PyYAML error in our words."""
    problem = err.problem_mark or err.context_mark
    line, column = (problem.line, problem.column) if problem else (0, 0)
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    if line >= len(lines):  # libyaml ends a last line that lacks its newline
        line, column = len(lines) - 1, len(lines[-1])
    source = lines[line]
    if "\t" in source[: len(source) - len(source.lstrip(" \t"))]:
        at = Position(line + 1, source.index("\t") + 1)
        return YamlError("a tab in the indentation; expected spaces", at)
    said = f"{err.context or ''} {err.problem or ''}".replace("double-", "")
    for phrases, meaning, from_start in _MEANINGS:
        if any(phrase in said for phrase in phrases):
            if from_start and err.context_mark:
                line, column = err.context_mark.line, err.context_mark.column
            if "{character}" in meaning and not source[column:]:
                meaning = "a value is missing here"
            meaning = meaning.replace("{character}", repr(source[column : column + 1]))
            return YamlError(meaning, Position(line + 1, column + 1))
    return YamlError("this is not YAML", Position(line + 1, column + 1))
