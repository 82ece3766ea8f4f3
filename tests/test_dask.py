"""The Dask engine beside what both engines do: who is refused, what the cluster keeps, silence."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tasks

from nnfit import compiled
from nnfit.errors import NnfitError
from nnfit.many import dask, dask_client, versions
from nnfit.many.engine import Task, WorkerLost
from nnfit.many.engines import make_engine
from nnfit.many.local import LocalEngine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest
from nnfit.version import __version__

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals to send there")

HERE = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two processes of one thread, and the scheduler in ours."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=60
    ) as made:
        yield made


@pytest.fixture
def name(cluster: Any) -> str:
    """What `--engine` calls the cluster."""
    return "dask://" + cluster.scheduler_address.removeprefix("tcp://")


def made(name: str, jobs: int | None = None) -> dask.DaskEngine:
    engine = make_engine(name, jobs, StopRequest(), Observer())
    assert isinstance(engine, dask.DaskEngine)
    return engine


def done(engine: dask.DaskEngine, work: Any, shared: Any, *arguments: tuple[Any, ...]) -> list[Any]:
    coming = [Task(f"task {i + 1}", given) for i, given in enumerate(arguments)]
    return [value for _, value in engine.results(work, shared, coming, lambda task, share: None)]


def refusal(do: Callable[[], Any]) -> str:
    """Return the one message of an error of bad input."""
    with pytest.raises(NnfitError) as caught:
        do()
    assert caught.value.exit_code == 2
    (message,) = caught.value.messages
    return message


def eventually(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + tasks.LONGEST / 2
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_cv_gives_the_same_bytes_as_local_processes(
    cli: Commands, tiny: Example, name: str
) -> None:
    args = ("cv", "tiny.yaml", "--set", "training.epochs=3", "--set", "training.engine=numpy")
    written = []
    for engine in ("local", name):
        found = cli(*args, "--engine", engine, "-o", "oof.csv")
        assert found.code == 0, found.err
        written.append(Path("oof.csv").read_bytes())
    assert written[0] == written[1]


def test_trials_find_the_data_from_another_folder(cli: Commands, tiny: Example, name: str) -> None:
    """Sweep over a key of `data`, where each trial reads the CSV: workers stand elsewhere."""
    args = ("sweep", "tiny.yaml", "--set", "training.epochs=2", "--set", "training.engine=numpy")
    lines = []
    for folder, engine in (("here", "local"), ("there", name)):
        over = ("--over", "data.missing_values=[a],[red]")
        assert cli(*args, *over, "--engine", engine, "-o", folder, "-q").code == 0
        found = [json.loads(line) for line in Path(folder, "SWEEP.jsonl").read_text().splitlines()]
        lines.append({line["id"]: {**line, "seconds": 0} for line in found})
    assert len(lines[0]) == 2 and lines[0] == lines[1]


def test_trials_keep_their_checkpoints_by_a_path_that_is_the_same_anywhere(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs: list[str] = []

    class Noting(LocalEngine):
        """Notes where a trial has its checkpoint."""

        def results(self, work: Any, shared: Any, tasks: Any, heard: Any) -> Any:
            def noted() -> Iterator[Task | None]:
                for task in tasks:
                    outputs.extend([] if task is None else [task.arguments[2]])
                    yield task

            return super().results(work, shared, noted(), heard)

    monkeypatch.setattr("nnfit.many.engines.LocalEngine", Noting)
    over = ("--over", "optimizer.learning_rate=0.1,0.2,0.3", "--sampler", "halving")
    assert cli("sweep", "tiny.yaml", *over, "--set", "training.epochs=3", "-o", "out").code == 0
    folder = Path("out", "trials").absolute()
    assert outputs and all(Path(output).parent == folder for output in outputs)


@pytest.mark.parametrize("package", ["nnfit", "numpy", "pandas"])
def test_other_versions_are_refused_first(
    name: str, cluster: Any, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    theirs = versions.VERSIONS[package]
    monkeypatch.setattr(versions, "VERSIONS", {**versions.VERSIONS, package: "0.0.1"})
    source = "." if package == "nnfit" else f"{package}==0.0.1"
    worker = next(iter(cluster.scheduler.workers))
    assert refusal(lambda: made(name)) == (
        f"{name}, worker {worker}: has {package} {theirs}; expected 0.0.1 as here, on which "
        f"results depend. Run there: pip install {source}"
    )


def remember(these: dict[str, str]) -> None:
    versions.VERSIONS.update(these)


def test_other_versions_of_workers_that_come_later_are_refused_too(name: str, cluster: Any) -> None:
    engine, ours = made(name), dict(versions.VERSIONS)
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.run(remember, {"numpy": "0.0.1"})  # as if they came now
        said = refusal(lambda: done(engine, tasks.multiplied, 1, (1,)))
        client.run(remember, ours)
    assert said.startswith("task 1, worker tcp://127.0.0.1:")
    assert f": has numpy 0.0.1; expected {np.__version__} as here" in said


def hide(package: str) -> None:
    sys.modules[package] = None  # type: ignore[assignment]


def show(package: str) -> None:
    del sys.modules[package]


def test_a_worker_without_nnfit_is_told_how_to_get_it(name: str, cluster: Any) -> None:
    hidden, worker = "nnfit.many.versions", next(iter(cluster.scheduler.workers))
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.run(hide, hidden, workers=[worker])
        said = refusal(lambda: made(name))
        client.run(show, hidden, workers=[worker])
    assert said.startswith(f"{name}, worker {worker}: import of {hidden} halted")
    assert said.endswith(
        f"; expected nnfit {__version__} as here. Run there, in the same checkout: pip install ."
    )


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of somebody who never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_scheduler_that_does_not_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, mute: str, cluster: Any
) -> None:
    monkeypatch.setattr(dask_client, "ANSWER_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    worker = next(iter(cluster.scheduler.workers)).removeprefix("tcp://")
    for address in (mute, closed, worker, "no-such-host.invalid:8786"):
        assert refusal(lambda: made(f"dask://{address}")) == (  # noqa: B023
            f"dask://{address}: no scheduler answers within 0.5 seconds; expected one of Dask, as "
            "`dask scheduler` starts it. Look at the address and its port"
        )


@pytest.mark.parametrize("package", ["dask", "distributed"])
def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal(lambda: made("dask://127.0.0.1:8786")) == (
        "dask://127.0.0.1:8786: needs Dask, which is not installed. Run: pip install distributed"
    )


def test_jobs_bound_what_is_done_at_once(name: str, tmp_path: Path) -> None:
    arguments = [(f"{i}",) for i in range(4)]
    assert max(done(made(name, 1), tasks.counting, tmp_path, *arguments)) == 1
    engine = made(name)
    assert engine.jobs == 2
    assert 1 <= max(done(engine, tasks.counting, tmp_path, *arguments)) <= 2


@pytest.mark.parametrize(
    ("here", "there", "at_hand"),
    [("0.59", "0.59", True), ("0.59", "0.60", False), ("0.59", None, False), (None, None, False)],
)
def test_machine_code_is_at_hand_where_all_have_that_of_one_numba(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    here: str | None,
    there: str | None,
    at_hand: bool,
) -> None:
    run = distributed.Client.run

    def answered(client: Any, function: Any, *args: Any, **how: Any) -> Any:
        """Answer for the workers, which are asked all the same."""
        found = run(client, function, *args, **how)
        return dict.fromkeys(found, there) if function is versions.machine_code else found

    monkeypatch.setattr(distributed.Client, "run", answered)
    monkeypatch.setattr(compiled, "is_cached", lambda: here is not None)
    monkeypatch.setattr(compiled, "lacks", lambda: "")
    monkeypatch.setattr(versions, "version", lambda package: here)
    assert made(name).at_hand is at_hand


def test_a_cluster_that_allows_no_failures_loses_a_task_at_once(
    name: str, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(WorkerLost, match="^task 1: its worker tcp://.* is gone, once; "):
        done(made(name), tasks.dying, tmp_path, (9, "a"))


def test_a_task_that_is_cancelled_on_the_cluster_is_one_line(
    name: str, cluster: Any, tmp_path: Path
) -> None:
    def heard(task: Task, fraction: float) -> None:
        keys = [key for key in cluster.scheduler.tasks if key.startswith("nnfit-")]
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as other:
            other.cancel([distributed.Future(key, other) for key in keys], force=True)

    engine = made(name)
    with pytest.raises(WorkerLost, match="^cluster: a was cancelled there; expected its result$"):
        list(engine.results(tasks.going_on, tmp_path, [Task("a", ("a",))], heard))


def test_the_cluster_keeps_nothing(name: str, cluster: Any, tmp_path: Path) -> None:
    scheduler = cluster.scheduler
    engine = made(name)
    results = engine.results(
        tasks.multiplied, tasks.Counted(tmp_path), [Task("a", (1,))], lambda *heard: None
    )
    with pytest.raises(RuntimeError, match="TypeError"):
        next(results)
    assert done(engine, tasks.multiplied, 2, (1,), (2,)) != []
    assert eventually(lambda: not scheduler.tasks and set(scheduler.clients) == {"fire-and-forget"})
    assert not scheduler._broker._topics["all"].subscribers


ALONE = """\
import os, sys, threading
from pathlib import Path
import tasks
from nnfit.many.engine import Task
from nnfit.many.engines import make_engine
from nnfit.many.local import LocalEngine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest

def sockets():
    links = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    return sorted(os.readlink(link) for link in links if os.path.exists(link))

before = sockets()
engine = make_engine(sys.argv[1], None, StopRequest(), Observer())
coming = [Task(str(x), (x,)) for x in range(4)]
assert len(list(engine.results(tasks.multiplied, 2, coming, lambda *heard: None))) == 4
assert sockets() == before, sockets()
children = f"/proc/self/task/{os.getpid()}/children"
assert not os.path.exists(children) or not Path(children).read_text()
assert not [t.name for t in threading.enumerate() if t.name == "IO loop"]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_left_here_and_nothing_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(ALONE)
    path = os.pathsep.join([HERE, *sys.path])
    found = subprocess.run(
        [sys.executable, "-W", "always", "alone.py", name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert os.listdir(tmp_path) == ["alone.py"]


@pytest.mark.slow
def test_a_client_that_is_killed_leaves_no_task_running(
    nnfit: Nnfit, tiny: Example, name: str, cluster: Any
) -> None:
    long = ("--set", "training.epochs=1000000", "--set", "training.engine=numpy")
    process = nnfit.start("cv", "tiny.yaml", *long, "--engine", name)
    workers = cluster.scheduler.workers
    assert eventually(lambda: all(worker.processing for worker in workers.values()))
    process.kill()
    process.wait()
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        assert eventually(lambda: not any(client.run(n_running).values()))


def n_running(dask_worker: Any) -> int:
    return len([task for task in dask_worker.state.tasks.values() if task.key[:6] == "nnfit-"])


@pytest.mark.slow
def test_what_is_shared_outlives_all_workers_and_a_task_three_of_them(tmp_path: Path) -> None:
    class Heard(Observer):
        def warning(self, text: str) -> None:
            said.append(re.sub(r"tcp://[0-9.:]+", "ADDRESS", text))

    said: list[str] = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=60
    ) as cluster:
        name = "dask://" + cluster.scheduler_address.removeprefix("tcp://")
        engine = make_engine(name, None, StopRequest(), Heard())
        assert isinstance(engine, dask.DaskEngine)
        assert done(engine, tasks.dying, tmp_path, (2, "a")) == ["a after 2"]
        with pytest.raises(WorkerLost, match="^task 1: its worker tcp://.* is gone, 3 times; "):
            done(engine, tasks.dying, tmp_path, (9, "b"))
    lost, none = "task 1: its worker ADDRESS is gone; tried again", "the cluster has no worker left"
    assert said.count(lost) == 4
    assert {text.partition(";")[0] for text in said if text != lost} == {none}


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_line(nnfit: Nnfit, tiny: Example) -> None:
    """Kill the scheduler of a running cv; what was done is kept, and gone on with by another."""
    cluster = Cluster()
    args = ("cv", "tiny.yaml", "--set", "training.epochs=3000", "--set", "training.engine=numpy")
    try:
        process = nnfit.start(*args, "--engine", cluster.name, "-o", "oof.csv", "-q")
        kept = Path("oof.csv.folds")
        assert eventually(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 1)
    finally:
        cluster.kill()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode()) == (
        1,
        f"nnfit: error: {cluster.name}: the scheduler is gone; expected it to stay. What is done "
        "is kept: start it again, and go on\n",
    )
    assert nnfit(*args, "-o", "oof.csv", "-q", "--resume").code == 0


class Cluster:
    """A scheduler and a worker of their own, as a shell starts them."""

    def __init__(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        self.name = f"dask://{address}"
        host, port = address.split(":")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-m", "dask"]
        self._processes = [
            subprocess.Popen(
                [*command, "scheduler", "--host", host, "--port", port, "--no-dashboard"], **quiet
            ),
            subprocess.Popen(
                [*command, "worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny",
                 "--no-dashboard"],
                **quiet,
            ),
        ]  # fmt: skip

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
