"""`nnfit activations`: rows in, what a hidden layer makes of them out: the learned phi(x)."""

from __future__ import annotations

from typing import Annotated

import typer

from nnfit.cli import rows
from nnfit.cli.options import (
    DataArgument,
    DecimalOption,
    DelimiterOption,
    MemberOption,
    ModelArgument,
    QuietOption,
)


def activations(
    model: ModelArgument,
    data: DataArgument = None,
    *,
    layer: Annotated[
        int,
        typer.Option(
            metavar="K", show_default=False, help="Which hidden layer; 1 is the one after phi(x)."
        ),
    ],
    member: MemberOption = None,
    output: rows.OutputOption = "-",
    keep: rows.KeepOption = None,
    append: rows.AppendOption = False,
    format: rows.FormatOption = rows.RowFormat.csv,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write hidden layer K, the learned phi(x): one row per row, one column layerK_unitI per unit.

    A linear model on the columns of the last hidden layer, with the weights W and b of the layer
    after it, is the network.

    Example: nnfit activations iris.npz data/iris.csv --layer 2 --keep species | head
    """
    from nnfit.model.making import hidden_units

    rows.write_rows(
        hidden_units,
        model,
        data,
        output,
        keep,
        append,
        format,
        quiet,
        delimiter=delimiter,
        decimal=decimal,
        one=True,
        member=member,
        layer=layer,
    )
