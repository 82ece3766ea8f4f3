"""The engine that an option names."""

from __future__ import annotations

from nnfit.errors import ConfigError
from nnfit.many.engine import Engine
from nnfit.many.local import LocalEngine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest
from nnfit.training.threads import available_cores


def make_engine(name: str, jobs: int | None, stop: StopRequest, observer: Observer) -> Engine:
    """Return the engine `name`, of up to so many `jobs` at a time.

    Raises
    ------
    ConfigError
        When there is no such engine, or nobody to work.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"--jobs: got {jobs}; expected 1 or more")
    if name != "local":
        raise ConfigError(f"--engine: got {name!r}; expected local")
    return LocalEngine(jobs or available_cores(), stop, observer)
