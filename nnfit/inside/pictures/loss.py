"""The loss over the epochs, as training noted it; nothing is worked out again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.nn.arrays import Array


@dataclass(frozen=True, kw_only=True)
class LossCurves:
    """Losses per epoch, each (epochs,); `validation` is None where no rows were held out."""

    epochs: Array
    train: Array
    validation: Array | None
    best_epoch: int
    loss: str  # as its axis is called


def make(request: Request) -> LossCurves:
    """Return the history of a model.

    Raises
    ------
    PictureError
        When there is none.
    """
    model, history = request.model, request.model.history
    if not history or not len(history["epoch"]):
        raise PictureError(
            f"{request.name}: holds no history of its training; expected one epoch or more"
        )
    validation = history["validation_loss"]
    loss = model.network.architecture.loss.replace("_", " ")
    if model.scaler is not None and any(scale != 1.0 for scale in model.scaler.scales):
        loss += ", of standardised targets" if len(model.targets) > 1 else ", target standardised"
    return LossCurves(
        epochs=history["epoch"],
        train=history["train_loss"],
        validation=None if np.isnan(validation).all() else validation,
        best_epoch=int(model.training.get("best_epoch", 0)),
        loss=loss,
    )
