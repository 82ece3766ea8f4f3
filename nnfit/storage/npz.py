"""An .npz without pickle that holds JSON, `meta`, beside its arrays: model files, checkpoints.

Equal contents give equal bytes, and nothing is believed of a file that comes from anywhere: an
array is read once its name, shape, dtype and size are known from `meta`.
"""

from __future__ import annotations

import io
import json
import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from nnfit.budget import MAX_DEPTH, MAX_META, MAX_OBJECTS, MAX_VALUES
from nnfit.errors import shorten
from nnfit.nn.arrays import Array

_BETWEEN_MARKS = re.compile(rb'[^][{}"]+|"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


class Invalid(ValueError):
    """What the file holds contradicts itself or the format."""


def excess(raw: bytes) -> str:
    """Return what the JSON in `raw` has too much of, in words; "" if nothing."""
    if len(raw) > MAX_META:
        return f"{len(raw)} bytes; at most {MAX_META}"
    if raw.count(b"{") + raw.count(b"[") > MAX_OBJECTS:
        return f"over {MAX_OBJECTS} lists and objects"
    return f"over {MAX_VALUES} values" if raw.count(b",") > MAX_VALUES else ""


def parse_meta(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`."""

    def refuse(token: str) -> Any:
        raise Invalid(f"'meta' holds {token}, which is not a number")

    if too_much := excess(raw):
        raise Invalid(f"'meta' holds {too_much}")
    # within texts they open nothing; versions of Python differ in how deep they go
    marks = np.frombuffer(_BETWEEN_MARKS.sub(b"", raw), np.uint8)
    steps = np.where(np.isin(marks, [*b"[{"]), 1, -1)
    if steps.cumsum().max(initial=0) > MAX_DEPTH:
        raise Invalid(f"'meta' is nested over {MAX_DEPTH} levels deep")
    try:
        text = raw.decode()
        meta = json.loads(text, parse_constant=refuse)
        if re.search(r"\\u[dD][89a-fA-F]", text):  # half of a character can't be printed
            json.dumps(meta, ensure_ascii=False).encode()
    except Invalid:
        raise
    except ValueError as err:
        raise Invalid("'meta' is not JSON") from err
    if not isinstance(meta, dict):
        raise Invalid("'meta' is not a JSON object")
    return meta


def mapping_of(meta: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the JSON object under `key`."""
    value = meta.get(key)
    if not isinstance(value, dict):
        raise Invalid(f"'meta' has no {key!r}")
    return value


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


def read_member(
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
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a header that Python 2 wrote, say
            stored_shape, fortran, stored_dtype = np.lib.format.read_array_header_1_0(stream)
        if stored_dtype != dtype or fortran:
            order = " in Fortran's order" if fortran else ""
            raise Invalid(f"{name} is {shorten(str(stored_dtype))}{order}, meta says {dtype}")
        if shape is None:
            shape = (member.file_size,) if len(stored_shape) != 1 else stored_shape
        if stored_shape != shape:
            raise Invalid(f"{name} has shape {shorten(str(stored_shape))}, meta says {shape}")
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes > member.file_size:
            raise Invalid(f"{name} is shorter than its shape {shape}")
        raw = stream.read(n_bytes + 1)
        if len(raw) != n_bytes:
            raise Invalid(f"{name} has {len(raw)} bytes, its shape {shape} needs {n_bytes}")
    return np.frombuffer(raw, dtype).reshape(shape)
