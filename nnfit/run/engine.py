"""Which engine a run takes: NumPy's, or the compiled one where that is there and pays."""

from __future__ import annotations

import dataclasses
from typing import Any

from nnfit import compiled
from nnfit.config.reading import ConfigFile
from nnfit.config.schema import Config
from nnfit.errors import ConfigError, ResumeError
from nnfit.nn.network import Network
from nnfit.training.learners import learners_of

# What the compiled engine saves of a step, on the slower side of what was measured, in seconds: for
# each layer, for each hidden unit of each row, and for each parameter.
PER_LAYER, PER_UNIT, PER_PARAMETER = 6e-6, 5e-10, 9e-10
LOADING, COMPILING = 1.0, 10.0  # what it costs: from the cache on disk, or the first time


def saved_seconds(network: Network, steps: int, batch_size: int) -> float:
    """Return about how much less time so many steps of the network take when compiled."""
    a = network.architecture
    calls = len(learners_of(a, batch_size, network.members))
    own = batch_size * sum(a.sizes[1:-1]) * PER_UNIT + a.n_parameters * PER_PARAMETER
    return steps * (calls * len(a.sizes) * PER_LAYER + network.members * own)


def decided(
    file: ConfigFile, network: Network, steps: int, batch_size: int, begun: str | None
) -> ConfigFile:
    """Return the config with the engine that the run takes, `numpy` or `compiled`.

    Parameters
    ----------
    steps, batch_size : int
        How long the run is.
    begun : str, optional
        The engine in which the run that is gone on with began.

    Raises
    ------
    ConfigError, ResumeError
        Where it is the compiled one, and its packages are not there.
    """
    wanted, lacks = file.config.training.engine, compiled.lacks()
    engine: str = wanted
    if wanted == "auto" and begun is not None:
        engine = begun
    elif wanted == "auto":
        left = saved_seconds(network, steps, batch_size) - LOADING
        pays = left > 0.0 and (left > COMPILING or compiled.is_cached())
        engine = "compiled" if pays and not lacks else "numpy"
    if engine == "compiled" and lacks:
        if wanted == "auto":
            raise ResumeError(
                f"{file.name}: the run began in the compiled engine, which {lacks}, or start anew "
                "without --resume"
            )
        raise ConfigError(f"{file.where('training.engine')}: got compiled, which {lacks}")
    return dataclasses.replace(file, config=_in(file.config, engine))


def settled(file: ConfigFile, at_hand: bool) -> ConfigFile:
    """Return the config of many runs: `auto` then depends on the run alone, whoever takes it.

    Where the machine code is not `at_hand` for all of them, it is NumPy's: otherwise the first run
    would compile it, and the others be of another engine.
    """
    if file.config.training.engine != "auto" or (at_hand and not compiled.lacks()):
        return file
    return dataclasses.replace(file, config=_in(file.config, "numpy"))


def _in(config: Config, engine: str) -> Config:
    training: Any = config.training.model_copy(update={"engine": engine})
    return config.model_copy(update={"training": training})
