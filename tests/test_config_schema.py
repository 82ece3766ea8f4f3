"""The schema: its JSON form, its description of every key, and its immutability."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from nnfit.config.schema import Config, json_schema

MINIMAL = {"data": {"path": "a.csv", "target": "y"}}


def fields(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, info in model.model_fields.items():
        found[prefix + name] = info
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found |= fields(info.annotation, f"{name}.")
    return found


def test_every_key_has_a_one_line_description() -> None:
    for key, info in fields(Config).items():
        assert info.description, key
        assert "\n" not in info.description, key


def test_only_the_path_and_the_target_are_required() -> None:
    required = [key for key, info in fields(Config).items() if info.is_required()]
    assert required == ["data", "data.path", "data.target"]


def test_a_config_survives_json() -> None:
    config = Config.model_validate(
        {
            "data": {"path": "a.csv", "target": ["y", "z"], "validation": "0.2"},
            "class_weight": {"no": 1},
            "model": {"hidden_sizes": [2, 3], "activation": ["relu", "tanh"]},
        }
    )
    dumped = json.loads(json.dumps(config.model_dump(mode="json")))
    assert Config.model_validate(dumped) == config


def test_a_config_does_not_change() -> None:
    config = Config.model_validate(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.data.path = "b.csv"  # type: ignore[misc]


def test_json_schema() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "nnfit config"
    assert schema["required"] == ["data"]
    parts = {name.removesuffix("Config").lower(): part for name, part in schema["$defs"].items()}
    assert sorted(parts) == ["data", "model", "optimizer", "preprocessing", "training"]
    assert all(part["additionalProperties"] is False for part in [schema, *parts.values()])
    for key, info in fields(Config).items():
        section, _, name = key.rpartition(".")
        properties = parts[section]["properties"] if section else schema["properties"]
        assert properties[name]["description"] == info.description, key


def test_json_schema_of_single_keys() -> None:
    definitions = json_schema()["$defs"]
    data = definitions["DataConfig"]["properties"]
    text = {"type": ["string", "number", "boolean"], "minLength": 1}
    several = {"type": "array", "items": text, "minItems": 1, "uniqueItems": True}
    assert data["target"]["anyOf"] == [text, several]
    assert data["weight"]["anyOf"] == [text, {"type": "null"}]
    assert data["task"]["enum"] == ["auto", "regression", "classification"]
    assert [part["type"] for part in data["validation"]["anyOf"]] == ["number", "string"]
    optimizer = definitions["OptimizerConfig"]["properties"]
    assert optimizer["learning_rate"]["exclusiveMinimum"] == 0
    assert optimizer["learning_rate"]["type"] == "number"


def test_a_column_is_left_out_that_has_no_role() -> None:
    data = Config.model_validate(
        {"data": {"path": "a.csv", "target": "y", "groups": "g", "exclude": ["e", "g"]}}
    ).data
    assert [data.leaves_out(name) for name in ("y", "g", "e", "x")] == [False, False, True, False]
    some = Config.model_validate({"data": {"path": "a.csv", "target": "y", "include": ["x"]}}).data
    assert [some.leaves_out(name) for name in ("y", "x", "z")] == [False, False, True]
