"""`nnfit evaluate`: how well a model predicts rows whose targets are known."""

from __future__ import annotations

from contextlib import closing

from nnfit.cli import options


def evaluate(
    model: options.ModelArgument,
    data: options.DataArgument = None,
    delimiter: options.DelimiterOption = None,
    decimal: options.DecimalOption = None,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Print the metrics of a model on a CSV that holds the target.

    Example: nnfit evaluate iris.npz test.csv --json
    """
    from nnfit.model.streaming import evaluate_rows
    from nnfit.report import make_observer, print_metrics

    data = options.data_or_stdin(data)
    loaded = options.load_for(model, delimiter, decimal)
    with closing(make_observer(quiet)) as observer, options.offering_decimal(decimal):
        result = evaluate_rows(loaded, data, observer).result()
    options.print_result(result, json, print_metrics)
