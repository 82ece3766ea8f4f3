"""A model beside its data: where the CSV it was trained on is, and which of its columns matter.

Nothing is read here but the first bytes of a file, to tell a model from a CSV.
"""

from __future__ import annotations

import os

from nnfit.model import Model


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
