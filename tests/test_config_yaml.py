"""The YAML reader: what each scalar means, where nodes stand, and every refusal with its place."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from nnfit.config import nodes
from nnfit.config.nodes import Node, Position, YamlError, read_yaml
from nnfit.config.scalars import Scalar, shown

LOADERS = {"c": yaml.CLoader, "python": yaml.Loader} if yaml.__with_libyaml__ else {}


def plain(node: Node | None) -> Any:
    assert node is not None
    if isinstance(node.content, Scalar):
        return node.content.value
    if isinstance(node.content, list):
        return [plain(item) for item in node.content]
    return {name: plain(child) for name, (_, child) in node.content.items()}


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("0", 0),
        ("007", 7),
        ("+12", 12),
        ("-3", -3),
        ("9" * 100, int("9" * 100)),
        ("9" * 101, float("inf")),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("0o7", "0o7"),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+2", -150.0),
        ("1e", "1e"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("12:30:45", "12:30:45"),
        ("2026-11-23", "2026-11-23"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("nan", "nan"),
        ("١٢", "١٢"),
    ],
)
def test_plain_scalar(spelling: str, value: object) -> None:
    found = Scalar(spelling, plain=True).value
    assert found == value
    assert type(found) is type(value)
    assert Scalar(spelling, plain=False).value == spelling


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Scalar("abc", True), "'abc'"),
        (Scalar("1e-3", True), "1e-3"),
        (Scalar("~", True), "null"),
        (Scalar("3", False), "the quoted text '3'"),
        (Scalar("abc", False), "'abc'"),
        (Scalar("", False), "''"),
        (Scalar("x" * 61, True), repr("x" * 57 + "...")),
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        pytest.param(10**5000, "an integer of over 100 digits", id="huge"),
        ("a\nb", r"'a\nb'"),
        ([1], "a list"),
        ({"a": 1}, "a mapping"),
        ({1}, "{1}"),
    ],
)
def test_shown_in_messages(value: object, text: str) -> None:
    assert shown(value) == text


def test_nodes_and_positions() -> None:
    root = read_yaml('a: &x [1, "2"]\nb:\n  "c d": *x\n  ö: ~\n')
    assert plain(root) == {"a": [1, "2"], "b": {"c d": [1, "2"], "ö": None}}
    assert root is not None
    assert isinstance(root.content, dict)
    at, inner = root.content["b"]
    assert at == Position(2, 1)
    assert isinstance(inner.content, dict)
    assert inner.content["ö"][0] == Position(4, 3)
    aliased = inner.content["c d"][1]
    assert isinstance(aliased.content, list)
    assert aliased.content[1].at == Position(1, 11)


def test_an_anchor_on_a_key() -> None:
    assert plain(read_yaml("&k a: 1\nb: *k\n")) == {"a": 1, "b": "a"}


def test_a_depth_at_which_libyaml_ends_is_told_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = yaml.parse

    def fail(text: str, Loader: Any) -> Any:
        if Loader is not yaml.Loader:
            raise yaml.MarkedYAMLError(problem="exceeded maximum nesting depth")
        return parse(text, Loader=Loader)

    monkeypatch.setattr(yaml, "parse", fail)
    monkeypatch.setattr(nodes, "LOADER", object())
    with pytest.raises(YamlError) as caught:
        read_yaml("a: " + "[" * 200)
    assert (caught.value.text, caught.value.at) == (DEEP, Position(1, 103))


def test_an_error_without_words_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise yaml.MarkedYAMLError("while doing it", None, "it did not work")

    monkeypatch.setattr(yaml, "parse", fail)
    with pytest.raises(YamlError) as caught:
        read_yaml("a: 1\n")
    assert (caught.value.text, caught.value.at) == ("this is not YAML", Position(1, 1))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n"])
def test_nothing(text: str) -> None:
    root = read_yaml(text)
    assert root is None or plain(root) is None


def test_json_and_a_byte_order_mark_free_document_start() -> None:
    assert plain(read_yaml('---\n{"a": [1, true, null]}\n...\n')) == {"a": [1, True, None]}


NEIGHBOURS = (
    "does not fit the lines above; indent it as its neighbours are, or quote the whole text"
)
COLON = (
    "':' is not allowed here; indent the line as its neighbours are, or quote a text that "
    "holds ': '"
)
DASH = "'-' starts a list here; quote a text that starts with '-'"
STAR = "'*' and '&' start an alias or anchor; quote a text that starts with them"
QUOTE = "this quote is not closed"
TAB = "a tab in the indentation; expected spaces"
EMPTY = "a key is empty; expected text, or quotes around '?' or ':'"
DEEP = "nested deeper than 100 levels"
NO_TAG = "is refused; expected plain YAML without tags"

REFUSALS = [
    ("a: b: c\n", 1, 5, COLON),
    ("a: 1\n  b: 2\n", 2, 4, COLON),
    ("é: 'ö': x\n", 1, 7, COLON),
    ("a: 1\nb\nc: 2\n", 2, 1, "no ':' after this key; expected 'key: value'"),
    ("a:\n  b: 1\n c: 2\n", 3, 2, NEIGHBOURS),
    ('a: "x" y\n', 1, 8, NEIGHBOURS),
    ("a:\n- b\nc: 1\n- d\n", 4, 1, NEIGHBOURS),
    ("a: [1, 2\nb: 3\n", 1, 4, "this '[' is not closed, or a ',' is missing after it"),
    ("a: [1, 2", 1, 4, "this '[' is not closed, or a ',' is missing after it"),
    ("a: {b: 1\nc: 2", 1, 4, "this '{' is not closed, or a ',' is missing after it"),
    ('a: "abc\nb: 1\n', 1, 4, QUOTE),
    ('a: [1, "]\n...\nb: 2', 1, 8, QUOTE),
    ('a: [1, "]\n---\nb: 2', 1, 8, QUOTE),
    ("a: ? b\n", 1, 4, "'?' starts a key here; quote a text that starts with '?'"),
    ("a: 'abc\nb: 1\n", 1, 4, QUOTE),
    ("a:\n\tb: 1\n", 2, 1, TAB),
    ("a:\n  b: 1\n\tc: 2\n", 3, 1, TAB),
    ("a:\n  \tb: 1\n", 2, 3, TAB),
    ("a: @x\n", 1, 4, "'@' cannot start a value; quote the text"),
    ("a: `x` + 1\n", 1, 4, "'`' cannot start a value; quote the text"),
    ("a: %x\n", 1, 4, "'%' cannot start a value; quote the text"),
    ("a: ,\n", 1, 4, "',' cannot start a value; quote the text"),
    ("a: [", 1, 5, "a value is missing here"),
    ("a: *\n", 1, 4, STAR),
    ("a: &\n", 1, 4, STAR),
    ("a: -\n", 1, 4, DASH),
    ("a: - b\n", 1, 4, DASH),
    (
        'a: "\\d"\n',
        1,
        4,
        "unknown escape in a quoted text; write '\\\\' for a backslash, or use single quotes",
    ),
    ("a: |x\n b\n", 1, 4, "'|' and '>' start a block of text; quote a text that starts with them"),
    ("%YAML 2.0\n---\na: 1\n", 1, 1, "'%' directives are refused; expected plain YAML"),
    ("a: 1\n...\nb: 2\n", 3, 1, "text after the end of the config; expected 'key: value' lines"),
    ("a: 1\n---\nb: 2\n", 2, 1, "a second document; expected one config per file"),
    ("a: !e!foo x\n", 1, 4, "tags are refused; expected plain YAML without tags"),
    ("a: !!python/object:os.system x\n", 1, 4, f"tag '!!python/object:os.system' {NO_TAG}"),
    ("a: !!str x\n", 1, 4, f"tag '!!str' {NO_TAG}"),
    ("a: !foo [x]\n", 1, 4, f"tag '!foo' {NO_TAG}"),
    ("a: ! x\n", 1, 4, f"tag '!' {NO_TAG}"),
    ("!!map {a: 1}\n", 1, 1, f"tag '!!map' {NO_TAG}"),
    ("!!str a: 1\n", 1, 1, f"tag '!!str' {NO_TAG}"),
    ("a:\n  b: 1\n  b: 2\n", 3, 3, "duplicate key 'b'; first given in line 2"),
    ('a: {b: 1, "b": 2}\n', 1, 11, "duplicate key 'b'; first given in line 1"),
    ("a: &x {b: 1}\nc: {<<: *x}\n", 2, 5, "merge key '<<' is not supported; write the keys out"),
    ("'': 1\n", 1, 1, EMPTY),
    ("a: [x, ?]\n", 1, 8, EMPTY),
    ("a:\n- ?\n", 2, 3, EMPTY),
    ("? [a]\n: 1\n", 1, 3, "a list or mapping cannot be a key; expected text"),
    ("a: &x b\n*x : 1\n", 2, 1, "an alias cannot be a key; expected text"),
    ("a: &x [*x]\n", 1, 8, "alias '*x' stands inside the node it repeats"),
    (
        "a: *x\n",
        1,
        4,
        "unknown alias '*x'; expected an anchor before it, or quotes around text that starts "
        "with '*'",
    ),
    ("a: 1\nb: \0\n", 2, 4, "control character U+0000; expected plain text"),
    ("a: '\x1b[31m'\n", 1, 5, "control character U+001B; expected plain text"),
    ("a: \udce9\n", 1, 4, "control character U+DCE9; expected plain text"),
]


@pytest.mark.parametrize("loader", LOADERS or ["python"])
@pytest.mark.parametrize(("text", "line", "column", "message"), REFUSALS)
def test_refusal(
    text: str, line: int, column: int, message: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "LOADER", LOADERS.get(loader, yaml.Loader))
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert (caught.value.text, caught.value.at) == (message, Position(line, column))


def _laughs(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * width)}]" for i in range(levels)]
    return "\n".join(lines)


BOMBS = {
    "flow lists": ("[" * 900_000, DEEP),
    "flow lists, closed": ("a: " + "[" * 3000 + "]" * 3000, DEEP),
    "flow mappings": ("{a: " * 200_000, DEEP),
    "block mappings": ("".join(" " * i + "a:\n" for i in range(1300)), DEEP),
    "block lists": ("- " * 400_000, DEEP),
    "aliases of aliases": (_laughs(20, 10), "aliases expand to over 10000 nodes"),
    "chain of aliases": (_laughs(3000, 1), DEEP),
    "one alias often": (
        f"a: &a [1, 2, 3]\nb: [{', '.join(['*a'] * 5000)}]",
        "aliases expand to over 10000 nodes",
    ),
    "a long list": (f"a: [{'x,' * 400_000}]", "over 100000 values; expected a config"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name: str) -> None:
    text, message = BOMBS[name]
    start = time.perf_counter()
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert time.perf_counter() - start < 30  # far from what a bomb would take
    assert caught.value.text == message


def test_a_hundred_levels_and_ten_thousand_aliased_nodes_are_fine() -> None:
    deep = read_yaml("[" * 100 + "]" * 100)
    assert deep is not None
    assert deep.depth == 99
    wide = read_yaml(f"a: &a [1, 2, 3]\nb: [{', '.join(['*a'] * 2500)}]")
    assert wide is not None
    assert wide.size == 1 + 4 + 1 + 2500 * 4
