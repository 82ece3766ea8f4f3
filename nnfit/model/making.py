"""What commands make of rows: predictions, how far members are apart, hidden units; as cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nnfit.errors import ConfigError, DataError
from nnfit.model.honest import Honest
from nnfit.model.model import Model
from nnfit.table.rows import NamedRows
from nnfit.table.table import Tally


class Made(NamedTuple):
    """What is made of rows: columns, what each is for the error, and their cells, in any thread.

    The cells of several columns may be one array of numbers.
    """

    columns: Sequence[str]
    each: str
    cells: Callable[[NamedRows, Tally], list[Any]]


def predictions(
    model: Model, proba: bool, native: bool = False, spread: bool = False, **asked: Any
) -> Made:
    """Return how rows become labels, with `proba` their probabilities too, or values.

    Labels are text as it was spelt, or `native` numbers and truth values where all of them are.
    Beside values comes what the loss tells: a standard deviation, quantiles. With `spread` comes
    how far the members are apart: in each target, or in the probability of the class that is
    predicted. What else is `asked` are the options of `Honest`.

    Raises
    ------
    DataError
        When a regression model is asked for probabilities, or one network for a spread.
    """
    labels, outcome = model.labels, model.outcome
    if spread and model.network.members == 1:
        raise DataError(
            "--spread: the model has one member, which has no spread. Train with model.members"
        )
    if labels is not None:
        columns = ["prediction", *(f"probability_{label}" for label in model.classes if proba)]
        columns += ["prediction_spread"] * spread
    elif proba:
        raise DataError("--proba: a regression model has no probabilities; leave it out")
    else:
        several = [f"_{target}" for target in model.targets] if len(model.targets) > 1 else [""]
        columns = outcome.law.columns(model.targets)
        columns += [f"prediction_spread{of}" for of in several if spread]
    honest = Honest(model, **asked)
    columns += honest.columns

    twice = [column for column, n in Counter(columns).items() if n > 1]
    if twice:
        asks = [f"--{option}" for option, on in (("spread", spread), *asked.items()) if on]
        what = asks[0] if asks else f"loss {outcome.law.loss}"
        raise DataError(f"{what}: {twice[0]!r} is a prediction too; rename a target")

    def cells(rows: NamedRows, tally: Tally) -> list[Any]:
        if spread:
            y_hat, apart = model.outputs_with_spread(rows, tally)
        else:
            y_hat = model.outputs(rows, tally)
        if labels is None:
            made = [outcome.told(y_hat)]
            said = made[0][:, : len(model.targets)]
        else:
            said = honest.codes(y_hat)
            made = [(labels.typed if native else labels.decode)(said)]
            if proba:
                made.append(outcome.written(outcome.probabilities(y_hat)))
        if spread:
            apart = apart if labels is None else apart[np.arange(len(apart)), said, None]
            made.append(outcome.written(apart))
        return made + honest.cells(y_hat, said, native)

    return Made(columns, "predicted", cells)


def hidden_units(model: Model, layer: int) -> Made:
    """Return what hidden layer `layer` makes of rows; the first hidden one is 1.

    The figures read back as the very numbers that the next layer sees.

    Raises
    ------
    ConfigError
        When there is no such layer.
    """
    sizes = model.network.architecture.sizes
    n_hidden = len(sizes) - 2
    if not n_hidden:
        raise ConfigError(
            f"--layer: got {layer}; the model is a linear predictor, which has no hidden layer. "
            "Train one with model.hidden_sizes"
        )
    if not 1 <= layer <= n_hidden:
        expected = "1, its only one" if n_hidden == 1 else f"1 to {n_hidden}"
        raise ConfigError(f"--layer: the model has no hidden layer {layer}; expected {expected}")

    def cells(rows: NamedRows, tally: Tally) -> list[Any]:
        a = model.hidden(rows, tally, layer=layer).astype(np.float64)
        a += 0.0  # a relu's -0.0 is written as 0.0
        return [model.outcome.written(a)]

    columns = [f"layer{layer}_unit{unit}" for unit in range(1, sizes[layer] + 1)]
    return Made(columns, f"a unit of hidden layer {layer}", cells)
