"""The target columns: the rows that have them, and the numbers of a regression on a common scale.

Which task they set is in `task`, class labels are in `labels`, the features in `encoding`. Here
too, what is learnt comes from training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnfit.csv.frames import with_columns
from nnfit.errors import DataError, listed, quoted, require_columns
from nnfit.observer import Observer
from nnfit.storage import json_checks as check
from nnfit.table.cells import cell_type, read_floats
from nnfit.table.columns import refuse_infinite
from nnfit.table.finding import find_spelling
from nnfit.table.rows import NamedRows
from nnfit.table.scaling import mean_and_deviation
from nnfit.table.spelling import Spelling, Written, complaint, parser
from nnfit.table.task import are_whole


def drop_rows_without_target(
    rows: NamedRows, targets: Sequence[str], observer: Observer
) -> NamedRows:
    """Return the rows in which every target is there.

    A float column whose gaps were the only reason not to be integer is integer afterwards.

    Raises
    ------
    DataError
        If a target is no column, or no row is left.
    """
    require_columns(rows.name, rows.columns, targets, key="data.target")
    kept = rows_with_target(rows, targets)
    n_gaps = len(rows) - len(kept)
    if not n_gaps:
        return rows
    if not len(kept):
        raise DataError(f"{rows.name}: target {quoted(targets)}: no row has a value")
    dropped = "1 row" if n_gaps == 1 else f"{n_gaps} rows"
    observer.warning(
        f"{rows.name}: {dropped} of {len(rows)} dropped: no value in target {quoted(targets)}"
    )
    frame = kept.frame
    for target in targets:
        cells = rows.frame[target]
        if not (pd.api.types.is_float_dtype(cells.dtype) and cells.isna().any()):
            continue
        if are_whole(cells.to_numpy(dtype=np.float64, na_value=np.nan)):
            frame = with_columns(frame, {target: frame[target].astype(np.int64)})
    return replace(kept, frame=frame)


def rows_with_target(rows: NamedRows, targets: Sequence[str]) -> NamedRows:
    """Return the rows in which every target is there, perhaps none.

    Raises
    ------
    DataError
        If a target is no column.
    """
    require_columns(rows.name, rows.columns, targets, why=", which the model needs")
    return rows.take(np.flatnonzero(rows.frame[list(targets)].notna().to_numpy().all(axis=1)))


def target_spellings(
    rows: NamedRows, targets: Sequence[str], written: Written
) -> dict[str, Spelling]:
    """Return how the numbers of a regression's targets are written, where they are not plain.

    Raises
    ------
    DataError
        As `find_spelling`.
    """
    otherwise = "set data.task: classification"
    found = {target: find_spelling(rows.column(target), written, otherwise) for target in targets}
    return {target: spelling for target, spelling in found.items() if spelling is not None}


def target_values(
    rows: NamedRows,
    targets: Sequence[str],
    spellings: Mapping[str, Spelling] | None = None,
    cure: str = ", or set data.task",
) -> NDArray[np.float64]:
    """Return the targets of a regression as numbers, of shape (N, K).

    `spellings` are those of targets whose numbers are not plain; `cure` ends what is to be done
    about a cell that is none.

    Raises
    ------
    DataError
        At the first cell that is no finite number.
    """
    Y = np.empty((len(rows), len(targets)))
    for k, target in enumerate(targets):
        column = rows.column(target)
        spelling = (spellings or {}).get(target)
        values, failed = read_floats(column.cells, parser(spelling))
        if cell_type(column.cells) == "boolean":  # as a loss sees them: 0 and 1
            values, failed = column.cells.to_numpy(np.float64, na_value=np.nan), failed[:0]
        if len(failed):
            i = int(failed[0])
            message = (
                f"{column.place(i)}: cannot read {column.shown(i)} as a number, which a regression "
                f"needs. Mend the cell{cure}"
            )
            raise complaint(column.cells.iloc[i], spelling, message)
        refuse_infinite(column, ~np.isfinite(values))
        Y[:, k] = values
    return Y


def refuse_below_zero(rows: NamedRows, targets: Sequence[str], Y: NDArray[np.float64]) -> None:
    """Raise DataError at the first of the targets (N, K) that is below zero, and so no count."""
    below = np.argwhere(Y < 0.0)
    if len(below):
        i, k = below[0].tolist()
        raise DataError(
            f"{rows.place(i, targets[k])}: got {Y[i, k]:g}, which is no count; the poisson loss "
            "takes numbers >= 0. Mend the cell, or choose another loss"
        )


@dataclass(frozen=True)
class TargetScaler:
    """K regression targets brought to mean 0 and standard deviation 1, or left as they are.

    Means and scales are in each target's own units; 0 and 1 leave it as it is. `spellings` are
    those of targets whose numbers are not plain. `ranges` are the smallest and the largest
    training value of each target where predictions are cut to them, else none.
    """

    targets: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    ranges: tuple[tuple[float, float], ...] = field(default=(), kw_only=True)

    @classmethod
    def fit(
        cls,
        Y: NDArray[np.float64],
        targets: Sequence[str],
        method: Literal["standardize", "none"],
        name: str,
        observer: Observer,
        clamp: bool = False,
    ) -> TargetScaler:
        """Return the scaler of the training targets `Y` (N, K); `clamp` has predictions cut.

        Raises
        ------
        DataError
            If the values are too far apart for float64.
        """
        constant = [target for k, target in enumerate(targets) if np.all(Y[:, k] == Y[0, k])]
        if constant:
            observer.warning(f"{name}: target {quoted(constant)}: one value in all training rows")
        means, scales = [0.0] * len(targets), [1.0] * len(targets)
        for k, target in enumerate(targets if method == "standardize" else ()):
            with np.errstate(over="ignore", invalid="ignore"):
                means[k], deviation = mean_and_deviation(np.ascontiguousarray(Y[:, k]))
            if not (np.isfinite(means[k]) and np.isfinite(deviation)):
                raise DataError(f"{name}: target {target!r}: its values are too large to be scaled")
            scales[k] = 1.0 if target in constant else deviation
        ranges = tuple(zip(Y.min(axis=0).tolist(), Y.max(axis=0).tolist(), strict=True))
        scaler = cls(tuple(targets), tuple(means), tuple(scales), ranges=ranges if clamp else ())
        if clamp:
            told = [f"{k} ({a:.12g} to {b:.12g})" for k, (a, b) in scaler.range_of.items()]
            observer.note(
                f"predictions are cut to the training range of {listed(told, whole=True)}"
            )
        return scaler

    @property
    def range_of(self) -> dict[str, tuple[float, float]]:
        """The smallest and the largest prediction by target; empty where none is cut."""
        return dict(zip(self.targets, self.ranges, strict=False))

    def encode(self, Y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `Y` (N, K) scaled."""
        return np.asarray((Y - np.array(self.means)) / np.array(self.scales))

    def decode(self, Y: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return scaled `Y` (N, K) in the targets' own units."""
        return np.asarray(Y * np.array(self.scales) + np.array(self.means))

    def cut(self, Y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `Y` (N, K), in the targets' own units, cut to their ranges if there are such."""
        return Y.clip(*np.array(self.ranges).T) if self.ranges else Y

    def read(self, rows: NamedRows) -> NDArray[np.float64]:
        """Return the targets in their own units (N, K); see `target_values`."""
        return target_values(rows, self.targets, self.spellings, cure="")

    def text_targets(self, decimal: str) -> list[str]:
        """Return those that a CSV reader had better leave as spelt; `decimal` is its mark."""
        return [name for name, spelling in self.spellings.items() if spelling.is_misread(decimal)]

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types; floats survive `json` exactly."""
        meta: dict[str, Any] = {
            key: list(getattr(self, key)) for key in ("targets", "means", "scales")
        }
        if self.spellings:
            meta["spellings"] = {name: item.to_meta() for name, item in self.spellings.items()}
        if self.ranges:
            meta["ranges"] = [list(ends) for ends in self.ranges]
        return meta

    @classmethod
    def from_meta(cls, meta: object) -> TargetScaler:
        """Return the scaler that `to_meta` wrote, or raise ValueError with the reason."""
        checks: dict[str, Callable[[object, str], Any]] = {
            "targets": check.texts,
            "means": check.numbers,
            "scales": check.numbers,
        }
        younger = {"spellings": _spellings, "ranges": check.list_of(_range)}
        if isinstance(meta, dict):
            checks |= {key: kept for key, kept in younger.items() if key in meta}
        scaler = cls(**check.record(meta, "target_scaler", checks))
        if not len(scaler.targets) == len(scaler.means) == len(scaler.scales) > 0:
            raise ValueError("target_scaler must have as many means and scales as targets")
        if scaler.ranges and len(scaler.ranges) != len(scaler.targets):
            raise ValueError("target_scaler.ranges must be as many as targets")
        if not set(scaler.spellings) <= set(scaler.targets):
            raise ValueError("target_scaler.spellings must be of targets")
        if min(scaler.scales) <= 0.0:
            raise ValueError("target_scaler.scales must be > 0")
        return scaler


def _spellings(meta: object, where: str) -> dict[str, Spelling]:
    if not isinstance(meta, dict):
        raise ValueError(f"{where} must be an object")
    return {name: Spelling.from_meta(item, f"{where}.{name}") for name, item in meta.items()}


def _range(meta: object, where: str) -> tuple[float, float]:
    ends = check.numbers(meta, where)
    if not (len(ends) == 2 and ends[0] <= ends[1]):
        raise ValueError(f"{where} must be two numbers, the smaller first")
    return ends[0], ends[1]
