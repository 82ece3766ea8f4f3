"""Random streams: one for each use, so that none depends on how much another draws."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

Purpose = Literal["split", "initialization", "shuffling", "dropout"]
# Their places are part of every run's bytes: new ones go to the end.
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


def stream(seed: int, purpose: Purpose, member: int = 0) -> np.random.Generator:
    """Return the stream of a use of randomness in one run.

    Parameters
    ----------
    seed : int
        The config's.
    purpose : str
        What is drawn: one of `PURPOSES`.
    member : int
        Of an ensemble, or the fold. Each has a stream of its own, whatever their number; a
        run of one network is member 0.

    Notes
    -----
    Member 0 has the seed's child of that purpose, as `SeedSequence(seed).spawn` counts them;
    the others have that child's children.
    """
    key = (PURPOSES.index(purpose), *([member] if member else []))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
