"""What the commands that write a row per row share: options, the place to write, what is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from typing import Annotated, Any

import typer

from nnfit.cli.options import UsageError, check_output, load_for, offering_decimal, rows_of
from nnfit.observer import Observer

RowFormat = StrEnum("RowFormat", ["csv", "tsv", "jsonl"])

OutputOption = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Write here instead of stdout.")
]
KeepOption = Annotated[
    list[str] | None, typer.Option(metavar="COL", help="Put this input column first; repeatable.")
]
AppendOption = Annotated[bool, typer.Option("--append", help="Put all input columns first.")]
FormatOption = Annotated[RowFormat, typer.Option(help="What to write.")]


def write_rows(
    make: Callable[..., Any], model: str, data: str | None, output: str,
    keep: list[str] | None, append: bool, format: RowFormat, quiet: bool,
    delimiter: str | None, decimal: str | None, one: bool = False, member: int | None = None,
    **options: Any,
) -> None:  # fmt: skip
    """Load the model and put what is made of rows where it belongs.

    The parameters are the options that its commands share, `one` that a single member makes it;
    `options` are those of `make`, which turns a model into what makes it.
    """
    from nnfit.cli.streams import text_output
    from nnfit.model.members import one_member
    from nnfit.model.streaming import write_made

    if append and keep:
        raise UsageError("--append carries every column already; leave out --keep")
    loaded = load_for(model, delimiter, decimal)
    with late_observer(quiet, output) as observer, offering_decimal(decimal):
        table = rows_of(data, loaded, model, observer)
        check_output(output, (model, table))
        if one:
            loaded = one_member(loaded, model, member, observer)
        carry = "all" if append else keep or []
        made = make(loaded, **options)
        with text_output(output) as stream:
            write_made(
                loaded, table, made, stream, format=format.value, carry=carry, observer=observer
            )


def late_observer(quiet: bool, output: str) -> closing[Observer]:
    """Return the observer of a command that writes rows to `output`, in a context that closes it.

    On a terminal the rows themselves show that it goes on; a bar would run into them.
    """
    return closing(LateObserver(quiet or (output == "-" and sys.stdout.isatty())))


class LateObserver(Observer):
    """Shows what there is to show, which mostly is nothing: rich is loaded when it is needed."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._loaded: Observer | None = None

    def _load(self) -> Observer:
        from nnfit.report import make_observer

        if self._loaded is None:
            self._loaded = make_observer(self._quiet)
        return self._loaded

    def note(self, text: str) -> None:
        if not self._quiet:
            self._load().note(text)

    def warning(self, text: str) -> None:
        self._load().warning(text)

    def reading(self, name: str, done: int, total: int | None) -> None:
        # a file read at once needs no progress
        if not self._quiet and (self._loaded is not None or done != total):
            self._load().reading(name, done, total)

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
