"""The arguments and options that several commands share."""

from __future__ import annotations

import os
import stat
import sys
from typing import Annotated, Any

import typer

from nnfit.errors import ConfigError

# every usage error of Typer is of this kind, whether Typer brings its own click or not
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", show_default=False, help="A model file (.npz).")
]
DataArgument = Annotated[
    str | None,
    typer.Argument(metavar="DATA|-", show_default=False, help="A CSV; may be left out in a pipe."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Leave only warnings and errors on stderr.")
]


def data_or_stdin(data: str | None) -> str:
    """Return the CSV to read: the argument, or stdin where it is not a terminal.

    Raises
    ------
    UsageError
        Without either.
    """
    if data is not None:
        return data
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("missing argument 'DATA': name a CSV, or pipe one in")
    return "-"


def check_stdin(path: str) -> None:
    """Raise a ConfigError if the config at `path` is to come from a closed stdin."""
    if path == "-" and sys.stdin is None:
        raise ConfigError("<stdin>: is closed; expected a config in YAML")


def same_file(written: str, read: str) -> bool:
    """Return whether two paths lead to one regular file; what is read may be "-", stdin."""
    try:
        one, other = os.stat(written), os.stat(0 if read == "-" else read)
    except OSError:
        return False
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)


def is_stdout(path: str) -> bool:
    """Return whether `path` is another name of stdout, such as /dev/stdout, and no file."""
    try:
        there = os.stat(path)
        return not stat.S_ISREG(there.st_mode) and os.path.samestat(there, os.fstat(1))
    except (OSError, ValueError):
        return False


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; every number is finite or null."""
    import json

    json.dump(value, sys.stdout, ensure_ascii=False, allow_nan=False)
    print()
