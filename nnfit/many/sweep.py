"""A sweep: its trials handed to workers, their lines kept, the best trained once more and saved.

A second run, here or on another machine, skips what has its line, and what another is at.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from nnfit import compiled
from nnfit.config.reading import ConfigFile
from nnfit.config.sweep import SweepFile
from nnfit.dataset.dataset import Dataset, Decided, prepare
from nnfit.dataset.deciding import shape_of
from nnfit.errors import ConfigError, Interrupted, TrainingError, joined
from nnfit.many.engine import POLL_SECONDS, Engine, Task
from nnfit.many.samplers import Sampler, make_sampler
from nnfit.many.sweep_folder import SweepFolder, about
from nnfit.many.trials import Line, Results, Shared, Trial, failed, line_of, run_trial
from nnfit.nn.names import ERRORS, METRICS
from nnfit.observer import Observer, SweepPlan
from nnfit.run.engine import settled
from nnfit.run.run import train_run
from nnfit.training.stop import StopRequest
from nnfit.training.streams import stream

DEFAULT_METRICS = {"classification": "log_loss", "regression": "rmse"}


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What came of a sweep: the line of its best trial, and the model that was trained of it."""

    best: Line
    trials: int
    model: str
    seconds: float


@dataclass
class _Running:
    """A trial that a worker is at."""

    trial: Trial
    claim: ExitStack
    seed: int
    done: float = 0.0  # of it


class Sweep:
    """A sweep in `folder`, read and checked, and nothing written yet.

    Raises
    ------
    NnfitError
        When the config, the data, the folder or any trial that is known beforehand is wrong.
    """

    def __init__(
        self, sweep: SweepFile, folder: SweepFolder, stop: StopRequest, observer: Observer
    ) -> None:
        self._began = time.monotonic()
        self._sweep, self._folder, self._stop, self._observer = sweep, folder, stop, observer
        self._decided, dataset = self._read()
        self._metric = _metric(sweep, dataset)
        self._about = about(dataset.file, dataset, self._metric, sweep.config.cv)
        folder.check(self._about)
        keys = [axis.key for axis in sweep.axes]
        self._shared = Shared.of(self._decided, keys)
        self._results = Results(folder.journal.path, self._metric, keys)
        self._hear()
        self._sampler = self._make_sampler(dataset.file.config.training.epochs)
        for settings in self._sampler.settings:
            if self._results.of(Trial(settings)) is None:
                sweep.trial(settings)
        self._pending: deque[Trial] = deque()
        self._wave: list[Trial] = []
        self._running: dict[str, _Running] = {}
        self._finished: set[tuple[str, float]] = set()
        self._ended_here = 0
        self._complete = False

    def run(self, engine: Engine) -> Swept:
        """Run what is left to run, and train the best.

        Raises
        ------
        Interrupted
            When a signal came; what is done is kept.
        TrainingError
            When no trial came to anything.
        """
        self._folder.make(self._about)
        self._observer.sweep_started(self._plan(engine.jobs))
        try:
            with self._stop:
                self._run_trials(engine)
            best = self._results.best
            if best is None:
                raise TrainingError(
                    f"{self._folder.journal.path}: no trial has a score; the last: "
                    f"{self._results.failure or 'none was begun'}"
                )
            self._train(best)
        except Interrupted as stopped:
            text = f"stopped; {self._done} of {self._sampler.total} trials are done, "
            text += f"in {self._folder.journal.path}; the same command goes on"
            raise Interrupted(text, stopped.exit_code) from None
        return Swept(
            best=best,
            trials=len(self._results),
            model=self._folder.model,
            seconds=time.monotonic() - self._began,
        )

    def _read(self) -> tuple[Decided, Dataset]:
        """Return the table, and what becomes of it by the config alone."""
        stored = self._folder.about() or {}
        first = stored.get("config")
        begun = first.get("training.engine", "numpy") if isinstance(first, dict) else "auto"
        self._at_hand = begun == "auto" and compiled.is_cached()
        base = settled(self._sweep.base, self._at_hand)
        decided = Decided.read(base, None, self._observer)
        dataset = prepare(base, decided, stream(base.config.seed, "split"), self._observer)
        judged = "validation" in dataset.parts or dataset.folds is not None
        if not judged and self._sweep.config.cv is None:
            raise ConfigError(
                f"{base.where('data.validation')}: leaves no validation rows, by which trials are "
                "compared. Hold some out, such as 0.2, or compare by folds, --cv 5"
            )
        return decided, dataset

    def _make_sampler(self, epochs: int) -> Sampler:
        if self._sweep.sampler != "tpe":
            return make_sampler(self._sweep, epochs)
        from nnfit.many.tpe import Tpe

        return Tpe(self._sweep, self._folder, self._metric)

    def _plan(self, jobs: int) -> SweepPlan:
        config, cv = self._sweep.config, self._sweep.config.cv
        return SweepPlan(
            config=self._sweep.base.name,
            folder=self._folder.path,
            keys=[axis.key for axis in self._sweep.axes],
            sampler=self._sweep.sampler,
            trials=self._sampler.total,
            there=len(self._results),
            metric=self._metric,
            less_is_better=self._metric in ERRORS,
            judged_by="validation rows" if cv is None else f"{cv} folds",
            jobs=jobs,
            seconds=config.seconds,
        )

    def _run_trials(self, engine: Engine) -> None:
        results = engine.results(run_trial, self._shared, self._tasks(), self._heard)
        try:
            for task, told in results:
                running = self._running[task.name]
                self._ended(running.trial, told, running.seed)
                self._running.pop(task.name).claim.close()
        finally:
            results.close()
            for running in self._running.values():
                running.claim.close()
        if self._stop.signal is not None:
            raise Interrupted("stopped", self._stop.exit_code)
        if self._complete and self._sampler.goes_on:
            self._folder.forget(self._wave)
        self._folder.tidy()

    def _tasks(self) -> Iterator[Task | None]:
        """Yield what a free worker can do, None while a result must come first."""
        while self._stop.signal is None and self._time_left > 0.0:
            running = self._take()
            if running is not None:
                if task := self._task(running):
                    yield task
                continue
            if not self._pending:
                wave = self._sampler.wave(self._results)
                if wave == []:
                    self._complete = True
                    return
                if wave is not None:
                    self._begin(wave)
                    continue
            if self._running:
                yield None
            else:  # the others' results must come first
                time.sleep(POLL_SECONDS)
                self._hear()

    def _begin(self, wave: list[Trial]) -> None:
        """Put the trials of a wave up to be taken, but for those that have their line."""
        ids = {trial.id for trial in wave}
        if self._sampler.goes_on:
            self._folder.forget(trial for trial in self._wave if trial.id not in ids)
        self._wave = wave
        for trial in wave:
            line = self._results.of(trial)
            if line is None:
                self._pending.append(trial)
            else:
                self._tell(trial, line)

    def _take(self) -> _Running | None:
        """Return the next trial that has no line and that nobody is at."""
        for _ in range(len(self._pending)):
            trial = self._pending.popleft()
            claim = self._folder.claim(trial)
            if claim is None:
                self._pending.append(trial)
                continue
            self._hear()  # who was at it may just have ended it
            line = self._results.of(trial)
            if line is None:
                return _Running(trial, claim, 0)
            claim.close()
            self._tell(trial, line)
        return None

    def _task(self, running: _Running) -> Task | None:
        """Return the work on a trial; None where its config is wrong, which is its result."""
        trial = running.trial
        try:
            file = self._prepared(trial.settings, {"refit": False})  # which changes no score
        except ConfigError as err:
            self._ended(trial, failed(err), self._sweep.base.config.seed)
            running.claim.close()
            return None
        running.seed = file.config.seed
        task = f"trial {trial.id}"
        self._running[task] = running
        output = self._folder.output(trial) if self._sampler.goes_on else None
        return Task(task, (file, trial.share, output))

    def _prepared(self, settings: Mapping[str, Any], also: Mapping[str, Any]) -> ConfigFile:
        """Return the config of a trial as any worker runs it, with other keys of `training`."""
        file = settled(self._sweep.trial(settings), self._at_hand)
        training = file.config.training
        threads = 1 if training.threads == "auto" else training.threads
        training = training.model_copy(update={"threads": threads, **also})
        return dataclasses.replace(
            file, config=file.config.model_copy(update={"training": training})
        )

    def _train(self, line: Line) -> None:
        """Train by the settings of a trial and save the model, unless it is there."""
        file = self._prepared(line["settings"], {})
        source = self._shared.source(file) or Decided.read(file, None, Observer())
        known = source.decisions
        shape = shape_of(source.rows, known.columns, known.n_outputs, known.labels)
        file = self._folder.at_home(file.resolved(shape))
        if self._folder.has(file):
            return
        run = train_run(file, source, stop=self._stop)
        if run.failure is not None:
            raise run.failure
        if run.summary.interrupted:
            raise Interrupted("stopped", self._stop.exit_code)
        self._folder.save(run, file)

    def _ended(self, trial: Trial, told: Mapping[str, Any], seed: int) -> None:
        """Keep the line of a trial, whatever becomes of this process after."""
        line = line_of(trial, told, self._metric, seed)

        def alike(other: Line) -> bool:
            return other["id"] == line["id"] and other.get("share", 1.0) == line.get("share", 1.0)

        for other in self._folder.journal.append(line, unless=alike):
            self._results.add(other)
        self._results.add(line)
        self._ended_here += 1
        self._tell(trial, line)
        self._observer.trial_ended(line, self._results.best is line)

    def _tell(self, trial: Trial, line: Line) -> None:
        self._finished.add((trial.id, trial.share))
        self._sampler.told(trial, line)

    @property
    def _done(self) -> int:
        return len(self._finished)

    def _hear(self) -> None:
        for line in self._folder.journal.news():
            self._results.add(line)

    def _heard(self, task: Task, fraction: float) -> None:
        self._running[task.name].done = fraction
        under_way = sum(running.done for running in self._running.values())
        elapsed, work = time.monotonic() - self._began, self._ended_here + under_way
        rest = self._sampler.total - self._done - under_way
        left = elapsed / work * max(0.0, rest) if work > 0.0 else None
        if left is not None:
            left = min(left, max(0.0, self._time_left))
        self._observer.sweep_progress(self._done, under_way, left)

    @property
    def _time_left(self) -> float:
        return self._sweep.config.seconds - (time.monotonic() - self._began)


def _metric(sweep: SweepFile, dataset: Dataset) -> str:
    """Return the metric by which trials are compared.

    By default one that means the same whatever loss a trial is trained by.
    """
    metric = sweep.config.metric or DEFAULT_METRICS[dataset.task]
    known = METRICS[dataset.task]
    if metric not in known:
        raise ConfigError(
            f"--metric: got {metric!r} for a {dataset.task}; expected {joined(known, 'or')}"
        )
    return metric
