"""A sweep: its trials handed to workers, their lines kept, the best trained once more and saved.

A second run, here or on another machine, skips what has its line, and what another is at.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from nnfit.config.sweep import SweepFile
from nnfit.dataset.dataset import Decided
from nnfit.errors import ConfigError, Interrupted, TrainingError
from nnfit.many.engine import Engine, Task, WorkerLost
from nnfit.many.hand_out import HandOut
from nnfit.many.samplers import Sampler, make_sampler
from nnfit.many.sweep_folder import SweepFolder, about
from nnfit.many.trial_configs import TrialConfigs, metric_of
from nnfit.many.trials import Line, Results, Shared, Trial, failed, line_of, run_trial
from nnfit.nn.names import ERRORS
from nnfit.observer import Observer
from nnfit.run.engine import settled
from nnfit.training.stop import StopRequest


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What came of a sweep: the line of its best trial, and the model that was trained of it."""

    best: Line
    trials: int
    model: str
    seconds: float


class Sweep:
    """A sweep in `folder`, read and checked, and nothing written yet.

    Raises
    ------
    NnfitError
        When the config, the data, the folder or any trial that is known beforehand is wrong.
    """

    def __init__(
        self,
        sweep: SweepFile,
        folder: SweepFolder,
        engine: Engine,
        stop: StopRequest,
        observer: Observer,
    ) -> None:
        self._began = time.monotonic()
        self._sweep, self._folder, self._engine = sweep, folder, engine
        self._stop, self._observer = stop, observer
        # a sweep that is gone on with has the engine that it began in
        begun = (folder.about() or {}).get("config", {"training.engine": "auto"})
        at_hand = begun.get("training.engine", "numpy") == "auto" and engine.at_hand
        base = settled(sweep.base, at_hand)
        decided = Decided.read(base, None, observer)
        cv, keys = sweep.config.cv, [axis.key for axis in sweep.axes]
        self._shared = Shared.of(decided, keys, cv)
        self._configs = TrialConfigs(sweep, self._shared, at_hand)
        self._metric = metric_of(sweep, decided.decisions.task)
        self._about = about(base, decided, self._metric, cv)
        folder.check(self._about)
        self._results = Results(folder.journal.path, self._metric, keys)
        for line in folder.journal.news():
            self._results.add(line)
        self._sampler = self._make_sampler()
        for settings in self._sampler.settings:
            if self._results.of(Trial(settings)) is None:
                sweep.trial(settings)
        self._hand_out = HandOut(self._sampler, self._results, folder, self._is_over, self._task)

    def run(self) -> Swept:
        """Run what is left to run, and train the best.

        Raises
        ------
        Interrupted
            When a signal came; what is done is kept.
        TrainingError
            When no trial came to anything.
        """
        self._folder.make(self._about)
        self._observer.note(self._plan())
        try:
            with self._stop:
                self._run_trials()
            best = self._results.best
            if best is None:
                raise TrainingError(
                    f"{self._folder.journal.path}: no trial has a score; the last: "
                    f"{self._results.failure or 'none was begun'}"
                )
            self._train(best)
        except Interrupted as stopped:
            text = f"stopped; {len(self._hand_out.finished)} of {self._sampler.total} trials are "
            text += "done, in "
            text += f"{self._folder.journal.path}; the same command goes on"
            raise Interrupted(text, stopped.exit_code) from None
        return Swept(
            best=best,
            trials=len(self._results),
            model=self._folder.model,
            seconds=time.monotonic() - self._began,
        )

    def _make_sampler(self) -> Sampler:
        if self._sweep.sampler == "tpe":
            from nnfit.many.tpe import Tpe

            return Tpe(self._sweep, self._folder, self._metric)
        return make_sampler(
            self._sweep,
            lambda settings: self._configs.resolved(settings)[0].config.training.epochs,
        )

    def _plan(self) -> str:
        """Return what will be done, in a sentence."""
        cv, there = self._sweep.config.cv, len(self._results)
        keys = ", ".join(axis.key for axis in self._sweep.axes)
        less = "less" if self._metric in ERRORS else "more"
        runs, n = self._sampler.total, len(self._sampler.settings)
        return (
            f"{n or runs} trials of {keys} ({self._sweep.sampler}"
            + f", {runs} runs" * (0 < n < runs)
            + ")"
            + f", {there} done before" * (there > 0)
            + f"; compared by {self._metric} of "
            + ("the validation rows" if cv is None else f"{cv} folds")
            + f", {less} is better"
        )

    def _run_trials(self) -> None:
        """Run trials until none is left; one that costs its worker again and again has failed."""
        hand_out, left = self._hand_out, True
        while left:
            left = False
            tasks = hand_out.tasks()
            try:
                with closing(
                    self._engine.results(run_trial, self._shared, tasks, self._heard)
                ) as results:
                    for task, told in results:
                        taken = hand_out.running.pop(task.name)
                        with taken.claim:
                            self._ended(taken.trial, told)
            except WorkerLost as err:
                lost = hand_out.running.pop(err.task, None)
                if lost is None:
                    raise
                taken, left = lost, True
                with taken.claim:
                    self._ended(taken.trial, failed(err))
            finally:
                hand_out.take_back()
                hand_out.tidy()
        if self._stop.signal is not None:
            raise Interrupted("stopped", self._stop.exit_code)

    def _is_over(self) -> bool:
        late = time.monotonic() - self._began >= self._sweep.config.seconds
        return late or self._stop.signal is not None

    def _task(self, trial: Trial) -> Task | None:
        """Return the work on a trial; None where its config is wrong, which is its result."""
        try:
            file = self._configs.prepared(trial.settings, {"training.refit": False})
        except ConfigError as err:
            self._ended(trial, failed(err))
            return None
        output = os.path.abspath(self._folder.output(trial)) if self._sampler.goes_on else None
        # a worker on a cluster stands in another folder
        file = dataclasses.replace(file, folder=file.folder.absolute())
        return Task(f"trial {trial.id}", (file, trial.share, output))

    def _train(self, line: Line) -> None:
        """Train by the settings of a trial and save the model, unless it is there."""
        there = self._configs.best_is_there(self._folder, line["settings"])
        names = [f"{key} {json.dumps(value)}" for key, value in line["settings"].items()]
        self._observer.note(
            f"the best of {len(self._results)} trials: {self._metric} {line['score']:.6g} by "
            + ", ".join(names)
            + "; it is trained and saved" * (not there)
        )
        if not there:
            self._configs.train_best(self._folder, line["settings"], self._stop)

    def _ended(self, trial: Trial, told: Mapping[str, Any]) -> None:
        """Keep the line of a trial, whatever becomes of this process after."""
        seed = trial.settings.get("seed", self._sweep.base.config.seed)
        line = line_of(trial, told, self._metric, seed)

        def alike(other: Line) -> bool:
            shares = [one.get("share", 1.0) for one in (other, line)]
            return bool(other["id"] == line["id"] and shares[0] == shares[1])

        for other in self._folder.journal.append(line, unless=alike):
            self._results.add(other)
        self._results.add(line)
        self._hand_out.tell(trial, line)
        place = f"{len(self._hand_out.finished)}/{self._sampler.total}"
        row = self._row("trial", place + "*" * (line is self._results.best), line)
        top = [self._row("best", str(i + 1), one) for i, one in enumerate(self._results.top)]
        self._observer.trial(row, top)
        self._show()

    def _row(self, what: str, place: str, line: Line) -> dict[str, Any]:
        """Return the columns in which a trial is shown."""
        row = {
            what: place,
            self._metric: "failed" if "error" in line else line["score"],
            "epochs": line["epochs"],
            "seconds": line["seconds"],
        }
        names = Counter(axis.keys[-1] for axis in self._sweep.axes)
        for axis in self._sweep.axes:
            name = axis.keys[-1]
            row[name if names[name] == 1 else axis.key] = line["settings"][axis.key]
        return row

    def _heard(self, task: Task, fraction: float) -> None:
        self._hand_out.running[task.name].done = fraction
        self._show()

    def _show(self) -> None:
        under_way = sum(taken.done for taken in self._hand_out.running.values())
        done = len(self._hand_out.finished) + under_way
        self._observer.many("trials", done, self._sampler.total)
