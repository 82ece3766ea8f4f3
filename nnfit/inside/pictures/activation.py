"""Activations with their derivatives, by the code that trains; no data, and a model only for names.

Where a slope jumps, both ends of the jump are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError, did_you_mean, joined
from nnfit.inside.pictures.request import Request
from nnfit.nn import names
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.arrays import Array

REACH = 4.0  # of z, on both sides of 0
PLACES = 400  # between two kinks
BESIDE = 1e-9  # how far from a kink its sides are


@dataclass(frozen=True, kw_only=True)
class Activation:
    """σ and its slope over `z` (n,); NaN parts them at the `kinks`, where `jumps` are taken.

    A row of `jumps` (kinks, 3) is the slope left of a kink, right of it, and what is used at it.
    """

    name: str
    meaning: str
    slope_meaning: str
    z: Array
    value: Array
    slope: Array
    kinks: tuple[float, ...]
    jumps: Array


@dataclass(frozen=True, kw_only=True)
class Activations:
    """Some of them, in the order of the config's names."""

    shown: tuple[Activation, ...]


def make(request: Request) -> Activations:
    """Return the activations that are named, or those of a model's layers, or all.

    Raises
    ------
    PictureError
        For a name that none has, or a model whose one layer has softmax, a function of all outputs.
    """
    wanted = request.names or tuple(ACTIVATIONS)
    if request.models:
        wanted = request.model.network.architecture.every_activation
    elif unknown := [name for name in wanted if name not in ACTIVATIONS]:
        raise PictureError(
            f"{unknown[0]!r} is no activation; expected a model file, or one of "
            f"{', '.join(ACTIVATIONS)}{did_you_mean(unknown[0].lower(), ACTIVATIONS)}"
        )
    shown = tuple(_one(name) for name in ACTIVATIONS if name in wanted)
    if not shown:
        raise PictureError(
            f"{request.name}: has {joined(wanted, 'and')} alone, of all outputs together; expected "
            "an activation of one unit. Name some, such as sigmoid relu"
        )
    return Activations(shown=shown)


def _one(name: str) -> Activation:
    kinks = ACTIVATIONS[name].kinks
    ends = [-REACH, *(kink + side for kink in kinks for side in (-BESIDE, BESIDE)), REACH]
    parts = [np.linspace(*two, PLACES) for two in zip(ends[::2], ends[1::2], strict=True)]
    z = np.concatenate([piece for part in parts for piece in (part, [np.nan])][:-1])
    value, slope = _worked_out(name, z)
    sides = np.array([[kink - BESIDE, kink + BESIDE, kink] for kink in kinks]).reshape(-1, 3)
    said = names.ACTIVATIONS[name]
    return Activation(
        name=name,
        meaning=said.meaning,
        slope_meaning=said.slope,
        z=z,
        value=value,
        slope=slope,
        kinks=kinks,
        jumps=_worked_out(name, sides.reshape(-1))[1].reshape(-1, 3),
    )


def _worked_out(name: str, z: Array) -> tuple[Array, Array]:
    """Return σ(z) and σ'(z), NaN where z is."""
    own, value, slope = z.copy(), np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].f(own, value, slope)
    kept = value.copy()  # the derivative may write over it
    ACTIVATIONS[name].df(own, value, slope)
    for array in (kept, slope):
        array[np.isnan(z)] = np.nan
    return kept, slope
