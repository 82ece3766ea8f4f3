"""`nnfit train`: a config and a CSV in, a model file out."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from nnfit.cli import options
from nnfit.errors import Interrupted, OutputError, TrainingError, printable

if TYPE_CHECKING:
    from nnfit.config.reading import ConfigFile
    from nnfit.model.model import Model


def train(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG|-", show_default=False, help="A YAML config.")
    ],
    set_: options.SetOption = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Read this CSV instead of data.path.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="MODEL", help="Write the model here.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of a run that was stopped.")
    ] = False,
    json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Train a model and print the path of its file.

    Example: nnfit train iris.yaml --set training.epochs=200
    """
    from nnfit.cli.streams import check_stdout, print_path
    from nnfit.config.reading import load_config
    from nnfit.report import make_observer
    from nnfit.run.checkpoint import Checkpoint
    from nnfit.run.run import train_run
    from nnfit.training.stop import StopRequest

    options.check_stdin(config)
    file = load_config(config, set_ or [], data)
    path = _place(file, config, output)
    if path == "-" and json:
        raise options.UsageError("--json and -o - both write to stdout")
    to_file = path != "-" and (os.path.isfile(path) or not os.path.exists(path))
    if resume and not to_file:
        raise options.UsageError(f"--resume needs a model in a file, got -o {path}")
    command = _resume_command(config, set_ or [], data, output, ["--json"] * json + ["-q"] * quiet)
    again = " and the same input" if "-" in (config, file.config.data.path) else ""

    def how(kept: str = "; ") -> str:
        """Return how to go on with a run that was stopped, if it can be."""
        resumable = checkpoint is not None and checkpoint.to_resume
        return f"{kept}resume with: {command}{again}" if resumable else ""

    check_stdout()
    stop = StopRequest()
    checkpoint = None
    with closing(make_observer(quiet)) as observer:
        try:
            with Checkpoint(path, resume, observer) if to_file else nullcontext() as checkpoint:
                run = train_run(
                    file, output=path, observer=observer, stop=stop, checkpoint=checkpoint
                )
                _write(run.model, path)
                if checkpoint is not None and not (run.summary.interrupted or run.failure):
                    checkpoint.remove()
            observer.finished(run.summary)
        except Interrupted as stopped:
            raise Interrupted(f"{stopped.message}{how()}", stopped.exit_code) from None
        except OutputError as err:
            # a checkpoint's room is not used: while the model took it, neither would be whole
            kept = f"; the run is kept in {path}.checkpoint. Mend that, then "
            raise OutputError(f"{err}{how(kept)}") from err
    # a terminal that was closed takes no result; the run that it stopped ends as any other
    with suppress(OutputError) if stop.signal is not None else nullcontext():
        if json:
            options.print_json(run.to_json())
        elif path != "-":
            print_path(path)
    name = "<stdout>" if path == "-" else path
    weights = f"{name} has the weights of epoch {run.summary.best_epoch}"
    if run.failure is not None:
        raise TrainingError(f"{run.failure}; {weights}")
    if run.summary.interrupted:
        where = f"stopped in epoch {run.summary.epochs + 1}"
        raise Interrupted(f"{where}; {weights}{how()}", stop.exit_code)


def _place(file: ConfigFile, config: str, output: str | None) -> str:
    """Return where the model goes, "-" for stdout; what can't be written is found out here."""
    from nnfit.storage.output import is_stdout

    path = file.default_output() if output is None else output
    if is_stdout(path):
        return "-"
    sources = [file.resolve(table) for table in file.config.data.tables.values()]
    options.check_output(path, [config, *sources], "for the model")
    return path


def _write(model: Model, path: str) -> None:
    if path == "-":
        sys.stdout.buffer.write(model.to_bytes())
    else:
        model.save(path)


def _resume_command(
    config: str,
    overrides: Sequence[str],
    data: str | None,
    output: str | None,
    flags: Sequence[str],
) -> str:
    """Return the command that goes on with a run that was stopped."""
    words = ["nnfit", "train", config]
    words += [word for text in overrides for word in ("--set", text)]
    words += ["--data", data] if data is not None else []
    words += ["-o", output] if output is not None else []
    return printable(shlex.join([*words, *flags, "--resume"]))
