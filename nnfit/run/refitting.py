"""One network on all rows, for as many epochs as the members' folds have found to be best.

For who needs a single small model: its score is the members' out of fold, since no row is left to
judge it by. It goes through the members' schedule up to that epoch.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.run.building import Workload, build_fit, build_network, make_learners
from nnfit.training.fit import Fit, Result


def refitted(
    file: ConfigFile, dataset: Dataset, members: Fit, result: Result, observer: Observer
) -> tuple[Network, Result]:
    """Return the network and how its training ended.

    Where the `members` did not come to their end, or a signal ends this, they are returned as they
    are, and their checkpoint is where to go on from.
    """
    if result.interrupted or result.failure is not None:
        return members.network, result
    if members.checkpoint is not None:
        members.checkpoint(members.state)
    config = file.config.model_copy(
        update={
            "model": file.config.model.model_copy(update={"members": 1}),
            "data": file.config.data.model_copy(update={"validation": 0.0}),
        }
    )
    file = dataclasses.replace(file, config=config)
    dataset = dataclasses.replace(dataset, folds=None)
    network = build_network(file, dataset, np.dtype(config.training.dtype))
    workload = Workload.of(file, dataset, network)
    epochs = result.best_epoch
    observer.note(f"refit: one network on all {workload.n_rows:,} rows, for {epochs} epochs")
    with make_learners(file, network, workload, Observer()) as (learners, dropout):
        fit = build_fit(file, dataset, learners, workload, dropout, Observer(), members.stop)
        fit.settings = dataclasses.replace(fit.settings, epochs=epochs)
        own = fit.run()
    if own.interrupted:
        return members.network, dataclasses.replace(result, interrupted=True)
    return network, own
