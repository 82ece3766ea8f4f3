"""Predictions and metrics over a CSV of any length, block by block: memory stays flat."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, Literal, NoReturn, TextIO, TypeVar

from nnfit.budget import rows_at_once
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import Block, BlockReader
from nnfit.csv.writing import RowWriter
from nnfit.errors import DataError, joined, name_of, require_columns
from nnfit.model.evaluation import Evaluation
from nnfit.model.making import Made
from nnfit.model.model import Model
from nnfit.observer import Observer
from nnfit.table.cells import typed
from nnfit.table.fingerprint import Fingerprint
from nnfit.table.rows import NamedRows
from nnfit.table.splitting import PARTS
from nnfit.table.table import Tally
from nnfit.training.threads import available_cores, blas_threads

MAX_THREADS = 4  # what holds the interpreter's lock leaves more of them nothing to do

Result = TypeVar("Result")


def csv_format(model: Model) -> CsvFormat:
    """Return how the CSVs of this model are written: as its training data was."""
    data = model.kept.data
    return CsvFormat(
        data.delimiter,
        data.header,
        data.missing_values,
        model.words,
        known=tuple(model.judged_columns),
        decimal=data.decimal,
        skip_rows=data.skip_rows,
        comment=data.comment,
        expected=tuple(model.encoder.needed_columns),
    )


def write_made(
    model: Model,
    path: str,
    made: Made,
    stream: TextIO,
    *,
    format: str,
    carry: Sequence[str] | Literal["all"],
    observer: Observer,
) -> None:
    """Write a row for each row of the CSV: the carried columns, then what is made of it.

    Raises
    ------
    DataError
        When a column is missing, a cell can't be read, or a carried column is named like one
        of those made.
    """
    encoder = model.encoder
    total: Tally = Counter()
    with (
        blas_threads(1),
        BlockReader(
            path, csv_format(model), encoder.needed_columns, model.text_columns, carry, observer
        ) as blocks,
    ):
        require_columns(blocks.name, blocks.header, encoder.needed_columns)
        carried = blocks.header if carry == "all" else list(carry)
        if both := [column for column in made.columns if column in carried]:
            raise DataError(
                f"{blocks.name}: column {both[0]!r} is carried and {made.each}; "
                "rename it, or carry others with --keep"
            )
        blocks.most_rows = min(blocks.most_rows, rows_at_once(len(made.columns)))
        writer = RowWriter(stream, format, [*carried, *made.columns])
        as_they_are = carry == "all" and writer.delimiter == blocks.delimiter

        def rows(block: Block) -> tuple[str, Tally]:
            tally: Tally = Counter()
            after = made.cells(NamedRows(block.frame, blocks.name, block.first_row), tally)
            lines = block.lines if as_they_are else None
            before: list[Any] = block.carried if lines is None else []
            if writer.delimiter is None:
                before = [
                    _typed(model, name, cells, block)
                    for name, cells in zip(carried, before, strict=True)
                ]
            return writer.rows([*before, *after], lines), tally

        def write(result: tuple[str, Tally]) -> None:
            text, tally = result
            writer.write(text)
            total.update(tally)

        _work_ahead(blocks, rows, write)
    for sentence in model.warnings(total, blocks.name):
        observer.warning(sentence)


def _typed(model: Model, name: str, cells: list[str], block: Block) -> list[Any]:
    """Return a carried column as JSON has it: of the types that the model reads, gaps as None.

    A column that the model does not know is taken cell by cell: what it goes on with is to come.
    """
    known = block.frame[name] if name in block.frame else None
    gaps = [not cell for cell in cells] if known is None else known.isna()
    kinds = {code.name: code.kind for code in model.encoder.columns}
    spellings = model.spellings
    values: list[Any] = cells
    if name in spellings:
        values = [spellings[name].parse(cell) for cell in cells]
    elif kinds.get(name) != "categorical" and not (
        model.labels is not None and name in model.targets and model.labels.is_text
    ):
        any_spelling = known is not None or name in model.targets
        values = [typed(cell, any_spelling) for cell in cells]
    return [None if gap else value for gap, value in zip(gaps, values, strict=True)]


def _work_ahead(
    blocks: BlockReader, work: Callable[[Block], Result], done: Callable[[Result], None]
) -> None:
    """Call `done(work(block))` for every block in order; `work` runs in threads, ahead of it.

    Reading and `done` stay in this thread, where a signal cuts a wait short, and no other thread
    waits for anything outside: however this ends, so do they. No row that is ready waits for
    input to come.
    """
    n_threads = min(available_cores(), MAX_THREADS)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(n_threads)
    try:
        for job in _jobs(blocks, work):
            if job is not None:
                pending.append(pool.submit(job))
            while pending and (len(pending) > n_threads or not blocks.ready()):
                done(pending.popleft().result())
        while pending:
            done(pending.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)


def _jobs(
    blocks: BlockReader, work: Callable[[Block], Result]
) -> Iterator[Callable[[], Result] | None]:
    """Yield the work on each block, None where input is awaited; an error in reading comes last."""
    try:
        for block in blocks.arrivals():
            yield None if block is None else partial(work, block)
    except DataError as err:
        yield partial(_raise, err)  # in its turn: the rows before it are written


def _raise(err: DataError) -> NoReturn:
    raise err


def judged_blocks(model: Model, path: str, observer: Observer) -> Generator[NamedRows]:
    """Yield the rows of a CSV block by block, with the columns that judge the model.

    Raises
    ------
    DataError
        When a column is missing.
    """
    needed = model.judged_columns
    with BlockReader(path, csv_format(model), needed, model.text_columns, (), observer) as blocks:
        require_columns(blocks.name, blocks.header, needed)
        blocks.most_rows = min(blocks.most_rows, rows_at_once(model.outcome.n_values))
        for block in blocks:
            yield NamedRows(block.frame, blocks.name, block.first_row)


def evaluate_rows(model: Model, path: str, observer: Observer) -> Evaluation:
    """Return the predictions beside the targets of the CSV at `path`."""
    with closing(judged_blocks(model, path, observer)) as blocks:
        evaluation = evaluate_pieces(model, name_of(path), blocks, observer)
    if evaluation.fingerprint is not None:
        tell_trained(model, evaluation.name, evaluation.fingerprint, observer)
    return evaluation


def tell_trained(model: Model, name: str, fingerprint: Fingerprint, observer: Observer) -> None:
    """Say so if the rows of the table `name` are those that the model was trained on."""
    if fingerprint.value == model.fingerprints.get("data"):
        rows = model.trained.rows
        trained = f"the model was trained on {rows.get('train')} of these rows"
        others = [part for part in PARTS[1:] if rows.get(part)]
        judged = f"; --split {joined(others, 'or')} judges it by others" if others else ""
        observer.note(f"{name}: {trained}{judged}")


def evaluate_pieces(
    model: Model, name: str, pieces: Iterable[NamedRows], observer: Observer
) -> Evaluation:
    """Return the predictions beside the targets of the table `name`, which comes in pieces."""
    tally: Tally = Counter()
    evaluation = model.evaluation(name)
    if model.fingerprints:
        evaluation.fingerprint = Fingerprint(model.encoder)
    with blas_threads(1):
        for rows in pieces:
            evaluation.add(rows, tally)
    for sentence in [*model.warnings(tally, name), *evaluation.warnings()]:
        observer.warning(sentence)
    return evaluation
