"""The entry point of `nnfit` and of `python -m nnfit`.

Signals are looked after before Typer is imported: Ctrl-C ends a command with one line at any
moment.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from nnfit.errors import ExitCode, Interrupted


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and `&` in scripts set it
                signal.signal(number, _stop)
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


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    if number == signal.SIGTERM:
        raise Interrupted("terminated", ExitCode.TERMINATED)
    raise Interrupted("interrupted", ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
