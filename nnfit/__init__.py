"""Train a NumPy multilayer perceptron with hand-written backpropagation from a YAML config.

The names below are loaded when they are first used, so that `nnfit --help` imports neither
NumPy nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnfit.version import __version__ as __version__

if TYPE_CHECKING:
    from nnfit.api import check_gradients, load, train
    from nnfit.errors import NnfitError, NnfitWarning
    from nnfit.model.model import Model

__all__ = ["Model", "NnfitError", "NnfitWarning", "check_gradients", "load", "train"]

_HOMES = {
    "Model": "nnfit.model.model",
    "NnfitError": "nnfit.errors",
    "NnfitWarning": "nnfit.errors",
    "check_gradients": "nnfit.api",
    "load": "nnfit.api",
    "train": "nnfit.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnfit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
