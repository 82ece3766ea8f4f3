"""Planes through weight space: which one suits a model, or several, and what lies where in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnfit.errors import PictureError, shorten
from nnfit.inside.pictures.slicing import principal_components
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.network import Network

MAX_MODELS = 3  # that a plane goes through
MARGIN = 0.3  # around a trajectory, of its extent


@dataclass(frozen=True, kw_only=True)
class Plane:
    """`origin` (P,) lies at `centre`; places are counted along the `directions` (2, P)."""

    names: Sequence[str]
    origin: Array
    directions: Array
    centre: tuple[float, float]
    reach: Array  # (2, 2): low and high of each axis
    exact: bool = True  # the places are the weights themselves


def require_alike(models: Sequence[tuple[str, Model]]) -> None:
    """Refuse models whose weights can't lie in one plane, for they don't mean the same."""
    if len(models) > MAX_MODELS:
        raise PictureError(
            f"got {len(models)} models; expected at most {MAX_MODELS}, which a plane goes through"
        )
    (name, first), *others = models
    for other_name, other in others:
        pairs = zip(_meaning(first).items(), _meaning(other).values(), strict=True)
        for (what, own), its in pairs:
            if own != its and own and its:
                raise PictureError(
                    f"{other_name}: differs from {name} in its {what}; expected models whose "
                    "weights mean the same: of one architecture, trained on the same rows. Two "
                    "seeds need data.validation: 0 and data.test: 0, for they draw the rows"
                )


def _meaning(model: Model) -> dict[str, object]:
    """Return what the loss at given weights depends on; a model may lack its fingerprints."""
    scaler = None if model.scaler is None else model.scaler.to_meta()
    return {
        "layers, activations, loss or l2": replace(model.network.architecture, dropout=0.0),
        "data": model.fingerprints.get("data"),
        "columns or their scaling": model.encoder.to_meta(),
        "target": [model.targets, model.classes, scaler],
        "weights of rows": [model.kept.data.weight, model.kept.class_weight],
    }


def choose_plane(models: Sequence[tuple[str, Model]], seed: int) -> Plane:
    """Return the plane that suits models which `require_alike` lets through.

    Raises
    ------
    PictureError
        When two models lie in one place.
    """
    model, flats = models[0][1], [flat_of(model) for _, model in models]
    origin, names = flats[0], _two_weights(model)
    paths = [m.trajectory.parameters.astype(np.float64) for _, m in models if m.trajectory]
    if names:
        places = np.vstack([*flats, *paths])[:, :2]
        ends = _around(places, 1.5 * max(np.abs(origin[:2]).max(), 0.5))
        at = (float(origin[0]), float(origin[1]))
        exact: Array = np.eye(2, len(origin))
        return Plane(names=names, origin=origin, directions=exact, centre=at, reach=ends)
    rng = np.random.default_rng(seed)
    walked = np.vstack(paths) if paths else None
    if len(models) > 1:
        directions, names = _through(models, flats, walked, rng)
    elif walked is not None and np.ptp(walked, axis=0).any():
        directions, shares = principal_components(walked - origin)
        if shares[1] < 1e-12:  # a straight one: any second direction shows it
            second = _across(random_direction(model.network, origin, rng), directions[0])
            directions[1] = second / np.linalg.norm(second)
        names = [f"path component {k + 1} ({100 * shares[k]:.0f} %)" for k in range(2)]
    else:
        directions = np.stack([random_direction(model.network, origin, rng) for _ in range(2)])
        names = ["random direction 1", "random direction 2"]
    plane = Plane(
        names=names,
        origin=origin,
        directions=directions,
        centre=(0.0, 0.0),
        reach=np.array([[-1.0, 1.0], [-1.0, 1.0]]),
        exact=False,
    )
    places = projected(plane, np.vstack([*flats, *paths]))
    return replace(plane, reach=_around(places, 0.0)) if places.any() else plane


def _through(
    models: Sequence[tuple[str, Model]],
    flats: Sequence[Array],
    walked: Array | None,
    rng: np.random.Generator,
) -> tuple[Array, list[str]]:
    """Return the directions (2, P) of the plane through two or three models, and their names.

    One leads from the first model to the second. The other is across it and as long: towards the
    third, or else where the paths of training went most, or else at random.
    """
    origin, first = flats[0], flats[1] - flats[0]
    labels, length = [shorten(os.path.basename(name)) for name, _ in models], np.linalg.norm(first)
    if not length:
        raise PictureError(
            f"{models[1][0]}: has the same weights as {models[0][0]}; expected two places"
        )
    second, name = random_direction(models[0][1].network, origin, rng), "at random"
    if len(models) == 3:
        second, name = flats[2] - origin, f"towards {labels[2]}"
    elif walked is not None:
        deviations = walked - origin
        along = np.outer(deviations @ first / length**2, first)
        second, name = principal_components(deviations - along)[0][0], "along the paths"
    second = _across(second, first)
    if np.linalg.norm(second) <= 1e-9 * length:  # all on one line
        second, name = random_direction(models[0][1].network, origin, rng), "at random"
        second = _across(second, first)
    directions = np.stack([first, second * (length / np.linalg.norm(second))])
    return directions, [f"along the line ({labels[0]} at 0, {labels[1]} at 1)", f"across ({name})"]


def _across(direction: Array, along: Array) -> Array:
    """Return what a direction (P,) has at right angles to another."""
    across: Array = direction - (direction @ along) / (along @ along) * along
    return across


def flat_of(model: Model) -> Array:
    """Return the parameters of a model (P,), in float64."""
    parameters: Array = model.network.parameters.flat.astype(np.float64)
    return parameters


def random_direction(network: Network, parameters: Array, rng: np.random.Generator) -> Array:
    """Return a random direction (P,), filter-normalised.

    The share of each neuron, its row of [W | b], is as long as the neuron's own `parameters`; so is
    that of s.
    """
    layout = network.architecture.layout
    direction = rng.normal(size=layout.size)
    for layer in layout.layers:
        d, theta = layer.Wb.of(direction), layer.Wb.of(parameters)
        lengths = np.linalg.norm(d, axis=1, keepdims=True)
        d *= np.linalg.norm(theta, axis=1, keepdims=True) / lengths
        if layer.s is not None:
            d, theta = layer.s.of(direction), layer.s.of(parameters)
            d *= np.linalg.norm(theta) / np.linalg.norm(d)
    return direction


def _two_weights(model: Model) -> list[str]:
    """Return the names of the two parameters that are a linear predictor's all, the first two.

    Two weights, or a weight and its bias; the bias beside two weights stays.
    """
    architecture, names = model.network.architecture, model.encoder.input_names
    if architecture.activations or architecture.sizes[-1] != 1 or architecture.input_scale:
        return []
    if len(names) == 2:
        return [f"w₁ of {names[0]}", f"w₂ of {names[1]}"]
    return [f"w of {names[0]}", "b"] if len(names) == 1 and architecture.bias else []


def _around(points: Array, least: float) -> Array:
    """Return the ends of both axes around `points` (m, 2), as far apart for both."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = max((high - low).max() * (0.5 + MARGIN), least)
    middle = (low + high) / 2.0
    return np.stack([middle - half, middle + half], axis=1)


def projected(plane: Plane, parameters: Array) -> Array:
    """Return the places (m, 2) in the plane that are nearest to `parameters` (m, P)."""
    deviations = (parameters - plane.origin).T
    steps, *_ = np.linalg.lstsq(plane.directions.T, deviations, rcond=None)
    places: Array = steps.T + np.array(plane.centre)
    return places
