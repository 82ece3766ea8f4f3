"""One example through the production network and back, held against the complex step.

The result is plain values, for a table or JSON.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnfit.budget import NUMBERS_EXPLAINED
from nnfit.errors import ConfigError
from nnfit.gradcheck.checking import (
    TOLERANCE,
    affordable,
    compared,
    gradients,
    relative_errors,
)
from nnfit.gradcheck.numeric import ComplexStep
from nnfit.gradcheck.problems import Problem
from nnfit.inside.explanation import formulas, phi
from nnfit.inside.explanation.example import Example, find_example
from nnfit.inside.explanation.held_out import told_by_held_out
from nnfit.inside.explanation.nodes import graph
from nnfit.inside.explanation.steps import Values, backward, forward, last_delta, plain
from nnfit.inside.sources import Source
from nnfit.model.model import Model
from nnfit.nn.architecture import Architecture, Parameters
from nnfit.nn.arrays import Array
from nnfit.nn.inference import mean_loss
from nnfit.nn.network import Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.observer import Observer
from nnfit.training.examples import network_rows
from nnfit.training.gradients import Shards
from nnfit.training.metrics import finite
from nnfit.training.threads import blas_threads

# What a table shows of a large array, beside its last row and column: the complex step of these
# entries is always worked out.
FIRST_ROWS, FIRST_COLUMNS = 4, 11


def explain(
    source: Source,
    data: Any = None,
    *,
    row: int = 1,
    epoch_step: bool = False,
    member: int | None = None,
    observer: Observer | None = None,
) -> Values:
    """Return one example's way through the network and back, and one update.

    Parameters
    ----------
    source : path, mapping or Model
        A config, whose network is the initialised one, or a model.
    data : DataFrame or path, optional
        Where the row comes from instead of the config's or model's own data.
    row : int
        The data row, from 1.
    epoch_step : bool
        Make the update with the mean gradient over all rows that the network learns from; of a
        table that is not a model's own over all rows. That is one step of gradient descent.
        Otherwise with that of the row alone.
    member : int, optional
        Which of several networks, from 1; the first by default, and then that is said.

    Returns
    -------
    dict
        Plain JSON types; a number that is not finite, or was not worked out, is None.

    Raises
    ------
    NnfitError
        When there is no such row, it has no target, or a model's data is not here.
    """
    example = find_example(source, data, row, epoch_step, observer or Observer(), member)
    model, one, architecture = example.model, example.row, example.model.network.architecture
    problem = Problem(
        case=example.source,
        architecture=architecture,
        parameters=model.network.parameters.flat,
        X=one.X,
        Y=one.Y,
        share=1.0,
    )
    most = _affordable(problem)
    network, ws = problem.build(np.float64)
    with blas_threads(1), np.errstate(all="ignore"):
        network.forward(ws)  # backward may use z and a as scratch
        z = [z[:, 0].copy() for z in ws.z]
        y_hat: Array = np.empty_like(ws.z[-1])
        network.head.predict(ws.z[-1], y_hat)
        v = [one.X[0], *(a[:, 0].copy() for a in ws.units), y_hat[:, 0]]
        data_loss = float(network.loss_and_gradient(ws, 1.0))
        penalty = float(network.penalty())
        delta, slope = ([array[:, 0].copy() for array in arrays] for arrays in (ws.delta, ws.slope))
        analytic, numeric = gradients(network, ws), ComplexStep(problem)
        analytic["x"] = analytic["x"][0]
        checked = {name: _checked(name, array, numeric, most) for name, array in analytic.items()}
        last = last_delta(network, one.Y[0], z[-1], v[-1], delta[-1])
        inputs = phi.open_inputs(model.encoder, model.encoder.read(example.raw))
        found: Values = {
            "source": example.source,
            "initialised": example.drawn is not None,
            "data": example.data,
            "row": row,
            "drawn": example.drawn,
            "task": model.task,
            "notes": [*example.notes, *_notes(model, y_hat.T), *_doubts(checked)],
            "n_parameters": architecture.n_parameters,
            "parameters": _named(network.parameters),
            "graph": [],  # which is made of the others
            "inputs": {"names": model.encoder.input_names, "values": plain(v[0])},
            "forward": forward(network, z, v),
            "prediction": _prediction(model, y_hat.T),
            "target": {"y": plain(one.Y[0]), "value": _decoded(model, one.truth)},
            "loss": _loss(architecture, data_loss, penalty, one.Y[0], v[-1]),
            "backward": backward(network, last, delta, slope, checked),
            "columns": phi.columns(inputs, analytic["x"], numeric, most, FIRST_COLUMNS),
            "update": _update(network, example),
        }
        return found | {"graph": graph(architecture, found, inputs)}


def _affordable(problem: Problem) -> int:
    """Return how many entries of each gradient are compared, or raise ConfigError for none."""
    a = problem.architecture
    if (n_numbers := a.n_parameters + sum(a.sizes)) > NUMBERS_EXPLAINED:
        raise ConfigError(
            f"{problem.case}: {n_numbers} parameters and units are too many to be told one by "
            f"one; expected at most {NUMBERS_EXPLAINED}"
        )
    return affordable(problem)


def _checked(name: str, array: Array, numeric: ComplexStep, most: int) -> Values:
    """Return a gradient, called as in `gradcheck`, beside its complex step.

    Of a large array gradcheck's sample of entries is compared, and those that a table shows.
    """
    wanted: Array = np.zeros(array.shape, bool)
    wanted.flat[compared(array.size, most)] = True
    if most >= FIRST_ROWS * FIRST_COLUMNS:
        edges = zip((FIRST_ROWS, FIRST_COLUMNS)[-array.ndim :], array.shape, strict=True)
        wanted[np.ix_(*([*range(min(m, n)), n - 1] for m, n in edges))] = 1
    values: Array = np.full(array.shape, np.nan)
    for place in zip(*np.nonzero(wanted), strict=True):
        values[place] = numeric.derivative(name, (0, *place) if name == "x" else place)
    analytic, numbers = array[wanted], values[wanted]
    comparable = np.isfinite(analytic).all() and np.isfinite(numbers).all()
    error = float(relative_errors(analytic, numbers).max()) if comparable else None
    return {
        "parameter": name,
        "shape": list(array.shape),
        "values": plain(array),
        "complex_step": plain(values),
        "relative_error": error,
        "entries": int(wanted.sum()),
    }


def _doubts(checked: Values) -> list[str]:
    """Return why some gradient is further from its complex step than gradcheck tolerates."""
    errors = [gradient["relative_error"] for gradient in checked.values()]
    if all(error is not None and error <= TOLERANCE["complex"] for error in errors):
        return []
    return [
        "a gradient and its complex step differ by more than gradcheck's tolerance: where ŷ is "
        "nearly y, or a number not finite, there are no digits left to compare; "
        "nnfit gradcheck chooses the rows that are predicted worst"
    ]


def _named(parameters: Parameters, key: str = "values") -> list[Values]:
    """Return W1, b1, W2, ... by name, their numbers under `key`."""
    return [
        {
            "parameter": block.name,
            "layer": i,
            "shape": list(block.shape),
            "count": block.size,
            key: plain(parameters.named[block.name]),
        }
        for i, layer in enumerate(parameters.layout.layers, 1)
        for block in layer.blocks
    ]


def _loss(
    architecture: Architecture, loss: float, penalty: float, y: Array, y_hat: Array
) -> Values:
    """Return the loss as training reports it, the penalty, and the L that training lowers."""
    name, n_outputs = architecture.loss, architecture.sizes[-1]
    squares = name == "mse" and n_outputs > 1
    return {
        "name": name,
        "formula": formulas.loss(name, n_outputs),
        "data_loss": finite(loss),
        "penalty": finite(penalty),
        "loss": finite(loss),
        "total": finite(loss + penalty),
        "l2": architecture.l2,
        "squared_norm": finite(float(((y_hat - y) ** 2).sum())) if squares else None,
    }


def _prediction(model: Model, y_hat: Array) -> Values:
    """Return y_hat (1, K) and what it means to the user."""
    if model.labels is None:
        value = _decoded(model, model.outcome.values(y_hat))
        told = {"y_hat": plain(y_hat[0]), "value": value, "probabilities": None}
        names = model.outcome.law.columns(model.targets)[len(model.targets) :]
        beside = plain(model.outcome.told(y_hat)[0, len(model.targets) :])
        return told | ({"beside": dict(zip(names, beside, strict=True))} if names else {})
    p = plain(model.outcome.probabilities(y_hat)[0])
    return {
        "y_hat": plain(y_hat[0]),
        "value": _decoded(model, model.outcome.codes(y_hat)),
        "probabilities": dict(zip(model.classes, p, strict=True)),
    }


def _notes(model: Model, y_hat: Array) -> list[str]:
    """Return what is said of a prediction: what it is cut from, and what held-out rows tell."""
    told = told_by_held_out(model, y_hat)
    if model.scaler is None:
        return told
    values = model.scaler.decode(model.outcome.law.value(y_hat))
    each = zip(model.targets, values[0].tolist(), model.scaler.cut(values)[0].tolist(), strict=True)
    cuts = [
        f"{target}: {value:.6g} is cut to {cut:.6g}, the end of the training range; "
        "ŷ and the loss are not cut"
        for target, value, cut in each
        if value != cut
    ]
    return cuts + told


def _decoded(model: Model, truth: Array) -> Any:
    """Return the label of a code (1,), or of values (1, K) the one, or each by its target."""
    if model.labels is not None:
        return str(model.labels.decode(truth)[0])
    values = plain(truth[0])
    return values[0] if len(values) == 1 else dict(zip(model.targets, values, strict=True))


def _update(network: Network, example: Example) -> Values:
    """Return the step W <- W - alpha dL/dW and what it does to the loss.

    The network holds the row's gradient, and that of the training rows after an epoch's step.
    """
    rows, weights = example.row, None
    if example.training is not None:
        rows, weights = example.training, example.training.weights
        examples = network_rows(rows.X, rows.Y, weights, network)
        with Shards(network, 1, n_threads=1, probe=False, observer=Observer()) as gradients:
            gradients.differentiate(examples)
    learning_rate = example.model.kept.optimizer.learning_rate
    after = Network(network.architecture, network.dtype)
    np.copyto(after.parameters.flat, network.parameters.flat)
    optimizer = make_optimizer("sgd", network.is_weight)
    optimizer.step(after.parameters.flat, network.gradient.flat.copy(), learning_rate)
    networks = {"before": network, "after": after}
    losses = {k: mean_loss(n, rows.X, rows.Y, weights) for k, n in networks.items()}
    penalties = {k: float(n.penalty()) for k, n in networks.items()}
    named = zip(
        _named(network.gradient, "gradient"), _named(after.parameters, "after"), strict=True
    )
    return {
        "over": "row" if example.training is None else "training rows",
        "rows": len(rows),
        "learning_rate": learning_rate,
        **{f"loss_{k}": finite(loss) for k, loss in losses.items()},
        **{f"penalty_{k}": finite(penalty) for k, penalty in penalties.items()},
        **{f"total_{k}": finite(losses[k] + penalties[k]) for k in networks},
        "parameters": [gradient | parameter for gradient, parameter in named],
    }
