"""Workers of a Dask cluster, on any machines; the only home of `distributed`.

The cluster is there before and stays: how one is started is in docs/many-runs.md.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import pkgutil
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfit import compiled
from nnfit.errors import ExitCode, Interrupted, NnfitError
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
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest
from nnfit.version import __version__

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 10.0  # until a scheduler has to answer, and a first worker should be there
CLOSING_SECONDS = 2.0
TOPIC = "nnfit"  # of the events that tell how far tasks are
_Versions = dict[str, str]
# on which results depend
VERSIONS: _Versions = {
    "nnfit": __version__,
    "numpy": np.__version__,
    "pandas": version("pandas"),
}


class DaskEngine:
    """Does tasks on the cluster of the scheduler at `address`, HOST:PORT.

    Up to `jobs` at once, and otherwise as many as its workers have threads, whoever comes or goes.
    """

    def __init__(
        self, address: str, jobs: int | None, stop: StopRequest, observer: Observer
    ) -> None:
        self._name, self._address = f"dask://{address}", address
        self._most, self._stop, self._observer = jobs, stop, observer
        with self._connected() as client:
            try:
                client.wait_for_workers(1, timeout=ANSWER_SECONDS)
            except TimeoutError:
                observer.warning(f"{self._name}: no worker is there yet; they are waited for")
            self.jobs = jobs or max(1, sum(client.nthreads().values()))
            self._refuse_others(client)
            codes = {_machine_code(), *client.run(_machine_code, on_error="ignore").values()}
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
        with self._connected() as client, _events(client) as events:
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

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        """Lend a client, quiet and closed afterwards: the cluster then forgets all that it gave."""
        try:
            import dask
            from distributed import Client
        except ImportError as err:
            raise NnfitError(
                f"{self._name}: needs Dask, which is not installed. Run: pip install distributed"
            ) from err
        warnings.filterwarnings("ignore", module=r"(dask|distributed|tornado)\b")
        before = logging.root.manager.disable
        logging.disable()
        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
                self._require_scheduler()
                client = Client(self._address, timeout=ANSWER_SECONDS, set_as_default=False)
                try:
                    yield client
                finally:
                    with suppress(TimeoutError):
                        client.close(timeout=CLOSING_SECONDS)
        finally:
            logging.disable(before)

    async def _asked(self) -> Any:
        """Return what the scheduler says of itself."""
        from distributed import Security, rpc

        security = Security().get_connection_args("client")
        async with rpc(self._address, connection_args=security) as scheduler:
            return await scheduler.identity()

    def _require_scheduler(self) -> None:
        """Raise NnfitError where none answers: a client would wait for ever for one that hangs."""
        try:
            asyncio.run(asyncio.wait_for(self._asked(), ANSWER_SECONDS))["workers"]
        except Exception as err:  # whatever answers may be none
            raise NnfitError(
                f"{self._name}: no scheduler answers within {ANSWER_SECONDS:g} seconds; expected "
                "one of Dask, as `dask scheduler` starts it. Look at the address and its port"
            ) from err

    def _refuse_others(self, client: Client) -> None:
        """Raise NnfitError where a machine has other versions than this one."""
        asked = pkgutil.resolve_name, f"{__name__}:VERSIONS"  # found by those without nnfit too
        try:  # the scheduler passes on what it must know itself
            client.run_on_scheduler(*asked)
        except ImportError as err:
            _refuse_other(f"{self._name}, scheduler", err)
        for worker, found in client.run(*asked, on_error="return").items():
            if not isinstance(found, OSError):  # it has left
                _refuse_other(f"{self._name}, worker {worker}", found)


def _refuse_other(where: str, found: Any) -> None:
    """Raise NnfitError unless `found` are our VERSIONS; an error came where nnfit is missing."""
    if isinstance(found, Exception):
        raise NnfitError(
            f"{where}: {found}; expected nnfit {__version__} as here. "
            "Run there, in the same checkout: pip install ."
        )
    for name, ours in VERSIONS.items():
        if found.get(name) != ours:
            source = f"{name}=={ours}" if name != "nnfit" else "."
            raise NnfitError(
                f"{where}: has {name} {found.get(name)}; expected {ours} as here, on which results "
                f"depend. Run there: pip install {source}"
            )


def _machine_code() -> str | None:
    """Return of which Numba the compiled engine's machine code on disk is, if it is there."""
    return version("numba") if not compiled.lacks() and compiled.is_cached() else None


@contextmanager
def _events(client: Client) -> Iterator[SimpleQueue[Any]]:
    """Lend what happens on the cluster while we look."""
    events: SimpleQueue[Any] = SimpleQueue()
    topics = ("all", TOPIC)
    for topic in topics:
        client.subscribe_topic(topic, lambda event: events.put(event[1]))
    try:
        yield events
    finally:
        if client.status == "running":
            for topic in topics:
                client.unsubscribe_topic(topic)


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
        future = self._executor.submit(_do, VERSIONS, self._shared, order, key=trial.key, **place)
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
                _refuse_other(name, error)
            if error is not None:
                raise RuntimeError(f"{name}: {type(error).__name__}: {error}") from error
            result = future.result()
            if not isinstance(result, bytes):
                _refuse_other(f"{name}, worker {result[0]}", result[1])
            yield trial, pickle.loads(result)


def _do(versions: _Versions, shared: Any, order: bytes) -> bytes | tuple[str, _Versions]:
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

    if versions != VERSIONS:  # it came after the others were asked
        return worker.address, VERSIONS
    work, arguments = pickle.loads(order)
    with suppress(Interrupted):
        return Outcome.of(work, shared, seldom(report), arguments).pickled()
    return b""
