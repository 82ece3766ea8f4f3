"""`nnfit train`: a config and a CSV in, a model file out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nnfit.cli.options import (
    JsonOption,
    QuietOption,
    SetOption,
    UsageError,
    check_stdin,
    is_stdout,
    print_json,
    same_file,
)
from nnfit.errors import ConfigError, Interrupted


def train(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG|-", show_default=False, help="A YAML config.")
    ],
    set_: SetOption = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Read this CSV instead of data.path."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="MODEL", help="Write the model here."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model and print the path of its file.

    Example: nnfit train iris.yaml --set training.epochs=200
    """
    from nnfit.cli.streams import check_stdout
    from nnfit.config.reading import load_config
    from nnfit.files import check_writable
    from nnfit.model_file import save, to_bytes
    from nnfit.report import make_observer
    from nnfit.run import train_run
    from nnfit.training.stop import StopRequest

    check_stdin(config)
    file = load_config(config, set_ or [], data)
    path = file.default_output() if output is None else output
    if is_stdout(path):
        path = "-"
    if path == "-" and json:
        raise UsageError("--json and -o - both write to stdout")
    if path != "-":
        sources = (file.config.data.path, file.config.data.validation, file.config.data.test)
        for other in (config, *(file.resolve(s) for s in sources if isinstance(s, str))):
            if same_file(path, other):
                raise ConfigError(f"{path}: is what is read; expected another place for the model")
        check_writable(path)
    check_stdout()
    observer = make_observer(quiet)
    stop = StopRequest()
    try:
        run = train_run(file, output=path, observer=observer, stop=stop)
        if path == "-":
            sys.stdout.buffer.write(to_bytes(run.model))
        else:
            save(run.model, path)
        observer.finished(run.summary)
    finally:
        observer.close()
    if json:
        print_json(run.to_json())
    elif path != "-":
        print(path)
    if stop.signal is not None:
        raise Interrupted(
            f"stopped in epoch {run.summary.epochs + 1}; "
            f"{path} has the weights of epoch {run.summary.best_epoch}",
            stop.exit_code,
        )
