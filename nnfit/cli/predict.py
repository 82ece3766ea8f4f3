"""`nnfit predict`: rows in, predictions out, in blocks, while the input still comes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from nnfit.cli.options import (
    DataArgument,
    ModelArgument,
    QuietOption,
    UsageError,
    data_or_stdin,
    same_file,
)
from nnfit.errors import OutputError
from nnfit.observer import Observer


class RowFormat(StrEnum):
    """What the rows are written as."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"


def predict(
    model: ModelArgument,
    data: DataArgument = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="Write here instead of stdout.")
    ] = "-",
    proba: Annotated[
        bool, typer.Option("--proba", help="Add probability_<class> for every class.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Put this input column first; repeatable."),
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Put all input columns first.")] = False,
    format: Annotated[RowFormat, typer.Option(help="What to write.")] = RowFormat.csv,
    quiet: QuietOption = False,
) -> None:
    """Write one prediction per row, in order.

    Example: nnfit predict iris.npz new.csv --proba | head
    """
    import sys

    from nnfit.cli.streams import text_output
    from nnfit.files import check_writable
    from nnfit.model_file import load
    from nnfit.streaming import predict_rows

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
            predict_rows(
                loaded,
                data,
                stream,
                format=format.value,
                proba=proba,
                carry="all" if append else keep or [],
                observer=observer,
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
