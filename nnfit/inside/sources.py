"""A config or a model with rows of its own data: where gradient check and explanations begin.

Nothing is trained.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nnfit.config.reading import CONFIG, ConfigFile, load_config
from nnfit.dataset.dataset import Dataset, prepare
from nnfit.dataset.encoding import Encoding, Part
from nnfit.errors import ConfigError, DataError, name_of, path_text
from nnfit.inside.own_rows import own_csv
from nnfit.model.file.reading import load as load_model
from nnfit.model.model import Model
from nnfit.model.streaming import judged_blocks
from nnfit.nn.network import Network
from nnfit.observer import Observer
from nnfit.run.building import build_network, untrained_model
from nnfit.table.rows import NamedRows
from nnfit.table.weights import Weighting
from nnfit.training.streams import stream

ConfigSource: TypeAlias = str | Path | Mapping[str, Any]
Source: TypeAlias = ConfigSource | Model
Table: TypeAlias = NamedRows | str  # a CSV by its path


def is_model_file(path: str) -> bool:
    """Return whether `path` is a zip, as model files are and configs and CSVs are not."""
    if path == "-" or not os.path.isfile(path):
        return path.endswith(".npz")
    with open(path, "rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def say_own(csv: object, name: str, observer: Observer) -> None:
    """Say that the rows are those that the model in the file `name` was trained on."""
    observer.note(f"data: {csv}, which {name} was trained on")


def opened(source: Source) -> tuple[Model, str] | ConfigSource:
    """Return the model that `source` is or names, and its name in messages; or else the config."""
    if isinstance(source, Model):
        return source, "the model"
    if isinstance(source, Mapping):
        return source
    name = path_text(source, "source", f"a model, its path, or {CONFIG}", ConfigError)
    return (load_model(name), name) if is_model_file(name) else name


def initialised(
    source: ConfigSource, data: Any, observer: Observer, kept: dict[str, NamedRows] | None = None
) -> tuple[ConfigFile, Dataset, Network]:
    """Return a config, its prepared data, and its network in float64 as training starts with it.

    `data`, a DataFrame or a path, is used instead of `data.path`; `kept` is as for `prepare`.
    """
    path = os.fspath(data) if isinstance(data, str | Path) else None
    frame = data if path is None else None
    file = load_config(source, (), "-" if frame is not None else path)
    dataset = prepare(file, frame, stream(file.config.seed, "split"), observer, kept)
    return dataset.file, dataset, build_network(dataset.file, dataset, np.float64)


def untrained(config: str, observer: Observer) -> Model:
    """Return the model that training with the config at a path starts from."""
    return untrained_model(*initialised(config, None, observer))


def own_table(model: Model, name: str, data: Any) -> Table | None:
    """Return `data`, or else the CSV that the model was trained on if it is here."""
    if data is not None and not isinstance(data, str | Path):
        return NamedRows.from_frame(data, "data")
    if data is not None:
        return os.fspath(data)
    return own_csv(model, name)


def pieces(model: Model, table: Table, observer: Observer) -> Generator[NamedRows]:
    """Yield the rows piece by piece, with the columns that judge the model.

    Raises
    ------
    DataError
        When a column or every row is missing.
    """
    if isinstance(table, NamedRows):
        yield table
        return
    rows = None
    with closing(judged_blocks(model, table, observer)) as blocks:
        for rows in blocks:
            yield rows
    if rows is None:
        raise DataError(f"{name_of(table)}: has a header and no rows; expected at least one row")


def encoded(model: Model, rows: NamedRows, part: str | None = None) -> Part:
    """Return rows that have a target as the network sees them; `part` as for `Encoding.encode`."""
    network = model.network
    return Encoding(
        encoder=model.encoder,
        labels=model.labels,
        scaler=model.scaler,
        loss=network.architecture.loss,
        n_outputs=network.architecture.sizes[-1],
        dtype=network.dtype,
        weighting=weighting_of(model),
    ).encode(rows, part)


def weighting_of(model: Model) -> Weighting:
    """Return how much rows of a model's own data count."""
    kept = model.kept
    return Weighting(kept.data.weight, kept.class_weight, written=kept.data.written)
