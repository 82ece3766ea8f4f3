"""One network on all rows, for as many epochs as the members' folds have found to be best.

For who needs a single small model: its score is the members' out of fold, since no row is left to
judge it by. The schedule of the learning rate is brought to that length: at the members' best
epochs it is low, and their mean may lie where it is high.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset
from nnfit.nn.network import Network
from nnfit.observer import EpochRecord, Observer
from nnfit.run.building import Workload, build_fit, build_network, make_learners
from nnfit.training.fit import Fit, Result
from nnfit.training.threads import blas_threads


class _Progress(Observer):
    """Passes on how far the work is and what goes wrong, and no epoch beside the members'."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def progress(self, epoch: int, fraction: float) -> None:
        self._observer.progress(epoch, fraction)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self._observer.progress(record.epoch, 1.0)

    def warning(self, text: str) -> None:
        self._observer.warning(text)


def refitted(
    file: ConfigFile,
    dataset: Dataset,
    members: Fit,
    result: Result,
    observer: Observer,
    most_threads: int,
) -> tuple[Network, Result]:
    """Return the network and how its training ended.

    Where the `members` did not come to their end, or a signal or a divergence ends this, they are
    returned as they are, and the checkpoint of their end is where to go on from. The matrix
    products have no more than `most_threads`, the members' own, which the checkpoint knows.
    """
    if result.interrupted or result.failure is not None:
        return members.network, result
    epochs, told = result.best_epoch, _Progress(observer)
    whole = file.config
    config = whole.model_copy(
        update={
            "model": whole.model.model_copy(update={"members": 1}),
            "data": whole.data.model_copy(update={"validation": 0.0}),
            "training": whole.training.model_copy(
                update={"epochs": epochs, "patience": None, "best": "loss"}
            ),
        }
    )
    file = dataclasses.replace(file, config=config)
    dataset = dataclasses.replace(dataset, folds=None)
    network = build_network(file, dataset, np.dtype(config.training.dtype))
    workload = Workload.of(file, dataset, network)
    observer.refitting(epochs)
    observer.note(f"refit: one network on all {workload.n_rows:,} rows, for {epochs} epochs")
    with (
        blas_threads(min(workload.blas_threads, most_threads)),
        make_learners(file, network, workload, Observer()) as (learners, dropout),
    ):
        fit = build_fit(file, dataset, learners, workload, dropout, told, members.stop)
        own = fit.run()
    if own.interrupted or own.failure is not None:
        cut = dataclasses.replace(result, interrupted=own.interrupted, failure=own.failure)
        return members.network, cut
    return network, dataclasses.replace(own, seconds=result.seconds + own.seconds)
