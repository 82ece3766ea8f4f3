"""Out of memory: told from other failures, in whatever shape a library reports it, and foreseen.

It measures nothing and limits nothing.
"""

from __future__ import annotations

import errno
import mmap

# Address space that NumPy, pandas and OpenBLAS's threads take before the work begins. Where it
# is missing OpenBLAS ends the process by itself, with words of its own.
START_BYTES = 256 << 20
_SPARE_BYTES = 32 << 20
_SIGNS = (
    "out of memory",  # pandas' parser
    "can't start new thread",  # threading: no room for a stack
    "cannot allocate memory",
    "failed to map segment",  # the loader of a library
    "failed to create thread",
)


def check_room() -> None:
    """Raise MemoryError, before the work, if there is no room for the libraries at all."""
    if not _is_room(START_BYTES):
        raise MemoryError(f"less than {START_BYTES >> 20} MiB of address space are free")


def shortage(err: BaseException) -> str | None:
    """Return in what way `err` or what caused it says that memory ran out; None if it does not."""
    cause: BaseException | None = err
    while cause is not None:
        text = str(cause)
        if isinstance(cause, MemoryError):
            return text[:1].lower() + text[1:]
        if isinstance(cause, OSError) and cause.errno == errno.ENOMEM:
            return "cannot allocate memory"
        if sign := next((sign for sign in _SIGNS if sign in text.lower()), None):
            return "" if sign == "out of memory" else sign
        cause = cause.__cause__ or cause.__context__
    # C code may lose the error on its way, and then any other comes up in its stead
    return None if _is_room(_SPARE_BYTES) else type(err).__name__


def _is_room(size: int) -> bool:
    """Return whether so many bytes could be mapped; none of them is touched."""
    if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
        return True
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError:
        return False
    return True
