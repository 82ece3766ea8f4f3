"""The trials of a sweep as they are handed out: none that has its line, none that another is at."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from nnfit.many.engine import POLL_SECONDS, Task
from nnfit.many.samplers import Sampler
from nnfit.many.sweep_folder import SweepFolder
from nnfit.many.trials import Line, Results, Trial


@dataclass
class Running:
    """A trial that a worker is at, or was, and how much of it is done."""

    trial: Trial
    claim: ExitStack
    done: float = 0.0


class HandOut:
    """Takes trials from a sampler, and gives them back where they come to nothing.

    Parameters
    ----------
    over : callable
        Whether no trial is to begin any more.
    task_of : callable
        Returns the work on a trial, or None if there is none to do.

    Attributes
    ----------
    running : dict
        By the name of the task.
    finished : set
        The ids and shares of those that have their line.
    complete : bool
        Whether the sampler has no further trial.
    """

    def __init__(
        self,
        sampler: Sampler,
        results: Results,
        folder: SweepFolder,
        over: Callable[[], bool],
        task_of: Callable[[Trial], Task | None],
    ) -> None:
        self._sampler, self._results, self._folder = sampler, results, folder
        self._over, self._task_of = over, task_of
        self.running: dict[str, Running] = {}
        self.finished: set[tuple[str, float]] = set()
        self.complete = False
        self._pending: deque[Trial] = deque()
        self._wave: list[Trial] = []

    def tasks(self) -> Iterator[Task | None]:
        """Yield what a free worker can do, None while a result must come first."""
        while not self._over():
            taken = self._take()
            if taken is not None:
                with ExitStack() as unless_run:
                    unless_run.enter_context(taken.claim)
                    if task := self._task_of(taken.trial):
                        self.running[task.name] = taken
                        unless_run.pop_all()
                if task:
                    yield task
                continue
            if not self._pending:
                wave = self._sampler.wave(self._results)
                if wave == []:
                    self.complete = True
                    return
                if wave is not None:
                    self._begin(wave)
                    continue
            if self.running:
                yield None
            else:  # what others are at must end first
                time.sleep(POLL_SECONDS)
                self._hear()

    def tell(self, trial: Trial, line: Line) -> None:
        """Hear what came of a trial."""
        self.finished.add((trial.id, trial.share))
        self._sampler.told(trial, line)

    def take_back(self) -> None:
        """Put up again what workers were at: they are no more."""
        for taken in self.running.values():
            taken.claim.close()
            self._pending.appendleft(taken.trial)
        self.running.clear()

    def tidy(self) -> None:
        """Remove what only a sweep that is gone on with needs: where it is complete, all."""
        if self.complete and self._sampler.goes_on:
            self._folder.forget(self._wave)
        self._folder.tidy()

    def _begin(self, wave: list[Trial]) -> None:
        """Put up the trials of a wave that have no line yet."""
        ids = {trial.id for trial in wave}
        if self._sampler.goes_on:
            self._folder.forget(trial for trial in self._wave if trial.id not in ids)
        self._wave = wave
        for trial in wave:
            line = self._results.of(trial)
            if line is None:
                self._pending.append(trial)
            else:
                self.tell(trial, line)

    def _take(self) -> Running | None:
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
                return Running(trial, claim)
            claim.close()
            self.tell(trial, line)
        return None

    def _hear(self) -> None:
        for line in self._folder.journal.news():
            self._results.add(line)
