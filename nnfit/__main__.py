"""The entry point of `nnfit` and of `python -m nnfit`.

Signals are looked after before Typer is imported: Ctrl-C ends a command with one line at any
moment.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from nnfit.errors import ExitCode, Interrupted, OutputError
from nnfit.storage.exit_signals import ignore_signals, leave_on_signals


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    leave_on_signals()
    # which are looked for in all packages that are installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from nnfit.cli.streams import mute_stdout, set_up_streams

    set_up_streams()
    code: int
    try:
        from nnfit.cli.app import run

        code = run()
    except Interrupted as stopped:
        print(f"nnfit: {stopped.message}", file=sys.stderr)
        code = stopped.exit_code
    except BrokenPipeError:  # the reader has what it wanted; Typer hides that flushing fails too
        mute_stdout()
        code = ExitCode.DONE
    try:
        sys.stdout.flush()
    except (OutputError, BrokenPipeError):  # told already
        mute_stdout()
    ignore_signals()  # the work is done: only its exit code is to come
    sys.exit(code)


if __name__ == "__main__":
    main()
