"""`nnfit sweep`: many trials of a config, the best of them as a model."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from nnfit.cli import options


def sweep(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP.yaml|CONFIG", show_default=False,
            help="A file with 'config:' and 'over:', or a config and --over.",
        ),
    ],
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="Vary a key: V1,V2,... or log(a, b), uniform(a, b), int(a, b); repeatable.",
        ),
    ] = None,
    set_: options.SetOption = None,
    data: options.DataOption = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many; else the grid, or 20.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="T", help="Begin no trial after 90s, 10m or 2h.")
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="grid, random, halving or tpe; else grid, or random of ranges."
        ),
    ] = None,
    cv: Annotated[
        int | None, typer.Option(metavar="K", help="Compare by K folds, not validation rows.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare by it; else log_loss, or rmse.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of what is drawn.")] = None,
    jobs: options.JobsOption = None,
    engine: options.EngineOption = "local",
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where trials and the best model are kept."
        ),
    ] = None,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:  # fmt: skip
    """Try values of a config's keys, train the best, and print the path of its model.

    What has its line in DIR/SWEEP.jsonl is not run again.

    Example: nnfit sweep iris.yaml --over "optimizer.learning_rate=log(1e-4, 1e-1)" -o tried
    """
    from nnfit.cli.streams import check_stdout, print_path
    from nnfit.config.sweep import read_sweep
    from nnfit.many.engines import make_engine
    from nnfit.many.sweep import Sweep
    from nnfit.many.sweep_folder import SweepFolder
    from nnfit.report import make_observer
    from nnfit.training.stop import StopRequest

    options.check_stdin(source)
    asked = {
        "sampler": sampler, "trials": trials, "time": time, "cv": cv, "metric": metric,
        "seed": seed,
    }  # fmt: skip
    file = read_sweep(source, over or [], asked, set_ or [], data)
    folder = SweepFolder(f"{file.stem}.sweep" if output is None else output)
    check_stdout()
    stop = StopRequest()
    with closing(make_observer(quiet)) as observer:
        workers = make_engine(engine, jobs, stop, observer)
        found = Sweep(file, folder, workers, stop, observer).run()
    if json:
        options.print_json(vars(found))
    else:
        print_path(found.model)
