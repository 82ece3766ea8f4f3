"""Where the rows of `predict` go: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

from nnfit.files import whole_file


@contextlib.contextmanager
def text_output(path: str) -> Iterator[TextIO]:
    """Open `path`, or stdout for "-", for UTF-8 text whose line ends are written as given."""
    if path == "-":
        sys.stdout.flush()
        stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
        try:
            yield stream
            stream.flush()
        finally:
            with contextlib.suppress(BrokenPipeError):
                stream.detach()
        return
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()
