"""The arguments and options that several commands share."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from nnfit.errors import ConfigError, DataError, DecimalError, OutputError, name_of

if TYPE_CHECKING:
    from nnfit.model.model import Model
    from nnfit.observer import Observer

# every usage error of Typer is of this kind, whether Typer brings its own click or not
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

Split = StrEnum("Split", ["train", "validation", "test"])
SPLIT_HELP = "Rows of the model's own data: train, validation or test"

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", show_default=False, help="A model file (.npz).")
]
DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA|-",
        show_default=False,
        help="A CSV. Without it, what is piped in, or else the one the model was trained on.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
DelimiterOption = Annotated[
    str | None,
    typer.Option(
        metavar="CHAR",
        show_default=False,
        help="What separates the cells of DATA, if not as in training; \\t is a tab.",
    ),
]
DecimalOption = Annotated[
    str | None,
    typer.Option(
        metavar=".|,",
        show_default=False,
        help="What stands before fractions in DATA, if not as in training.",
    ),
]
MemberOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=False,
        help="Which network of a model that has several members, from 1; the first by default.",
    ),
]
ConfigArgument = Annotated[
    str, typer.Argument(metavar="CONFIG|-", show_default=False, help="A YAML config.")
]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="FILE|-", help="Read this CSV instead of data.path.")
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=False,
        help="How many at a time; as many as there are cores by default.",
    ),
]
EngineOption = Annotated[
    str, typer.Option(metavar="ENGINE", help="Processes of this machine, or dask://HOST:PORT.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Leave only warnings and errors on stderr.")
]


def rows_of(data: str | None, model: Model, name: str, observer: Observer) -> str:
    """Return the CSV to read: the argument, or stdin, or that which the model was trained on.

    Raises
    ------
    UsageError
        When it is none of these.
    """
    from nnfit.cli.streams import piped

    if data is not None:
        return data
    if piped(look=False):
        return "-"
    from nnfit.inside.own_rows import own_csv
    from nnfit.inside.sources import say_own  # and with it all that reads configs

    own = own_csv(model, name)
    if own is None:
        path = model.kept.data.path
        why = "was trained on no file" if path == "-" else f"was trained on {path!r}, not here"
        raise UsageError(f"missing argument 'DATA': name a CSV, or pipe one in; {name} {why}")
    say_own(own, name, observer)
    return own


def load_for(path: str, delimiter: str | None, decimal: str | None) -> Model:
    """Return the model in a file, for data that are written as the two options say."""
    from nnfit.csv.dialect import CsvFormat
    from nnfit.model.file.reading import load
    from nnfit.model.respelling import as_written

    if delimiter is not None:
        delimiter = "\t" if delimiter == r"\t" else delimiter
        try:
            CsvFormat(delimiter)
        except ValueError as err:
            raise UsageError(f"--{err}") from None
    if decimal not in (None, ".", ","):
        raise UsageError(f"--decimal: got {decimal!r}; expected '.' or ','")
    return as_written(load(path), delimiter, decimal)


@contextmanager
def offering_decimal(decimal: str | None) -> Iterator[None]:
    """Add to the error of a number by another decimal mark which option reads it."""
    try:
        yield
    except DecimalError as err:
        if decimal is not None:
            raise
        raise DataError(f"{err}; or read the file with --decimal {err.decimal}") from None


def check_stdin(path: str) -> None:
    """Raise a ConfigError if the config at `path` is to come from a closed stdin."""
    if path == "-" and sys.stdin is None:
        raise ConfigError(f"{name_of(path)}: is closed; expected a config in YAML")


def same_file(written: str, read: str) -> bool:
    """Return whether two paths lead to one regular file; what is read may be "-", stdin."""
    try:
        one, other = os.stat(written), os.stat(0 if read == "-" else read)
    except OSError:
        return False
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)


def check_output(path: str, sources: Iterable[str], what: str = "to write to") -> None:
    """Raise an OutputError if `path` is what is read, or can't be written; "-" is looked at later.

    `what` says what another place is expected for.
    """
    from nnfit.storage.files import check_writable

    if path == "-":
        return
    if any(same_file(path, source) for source in sources):
        raise OutputError(f"{path}: is what is read; expected another place {what}")
    check_writable(path)


def print_result(result: Any, as_json: bool, as_text: Callable[[Any, TextIO], None]) -> None:
    """Print the result of a command on stdout, in one of two ways."""
    if as_json:
        print_json(result)
    else:
        as_text(result, sys.stdout)


def print_json(value: Any) -> None:
    r"""Print one JSON object on stdout; every number is finite or null.

    What a terminal would obey (DEL, C1, marks of direction) is escaped, as `\u202e`.
    """
    import json
    import re

    from nnfit.cli.streams import result_stream

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    obeyed = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    text = re.sub(obeyed, lambda found: f"\\u{ord(found[0]):04x}", text)
    print(text, file=result_stream())
