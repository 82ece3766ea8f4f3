"""`nnfit evaluate`: how well a model predicts rows whose targets are known."""

from __future__ import annotations

import sys
from contextlib import closing

from nnfit.cli.options import (
    DataArgument,
    JsonOption,
    ModelArgument,
    QuietOption,
    data_or_stdin,
    print_json,
)


def evaluate(
    model: ModelArgument,
    data: DataArgument = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print the metrics of a model on a CSV that holds the target.

    Example: nnfit evaluate iris.npz test.csv --json
    """
    from nnfit.model.file.reading import load
    from nnfit.model.streaming import evaluate_rows
    from nnfit.report import make_observer, print_metrics

    data = data_or_stdin(data)
    loaded = load(model)
    with closing(make_observer(quiet)) as observer:
        result = evaluate_rows(loaded, data, observer).result()
    if json:
        print_json(result)
    else:
        print_metrics(result, sys.stdout)
