"""What a run learns from the rows that it held out, once its networks stand: how sure they may be.

The temperature is worked into the last layer, so that everything that reads the network has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnfit.budget import HELD_OUT_NUMBERS
from nnfit.config.schema import Config
from nnfit.dataset.dataset import Dataset
from nnfit.dataset.outcome import Outcome
from nnfit.model.held_out import HeldOut
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.nn.names import QUANTITY_LOSSES
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.run.out_of_fold import OutOfFold
from nnfit.training.calibration import best_temperature


def by_held_out(
    config: Config, network: Network, dataset: Dataset, observer: Observer
) -> tuple[OutOfFold | None, HeldOut | None]:
    """Return what the members say of rows that they held out, and what that tells of predictions.

    Of validation rows there is the latter alone, and without either neither. Where the config asks
    for it, the last layer is divided by the temperature, in place: but where a refit takes its
    place.
    """
    outcome = Outcome.of(network, dataset.targets, dataset.labels, dataset.encoding.scaler)
    out_of_fold = _out_of_fold(network, dataset)
    truth, y_hat = _judged(network, dataset, out_of_fold)
    if truth is None or not np.isfinite(y_hat).all():
        return out_of_fold, None
    told: dict[str, Any] = {}
    scalable = outcome.labels is not None and network.architecture.loss not in QUANTITY_LOSSES
    if config.calibrate == "auto" and scalable and not config.training.refit:
        temperature = best_temperature(outcome.probabilities(y_hat), truth)
        told = {"temperature": temperature, "before": _figures(outcome, truth, y_hat)}
        if temperature != 1.0:
            network.parameters.Wb[-1] /= network.dtype.type(temperature)
            out_of_fold = _out_of_fold(network, dataset)
            truth, y_hat = _judged(network, dataset, out_of_fold)
        told["after"] = _figures(outcome, truth, y_hat)
    by = "validation" if out_of_fold is None else "out_of_fold"
    found = HeldOut.of(by, outcome, truth, y_hat, **told)
    if found.told.temperature != 1.0:
        observer.note(f"calibrated: {found.change}")
    return out_of_fold, found


def _out_of_fold(network: Network, dataset: Dataset) -> OutOfFold | None:
    if dataset.folds is None:
        return None
    return OutOfFold.of(network, dataset.folds, dataset.parts["train"])


def _judged(network: Network, dataset: Dataset, out_of_fold: OutOfFold | None) -> Any:
    """Return the truth and the outputs of the rows that judge, or None twice."""
    if out_of_fold is not None:
        return out_of_fold.truth, out_of_fold.y_hat
    part = dataset.parts.get("validation")
    if part is None:
        return None, None
    n_outputs = network.architecture.sizes[-1]
    some = slice(None, None, -(-len(part) * n_outputs // HELD_OUT_NUMBERS))  # evenly spread
    return part.truth[some], predict(network, part.X[some])


def _figures(outcome: Outcome, truth: Array, y_hat: Array) -> dict[str, float | None]:
    """Return the metrics that a temperature changes."""
    log_loss = outcome.score(truth, outcome.judged(truth, y_hat))["log_loss"]
    return {"log_loss": log_loss, "ece": outcome.figure("ece", truth, y_hat)}
