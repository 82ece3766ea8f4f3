"""The config as read: a file, stdin or a mapping, with its overrides, checked as a whole.

Errors carry the place of their key. The table and the model are not looked at.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnfit.config.conflicts import conflicts
from nnfit.config.messages import FIELDS, Problem, check
from nnfit.config.nodes import START, Node, YamlError, read_yaml
from nnfit.config.overrides import override
from nnfit.config.places import Place, Tree, nearest
from nnfit.config.presets import Shape, resolve
from nnfit.config.scalars import Scalar, shown
from nnfit.config.schema import Config
from nnfit.config.sources import read_text
from nnfit.errors import STDIN, ConfigError, name_of, path_text, printable
from nnfit.storage.origin import MODEL, holds
from nnfit.storage.output import is_stdout

_VARIABLE = re.compile(r"\$(\w+|\{\w+\})|%\w+%", re.ASCII)
CONFIG = (
    "the path of a config in YAML, or its keys as a dict such as {'data': {'target': 'y'}}. "
    "A table comes after it"
)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """A checked config and where it came from."""

    config: Config
    name: str  # as messages show it: the path as given, `<stdin>`, or `config` for a mapping
    folder: Path  # what relative paths in the config are relative to
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
        if path == "-":
            return path
        if path == self.data_option:
            return at_home(path)
        joined = os.path.join(self.folder, path)
        if not os.path.exists(joined) and path.startswith("~"):
            return at_home(path)
        tidy = os.path.normpath(joined)
        # configs/../data is data, unless configs is a link.
        return tidy if os.path.realpath(tidy) == os.path.realpath(joined) else joined

    def resolved(self, shape: Shape) -> ConfigFile:
        """Return the config with its preset's values for a table.

        Raises
        ------
        ConfigError
            When what it sets itself does not go together with any of them.
        """
        config = resolve(self.config, shape)
        wrong = [f"{self.where(keys[0])}: {text}" for keys, text in conflicts(config)]
        if wrong:
            raise ConfigError(*wrong)
        return replace(self, config=config)

    def default_output(self) -> str:
        """Return where the model goes when no option says so, relative to the current folder.

        Raises
        ------
        ConfigError
            When a file is there and is no model: a config, which may be a stranger's, names it.
        """
        path = at_home(self.config.output or f"{self.stem}.npz")
        if not replaceable(path):
            raise ConfigError(
                f"{self.where('output')}: {shown(path)} is there and is no model; expected a new "
                "name or an old model. Name it with -o to replace it"
            )
        return path


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A config as it was read, with its overrides, before it is checked.

    `wrong` are lines on overrides that can't be set; the others are as in `ConfigFile`.
    """

    tree: Tree
    name: str
    folder: Path = field(default_factory=Path)
    stem: str = "model"
    data_option: str | None = None
    wrong: Sequence[str] = ()

    def checked(self) -> ConfigFile:
        """Return the config with every key checked.

        Raises
        ------
        ConfigError
            With one line per error, in the order of the file.
        """
        tree, file = self.tree, None
        config, problems = check(tree.values)
        if config is not None and self.name == STDIN:
            text = "got '-' (stdin), which the config came from; expected the path of a CSV"
            tables = config.data.tables.items()
            problems += [Problem(f"data.{key}", text) for key, path in tables if path == "-"]
        if config is not None:
            file = ConfigFile(
                config=config, name=self.name, folder=self.folder, stem=self.stem,
                places=tree.places, data_option=self.data_option,
            )  # fmt: skip
            problems += _with_variables(file)
        lines = in_order(problems, tree, self.name) + [*self.wrong]
        if file is None or lines:
            raise ConfigError(*lines)
        return file

    def with_values(self, values: Mapping[tuple[str, ...], tuple[Any, Place]]) -> Draft:
        """Return the draft with values, of YAML or of Python, for some keys, and their places."""
        tree = self.tree.copy()
        for keys, (value, place) in values.items():
            tree.set(keys, value, place)
        return replace(self, tree=tree)


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

    Raises
    ------
    ConfigError
        With one line per error, in the order of the file.
    """
    return read_config(source, overrides, data).checked()


def read_config(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    data: str | None = None,
) -> Draft:
    """Return what `load_config` checks; only what is no YAML raises here."""
    tree = Tree()
    folder, stem = Path(), "model"
    if isinstance(source, Mapping):
        name = "config"
        tree.read_mapping(source)
    else:
        path = path_text(source, "config", CONFIG, ConfigError)
        name = printable(name_of(path))
        tree.read_nodes(read_root(path, name), name)
        # A pipe such as /dev/fd/63 has neither a folder nor a name worth keeping.
        if name != STDIN and Path(path).is_file():
            folder, stem = Path(path).parent, Path(path).stem

    wrong = [line for i, text in enumerate(overrides) if (line := override(tree, text, i))]
    if data is not None:
        data = data if data == "-" else _distinct(data, tree)
        node = Node(START, Scalar(data, plain=False))
        tree.set(("data", "path"), node, Place("--data", (2, 0, 0), "data.path"))
    for section in FIELDS:
        if section and section in tree.values and tree.values[section] is None:
            tree.values[section] = {}  # `model:` with every line under it commented out
    return Draft(
        tree=tree, name=name, folder=folder, stem=stem, data_option=data, wrong=tuple(wrong)
    )


def at_home(path: str) -> str:
    """Return `path` with a leading `~` as the home folder, unless something here is called so."""
    return path if os.path.lexists(path.split("/", 1)[0]) else os.path.expanduser(path)


def _with_variables(file: ConfigFile) -> list[Problem]:
    """Return a problem for each path that means a variable: `$HOME/x.csv`, and nothing is there."""
    problems = []
    paths = {f"data.{key}": path for key, path in file.config.data.tables.items()}
    places = {key: file.resolve(path) for key, path in paths.items()}
    if file.config.output:
        places["output"] = os.path.dirname(file.config.output)
        paths["output"] = file.config.output
    for key, place in places.items():
        if _VARIABLE.search(place) and not os.path.lexists(place):
            text = (
                f"got {shown(paths[key])}; a config expands no variables. Write the path out, or "
                "begin it with '~/'"
            )
            problems.append(Problem(key, text))
    return problems


def replaceable(path: str) -> bool:
    """Return whether a model at `path` would replace nothing but a model, or an empty file."""
    if path == "-" or is_stdout(path):
        return True
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # nothing to lose; whether it can be written is seen later
        return True
    if stat.S_ISREG(found.st_mode):
        return found.st_size == 0 or holds(path, MODEL)
    if stat.S_ISDIR(found.st_mode):
        return True
    # what is neither is written directly: it may be a disk, or a pipe that nobody reads
    return os.path.samestat(found, os.stat(os.devnull))


def read_root(path: str, name: str) -> Node:
    """Return the mapping that the YAML file at `path`, which messages call `name`, is.

    Raises
    ------
    ConfigError
        When it can't be read, or is none.
    """
    text = read_text(path, name)
    try:
        root = read_yaml(text)
        if root is None or root.content == Scalar("", plain=True):
            raise ConfigError(f"{name}: is empty; expected at least data.path and data.target")
        if not isinstance(root.content, dict):
            wanted = "expected sections such as 'data:' with their keys below them"
            raise YamlError(f"got {shown(root.content)}; {wanted}", root.at)
    except YamlError as err:
        said = f":{err.at.line}:{err.at.column}: {err.text}"
        if _looks_like_table(text):
            said = ": looks like a CSV; expected a config in YAML. The CSV goes under data.path"
        raise ConfigError(name + said) from err
    return root


def _looks_like_table(text: str) -> bool:
    """Return whether the first two lines have the same number of some delimiter."""
    lines = [line for line in text.split("\n", 3)[:3] if line.strip()][:2]
    if len(lines) < 2 or lines[0].startswith(("{", "[", "#")) or re.search(r":\s", lines[0]):
        return False
    return any(lines[0].count(mark) == lines[1].count(mark) > 0 for mark in ",;|\t")


def _distinct(path: str, tree: Tree) -> str:
    """Return `path` spelt as no held-out CSV is, since those are relative to the config."""
    section = tree.values.get("data")
    others = map(section.get, ("validation", "test")) if isinstance(section, dict) else ()
    spelt = [other.spelling if isinstance(other, Scalar) else other for other in others]
    while path in spelt:
        path = os.path.join(".", path)
    return path


def in_order(problems: Sequence[Problem], tree: Tree, name: str) -> list[str]:
    """Return a line for each problem, in the order in which the keys were set."""
    nowhere = Place(name, (3, 0, 0))
    lines = []
    for key, text, named in problems:
        around = nearest(key, tree.places)
        place = tree.places.get(around, nowhere)
        # An item has the name of its list where there is no list: `target: 3`.
        said = "" if named else around if key.endswith("]") and around else key
        lines.append((place.order, f"{printable(place.wrong(said))}: {text}"))
    return [line for _, line in sorted(lines, key=lambda pair: pair[0])]
