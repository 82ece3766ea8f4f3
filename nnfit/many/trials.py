"""One trial of a sweep: its settings, the work of a worker on it, and the lines kept of all.

Which trials there are is the samplers' matter.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Decided
from nnfit.dataset.deciding import decide
from nnfit.errors import DataError, NnfitError
from nnfit.many.engine import Report
from nnfit.many.folds import Folds, Heard, run_fold, spread
from nnfit.nn.names import ERRORS
from nnfit.observer import Observer
from nnfit.run.checkpoint import Checkpoint
from nnfit.run.run import train_run

Line = Mapping[str, Any]  # of SWEEP.jsonl
SHOWN = 10  # of the best trials

# Changes of these keys leave what was read, and decided, of the table as it is; `data` has others.
_OF_SPLIT = ("data.validation", "data.test")
_DECISIVE = ("features", "loss", "model", "model.output_activation")


@dataclass(frozen=True)
class Trial:
    """Values by dotted key, in JSON, and the share of its epochs that it is to be trained for."""

    settings: Mapping[str, Any]
    share: float = 1.0

    @cached_property
    def id(self) -> str:
        """The hash of the settings, 12 hexadecimal digits."""
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What the trials have in common: the table, `decided` if it is the same for all.

    It is None where each reads its own; with `anew` each decides for itself on the rows.
    """

    decided: Decided | None
    anew: bool
    cv: int | None  # the folds by which a trial is judged, instead of validation rows

    @classmethod
    def of(cls, decided: Decided, keys: Iterable[str], cv: int | None) -> Shared:
        """Return what trials share that differ in these keys."""
        varied = {key for key in keys if key not in _OF_SPLIT}
        own = any(key.partition(".")[0] == "data" for key in varied)
        return cls(decided=None if own else decided, anew=not varied.isdisjoint(_DECISIVE), cv=cv)

    def source(self, file: ConfigFile) -> Decided:
        """Return the rows of a trial; errors as of training."""
        if self.decided is None:
            return Decided.read(file, None, Observer())
        if not self.anew:
            return self.decided
        rows = self.decided.rows
        return Decided(rows, decide(file, rows, Observer()))


def run_trial(
    shared: Shared, report: Report, file: ConfigFile, share: float, output: str | None
) -> dict[str, Any]:
    """Train as `file` says, for a share of the epochs, and return what a line says of it.

    Parameters
    ----------
    output : str, optional
        Beside it lies the checkpoint from which the next share goes on.

    Returns
    -------
    dict
        `metrics` of the validation rows, or their means over folds, as are the `epochs`; the
        `seconds`; `error`, where it came to nothing; `ended`, whether no epoch is left to train.
    """
    try:
        if shared.cv is not None:
            return _by_folds(shared.source(file), report, file, shared.cv)
        kept = nullcontext() if output is None else Checkpoint(output, True, Observer(), share)
        with kept as checkpoint:
            hearing = Heard(report, share)
            table = shared.source(file)
            run = train_run(file, table, observer=hearing, checkpoint=checkpoint)
    except NnfitError as err:
        return failed(err)
    summary = run.summary
    told: dict[str, Any] = {
        "metrics": dict(summary.metrics["validation"] or {}),
        "epochs": summary.epochs,
        "seconds": summary.seconds,
        "ended": not summary.interrupted,
    }
    if run.failure is not None:
        told["error"] = str(run.failure)
    elif summary.metrics["validation"] is None:
        told["error"] = "has no validation rows"
    return told


def _by_folds(table: Decided, report: Report, file: ConfigFile, k: int) -> dict[str, Any]:
    """Return what `run_trial` does, by the mean over `k` folds."""
    folds = Folds.of(file, table, k, 1, Observer())
    results = [
        run_fold(folds, lambda done, i=i: report((i + done) / k), 0, i)  # type: ignore[misc]
        for i in range(k)
    ]
    told: dict[str, Any] = {
        "metrics": {name: of["mean"] for name, of in spread(results).items()},
        "epochs": round(sum(result.epochs for result in results) / k),
        "seconds": sum(result.seconds for result in results),
        "ended": True,
    }
    failures = [result.failure for result in results if result.failure]
    return told | ({"error": failures[0]} if failures else {})


def failed(err: NnfitError) -> dict[str, Any]:
    """Return what a line says of a trial that could not be run."""
    return {"metrics": {}, "epochs": 0, "seconds": 0.0, "ended": True, "error": err.messages[0]}


def line_of(trial: Trial, told: Mapping[str, Any], metric: str, seed: int) -> dict[str, Any]:
    """Return the line of a trial, of what `run_trial` told; `seed` is its config's."""
    line = {
        "id": trial.id,
        "settings": dict(trial.settings),
        "score": None if "error" in told else told["metrics"].get(metric),
        "metrics": told["metrics"],
        "epochs": told["epochs"],
        "seconds": round(told["seconds"], 3),
        "seed": seed,
    }
    if trial.share < 1.0 and not told["ended"]:
        line["share"] = trial.share
    return line | ({"error": told["error"]} if "error" in told else {})


def require_line(line: Line, path: str) -> None:
    """Raise DataError if a line of the file at `path` is not of a trial."""
    score = 0.0 if line.get("score") is None else line["score"]
    numbers: list[Any] = [score, line.get("share", 1.0), line.get("seconds")]
    if not (
        isinstance(line.get("id"), str)
        and isinstance(line.get("settings"), dict)
        and isinstance(line.get("metrics"), dict)
        and type(line.get("epochs")) is int
        and "score" in line
        and all(type(n) in (int, float) and abs(n) < sys.float_info.max for n in numbers)
    ):
        raise DataError(
            f"{path}: has a line that is no trial's; expected an id, settings and a score. "
            "Name another file or folder, or move this one away"
        )


class Results:
    """The lines of a folder: by trial, and by the share of its epochs that it was trained for.

    Of the trials that have values for `keys`, and for no other, `top` are the best, the best first,
    and `failure` is what was said of the last that came to nothing.
    """

    def __init__(self, path: str, metric: str, keys: Iterable[str]) -> None:
        self._path, self._keys = path, set(keys)
        self._sign = 1.0 if metric in ERRORS else -1.0
        self._lines: dict[str, dict[float, Line]] = {}
        self.top: list[Line] = []
        self.failure = ""

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: Line) -> None:
        """Take a line.

        Raises
        ------
        DataError
            When it is not of a trial.
        """
        require_line(line, self._path)
        settings, score, share = line["settings"], line["score"], line.get("share", 1.0)
        if settings.keys() == self._keys:
            self._lines.setdefault(line["id"], {})[share] = line
            self.failure = str(line.get("error", self.failure))
            if score is not None:
                others = [other for other in self.top if other["id"] != line["id"]]
                self.top = sorted([*others, line], key=self.rank)[:SHOWN]

    def of(self, trial: Trial) -> Line | None:
        """Return the line of a trial, as long as it was to be trained or longer."""
        lines = self._lines.get(trial.id, {})
        return lines.get(1.0) or lines.get(trial.share)

    @property
    def best(self) -> Line | None:
        """The best of all, None where no trial has a score."""
        return self.top[0] if self.top else None

    def whole(self) -> list[Line]:
        """Return the lines of trials whose training is complete."""
        return [lines[1.0] for lines in self._lines.values() if 1.0 in lines]

    def rank(self, line: Line) -> tuple[float, float, str]:
        """Return what orders lines that have a score, the best first.

        What was trained for a greater share of its epochs comes before what was dropped.
        """
        return -line.get("share", 1.0), self._sign * line["score"], line["id"]
