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

    @property
    def curves(self) -> list[tuple[str, Array]]:
        """What there is of both, named."""
        both = (("training", self.train), ("validation", self.validation))
        return [(name, values) for name, values in both if values is not None]

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest loss that is finite."""
        losses = np.concatenate([values for _, values in self.curves])
        losses = losses[np.isfinite(losses)]
        return float(losses.min()), float(losses.max())

    @property
    def best(self) -> float | None:
        """The validation loss at the best epoch, None without such rows."""
        if self.validation is None or not self.best_epoch:
            return None
        return float(self.validation[self.epochs == self.best_epoch][0])


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
        best_epoch=model.trained.best_epoch,
        loss=loss,
    )
