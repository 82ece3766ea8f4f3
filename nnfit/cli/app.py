"""The `nnfit` command: its sub-commands put together, one error boundary, the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from nnfit.cli.activations import activations
from nnfit.cli.evaluate import evaluate
from nnfit.cli.explain import explain
from nnfit.cli.flatten import flatten
from nnfit.cli.gradcheck import gradcheck
from nnfit.cli.graph import graph
from nnfit.cli.init import init
from nnfit.cli.inspect import inspect
from nnfit.cli.memory import check_room, shortage
from nnfit.cli.options import UsageError
from nnfit.cli.plot import plot
from nnfit.cli.predict import predict
from nnfit.cli.schema import schema
from nnfit.cli.train import train
from nnfit.errors import ExitCode, NnfitError, printable
from nnfit.version import __version__

app = typer.Typer(
    name="nnfit",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts in half the time of the framed one
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    train, predict, activations, evaluate, gradcheck, inspect, explain, plot, graph, init, schema,
    flatten,
)  # fmt: skip
for command in COMMANDS:
    app.command(command.__name__)(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"nnfit {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def nnfit(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Train a neural network on a CSV from a YAML config, and predict with it.

    Results go to stdout, everything else to stderr; "-" is stdin or stdout where a file is meant.
    """
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(ExitCode.BAD_INPUT)
    check_room()


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the one place where errors are shown."""
    arguments = sys.argv[1:] if args is None else list(args)
    try:
        command = typer.main.get_command(app)
        result = command.main(arguments, prog_name="nnfit", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else ExitCode.DONE
    except SystemExit as stop:
        # Typer's own answer to a closed pipe, which must not look like a failure
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except Exception as err:
        if os.environ.get("NNFIT_DEBUG") == "1":
            raise
        if isinstance(err, UsageError):
            return _show_usage(err, arguments)
        return _show(err)


def _show(err: Exception) -> int:
    """Print an error, one line for each of its messages, and return the exit code."""
    if isinstance(err, NnfitError):
        for message in err.messages:
            print(f"nnfit: error: {message}", file=sys.stderr)
        return err.exit_code
    reason = shortage(err)
    if reason is not None:
        what = (
            f"out of memory{reason and f' ({printable(reason)})'}; use less data, a smaller model "
            "or smaller batches, or give it more memory"
        )
    else:
        what = (
            f"unexpected {type(err).__name__}: {printable(str(err))}; this is a bug: set "
            "NNFIT_DEBUG=1 to see where, and report it"
        )
    print(f"nnfit: error: {what}", file=sys.stderr)
    return ExitCode.FAILED


def _show_usage(err: Any, arguments: Sequence[str]) -> int:
    """Print a wrong command line as one line."""
    message = err.format_message().replace("Value error, ", "")  # pydantic's, in some Typers
    command = "nnfit"
    if getattr(err, "ctx", None) is not None:
        command = err.ctx.command_path
    elif arguments and not arguments[0].startswith("-"):  # some Typers forget where they were
        command = f"nnfit {arguments[0]}"
    message = message[:1].lower() + message[1:].rstrip(".")
    print(f"nnfit: error: {printable(message)}; see '{command} --help'", file=sys.stderr)
    return ExitCode.BAD_INPUT
