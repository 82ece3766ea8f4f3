"""What a model file's `meta` declares, checked before any of it is used.

Every array's name, shape and dtype follows from it; `meta` itself may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nnfit.budget import MAX_LAYERS, MAX_MEMBERS, MAX_UNITS, MAX_WIDTH
from nnfit.errors import shorten
from nnfit.model import held_out
from nnfit.model.file.kept import MAX_ROWS
from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Described
from nnfit.nn.losses import make_head
from nnfit.nn.names import ACTIVATIONS, EVERY_OUTPUT, LOSSES
from nnfit.nn.network import Network
from nnfit.storage import json_checks as check
from nnfit.storage.npz import Invalid, mapping_of
from nnfit.training import history

FORMAT_VERSION = 1
# the trajectory, where it was kept: which epochs, 0 for the start, and W | b of each
TRAJECTORY_EPOCHS, TRAJECTORY_PARAMETERS = "history_parameters_epoch", "history_parameters"
HELD_OUT_SCORES = "held_out_scores"  # how far off the predictions of held-out rows are
STEP_LOSSES = "history_step_loss"  # where they were recorded, from the first step on


def declare_network(network: Network) -> dict[str, Any]:
    """Return what `architecture_of` reads."""
    a = network.architecture
    return {
        "sizes": list(a.sizes),
        "activations": list(a.activations),
        "output_activation": a.output_activation,
        "loss": a.loss,
        "bias": a.bias,
        "dropout": a.dropout,
        "l2": a.l2,
        "dtype": network.dtype.name,
        # younger than the format
        **({"members": network.members} if network.members > 1 else {}),
        **({"input_scale": True} if a.input_scale else {}),
        **({"quantiles": list(a.quantiles)} if a.quantiles else {}),
    }


def architecture_of(meta: Mapping[str, Any]) -> tuple[Architecture, np.dtype[Any], int]:
    """Return the network that `meta` declares, its dtype and how many members it has."""
    net = mapping_of(meta, "network")
    sizes, activations = net.get("sizes"), net.get("activations")
    if not (
        isinstance(sizes, list)
        and 2 <= len(sizes) <= MAX_LAYERS
        and all(type(n) is int and 1 <= n <= MAX_WIDTH for n in sizes)
        and sum(sizes) <= MAX_UNITS
    ):
        raise Invalid(f"the layer sizes are not positive integers up to {MAX_UNITS} in all")
    if not isinstance(activations, list) or len(activations) != len(sizes) - 2:
        raise Invalid("the activations do not fit the layers")
    for name, known in [
        *((name, tuple(ACTIVATIONS)) for name in activations),
        (net.get("output_activation"), tuple(EVERY_OUTPUT)),
        (net.get("loss"), tuple(LOSSES)),
        (net.get("dtype"), ("float32", "float64")),
    ]:
        if name not in known:
            raise Invalid("the network has an activation, a loss or a dtype of unknown name")
    try:
        dropout, l2 = (check.finite(net.get(key), key) for key in ("dropout", "l2"))
        if not (0.0 <= dropout < 1.0 and l2 >= 0.0):
            raise Invalid("dropout or l2 is out of range")
        architecture = Architecture(
            tuple(sizes),
            tuple(activations),
            net["loss"],
            output_activation=net["output_activation"],
            bias=check.flag(net.get("bias"), "bias"),
            dropout=dropout,
            l2=l2,
            input_scale=check.flag(net.get("input_scale", False), "input_scale"),
            quantiles=_quantiles(net),
        )
        make_head(architecture.loss, architecture.output_activation)
        members = check.integer(1, MAX_MEMBERS)(net.get("members", 1), "members")
    except ValueError as err:
        raise Invalid(str(err)) from err
    if members * sum(sizes) > MAX_UNITS:  # a block of rows has room for those of all at once
        raise Invalid(f"the units of all members are more than {MAX_UNITS}")
    return architecture, np.dtype(net["dtype"]), members


def _quantiles(net: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the quantiles that the outputs are, which the loss of that name alone has."""
    if net["loss"] != "quantile":
        return ()
    quantiles = check.numbers(net.get("quantiles"), "quantiles")
    if not quantiles or any(a >= b for a, b in pairwise((0.0, *quantiles, 1.0))):
        raise Invalid("the quantiles do not ascend from above 0 to below 1")
    return quantiles


def expected_arrays(
    meta: Mapping[str, Any],
    architecture: Architecture,
    dtype: np.dtype[Any],
    members: int,
    epochs: int,
) -> Described:
    """Return the shape and dtype of every array that `meta` implies, of so many epochs."""
    layout = architecture.layout
    lead = (members,) if members > 1 else ()
    expected: Described = {block.name: ((*lead, *block.shape), dtype) for block in layout.blocks}
    judged = meta.get("judged_members", 1)
    if type(judged) is not int or judged not in (1, members):
        raise Invalid("the losses of members are of another number of members")
    expected |= history.describe(epochs, judged)
    points, per_epoch = meta.get("path_points", 0), meta.get("steps_per_epoch")
    most = epochs + 1 if members == 1 else 0  # a path is that of one network
    if type(points) is not int or not 0 <= points <= most:
        raise Invalid("the number of points on the path of training is out of range")
    if points:
        expected[TRAJECTORY_EPOCHS] = ((points,), np.dtype(np.int64))
        expected[TRAJECTORY_PARAMETERS] = ((points, layout.size), dtype)
    if per_epoch is not None:
        if type(per_epoch) is not int or not 1 <= per_epoch <= MAX_ROWS:
            raise Invalid("the number of steps in an epoch is out of range")
        n_steps = history.n_recorded(epochs, per_epoch)
        expected[STEP_LOSSES] = ((n_steps,), np.dtype(np.float64))
    if "held_out" in meta:
        expected[HELD_OUT_SCORES] = (_scores(meta), np.dtype(np.float64))
    return expected


def _scores(meta: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of the scores of held-out rows: a column for each target, or for classes."""
    targets = meta.get("targets")
    n = len(targets) if meta.get("task") == "regression" and isinstance(targets, list) else 1
    try:
        return held_out.told(meta["held_out"], "held_out").n_kept, n
    except ValueError as err:
        raise Invalid(str(err)) from err


def compare_names(found: set[str], expected: set[str]) -> None:
    """Refuse a file that holds other arrays than `meta` declares."""
    if missing := sorted(expected - found):
        raise Invalid(f"holds no {missing[0]!r}")
    if extra := sorted(found - expected):
        raise Invalid(f"holds {shorten(extra[0])!r}, which belongs to no nnfit model")
