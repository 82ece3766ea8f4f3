"""Predictions and metrics over a CSV of any length, block by block: memory stays flat."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, NoReturn, TextIO, TypeVar

import numpy as np

from nnfit.errors import DataError
from nnfit.model import Evaluation, Model
from nnfit.nn.arrays import Array
from nnfit.observer import Observer
from nnfit.own_data import needed_columns, text_columns
from nnfit.table.csv import (
    Block,
    BlockReader,
    CsvFormat,
    RowWriter,
    read_blocks,
    require_columns,
)
from nnfit.training.threads import available_cores, blas_threads

MOST_THREADS = 4  # what holds the interpreter's lock leaves more of them nothing to do

Result = TypeVar("Result")


def csv_format(model: Model) -> CsvFormat:
    """Return how the CSVs of this model are written: as its training data was."""
    data = model.config["data"]
    return CsvFormat(data["delimiter"], data["header"], tuple(data["missing_values"]))


def predict_rows(
    model: Model,
    path: str,
    stream: TextIO,
    *,
    format: Literal["csv", "tsv", "jsonl"],
    proba: bool,
    carry: Sequence[str] | Literal["all"],
    observer: Observer,
) -> None:
    """Write one row per row of the CSV at `path`, carried columns first.

    Raises
    ------
    DataError
        When a column is missing, a cell can't be read, or a carried column is named like one
        of the predictions.
    """
    encoder = model.encoder
    total: Counter[tuple[str, str]] = Counter()
    with (
        blas_threads(1),
        read_blocks(
            path, csv_format(model), encoder.needed_columns, encoder.text_columns, carry, observer
        ) as blocks,
    ):
        require_columns(blocks.name, blocks.header, encoder.needed_columns)
        carried = blocks.header if carry == "all" else list(carry)
        columns = prediction_columns(model, proba)
        if both := [column for column in columns if column in carried]:
            raise DataError(
                f"{blocks.name}: column {both[0]!r} is carried and predicted; "
                "rename it, or carry others with --keep"
            )
        writer = RowWriter(stream, format, [*carried, *columns])
        as_they_are = carry == "all" and writer.delimiter == blocks.delimiter

        def predicted(block: Block) -> tuple[str, Counter[tuple[str, str]]]:
            tally: Counter[tuple[str, str]] = Counter()
            y_hat = model.outputs(block.frame, blocks.name, block.first_row, tally)
            cells = _cells(model, y_hat, proba)
            lines = block.lines if as_they_are else None
            before = block.carried if lines is None else []
            return writer.rows([*before, *cells], lines), tally

        def write(result: tuple[str, Counter[tuple[str, str]]]) -> None:
            text, tally = result
            writer.write(text)
            total.update(tally)

        _work_ahead(blocks, predicted, write)
    for sentence in encoder.warnings(total, blocks.name):
        observer.warning(sentence)


def _work_ahead(
    blocks: BlockReader, work: Callable[[Block], Result], done: Callable[[Result], None]
) -> None:
    """Call `done(work(block))` for every block in order; `work` runs in threads, ahead of it.

    Reading and `done` stay in this thread, where a signal cuts a wait short, and no other thread
    waits for anything outside: however this ends, so do they. No row that is ready waits for
    input to come.
    """
    n_threads = min(available_cores(), MOST_THREADS)
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


def prediction_columns(model: Model, proba: bool) -> list[str]:
    """Return the header of the predictions."""
    if model.labels is not None:
        extra = [f"probability_{label}" for label in model.classes] if proba else []
        return ["prediction", *extra]
    if proba:
        raise DataError("--proba: a regression model has no probabilities; leave it out")
    if len(model.targets) == 1:
        return ["prediction"]
    return [f"prediction_{target}" for target in model.targets]


def _cells(model: Model, y_hat: Array, proba: bool) -> list[Any]:
    """Return the columns of `prediction_columns` for one block."""
    if model.labels is None:
        return list(model.values(y_hat).T)
    labels = model.labels.decode(model.codes(y_hat))
    if not proba:
        return [labels]
    probabilities = model.probabilities(y_hat)
    if model.network.dtype.itemsize == 4:
        probabilities = _significant(probabilities, 9)  # float32 holds no more
    return [labels, *probabilities.T]


def _significant(values: Array, digits: int) -> Array:
    """Return positive values rounded to so many significant digits."""
    exponents = np.floor(np.log10(np.maximum(values, 1e-280)))
    factors = 10.0 ** (digits - 1 - exponents)
    rounded: Array = np.round(values * factors) / factors
    return rounded


def evaluate_rows(model: Model, path: str, observer: Observer) -> dict[str, Any]:
    """Return `{"rows", "metrics", ...}` for the CSV at `path`, as `Model.evaluate` does."""
    evaluation, name = evaluation_of(model, path, observer)
    return evaluation.result(name)


def evaluation_of(model: Model, path: str, observer: Observer) -> tuple[Evaluation, str]:
    """Return the predictions and targets of the CSV at `path`, and its name in messages."""
    encoder = model.encoder
    needed, text = needed_columns(model), text_columns(model)
    tally: Counter[tuple[str, str]] = Counter()
    evaluation = Evaluation(model)
    with (
        blas_threads(1),
        read_blocks(path, csv_format(model), needed, text, (), observer) as blocks,
    ):
        require_columns(blocks.name, blocks.header, needed)
        for block in blocks:
            evaluation.add(block.frame, blocks.name, block.first_row, tally)
    for sentence in encoder.warnings(tally, blocks.name):
        observer.warning(sentence)
    if evaluation.without_target:
        rows = "1 row" if evaluation.without_target == 1 else f"{evaluation.without_target} rows"
        observer.warning(f"{blocks.name}: left out {rows} without a target")
    return evaluation, blocks.name
