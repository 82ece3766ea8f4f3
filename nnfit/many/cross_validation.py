"""The folds of a cross-validation, done by an engine and kept as they end; what came of all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import numpy as np

from nnfit.csv.writing import RowWriter
from nnfit.dataset.law import Law
from nnfit.errors import Interrupted, ResumeError
from nnfit.many.engine import Engine, Task
from nnfit.many.folds import FoldResult, Folds, run_fold, spread
from nnfit.many.journal import Journal
from nnfit.nn.names import METRICS, SCORES
from nnfit.observer import Observer
from nnfit.run.checkpoint.fingerprint import difference


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """The results of all folds, in their order, and the seconds that it took."""

    folds: Folds
    results: Sequence[FoldResult]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what `nnfit cv --json` prints."""
        names = ("repeat", "fold", "rows", "metrics")
        return {
            "folds": [{name: getattr(result, name) for name in names} for result in self.results],
            "metrics": spread(self.results),
            "seconds": self.seconds,
        }

    def write(self, stream: TextIO, keep: Sequence[str]) -> None:
        """Write a CSV row for each row, and repeat, that was held out.

        The columns are those to `keep`, the targets, `repeat` where there are several, `fold`, and
        what was predicted.
        """
        table, decisions = self.folds.table, self.folds.table.decisions
        targets, labels = decisions.targets, decisions.labels
        predicted = Law(decisions.loss, self.folds.file.config.quantiles).columns(targets)
        classes = [] if labels is None else [f"probability_{label}" for label in labels.classes]
        repeats = ["repeat"] * (len(self.folds.numbers) > 1)
        header = [*keep, *targets, *repeats, "fold", *predicted, *classes]
        writer = RowWriter(stream, "csv", header)
        for repeat, numbers in enumerate(self.folds.numbers):
            held_out = np.flatnonzero(numbers >= 0)
            rows = table.rows.take(held_out)
            order = np.argsort(np.argsort(numbers[held_out], kind="stable"), kind="stable")
            own = [result for result in self.results if result.repeat == repeat + 1]
            values = np.concatenate([np.array(result.predicted) for result in own])[order]
            cells: list[Any] = [_cells(rows.frame[name]) for name in keep]
            if labels is None:
                cells += [_cells(rows.frame[name]) for name in targets]
            else:
                cells.append(labels.decode(labels.read(rows)))
            cells += [[repeat + 1] * len(rows)] * len(repeats)
            cells.append(numbers[held_out] + 1)
            if labels is not None:
                codes = np.concatenate([np.array(result.codes, int) for result in own])[order]
                cells.append(labels.decode(codes))
            cells.append(values)
            writer.write(writer.rows(cells))


def _cells(column: Any) -> list[Any]:
    """Return the cells as they are written: a gap is empty, and whole numbers beside one whole."""
    gaps, cells = column.isna().to_numpy(), column.tolist()
    whole = gaps.any() and all(
        gap or (isinstance(cell, float) and cell.is_integer())
        for cell, gap in zip(cells, gaps, strict=True)
    )
    return [
        "" if gap else int(cell) if whole else cell for cell, gap in zip(cells, gaps, strict=True)
    ]


def cross_validate(
    folds: Folds, engine: Engine, observer: Observer, journal: Journal, resume: bool
) -> CrossValidation:
    """Run the folds, those that the `journal` has not; each is written there as it ends.

    Raises
    ------
    NnfitError
        As of training; ResumeError when the journal is of another cross-validation.
    Interrupted
        When a signal came, with how many folds are done.
    """
    began = time.monotonic()
    done = _kept(folds, journal, observer) if resume else {}
    if not done:
        journal.begin(folds.settings())
    tasks = [task for task in folds.tasks if task.arguments not in done]
    n = len(folds.tasks)
    shares = dict.fromkeys(tasks, 0.0)
    told: set[str] = set()

    def heard(task: Task, fraction: float) -> None:
        shares[task] = fraction
        observer.many("folds", len(done) + sum(shares.values()), n)

    for result in done.values():
        _tell(result, folds, told, observer)
    observer.many("folds", len(done), n)
    try:
        with closing(engine.results(run_fold, folds, tasks, heard)) as results:
            for task, result in results:
                del shares[task]
                done[task.arguments] = result
                journal.append(asdict(result))
                _tell(result, folds, told, observer)
                observer.many("folds", len(done) + sum(shares.values()), n)
    except Interrupted as stopped:
        text = f"stopped with {len(done)} of {n} folds done"
        raise Interrupted(text, stopped.exit_code) from None
    results_in_order = [done[task.arguments] for task in folds.tasks]
    return CrossValidation(folds=folds, results=results_in_order, seconds=time.monotonic() - began)


def _kept(folds: Folds, journal: Journal, observer: Observer) -> dict[tuple[Any, ...], FoldResult]:
    """Return the folds that are done, by the arguments of their tasks."""
    lines = journal.news()
    if not lines:
        observer.note(f"no {journal.path}; starting from the beginning")
        return {}
    other = difference(folds.settings(), lines[0])
    if other is not None:
        raise ResumeError(f"{journal.path}: {other}, or start anew without --resume")
    try:
        results = [_checked(FoldResult(**line), folds) for line in lines[1:]]
    except (TypeError, ValueError) as err:
        raise ResumeError(
            f"{journal.path}: is damaged; expected folds of this run. Start anew without --resume"
        ) from err
    observer.note(f"going on from {journal.path}, with {len(results)} folds done")
    return {(result.repeat - 1, result.fold - 1): result for result in results}


def _tell(result: FoldResult, folds: Folds, told: set[str], observer: Observer) -> None:
    """Tell of a fold that is done: its figures, and its warnings unless they were `told`."""
    for text in result.warnings:
        if text not in told:
            observer.warning(f"fold {result.fold}: {text}")
    told.update(result.warnings)
    repeat = {"repeat": result.repeat} if len(folds.numbers) > 1 else {}
    shown = {
        name for names in (*METRICS.values(), SCORES.values()) for name in names
    }  # more make a line too long
    figures = {name: value for name, value in result.metrics.items() if name in shown}
    seconds = {"epochs": result.epochs, "seconds": f"{result.seconds:.2f}"}
    observer.row({**repeat, "fold": result.fold, "rows": result.rows, **figures, **seconds})


def _checked(result: FoldResult, folds: Folds) -> FoldResult:
    """Return a result that was kept; ValueError or TypeError if it is none of these folds."""
    repeat, fold = result.repeat - 1, result.fold - 1
    n = int((folds.numbers[repeat] == fold).sum()) if 0 <= repeat < len(folds.numbers) else 0
    shape = np.array(result.predicted, float).shape
    codes = 0 if folds.table.decisions.labels is None else n
    if not n or len(shape) != 2 or (shape[0], len(result.codes), result.rows) != (n, codes, n):
        raise ValueError("is no fold of these")
    if not isinstance(result.metrics, dict):
        raise TypeError("has no metrics")
    return result
