"""A config as commented YAML: every key in the schema's order, for a person to edit.

Reading what is written here gives the same config; choosing the values is the caller's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from nnfit.config.scalars import Scalar
from nnfit.config.schema import Config

_COMMENT_COLUMN = 32  # where comments start; a longer value pushes its own comment to the right
_SIMPLE_KEY = 1000  # a YAML key longer than 1024 needs a `? ` before it
_PLAIN = re.compile(r"(?=.*[\w/])[A-Za-z_/.](?:[\w./ -]*[\w./])?", re.ASCII)
# What JSON leaves raw, and the reader refuses or takes for the end of a line.
_RAW = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


def render(config: Config, comments: Mapping[str, str] | None = None) -> str:
    """Return `config` as YAML that ends with a newline, with a comment on every key.

    `comments` are by dotted key, and stand instead of the schema's descriptions.
    """
    return "\n".join(_lines(config, "", comments or {})) + "\n"


def _lines(section: BaseModel, prefix: str, comments: Mapping[str, str]) -> list[str]:
    lines = []
    indent = "  " if prefix else ""
    for name, info in type(section).model_fields.items():
        key, value = prefix + name, getattr(section, name)
        comment = comments.get(key, info.description or "")
        if isinstance(value, BaseModel):
            lines.append(_line(f"{name}:", comment if key in comments else ""))
            lines += _lines(value, f"{key}.", comments)
            continue
        if key == "data.target" and len(value) == 1:
            value = value[0]
        lines.append(_line(f"{indent}{name}: {as_yaml(value)}", comment))
    return lines


def _line(code: str, comment: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in comment).split())
    return f"{code:<{_COMMENT_COLUMN - 2}}  # {text}" if text else code


def as_yaml(value: Any) -> str:
    """Return the value of a key as YAML in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(as_yaml(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_key(label)}: {as_yaml(number)}" for label, number in value.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def _text(text: str) -> str:
    """Return `text` so that it reads back as itself, with quotes only where they are needed."""
    if _PLAIN.fullmatch(text) and Scalar(text, plain=True).value == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _RAW.sub(lambda raw: f"\\u{ord(raw[0]):04x}", quoted)


def _key(label: str) -> str:
    text = _text(label)
    return f"? {text} " if len(text) > _SIMPLE_KEY else text
