"""`nnfit train`: a config and a CSV in, a model file out."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from nnfit.cli import options
from nnfit.errors import ExitCode, Interrupted, OutputError, TrainingError, printable

if TYPE_CHECKING:
    from nnfit.config.reading import ConfigFile
    from nnfit.run.run import Run


def train(
    config: options.ConfigArgument,
    set_: options.SetOption = None,
    data: options.DataOption = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="MODEL", help="Write the model here.")
    ] = None,
    oof: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write what each member predicts of the rows that it held out."
        ),
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
    path = _place(file, config, output, oof)
    to_file = path != "-" and (os.path.isfile(path) or not os.path.exists(path))
    if path == "-" and json:
        raise options.UsageError("--json and -o - both write to stdout")
    if resume and not to_file:
        raise options.UsageError(f"--resume needs a model in a file, got -o {path}")
    places = {"-o": output, "--oof": oof}
    command = _resume_command(config, set_ or [], data, places, ["--json"] * json + ["-q"] * quiet)
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
                    file,
                    output=path,
                    observer=observer,
                    stop=stop,
                    checkpoint=checkpoint,
                    needs_folds=oof is not None,
                )
                _write(run, path, oof)
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
    _raise_if_cut_short(run, path, how(), stop.exit_code)


def _place(file: ConfigFile, config: str, output: str | None, oof: str | None) -> str:
    """Return where the model goes, "-" for stdout; what can't be written is found out here."""
    from nnfit.storage.output import is_stdout

    sources = [config, *(file.resolve(table) for table in file.config.data.tables.values())]
    path = file.default_output() if output is None else output
    if is_stdout(path):
        path = "-"
    options.check_output(path, sources, "for the model")
    if oof == "-":
        raise options.UsageError("--oof: got -; stdout has the model's path. Name a file")
    if oof is not None:
        what = "for the rows out of fold"
        if os.path.realpath(oof) == os.path.realpath(path):
            raise OutputError(f"{oof}: is the model's; expected another place {what}")
        options.check_output(oof, sources, what)
    return path


def _raise_if_cut_short(run: Run, path: str, how: str, exit_code: ExitCode) -> None:
    """Raise what ended a run before its last epoch, with what the model has all the same."""
    name = "<stdout>" if path == "-" else path
    weights = f"{name} has the weights of {run.summary.best}"
    weights += ", each member's own best" * (len({*run.summary.best_epochs}) > 1)
    if run.failure is not None:
        raise TrainingError(f"{run.failure}; {weights}")
    if run.in_refit:
        raise Interrupted(f"stopped in the refit; {name} has the members{how}", exit_code)
    if run.summary.interrupted:
        where = f"stopped in epoch {run.summary.epochs + 1}"
        raise Interrupted(f"{where}; {weights}{how}", exit_code)


def _write(run: Run, path: str, oof: str | None) -> None:
    """Write the model, then what was predicted out of fold."""
    from nnfit.cli.streams import text_output

    if path == "-":
        sys.stdout.buffer.write(run.model.to_bytes())
    else:
        run.model.save(path)
    if oof is not None:
        assert run.out_of_fold is not None
        with text_output(oof) as stream:
            run.out_of_fold.write(stream, run.model)


def _resume_command(
    config: str,
    overrides: Sequence[str],
    data: str | None,
    places: Mapping[str, str | None],
    flags: Sequence[str],
) -> str:
    """Return the command that goes on with a run that was stopped."""
    words = ["nnfit", "train", config]
    words += [word for text in overrides for word in ("--set", text)]
    words += ["--data", data] if data is not None else []
    words += [word for option, place in places.items() if place for word in (option, place)]
    return printable(shlex.join([*words, *flags, "--resume"]))
