"""The trials of a sweep as numbers: what was tried of each key, and the score that came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfit.errors import PictureError
from nnfit.inside.pictures.request import Request
from nnfit.many.journal import Journal
from nnfit.many.trials import Line, require_line
from nnfit.nn.arrays import Array
from nnfit.nn.names import ERRORS

MOST = 2000  # trials; more lines than that are a surface
FAR = 1e300  # a number beyond is shown by its name
WIDE = 50.0  # largest / smallest number beyond which the scale is logarithmic


@dataclass(frozen=True, kw_only=True)
class TriedKey:
    """What was tried of a key: `values` (trials,), or codes where it has `labels`."""

    name: str
    values: Array
    labels: tuple[str, ...]
    logarithmic: bool


@dataclass(frozen=True, kw_only=True)
class SweepPicture:
    """The trials, the worst first, with their `scores` (trials,).

    `metric` is what these are of, where the lines tell; `failed` trials have none.
    """

    keys: tuple[TriedKey, ...]
    scores: Array
    metric: str
    less_is_better: bool
    logarithmic: bool
    n_trials: int
    failed: int


def make(request: Request) -> SweepPicture:
    """Return the trials in the one `SWEEP.jsonl` that is named, or in its folder.

    Each is shown by its line of the greatest share of its epochs, and those alone that have values
    for the keys that the last has.

    Raises
    ------
    PictureError
        When there are none with a score.
    """
    if len(request.names) != 1:
        raise PictureError("sweep: expected one file, DIR/SWEEP.jsonl as nnfit sweep wrote it")
    path = request.names[0]
    path = os.path.join(path, "SWEEP.jsonl") if os.path.isdir(path) else path
    if not os.path.exists(path):
        raise PictureError(f"{path}: no such file; expected SWEEP.jsonl as nnfit sweep wrote it")
    longest: dict[str, Line] = {}
    for line in Journal(path).news():
        require_line(line, path)
        longest[line["id"]] = max(longest.get(line["id"], line), line, key=_share)
    names = [*[*longest.values()][-1]["settings"]] if longest else []
    if not names:
        raise PictureError(f"{path}: has no trials; expected SWEEP.jsonl as nnfit sweep wrote it")
    trials = [line for line in longest.values() if line["settings"].keys() == {*names}]
    scored = [line for line in trials if line["score"] is not None]
    if not scored:
        raise PictureError(f"{path}: no trial has a score; expected one at least")
    metric = _metric(scored)
    sign = -1.0 if metric in ERRORS else 1.0
    ranked = sorted(scored, key=lambda line: sign * float(line["score"]))[-MOST:]
    if len(ranked) < len(scored):
        request.observer.note(f"{path}: the best {MOST} of {len(scored)} trials are drawn")
    scores = np.array([line["score"] for line in ranked], np.float64)
    return SweepPicture(
        keys=tuple(_tried(name, [line["settings"][name] for line in ranked]) for name in names),
        scores=scores,
        metric=metric,
        less_is_better=metric in ERRORS,
        logarithmic=_is_wide(scores),
        n_trials=len(trials),
        failed=len(trials) - len(scored),
    )


def _share(line: Line) -> float:
    return float(line.get("share", 1.0))


def _metric(lines: Sequence[Line]) -> str:
    """Return the metric that every score is, or `score` where none is."""
    for name in lines[0]["metrics"]:
        if all(line["metrics"].get(name) == line["score"] for line in lines):
            return str(name)
    return "score"


def _tried(name: str, values: Sequence[Any]) -> TriedKey:
    """Return numbers, also those that are lists of one; anything else by its name."""
    flat = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in values]
    if all(type(v) in (int, float) and abs(v) < FAR for v in flat):
        numbers = np.array(flat, np.float64)
        return TriedKey(name=name, values=numbers, labels=(), logarithmic=_is_wide(numbers))
    texts = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    labels = tuple(sorted(set(texts), key=lambda text: (len(text), text)))
    codes = np.array([labels.index(text) for text in texts], np.float64)
    return TriedKey(name=name, values=codes, labels=labels, logarithmic=False)


def _is_wide(numbers: Array) -> bool:
    low = float(numbers.min())
    return low > 0.0 and float(numbers.max()) > WIDE * low
