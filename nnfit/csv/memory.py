"""Large pieces of memory that go back to the system when they are let go.

glibc keeps what was let go for the next time, pieces of up to 32 MB, in each thread's own store:
once pandas has parsed a large file, that is as much again as the table has.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_MMAP_THRESHOLD = -3  # of mallopt
_LARGE, _USUAL = 1 << 17, 1 << 25  # bytes; the second is the most that glibc itself comes to


@contextmanager
def returned() -> Iterator[None]:
    """Have arrays that are made inside the block, and let go at any time, go back at once."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another system, whose way is its own
        yield
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    try:
        yield
    finally:
        mallopt(_MMAP_THRESHOLD, _USUAL)
