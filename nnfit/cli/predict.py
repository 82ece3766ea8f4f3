"""`nnfit predict`: rows in, predictions out, in blocks, while the input still comes."""

from __future__ import annotations

from typing import Annotated

import typer

from nnfit.cli.options import DataArgument, ModelArgument, QuietOption
from nnfit.cli.rows import (
    AppendOption,
    FormatOption,
    KeepOption,
    OutputOption,
    RowFormat,
    write_rows,
)


def predict(
    model: ModelArgument,
    data: DataArgument = None,
    output: OutputOption = "-",
    proba: Annotated[
        bool, typer.Option("--proba", help="Add probability_<class> for every class.")
    ] = False,
    keep: KeepOption = None,
    append: AppendOption = False,
    format: FormatOption = RowFormat.csv,
    quiet: QuietOption = False,
) -> None:
    """Write one prediction per row, in order.

    Example: nnfit predict iris.npz new.csv --proba | head
    """
    from nnfit.model.streaming import predictions

    write_rows(
        predictions,
        model,
        data,
        output=output,
        keep=keep,
        append=append,
        format=format,
        quiet=quiet,
        proba=proba,
    )
