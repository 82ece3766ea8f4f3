"""What the commands that write a row per row share: options, the place to write, what is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from nnfit.cli.options import UsageError, data_or_stdin, same_file
from nnfit.errors import OutputError
from nnfit.observer import Observer


class RowFormat(StrEnum):
    """What the rows are written as."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"


OutputOption = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Write here instead of stdout.")
]
KeepOption = Annotated[
    list[str] | None, typer.Option(metavar="COL", help="Put this input column first; repeatable.")
]
AppendOption = Annotated[bool, typer.Option("--append", help="Put all input columns first.")]
FormatOption = Annotated[RowFormat, typer.Option(help="What to write.")]


def write_rows(
    write: Callable[..., None],
    model: str,
    data: str | None,
    *,
    output: str,
    keep: list[str] | None,
    append: bool,
    format: RowFormat,
    quiet: bool,
    **options: Any,
) -> None:
    """Load the model and have `write`, of the streaming room, put rows where they belong.

    `options` are what `write` takes beside.
    """
    from nnfit.cli.streams import text_output
    from nnfit.model.file.reading import load
    from nnfit.storage.files import check_writable

    if append and keep:
        raise UsageError("--append carries every column already; leave out --keep")
    data = data_or_stdin(data)
    loaded = load(model)
    for other in (model, data):
        if output != "-" and same_file(output, other):
            raise OutputError(f"{output}: is what is read; expected another place to write to")
    # on a terminal the rows themselves show that it goes on; a bar would run into them
    if output != "-":
        check_writable(output)
    observer = LateObserver(quiet or (output == "-" and sys.stdout.isatty()))
    try:
        with text_output(output) as stream:
            write(
                loaded,
                data,
                stream,
                format=format.value,
                carry="all" if append else keep or [],
                observer=observer,
                **options,
            )
    finally:
        observer.close()


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
        if self._quiet:
            return
        if self._loaded is not None or done != total:  # a file read at once needs no progress
            self._load().reading(name, done, total)

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
