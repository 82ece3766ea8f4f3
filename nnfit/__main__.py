"""The entry point of `nnfit` and of `python -m nnfit`.

Signals are looked after before Typer is imported: Ctrl-C ends a command with one line at any
moment.
"""

from __future__ import annotations

import os
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
        stopped = Interrupted("terminated", ExitCode.TERMINATED)
    else:
        stopped = Interrupted("interrupted", ExitCode.INTERRUPTED)
    if _is_importing(frame):
        # modules try what they can import and catch what comes of it: an exception could be lost
        files = sys.modules.get("nnfit.files")
        for path in list(files.unfinished) if files is not None else ():
            os.unlink(path)
        os.write(2, f"nnfit: {stopped.message}\n".encode())
        os._exit(stopped.exit_code)
    raise stopped


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
