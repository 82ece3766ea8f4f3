"""What must be alike on all machines that share the tasks, and who is refused for being otherwise.

How a machine is asked is the engine's matter.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from nnfit import compiled
from nnfit.errors import NnfitError
from nnfit.version import __version__

Versions = dict[str, str]

# on which results depend
VERSIONS: Versions = {
    "nnfit": __version__,
    "numpy": np.__version__,
    "pandas": version("pandas"),
}


def refuse_other(where: str, found: Any) -> None:
    """Raise NnfitError unless `found` are our VERSIONS; it is an error where nnfit is missing."""
    if isinstance(found, Exception):
        raise NnfitError(
            f"{where}: {found}; expected nnfit {__version__} as here. "
            "Run there, in the same checkout: pip install ."
        )
    for name, ours in VERSIONS.items():
        if found.get(name) != ours:
            source = f"{name}=={ours}" if name != "nnfit" else "."
            raise NnfitError(
                f"{where}: has {name} {found.get(name)}; expected {ours} as here, on which results "
                f"depend. Run there: pip install {source}"
            )


def machine_code() -> str | None:
    """Return of which Numba the compiled engine's machine code on disk is, if it is there."""
    return version("numba") if not compiled.lacks() and compiled.is_cached() else None
