"""What a model holds, as plain values for a table or JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnfit.model.file.declared import FORMAT_VERSION
from nnfit.model.model import Model
from nnfit.nn.arrays import Array


def describe(model: Model, path: str) -> dict[str, Any]:
    """Return the layers, columns, classes, metrics and training of a model."""
    network = model.network
    architecture = network.architecture
    activations = (*architecture.activations, architecture.output_activation)
    layers = [
        {
            "layer": i + 1,
            "inputs": layer.W.shape[1],
            "outputs": layer.W.shape[0],
            "activation": activation,
            "parameters": layer.Wb.size,
            "weight_mean": _known(np.mean, network.parameters.W[i]),
            "weight_std": _known(np.std, network.parameters.W[i]),
        }
        for i, (layer, activation) in enumerate(
            zip(architecture.layout.layers, activations, strict=True)
        )
    ]
    return {
        "model": path,
        "nnfit_version": model.version,
        "format_version": FORMAT_VERSION,
        "task": model.task,
        "targets": list(model.targets),
        "classes": list(model.classes),
        "layers": layers,
        "n_parameters": architecture.n_parameters,
        "loss": architecture.loss,
        "dtype": network.dtype.name,
        "inputs": model.encoder.n_inputs,
        "input_names": model.encoder.input_names,
        "columns": [
            {"name": code.name, "kind": code.kind, "detail": code.detail}
            for code in model.encoder.columns
        ],
        "training": dict(model.training),
        "metrics": dict(model.metrics),
        "config": dict(model.config),
    }


def _known(statistic: Callable[..., Any], W: Array) -> float | None:
    """Return a statistic of the weights, or None, as JSON needs it, where float64 overflows."""
    with np.errstate(all="ignore"):
        value = float(statistic(W, dtype=np.float64))
    return value if math.isfinite(value) else None
