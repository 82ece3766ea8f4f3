"""`nnfit evaluate`: how well a model predicts rows whose targets are known."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from nnfit.cli import options


def evaluate(
    model: options.ModelArgument,
    data: options.DataArgument = None,
    split: Annotated[
        options.Split | None, typer.Option(metavar="PART", help=f"{options.SPLIT_HELP}.")
    ] = None,
    delimiter: options.DelimiterOption = None,
    decimal: options.DecimalOption = None,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Print the metrics of a model on a CSV that holds the target.

    Example: nnfit evaluate iris.npz test.csv --json
    """
    from nnfit.inside.own_rows import evaluate_split
    from nnfit.model.streaming import evaluate_rows
    from nnfit.report import make_observer, print_metrics

    loaded = options.load_for(model, delimiter, decimal)
    with closing(make_observer(quiet)) as observer, options.offering_decimal(decimal):
        if split:
            evaluation = evaluate_split(loaded, model, split.value, data, observer)
        else:
            rows = options.rows_of(data, loaded, model, observer)
            evaluation = evaluate_rows(loaded, rows, observer)
        result = evaluation.result()
    options.print_result(result, json, print_metrics)
