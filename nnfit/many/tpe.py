"""The tree-structured Parzen estimator, which is Optuna's: the one home of Optuna.

Bergstra, Bardenet, Bengio and Kegl, Algorithms for hyper-parameter optimization, 2011. What it has
asked for and been told is in `optuna.log`; the lines of the trials are the truth.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfit.config.sweep import SweepFile
from nnfit.errors import ConfigError
from nnfit.many.samplers import REPEATS, TRIALS, Sampler, short
from nnfit.many.sweep_folder import SweepFolder
from nnfit.many.trials import Line, Results, Trial
from nnfit.nn.names import ERRORS

if sys.platform != "win32":
    import fcntl

STUDY = "nnfit sweep"


class Tpe(Sampler):
    """Asks for a trial at a time, by what came of those before.

    So what is tried depends on how many are tried at once; what comes of each does not.

    Raises
    ------
    ConfigError
        When Optuna is not installed.
    """

    def __init__(self, sweep: SweepFile, folder: SweepFolder, metric: str) -> None:
        try:
            import optuna
        except ImportError:
            raise ConfigError(
                "--sampler tpe: needs optuna, which is not installed. Run: pip install optuna"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        n = sweep.config.trials or TRIALS
        super().__init__((), int(min(n, sweep.grid)))
        self._sweep, self._folder, self._metric = sweep, folder, metric
        self._study: Any = None
        self._waiting: dict[str, list[int]] = {}  # the study's numbers of trials, by their id
        self._asked = 0

    def wave(self, results: Results) -> list[Trial] | None:
        if self._study is None:
            self._study = self._opened()
            if there := self._reconciled(results):
                return there
        waiting = sum(map(len, self._waiting.values()))
        if len(results) + waiting >= self.total or self._asked > self.total + REPEATS:
            return None if waiting else []
        self._asked += 1
        asked = self._study.ask()
        # by its number no two processes draw alike, and a study that is gone on with nothing twice
        self._study.sampler = self._sampler(asked.number)
        trial = self._trial({name: self._suggest(asked, name) for name in self._axes})
        assert trial is not None
        self._waiting.setdefault(trial.id, []).append(asked.number)
        return [trial]

    def told(self, trial: Trial, line: Line) -> None:
        for number in self._waiting.pop(trial.id, []):
            self._tell(number, line["score"])

    @property
    def _axes(self) -> dict[str, Any]:
        return {axis.key: axis for axis in self._sweep.axes}

    def _sampler(self, number: int) -> Any:
        """Return what draws the trial of that number; those that still run count as bad ones."""
        from optuna.samplers import TPESampler

        seed = np.random.SeedSequence([self._sweep.config.seed, number]).generate_state(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in some versions an option is called experimental
            return TPESampler(seed=int(seed[0]), multivariate=False, constant_liar=True)

    def _suggest(self, asked: Any, name: str) -> Any:
        axis = self._axes[name]
        if not axis.law:
            return asked.suggest_categorical(name, [*map(json.dumps, axis.values)])
        if axis.law == "int":
            return asked.suggest_int(name, axis.low, axis.high)
        return asked.suggest_float(name, axis.low, axis.high, log=axis.law == "log")

    def _trial(self, params: Mapping[str, Any]) -> Trial | None:
        """Return the trial that a study means; None while it is asking."""
        if params.keys() != self._axes.keys():
            return None
        return Trial({
            name: axis.value(short(axis, params[name])) if axis.law else json.loads(params[name])
            for name, axis in self._axes.items()
        })  # fmt: skip

    def _tell(self, number: int, score: float | None) -> None:
        from optuna.trial import TrialState

        state = TrialState.FAIL if score is None else TrialState.COMPLETE
        self._study.tell(number, score, state=state, skip_if_finished=True)

    def _opened(self) -> Any:
        """Return the study in the folder, a new one if there is none."""
        import optuna
        from optuna.storages.journal import JournalFileBackend

        path = os.path.join(self._folder.path, "optuna.log")
        try:
            backend = JournalFileBackend(path, lock_obj=_Lock(path))  # type: ignore[arg-type]
            return optuna.create_study(
                storage=optuna.storages.JournalStorage(backend),
                study_name=STUDY,
                direction="minimize" if self._metric in ERRORS else "maximize",
                load_if_exists=True,
            )
        except Exception as err:  # whatever Optuna raises for a file that is damaged
            raise ConfigError(
                f"{path}: cannot be read as Optuna's ({type(err).__name__}); remove it: the "
                "trials in SWEEP.jsonl are told to a new one"
            ) from err

    def _reconciled(self, results: Results) -> list[Trial]:
        """Make the study say what the lines say; return the trials that have one."""
        from optuna.trial import TrialState

        known = set()
        for one in self._study.get_trials(deepcopy=False):
            trial = self._trial(one.params)
            if trial is None:
                continue
            known.add(trial.id)
            line = results.of(trial)
            if one.state == TrialState.RUNNING and line is not None:
                self._tell(one.number, line["score"])
            elif one.state == TrialState.RUNNING and (claim := self._folder.claim(trial)):
                claim.close()  # who was at it is no more
                self._tell(one.number, None)
        there = [Trial(line["settings"]) for line in results.whole()]
        for trial in there:
            if trial.id not in known and (params := self._params(trial)):
                self._study.enqueue_trial(params)  # when asked for, it has its line
        return there

    def _params(self, trial: Trial) -> dict[str, Any] | None:
        """Return what a study calls the settings of a trial, None if it would not ask for them."""
        params: dict[str, Any] = {}
        for name, axis in self._axes.items():
            value = trial.settings[name]
            number = value[0] if axis.law and isinstance(value, list) else value
            if not (axis.low <= number <= axis.high if axis.law else value in axis.values):
                return None
            params[name] = number if axis.law else json.dumps(value)
        return params


class _Lock:
    """Lets one process at a time write the log; one that is killed locks nothing."""

    def __init__(self, path: str) -> None:
        self._path, self._handle = path, -1

    def acquire(self) -> bool:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if sys.platform != "win32":
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        os.close(self._handle)
