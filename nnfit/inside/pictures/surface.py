"""The training loss over a plane through the trained weights, of one model or of several.

The plane is spanned by the two weights themselves where a linear predictor has two; of several
networks it goes through all; of one it is spanned by the principal components of the trajectory of
training where the model kept it, else by two random directions, each neuron's share as long as the
neuron's own weights: Li, Xu, Taylor, Studer, Goldstein, Visualizing the Loss Landscape of Neural
Nets, 2018.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.own_rows import learned_rows
from nnfit.inside.pictures.planes import Plane, choose_plane, flat_of, projected, require_alike
from nnfit.inside.pictures.request import Request, sample_of
from nnfit.inside.sources import encoded, weighting_of
from nnfit.model.model import Model
from nnfit.nn.arrays import Array, shares
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows

GRIDS = (121, 81, 41)  # places along each axis: the most that SMOOTH_WORK allows, or the fewest
SMOOTH_WORK = 2e9  # multiplications for a finer grid than the last
GRID = GRIDS[-1]
MAX_ROWS = 1000
MIN_ROWS = 100
WORK = 4e10  # multiplications that a picture may take


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
class Walk:
    """A model in the plane: its weights lie at `end`, training went along `trajectory` (m, 2).

    Both are projected on the plane; the trajectory is None where the model kept none.
    """

    name: str
    end: tuple[float, float]
    trajectory: Array | None


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Loss (ny, nx) over the places `x` (nx,), `y` (ny,), with the models in that plane.

    `between` (GRID,) is the loss on the straight line from the first of two networks to the second.
    """

    x_name: str
    y_name: str
    x: Array
    y: Array
    loss: Array
    walks: tuple[Walk, ...]
    between: Array | None
    n_rows: int
    loss_name: str
    linear: bool


def training_loss(
    model: Model,
    rows: NamedRows,
    observer: Observer,
    *,
    seed: int = 0,
    evaluations: int = 1,
    member: int | None = None,
) -> TrainingLoss:
    """Return the loss over the rows that the model learned from, or a sample of them.

    Of several members `model` is that of the number `member`. The more `evaluations` there will
    be, the fewer rows large networks get.

    Raises
    ------
    PictureError
        Where even few rows would take minutes.
    """
    rows = learned_rows(model, rows, observer, member)
    architecture = model.network.architecture
    affordable = int(WORK / (evaluations * (architecture.n_parameters + sum(architecture.sizes))))
    if 4 * affordable < MIN_ROWS:
        raise PictureError(
            f"{rows.name}: the loss of {architecture.n_parameters} parameters takes too long to "
            f"be worked out {evaluations} times; expected a smaller network"
        )
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
    """Return the loss over the plane that suits the models; the rows are those of the first.

    The seed is that of the random directions, and of the sample of rows.

    Raises
    ------
    PictureError
        When the weights of the models don't mean the same, or the loss leaves the range of numbers.
    """
    require_alike(request.models)
    model, seed = request.model, request.options.seed
    loss = training_loss(
        model,
        request.rows(),
        request.observer,
        seed=seed,
        evaluations=GRID * GRID,
        member=request.options.member,
    )
    architecture, plane = model.network.architecture, choose_plane(request.models, seed)
    work = loss.n_rows * architecture.n_parameters
    n = next((n for n in GRIDS if n * n * work <= SMOOTH_WORK), GRID)
    x, y = (np.linspace(low, high, n) for low, high in plane.reach)
    values = np.empty((n, n))
    for i, v in enumerate(y - plane.centre[1]):
        for j, u in enumerate(x - plane.centre[0]):
            values[i, j] = loss(plane.origin + u * plane.directions[0] + v * plane.directions[1])
    if not np.isfinite(values).all():
        raise PictureError(
            f"{request.name}: its loss leaves the range of float64 near the trained weights"
        )
    if len(request.models) > 1 and plane.exact and architecture.n_parameters > 2:
        request.observer.note(f"the bias stays at that of {request.name}, for want of a third axis")
    between = None
    if len(request.models) == 2 and not plane.exact:
        steps = np.linspace(0.0, 1.0, GRID)
        between = np.array([loss(plane.origin + t * plane.directions[0]) for t in steps])
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
        walks=tuple(_walk(plane, name, model) for name, model in request.models),
        between=between,
        n_rows=loss.n_rows,
        loss_name=architecture.loss.replace("_", " ") + (" + penalty" if architecture.l2 else ""),
        linear=not architecture.activations,
    )


def _walk(plane: Plane, name: str, model: Model) -> Walk:
    """Return a model as it lies in the plane."""
    x, y = projected(plane, flat_of(model)[None])[0]
    walked = model.trajectory
    path = None if walked is None else projected(plane, walked.parameters)
    return Walk(name=os.path.basename(name), end=(float(x), float(y)), trajectory=path)
