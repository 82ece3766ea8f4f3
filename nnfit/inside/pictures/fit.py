"""Curves of what models predict along one column, with the data.

For two classes the curve is the probability of the second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nnfit.errors import PictureError, listed
from nnfit.inside.pictures.request import Request
from nnfit.inside.pictures.slicing import code_named, drawn, slice_of_columns, tell_fixed
from nnfit.model.model import Model
from nnfit.nn.arrays import Array
from nnfit.nn.inference import predict

GRID = 600
MAX_MODELS = 8  # more curves can't be told apart
MAX_MEMBERS = 20  # whose lines are no more than a shade
MAX_INPUTS_NAMED = 5


@dataclass(frozen=True)
class Curve:
    """What one model predicts, (n, K): values, or probabilities of classes.

    Of a few members each one's too, (members, n, K); none of one network.
    """

    name: str
    phi: str
    values: Array
    members: Array


@dataclass(frozen=True, kw_only=True)
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


def make(request: Request) -> FitCurves:
    """Return what each model predicts along one column.

    Raises
    ------
    PictureError
        When the models do not go together, or there is no one column of numbers.
    """
    models, rows = request.models, request.rows()
    _go_together(models)
    x = _column(request)
    files = [file for file, _ in models]
    labels = [os.path.basename(file) for file in files]
    if len(set(labels)) < len(labels):
        labels = files
    curves = []
    for (file, model), label in zip(models, labels, strict=True):
        line = slice_of_columns(model, file, rows, [("--x", x)])
        tell_fixed(line, request.observer)
        grid = line.axes[0].grid(GRID)
        values = line.at([grid], partial(_predicted, model))
        n = model.network.members
        each = [
            line.at([grid], partial(_predicted, model.member(i)))
            for i in range(n if 1 < n <= MAX_MEMBERS else 0)
        ]
        curves.append(Curve(label, phi_of(model), values, np.reshape(each, (-1, *values.shape))))
    shown = drawn(rows, request.observer)
    first = request.model
    y_points = first.outcome.truth(rows).reshape(len(rows), -1)
    return FitCurves(
        x=x,
        grid=grid,
        x_points=line.axes[0].points[shown],
        y_points=y_points[shown],
        curves=tuple(curves),
        targets=first.targets,
        classes=first.classes,
    )


def _column(request: Request) -> str:
    """Return the column of numbers that was asked for, or the only one."""
    x, columns = request.options.x, request.model.encoder.needed_columns
    if x is None:
        if len(columns) > 1:
            raise PictureError(
                f"{request.name}: reads {len(columns)} columns; expected one. Choose it with --x; "
                f"columns are: {listed(columns, whole=True)}"
            )
        x = columns[0]
    for file, model in request.models:
        if code_named(model, file, "--x", x).kind != "numeric":
            raise PictureError(
                f"--x: {x!r} holds no numbers; expected a numeric column for a curve"
            )
    return x


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
