"""The loss over the epochs, and the steps, as training noted it; nothing is worked out again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.training.history import Steps

MAX_MODELS = 8  # that colours and letters tell apart
BINS = 2000  # of the steps of a run: the lowest and the highest of each are drawn


@dataclass(frozen=True, kw_only=True)
class Run:
    """The losses of one run, per epoch (epochs,).

    `validation` is None where no rows were held out; `steps` (m,), at `step_epochs`, are the losses
    of minibatches, None where they were not recorded.
    """

    name: str
    epochs: Array
    train: Array
    validation: Array | None
    best_epoch: int
    by: str  # what it is best by: loss, or a metric
    step_epochs: Array | None
    steps: Array | None

    @property
    def best_by(self) -> str:
        """Which epoch is the best, and by which metric if by one."""
        by = "" if self.by == "loss" else f" by {self.by}"
        return f"best{by}: epoch {self.best_epoch}"

    @property
    def best(self) -> float | None:
        """The validation loss at the best epoch, whatever it is best by; None without such rows."""
        if self.validation is None or not self.best_epoch:
            return None
        return float(self.validation[self.epochs == self.best_epoch][0])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One of the curves of run `run`, over the epochs `x`."""

    run: int
    kind: Literal["each step", "training", "validation"]
    label: str
    x: Array
    y: Array


@dataclass(frozen=True, kw_only=True)
class LossCurves:
    """Runs over one axis of epochs; `loss` is as the other axis is called."""

    runs: tuple[Run, ...]
    loss: str

    @property
    def curves(self) -> list[Curve]:
        """What there is of all runs, named; steps first, so that the others lie on them."""
        return sorted(self._curves(), key=lambda curve: curve.kind != "each step")

    def _curves(self) -> Iterator[Curve]:
        for i, run in enumerate(self.runs):
            name = "" if len(self.runs) == 1 else f"{run.name}: "
            if run.steps is not None and run.step_epochs is not None:
                kind: Literal["each step"] = "each step"
                yield Curve(run=i, kind=kind, label=name + kind, x=run.step_epochs, y=run.steps)
            yield Curve(run=i, kind="training", label=name + "training", x=run.epochs, y=run.train)
            if run.validation is not None:
                label = name + "validation"
                yield Curve(run=i, kind="validation", label=label, x=run.epochs, y=run.validation)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest loss of an epoch that is finite."""
        epochs = [curve.y for curve in self.curves if curve.kind != "each step"]
        losses = np.concatenate(epochs)
        losses = losses[np.isfinite(losses)]
        return float(losses.min()), float(losses.max())


def make(request: Request) -> LossCurves:
    """Return the histories of models.

    Raises
    ------
    PictureError
        When one has none, or another loss than the first.
    """
    models = request.models
    if len(models) > MAX_MODELS:
        raise PictureError(f"got {len(models)} models; expected at most {MAX_MODELS}")
    loss = _axis(request.model)
    for name, model in models[1:]:
        if _axis(model) != loss:
            raise PictureError(
                f"{name}: its loss is {_axis(model)}, that of {request.name} is {loss}; expected "
                "one loss, for one axis"
            )
    return LossCurves(runs=tuple(_run(name, model) for name, model in models), loss=loss)


def _axis(model: Model) -> str:
    loss = model.network.architecture.loss.replace("_", " ")
    if model.scaler is not None and any(scale != 1.0 for scale in model.scaler.scales):
        loss += ", of standardised targets" if len(model.targets) > 1 else ", target standardised"
    return loss


def _run(name: str, model: Model) -> Run:
    history = model.history
    if not history or not len(history["epoch"]):
        raise PictureError(f"{name}: holds no history of its training; expected one epoch or more")
    validation = history["validation_loss"]
    places, steps = (None, None) if model.steps is None else _drawn(model.steps)
    return Run(
        name=os.path.basename(name),
        epochs=history["epoch"],
        train=history["train_loss"],
        validation=None if np.isnan(validation).all() else validation,
        best_epoch=model.trained.best_epoch,
        by=model.kept.training.best,
        step_epochs=places,
        steps=steps,
    )


def _drawn(steps: Steps) -> tuple[Array, Array]:
    """Return where in the epochs steps end, and their losses: all, or what bounds them."""
    losses, n = steps.losses, len(steps.losses)
    shown: Sequence[int] | Array = np.arange(n)
    if n > 2 * BINS:
        ends = np.linspace(0, n, BINS + 1).astype(np.intp)
        bins = [losses[low:high] for low, high in zip(ends, ends[1:], strict=False)]
        bounds = [(part.argmin(), part.argmax()) for part in bins]
        shown = np.unique(np.array(bounds) + ends[:-1, None])
    return (np.asarray(shown) + 1) / steps.per_epoch, losses[shown]
