"""Workers of a Dask cluster, on any machines.

The cluster is there before and stays: how one is started is in docs/many-runs.md.
"""

from __future__ import annotations

import pickle
import pkgutil
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nnfit.errors import ExitCode, Interrupted
from nnfit.many import versions
from nnfit.many.dask_client import ANSWER_SECONDS, TOPIC, connected, happenings
from nnfit.many.engine import (
    POLL_SECONDS,
    Outcome,
    Task,
    Work,
    WorkerLost,
    given_up,
    lost,
    seldom,
)
from nnfit.many.versions import Versions, machine_code, refuse_other
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

if TYPE_CHECKING:
    from distributed import Client


class DaskEngine:
    """Does tasks on the cluster of the scheduler at `address`, HOST:PORT.

    Up to `jobs` at once, and otherwise as many as its workers have threads, whoever comes or goes.
    """

    def __init__(
        self, address: str, jobs: int | None, stop: StopRequest, observer: Observer
    ) -> None:
        self._name, self._address = f"dask://{address}", address
        self._most, self._stop, self._observer = jobs, stop, observer
        with connected(self._address) as client:
            try:
                client.wait_for_workers(1, timeout=ANSWER_SECONDS)
            except TimeoutError:
                observer.warning(f"{self._name}: no worker is there yet; they are waited for")
            self.jobs = jobs or max(1, sum(client.nthreads().values()))
            self._refuse_others(client)
            codes = {machine_code(), *client.run(machine_code, on_error="ignore").values()}
        self.at_hand = len(codes) == 1 and None not in codes  # of the same Numba

    def results(
        self,
        work: Work,
        shared: Any,
        tasks: Iterable[Task | None],
        heard: Callable[[Task, float], None],
    ) -> Generator[tuple[Task, Any]]:
        """Yield results as `Engine.results` says."""
        coming = iter(tasks)
        with connected(self._address) as client, happenings(client) as events:
            cluster = _Cluster(client, events, work, shared, self._most)
            while True:
                while cluster.has_room() and (task := next(coming, None)) is not None:
                    cluster.submit(task)
                if not cluster.trials:
                    return
                done, _ = wait(cluster.trials, POLL_SECONDS, FIRST_COMPLETED)
                if client.status != "running":
                    raise WorkerLost(
                        f"{self._name}: the scheduler is gone; expected it to stay. "
                        "What is done is kept: start it again, and go on"
                    )
                cluster.listen(heard, self._observer)
                for trial, outcome in cluster.ended(done):
                    yield trial.task, outcome.result(trial.task.name)
                if self._stop.signal is not None:
                    raise Interrupted("stopped", self._stop.exit_code)

    def _refuse_others(self, client: Client) -> None:
        """Raise NnfitError where a machine has other versions than this one."""
        # found by those without nnfit too
        asked = pkgutil.resolve_name, f"{versions.__name__}:VERSIONS"
        try:  # the scheduler passes on what it must know itself
            client.run_on_scheduler(*asked)
        except (ImportError, AttributeError) as err:
            refuse_other(f"{self._name}, scheduler", err)
        for worker, found in client.run(*asked, on_error="return").items():
            if not isinstance(found, OSError):  # it has left
                refuse_other(f"{self._name}, worker {worker}", found)


@dataclass(eq=False)
class _Trial:
    """A task on the cluster, by its `key` there."""

    task: Task
    key: str
    worker: str | None  # to which it was given, until that is gone
    losses: int = 0  # of workers


class _Cluster:
    """What is on the cluster for one run, and what is heard of it.

    A task is given to the worker with the most threads free; where that dies the scheduler gives it
    to another one by itself. What is shared goes to the scheduler once, and from there to a worker
    with its first task: it survives all of them, which scattered data do not.
    """

    def __init__(
        self, client: Client, events: SimpleQueue[Any], work: Work, shared: Any, most: int | None
    ) -> None:
        self.trials: dict[Future[Any], _Trial] = {}
        self._client, self._events, self._work, self._most = client, events, work, most
        self._executor = client.get_executor(pure=False, retries=0)
        self._shared = client.submit(pickle.loads, pickle.dumps(shared), pure=False)
        self._threads: dict[str, int] = client.nthreads()

    def has_room(self) -> bool:
        """Return whether another task may be given."""
        return len(self.trials) < (self._most or max(1, sum(self._threads.values())))

    def submit(self, task: Task) -> None:
        """Give a task to the cluster."""
        used = Counter(trial.worker for trial in self.trials.values())
        free = {worker: n - used[worker] for worker, n in self._threads.items()}
        worker = max(free, key=lambda worker: free[worker], default=None)
        trial = _Trial(task, f"nnfit-{uuid.uuid4().hex}", worker)
        # pickled here: the scheduler looks into what is not
        order = pickle.dumps((self._work, task.arguments))
        place = {} if worker is None else {"workers": [worker], "allow_other_workers": True}
        future = self._executor.submit(
            _do, versions.VERSIONS, self._shared, order, key=trial.key, **place
        )
        self.trials[future] = trial

    def listen(self, heard: Callable[[Task, float], None], observer: Observer) -> None:
        """Pass on how much of each task is done, and tell of workers that were lost."""
        by_key, moved = {trial.key: trial for trial in self.trials.values()}, False
        while not self._events.empty():
            event = self._events.get()
            if not isinstance(event, dict):
                key, fraction = event
                if key in by_key:
                    heard(by_key[key].task, fraction)
                continue
            action = event.get("action")
            moved |= action in ("add-worker", "remove-worker")
            if action == "remove-worker" and not event.get("expected"):
                how = f"its worker {event['worker']} is gone"
                for trial in [by_key[key] for key in event["processing-tasks"] if key in by_key]:
                    trial.worker, trial.losses = None, trial.losses + 1
                    observer.warning(lost(trial.task.name, how, trial.losses))
        if moved:
            with suppress(OSError):
                self._threads = self._client.nthreads()
            if not self._threads:
                observer.warning("the cluster has no worker left; one is waited for")

    def ended(self, done: Iterable[Future[Any]]) -> Iterator[tuple[_Trial, Outcome]]:
        """Yield what came of the tasks that are `done`."""
        from distributed import KilledWorker

        for future in done:
            trial = self.trials.pop(future)
            name = trial.task.name
            if future.cancelled():
                raise WorkerLost(f"cluster: {name} was cancelled there; expected its result")
            error = future.exception()
            if isinstance(error, KilledWorker):
                how = f"its worker {error.last_worker.address} is gone"
                raise given_up(name, how, trial.losses) from error
            if isinstance(error, ModuleNotFoundError):  # of a worker that came later
                refuse_other(name, error)
            if error is not None:
                raise RuntimeError(f"{name}: {type(error).__name__}: {error}") from error
            result = future.result()
            if not isinstance(result, bytes):
                refuse_other(f"{name}, worker {result[0]}", result[1])
            yield trial, pickle.loads(result)


def _do(ours: Versions, shared: Any, order: bytes) -> bytes | tuple[str, Versions]:
    """Do a task in a thread of a worker, whose name and versions it returns if they are others.

    Nobody waits for one that was cancelled: it ends with its next report.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def report(fraction: float) -> None:
        state = worker.state.tasks.get(key)
        if state is None or state.state != "executing":
            raise Interrupted("cancelled", ExitCode.TERMINATED)
        worker.log_event(TOPIC, (key, fraction))

    if versions.VERSIONS != ours:  # it came after the others were asked
        return worker.address, versions.VERSIONS
    work, arguments = pickle.loads(order)
    with suppress(Interrupted):
        return Outcome.of(work, shared, seldom(report), arguments).pickled()
    return b""
