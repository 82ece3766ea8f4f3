"""Odd values at every place of `meta`, and every command on them: a line or an answer, soon.

Which values, places and commands is in `fuzz/meta.py`, which runs whole as
`python -m tests.fuzz.meta`; its figure is in `docs/robustness.md`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.meta import attack, make_models


@pytest.mark.parametrize(
    ("dose", "least"),
    [(0.002, 30), pytest.param(0.03, 1000, marks=pytest.mark.slow)],
    ids=["few", "dose"],
)
def test_every_command_on_any_meta(folder: Path, dose: float, least: int) -> None:
    tally = attack(make_models(), dose=dose, on_loaded=1, on_refused=4, seed=5)
    assert tally.short == []
    assert tally.runs >= least and 0 < tally.refused < tally.runs
    assert {"0", "2"} <= set(tally.codes) <= {"0", "1", "2"}
