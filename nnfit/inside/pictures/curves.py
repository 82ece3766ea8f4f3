"""Curves: the loss over the epochs, and what models predict along one column.

For two classes the curve is the probability of the second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nnfit.errors import PictureError, listed
from nnfit.inside.pictures.boundary import drawn, tell_held
from nnfit.inside.pictures.slicing import code_named, slice_of_columns
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows

GRID = 600
MAX_MODELS = 8  # more curves can't be told apart
MAX_INPUTS_NAMED = 5


@dataclass(frozen=True)
class LossCurves:
    """Losses per epoch, each (epochs,); `validation` is None where no rows were held out."""

    epochs: Array
    train: Array
    validation: Array | None
    best_epoch: int
    loss: str  # as its axis is called


@dataclass(frozen=True)
class Curve:
    """What one model predicts, (n, K): values, or probabilities of classes."""

    name: str
    phi: str
    values: Array


@dataclass(frozen=True)
class FitCurves:
    """Data and curves along one column.

    `x_points` (N,), `y_points` (N, K): values, or codes of classes (N, 1). Where there are
    `classes`, the curves have a column for the second of two, or one for each.
    """

    x: str
    grid: Array
    x_points: Array
    y_points: Array
    curves: tuple[Curve, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]


def loss_curves(model: Model, name: str) -> LossCurves:
    """Return the history of a model.

    Raises
    ------
    PictureError
        When there is none.
    """
    history = model.history
    if not history or not len(history["epoch"]):
        raise PictureError(f"{name}: holds no history of its training; expected one epoch or more")
    validation = history["validation_loss"]
    loss = model.network.architecture.loss.replace("_", " ")
    if model.scaler is not None and any(scale != 1.0 for scale in model.scaler.scales):
        loss += ", of standardised targets" if len(model.targets) > 1 else ", target standardised"
    return LossCurves(
        history["epoch"],
        history["train_loss"],
        None if np.isnan(validation).all() else validation,
        int(model.training.get("best_epoch", 0)),
        loss,
    )


def fit_curves(
    models: Sequence[tuple[str, Model]], rows: NamedRows, *, x: str | None, observer: Observer
) -> FitCurves:
    """Return what each model, given with its file's name, predicts along one column.

    Raises
    ------
    PictureError
        When the models do not go together, or there is no one column of numbers.
    """
    _go_together(models)
    name, first = models[0]
    if x is None:
        columns = first.encoder.needed_columns
        if len(columns) > 1:
            raise PictureError(
                f"{name}: reads {len(columns)} columns; expected one. Choose it with --x; "
                f"columns are: {listed(columns, whole=True)}"
            )
        x = columns[0]
    for model_name, model in models:
        if code_named(model, model_name, "--x", x).kind != "numeric":
            raise PictureError(
                f"--x: {x!r} holds no numbers; expected a numeric column for a curve"
            )
    curves = []
    paths = [path for path, _ in models]
    names = [os.path.basename(path) for path in paths]
    if len(set(names)) < len(names):
        names = paths
    for (model_name, model), label in zip(models, names, strict=True):
        line = slice_of_columns(model, model_name, rows, [("--x", x)])
        tell_held(line, observer)
        grid = line.axes[0].grid(GRID)
        values = line.at([grid], partial(_predicted, model))
        curves.append(Curve(label, phi_of(model), values))
    shown = drawn(rows, observer)
    truth = first.outcome.truth(rows)
    return FitCurves(
        x,
        grid,
        line.axes[0].points[shown],
        truth.reshape(len(rows), -1)[shown],
        tuple(curves),
        first.targets,
        first.classes,
    )


def _predicted(model: Model, X: Array) -> Array:
    """Return what a curve shows for the network's inputs: values, or probabilities."""
    y_hat = predict(model.network, X)
    if model.labels is None:
        return model.outcome.values(y_hat)
    p = model.outcome.probabilities(y_hat)
    return p[:, 1:] if len(model.classes) == 2 else p


def _go_together(models: Sequence[tuple[str, Model]]) -> None:
    name, first = models[0]
    if len(models) > MAX_MODELS:
        raise PictureError(f"got {len(models)} models; expected at most {MAX_MODELS}")
    for other_name, other in models[1:]:
        if other.targets != first.targets or other.classes != first.classes:
            raise PictureError(
                f"{other_name}: predicts {_what(other)}, {name} predicts {_what(first)}; "
                "expected models of one target"
            )
    if len(models) > 1 and len(first.classes) > 2:
        raise PictureError(
            f"{name}: has {len(first.classes)} classes, a curve for each; expected one model "
            "with so many, or two classes"
        )


def _what(model: Model) -> str:
    classes = f" ({', '.join(model.classes)})" if model.classes else ""
    return f"{listed(model.targets, whole=True)}{classes}"


def phi_of(model: Model) -> str:
    """Return phi(x) in a few words: the list of its inputs, or the layers that learned it."""
    architecture = model.network.architecture
    names = model.encoder.input_names
    if len(names) > MAX_INPUTS_NAMED:
        names = [f"{len(names)} inputs"]
    if not architecture.activations:
        return f"[{', '.join([*(['1'] if architecture.bias else []), *names])}]"
    layers = "–".join(map(str, architecture.sizes))
    activations = ", ".join(dict.fromkeys(architecture.activations))
    return f"learned from [{', '.join(names)}], {layers} {activations}"
