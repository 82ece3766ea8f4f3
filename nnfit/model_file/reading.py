"""Reads a model and trusts nothing: names, shapes, dtypes, sizes and numbers are all checked."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfit.errors import ModelFileError
from nnfit.model import Model
from nnfit.model_file.declared import (
    FORMAT_VERSION,
    PATH_EPOCHS,
    PATH_PARAMETERS,
    Invalid,
    architecture_of,
    compare_names,
    expected_arrays,
    mapping_of,
    parse_meta,
)
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network
from nnfit.table.encoding import Encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.targets import TargetScaler
from nnfit.training.history import FIELDS
from nnfit.training.path import Path

META_LIMIT = 64 * 2**20  # bytes of JSON
ARRAYS_LIMIT = 4 * 2**30  # bytes of weights and history


def load(path: str) -> Model:
    """Read a model file.

    Raises
    ------
    ModelFileError
        When it is missing, no model of nnfit, damaged, or of another format version.
    """
    try:
        if os.path.isdir(path):
            raise ModelFileError(f"{path}: is a folder; expected a model file (.npz)")
        if not os.path.exists(path):
            raise ModelFileError(f"{path}: no such file; 'nnfit train' writes one")
        with open(path, "rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                raise ModelFileError(
                    f"{path}: not an nnfit model; expected a .npz that nnfit wrote"
                )
            with zipfile.ZipFile(stream) as archive:
                return _read(path, archive)
    except ModelFileError:
        raise
    except Invalid as err:
        raise ModelFileError(f"{path}: {err}; train the model again") from err
    except OSError as err:
        raise ModelFileError(
            f"{path}: cannot be read: {(err.strerror or str(err)).lower()}"
        ) from err
    except MemoryError as err:
        raise ModelFileError(f"{path}: does not fit into memory") from err
    except Exception as err:
        # zipfile and zlib raise a dozen kinds for a damaged archive: none is a bug of ours
        raise ModelFileError(
            f"{path}: damaged ({type(err).__name__}: {err}); train it again"
        ) from err


def _read(path: str, archive: zipfile.ZipFile) -> Model:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise Invalid(f"holds {member.filename!r} twice")
        members[member.filename] = member
    if "meta.npy" not in members:
        raise ModelFileError(f"{path}: not an nnfit model; it holds no 'meta'")
    if members["meta.npy"].file_size > META_LIMIT:
        raise Invalid(f"'meta' has {members['meta.npy'].file_size} bytes; at most {META_LIMIT}")
    raw = _member(archive, members["meta.npy"], None, np.dtype(np.uint8))
    meta = parse_meta(raw.tobytes())
    version = meta.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{path}: format {version!r}, this nnfit reads format {FORMAT_VERSION}; "
            "train again or install a newer nnfit"
        )
    architecture, dtype = architecture_of(meta)
    training, metrics, config = (mapping_of(meta, key) for key in ("training", "metrics", "config"))
    expected = expected_arrays(architecture, dtype, training, meta.get("path_points", 0))
    compare_names(set(members) - {"meta.npy"}, {f"{name}.npy" for name in expected})
    n_bytes = sum(math.prod(shape) * dt.itemsize for shape, dt in expected.values())
    if n_bytes > ARRAYS_LIMIT:
        raise Invalid(f"declares {n_bytes} bytes of arrays; at most {ARRAYS_LIMIT}")
    arrays = {
        name: _member(archive, members[f"{name}.npy"], shape, dt)
        for name, (shape, dt) in expected.items()
    }
    network = Network(architecture, dtype)
    for name, array in arrays.items():
        if name.startswith("history_"):
            continue
        if not np.isfinite(array).all():
            raise Invalid(f"{name} holds numbers that are not finite")
        home = network.parameters.W if name[0] == "W" else network.parameters.b
        np.copyto(home[int(name[1:]) - 1], array)
    history = {name: arrays[f"history_{name}"] for name in FIELDS}
    trail = _path(arrays) if PATH_EPOCHS in arrays else None
    return _assemble(meta, network, config, training, metrics, history, trail)


def _path(arrays: Mapping[str, Array]) -> Path:
    """Return the path of training, checked."""
    path = Path(arrays[PATH_EPOCHS], arrays[PATH_PARAMETERS])
    ascending = (np.diff(path.epochs) > 0).all()
    if path.epochs[0] < 0 or path.epochs[-1] > len(arrays["history_epoch"]) or not ascending:
        raise Invalid(f"{PATH_EPOCHS} does not count epochs")
    if not np.isfinite(path.parameters).all():
        raise Invalid(f"{PATH_PARAMETERS} holds numbers that are not finite")
    return path


def _assemble(
    meta: Mapping[str, Any],
    network: Network,
    config: Mapping[str, Any],
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    history: Mapping[str, Array],
    path: Path | None,
) -> Model:
    """Put the parts together after checking that they fit each other."""
    targets = meta.get("targets")
    if not (isinstance(targets, list) and targets and all(isinstance(t, str) for t in targets)):
        raise Invalid("'targets' is not a list of names")
    labels = scaler = None
    try:
        encoder = Encoder.from_meta(meta.get("encoder"))
        if meta.get("task") == "classification":
            classes = meta.get("classes")
            labels = LabelEncoder.from_meta({"target": targets[0], "classes": classes})
        elif meta.get("task") == "regression":
            scaler = TargetScaler.from_meta(meta.get("scaler"))
        else:
            raise Invalid(f"unknown task {meta.get('task')!r}")
    except ValueError as err:
        raise Invalid(str(err)) from err
    sizes = network.architecture.sizes
    if encoder.n_inputs != sizes[0]:
        raise Invalid(f"the columns give {encoder.n_inputs} inputs, the network takes {sizes[0]}")
    if labels is not None:
        n_classes = len(labels.classes)
        if len(targets) != 1 or sizes[-1] not in (n_classes, 1 if n_classes == 2 else n_classes):
            raise Invalid(f"{n_classes} classes do not fit {sizes[-1]} outputs")
    elif not len(targets) == sizes[-1] == len(scaler.scales if scaler else ()):
        raise Invalid(f"{len(targets)} targets do not fit {sizes[-1]} outputs")
    return Model(
        encoder=encoder,
        network=network,
        targets=tuple(targets),
        labels=labels,
        scaler=scaler,
        config=config,
        training=training,
        metrics=metrics,
        history=history,
        path=path,
        version=str(meta.get("nnfit_version")),
    )


def _member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    shape: tuple[int, ...] | None,
    dtype: np.dtype[Any],
) -> Array:
    """Read one array whose dtype, shape and size in bytes are known before it is allocated."""
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid(f"{name} is compressed in an unknown way")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise Invalid(f"{name} is of .npy version {version}; expected (1, 0)")
        found_shape, fortran, found_dtype = np.lib.format.read_array_header_1_0(stream)
        if found_dtype != dtype or fortran:
            raise Invalid(f"{name} is {found_dtype}, meta says {dtype}")
        if shape is None:
            shape = (member.file_size,) if len(found_shape) != 1 else found_shape
        if found_shape != shape:
            raise Invalid(f"{name} has shape {found_shape}, meta says {shape}")
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes > member.file_size:
            raise Invalid(f"{name} is shorter than its shape {shape}")
        raw = stream.read(n_bytes + 1)
        if len(raw) != n_bytes:
            raise Invalid(f"{name} has {len(raw)} bytes, its shape {shape} needs {n_bytes}")
    return np.frombuffer(raw, dtype).reshape(shape)
