"""The figures of every epoch, as records while training and as arrays in the model file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.observer import EpochRecord

FIELDS = ("epoch", "train_loss", "validation_loss", "metric", "learning_rate")


def to_arrays(records: Iterable[EpochRecord]) -> dict[str, Array]:
    """Return one array of shape (epochs,) per field; NaN where an epoch has no value.

    Rows per second are left out: they differ from run to run, and equal runs give equal files.
    """
    records = list(records)
    arrays: dict[str, Array] = {
        name: np.array(
            [np.nan if (v := getattr(record, name)) is None else v for record in records],
            np.float64,
        )
        for name in FIELDS[1:]
    }
    return {"epoch": np.array([record.epoch for record in records], np.int64), **arrays}


def from_arrays(arrays: Mapping[str, Array]) -> list[EpochRecord]:
    """Return the records that gave the arrays; their rows per second are not known (NaN)."""
    columns = [arrays[name].tolist() for name in FIELDS]
    return [
        EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=None if np.isnan(validation_loss) else validation_loss,
            metric=None if np.isnan(metric) else metric,
            learning_rate=learning_rate,
            rows_per_second=np.nan,
        )
        for epoch, train_loss, validation_loss, metric, learning_rate in zip(*columns, strict=True)
    ]
