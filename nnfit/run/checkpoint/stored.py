"""The checkpoint's file: an .npz without pickle like the model's, and read with the same care.

`meta` says which run it is of and where that stands; the arrays follow from it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from nnfit.budget import MAX_META
from nnfit.errors import ResumeError
from nnfit.run.checkpoint.fingerprint import difference
from nnfit.storage.npz import Invalid, mapping_of, parse_meta, read_member, write_arrays
from nnfit.storage.origin import CHECKPOINT, open_regular
from nnfit.training.snapshot import capture, describe, restore
from nnfit.training.state import State

FORMAT_VERSION = 1
ANEW = "start anew without --resume"


def write(stream: IO[bytes], state: State, run: Mapping[str, Any]) -> None:
    """Write where a run stands, and which one it is, into an open file."""
    values, arrays = capture(state)
    meta = {CHECKPOINT: FORMAT_VERSION, "run": run, "state": values}
    raw = json.dumps(meta, ensure_ascii=False, allow_nan=False).encode()
    write_arrays(stream, {"meta": np.frombuffer(raw, np.uint8), **arrays})


def read(path: str, state: State, run: Mapping[str, Any]) -> None:
    """Put a fresh `state` where the checkpoint was taken.

    Raises
    ------
    ResumeError
        When it can't be read, is damaged, or is not of `run`.
    """
    try:
        handle = open_regular(os.path.realpath(path), os.O_RDONLY)
        with open(handle, "rb") as stream, zipfile.ZipFile(stream) as archive:
            _read(path, archive, state, run)
    except ResumeError:
        raise
    except FileExistsError as err:  # a folder, or a FIFO that may never be written to
        raise ResumeError(f"{path}: is no regular file; expected a checkpoint") from err
    except ValueError as err:  # Invalid is one
        raise ResumeError(f"{path}: damaged: {err}; {ANEW}") from err
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise ResumeError(f"{path}: cannot be read: {reason}") from err
    except MemoryError as err:
        raise ResumeError(f"{path}: does not fit into memory") from err
    except Exception as err:
        # zipfile raises a dozen kinds for a damaged archive: none is a bug of ours
        raise ResumeError(f"{path}: damaged ({type(err).__name__}: {err}); {ANEW}") from err


def engine_of(path: str) -> str | None:
    """Return the engine in which a checkpoint's run began; None where that cannot be read."""
    try:
        handle = open_regular(os.path.realpath(path), os.O_RDONLY)
        with open(handle, "rb") as stream, zipfile.ZipFile(stream) as archive:
            config = mapping_of(mapping_of(_meta(archive), "run"), "config")
    except Exception:  # `read` says what is wrong with it
        return None
    return "compiled" if config.get("training.engine") == "compiled" else "numpy"


def _meta(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return the checkpoint's JSON."""
    members = {member.filename: member for member in archive.infolist()}
    if "meta.npy" not in members or members["meta.npy"].file_size > MAX_META:
        raise Invalid("holds no 'meta' of a checkpoint")
    raw = read_member(archive, members["meta.npy"], None, np.dtype(np.uint8))
    return parse_meta(raw.tobytes())


def _read(path: str, archive: zipfile.ZipFile, state: State, run: Mapping[str, Any]) -> None:
    members = {member.filename: member for member in archive.infolist()}
    meta = _meta(archive)
    version = meta.get(CHECKPOINT)
    if version != FORMAT_VERSION:
        raise ResumeError(
            f"{path}: checkpoint of format {version!r:.20}, this nnfit reads format "
            f"{FORMAT_VERSION}; {ANEW}, or go on with the nnfit that wrote it"
        )
    if what := difference(run, mapping_of(meta, "run")):
        raise ResumeError(f"{path}: {what}, or {ANEW}")
    values = mapping_of(meta, "state")
    ended, epochs = values.get("epochs"), state.sizes.epochs
    if type(ended) is int and ended > epochs:
        raise ResumeError(
            f"{path}: is after epoch {ended}, got training.epochs {epochs}; expected at least "
            f"{ended}. Raise it, or {ANEW}"
        )
    described = describe(state, values)
    names = sorted(member.filename for member in archive.infolist())
    if names != sorted(["meta.npy", *(f"{name}.npy" for name in described)]):
        raise Invalid("holds other arrays than a checkpoint of this run")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise Invalid("is compressed, which no checkpoint is")  # so nothing is larger than the file
    arrays = {
        name: read_member(archive, members[f"{name}.npy"], shape, dtype)
        for name, (shape, dtype) in described.items()
    }
    restore(state, values, arrays)
