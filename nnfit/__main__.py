"""The entry point of `nnfit` and of `python -m nnfit`.

Signals are looked after before Typer is imported: Ctrl-C ends a command with one line at any
moment.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from nnfit.errors import ExitCode, Interrupted
from nnfit.leaving import leave_on_signals


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    leave_on_signals()
    try:
        from nnfit.cli.app import run

        code = run()
    except Interrupted as stopped:
        print(f"nnfit: {stopped.message}", file=sys.stderr)
        code = stopped.exit_code
    except BrokenPipeError:  # the reader has what it wanted
        from nnfit.cli.app import mute_stdout

        mute_stdout()
        code = ExitCode.DONE
    sys.exit(code)


if __name__ == "__main__":
    main()
