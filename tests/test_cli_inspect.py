"""`nnfit inspect` and `nnfit schema`: what a model holds, and the JSON Schema of the config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from nnfit.config.messages import FIELDS

if TYPE_CHECKING:
    from conftest import Commands, Example

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


def inspected(cli: Commands, name: str) -> dict[str, Any]:
    result = cli("inspect", f"{name}.npz", "--json")
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    return found


def test_a_classifier(cli: Commands, labels: Example) -> None:
    found = inspected(cli, "labels")
    assert (found["model"], found["task"], found["targets"]) == (
        "labels.npz",
        "classification",
        ["label"],
    )
    assert found["classes"] == sorted(set(labels.cells["label"]))
    assert (found["loss"], found["dtype"], found["format_version"]) == (
        "cross_entropy",
        "float32",
        1,
    )
    assert [(c["name"], c["kind"]) for c in found["columns"]] == [
        ("amount", "numeric"),
        ("city", "categorical"),
        ("age", "numeric"),
        ("member", "boolean"),
    ]
    assert found["input_names"] == [
        "amount",
        "city=Köln",
        'city=a,b "c"',
        "city=東京",
        "age",
        "age is missing",
        "member",
    ]
    assert [
        (layer["layer"], layer["inputs"], layer["outputs"], layer["activation"])
        for layer in found["layers"]
    ] == [(1, 7, 16, "relu"), (2, 16, 5, "softmax")]
    assert found["n_parameters"] == 7 * 16 + 16 + 16 * 5 + 5
    assert found["n_parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["training"]["rows"] == {"train": 80, "validation": 20}
    assert list(found["metrics"]) == ["train", "validation", "test"]


def test_the_figures_of_a_layer_are_those_of_its_weights(cli: Commands, pair: Example) -> None:
    found = inspected(cli, "pair")
    with np.load("pair.npz") as arrays:
        for layer in found["layers"]:
            W = arrays[f"W{layer['layer']}"]
            assert layer["weight_mean"] == pytest.approx(float(W.mean()), rel=1e-6)
            assert layer["weight_std"] == pytest.approx(float(W.std()), rel=1e-6)
    assert found["classes"] == []
    assert found["targets"] == ["north", "south"]


def test_the_tables(cli: Commands, binary: Example) -> None:
    result = cli("inspect", "binary.npz")
    assert (result.code, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert ["task", "classification"] in lines
    assert ["targets", "1:", "passed"] in lines
    assert ["classes", "2:", "False,", "True"] in lines
    assert ["1", "1", "×", "2", "sigmoid", "3"] in [line[:6] for line in lines]
    assert ["accuracy"] in [line[:1] for line in lines]
    assert max(map(len, result.out.splitlines())) <= 80


def test_the_schema_describes_every_key(cli: Commands) -> None:
    result = cli("schema")
    assert (result.code, result.err) == (0, "")
    schema = json.loads(result.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert schema["required"] == ["data"]
    for section, names in FIELDS.items():
        part = schema if not section else resolved(schema, schema["properties"][section])
        assert tuple(part["properties"]) == names
        assert part["additionalProperties"] is False
        for name in names:
            described = part["properties"][name]
            assert described.get("description"), f"{section}.{name}"
    data = resolved(schema, schema["properties"]["data"])
    assert data["required"] == ["path", "target"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_schema_accepts_the_example(cli: Commands, path: Path) -> None:
    schema = json.loads(cli("schema").out)
    assert list(complaints(schema, schema, yaml.safe_load(path.read_text("utf-8")), "")) == []


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"data": {"path": "a"}}, "data: 'target' is missing"),
        ({"data": {"path": "a", "target": "b", "x": 1}}, "data.x: unknown"),
        ({"data": {"path": "a", "target": "b"}, "seed": -1}, "seed: -1"),
        ({"data": {"path": "a", "target": "b"}, "loss": "rmse"}, "loss: 'rmse'"),
        ({"data": {"path": "a", "target": "b"}, "model": {"dropout": 1.0}}, "model.dropout: 1.0"),
        ({"data": {"path": "a", "target": "b"}, "model": {"bias": "no"}}, "model.bias: 'no'"),
        ({"data": {"path": "a", "target": []}}, "data.target: []"),
    ],
    ids=str,
)
def test_the_schema_refuses(cli: Commands, config: dict[str, Any], complaint: str) -> None:
    """So that the acceptance above is no empty word."""
    schema = json.loads(cli("schema").out)
    assert list(complaints(schema, schema, config, "")) == [complaint]


def resolved(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` with its `$ref` followed."""
    if len(schema.get("allOf", ())) == 1:  # how older pydantic puts a description beside a $ref
        schema = {**schema, **schema["allOf"][0]}
        del schema["allOf"]
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


# The keywords that the check below knows; a new one in the schema must be taught to it.
KNOWN = {
    "$defs", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "items", "maximum", "minimum", "minItems", "minLength",
    "oneOf", "pattern", "properties", "required", "title", "type", "uniqueItems",
}  # fmt: skip
TYPES: dict[str, type] = {
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def complaints(root: dict[str, Any], schema: dict[str, Any], value: Any, key: str) -> Any:
    """Yield what is wrong with `value`, by the part of JSON Schema that the config's uses."""
    schema = resolved(root, schema)
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if not _fits(root, schema, value):
        yield f"{key}: {value!r}"
        return
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{key}: {name!r} is missing"
        for name, item in value.items():
            inner = f"{key}.{name}" if key else name
            if name in schema.get("properties", {}):
                yield from complaints(root, schema["properties"][name], item, inner)
            elif schema.get("additionalProperties") is False:
                yield f"{inner}: unknown"
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from complaints(root, schema["items"], item, f"{key}[{i}]")


def _fits(root: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Tell whether `value` meets the keywords of `schema` itself, its parts aside."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema and not any(
            not list(complaints(root, part, value, "")) for part in schema[keyword]
        ):
            return False
    if "type" in schema:
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is(kind, value) for kind in wanted):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, list):
        unique: bool = not schema.get("uniqueItems") or len({repr(v) for v in value}) == len(value)
        return unique and len(value) >= int(schema.get("minItems", 0))
    if isinstance(value, str):
        return len(value) >= int(schema.get("minLength", 0))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return bool(
        schema.get("minimum", -np.inf) <= value <= schema.get("maximum", np.inf)
        and schema.get("exclusiveMinimum", -np.inf) < value
        and value < schema.get("exclusiveMaximum", np.inf)
    )


def _is(kind: str, value: Any) -> bool:
    if kind in TYPES:
        return bool(type(value) is TYPES[kind])
    if isinstance(value, bool):
        return False
    return isinstance(value, int if kind == "integer" else int | float)
