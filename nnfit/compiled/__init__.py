"""The compiled engine: the passes and updates of `nn` as machine code, by the extra `fast`."""

from __future__ import annotations

import hashlib
import os
from functools import cache
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


@cache
def digest() -> str:
    """Return a hash of the sources that machine code is made of.

    It is a part of the name under which Numba keeps an entry: Numba itself looks at the file of the
    entry alone, and would go on with the old formulas.
    """
    here = Path(__file__).parent
    made = hashlib.blake2b(digest_size=6)
    for path in sorted([*here.glob("*.py"), *here.parent.joinpath("nn").glob("*.py")]):
        made.update(path.read_bytes())
    return made.hexdigest()


def is_cached() -> bool:
    """Return whether the machine code is on disk, so that it need not be compiled again.

    Where Numba keeps it: beside the kernel, where NUMBA_CACHE_DIR says, or in the user's cache.
    """
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "numba")
    folders = (Path(__file__).parent, os.environ.get("NUMBA_CACHE_DIR"), user)
    index = f"kernel.take_steps_{digest()}-*.nbi"
    return any(True for folder in folders if folder for _ in Path(folder).rglob(index))


def load_blas() -> None:
    """Load SciPy's BLAS, by which the kernel multiplies, before anybody limits its threads."""
    import scipy.linalg  # noqa: F401
