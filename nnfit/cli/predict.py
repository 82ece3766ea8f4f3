"""`nnfit predict`: rows in, predictions out, in blocks, while the input still comes."""

from __future__ import annotations

from typing import Annotated

import typer

from nnfit.cli import rows
from nnfit.cli.options import (
    DataArgument,
    DecimalOption,
    DelimiterOption,
    ModelArgument,
    QuietOption,
)


def predict(
    model: ModelArgument,
    data: DataArgument = None,
    output: rows.OutputOption = "-",
    proba: Annotated[
        bool, typer.Option("--proba", help="Add probability_<class> for every class.")
    ] = False,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread",
            help="Add how far the members of the model are apart: the standard deviation of each "
            "value, or of the probability of the predicted class.",
        ),
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            show_default=False,
            help="Add prediction_low and prediction_high, between which a share P of rows lies.",
        ),
    ] = None,
    prediction_set: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            show_default=False,
            help="Add prediction_set, the labels among which that of a share P of rows is.",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="P|f1|youden",
            show_default=False,
            help="Predict the second of two classes from this probability on, or from that which "
            "was best on held-out rows.",
        ),
    ] = None,
    keep: rows.KeepOption = None,
    append: rows.AppendOption = False,
    format: rows.FormatOption = rows.RowFormat.csv,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write one prediction per row, in order.

    Example: nnfit predict iris.npz new.csv --proba | head
    """
    from nnfit.model.making import predictions

    native = format is rows.RowFormat.jsonl
    rows.write_rows(
        predictions,
        model,
        data,
        output,
        keep,
        append,
        format,
        quiet,
        delimiter=delimiter,
        decimal=decimal,
        proba=proba,
        native=native,
        spread=spread,
        interval=interval,
        prediction_set=prediction_set,
        threshold=threshold,
    )
