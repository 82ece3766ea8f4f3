"""`nnfit explain`: one example through the network and back, as the lecture writes it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from nnfit.cli.options import JsonOption, MemberOption, QuietOption, UsageError, print_result
from nnfit.cli.plot import picture_format, write_picture


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
        str | None,
        typer.Argument(
            metavar="DATA|-",
            show_default=False,
            help="The CSV to take the row from. Without it a config's own; for a model what is "
            "piped in, or else the one it was trained on.",
        ),
    ] = None,
    data_option: Annotated[
        str | None, typer.Option("--data", metavar="FILE|-", help="The same as DATA.")
    ] = None,
    row: Annotated[int, typer.Option(metavar="N", help="The data row, counted from 1.")] = 1,
    epoch_step: Annotated[
        bool,
        typer.Option(
            "--epoch-step",
            help="Update with the mean gradient over all rows that the network learns from, of "
            "another CSV over all its rows: a step of gradient descent. Otherwise with the row's.",
        ),
    ] = False,
    graph: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Draw the computation graph with its numbers here, and print the path: .png "
            "(300 dpi), .svg or .pdf; - is stdout. With --json the JSON is printed.",
        ),
    ] = None,
    member: MemberOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show one example step by step: forward, the loss, backward by the chain rule, one update.

    Every gradient stands beside its complex step, as in gradcheck. Dropout is off.

    Example: nnfit explain iris.yaml --row 3
    """
    from nnfit.cli.streams import piped
    from nnfit.inside.explanation import explain
    from nnfit.inside.sources import is_model_file
    from nnfit.report import make_observer
    from nnfit.report.explanation import print_explanation

    if data is not None and data_option is not None:
        raise UsageError(f"--data {data_option}: DATA is {data!r} already; leave one out")
    data = data_option if data is None else data
    form = None
    if graph is not None:
        form = picture_format(graph, [source, *([] if data is None else [data])], json, "explain")
    if data is None and is_model_file(source) and piped(look=True):
        data = "-"
    with closing(make_observer(quiet)) as observer:
        steps = explain(
            source, data, row=row, epoch_step=epoch_step, member=member, observer=observer
        )
    if form is not None and graph is not None:
        from nnfit.report.plots import render

        write_picture(render("explanation", steps, form), graph, told=not json)
    if json or form is None:
        print_result(steps, json, print_explanation)
