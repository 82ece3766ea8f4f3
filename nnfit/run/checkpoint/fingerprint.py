"""What a checkpoint belongs to: the config and the data, as far as the run's bytes depend on them.

Paths don't count where the data themselves are compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit.config.presets import NAMES
from nnfit.config.younger import YOUNGER, kept
from nnfit.errors import shorten
from nnfit.version import __version__

if TYPE_CHECKING:
    from nnfit.config.reading import ConfigFile
    from nnfit.dataset.dataset import Dataset

HASHED_ROWS = 2**14  # at once, where an array is not in the order of C
# These may change between a run and the one that goes on from it. The divergence matters only
# from where it is found, and that is not before the checkpoint.
FREE = {
    "preset",  # the values count, wherever they came from
    "output",
    "data.path",
    "training.epochs",
    "training.patience",
    "training.patience_factor",
    "training.checkpoint_seconds",
    "training.on_divergence",
}


def fingerprint(file: ConfigFile, dataset: Dataset, blas_threads: int) -> dict[str, Any]:
    """Return what a checkpoint of this run says of it, for JSON.

    The last bits of matrix products depend on `blas_threads`; other threads change none.
    """
    config = settings(file, FREE)
    config["training.threads"] = blas_threads
    preset = {} if file.config.preset == "none" else {"preset": file.config.preset}
    return {"nnfit_version": __version__, "config": config, "data": _digest(dataset), **preset}


def settings(file: ConfigFile, free: Collection[str]) -> dict[str, Any]:
    """Return the config's values by dotted key, but for those that are `free` to change."""
    return {key: value for key, value in _flat(kept(file.config)) if key not in free}


def difference(this: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return what the run that a checkpoint is of (`other`) has other than this one."""
    if this["nnfit_version"] != other.get("nnfit_version"):
        version = f"nnfit {other.get('nnfit_version')!s:.20}"
        return f"is of {version}, got nnfit {this['nnfit_version']}. Go on with {version}"
    of_run = other.get("config")
    of_run = {**YOUNGER, **(of_run if isinstance(of_run, dict) else {})}
    of_this = {**YOUNGER, **this["config"]}
    keys = [key for key, value in of_this.items() if _other(of_run, key, value)]
    keys += [key for key in of_run if key not in of_this]
    if keys:
        got, expected = (_shown(config, keys[0]) for config in (of_this, of_run))
        more = f" (and {', '.join(keys[1:])})" if len(keys) > 1 else ""
        # one key that is set, such as the epochs, and a config means no preset any more
        preset = other.get("preset")
        named = preset in NAMES and preset != this.get("preset")
        return (
            f"is of a run with other settings, {keys[0]}: got {got}; expected {expected}{more}. "
            f"Use that run's config{f', with --set preset={preset}' if named else ''}"
        )
    if this["data"] != other.get("data"):
        return "is of a run on other data. Use that run's data"
    return None


def _other(of_run: Mapping[str, Any], key: str, value: Any) -> bool:
    return key not in of_run or of_run[key] != value or type(of_run[key]) is not type(value)


def _shown(config: Mapping[str, Any], key: str) -> str:
    text = json.dumps(config[key], ensure_ascii=False) if key in config else "no such key"
    return shorten(text)


def _flat(config: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yield the config's values under dotted keys; `class_weight` is one value."""
    for name, value in config.items():
        if isinstance(value, dict) and name != "class_weight":
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _digest(dataset: Dataset) -> str:
    """Return the SHA-256 of the encoded rows and of how they were encoded."""
    digest = hashlib.sha256()
    how = {
        "encoder": dataset.encoding.encoder.to_meta(),
        "targets": dataset.targets,
        "classes": None if dataset.labels is None else dataset.labels.classes,
        "scaler": None if dataset.encoding.scaler is None else dataset.encoding.scaler.to_meta(),
    }
    digest.update(json.dumps(how, sort_keys=True).encode())
    for name, part in dataset.parts.items():
        for array in (part.X, part.Y, part.weights, part.truth):
            if array is None:
                continue
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            for start in range(0, len(array), HASHED_ROWS):
                digest.update(np.ascontiguousarray(array[start : start + HASHED_ROWS]).data)
    if dataset.folds is not None:
        digest.update(f"folds {dataset.folds.astype('<i8').tobytes().hex()}".encode())
    return digest.hexdigest()
