"""`--set KEY=VALUE`: a dotted key and a value in YAML, as far as YAML can be what was meant.

What the keys mean is the schema's.
"""

from __future__ import annotations

import json
import shlex

from nnfit.config.messages import FIELDS, accepts, unknown_key
from nnfit.config.nodes import START, Node, YamlError, read_yaml
from nnfit.config.places import Place, Tree
from nnfit.config.scalars import Scalar, shown
from nnfit.errors import printable, shorten


def override(tree: Tree, text: str, number: int) -> str | None:
    """Set in `tree` what the override `text` says, or return what is wrong with it."""
    key, equals, value = text.partition("=")
    key = key.strip()
    shown_text = printable(shorten(" ".join(text.split())))
    if not equals or not key:
        return f"--set {shown_text}: expected KEY=VALUE, such as optimizer.learning_rate=0.01"
    try:
        keys = keys_of(key)
        node = read_value(keys, value)
    except YamlError as err:
        return f"--set {shown_text}: {err.text}"
    given = f"={printable(shorten(' '.join(value.split())))}"
    place = Place(f"--set {printable(shorten(key))}", (1, number, 0), key, given)
    tree.set(keys, node, place)
    return None


def keys_of(key: str) -> tuple[str, ...]:
    """Return the keys to walk for a dotted one.

    Raises
    ------
    YamlError
        With the nearest name, if the schema has no such key.
    """
    section, dot, name = key.partition(".")
    names = FIELDS.get(section, ()) if section else ()
    if section in FIELDS[""] and (not dot or name in names or (section == "class_weight" and name)):
        return (section, name) if dot else (section,)
    raise YamlError(unknown_key(section, name) if name and names else unknown_key("", key), START)


def read_value(keys: tuple[str, ...], value: str) -> Node:
    """Return the value of an override: YAML, or the text as it stands where that can't be meant.

    A single value is a list of one where the key takes nothing but a list.

    Raises
    ------
    YamlError
        With how to write it, where it begins as YAML and is none, or must be a list.
    """
    text, key = value.strip(), ".".join(keys)
    whole = Node(START, Scalar(text, plain=False))
    try:
        said = read_yaml(value) or Node(START, Scalar("", plain=True))
    except YamlError as err:
        as_text = taken(keys, whole)
        if as_text is None:
            raise
        if text[:1] in ("[", "{", "'", '"'):
            raise YamlError(f"{err.text}. Quote a text: {_quoted(key, text)}", err.at) from err
        return as_text
    readings = [said]
    if text[:1] not in ("", "'", '"') and said.content != Scalar(text, plain=True):
        readings = [whole, said] if _loses_text(said, text) else [said, whole]
    node = taken(keys, *readings)
    items = [item.strip() for item in text.split(",")]
    listed = Node(START, [Node(START, Scalar(item, plain=True)) for item in items])
    if node is None and isinstance(said.content, Scalar) and accepts(keys, Tree.value(listed)):
        how = shlex.quote(f"{key}=[{', '.join(items)}]")
        raise YamlError(f"got {shown(said.content)}; expected a list: --set {how}", START)
    return node or said


def taken(keys: tuple[str, ...], *readings: Node) -> Node | None:
    """Return the first that the key takes, as it is or as a list of one."""
    forms = (form for reading in readings for form in (reading, Node(START, [reading])))
    return next((form for form in forms if accepts(keys, Tree.value(form))), None)


def _loses_text(said: Node, text: str) -> bool:
    """Return whether YAML makes less of one line: of `#x`, `a #b`, `|`, `&x`, or of `- x`."""
    scalar = isinstance(said.content, Scalar)
    return "\n" not in text and (scalar or (text[0] == "-" and isinstance(said.content, list)))


def _quoted(key: str, text: str) -> str:
    """Return the option with its text, or the texts of its list, in quotes for YAML and shell."""
    items = text[1:-1].split(",") if text[0] == "[" and text[-1] == "]" else [text]
    quoted = ", ".join(json.dumps(item.strip(), ensure_ascii=False) for item in items)
    return f"--set {shlex.quote(f'{key}=[{quoted}]' if items != [text] else f'{key}={quoted}')}"
