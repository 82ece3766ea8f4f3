"""`nnfit train`: a config and a CSV in, a model file out."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import ExitStack
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
from nnfit.errors import ConfigError, Interrupted, TrainingError, printable


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
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the checkpoint of a run that was stopped."),
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model and print the path of its file.

    Example: nnfit train iris.yaml --set training.epochs=200
    """
    from nnfit.cli.streams import check_stdout
    from nnfit.config.reading import load_config
    from nnfit.report import make_observer
    from nnfit.run.checkpoint import Checkpoint
    from nnfit.run.run import train_run
    from nnfit.storage.files import check_writable
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
    to_file = path != "-" and (os.path.isfile(path) or not os.path.exists(path))
    if resume and not to_file:
        raise UsageError(f"--resume needs a model in a file, got -o {path}")

    def how() -> str:
        """Return how to go on with a run that was stopped, if it can be."""
        if checkpoint is None or not checkpoint.to_resume:
            return ""
        words = ["nnfit", "train", config]
        words += [word for text in set_ or [] for word in ("--set", text)]
        words += ["--data", data] if data is not None else []
        words += ["-o", output] if output is not None else []
        words += ["--json"] * json + ["-q"] * quiet + ["--resume"]
        again = " and the same input" if "-" in (config, file.config.data.path) else ""
        return f"; resume with: {printable(shlex.join(words))}{again}"

    check_stdout()
    observer = make_observer(quiet)
    stop = StopRequest()
    checkpoint = None
    try:
        with ExitStack() as held:
            if to_file:
                checkpoint = held.enter_context(Checkpoint(path, resume, observer))
            run = train_run(file, output=path, observer=observer, stop=stop, checkpoint=checkpoint)
            if path == "-":
                sys.stdout.buffer.write(run.model.to_bytes())
            else:
                run.model.save(path)
            if checkpoint is not None and not (run.summary.interrupted or run.failure):
                checkpoint.remove()
        observer.finished(run.summary)
    except Interrupted as stopped:
        raise Interrupted(f"{stopped.message}{how()}", stopped.exit_code) from None
    finally:
        observer.close()
    if json:
        print_json(run.to_json())
    elif path != "-":
        print(path)
    name = "<stdout>" if path == "-" else path
    kept = f"{name} has the weights of epoch {run.summary.best_epoch}"
    if run.failure is not None:
        raise TrainingError(f"{run.failure}; {kept}")
    if run.summary.interrupted:
        where = f"stopped in epoch {run.summary.epochs + 1}"
        raise Interrupted(f"{where}; {kept}{how()}", stop.exit_code)
