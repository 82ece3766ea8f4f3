"""The sections of the config on how a network learns: the update and the epoch loop.

The others, and what they make together, are in `schema`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nnfit.config import fields
from nnfit.config.fields import Section
from nnfit.errors import joined
from nnfit.nn import names

OnDivergence = Annotated[Literal["stop", "rollback"], fields.Choice()]
EngineName = Annotated[Literal["auto", "numpy", "compiled"], fields.Choice()]
DtypeName = Annotated[Literal["float32", "float64"], fields.Choice()]

_MOMENTUM = joined(names.users(names.OPTIMIZERS, "momentum"), "and")
_NESTEROV = joined(names.users(names.OPTIMIZERS, "nesterov"), "and")
_BETAS = joined(names.users(names.OPTIMIZERS, "betas"), "and")
_FACTOR = joined(names.users(names.SCHEDULES, "schedule_factor"), "and")


class OptimizerConfig(Section):
    """The update of the parameters."""

    name: Annotated[str, fields.Choice(names.OPTIMIZERS)] = Field(
        "adam", description=" ".join(names.OPTIMIZERS)
    )
    learning_rate: fields.Positive = Field(0.001, description="step size, > 0")
    momentum: fields.Fraction = Field(0.0, description=f"{_MOMENTUM} only, in [0, 1)")
    nesterov: fields.Flag = Field(
        False, description=f"{_NESTEROV} only: look ahead along the momentum"
    )
    betas: fields.Betas = Field((0.9, 0.999), description=f"{_BETAS} only: decay of both means")
    bias_rate: fields.Positive = Field(1.0, description="factor of the learning rate for b")
    scale_rate: fields.Positive = Field(1.0, description="likewise for the input scale s")
    weight_decay: fields.NonNegative = Field(0.0, description="decoupled (adamw); on W, never on b")
    l2: fields.NonNegative = Field(
        0.0, description="a term of the loss: (l2/2) * sum ||W||^2; on W, never on b"
    )
    schedule: Annotated[str, fields.Choice(names.SCHEDULES)] = Field(
        "constant", description=" ".join(names.SCHEDULES)
    )
    warmup_epochs: Annotated[
        int, Field(strict=True, ge=0, le=10**9), fields.Expect("an integer from 0 to 1000000000")
    ] = Field(0, description="epochs over which the learning rate rises from 0")
    schedule_factor: Annotated[
        Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)] | None,
        fields.Expect("a number in (0, 1), or null"),
    ] = Field(None, description=f"{_FACTOR} multiply the rate by it; null = default")
    schedule_epochs: fields.OptionalCount = Field(
        None, description="step: epochs between steps; plateau: epochs of patience"
    )
    clip_norm: Annotated[fields.Positive | None, fields.Expect("a number > 0, or null")] = Field(
        None, description="largest norm of the whole gradient; null = no limit"
    )


class TrainingConfig(Section):
    """The epoch loop."""

    epochs: fields.Count = Field(100, description="passes over the training rows")
    batch_size: Annotated[
        Literal["full"] | fields.Count, fields.Expect("an integer from 1 to 1000000000, or full")
    ] = Field(32, description="full = the whole training set (gradient descent)")
    patience: fields.OptionalCount = Field(
        None, description="epochs without a better validation loss before stopping"
    )
    patience_factor: Annotated[
        float,
        Field(strict=True, ge=1, le=1000, allow_inf_nan=False),
        fields.Expect("a number from 1 to 1000"),
    ] = Field(1.0, description="stop patience epochs after this many times the best epoch")
    best: Annotated[str, fields.Choice(("loss", *names.BEST_METRICS))] = Field(
        "loss", description="loss, or the metric of the validation rows by which an epoch is best"
    )
    label_smoothing: fields.Fraction = Field(
        0.0, description="part of each training label that is shared among all classes"
    )
    checkpoint_seconds: fields.Positive = Field(30.0, description="time between checkpoints")
    on_divergence: OnDivergence = Field(
        "stop", description="stop | rollback to the best weights and half the rate, 5 times"
    )
    dtype: DtypeName = Field("float32", description="float32 | float64")
    threads: Annotated[
        Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=1024)],
        fields.Expect("an integer from 1 to 1024, or auto"),
    ] = Field(
        "auto",
        description="auto = 4 from 4096 rows a batch, 2 from 512 if rows x parameters >= 1e9",
    )
    engine: EngineName = Field(
        "auto", description="auto | numpy | compiled (extra fast); auto = compiled where it pays"
    )
    refit: fields.Flag = Field(
        False, description="after the folds: one network on all rows, for their mean best epoch"
    )
    keep_path: fields.Flag = Field(False, description="keep the path of the parameters, to plot it")
    record_steps: fields.Flag = Field(
        False, description="record the loss of each step's minibatch, to plot it"
    )
