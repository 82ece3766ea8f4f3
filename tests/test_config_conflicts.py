"""Combinations that make no sense: each with its whole message, and the ones that are fine."""

from __future__ import annotations

from typing import Any

import pytest

from nnfit.config.reading import load_config
from nnfit.errors import ConfigError, joined
from nnfit.nn.names import OPTIMIZERS, QUANTITY_LOSSES


def config_with(changes: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {"data": {"path": "a.csv", "target": "y"}}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if name:
            tree.setdefault(section, {})[name] = value
        else:
            tree[section] = value
    return tree


SEVERAL = {"data.target": ["y", "z"]}
FOLDS = {"data.validation": "folds", "model.members": 2}
NO_CHANCE = "Leave model.output_activation at auto"
NEEDS = "needs a validation loss, but data.validation is 0. Hold out rows, such as 0.2"

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"data.include": ["x", "y"]},
        "data.include: names the target 'y'; a target is never an input",
    ),
    (
        {"data.exclude": ["y"]},
        "data.exclude: names the target 'y'; a target is never an input anyway",
    ),
    (
        {"data.categorical": ["y"]},
        "data.categorical: names the target 'y'; expected inputs. For classes set "
        "data.task: classification",
    ),
    ({"data.weight": "y"}, "data.weight: names the target 'y'"),
    ({"data.groups": "y"}, "data.groups: names the target 'y'"),
    ({"data.time": "y"}, "data.time: names the target 'y'"),
    (
        {"data.groups": "g", "data.time": "t"},
        "data.time: spans of time cut through groups; expected one of data.time and data.groups",
    ),
    (
        {"preset": "none", "data.validation": "folds"},
        "data.validation: got 'folds' with model.members 1; each member holds out one fold. Set "
        "model.members to 2 or more, such as 5",
    ),
    (
        {"training.keep_path": True, "model.members": 2},
        "training.keep_path: got true with model.members 2; a path is that of one network. Set "
        "model.members: 1, or remove it",
    ),
    (
        {"training.refit": True, "model.members": 2},
        "training.refit: got true with data.validation 0.2; the folds tell how many epochs to "
        "train. Set data.validation: folds, and model.members",
    ),
    (
        {"training.refit": True, **FOLDS, "optimizer.schedule": "plateau"},
        "training.refit: got true with 'plateau', which falls by a validation loss, and a refit "
        "has none. Choose another schedule",
    ),
    (
        {"training.best": "accuracy", "data.validation": 0},
        "training.best: got 'accuracy', which judges held-out rows, but data.validation is 0. Hold "
        "out rows, such as 0.2",
    ),
    (
        {"training.best": "f1_macro", "data.task": "regression"},
        "training.best: got 'f1_macro', but data.task is regression; expected loss, rmse, mae "
        "or r2",
    ),
    (
        {"training.best": "roc_auc", "data.target": ["y", "z"]},
        "training.best: got 'roc_auc', but several targets are regression; expected loss, rmse, "
        "mae or r2",
    ),
    (
        {"training.best": "rmse", "loss": "cross_entropy"},
        "training.best: got 'rmse', but loss cross_entropy needs classes; expected loss, accuracy, "
        "balanced_accuracy, f1_macro, roc_auc or average_precision",
    ),
    (
        {"data.include": ["x"], "data.exclude": ["x"]},
        "data.exclude: names 'x', which data.include names too; expected it in one of them",
    ),
    (
        {"data.thousands": "."},
        "data.thousands: got '.', which data.decimal is; expected two marks",
    ),
    (
        {"data.decimal": ",", "data.thousands": ","},
        "data.thousands: got ',', which data.decimal is; expected two marks",
    ),
    (
        {"data.comment": ","},
        "data.comment: got ',', which data.delimiter is; expected two characters",
    ),
    (
        {"data.validation": 0.5, "data.test": 0.5},
        "data.test: data.validation 0.5 and data.test 0.5 leave no row to train on; expected a "
        "sum < 1",
    ),
    (
        {"data.path": "-", "data.test": "-"},
        "data.test: got '-' (stdin), which data.path reads already; expected the path of a CSV",
    ),
    (
        {"data.validation": "-", "data.test": "-"},
        "data.test: got '-' (stdin), which data.validation reads already; expected the path of a "
        "CSV",
    ),
    ({"data.validation": 0, "training.patience": 5}, f"training.patience: {NEEDS}"),
    (
        {"data.validation": 0, "optimizer.schedule": "plateau"},
        f"optimizer.schedule: 'plateau' {NEEDS}",
    ),
    (
        {**SEVERAL, "data.task": "classification"},
        "data.task: got 'classification' with 2 targets; several targets are always regression",
    ),
    (
        {"data.task": "regression", "loss": "cross_entropy"},
        "loss: got 'cross_entropy', but data.task is regression; expected auto, "
        f"{joined(QUANTITY_LOSSES, 'or')}",
    ),
    (
        {**SEVERAL, "loss": "binary_cross_entropy"},
        "loss: got 'binary_cross_entropy', but several targets are regression; expected auto, "
        f"{joined(QUANTITY_LOSSES, 'or')}",
    ),
    (
        {"data.task": "regression", "class_weight": "balanced"},
        "class_weight: needs classes, but data.task is regression. Remove it",
    ),
    (
        {**SEVERAL, "class_weight": {"a": 1}},
        "class_weight: needs classes, but several targets are regression. Remove it",
    ),
    (
        {"data.task": "classification", "preprocessing.target": "standardize"},
        "preprocessing.target: got 'standardize', but data.task is classification; classes have "
        "no scale. Leave it at auto",
    ),
    (
        {"loss": "cross_entropy", "preprocessing.target": "standardize"},
        "preprocessing.target: got 'standardize', but loss is cross_entropy; classes have no "
        "scale. Leave it at auto",
    ),
    (
        {"loss": "binary_cross_entropy", "model.output_activation": "relu"},
        "model.output_activation: the output 'relu' gives no probability; binary_cross_entropy "
        f"needs sigmoid. {NO_CHANCE}",
    ),
    (
        {"loss": "cross_entropy", "model.output_activation": "sigmoid"},
        "model.output_activation: the output 'sigmoid' gives each class a probability of its own; "
        f"cross_entropy needs softmax. {NO_CHANCE}",
    ),
    (
        {"loss": "binary_cross_entropy", "model.output_activation": "softmax"},
        "model.output_activation: the output 'softmax' shares one probability among the classes; "
        f"binary_cross_entropy needs sigmoid. {NO_CHANCE}",
    ),
    (
        {"data.task": "classification", "model.output_activation": "identity"},
        "model.output_activation: the output 'identity' gives no probability; cross-entropy needs "
        f"one. {NO_CHANCE}",
    ),
    (
        {"model.activation": ["relu"]},
        "model.activation: got a list of 1 for 2 hidden layers; expected a name for each, or one "
        "name for all",
    ),
    (
        {"optimizer.momentum": 0.9},
        "optimizer.momentum: got 0.9 with adam; only sgd uses momentum. Set optimizer.name: sgd, "
        "or remove it",
    ),
    (
        {"optimizer.name": "rmsprop", "optimizer.nesterov": True},
        "optimizer.nesterov: got true with rmsprop; only sgd uses nesterov. Set optimizer.name: "
        "sgd, or remove it",
    ),
    (
        {"training.label_smoothing": 0.1, "loss": "huber"},
        "training.label_smoothing: needs a cross-entropy, got loss huber; expected 0. Remove it",
    ),
    (
        {"training.label_smoothing": 0.1, "data.task": "regression"},
        "training.label_smoothing: needs classes, but data.task is regression. Remove it",
    ),
    (
        {"optimizer.name": "sgd", "optimizer.betas": [0.9, 0.95]},
        "optimizer.betas: got a list with sgd; only adam and adamw use betas. Set "
        "optimizer.name: adam, or remove it",
    ),
    (
        {"optimizer.name": "sgd", "optimizer.nesterov": True},
        "optimizer.nesterov: got true with momentum 0; expected optimizer.momentum > 0, such as "
        "0.9",
    ),
    (
        {"optimizer.warmup_epochs": 5, "training.epochs": 5},
        "optimizer.warmup_epochs: got 5; expected less than training.epochs, which is 5",
    ),
    (
        {"optimizer.schedule_factor": 0.5},
        "optimizer.schedule_factor: got 0.5 with schedule constant; only step, exponential and "
        "plateau use it. Remove it",
    ),
    (
        {"optimizer.schedule": "exponential", "optimizer.schedule_epochs": 5},
        "optimizer.schedule_epochs: got 5 with schedule exponential; only step and plateau use "
        "it. Remove it",
    ),
]


@pytest.mark.parametrize(("changes", "line"), REFUSED, ids=[line[:60] for _, line in REFUSED])
def test_refused(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config_with(changes))
    assert caught.value.messages == (f"config: {line}",)


ALLOWED: list[dict[str, Any]] = [
    {"data.task": "classification", "loss": "huber", "model.output_activation": "identity"},
    {"data.task": "classification", "model.output_activation": "sigmoid"},
    {"data.task": "classification", "model.output_activation": "softmax"},
    {"data.task": "classification", "class_weight": "balanced"},
    {"data.task": "regression", "model.output_activation": "softplus"},
    {"data.task": "regression", "preprocessing.target": "standardize"},
    {"loss": "cross_entropy", "model.output_activation": "softmax"},
    {"class_weight": {"a": 2}},
    {"data.validation": "v.csv", "data.test": 0.9, "training.patience": 1},
    {"optimizer.name": "sgd", "optimizer.momentum": 0.9, "optimizer.nesterov": True},
    {"optimizer.schedule": "plateau", "optimizer.schedule_epochs": 5},
    {"training.refit": True, **FOLDS},
    {"training.keep_path": True, "model.members": 1},
    {**FOLDS, "training.patience": 3, "training.patience_factor": 2},
    {"training.best": "rmse"},
    {**FOLDS, "training.best": "roc_auc", "data.task": "classification"},
    {"optimizer.schedule": "exponential", "optimizer.schedule_factor": 0.9},
    {"optimizer.warmup_epochs": 99},
    {"training.label_smoothing": 0.1, "loss": "cross_entropy"},
    {"optimizer.name": "adamw", "optimizer.betas": [0, 0.95]},
    {"optimizer.name": "rmsprop", "optimizer.betas": [0.9, 0.999]},
    {"model.hidden_sizes": [3, 4], "model.activation": ["relu", "tanh"]},
    {"model.hidden_sizes": [], "model.activation": []},
    {**SEVERAL, "data.categorical": ["x"], "data.include": ["x"]},
]


def test_names_are_joined_by_commas_and_a_word() -> None:
    assert joined(["mse", "mae", "huber"], "or") == "mse, mae or huber"
    assert joined(["step", "plateau"], "and") == "step and plateau"
    assert joined(["sgd"], "and") == "sgd"


@pytest.mark.parametrize("changes", ALLOWED, ids=str)
def test_allowed(changes: dict[str, Any]) -> None:
    assert load_config(config_with(changes)).config.data.path == "a.csv"


def test_a_key_that_is_wrong_itself_starts_no_conflict() -> None:
    changes = {"data.validation": "", "optimizer.momentum": 0.9, "optimizer.name": "x"}
    with pytest.raises(ConfigError) as caught:
        load_config(config_with({**changes, "optimizer.warmup_epochs": 100}))
    assert caught.value.messages == (
        "config: data.validation: got ''; expected a fraction in [0, 1), the path of a CSV or "
        "folds",
        f"config: optimizer.name: got 'x'; expected one of {', '.join(OPTIMIZERS)}",
        "config: optimizer.warmup_epochs: got 100; expected less than training.epochs, which is "
        "100",
    )
