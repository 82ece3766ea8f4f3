"""Where each key of a config was set, and the values themselves as the schema takes them.

Three origins: the nodes of a YAML file, a Python mapping, the options of a command.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnfit.config.nodes import MAX_DEPTH, Node, Position
from nnfit.config.scalars import Scalar
from nnfit.errors import ConfigError, shorten


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key was set: how messages begin, and the order in which they are given."""

    name: str  # "configs/iris.yaml:7:3", "config", "--set model.activation", "--data"
    order: tuple[int, int, int]
    key: str = ""  # the key that `name` says already
    given: str = ""  # an option's value, shown where that value is wrong

    def where(self, key: str) -> str:
        """Return how a message about `key` begins."""
        return self.name if key == self.key else f"{self.name}: {shorten(key)}"

    def wrong(self, key: str) -> str:
        """Return how a message begins that `key` was set wrongly; an empty one is not named."""
        name = self.name + self.given
        return name if key in ("", self.key) else f"{name}: {shorten(key)}"


@dataclass
class Tree:
    """The values of a config by key, and the place of each."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def read_nodes(self, root: Node, file: str) -> None:
        """Take the values of a YAML file, which messages call `file`."""

        def place(at: Position) -> Place:
            return Place(f"{file}:{at.line}:{at.column}", (0, at.line, at.column))

        self.values = self._from_node(root, "", place)

    def read_mapping(self, mapping: Mapping[Any, Any]) -> None:
        """Take the values of a Python mapping."""
        self.values = self._from_python(mapping, "", 0)

    def set(self, keys: tuple[str, ...], value: Any, place: Place) -> None:
        """Set the key at `keys`, creating its section; a section that is none is left alone.

        `value` is a node of YAML, or Python's own value. The label of a `class_weight` needs a
        mapping, which takes the place of what is none.
        """
        parent = self.values
        if keys[0] == "class_weight" and len(keys) > 1:
            if not isinstance(parent.get(keys[0]), dict):
                parent[keys[0]] = {}
        for name in keys[:-1]:
            if parent.get(name) is None:
                parent[name] = {}
            parent = parent[name]
            if not isinstance(parent, dict):
                return
        key = ".".join(keys)
        for old in [k for k in self.places if k == key or k.startswith((f"{key}.", f"{key}["))]:
            del self.places[old]
        self.places[key] = place
        if isinstance(value, Node):
            value = self._from_node(value, key, lambda at: place)
        parent[keys[-1]] = value

    def copy(self) -> Tree:
        """Return a tree whose keys can be set without a change in this one."""
        values = {k: dict(v) if isinstance(v, dict) else v for k, v in self.values.items()}
        return Tree(values, dict(self.places))

    @classmethod
    def value(cls, node: Node) -> Any:
        """Return what `node` alone is, as the schema takes it."""
        return cls()._from_node(node, "", lambda at: Place("", (0, 0, 0)))

    def _from_node(self, node: Node, key: str, place: Callable[[Position], Place]) -> Any:
        if isinstance(node.content, Scalar):
            return None if node.content.value is None else node.content
        if isinstance(node.content, list):
            for i, item in enumerate(node.content):
                self.places[f"{key}[{i}]"] = place(item.at)
            return [
                self._from_node(item, f"{key}[{i}]", place) for i, item in enumerate(node.content)
            ]
        values = {}
        for name, (at, child) in node.content.items():
            inner = f"{key}.{name}" if key else name
            self.places[inner] = place(at)
            values[name] = self._from_node(child, inner, place)
        return values

    def _from_python(self, value: Any, key: str, depth: int) -> Any:
        if key:
            self.places[key] = Place("config", (0, len(self.places), 0))
        if depth > MAX_DEPTH:
            raise ConfigError(f"config: {shorten(key)}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {
                str(name): self._from_python(item, f"{key}.{name}" if key else str(name), depth + 1)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [
                self._from_python(item, f"{key}[{i}]", depth + 1) for i, item in enumerate(value)
            ]
        return _native(value)


def nearest(key: str, places: Mapping[str, Place]) -> str:
    """Return `key`, or the key nearest around it that has a place, or an empty string."""
    while key and key not in places:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return key


def _native(value: Any) -> Any:
    """Return NumPy's numbers and paths as Python's own, anything else as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return value
