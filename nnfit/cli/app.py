"""The `nnfit` command: its sub-commands put together, one error boundary, the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from nnfit.cli.command import Command, Group
from nnfit.cli.memory import check_room, shortage
from nnfit.cli.options import UsageError
from nnfit.errors import ExitCode, NnfitError, printable
from nnfit.version import __version__

COMMANDS = (
    "train", "predict", "activations", "evaluate", "cv", "sweep", "gradcheck", "inspect", "explain",
    "plot", "graph", "init", "schema", "flatten",
)  # fmt: skip


def make_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands; each takes its time, whether it runs or not."""
    app = typer.Typer(
        name="nnfit",
        cls=Group,
        add_completion=commands is COMMANDS,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help starts in half the time of the framed one
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(nnfit)
    for name in commands:
        app.command(name, cls=Command)(getattr(import_module(f"nnfit.cli.{name}"), name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"nnfit {__version__}")
        raise typer.Exit()


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
        named = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
        command = typer.main.get_command(make_app(named))
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
