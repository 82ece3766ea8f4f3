"""The configs of a sweep's trials, as any worker runs them, and the run of the best."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nnfit.config.presets import with_values
from nnfit.config.reading import ConfigFile
from nnfit.config.sweep import SweepFile
from nnfit.dataset.dataset import Decided
from nnfit.dataset.deciding import shape_of
from nnfit.errors import ConfigError, Interrupted, joined
from nnfit.many.sweep_folder import SweepFolder
from nnfit.many.trials import Shared
from nnfit.nn.names import METRICS, SCORES
from nnfit.run.engine import settled
from nnfit.run.run import train_run
from nnfit.training.stop import StopRequest

DEFAULT_METRICS = {"classification": "log_loss", "regression": "rmse"}


def metric_of(sweep: SweepFile, task: str) -> str:
    """Return the metric by which trials are compared.

    By default one that means the same whatever loss a trial is trained by.
    """
    metric, known = sweep.config.metric or DEFAULT_METRICS[task], [*METRICS[task]]
    known += SCORES.values() if task == "regression" else ()
    if metric not in known:
        raise ConfigError(f"--metric: got {metric!r} for a {task}; expected {joined(known, 'or')}")
    return metric


class TrialConfigs:
    """Makes them by settings; `at_hand` says whether all workers have the compiled engine."""

    def __init__(self, sweep: SweepFile, shared: Shared, at_hand: bool) -> None:
        self._sweep, self._shared, self._at_hand = sweep, shared, at_hand

    def prepared(self, settings: Mapping[str, Any], also: Mapping[str, Any]) -> ConfigFile:
        """Return the config of a trial, with other values by dotted key."""
        file = settled(self._sweep.trial(settings), self._at_hand)
        threads = file.config.training.threads
        values = {"training.threads": 1 if threads == "auto" else threads, **also}
        return dataclasses.replace(file, config=with_values(file.config, values))

    def resolved(self, settings: Mapping[str, Any]) -> tuple[ConfigFile, Decided]:
        """Return the config of a trial with the values of its preset, and its table."""
        file = self.prepared(settings, {})
        table = self._shared.source(file)
        known = table.decisions
        shape = shape_of(table.rows, known.columns, known.n_outputs, known.labels)
        return file.resolved(shape), table

    def best_is_there(self, folder: SweepFolder, settings: Mapping[str, Any]) -> bool:
        """Return whether the folder has the model of a trial."""
        return folder.has(folder.at_home(self.resolved(settings)[0]))

    def train_best(
        self, folder: SweepFolder, settings: Mapping[str, Any], stop: StopRequest
    ) -> None:
        """Train as a trial says, and save the model and its config in the folder.

        Raises
        ------
        Interrupted
            When a signal came; nothing is then saved.
        """
        file, table = self.resolved(settings)
        file = folder.at_home(file)
        run = train_run(file, table, stop=stop)
        if run.failure is not None:
            raise run.failure
        if run.summary.interrupted:
            raise Interrupted("stopped", stop.exit_code)
        folder.save(run, file)
