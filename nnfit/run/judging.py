"""By which rows and which metric the epochs of a run are judged; the judge itself is training's."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset
from nnfit.dataset.outcome import Outcome
from nnfit.errors import ConfigError
from nnfit.nn.arrays import Array
from nnfit.nn.names import OF_TWO_CLASSES
from nnfit.nn.network import Network
from nnfit.training.examples import Examples, judged_rows
from nnfit.training.judge import FoldJudge, Judge
from nnfit.training.learners import Learners


def make_judge(
    file: ConfigFile,
    dataset: Dataset,
    learners: Learners,
    judged: Network,
    train: Examples,
    validation: Examples | None,
) -> Judge:
    """Return what judges each epoch of `judged`, the network that the engine's passes are of.

    Raises
    ------
    ConfigError
        Where `training.best` has no value on the rows that judge a network.
    """
    folds, best = dataset.folds, file.config.training.best
    truth = dataset.parts["train" if validation is None else "validation"].truth
    if validation is None and folds is None:
        truth = truth[judged_rows(len(truth))]
    outcome = Outcome.of(judged, dataset.targets, dataset.labels, dataset.encoding.scaler)

    def of_member(y_hat: Array, rows: Any) -> float:
        return outcome.shown_metric(truth[rows], y_hat, best)

    metric, of_members = partial(outcome.shown_metric, truth), None
    if best != "loss":
        members = range(judged.members)
        each = [truth] if folds is None else [truth[folds == i] for i in members]
        _require_value(file, outcome, each, judged.architecture.sizes[-1])
        metric, of_members = partial(outcome.shown_metric, truth, name=best), of_member
    if folds is not None:
        return FoldJudge(judged, learners, train, folds, metric, of_members)
    return Judge(judged, train, validation, metric, of_members)


def _require_value(file: ConfigFile, outcome: Outcome, truths: list[Array], n_outputs: int) -> None:
    """Refuse a metric that has no value on some of these rows, whatever is predicted."""
    best = file.config.training.best
    for i, truth in enumerate(truths):
        if outcome.figure(best, truth, np.zeros((len(truth), n_outputs))) is None:
            which = "validation rows" if len(truths) == 1 else f"rows of fold {i + 1}"
            needs = "rows of both classes" if best in OF_TWO_CLASSES else "two rows or more"
            raise ConfigError(
                f"{file.where('training.best')}: {best} has no value on the {which}; expected "
                f"{needs}. Hold out others, or set it to loss"
            )
