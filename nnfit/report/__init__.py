"""What a person sees: progress on stderr, and the tables the commands print.

The only home of rich and matplotlib; nothing is worked out here, and no file read or written.
"""

from __future__ import annotations

import sys
from typing import TextIO

from nnfit.observer import Observer
from nnfit.report.plain import PlainObserver, QuietObserver
from nnfit.report.screen import Screen
from nnfit.report.tables import print_inspection, print_metrics

__all__ = ["make_observer", "print_inspection", "print_metrics"]


def make_observer(quiet: bool, stream: TextIO | None = None) -> Observer:
    """Return the observer that suits `stream`, or else `sys.stderr` as it is now.

    A live display on a terminal, plain rows elsewhere (and where TERM is `dumb`), with `quiet`
    warnings alone, and nothing at all when the process has no stderr. `close()` may be called
    repeatedly.
    """
    stream = sys.stderr if stream is None else stream
    if stream is None:
        return Observer()
    screen = Screen(stream)
    if quiet:
        return QuietObserver(screen)
    if not screen.interactive:
        return PlainObserver(screen)
    from nnfit.report.live import LiveObserver

    return LiveObserver(screen)
