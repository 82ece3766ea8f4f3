"""Writes a model: equal models give equal bytes (fixed order and time stamps, no compression)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfit.errors import OutputError
from nnfit.model.file.declared import (
    FORMAT_VERSION,
    HELD_OUT_SCORES,
    STEP_LOSSES,
    TRAJECTORY_EPOCHS,
    TRAJECTORY_PARAMETERS,
)
from nnfit.nn.architecture import Parameters
from nnfit.nn.arrays import Array
from nnfit.storage.npz import excess, write_arrays
from nnfit.storage.origin import MODEL
from nnfit.training.history import FIELDS, MEMBER_LOSSES, Steps, Trajectory
from nnfit.version import __version__


def to_bytes(
    meta: Mapping[str, Any],
    parameters: Parameters,
    history: Mapping[str, Array],
    trajectory: Trajectory | None = None,
    steps: Steps | None = None,
    scores: Array | None = None,
) -> bytes:
    """Return the file's contents; `meta` is what the model says of itself, for JSON.

    Raises
    ------
    OutputError
        When it would be larger than `load` accepts, or holds numbers that are not finite.
    """
    meta = {MODEL: FORMAT_VERSION, "nnfit_version": __version__, **meta}
    # without blanks: the quantiles of many columns, say, take room enough
    raw = json.dumps(meta, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if too_much := excess(raw):
        raise OutputError(
            f"the model holds {too_much} beside its weights, more than any model file may "
            "have. Use fewer columns, or a smaller preprocessing.max_categories or bins"
        )
    arrays: dict[str, Array] = {"meta": np.frombuffer(raw, np.uint8)}
    for name, array in parameters.named.items():
        arrays[name] = np.ascontiguousarray(array)
        if not np.isfinite(array).all():
            raise OutputError(
                f"the model's {name} holds numbers that are not finite; train it again"
            )
    for name in (*FIELDS, MEMBER_LOSSES):
        if name in history:
            arrays[f"history_{name}"] = history[name]
    if trajectory is not None:
        arrays[TRAJECTORY_EPOCHS] = trajectory.epochs
        arrays[TRAJECTORY_PARAMETERS] = trajectory.parameters
    if steps is not None:
        arrays[STEP_LOSSES] = steps.losses
    if scores is not None:
        arrays[HELD_OUT_SCORES] = scores
    buffer = io.BytesIO()
    write_arrays(buffer, arrays)
    return buffer.getvalue()
