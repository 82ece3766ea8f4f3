"""The config as read: a file, stdin or a mapping, with its overrides, checked as a whole.

Errors carry the place of their key. The table and the model are not looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnfit.config.messages import FIELDS, Problem, check, unknown_key
from nnfit.config.nodes import Node, Position, YamlError, read_yaml
from nnfit.config.places import Place, Tree, nearest
from nnfit.config.scalars import Scalar, shown
from nnfit.config.schema import Config
from nnfit.config.sources import read_text
from nnfit.errors import STDIN, ConfigError, name_of, printable, shorten

_TABLE = "{name}: looks like a CSV; expected a config in YAML. The CSV goes under data.path"
_START = Position(1, 1)


@dataclass(frozen=True)
class ConfigFile:
    """A checked config and where it came from.

    Attributes
    ----------
    config : Config
    name : str
        As messages show it: the path as given, `<stdin>`, or `config` for a mapping.
    folder : Path
        What relative paths in the config are relative to.
    """

    config: Config
    name: str
    folder: Path
    stem: str = "model"  # of the model's name where the config gives none
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)
    data_option: str | None = None  # data.path, where an option gave it

    def where(self, key: str) -> str:
        """Return how a message about `key` begins, such as `iris.yaml:7:3: model.activation`.

        A default has the place of the nearest key around it; `features[2]` is an item.
        """
        place = self.places.get(nearest(key, self.places))
        return printable(place.where(key) if place else f"{self.name}: {key}")

    def resolve(self, path: str) -> str:
        """Return where to find a CSV that the config names: `-`, or a path to open."""
        if path in ("-", self.data_option):
            return path
        joined = os.path.join(self.folder, path)
        tidy = os.path.normpath(joined)
        # configs/../data is data, unless configs is a link.
        return tidy if os.path.realpath(tidy) == os.path.realpath(joined) else joined

    def default_output(self) -> str:
        """Return where the model goes when no option says so, relative to the current folder.

        Raises
        ------
        ConfigError
            When a config, which may be a stranger's, names a file that is there and is no model.
        """
        path = self.config.output or f"{self.stem}.npz"
        if self.config.output and not replaceable(path):
            raise ConfigError(
                f"{self.where('output')}: {shown(path)} is there and is no model; expected a new "
                "name or an old model. Name it with -o to replace it"
            )
        return path


def load_config(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    data: str | None = None,
) -> ConfigFile:
    """Return the config in `source`, with every key checked.

    Parameters
    ----------
    source : str, Path or Mapping
        A YAML file, `-` for stdin, or the keys themselves.
    overrides : sequence of str
        `KEY=VALUE` with a dotted key and a YAML value; later ones win.
    data : str, optional
        Replaces `data.path`; relative to the current folder.

    Returns
    -------
    ConfigFile

    Raises
    ------
    ConfigError
        With one line per error, in the order of the file.
    """
    tree = Tree()
    folder, stem = Path(), "model"
    if isinstance(source, Mapping):
        name = "config"
        tree.read_mapping(source)
    else:
        name = printable(name_of(str(source)))
        tree.read_nodes(_root(read_text(str(source), name), name), name)
        # A pipe such as /dev/fd/63 has neither a folder nor a name worth keeping.
        if name != STDIN and Path(source).is_file():
            folder, stem = Path(source).parent, Path(source).stem

    lines = [line for i, text in enumerate(overrides) if (line := _override(tree, text, i))]
    if data is not None:
        data = data if data == "-" else _distinct(data, tree)
        node = Node(_START, Scalar(data, plain=False))
        tree.set(("data", "path"), node, Place("--data", (2, 0, 0), "data.path"))
    for section in FIELDS:
        if section and section in tree.values and tree.values[section] is None:
            tree.values[section] = {}  # `model:` with every line under it commented out

    config, problems = check(tree.values)
    problems += _stdin_twice(config, name)
    lines = _in_order(problems, tree, name) + lines
    if config is None or lines:
        raise ConfigError(*lines)
    return ConfigFile(config, name, folder, stem, tree.places, data)


def replaceable(path: str) -> bool:
    """Return whether a model at `path` would replace nothing but a model, by name or content."""
    if path.endswith(".npz") or not os.path.isfile(path):
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read(4) in (b"", b"PK\x03\x04")
    except OSError:
        return False


def _root(text: str, name: str) -> Node:
    """Return the mapping that the YAML in `text` is."""
    try:
        root = read_yaml(text)
    except YamlError as err:
        if _looks_like_table(text):
            raise ConfigError(_TABLE.format(name=name)) from err
        raise ConfigError(f"{name}:{err.at.line}:{err.at.column}: {err.text}") from err
    if root is None or root.content == Scalar("", plain=True):
        raise ConfigError(f"{name}: is empty; expected at least data.path and data.target")
    if not isinstance(root.content, dict):
        if _looks_like_table(text):
            raise ConfigError(_TABLE.format(name=name))
        raise ConfigError(
            f"{name}:{root.at.line}:{root.at.column}: got {shown(root.content)}; expected "
            f"sections such as 'data:' with their keys below them"
        )
    return root


def _looks_like_table(text: str) -> bool:
    """Return whether the first two lines have the same number of some delimiter."""
    lines = [line for line in text.split("\n", 3)[:3] if line.strip()][:2]
    if len(lines) < 2 or lines[0].startswith(("{", "[", "#")) or re.search(r":\s", lines[0]):
        return False
    return any(lines[0].count(mark) == lines[1].count(mark) > 0 for mark in ",;|\t")


def _override(tree: Tree, text: str, number: int) -> str | None:
    """Set in `tree` what the override `text` says, or return what is wrong with it."""
    key, equals, value = text.partition("=")
    key = key.strip()
    shown_text = printable(shorten(" ".join(text.split())))
    if not equals or not key:
        return f"--set {shown_text}: expected KEY=VALUE, such as optimizer.learning_rate=0.01"
    path = _path(key)
    if path is None:
        section, _, name = key.partition(".")
        within = section if name and section in FIELDS else ""
        return f"--set {shown_text}: {unknown_key(within, name if within else key)}"
    try:
        # A lone dash is a list in YAML, and stdin everywhere else.
        root = Node(_START, Scalar("-", plain=False)) if value.strip() == "-" else read_yaml(value)
    except YamlError as err:
        return f"--set {shown_text}: {err.text}"
    given = f"={printable(shorten(' '.join(value.split())))}"
    place = Place(f"--set {printable(shorten(key))}", (1, number, 0), key, given)
    if path[0] == "class_weight" and not isinstance(tree.values.get(path[0]), dict):
        tree.values[path[0]] = {}
    tree.set(path, root or Node(_START, Scalar("", plain=True)), place)
    return None


def _path(key: str) -> tuple[str, ...] | None:
    """Return the keys to walk for the dotted `key`, or None if the schema has no such key."""
    section, _, name = key.partition(".")
    if section not in FIELDS[""]:
        return None
    if not name:
        return (section,) if section == key else None
    if section == "class_weight" or name in FIELDS.get(section, ()):
        return (section, name)
    return None


def _distinct(path: str, tree: Tree) -> str:
    """Return `path` spelt as no held-out CSV is, since those are relative to the config."""
    section = tree.values.get("data")
    others = (
        [section.get(key) for key in ("validation", "test")] if isinstance(section, dict) else []
    )
    spelt = [other.spelling if isinstance(other, Scalar) else other for other in others]
    while path in spelt:
        path = os.path.join(".", path)
    return path


def _stdin_twice(config: Config | None, name: str) -> list[Problem]:
    """Return a complaint if the table is to come from stdin after the config did."""
    if config is None or name != STDIN:
        return []
    data = {"data.path": config.data.path, "data.validation": config.data.validation}
    data["data.test"] = config.data.test
    return [
        Problem(key, "got '-' (stdin), which the config came from; expected the path of a CSV")
        for key, path in data.items()
        if path == "-"
    ]


def _in_order(problems: Sequence[Problem], tree: Tree, name: str) -> list[str]:
    """Return a line for each problem, in the order in which the keys were set."""
    nowhere = Place(name, (3, 0, 0))
    found = []
    for key, text, named in problems:
        around = nearest(key, tree.places)
        place = tree.places.get(around, nowhere)
        # An item has the name of its list where there is no list: `target: 3`.
        said = "" if named else around if key.endswith("]") and around else key
        found.append((place.order, f"{printable(place.wrong(said))}: {text}"))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]
