"""`nnfit evaluate`: how well a model predicts rows whose targets are known."""

from __future__ import annotations

from contextlib import closing

from nnfit.cli import options


def evaluate(
    model: options.ModelArgument,
    data: options.DataArgument = None,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Print the metrics of a model on a CSV that holds the target.

    Example: nnfit evaluate iris.npz test.csv --json
    """
    from nnfit.model.file.reading import load
    from nnfit.model.streaming import evaluate_rows
    from nnfit.report import make_observer, print_metrics

    loaded = load(model)
    with closing(make_observer(quiet)) as observer:
        rows = options.rows_of(data, loaded, model, observer)
        result = evaluate_rows(loaded, rows, observer).result()
    options.print_result(result, json, print_metrics)
