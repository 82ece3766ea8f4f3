"""The head of the network against the task: what makes no sense and the config alone hides.

Refused here, before anything is allocated; what was chosen is in `deciding`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nnfit.budget import MAX_ARRAY_BYTES, MAX_UNITS
from nnfit.config.reading import ConfigFile
from nnfit.config.schema import Config
from nnfit.dataset.deciding import Decisions
from nnfit.errors import ConfigError, DataError, joined
from nnfit.nn.arrays import Array
from nnfit.nn.layout import affine_layers
from nnfit.nn.names import BEST_METRICS, LOSSES, QUANTITY_LOSSES, metrics_of
from nnfit.observer import Observer
from nnfit.table.encoding import Encoder
from nnfit.table.inputs import NumberInput
from nnfit.table.rows import NamedRows
from nnfit.table.targets import refuse_below_zero


def check_head(file: ConfigFile, decisions: Decisions) -> None:
    """Refuse a loss, an output, weights or a scaling that don't go with the task.

    Raises
    ------
    ConfigError
        With the key's place.
    """
    config, labels, loss = file.config, decisions.labels, decisions.loss
    output = config.model.output_activation
    target = f"the target {config.data.target[0]!r}"
    if config.training.label_smoothing and not LOSSES[loss].needs_classes:
        raise ConfigError(
            f"{file.where('training.label_smoothing')}: needs a cross-entropy, {target} is a "
            "quantity; expected 0"
        )
    _check_best(file, decisions, target)
    if labels is None:
        if loss not in QUANTITY_LOSSES:
            raise ConfigError(
                f"{file.where('loss')}: {loss} needs classes, {target} is a quantity; expected "
                f"{joined(QUANTITY_LOSSES, 'or')}. Leave loss at auto, or set data.task: "
                "classification"
            )
        if config.class_weight is not None:
            raise ConfigError(
                f"{file.where('class_weight')}: {target} is a quantity and has no classes; "
                "expected null"
            )
        if output == "softmax" and decisions.n_outputs == 1:
            raise ConfigError(
                f"{file.where('model.output_activation')}: softmax on one output is always 1; "
                "expected identity, or several targets"
            )
        return
    if config.preprocessing.target == "standardize":
        raise ConfigError(
            f"{file.where('preprocessing.target')}: {target} has classes, which can't be "
            "standardized; expected auto or none"
        )
    if loss == "binary_cross_entropy" and len(labels.classes) > 2:
        raise ConfigError(
            f"{file.where('loss')}: binary_cross_entropy is for two classes, {target} has "
            f"{len(labels.classes)}; expected cross_entropy"
        )
    own = LOSSES[loss].output_activation if LOSSES[loss].needs_classes else output
    if output not in ("auto", own):
        raise ConfigError(
            f"{file.where('model.output_activation')}: the output {output!r} gives no probability "
            f"that {loss} could use; expected auto or {own}"
        )


def _check_best(file: ConfigFile, decisions: Decisions, target: str) -> None:
    """Refuse a `training.best` that is no metric of the task, or not of so many classes."""
    best, n_classes = file.config.training.best, 0
    has = "is a quantity"
    if decisions.labels is not None:
        n_classes = len(decisions.labels.classes)
        has = f"has {n_classes} classes"
    known = [name for name in metrics_of(decisions.task, n_classes) if name in BEST_METRICS]
    if best not in ("loss", *known):
        raise ConfigError(
            f"{file.where('training.best')}: got {best!r}, but {target} {has}; expected "
            f"{joined(('loss', *known), 'or')}"
        )


def choose_target_scaling(config: Config, observer: Observer) -> Literal["standardize", "none"]:
    """Return how regression targets are scaled; a bounded output must see their own range."""
    method, output = config.preprocessing.target, config.model.output_activation
    if method != "auto":
        return method
    if config.loss == "poisson":
        observer.note("targets are left as they are, since the loss is of counts")
        return "none"
    if output in ("auto", "identity"):
        return "standardize"
    observer.note(f"targets are left as they are, since the output is {output}")
    return "none"


def check_target_range(
    Y: Array,
    truth: Array,
    targets: tuple[str, ...],
    loss: str,
    dtype: np.dtype[Any],
    rows: NamedRows,
) -> None:
    """Refuse a target whose loss, before anything is learnt, leaves the range of the dtype.

    And one that the loss has no value for at all. `Y` and `truth` (N, K) are the targets as the
    loss sees them and in their own units.
    """
    if loss == "poisson":
        refuse_below_zero(rows, targets, truth)
    largest = float(np.finfo(dtype).max)
    limit = largest ** (1 / LOSSES[loss].power) / 2
    beyond = np.argwhere(~(np.abs(Y) < limit))
    if len(beyond):
        i, k = beyond[0].tolist()
        cure = "" if loss == "poisson" else ", or set preprocessing.target to standardize"
        raise DataError(
            f"{rows.place(i, targets[k])}: {truth[i, k]:g} takes the {loss} loss out of "
            f"the range of {dtype.name}. Mend it{cure}"
        )


def check_bins(file: ConfigFile, encoder: Encoder) -> None:
    """Refuse `preprocessing.bins` that the config sets where no input is a number: bins of what.

    A preset's rule is for any table.

    Raises
    ------
    ConfigError
        With the place of the key.
    """
    booleans = {code.name for code in encoder.columns if code.kind == "boolean"}
    numbers = [item for item in encoder.inputs if isinstance(item, NumberInput)]
    key, bins = "preprocessing.bins", file.config.preprocessing.bins
    if bins and key in file.places and not {i.identity[1] for i in numbers} - booleans:
        raise ConfigError(
            f"{file.where(key)}: got {bins}, but there is no numeric feature to have bins; "
            "expected 0"
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
    model = config.model
    n_parameters = affine_layers(sizes, bias=True, scale=model.input_scale).size
    itemsize = 4 if config.training.dtype == "float32" else 8
    if n_parameters * itemsize > MAX_ARRAY_BYTES or sum(sizes) > MAX_UNITS:
        raise ConfigError(
            f"{file.where('model.hidden_sizes')}: {n_parameters} parameters of "
            f"{sum(sizes)} units, {n_inputs} of them inputs, are more than a model holds; expected "
            f"at most {MAX_ARRAY_BYTES // itemsize} and {MAX_UNITS}. Use narrower layers"
        )
