"""From a config and a table to arrays: read, decide, split, encode.

No network is built here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnfit.config.presets import Shape, decided
from nnfit.config.reading import ConfigFile
from nnfit.dataset.deciding import Decisions, decide
from nnfit.dataset.encoding import Encoding, Part, fit_encoding
from nnfit.dataset.reading import read_held_out, read_to_learn
from nnfit.errors import DataError
from nnfit.observer import Observer
from nnfit.table.labels import with_known_class
from nnfit.table.rows import NamedRows
from nnfit.table.splitting import PARTS, split
from nnfit.table.table import Tally

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Dataset(Decisions):
    """What was decided, what the training rows taught, and the parts.

    `file` is the config with its preset's values, which is what is to be looked at from here on.
    `validation` and `test` may be missing; `notes` tell what was decided, a sentence each.
    `fingerprints` are those of "data", all rows that have a target, and of a validation or test
    CSV of its own.
    """

    file: ConfigFile
    encoding: Encoding
    parts: dict[str, Part]
    fingerprints: dict[str, str]
    notes: tuple[str, ...]


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
    frame: pd.DataFrame | None,
    rng: np.random.Generator,
    observer: Observer,
    kept: dict[str, NamedRows] | None = None,
) -> Dataset:
    """Read, decide, split, and encode with what the training rows teach.

    The rows are those of `frame`, or of the CSV that `data.path` names; `rng` draws the held-out
    ones. The observer hears of warnings and progress; what was decided is in `notes`. The rows of
    each part as they were read are put into `kept`; otherwise nothing holds on to them.

    Raises
    ------
    ConfigError, DataError
        Each with its place.
    """
    notes = _Notes(observer)
    rows = read_to_learn(file, frame, notes)
    decisions = decide(file, rows, notes)
    file = _resolved(file, len(rows), decisions, notes)
    data = file.config.data
    pieces = _split(file, rows, decisions, rng, notes)
    if kept is not None:
        kept.update(pieces)
    encoding = fit_encoding(file, decisions, pieces["train"], notes)
    with_own_csv = [name for name in PARTS[1:] if isinstance(getattr(data, name), str)]
    parts = {}
    for name, piece in pieces.items():
        tally: Tally = Counter()
        parts[name] = encoding.encode(piece, name, tally)
        if name in with_own_csv:  # strange cells are told, as evaluate tells them
            for sentence in encoding.encoder.warnings(tally, piece.name):
                observer.warning(sentence)
    tables = {"data": rows} | {name: pieces[name] for name in with_own_csv}
    return Dataset(
        **vars(decisions),
        file=file,
        encoding=encoding,
        parts=parts,
        fingerprints={name: encoding.fingerprint(table) for name, table in tables.items()},
        notes=tuple(notes.texts),
    )


def _resolved(
    file: ConfigFile, n_rows: int, decisions: Decisions, observer: Observer
) -> ConfigFile:
    """Return the config with its preset's values for the table, and tell them."""
    shape = Shape(n_rows, len(decisions.columns), decisions.n_outputs, decisions.task)
    resolved = file.resolved(shape)
    if said := decided(file.config, resolved.config, shape):
        observer.note(said)
    return resolved


def _split(
    file: ConfigFile,
    rows: NamedRows,
    decisions: Decisions,
    rng: np.random.Generator,
    observer: Observer,
) -> dict[str, NamedRows]:
    """Return the pieces by name: drawn from `rows`, or read from CSVs of their own."""
    held_out = {"validation": file.config.data.validation, "test": file.config.data.test}
    drawn = [0.0 if isinstance(share, str) else share for share in held_out.values()]
    codes = None if decisions.labels is None else decisions.labels.read(rows)
    try:
        places = split(len(rows), codes, drawn[0], drawn[1], rng)
    except ValueError as err:
        raise DataError(f"{rows.name}: {err}. Set data.validation: 0 and data.test: 0") from err
    pieces = {
        name: rows.take(where) for name, where in zip(PARTS, places, strict=True) if len(where)
    }
    for name, path in held_out.items():
        if isinstance(path, str):
            piece = read_held_out(file, path, decisions, observer)
            labels = decisions.labels
            pieces[name] = piece if labels is None else with_known_class(piece, labels, observer)
    return pieces
