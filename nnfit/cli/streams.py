"""The standard streams, whatever they were when the process began, and where `predict` writes.

What goes to stdout must arrive or be an error; what goes to stderr must never cost a result.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from nnfit.errors import OutputError
from nnfit.storage.files import whole_file
from nnfit.storage.output import OutputStream, told


class _Stdin(io.FileIO):
    """Stdin, waited for also where its descriptor does not block: else it would seem to end."""

    def readinto(self, buffer: Any, /) -> int:
        while (n := super().readinto(buffer)) is None:
            select.select([self], [], [])
        return n


class _Stderr(OutputStream):
    """Stderr: a reader that left, or a full disk below a log, is no reason to lose a run."""

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OutputError, BrokenPipeError):
            return super().write(data)
        return len(data)


def set_up_streams() -> None:
    """Make the standard streams what this module promises.

    A closed descriptor is led nowhere, so that no file opened later gets its number, and with it
    what is meant for the stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # unusable on purpose: stdin for writing, the others for reading
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
    if sys.stdin is not None:
        sys.stdin = io.TextIOWrapper(
            io.BufferedReader(_Stdin(0, closefd=False)), encoding=sys.stdin.encoding
        )
    sys.stdout = _text(OutputStream(1, "<stdout>", owned=False), sys.stdout)
    sys.stderr = _text(_Stderr(2, "<stderr>", owned=False), sys.stderr)


def _text(raw: OutputStream, old: TextIO | None) -> TextIO:
    """Return a text stream over `raw` in the encoding of the `old` one, if there was one.

    What that can't hold is escaped: help, a table or an error is never lost to a letter. A file or
    a pipe for results holds no code page, which whoever reads it would have to guess.
    """
    encoding = getattr(old, "encoding", "utf-8")
    if raw.fileno() == 1 and not raw.isatty() and not encoding.lower().startswith("utf"):
        encoding = "ascii"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=raw.isatty() or raw.fileno() == 2,
    )


def piped(look: bool) -> bool:
    """Return whether rows are to come from stdin: a pipe, a file or a socket, and no terminal.

    With `look`, for a command that mostly does without, they must be there: in a script or under
    cron stdin is a pipe that nobody writes to. A socket, which may stay silent, is then left alone.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # a stand-in for the system's stream
        return not look
    if not look:
        return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
    buffer: Any = sys.stdin.buffer
    return (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)) and bool(buffer.peek(1))


def result_stream(errors: str = "backslashreplace") -> TextIO:
    """Return stdout for what programs read: UTF-8 in any locale, line ends as written.

    Tables, which people read, go to `sys.stdout` as it is. `errors` is for what UTF-8 can't hold:
    the bytes of a file's name that are no text.
    """
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", errors=errors, newline="")
    return sys.stdout


def print_path(path: str) -> None:
    """Print the path of a file that was written, by the very bytes of its name."""
    print(path, file=result_stream("surrogateescape"))


def mute_stdout() -> None:
    """Lead stdout nowhere, so that what is still buffered does not fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def check_stdout() -> None:
    """Raise OutputError, before the work, if stdout is not open at all."""
    with told("<stdout>"):
        os.write(1, b"")


@contextlib.contextmanager
def text_output(path: str) -> Iterator[TextIO]:
    """Open `path`, or stdout for "-", for UTF-8 text whose line ends are written as given.

    It is compressed where its suffix says so.
    """
    if path == "-":
        stream = result_stream()
        yield stream
        stream.flush()
        return
    from nnfit.csv.compressing import Compressed
    from nnfit.csv.source import compression

    with whole_file(path) as file:
        compressed = Compressed(file, path) if compression(path) else None
        binary: Any = compressed or file
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield text
        text.detach()
        if compressed is not None:
            compressed.finish()
