"""The compiled engine: the passes and updates of `nn` as machine code, by the extra `fast`."""

from __future__ import annotations

import contextlib
import os
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("numba", "scipy")  # the extra `fast`


def lacks() -> str:
    """Return what is missing and how to get it, or nothing where all is there."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"needs {' and '.join(missing)}, which {verb} not installed. "
        f"Run: pip install {' '.join(missing)}"
    )


def is_cached() -> bool:
    """Return whether the machine code is on disk, so that it need not be compiled again.

    Where Numba keeps it: beside the kernel, where NUMBA_CACHE_DIR says, or in the user's cache.
    """
    kernel, youngest = _kernel()
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for folder in (kernel.parent, os.environ.get("NUMBA_CACHE_DIR"), Path(user) / "numba"):
        for found in Path(folder).rglob("kernel.take_steps-*.nbi") if folder else ():
            if found.stat().st_mtime > youngest:
                return True
    return False


def _kernel() -> tuple[Path, float]:
    """Return the file of the entries, and when the youngest of all files here was written."""
    kernel = Path(__file__).with_name("kernel.py")
    return kernel, max(path.stat().st_mtime for path in kernel.parent.glob("*.py"))


def load() -> None:
    """Load what the engine needs, SciPy's BLAS included, before its threads are counted.

    Numba compiles anew when the file of an entry is another, and knows nothing of the files with
    what it calls: the kernel is as young as the youngest.
    """
    kernel, youngest = _kernel()
    if youngest > kernel.stat().st_mtime:
        with contextlib.suppress(OSError):  # where nobody may write, nobody changes a file
            os.utime(kernel, (youngest, youngest))
    import scipy.linalg  # noqa: F401

    import nnfit.compiled.kernel  # noqa: F401
