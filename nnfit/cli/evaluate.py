"""`nnfit evaluate`: how well a model predicts rows whose targets are known."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnfit.cli import options
from nnfit.errors import did_you_mean

if TYPE_CHECKING:
    from nnfit.model.model import Model


def evaluate(
    model: options.ModelArgument,
    data: options.DataArgument = None,
    split: Annotated[
        options.Split | None, typer.Option(metavar="PART", help=f"{options.SPLIT_HELP}.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Print these alone, such as rmse,r2; repeatable."),
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
    names = _asked(loaded, metrics or [])
    with closing(make_observer(quiet)) as observer, options.offering_decimal(decimal):
        if split:
            evaluation = evaluate_split(loaded, model, split.value, data, observer)
        else:
            rows = options.rows_of(data, loaded, model, observer)
            evaluation = evaluate_rows(loaded, rows, observer)
        result = evaluation.result()
        if names:
            result["metrics"] = _only(result["metrics"], names)
        if result["metrics"].get("baseline_of") == "evaluated":
            observer.note(
                f"{evaluation.name}: the baseline is that of these rows; that of its training rows "
                f"{model} does not keep"
            )
    if names and not json:
        del result["rows"]
    options.print_result(result, json, print_metrics)


def _asked(model: Model, lists: list[str]) -> list[str]:
    """Return the metrics that are asked for, each once.

    Raises
    ------
    UsageError
        At the first name that is none of the model's.
    """
    names = [name.strip() for text in lists for name in text.split(",")]
    known = model.outcome.metrics
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise options.UsageError(
                f"--metrics: got {name!r} for a {model.task}; expected some of "
                f"{', '.join(known)}{hint}"
            )
    return [*dict.fromkeys(names)]


def _only(metrics: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the metrics of these names, in their order, and the baseline of those with one."""
    baseline = {name: metrics["baseline"][name] for name in names if name in metrics["baseline"]}
    beside = {"baseline": baseline, "baseline_of": metrics["baseline_of"]} if baseline else {}
    return {name: metrics[name] for name in names} | beside
