"""From the name of a kind to its picture: what it needs read, and which options are its own.

The command line is parsed elsewhere, and nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from nnfit.csv.reading import read_blocks
from nnfit.errors import PictureError
from nnfit.inside.pictures.boundary import boundary
from nnfit.inside.pictures.curves import fit_curves, loss_curves
from nnfit.inside.pictures.importance import importance
from nnfit.inside.pictures.judged import calibration, confusion, residuals
from nnfit.inside.pictures.layers import check_layer, graph, units, weights
from nnfit.inside.pictures.rows import read_rows
from nnfit.inside.pictures.surface import surface
from nnfit.inside.sources import training_csv
from nnfit.model.model import Model
from nnfit.model.streaming import csv_format, evaluation_of
from nnfit.observer import Observer
from nnfit.training.threads import blas_threads

Models = Sequence[tuple[str, Model]]


@dataclass(frozen=True)
class Options:
    """What a picture may be asked for; None and False are the picture's own choice."""

    x: str | None = None
    y: str | None = None
    pca: bool = False
    layer: int | None = None
    shape: tuple[int, int] | None = None
    metric: str | None = None
    repeats: int | None = None
    top: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Kind:
    """`make` takes models, data (a path, "" for none), options and an observer."""

    make: Callable[[Models, str, Options, Observer], object]
    data: Literal["needed", "taken", "none"] = "needed"
    task: str | None = None  # the only one that has what it shows
    shows: str = ""
    options: tuple[str, ...] = ()


def make_picture(
    kind: str, models: Models, data: str | None, options: Options, observer: Observer
) -> object:
    """Return the numbers of a picture.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    models : sequence of (file name, Model)
        One, but for fit.
    data : str, optional
        A CSV; the one the first model was trained on when left out, if it is here.

    Raises
    ------
    NnfitError
        When this picture can't be made of these models or data.
    """
    name, model = models[0]
    wanted = KINDS[kind]
    if wanted.task not in (None, model.task):
        see = "residuals" if model.labels is None else "confusion"
        raise PictureError(
            f"{name}: is a {model.task}, which has no {wanted.shows}; expected a {wanted.task}. "
            f"See 'nnfit plot {see}'"
        )
    found = None
    if wanted.data != "none" and data is None:
        data = found = training_csv(model, name)
        if data is None and wanted.data == "needed":
            stored = model.config["data"]["path"]
            raise PictureError(
                f"{name}: its training data {stored!r} is not here; expected it, or another CSV. "
                "Name one after the model"
            )
    with blas_threads(1):  # the same bits for any number of cores
        picture = wanted.make(models, data or "", options, observer)
    if found is not None and wanted.data == "needed":
        observer.note(f"data: {found}, which {name} was trained on")
    return picture


def _loss(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    return loss_curves(model, name)


def _boundary(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    rows = read_rows(model, data, observer)
    return boundary(model, name, rows, x=options.x, y=options.y, pca=options.pca, observer=observer)


def _fit(models: Models, data: str, options: Options, observer: Observer) -> object:
    rows = read_rows(models[0][1], data, observer)
    return fit_curves(models, rows, x=options.x, observer=observer)


def _surface(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    rows = read_rows(model, data, observer)
    return surface(model, name, rows, seed=options.seed or 0, observer=observer)


def _features(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    layer = 1 if options.layer is None else options.layer
    check_layer(model, name, layer)
    rows = read_rows(model, data, observer, target=False)
    return units(
        model,
        name,
        rows,
        layer=layer,
        x=options.x,
        y=options.y,
        pca=options.pca,
        observer=observer,
    )


def _weights(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    header = None
    if data and options.shape is not None:
        with read_blocks(data, csv_format(model), (), (), (), observer) as blocks:
            header = blocks.header
    return weights(model, name, shape=options.shape, header=header, observer=observer)


def _network(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    return graph(model, name)


def _confusion(models: Models, data: str, options: Options, observer: Observer) -> object:
    name, model = models[0]
    return confusion(model, name, *evaluation_of(model, data, observer))


def _calibration(models: Models, data: str, options: Options, observer: Observer) -> object:
    _, model = models[0]
    return calibration(model, *evaluation_of(model, data, observer))


def _residuals(models: Models, data: str, options: Options, observer: Observer) -> object:
    _, model = models[0]
    return residuals(model, *evaluation_of(model, data, observer))


def _importance(models: Models, data: str, options: Options, observer: Observer) -> object:
    _, model = models[0]
    rows = read_rows(model, data, observer)
    return importance(
        model,
        rows,
        metric=options.metric,
        repeats=10 if options.repeats is None else options.repeats,
        seed=options.seed or 0,
        top=20 if options.top is None else options.top,
        observer=observer,
    )


KINDS: dict[str, Kind] = {
    "loss": Kind(_loss, "none"),
    "boundary": Kind(
        _boundary,
        task="classification",
        shows="boundary between classes",
        options=("x", "y", "plane"),
    ),
    "fit": Kind(_fit, options=("x",)),
    "surface": Kind(_surface, options=("seed",)),
    "features": Kind(_features, options=("layer", "x", "y", "plane")),
    "weights": Kind(_weights, "taken", options=("shape",)),
    "network": Kind(_network, "none"),
    "confusion": Kind(_confusion, task="classification", shows="confusion matrix"),
    "calibration": Kind(_calibration, task="classification", shows="calibration"),
    "residuals": Kind(_residuals, task="regression", shows="residuals"),
    "importance": Kind(_importance, options=("metric", "repeats", "top", "seed")),
}
