"""A model beside its data: where the CSV it was trained on is, and rows as its network sees them.

Nothing is read here but the first bytes of a file, to tell a model from a CSV.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from nnfit.model import Model
from nnfit.nn.arrays import Array
from nnfit.table.cells import Rows

if TYPE_CHECKING:
    import pandas as pd


def is_model_file(path: str) -> bool:
    """Return whether `path` is a zip, as model files are and configs and CSVs are not."""
    if path == "-" or not os.path.isfile(path):
        return path.endswith(".npz")
    with open(path, "rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def training_csv(model: Model, name: str) -> str | None:
    """Return the CSV that the model in the file `name` was trained on, if it is here.

    A model names that CSV as its config did, so that its bytes don't tell where it was trained.
    """
    stored = str(model.config["data"]["path"])
    folders = (".", os.path.dirname(name), "configs")
    places = [os.path.normpath(os.path.join(folder, stored)) for folder in folders]
    return next((place for place in places if os.path.isfile(place)), None)


def needed_columns(model: Model) -> list[str]:
    """Return the columns that are read to judge the model: inputs and targets."""
    return [*model.encoder.needed_columns, *model.targets]


def text_columns(model: Model) -> list[str]:
    """Return those among them that a CSV reader had better leave as they are spelt."""
    return [*model.encoder.text_columns, *(model.targets if model.labels is not None else ())]


def encoded(model: Model, frame: pd.DataFrame, name: str, rows: Rows) -> tuple[Array, Array]:
    """Return the rows as the network sees them: `X` (N, D), `Y` (N, K); all have a target."""
    X = model.encoder.transform(frame, name, rows)
    K = model.network.architecture.sizes[-1]
    if model.labels is None:
        assert model.scaler is not None
        return X, model.scaler.encode(model.scaler.read(frame, name, rows))
    codes = model.labels.encode(frame[model.targets[0]], name, rows)
    return X, (codes[:, None] if K == 1 else np.eye(K)[codes]).astype(np.float64)
