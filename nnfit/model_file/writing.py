"""Writes a model: equal models give equal bytes (fixed order and time stamps, no compression)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

from nnfit import __version__
from nnfit.errors import OutputError
from nnfit.files import whole_file
from nnfit.model import Model
from nnfit.model_file.declared import (
    FORMAT_VERSION,
    META_LIMIT,
    OBJECTS_LIMIT,
    PATH_EPOCHS,
    PATH_PARAMETERS,
)
from nnfit.nn.arrays import Array
from nnfit.training.history import FIELDS

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def to_bytes(model: Model) -> bytes:
    """Return the file's contents.

    Raises
    ------
    OutputError
        When it would be larger than `load` accepts.
    """
    arrays: dict[str, Array] = {"meta": np.frombuffer(_meta(model), np.uint8)}
    parameters = model.network.parameters
    for i, W in enumerate(parameters.W):
        arrays[f"W{i + 1}"] = np.ascontiguousarray(W)
        if parameters.b:
            arrays[f"b{i + 1}"] = np.ascontiguousarray(parameters.b[i])
    for name in FIELDS:
        arrays[f"history_{name}"] = model.history[name]
    if model.path is not None:
        arrays[PATH_EPOCHS] = model.path.epochs
        arrays[PATH_PARAMETERS] = model.path.parameters
    buffer = io.BytesIO()
    write_arrays(buffer, arrays)
    return buffer.getvalue()


def write_arrays(stream: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write arrays as an .npz: equal arrays give equal bytes."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", ZIP_TIME)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            contents = io.BytesIO()
            np.lib.format.write_array(contents, array, version=(1, 0), allow_pickle=False)
            archive.writestr(member, contents.getbuffer())


def save(model: Model, path: str) -> None:
    """Write the model to `path`, whole or not at all.

    Raises
    ------
    OutputError
        When the place can't be written, or the file would be larger than `load` accepts.
    """
    contents = to_bytes(model)
    with whole_file(path) as stream:
        stream.write(contents)


def _meta(model: Model) -> bytes:
    """Return the JSON of everything that is not an array."""
    a = model.network.architecture
    meta = {
        "format_version": FORMAT_VERSION,
        "nnfit_version": __version__,
        "task": model.task,
        "targets": list(model.targets),
        "classes": list(model.classes),
        "network": {
            "sizes": list(a.sizes),
            "activations": list(a.activations),
            "output_activation": a.output_activation,
            "loss": a.loss,
            "bias": a.bias,
            "dropout": a.dropout,
            "l2": a.l2,
            "dtype": model.network.dtype.name,
        },
        "encoder": model.encoder.to_meta(),
        "scaler": None if model.scaler is None else model.scaler.to_meta(),
        "config": model.config,
        "training": model.training,
        "path_points": 0 if model.path is None else len(model.path.epochs),
        "metrics": model.metrics,
    }
    # without blanks: the quantiles of many columns, say, take room enough
    raw = json.dumps(meta, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(raw) > META_LIMIT or raw.count(b"[") + raw.count(b"{") > OBJECTS_LIMIT:
        raise OutputError(
            f"the model needs {len(raw)} bytes beside its weights, more than any model file may "
            "have. Use fewer columns, or a smaller preprocessing.max_categories"
        )
    return raw
