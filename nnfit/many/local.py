"""Workers on this machine: processes that do one task at a time, and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from nnfit import compiled
from nnfit.errors import Interrupted
from nnfit.many.engine import (
    POLL_SECONDS,
    Outcome,
    Task,
    Work,
    WorkerLost,
    lost,
    seldom,
)
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

# A process that is forked has what its parent has read, at no cost; elsewhere that is not safe.
START = "fork" if sys.platform == "linux" else "spawn"
MOURNING_SECONDS = 5.0  # at most, until the system tells how a process ended
# What a terminal sends to all its processes: the parent hears it, and ends its workers.
PARENTS = [getattr(signal, name, signal.SIGINT) for name in ("SIGINT", "SIGHUP", "SIGBREAK")]


class LocalEngine:
    """Does tasks in up to `jobs` processes; a lost one's task is tried again, and that is said."""

    def __init__(self, jobs: int, stop: StopRequest, observer: Observer) -> None:
        self.jobs, self._stop, self._observer = jobs, stop, observer
        self.at_hand = compiled.is_cached()
        self._context = multiprocessing.get_context(START)

    def results(
        self,
        work: Work,
        shared: Any,
        tasks: Iterable[Task | None],
        heard: Callable[[Task, float], None],
    ) -> Generator[tuple[Task, Any]]:
        """Yield results as `Engine.results` says."""
        workers: list[_Worker] = []
        again: list[tuple[Task, int]] = []  # and how often each was tried
        coming = iter(tasks)
        try:
            while True:
                self._hand_out(workers, again, coming, work, shared)
                busy = {worker.connection: worker for worker in workers if worker.task is not None}
                if not busy:
                    return
                for connection in wait(list(busy), POLL_SECONDS):
                    worker = busy[connection]
                    task, message = worker.task, worker.message()
                    assert task is not None
                    if message is None:
                        workers.remove(worker)
                        how = worker.post_mortem()
                        if self._stop.signal is None:  # which all of us may have had
                            self._observer.warning(lost(task.name, how, worker.tries))
                        again.append((task, worker.tries))
                    elif isinstance(message, Outcome):
                        worker.task = None
                        yield task, message.result(task.name)
                    else:
                        heard(task, message)
                if self._stop.signal is not None:
                    raise Interrupted("stopped", self._stop.exit_code)
        finally:
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.end()

    def _hand_out(
        self,
        workers: list[_Worker],
        again: list[tuple[Task, int]],
        coming: Iterator[Task | None],
        work: Work,
        shared: Any,
    ) -> None:
        """Give a task to each worker that is free, or is yet to be started."""
        while sum(worker.task is not None for worker in workers) < self.jobs:
            task, tries = again.pop(0) if again else (next(coming, None), 0)
            if task is None:
                return
            free = next((worker for worker in workers if worker.task is None), None)
            if free is None or not free.give(task, tries):
                if free is not None:  # it was killed while it had nothing to do
                    workers.remove(free)
                    free.end()
                free = _Worker(self._context, work, shared)
                workers.append(free)
                free.give(task, tries)


class _Worker:
    """A process, the pipe to it, the task that it is at, and how often that was tried with this."""

    def __init__(self, context: Any, work: Work, shared: Any) -> None:
        self.task: Task | None = None
        self.tries = 0
        try:
            self.connection, theirs = context.Pipe()
            self.process = context.Process(
                target=_serve, args=(theirs, work, shared), name="nnfit worker", daemon=True
            )
            with warnings.catch_warnings(), _deaf():
                # forking beside threads is warned of: those of the matrix products see to it
                warnings.simplefilter("ignore", DeprecationWarning)
                self.process.start()
        except OSError as err:
            reason = (err.strerror or str(err)).lower()
            raise WorkerLost(
                f"worker: cannot be started: {reason}; expected one more process. Take fewer --jobs"
            ) from err
        theirs.close()

    def give(self, task: Task, tries: int) -> bool:
        """Hand over a task that was tried so often; return whether there was somebody for it."""
        self.task, self.tries = task, tries + 1
        try:
            self.connection.send(task.arguments)
        except OSError:
            return False
        return True

    def message(self) -> Outcome | float | None:
        """Return the task's outcome, how much of it is done, or None where the process is gone."""
        try:
            received: bytes | float = self.connection.recv()
        except (EOFError, OSError):
            return None
        return pickle.loads(received) if isinstance(received, bytes) else received

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()

    def post_mortem(self) -> str:
        """Return how a process ended that has closed its pipe."""
        self.process.join(MOURNING_SECONDS)
        code = self.process.exitcode or 0
        self.end()
        if code < 0:
            return f"its process was ended by {_signal(-code)}"
        return f"its process ended with exit code {code}"


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


@contextmanager
def _deaf() -> Iterator[None]:
    """Have signals wait that a process of the block, which inherits that, could not handle yet."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection[Any, Any], work: Work, shared: Any) -> None:
    """Do tasks until the parent is gone."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):  # the parent's
            signal.signal(number, signal.SIG_DFL)
    for number in PARENTS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENTS)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):  # what is printed is the parent's to say
        os.dup2(nowhere, descriptor)
    if nowhere > 2:
        os.close(nowhere)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    report = seldom(connection.send)
    with suppress(EOFError, OSError):
        while True:
            connection.send(Outcome.of(work, shared, report, connection.recv()).pickled())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
