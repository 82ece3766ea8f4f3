"""The kinds of pictures: what each shows, what it takes, and what it may be asked for.

Neither made nor drawn here, and without NumPy: the command's help is made of it. The kind K has its
numbers from `make` of `inside.pictures.K`, its figure from `draw` of `report.plots.K`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a picture may be asked for; None is the picture's own choice."""

    x: str | None = None
    y: str | None = None
    plane: str = "columns"  # or pca
    layer: int = 1
    shape: tuple[int, int] | None = None
    row: int = 1
    metric: str | None = None
    repeats: int = 10
    top: int = 20
    seed: int = 0
    member: int | None = None  # which network of a model that has several, from 1
    split: str | None = None  # train, validation or test: rows of the model's own data


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a kind means, in the README's words, and what it takes of models, data and `Options`."""

    meaning: str
    data: Literal["needed", "taken", "none"] = "needed"
    task: str | None = None  # the only one that has what it shows
    shows: str = ""
    options: tuple[str, ...] = ()
    several: bool = False  # models
    untrained: bool = False  # takes a config too
    names: bool = False  # needs no model: names of what it shows will do
    text: bool = False  # `report.textplots` has a form for a terminal


KINDS = {
    "loss": Kind(
        meaning="training and validation loss by epoch, the best epoch marked, several models in "
        "one picture; the loss of each step where the model has it (`training.record_steps: true`)",
        data="none",
        several=True,
        text=True,
    ),
    "boundary": Kind(
        meaning="class regions, stronger where the model is surer, over two columns (`--x`, `--y`; "
        "the others at their median or most frequent value) or two principal components "
        "(`--plane pca`); for two classes the line φ(x)·w = 0",
        task="classification",
        shows="boundary between classes",
        options=("x", "y", "plane", "split"),
    ),
    "fit": Kind(
        meaning="data and curve over one column (`--x`), several models over each other; for two "
        "classes the probability of the second",
        options=("x", "split"),
        several=True,
        text=True,
    ),
    "surface": Kind(
        meaning="the training loss, penalty included, over two directions in weight space, as "
        "contours and in 3-D: the weights themselves where a linear predictor has two; the "
        "principal components of the path of training where the model kept it "
        "(`training.keep_path: true`); else random directions, filter-normalised (Li et al. 2018; "
        "`--seed`); two or three models, with their paths, in the plane through them",
        options=("seed", "member"),
        several=True,
    ),
    "features": Kind(
        meaning="what each unit of a hidden layer (`--layer`) computes over the same plane, or "
        "over one column, each on a scale of its own, with the line where it bends",
        options=("layer", "x", "y", "plane", "member", "split"),
    ),
    "weights": Kind(
        meaning="the first layer as a heat map, or as images of its pixels: `--shape 8x8`",
        data="taken",
        options=("shape", "member"),
    ),
    "activation": Kind(
        meaning="σ, ReLU and the others with their derivatives, the kinks marked: those named, "
        "those of a model's layers, or all",
        data="none",
        names=True,
    ),
    "network": Kind(
        meaning="nodes and edges, for small networks, each bias as the weight of a 1, with numbers "
        "where they fit; of a config as it is initialised",
        data="none",
        options=("member",),
        untrained=True,
    ),
    "flatten": Kind(
        meaning="an image beside its column of numbers, 8×8 → 64: a row (`--row`) of a model's "
        "CSV, or of any that `nnfit flatten` wrote; `--shape` where the names of the pixels don't "
        "tell it",
        options=("row", "shape"),
        names=True,
    ),
    "confusion": Kind(
        meaning="counts, and shares of each true class",
        task="classification",
        shows="confusion matrix",
        options=("split",),
        text=True,
    ),
    "calibration": Kind(
        meaning="how often probabilities come true, with 95 % intervals, before and after the "
        "temperature (`calibrate: auto`)",
        task="classification",
        shows="calibration",
        options=("split",),
    ),
    "intervals": Kind(
        meaning="how many rows lie in the intervals of `predict --interval`, or the sets of "
        "`--prediction-set`, against the share that was asked for; and how wide they are",
        options=("split",),
    ),
    "residuals": Kind(
        meaning="predicted − true, for each target",
        task="regression",
        shows="residuals",
        options=("split",),
    ),
    "importance": Kind(
        meaning="how much worse the model gets when a column is shuffled (`--metric`, `--repeats`, "
        "`--top`, `--seed`)",
        options=("metric", "repeats", "top", "seed", "split"),
    ),
    "sweep": Kind(
        meaning="the trials in `DIR/SWEEP.jsonl` of `nnfit sweep`: a line for each through what "
        "was tried of the keys, the best one thick, and each key against the score",
        data="none",
        names=True,
    ),
}


def kinds_taking(option: str) -> list[str]:
    """Return the names of the kinds that an option is for."""
    return [name for name, kind in KINDS.items() if option in kind.options]
