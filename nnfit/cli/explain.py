"""`nnfit explain`: one example through the network and back, as the lecture writes it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from nnfit.cli.options import JsonOption, QuietOption, print_result


def explain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|MODEL",
            show_default=False,
            help="A config, whose network is taken as it is initialised, or a model file.",
        ),
    ],
    data: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Take the row from this CSV.")
    ] = None,
    row: Annotated[int, typer.Option(metavar="N", help="The data row, counted from 1.")] = 1,
    epoch_step: Annotated[
        bool,
        typer.Option(
            "--epoch-step",
            help="Update with the mean gradient over all training rows of the config, or over all "
            "rows of a model's CSV: one step of gradient descent. Otherwise with the row's own.",
        ),
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show one example step by step: forward, the loss, backward by the chain rule, one update.

    Every gradient stands beside its complex step, as in gradcheck. Dropout is off.

    Example: nnfit explain iris.yaml --row 3
    """
    from nnfit.inside.explanation import explain
    from nnfit.report import make_observer
    from nnfit.report.explanation import print_explanation

    with closing(make_observer(quiet)) as observer:
        steps = explain(source, data, row=row, epoch_step=epoch_step, observer=observer)
    print_result(steps, json, print_explanation)
