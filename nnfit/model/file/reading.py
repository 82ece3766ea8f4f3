"""Reads a model and trusts nothing: names, shapes, dtypes, sizes and numbers are all checked."""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from nnfit.budget import MAX_ARRAY_BYTES, MAX_INFLATED, MAX_META
from nnfit.errors import ModelFileError, printable, shorten
from nnfit.model.file.declared import (
    FORMAT_VERSION,
    HELD_OUT_SCORES,
    STEP_LOSSES,
    TRAJECTORY_EPOCHS,
    TRAJECTORY_PARAMETERS,
    architecture_of,
    compare_names,
    expected_arrays,
)
from nnfit.model.file.kept import Trained, kept_metrics, trained
from nnfit.model.held_out import HeldOut, told
from nnfit.model.model import Model
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.names import DISTRIBUTION_LOSSES
from nnfit.nn.network import Network
from nnfit.storage import json_checks as check
from nnfit.storage.npz import Invalid, mapping_of, parse_meta, read_member
from nnfit.table.encoding import Encoder
from nnfit.table.labels import LabelEncoder
from nnfit.table.targets import TargetScaler
from nnfit.training.history import FIELDS, MEMBER_LOSSES, Steps, Trajectory

MAX_DIRECTORY = 2**20  # bytes of the zip's table of contents: five times what 1000 layers need


def load(path: str) -> Model:
    """Read a model file.

    Raises
    ------
    ModelFileError
        When it is missing, no model of nnfit, damaged, or of another format version.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ModelFileError(f"{path}: is a folder; expected a model file (.npz)")
        if not stat.S_ISREG(mode):  # a FIFO may never be written to, /dev/zero never ends
            raise ModelFileError(f"{path}: is a pipe or a device; expected a model file (.npz)")
        with open(path, "rb") as stream:
            return read_model(path, stream)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file; 'nnfit train' writes one") from None
    except OSError as err:
        reason = printable(err.strerror or str(err)).lower()
        raise ModelFileError(f"{path}: cannot be read: {reason}") from err


def read_model(name: str, stream: BinaryIO) -> Model:
    """Return the model in a file that is open, and that messages call `name`.

    Raises
    ------
    ModelFileError
        As `load`; OSError where reading itself fails.
    """
    try:
        if stream.read(4) != b"PK\x03\x04":
            raise ModelFileError(f"{name}: not an nnfit model; expected a .npz that nnfit wrote")
        bounded = _Bounded(stream)
        with zipfile.ZipFile(bounded) as archive:
            bounded.limit = None
            return _read(name, archive, stream.seek(0, os.SEEK_END))
    except (ModelFileError, OSError):
        raise
    except Invalid as err:
        raise ModelFileError(f"{name}: {err}; train the model again") from err
    except MemoryError as err:
        raise ModelFileError(f"{name}: does not fit into memory") from err
    except Exception as err:
        # zipfile and zlib raise a dozen kinds for a damaged archive: none is a bug of ours
        reason = shorten(printable(f"{type(err).__name__}: {err}"))
        raise ModelFileError(f"{name}: damaged ({reason}); train it again") from err


class _Bounded:
    """What zipfile reads from: while it reads the directory, no more than that may hold."""

    def __init__(self, stream: BinaryIO) -> None:
        self.limit: int | None = MAX_DIRECTORY
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if self.limit is None:
            return self._stream.read(size)
        data = self._stream.read(self.limit + 1 if size < 0 else min(size, self.limit + 1))
        if len(data) > self.limit:
            raise Invalid(f"has a directory of over {self.limit} bytes")
        return data


def _read(path: str, archive: zipfile.ZipFile, n_file: int) -> Model:
    """Return the model in `archive`, a file of `n_file` bytes."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise Invalid(f"holds {shorten(member.filename)!r} twice")
        members[member.filename] = member
    if "meta.npy" not in members:
        raise ModelFileError(f"{path}: not an nnfit model; it holds no 'meta'")
    if members["meta.npy"].file_size > MAX_META:
        raise Invalid(f"'meta' has {members['meta.npy'].file_size} bytes; at most {MAX_META}")
    raw = read_member(archive, members["meta.npy"], None, np.dtype(np.uint8))
    meta = parse_meta(raw.tobytes())
    version = meta.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        found = "of no number" if isinstance(version, list | dict) else shorten(repr(version))
        raise ModelFileError(
            f"{path}: format {found}, this nnfit reads format {FORMAT_VERSION}; "
            "train again or install a newer nnfit"
        )
    architecture, dtype, n_members = architecture_of(meta)
    with _invalid():
        training = trained(meta.get("training"), "training")
    expected = expected_arrays(meta, architecture, dtype, n_members, training.epochs)
    compare_names(set(members) - {"meta.npy"}, {f"{name}.npy" for name in expected})
    n_bytes = sum(math.prod(shape) * dt.itemsize for shape, dt in expected.values())
    if n_bytes > MAX_ARRAY_BYTES:
        raise Invalid(f"declares {n_bytes} bytes of arrays; at most {MAX_ARRAY_BYTES}")
    if n_bytes > n_file + MAX_INFLATED:  # compressed, or members that share their bytes
        raise Invalid(
            f"declares {n_bytes} bytes of arrays in a file of {n_file}; at most {MAX_INFLATED} more"
        )
    arrays = {
        name: read_member(archive, members[f"{name}.npy"], shape, dt)
        for name, (shape, dt) in expected.items()
    }
    network = Network.of_zeros(architecture, dtype, n_members)
    for name, home in network.parameters.named.items():
        if not np.isfinite(arrays[name]).all():
            raise Invalid(f"{name} holds numbers that are not finite")
        np.copyto(home, arrays[name])
    trajectory = _trajectory(arrays) if TRAJECTORY_EPOCHS in arrays else None
    steps = _steps(meta, arrays) if STEP_LOSSES in arrays else None
    held_out = _held_out(meta, arrays) if HELD_OUT_SCORES in arrays else None
    bare = _assemble(meta, network, training, _history(arrays), held_out)
    return replace(bare, trajectory=trajectory, steps=steps)


def _history(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the figures of each epoch, checked: a metric may be beyond the range."""
    names = [*FIELDS, *([MEMBER_LOSSES] if f"history_{MEMBER_LOSSES}" in arrays else [])]
    history = {name: arrays[f"history_{name}"] for name in names}
    n_epochs = len(history["epoch"])
    if (history["epoch"] != np.arange(1, n_epochs + 1)).any():
        raise Invalid("history_epoch does not count epochs from 1")
    for name in names[1:3] + names[4:]:  # all but the metric
        no_rows = name == "validation_loss" and np.isnan(history[name]).all()
        if not (no_rows or np.isfinite(history[name]).all()):
            raise Invalid(f"history_{name} holds numbers that are not finite")
    return history


def _steps(meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> Steps:
    """Return the losses of the steps, checked."""
    losses = arrays[STEP_LOSSES]
    if not np.isfinite(losses).all():
        raise Invalid(f"{STEP_LOSSES} holds numbers that are not finite")
    return Steps(meta["steps_per_epoch"], losses)


def _held_out(meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> HeldOut:
    """Return what held-out rows tell, checked."""
    scores = arrays[HELD_OUT_SCORES]
    ascending = (np.diff(scores, axis=0) >= 0.0).all()
    if not (np.isfinite(scores).all() and (scores >= 0.0).all() and ascending):
        raise Invalid(f"{HELD_OUT_SCORES} are not ascending numbers from 0 on")
    return HeldOut(told=told(meta["held_out"], "held_out"), scores=scores)


@contextmanager
def _invalid() -> Iterator[None]:
    """Say of the file what a check says of a value."""
    try:
        yield
    except ValueError as err:
        raise Invalid(str(err)) from err


def _trajectory(arrays: Mapping[str, Array]) -> Trajectory:
    """Return the parameters' way through training, checked."""
    epochs, parameters = arrays[TRAJECTORY_EPOCHS], arrays[TRAJECTORY_PARAMETERS]
    ascending = (np.diff(epochs) > 0).all()
    if epochs[0] < 0 or epochs[-1] > len(arrays["history_epoch"]) or not ascending:
        raise Invalid(f"{TRAJECTORY_EPOCHS} does not count epochs")
    if not np.isfinite(parameters).all():
        raise Invalid(f"{TRAJECTORY_PARAMETERS} holds numbers that are not finite")
    return Trajectory(epochs, parameters)


def _assemble(
    meta: Mapping[str, Any],
    network: Network,
    training: Trained,
    history: Mapping[str, Array],
    held_out: HeldOut | None,
) -> Model:
    """Put the parts together after checking that they fit each other."""
    targets = meta.get("targets")
    if not (isinstance(targets, list) and targets and all(isinstance(t, str) for t in targets)):
        raise Invalid("'targets' is not a list of names")
    labels = scaler = None
    with _invalid():
        encoder = Encoder.from_meta(meta.get("encoder"))
        config = check.in_range(mapping_of(meta, "config"), "config")
        metrics = kept_metrics(meta.get("metrics"), "metrics")
        words = check.texts(meta.get("words", []), "words")
        fingerprints = mapping_of(meta, "fingerprints") if "fingerprints" in meta else {}
        for table, value in fingerprints.items():
            check.text(value, f"fingerprints.{shorten(table)}")
        if meta.get("task") == "classification":
            classes = meta.get("classes")
            labels = LabelEncoder.from_meta({"target": targets[0], "classes": classes})
        elif meta.get("task") == "regression":
            scaler = TargetScaler.from_meta(meta.get("scaler"))
            if scaler.targets != tuple(targets):
                raise Invalid("'scaler' is of other targets")
        else:
            raise Invalid("'task' is neither regression nor classification")
    sizes = network.architecture.sizes
    if encoder.n_inputs != sizes[0]:
        raise Invalid(f"the columns give {encoder.n_inputs} inputs, the network takes {sizes[0]}")
    _check_outputs(network.architecture, targets, labels)
    model = Model(
        encoder=encoder,
        network=network,
        targets=tuple(targets),
        labels=labels,
        scaler=scaler,
        config=config,
        trained=training,
        metrics=metrics,
        history=history,
        held_out=held_out,
        words=words,
        fingerprints=fingerprints,
        version=shorten(printable(str(meta.get("nnfit_version")))),
    )
    with _invalid():
        assert model.kept  # the config is read here, once
    return model


def _check_outputs(
    architecture: Architecture, targets: list[str], labels: LabelEncoder | None
) -> None:
    """Refuse outputs that are not those of the targets, or of the classes of one."""
    loss, n_outputs = architecture.loss, architecture.sizes[-1]
    if labels is None:
        if len(targets) * architecture.outputs_of_target != n_outputs:
            raise Invalid(f"{len(targets)} targets do not fit {n_outputs} outputs")
        return
    n_classes = len(labels.classes)
    if loss in DISTRIBUTION_LOSSES:
        raise Invalid(f"the loss {loss} is not of classes")
    if len(targets) != 1 or n_outputs not in (n_classes, 1 if n_classes == 2 else n_classes):
        raise Invalid(f"{n_classes} classes do not fit {n_outputs} outputs")
