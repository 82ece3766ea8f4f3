"""From a config and a table to arrays: read, decide, split, encode.

No network is built here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnfit.config.presets import decided
from nnfit.config.reading import ConfigFile
from nnfit.dataset.deciding import Decisions, decide, shape_of
from nnfit.dataset.encoding import Encoding, Part, fit_encoding
from nnfit.dataset.reading import read_held_out, read_to_learn
from nnfit.errors import DataError
from nnfit.observer import Observer
from nnfit.table.arrangement import Arrangement
from nnfit.table.labels import LabelEncoder, with_known_class
from nnfit.table.rows import NamedRows
from nnfit.table.spelling import Written
from nnfit.table.splitting import PARTS, Codes, Indices, folds, split
from nnfit.table.table import Tally
from nnfit.table.weights import require_weight

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Dataset(Decisions):
    """What was decided, what the training rows taught, and the parts.

    `file` is the config with its preset's values, which is what is to be looked at from here on.
    `validation` and `test` may be missing; `notes` tell what was decided, a sentence each.
    `fingerprints` are those of "data", all rows that have a target, of a validation or test CSV
    of its own, and of the "arrangement" by groups or time.

    `folds` (N,) is set where the config asks for folds: which member, from 0, holds out each
    training row. There are no `validation` rows then, and the training rows of all members teach
    the encoding: the scales of inputs and targets and the categories have seen the rows that a
    member holds out, as they have seen those that it trains on, but never how a row's target goes
    with its features. One encoding makes the members' mean a mean of like things, and one model.
    """

    file: ConfigFile
    encoding: Encoding
    parts: dict[str, Part]
    fingerprints: dict[str, str]
    notes: tuple[str, ...]
    folds: Indices | None = None


@dataclass(frozen=True)
class Decided:
    """Rows that have a target, and what was decided: on them, or on all those they are some of."""

    rows: NamedRows
    decisions: Decisions

    @classmethod
    def read(
        cls,
        file: ConfigFile,
        frame: pd.DataFrame | None,
        observer: Observer,
        as_spelt: Collection[str] = (),
    ) -> Decided:
        """Return the rows of `frame`, or of the CSV that `data.path` names; errors as `prepare`.

        Columns that are no features can be read `as_spelt`, text.
        """
        rows = read_to_learn(file, frame, observer, as_spelt)
        return cls(rows, decide(file, rows, observer))

    def take(self, places: Indices) -> Decided:
        """Return the rows at `places`, ascending, with the same decisions."""
        return Decided(self.rows.take(places), self.decisions)


class _Notes(Observer):
    """Passes everything on and remembers the notes, which the plan shows."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warning(self, text: str) -> None:
        self.observer.warning(text)

    def reading(self, name: str, done: int, total: int | None) -> None:
        self.observer.reading(name, done, total)


def prepare(
    file: ConfigFile,
    source: Decided | pd.DataFrame | None,
    rng: np.random.Generator,
    observer: Observer,
    kept: dict[str, NamedRows] | None = None,
) -> Dataset:
    """Read, decide, split, and encode with what the training rows teach.

    The rows are those of `source`, or of the CSV that `data.path` names; `rng` draws the held-out
    ones. The observer hears of warnings and progress; what was decided is in `notes`. The rows of
    each part as they were read are put into `kept`; otherwise nothing holds on to them.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    notes = _Notes(observer)
    if not isinstance(source, Decided):
        source = Decided.read(file, source, notes)
    rows, decisions = source.rows, source.decisions
    file = _resolved(file, rows, decisions, notes)
    data = file.config.data
    arrangement = Arrangement.of(rows, data.roles, Written.of(data))
    codes = None if decisions.labels is None else decisions.labels.read(rows)
    with _data_errors(rows.name, "data.validation: 0 and data.test: 0"):
        places = split(
            len(rows), codes, data.fraction("validation"), data.fraction("test"), rng, arrangement
        )
    pieces = _pieces(file, rows, places, decisions, notes)
    held_by = None
    if data.has_folds:
        held_by = _folds(file, rows.name, places[0], codes, decisions.labels, arrangement, rng)
    if kept is not None:
        kept.update(pieces)
    encoding = fit_encoding(file, decisions, pieces["train"], notes)
    with_own_csv = [name for name in PARTS[1:] if name in data.tables]
    parts = {}
    for name, piece in pieces.items():
        tally: Tally = Counter()
        parts[name] = encoding.encode(piece, name, tally)
        if name in with_own_csv:  # strange cells are told, as evaluate tells them
            for sentence in encoding.encoder.warnings(tally, piece.name):
                observer.warning(sentence)
    weights = parts["train"].weights
    if held_by is not None and weights is not None:
        for fold in range(file.config.model.members):  # then the rest weighs something as well
            require_weight(weights[held_by == fold], f"fold-{fold + 1}", rows.name)
    tables = {"data": rows} | {name: pieces[name] for name in with_own_csv}
    fingerprints = {name: encoding.fingerprint(table) for name, table in tables.items()}
    if arrangement.fingerprint is not None:
        fingerprints["arrangement"] = arrangement.fingerprint
    return Dataset(
        **vars(decisions),
        file=file,
        encoding=encoding,
        parts=parts,
        fingerprints=fingerprints,
        notes=tuple(notes.texts),
        folds=held_by,
    )


def _resolved(
    file: ConfigFile, rows: NamedRows, decisions: Decisions, observer: Observer
) -> ConfigFile:
    """Return the config with its preset's values for the table, and tell them."""
    shape = shape_of(rows, decisions.columns, decisions.n_outputs, decisions.labels)
    resolved = file.resolved(shape)
    if said := decided(file.config, resolved.config, shape):
        observer.note(said)
    return resolved


def _pieces(
    file: ConfigFile,
    rows: NamedRows,
    places: Sequence[Indices],
    decisions: Decisions,
    observer: Observer,
) -> dict[str, NamedRows]:
    """Return the pieces by name: at `places` of `rows`, or read from CSVs of their own."""
    pieces = {
        name: rows.take(where) for name, where in zip(PARTS, places, strict=True) if len(where)
    }
    tables = file.config.data.tables
    for name in PARTS[1:]:
        if name in tables:
            piece, labels = read_held_out(file, tables[name], decisions, observer), decisions.labels
            pieces[name] = piece if labels is None else with_known_class(piece, labels, observer)
    return pieces


def _folds(
    file: ConfigFile,
    name: str,
    train: Indices,
    codes: Codes | None,
    labels: LabelEncoder | None,
    arrangement: Arrangement,
    rng: np.random.Generator,
) -> Indices:
    """Return the fold of each of the rows `train` of the table `name`, (N,)."""
    with _data_errors(name, "model.members lower, or data.validation: 0.2"):
        return folds(
            len(train),
            None if codes is None else codes[train],
            file.config.model.members,
            rng,
            arrangement.take(train),
            () if labels is None else labels.classes,
        )


@contextmanager
def _data_errors(name: str, cure: str) -> Iterator[None]:
    """Say of the table `name` why its rows do not suffice, and which keys to set."""
    try:
        yield
    except ValueError as err:
        raise DataError(f"{name}: {err}. Set {cure}") from err
