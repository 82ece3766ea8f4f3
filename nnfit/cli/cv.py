"""`nnfit cv`: a config judged by folds, each row predicted by a run that never saw it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from nnfit.cli import options
from nnfit.errors import Interrupted, printable, require_columns


def cv(
    config: options.ConfigArgument,
    set_: options.SetOption = None,
    data: options.DataOption = None,
    folds: Annotated[int, typer.Option(metavar="K", help="Into how many parts.")] = 5,
    repeats: Annotated[
        int, typer.Option(metavar="R", help="How often, the rows dealt out anew.")
    ] = 1,
    jobs: options.JobsOption = None,
    engine: options.EngineOption = "local",
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="OOF.csv", help="Write what is predicted out of fold."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Put this column first in OOF.csv; repeatable."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the folds that a stopped run has left.")
    ] = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Judge a config by cross-validation and print the mean and spread of each metric.

    Example: nnfit cv iris.yaml --folds 10 -o oof.csv
    """
    from nnfit.cli.streams import check_stdout, text_output
    from nnfit.config.reading import load_config
    from nnfit.dataset.dataset import Decided
    from nnfit.many.cross_validation import cross_validate
    from nnfit.many.engines import make_engine
    from nnfit.many.folds import Folds, require_counts
    from nnfit.many.journal import kept_beside
    from nnfit.report import make_observer
    from nnfit.report.folds import print_folds
    from nnfit.run.engine import settled
    from nnfit.training.stop import StopRequest

    options.check_stdin(config)
    require_counts(folds, repeats)
    if output == "-" and json:
        raise options.UsageError("--json and -o - both write to stdout")
    file = load_config(config, set_ or [], data)
    if output is not None:
        sources = [config, *(file.resolve(table) for table in file.config.data.tables.values())]
        options.check_output(output, sources, "for the rows out of fold")
    check_stdout()
    stop = StopRequest()
    with closing(make_observer(quiet)) as observer:
        workers = make_engine(engine, jobs, stop, observer)
        file = settled(file, workers.at_hand)
        table = Decided.read(file, None, observer, keep or ())
        require_columns(table.rows.name, table.rows.columns, keep or (), key="--keep")
        plan = Folds.of(file, table, folds, repeats, observer)
        # a run that goes on needs the folds that are done: they are kept beside what is written
        beside = f"{file.stem}.cv" if output in (None, "-") else output
        try:
            with stop, kept_beside(beside, resume, observer) as journal:
                found = cross_validate(plan, workers, observer, journal, resume)
                if output is not None:
                    with text_output(output) as stream:
                        found.write(stream, keep or ())
                journal.remove()
        except Interrupted as stopped:
            how = f"; go on with: {_again(sys.argv)}"
            raise Interrupted(f"{stopped.message}{how}", stopped.exit_code) from None
    if output != "-":
        options.print_result(found.to_json(), json, print_folds)


def _again(words: Sequence[str]) -> str:
    """Return the command that goes on with one that was stopped."""
    given = [word for word in words[1:] if word != "--resume"]
    return printable(shlex.join(["nnfit", *given, "--resume"]))
