"""NA, None, null and the other words that pandas takes for gaps, in columns of text: which are.

The one place where that is decided, but for `data.missing_values`, which may name a column and
all its tokens. Among numbers `nnfit.csv` reads them as gaps at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nnfit.csv.frames import with_columns
from nnfit.csv.words import WORDS
from nnfit.errors import listed, shorten
from nnfit.observer import Observer
from nnfit.table.cells import cell_type, parse_any_spelling, parse_truth
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import undress

if TYPE_CHECKING:
    from nnfit.config.schema import DataConfig


def settle_words(rows: NamedRows, data: DataConfig, observer: Observer) -> NamedRows:
    """Return the rows with gaps where a word means one, and with the words where they are values.

    Among numbers, dates and truth values a word means a gap. In a target of text it is a label. In
    a feature it is a category where empty cells are the gaps, or where there are several words:
    read as one, they could not be told apart. The observer hears of each column that has any.
    """
    gaps: dict[str, dict[str, int]] = {}
    categories: dict[str, dict[str, int]] = {}
    labels: dict[str, dict[str, int]] = {}
    frame = rows.frame
    settled = {}
    for name in rows.columns:
        found = words_in(rows.column(name))
        if not found or name in data.exclude or name == data.weight:
            continue
        is_target = name in data.target
        rest = frame[name].mask(frame[name].isin(WORDS))
        texts = [cell for cell in rest.dropna().unique() if not _is_like_a_number(cell)]
        is_text = len(texts) > 0 if is_target else 2 * rest.isin(texts).sum() >= rest.count()
        distinguishes = is_target or len(found) > 1 or frame[name].hasnans
        by_key = isinstance(data.missing_values, Mapping) and name in data.missing_values
        if by_key or (is_text and distinguishes):
            (labels if is_target else categories)[name] = found
        else:
            gaps[name] = found
            settled[name] = rest
    _tell(rows.name, "are read as missing", gaps, False, observer)
    _tell(rows.name, "are categories of their own", categories, True, observer)
    _tell(rows.name, "are classes", labels, True, observer)
    return replace(rows, frame=with_columns(frame, settled)) if settled else rows


def _tell(
    name: str, became: str, columns: Mapping[str, Mapping[str, int]], kept: bool, observer: Observer
) -> None:
    """Say what became of the words of some columns, with their counts and the key that decides."""
    if not columns:
        return
    words = [
        f"{column!r} ({listed(f'{word!r} in {n}' for word, n in found.items())})"
        for column, found in columns.items()
    ]
    column, found = next(iter(columns.items()))
    key = json.dumps({shorten(column): list(found) if kept else []}, ensure_ascii=False)
    otherwise = "reads them as missing" if kept else "keeps them"
    observer.note(
        f"{name}: words of {listed(words, whole=True)} {became}; "
        f"data.missing_values: {key} {otherwise}"
    )


def words_in(column: NamedColumn) -> dict[str, int]:
    """Return the words in a column of text, and how many cells each."""
    if cell_type(column.cells) != "text":
        return {}
    counts = column.cells[column.cells.isin(WORDS)].value_counts()
    return {str(word): int(count) for word, count in counts.items()}


def columns_with_words(
    rows: NamedRows, features: Iterable[str], target: str, classes: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns whose words are values, in these rows and in all that come later.

    They are settled: what words there are are kept. `classes` are those of the target, if it has.
    """
    kept = [name for name in features if words_in(rows.column(name))]
    return (*kept, *([target] if not all(map(_is_like_a_number, classes)) else []))


def _is_like_a_number(cell: object) -> bool:
    """Return whether a cell is a number in any spelling, a date or the like, or a truth value."""
    text = str(cell)
    if parse_any_spelling(cell) is not None or parse_truth(cell) is not None or undress(text):
        return True
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, text))
