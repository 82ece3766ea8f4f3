"""Which engine does the tasks of many runs, by what the user said of it."""

from __future__ import annotations

import re

from nnfit.errors import ConfigError, shorten
from nnfit.many.engine import Engine
from nnfit.many.local import LocalEngine
from nnfit.observer import Observer
from nnfit.training.stop import StopRequest
from nnfit.training.threads import available_cores

_DASK = re.compile(r"dask://((?:\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+):([0-9]{1,5}))/?")


def make_engine(text: str, jobs: int | None, stop: StopRequest, observer: Observer) -> Engine:
    """Return the engine that `text` names, `local` or `dask://HOST:PORT`.

    Parameters
    ----------
    jobs : int, optional
        How many tasks are done at once; otherwise as many as there are cores, or threads of the
        cluster's workers.

    Raises
    ------
    ConfigError
        Where there is none of that name, or nobody to work; NnfitError of a cluster that can't.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"--jobs: got {jobs}; expected 1 or more")
    if text == "local":
        return LocalEngine(jobs or available_cores(), stop, observer)
    found = _DASK.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 65536:
        raise ConfigError(
            f"--engine: got {shorten(text)!r}; expected local or dask://HOST:PORT, as in "
            "dask://127.0.0.1:8786"
        )
    from nnfit.many.dask import DaskEngine

    return DaskEngine(found[1], jobs, stop, observer)
