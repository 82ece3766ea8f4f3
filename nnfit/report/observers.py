"""Which observer suits a stream.

Nothing is written here, and the stream is only asked what it is.
"""

from __future__ import annotations

import sys
from typing import TextIO

from nnfit.observer import Observer
from nnfit.report.live import LiveObserver
from nnfit.report.plain import PlainObserver, QuietObserver
from nnfit.report.screen import Screen


def make_observer(quiet: bool, stream: TextIO | None = None) -> Observer:
    """Return the observer that suits the stream.

    Parameters
    ----------
    quiet : bool
        Show warnings only.
    stream : TextIO, optional
        Where to write; `sys.stderr` as it is now when left out.

    Returns
    -------
    Observer
        A live display on a terminal, plain rows elsewhere (and where TERM is `dumb`). One that
        does nothing when the process has no stderr at all. `close()` may be called repeatedly.
    """
    stream = sys.stderr if stream is None else stream
    if stream is None:
        return Observer()
    screen = Screen(stream)
    if quiet:
        return QuietObserver(screen)
    if not screen.interactive:
        return PlainObserver(screen)
    return LiveObserver(screen)
