"""What a model file's `meta` declares, checked before any of it is used.

Every array's name, shape and dtype follows from it; `meta` itself may come from anywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.losses import LOSSES, OUTPUT_ACTIVATIONS, make_head
from nnfit.nn.network import Architecture
from nnfit.training.history import FIELDS

FORMAT_VERSION = 1
LAYERS_LIMIT = 1000
WIDTH_LIMIT = 10**8
EPOCHS_LIMIT = 10**9
# the path of training, where it was kept: which epochs, 0 for the start, and W | b of each
PATH_EPOCHS, PATH_PARAMETERS = "history_parameters_epoch", "history_parameters"


class Invalid(ValueError):
    """What the file holds contradicts itself or the format."""


def parse_meta(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`."""

    def refuse(token: str) -> Any:
        raise Invalid(f"'meta' holds {token}, which is not a number")

    try:
        meta = json.loads(raw.decode(), parse_constant=refuse)
    except Invalid:
        raise
    except (ValueError, RecursionError) as err:
        raise Invalid("'meta' is not JSON") from err
    if not isinstance(meta, dict):
        raise Invalid("'meta' is not a JSON object")
    return meta


def architecture_of(meta: Mapping[str, Any]) -> tuple[Architecture, np.dtype[Any]]:
    """Return the network that `meta` declares, and its dtype."""
    net = mapping_of(meta, "network")
    sizes, activations = net.get("sizes"), net.get("activations")
    if not (
        isinstance(sizes, list)
        and 2 <= len(sizes) <= LAYERS_LIMIT
        and all(type(n) is int and 1 <= n <= WIDTH_LIMIT for n in sizes)
    ):
        raise Invalid("the layer sizes are not a list of positive integers")
    if not isinstance(activations, list) or len(activations) != len(sizes) - 2:
        raise Invalid("the activations do not fit the layers")
    for name, known in [
        *((name, tuple(ACTIVATIONS)) for name in activations),
        (net.get("output_activation"), OUTPUT_ACTIVATIONS),
        (net.get("loss"), LOSSES),
        (net.get("dtype"), ("float32", "float64")),
    ]:
        if name not in known:
            raise Invalid(f"unknown name {str(name)[:60]!r} in the network")
    for key, limit in (("dropout", 1.0), ("l2", math.inf)):
        value = net.get(key)
        if not (isinstance(value, int | float) and 0.0 <= value < limit):
            raise Invalid(f"{key} is out of range")
    if not isinstance(net.get("bias"), bool):
        raise Invalid("bias is neither true nor false")
    try:
        architecture = Architecture(
            tuple(sizes),
            tuple(activations),
            net["loss"],
            net["output_activation"],
            net["bias"],
            float(net["dropout"]),
            float(net["l2"]),
        )
        make_head(architecture.loss, architecture.output_activation)
    except ValueError as err:
        raise Invalid(str(err)) from err
    return architecture, np.dtype(net["dtype"])


def mapping_of(meta: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the JSON object under `key`."""
    value = meta.get(key)
    if not isinstance(value, dict):
        raise Invalid(f"'meta' has no {key!r}")
    return value


def expected_arrays(
    architecture: Architecture, dtype: np.dtype[Any], training: Mapping[str, Any], points: Any = 0
) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return the shape and dtype of every array that `meta` implies, `points` on a path too."""
    expected: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    sizes = architecture.sizes
    for i in range(len(sizes) - 1):
        expected[f"W{i + 1}"] = ((sizes[i + 1], sizes[i]), dtype)
        if architecture.bias:
            expected[f"b{i + 1}"] = ((sizes[i + 1],), dtype)
    epochs = training.get("epochs")
    if type(epochs) is not int or not 0 <= epochs <= EPOCHS_LIMIT:
        raise Invalid("the number of epochs is not an integer")
    for name in FIELDS:
        kind = np.int64 if name == "epoch" else np.float64
        expected[f"history_{name}"] = ((epochs,), np.dtype(kind))
    if type(points) is not int or not 0 <= points <= epochs + 1:
        raise Invalid("the number of points on the path of training is out of range")
    if points:
        expected[PATH_EPOCHS] = ((points,), np.dtype(np.int64))
        expected[PATH_PARAMETERS] = ((points, architecture.n_parameters), dtype)
    return expected


def compare_names(found: set[str], expected: set[str]) -> None:
    """Refuse a file that holds other arrays than `meta` declares."""
    if missing := sorted(expected - found):
        raise Invalid(f"holds no {missing[0]!r}")
    if extra := sorted(found - expected):
        raise Invalid(f"holds {extra[0][:60]!r}, which belongs to no nnfit model")
