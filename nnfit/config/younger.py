"""The keys that are younger than the formats of the files that keep a config.

At its default such a key asks for what was done before there was the key; left out there, it
changes no byte of a model, and a checkpoint from before still fits.
"""

from __future__ import annotations

from typing import Any

from nnfit.config.schema import Config
from nnfit.nn import names

YOUNGER: dict[str, Any] = {
    "preset": "none",
    "calibrate": "none",
    "data.groups": None,
    "data.time": None,
    "preprocessing.bins": 0,
    "preprocessing.clamp": False,
    "model.members": 1,
    "model.output_initialization": "auto",
    "model.bias_initialization": "zeros",
    "model.input_scale": False,
    "model.parametrization": "standard",
    "optimizer.betas": [0.9, 0.999],
    "optimizer.bias_rate": 1.0,
    "optimizer.scale_rate": 1.0,
    "quantiles": [*names.QUANTILES],
    "training.engine": "numpy",
    "training.best": "loss",
    "training.label_smoothing": 0.0,
    "training.patience_factor": 1.0,
    "training.refit": False,
    "training.record_steps": False,
}


def kept(config: Config) -> dict[str, Any]:
    """Return the config as a model keeps it, for JSON: a younger key only where it asks for more.

    A config that worked before there was the key then has the same bytes. Where the model lies
    must not change them either, so `output` is left out.
    """
    dumped = config.model_dump(mode="json", exclude={"output"})
    for key, default in YOUNGER.items():
        section, _, name = key.rpartition(".")
        of = dumped[section] if section else dumped
        if of[name] == default:
            del of[name]
    return dumped
