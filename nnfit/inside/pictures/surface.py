"""The training loss over a plane through the trained weights.

The plane is spanned by the two weights themselves where a linear predictor has two, by the
principal components of the trajectory of training where the model kept it, else by two random
directions, each neuron's share as long as the neuron's own weights: Li, Xu, Taylor, Studer,
Goldstein, Visualizing the Loss Landscape of Neural Nets, 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request, sample_of, training_rows
from nnfit.inside.pictures.slicing import principal_components
from nnfit.inside.sources import encoded, weighting_of
from nnfit.model.model import Model
from nnfit.nn.arrays import Array, shares
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows

GRID = 41  # places along each axis
MAX_ROWS = 1000
MIN_ROWS = 100
WORK = 4e10  # multiplications that a picture may take
MARGIN = 0.3  # around a trajectory, of its extent


class TrainingLoss:
    """The loss that training lowers, penalty included, as a function of all parameters.

    Worked out in float64, over all rows at once.
    """

    def __init__(self, model: Model, X: Array, Y: Array, weights: Array | None) -> None:
        self.network = Network(model.network.architecture, np.float64)
        self._ws = self.network.workspace(len(X))
        self._ws.load(X, Y)
        self._share = shares(np.ones(len(X)) if weights is None else weights)
        self.n_rows = len(X)

    def __call__(self, parameters: Array) -> float:
        """Return the loss at `parameters` (P,), inf where it leaves float64."""
        np.copyto(self.network.parameters.flat, parameters)
        with np.errstate(all="ignore"):
            loss = float(self.network.loss(self._ws, self._share) + self.network.penalty())
        return loss if np.isfinite(loss) else np.inf


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Loss (ny, nx) over the places `x` (nx,), `y` (ny,); the model lies at `centre`.

    `trajectory` (m, 2) is the training's, projected on the plane; None where the model kept none.
    """

    x_name: str
    y_name: str
    x: Array
    y: Array
    loss: Array
    centre: tuple[float, float]
    trajectory: Array | None
    n_rows: int
    loss_name: str
    linear: bool


@dataclass(frozen=True, kw_only=True)
class _Plane:
    """`origin` (P,) lies at `centre`; places are counted along the `directions` (2, P)."""

    names: Sequence[str]
    origin: Array
    directions: Array
    centre: tuple[float, float]
    reach: Array  # (2, 2): low and high of each axis


def training_loss(
    model: Model, rows: NamedRows, observer: Observer, *, seed: int = 0, evaluations: int = 1
) -> TrainingLoss:
    """Return the loss over the rows that the model learned from, or a sample of them.

    The more `evaluations` there will be, the fewer rows large networks get.
    """
    rows = training_rows(model, rows, observer)
    affordable = int(WORK / (evaluations * model.network.architecture.n_parameters))
    n = max(MIN_ROWS, min(MAX_ROWS, affordable))
    if len(rows) > n:
        observer.note(f"{rows.name}: the loss is taken over {n} of {len(rows)} rows")
        rows = rows.take(sample_of(len(rows), n, seed))
    part = encoded(model, rows)
    weighting = weighting_of(model)
    if weighting.column not in rows.columns:  # without it the picture still shows something
        weighting = replace(weighting, column=None)
    weights = weighting.of(rows, model.labels, part.truth)
    return TrainingLoss(model, part.X, part.Y, weights)


def make(request: Request) -> Surface:
    """Return the loss over the plane that suits the model.

    The seed is that of the random directions, and of the sample of rows.
    """
    model, seed = request.model, request.options.seed
    rows, evaluations = request.rows(), GRID * GRID
    loss = training_loss(model, rows, request.observer, seed=seed, evaluations=evaluations)
    plane = _choose_plane(model, seed)
    x, y = (np.linspace(low, high, GRID) for low, high in plane.reach)
    values = np.empty((GRID, GRID))
    for i, v in enumerate(y - plane.centre[1]):
        for j, u in enumerate(x - plane.centre[0]):
            values[i, j] = loss(plane.origin + u * plane.directions[0] + v * plane.directions[1])
    if not np.isfinite(values).all():
        raise PictureError(
            f"{request.name}: its loss leaves the range of float64 near the trained weights"
        )
    architecture, walked = model.network.architecture, model.trajectory
    if architecture.l2:
        total, penalty = loss(plane.origin), float(loss.network.penalty())
        sums = f"loss {total - penalty:.6g} + penalty {penalty:.6g} = {total:.6g}"
        request.observer.note(
            f"the surface is that of loss + penalty; at the model's weights {sums}"
        )
    return Surface(
        x_name=plane.names[0],
        y_name=plane.names[1],
        x=x,
        y=y,
        loss=values,
        centre=plane.centre,
        trajectory=None if walked is None else _projected(plane, walked.parameters),
        n_rows=loss.n_rows,
        loss_name=architecture.loss.replace("_", " ") + (" + penalty" if architecture.l2 else ""),
        linear=not architecture.activations,
    )


def random_direction(network: Network, parameters: Array, rng: np.random.Generator) -> Array:
    """Return a random direction (P,), filter-normalised.

    The share of each neuron, its row of [W | b], is as long as the neuron's own `parameters`.
    """
    layout = network.architecture.layout
    direction = rng.normal(size=layout.size)
    for layer in layout.layers:
        d, theta = layer.Wb.of(direction), layer.Wb.of(parameters)
        lengths = np.linalg.norm(d, axis=1, keepdims=True)
        d *= np.linalg.norm(theta, axis=1, keepdims=True) / lengths
    return direction


def _choose_plane(model: Model, seed: int) -> _Plane:
    origin = model.network.parameters.flat.astype(np.float64)
    walked = None if model.trajectory is None else model.trajectory.parameters.astype(np.float64)
    names = _two_weights(model)
    if names:
        centre = origin[:2]
        places = centre[None] if walked is None else np.vstack([walked[:, :2], centre])
        ends = _around(places, 1.5 * max(np.abs(centre).max(), 0.5))
        at = (float(centre[0]), float(centre[1]))
        directions: Array = np.eye(2, len(origin))
        return _Plane(names=names, origin=origin, directions=directions, centre=at, reach=ends)
    rng = np.random.default_rng(seed)
    if walked is not None and np.ptp(walked, axis=0).any():
        deviations = walked - origin
        directions, shares = principal_components(deviations)
        if shares[1] < 1e-12:  # a straight one: any second direction shows it
            second = random_direction(model.network, origin, rng)
            second -= (second @ directions[0]) * directions[0]
            directions[1] = second / np.linalg.norm(second)
        names = [f"path component {k + 1} ({100 * shares[k]:.0f} %)" for k in range(2)]
        ends = _around(np.vstack([deviations @ directions.T, np.zeros(2)]), 0.0)
    else:
        directions = np.stack([random_direction(model.network, origin, rng) for _ in range(2)])
        names = ["random direction 1", "random direction 2"]
        ends = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    return _Plane(names=names, origin=origin, directions=directions, centre=(0.0, 0.0), reach=ends)


def _two_weights(model: Model) -> list[str]:
    """Return the names of the two parameters that are a linear predictor's all, the first two.

    Two weights, or a weight and its bias; the bias beside two weights stays.
    """
    architecture, names = model.network.architecture, model.encoder.input_names
    if architecture.activations or architecture.sizes[-1] != 1:
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


def _projected(plane: _Plane, parameters: Array) -> Array:
    """Return the places (m, 2) in the plane that are nearest to `parameters` (m, P)."""
    deviations = (parameters - plane.origin).T
    steps, *_ = np.linalg.lstsq(plane.directions.T, deviations, rcond=None)
    places: Array = steps.T + np.array(plane.centre)
    return places
