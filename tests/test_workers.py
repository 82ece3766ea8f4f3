"""Engines, local processes and a Dask cluster: the same results, deaths, errors, interrupts."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tasks

from nnfit.errors import Interrupted, NnfitError
from nnfit.many import local
from nnfit.many.engine import Engine, Task, WorkerLost
from nnfit.many.engines import make_engine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals to send there")

Make = Callable[..., Engine]


class Heard(Observer):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def stop() -> StopRequest:
    return StopRequest()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=60
    ) as cluster:
        yield cluster.scheduler_address.removeprefix("tcp://")


@pytest.fixture(params=["local", "dask"])
def make(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    stop: StopRequest,
    heard: Heard,
) -> Make:
    """Makes an engine for so many jobs; `spawn` is the local one, as it is beside Linux."""
    name = "local"
    if request.param == "dask":
        name = f"dask://{request.getfixturevalue('scheduler')}"
    elif request.param == "spawn":
        monkeypatch.setattr(local, "START", "spawn")
    return lambda jobs=2: make_engine(name, jobs, stop, heard)


EVERY = pytest.mark.parametrize("make", ["local", "spawn", "dask"], indirect=True)
LOCAL = pytest.mark.parametrize("make", ["local"], indirect=True)  # for Dask's see test_dask


def nothing(task: Task, fraction: float) -> None:
    pass


def done(engine: Engine, work: Any, shared: Any, *arguments: tuple[Any, ...]) -> list[Any]:
    """Return the results in the order of the arguments."""
    names = [Task(f"task {i + 1}", given) for i, given in enumerate(arguments)]
    found = {task.name: value for task, value in engine.results(work, shared, names, nothing)}
    assert len(found) == len(names)
    return [found[task.name] for task in names]


def gone(pid: int) -> bool:
    """Return whether a process has ended, or does soon."""
    end = time.monotonic() + tasks.LONGEST / 2
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def written(path: Path) -> str:
    """Return the text of a file that somebody else writes, as soon as it is there."""
    end = time.monotonic() + tasks.LONGEST
    while time.monotonic() < end:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} was never written")


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_are_the_same_for_any_number_of_workers(make: Make, jobs: int) -> None:
    found = done(make(jobs), tasks.multiplied, 3, *[(x,) for x in range(7)])
    assert [product for product, _ in found] == [0, 3, 6, 9, 12, 15, 18]
    workers = {worker for _, worker in found}
    assert 1 <= len(workers) <= jobs and os.getpid() not in workers
    assert done(make(jobs), tasks.multiplied, 3) == []  # no tasks


@EVERY
def test_a_lost_worker_is_a_retried_task_and_said(make: Make, heard: Heard, tmp_path: Path) -> None:
    given = [(0, "a"), (1, "b"), (0, "c"), (0, "d")]
    assert done(make(), tasks.dying, tmp_path, *given) == [
        "a after 0", "b after 1", "c after 0", "d after 0",
    ]  # fmt: skip
    (said,) = heard.warnings
    how = r"its process was ended by SIGKILL|its worker tcp://127\.0\.0\.1:\d+ is gone"
    assert re.fullmatch(rf"task 2: ({how}); tried again", said)


@LOCAL
def test_a_task_that_lost_its_workers_three_times_is_an_error(
    make: Make, heard: Heard, tmp_path: Path
) -> None:
    with pytest.raises(WorkerLost) as caught:
        done(make(), tasks.dying, tmp_path, (9, "a"))
    (said,) = caught.value.messages
    assert re.fullmatch(
        r"task 1: its (process|worker) .*, 3 times; expected its result. Where memory ran out, "
        r"give it more, or take fewer --jobs",
        said,
    )
    assert caught.value.exit_code == 1
    assert len(heard.warnings) == 2
    assert len(list(tmp_path.iterdir())) == 3


@LOCAL
def test_tries_are_those_of_one_task(make: Make, heard: Heard, tmp_path: Path) -> None:
    """Lose a worker in each of four tasks, whose objects may follow one another in memory."""
    coming = (Task("same name", (1, f"{i}")) for i in range(4))
    engine = make(1)
    found = [value for _, value in engine.results(tasks.dying, tmp_path, coming, nothing)]
    assert found == [f"{i} after 1" for i in range(4)]
    assert len(heard.warnings) == 4


@pytest.mark.parametrize(
    ("how", "messages", "code"),
    [
        ("data", ("task 1: x.csv: is wrong", "task 1: y.csv: is wrong too"), 2),
        ("training", ("task 1: loss became nan",), 1),
        (
            "memory",
            (
                "task 1: out of memory (unable to allocate 7 GiB); use less data, a smaller model "
                "or fewer --jobs",
            ),
            1,
        ),
    ],
)
def test_an_error_comes_back_with_its_messages_and_exit_code(
    make: Make, how: str, messages: tuple[str, ...], code: int
) -> None:
    with pytest.raises(NnfitError) as caught:
        done(make(1), tasks.failing, None, (how,))
    assert (caught.value.messages, caught.value.exit_code) == (messages, code)


@pytest.mark.parametrize(
    ("how", "last", "where"),
    [("bug", "ZeroDivisionError", "in failing"), ("pickle", "_thread.lock", "_thread.lock")],
)
def test_a_bug_comes_back_with_where_it_was(make: Make, how: str, last: str, where: str) -> None:
    with pytest.raises(RuntimeError, match="^task 1: ") as caught:
        done(make(1), tasks.failing, None, (how,))
    assert "\n" not in str(caught.value) and last.lower() in str(caught.value).lower()
    assert where in str(caught.value.__cause__)


def test_later_tasks_may_depend_on_results(make: Make) -> None:
    found: list[int] = []

    def coming() -> Iterator[Task | None]:
        yield Task("a", (2,))
        yield Task("b", (3,))
        while len(found) < 2:
            yield None
        yield Task("of both", (sum(found),))
        while len(found) < 3:
            yield None

    for _, (product, _) in make(3).results(tasks.multiplied, 10, coming(), nothing):
        found.append(product)
    assert found == [*sorted(found[:2]), 500] or found == [30, 20, 500]


@EVERY
def test_what_is_shared_reaches_each_worker_once(
    make: Make, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    given = [(0.05,)] * 8
    assert done(make(), tasks.number_of, tasks.Counted(tmp_path), *given) == [7] * 8
    reads = [path.read_text() for path in tmp_path.glob("read-*")]
    assert set(reads) <= {"x"}
    if "dask" in request.node.name:  # one that was killed may not be back
        assert 1 <= len(reads) <= 2
    else:
        assert len(reads) == (0 if local.START == "fork" else 2)


def test_each_has_one_blas_thread_and_none_needs_shared_memory(make: Make) -> None:
    engine, ours = make(), tasks.shared_memory()
    for threads, shared in done(engine, tasks.surroundings, None, (), ()):
        assert threads and set(threads) == {1}
        if isinstance(engine, local.LocalEngine):  # Dask's own workers have semaphores there
            assert shared <= ours


@EVERY
def test_a_signal_ends_the_work(make: Make, stop: StopRequest, tmp_path: Path) -> None:
    fractions: list[float] = []

    def heard(task: Task, fraction: float) -> None:
        if not fractions:
            signal.raise_signal(signal.SIGINT)
        fractions.append(fraction)

    engine = make()
    coming = [Task("a", ("a",)), Task("b", ("b",)), Task("never", ("never",))]
    with stop, pytest.raises(Interrupted) as caught:
        for _ in engine.results(tasks.going_on, tmp_path, coming, heard):
            pytest.fail("a task ended")
    assert caught.value.exit_code == 130
    assert set(fractions) == {0.5}
    begun = {path.name for path in tmp_path.iterdir()} - {"a-ended", "b-ended"}
    assert begun and begun <= {"a", "b"}
    for name in begun:
        if isinstance(engine, local.LocalEngine):
            assert gone(int((tmp_path / name).read_text()))
        else:  # the cluster's processes stay; a task ends with its next report
            written(tmp_path / f"{name}-ended")


def test_who_stops_asking_leaves_nothing(make: Make, tmp_path: Path) -> None:
    """Close the results in the middle: no child process, and no open file more than before."""
    engine = make()
    descriptors: list[int] = []
    for _ in range(3):
        results = engine.results(tasks.multiplied, 1, [Task("a", (1,)), Task("b", (2,))], nothing)
        next(results)
        results.close()
        descriptors.append(len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)
    assert not [p for p in multiprocessing.active_children() if p.name == "nnfit worker"]
    if not isinstance(engine, local.LocalEngine):
        return  # the scheduler is in this process too: see test_dask
    assert descriptors[0] == descriptors[2]


@LOCAL
def test_one_killed_while_it_is_free_is_replaced(make: Make) -> None:
    engine = make(1)
    workers = []
    for _, (_, pid) in engine.results(
        tasks.multiplied, 1, [Task("a", (1,)), Task("b", (2,))], nothing
    ):
        workers.append(pid)
        os.kill(pid, signal.SIGKILL)
        for child in multiprocessing.active_children():
            if child.pid == pid:
                child.join(tasks.LONGEST)
    assert len(set(workers)) == 2


def test_a_worker_that_cannot_be_started_is_one_line(
    monkeypatch: pytest.MonkeyPatch, stop: StopRequest, heard: Heard
) -> None:
    def refused(*args: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refused)
    with pytest.raises(WorkerLost) as caught:
        done(make_engine("local", 1, stop, heard), tasks.multiplied, 1, (1,))
    assert caught.value.messages == (
        "worker: cannot be started: resource temporarily unavailable; expected one more process. "
        "Take fewer --jobs",
    )


PARENT = """\
import sys
from pathlib import Path
import tasks
from nnfit.many import local
from nnfit.many.engine import Task
from nnfit.many.engines import make_engine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

if __name__ == "__main__":
    local.START = sys.argv[1]
    engine = make_engine("local", 2, StopRequest(), Observer())
    coming = [Task(name, (name,)) for name in "ab"]
    list(engine.results(tasks.waiting, Path(sys.argv[2]), coming, lambda *heard: None))
"""


@pytest.mark.parametrize("start", sorted({local.START, "spawn"}))
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, start: str) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    path = os.pathsep.join([str(Path(tasks.__file__).parent), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "parent.py", start, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        workers = [int(written(tmp_path / name)) for name in "ab"]
    finally:
        parent.kill()
        parent.wait()
    assert len({*workers}) == 2
    assert all(gone(pid) for pid in workers)


@pytest.mark.parametrize(
    ("engine", "jobs", "said"),
    [
        ("local", 0, "--jobs: got 0; expected 1 or more"),
        ("dask://127.0.0.1:8786", -1, "--jobs: got -1; expected 1 or more"),
        *(
            (
                name,
                None,
                f"--engine: got '{name}'; expected local or dask://HOST:PORT, as in "
                "dask://127.0.0.1:8786",
            )
            for name in (
                "ray", "", "dask", "dask://", "dask://host", "dask://host:0", "dask://host:65536",
                "dask://:8786", "dask://a b:8786", "tcp://host:8786", "dask://me@host:8786",
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_engine_is_one_line(
    stop: StopRequest, heard: Heard, engine: str, jobs: int | None, said: str
) -> None:
    with pytest.raises(NnfitError) as caught:
        make_engine(engine, jobs, stop, heard)
    assert caught.value.messages == (said,)
    assert caught.value.exit_code == 2
