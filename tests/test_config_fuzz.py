"""Anything at all as a config: read, or refused in lines that say where; never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from nnfit.config.messages import FIELDS
from nnfit.config.reading import load_config
from nnfit.errors import ConfigError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**120), 10**120)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["relu", "auto", "full", "balanced", "-", "\udce9", object(), b"x", {1}])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def trees() -> st.SearchStrategy[Any]:
    """Return mappings with the schema's keys and any values."""
    sections = {
        name: st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS[name], VALUES)) | VALUES
        if name in FIELDS
        else VALUES
        for name in FIELDS[""]
    }
    return st.fixed_dictionaries({}, optional=sections)


def check_lines(error: ConfigError, name: str) -> None:
    assert error.messages
    for line in error.messages:
        assert line.startswith(f"{name}:")
        assert line.isprintable()
        assert len(line) < 400


@given(tree=trees())
@example(tree={"data": {"path": "\udce9", "target": ["\udce9"], "validation": "\udce9"}})
@example(tree={"class_weight": {"\udce9": 1}, "seed": 10**5000, "training": {"epochs": 10**400}})
def test_any_values(tree: dict[str, Any]) -> None:
    try:
        load_config(tree)
    except ConfigError as error:
        check_lines(error, "config")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "c.yaml"


YAML_BITS = st.sampled_from(
    ["a", "data", "path", "target", ":", ": ", "\n", "  ", "\n  ", "- ", "[", "]", "{", "}", ","]
    + ["'", '"', "#", " #", "&x ", "*x", "!", "!!int", "|", ">", "%", "@", "`", "? ", "~", "\t"]
    + ["---", "...", "\n---\n", "\\", "<<", "1", "\r", "\x85", "\u2028", "é", "\ufeff", "\x00"]
)


@given(raw=st.lists(YAML_BITS).map("".join).map(str.encode) | st.binary(max_size=40))
def test_any_bytes(place: Path, raw: bytes) -> None:
    place.write_bytes(raw)
    try:
        load_config(place)
    except ConfigError as error:
        check_lines(error, str(place))


@given(override=st.lists(YAML_BITS | st.sampled_from([*FIELDS[""], ".", "="])).map("".join))
def test_any_override(override: str) -> None:
    try:
        load_config({"data": {"path": "a", "target": "b"}}, [override])
    except ConfigError as error:
        for line in error.messages:
            assert line.startswith(("--set ", "config: "))
            assert line.isprintable()
