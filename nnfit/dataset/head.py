"""What follows from the task: the loss, the output activation, the outputs, the target's scale.

Here the combinations are refused that make no sense and that the config alone does not show.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.errors import ConfigError, DataError, joined
from nnfit.nn.arrays import Array
from nnfit.nn.limits import MAX_ARRAY_BYTES, MAX_UNITS
from nnfit.nn.names import LOSSES, QUANTITY_LOSSES
from nnfit.observer import Observer
from nnfit.table.cells import Rows, place
from nnfit.table.labels import LabelEncoder


def choose_head(file: ConfigFile, task: str, labels: LabelEncoder | None) -> tuple[str, str, int]:
    """Return the loss, the output activation and the number of outputs that fit the task."""
    config = file.config
    loss, output = config.loss, config.model.output_activation
    n_targets = len(config.data.target)
    if labels is None:
        loss = "mse" if loss == "auto" else loss
        if loss not in QUANTITY_LOSSES:
            raise ConfigError(
                f"{file.where('loss')}: {loss} needs classes, the target "
                f"{config.data.target[0]!r} is a quantity; expected "
                f"{joined(QUANTITY_LOSSES, 'or')}. "
                "Leave loss at auto, or set data.task: classification"
            )
        if config.class_weight is not None:
            raise ConfigError(
                f"{file.where('class_weight')}: the target {config.data.target[0]!r} is a "
                "quantity and has no classes; expected null"
            )
        if output == "softmax" and n_targets == 1:
            raise _softmax_on_one(file)
        return loss, output, n_targets
    n_classes = len(labels.classes)
    if config.preprocessing.target == "standardize":
        raise ConfigError(
            f"{file.where('preprocessing.target')}: the target {config.data.target[0]!r} has "
            "classes, which can't be standardized; expected auto or none"
        )
    if loss == "auto":
        loss = "binary_cross_entropy" if n_classes == 2 and output != "softmax" else "cross_entropy"
    if loss == "binary_cross_entropy" and n_classes > 2:
        raise ConfigError(
            f"{file.where('loss')}: binary_cross_entropy is for two classes, the target "
            f"{config.data.target[0]!r} has {n_classes}; expected cross_entropy"
        )
    own = LOSSES[loss].output_activation if LOSSES[loss].needs_classes else output
    if output not in ("auto", own):
        raise ConfigError(
            f"{file.where('model.output_activation')}: the output {output!r} gives no probability "
            f"that {loss} could use; expected auto or {own}"
        )
    one_output = loss == "binary_cross_entropy" or (
        n_classes == 2 and loss in QUANTITY_LOSSES and output != "softmax"
    )
    return loss, output, 1 if one_output else n_classes


def _softmax_on_one(file: ConfigFile) -> ConfigError:
    return ConfigError(
        f"{file.where('model.output_activation')}: softmax on one output is always 1; "
        "expected identity, or several targets"
    )


def choose_target_scaling(
    file: ConfigFile, output: str, observer: Observer
) -> Literal["standardize", "none"]:
    """Return how regression targets are scaled; a bounded output must see their own range."""
    method = file.config.preprocessing.target
    if method != "auto":
        return method
    if output in ("auto", "identity"):
        return "standardize"
    observer.note(f"targets are left as they are, since the output is {output}")
    return "none"


def check_target_range(
    Y: Array,
    truth: Array,
    targets: Sequence[str],
    loss: str,
    dtype: np.dtype[Any],
    name: str,
    rows: Rows,
) -> None:
    """Refuse a target whose loss, before anything is learnt, leaves the range of the dtype.

    `Y` and `truth` (N, K) are the targets as the loss sees them and in their own units.
    """
    largest = float(np.finfo(dtype).max)
    limit = largest ** (1 / LOSSES[loss].power) / 2
    beyond = np.argwhere(~(np.abs(Y) < limit))
    if len(beyond):
        i, k = beyond[0].tolist()
        raise DataError(
            f"{place(name, rows, i, targets[k])}: {truth[i, k]:g} takes the {loss} loss out of "
            f"the range of {dtype.name}. Mend it, or set preprocessing.target to standardize"
        )


def check_size(file: ConfigFile, n_inputs: int, n_outputs: int) -> None:
    """Refuse a network that no model file holds, before anything is allocated for it.

    Raises
    ------
    ConfigError
        With the place of `model.hidden_sizes`.
    """
    config = file.config
    sizes = (n_inputs, *config.model.hidden_sizes, n_outputs)
    n_parameters = sum(n_out * (n_in + 1) for n_in, n_out in itertools.pairwise(sizes))
    itemsize = 4 if config.training.dtype == "float32" else 8
    if n_parameters * itemsize > MAX_ARRAY_BYTES or sum(sizes) > MAX_UNITS:
        raise ConfigError(
            f"{file.where('model.hidden_sizes')}: {n_parameters} parameters of "
            f"{sum(sizes)} units, {n_inputs} of them inputs, are more than a model holds; expected "
            f"at most {MAX_ARRAY_BYTES // itemsize} and {MAX_UNITS}. Use narrower layers"
        )
