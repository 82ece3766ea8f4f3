"""Workers on this machine: processes that do one task at a time, and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from nnfit import compiled
from nnfit.errors import Interrupted
from nnfit.many.engine import POLL_SECONDS, Outcome, Report, Task, Work, lost, seldom
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

# A process that is forked has what its parent has read, at no cost; elsewhere that is not safe.
START = "fork" if sys.platform == "linux" else "spawn"
MOURNING_SECONDS = 5.0  # at most, until the system tells how a process ended


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
        again: list[Task] = []
        tries: dict[int, int] = {}  # by the task's identity: names may be alike
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
                        tries[id(task)] = tries.get(id(task), 0) + 1
                        self._observer.warning(
                            lost(task.name, worker.post_mortem(), tries[id(task)])
                        )
                        again.append(task)
                    elif isinstance(message, Outcome):
                        worker.task = None
                        yield task, message.result(task.name)
                    else:
                        heard(task, message)
                if self._stop.signal is not None:
                    raise Interrupted("stopped", self._stop.exit_code)
        finally:
            for worker in workers:
                worker.end()

    def _hand_out(
        self,
        workers: list[_Worker],
        again: list[Task],
        coming: Iterator[Task | None],
        work: Work,
        shared: Any,
    ) -> None:
        """Give a task to each worker that is free, or is yet to be started."""
        while sum(worker.task is not None for worker in workers) < self.jobs:
            task = again.pop(0) if again else next(coming, None)
            if task is None:
                return
            free = next((worker for worker in workers if worker.task is None), None)
            if free is None or not free.give(task):
                if free is not None:  # it was killed while it had nothing to do
                    workers.remove(free)
                    free.end()
                free = _Worker(self._context, work, shared)
                free.give(task)
                workers.append(free)


class _Worker:
    """A process, the pipe to it, and the task that it is at."""

    def __init__(self, context: Any, work: Work, shared: Any) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, work, shared), name="nnfit worker", daemon=True
        )
        with warnings.catch_warnings():
            # forking beside threads is warned of: those of the matrix products see to it themselves
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> bool:
        """Hand over a task; return whether there was somebody to take it."""
        self.task = task
        try:
            self.connection.send(task.arguments)
        except OSError:
            return False
        return True

    def message(self) -> Outcome | float | None:
        """Return the task's outcome, how much of it is done, or None where the process is gone."""
        try:
            received: Outcome | float = self.connection.recv()
        except (EOFError, OSError):
            return None
        return received

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def post_mortem(self) -> str:
        """Return how a process ended that has closed its pipe."""
        self.process.join(MOURNING_SECONDS)
        code = self.process.exitcode or 0
        self.end()
        return f"its process was ended by {_signal(-code)}" if code < 0 else "its process ended"


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _serve(connection: Connection[Any, Any], work: Work, shared: Any) -> None:
    """Do tasks until the parent is gone."""
    for number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:
        signal.signal(number, signal.SIG_IGN)  # the parent hears them, and ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):  # what is printed is the parent's to say
        os.dup2(nowhere, descriptor)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lock = threading.Lock()

    def send(message: Any) -> None:
        with lock, suppress(OSError):
            connection.send(message)

    report: Report = seldom(send)
    with suppress(EOFError, OSError):
        while True:
            arguments = connection.recv()
            send(Outcome.of(work, shared, report, arguments))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
