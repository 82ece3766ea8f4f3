"""What every engine does with many tasks: hands them to workers, and tells what comes back.

Results depend on the task alone, never on the worker, their number, or who ends first.
"""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from nnfit.errors import ExitCode, NnfitError
from nnfit.training.threads import blas_threads

TRIES = 3  # of a task whose worker is lost: the first, and two more
POLL_SECONDS = 0.2  # a signal is seen within that time
HEARD_SECONDS = 0.2  # between two reports of one task

Report = Callable[[float], None]  # how much of the task is done, from 0 to 1
Work = Callable[..., Any]  # work(shared, report, *task.arguments)


@dataclass(frozen=True)
class Task:
    """One piece of work: `name` is that of messages, the `arguments` can be pickled."""

    name: str
    arguments: tuple[Any, ...]


class Engine(Protocol):
    """Does tasks in workers, up to so many `jobs` at a time, with one thread for the products.

    `at_hand` says whether each has the machine code of the compiled engine on disk.
    """

    jobs: int
    at_hand: bool

    def results(
        self,
        work: Work,
        shared: Any,
        tasks: Iterable[Task | None],
        heard: Callable[[Task, float], None],
    ) -> Generator[tuple[Task, Any]]:
        """Yield each task with what `work(shared, report, *arguments)` returned, as it ends.

        Parameters
        ----------
        work : callable
            Of a module, so that any process finds it.
        shared : picklable
            What all tasks need; it reaches each worker once.
        tasks : iterable of Task or None
            Looked at only when a worker is free, so that later tasks may depend on results. None
            says that a result must come first; where none is to come, it is the end.
        heard : callable
            Told how much of a task is done.

        Raises
        ------
        NnfitError
            What `work` raised, or WorkerLost when a task lost its worker too often.
        Interrupted
            When a signal came; no worker is then left.
        """
        ...  # pragma: no cover


class WorkerLost(NnfitError):
    """The workers of one task died, again and again, or there is no getting at any."""

    exit_code = ExitCode.FAILED
    task = ""  # the name of the one that lost them


@dataclass(frozen=True)
class Outcome:
    """What came of a task: its `value`, or the messages of an error, or the text of a bug."""

    value: Any = None
    messages: tuple[str, ...] = ()
    exit_code: int = 0
    bug: str = ""

    @classmethod
    def of(cls, work: Work, shared: Any, report: Report, arguments: tuple[Any, ...]) -> Outcome:
        """Do the work, whatever comes of it."""
        blas_threads(1)  # from now on: beside it, in a thread or a process, others are at work
        try:
            return cls(value=work(shared, report, *arguments))
        except NnfitError as err:
            return cls(messages=err.messages, exit_code=int(err.exit_code))
        except MemoryError as err:
            text = f"out of memory ({err}); use less data, a smaller model or fewer --jobs"
            return cls(messages=(text,), exit_code=int(ExitCode.FAILED))
        except Exception:
            return cls(bug=traceback.format_exc())

    def pickled(self) -> bytes:
        """Return what is sent; it is a bug of the work if its value can't be."""
        try:
            return pickle.dumps(self)
        except Exception:
            return pickle.dumps(Outcome(bug=traceback.format_exc()))

    def result(self, name: str) -> Any:
        """Return the value of the task `name`, or raise in this process what was raised there."""
        if self.bug:
            last = self.bug.rstrip().rpartition("\n")[2]
            raise RuntimeError(f"{name}: {last}") from RuntimeError(f"in a worker\n{self.bug}")
        if self.messages:
            _raise(self.messages, ExitCode(self.exit_code), name)
        return self.value


def _raise(messages: tuple[str, ...], exit_code: ExitCode, name: str) -> NoReturn:
    error = NnfitError(*(f"{name}: {message}" for message in messages))
    error.exit_code = exit_code
    raise error


def seldom(report: Report) -> Report:
    """Return `report`, called no more often than somebody looks."""
    last = -HEARD_SECONDS

    def sparing(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= HEARD_SECONDS:
            last = now
            report(fraction)

    return sparing


def lost(name: str, how: str, tries: int) -> str:
    """Return what is said of a task that lost its worker; raise WorkerLost after the last try."""
    if tries >= TRIES:
        raise given_up(name, how, tries)
    return f"{name}: {how}; tried again"


def given_up(name: str, how: str, tries: int) -> WorkerLost:
    """Return the error of a task that lost its worker so often."""
    often = f"{tries} times" if tries > 1 else "once"
    error = WorkerLost(
        f"{name}: {how}, {often}; expected its result. Where memory ran out, give it more, or take "
        "fewer --jobs"
    )
    error.task = name
    return error
