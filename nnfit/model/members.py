"""A model seen otherwise: one of its members alone, or as it was before its temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnfit.errors import ConfigError
from nnfit.model.model import Model
from nnfit.nn.network import Network
from nnfit.observer import Observer


def one_member(model: Model, name: str, member: int | None, observer: Observer) -> Model:
    """Return the model of one member, counted from 1, alone.

    Where none is named it is the first, which is said. `name` is the model's in messages.

    Raises
    ------
    ConfigError
        When there is no such member.
    """
    n = model.network.members
    if member is not None and not 1 <= member <= n:
        has = "one network; expected 1, or none" if n == 1 else f"{n} members; expected 1 to {n}"
        raise ConfigError(f"--member: got {member}; {name} has {has}")
    if n == 1:
        return model
    if member is None:
        observer.note(f"{name}: member 1 of {n}")
    return model.member((member or 1) - 1)


def uncalibrated(model: Model) -> Model:
    """Return a model as it was trained: its last layer times the temperature."""
    temperature = 1.0 if model.held_out is None else model.held_out.told.temperature
    own = model.network
    network = Network.of_zeros(own.architecture, own.dtype, own.members)
    np.copyto(network.parameters.flat, own.parameters.flat)
    network.parameters.Wb[-1] *= network.dtype.type(temperature)
    return replace(model, network=network, held_out=None)
