"""What a model holds, as plain values for a table or JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnfit.model.file.declared import FORMAT_VERSION
from nnfit.model.model import Model
from nnfit.table.inputs import ColumnInput
from nnfit.training.metrics import finite


def describe(model: Model, path: str) -> dict[str, Any]:
    """Return the layers, columns, classes, metrics and training of a model.

    Of several `members` the statistics are of the weights of all, `parameters` and `n_parameters`
    those of each, and `n_parameters_in_all` their sum.
    """
    network = model.network
    architecture = network.architecture
    each = zip(
        architecture.layout.layers, architecture.every_activation, network.parameters.W, strict=True
    )
    with np.errstate(all="ignore"):  # weights may be too large for their statistics
        layers = [
            {
                "layer": i,
                "inputs": W.shape[-1],
                "outputs": W.shape[-2],
                "activation": activation,
                "parameters": sum(block.size for block in layer.blocks),
                "weight_mean": finite(W.mean(dtype=np.float64)),
                "weight_std": finite(W.std(dtype=np.float64)),
            }
            for i, (layer, activation, W) in enumerate(each, 1)
        ]
    bins = _bins(model)
    return {
        "model": path,
        "nnfit_version": model.version,
        "format_version": FORMAT_VERSION,
        "task": model.task,
        "targets": list(model.targets),
        "classes": list(model.classes),
        "cut_to": {} if model.scaler is None else model.scaler.range_of,
        "layers": layers,
        "n_parameters": architecture.n_parameters,
        **(
            {"members": network.members, "n_parameters_in_all": network.parameters.flat.size}
            if network.members > 1
            else {}
        ),
        "loss": architecture.loss,
        **({"quantiles": list(architecture.quantiles)} if architecture.quantiles else {}),
        "dtype": network.dtype.name,
        "inputs": model.encoder.n_inputs,
        "input_names": model.encoder.input_names,
        "columns": [
            {"name": code.name, "kind": code.kind, "detail": code.detail + bins.get(code.name, "")}
            for code in model.encoder.columns
        ],
        "training": model.training,
        "metrics": dict(model.metrics),
        **_held_out(model),
        "preset": model.kept.preset,
        "config": dict(model.config),
    }


def _bins(model: Model) -> dict[str, str]:
    """Return how many bins each column that has some has, as the end of what is told of it."""
    return {
        item.column: f"; {item.width - 1} bin{'s' * (item.width > 2)}"
        for item in model.encoder.inputs
        if isinstance(item, ColumnInput) and item.width > 1
    }


def _held_out(model: Model) -> dict[str, Any]:
    """Return what held-out rows tell, where there were some."""
    if model.held_out is None:
        return {}
    return {"held_out": model.held_out.to_json(() if model.labels else model.targets)}
