"""Commands whose words are taken as they are: text stays text, and what was not given is nothing.

Some Typers load pydantic for that, which takes a fifth of the time of `predict` on a few rows. What
has to be converted or refused is left to Typer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import EnumType
from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command of the command line."""

    def get_params(self, ctx: Any) -> Any:
        return _eased(super().get_params(ctx))


class Group(TyperGroup):
    """The command line."""

    def get_params(self, ctx: Any) -> Any:
        return _eased(super().get_params(ctx))


def _eased(params: Sequence[Any]) -> Sequence[Any]:
    """Return the parameters; those whose types Typer keeps ask it for less."""
    for param in params:
        kind = getattr(getattr(param, "type_descriptor", None), "annotation", None)
        if kind is not None and "process_value" not in vars(param):
            param.process_value = partial(_processed, param, kind, param.process_value)
    return params


def _processed(
    param: Any, kind: Any, otherwise: Callable[[Any, Any], Any], context: Any, value: Any
) -> Any:
    """Return a parameter's value; Typer works out `otherwise` where there is anything to do."""
    if value is None and not param.required:
        several = getattr(param, "multiple", False) or param.nargs == -1
        value = () if several else None
    elif isinstance(kind, EnumType) and value in list(kind):
        value = kind(value)
    elif not (kind is str and isinstance(value, str)):
        return otherwise(context, value)
    return value if param.callback is None else param.callback(context, param, value)
