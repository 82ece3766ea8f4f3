"""The config's schema: every key with its type, range, default and one-line description.

Which combinations make no sense is in `conflicts`; reading files is in `reading`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nnfit.config import fields
from nnfit.errors import joined
from nnfit.nn import names

TaskName = Annotated[Literal["auto", "regression", "classification"], fields.Choice()]
NumericScaling = Annotated[
    Literal["standardize", "robust", "quantile", "minmax", "none"], fields.Choice()
]
TargetScaling = Annotated[Literal["auto", "standardize", "none"], fields.Choice()]
MissingPolicy = Annotated[Literal["impute", "error"], fields.Choice()]
OnDivergence = Annotated[Literal["stop", "rollback"], fields.Choice()]
DecimalMark = Annotated[Literal[".", ","], fields.Expect('"." or ","')]
ThousandsMark = Annotated[Literal[",", ".", " "] | None, fields.Expect('",", "." or " ", or null')]
Numbers = Annotated[Literal["auto", "plain"], fields.Choice()]
OutputInitialization = Annotated[Literal["auto", "zeros"], fields.Choice()]
BiasInitialization = Annotated[Literal["zeros", "normal"], fields.Choice()]
Parametrization = Annotated[Literal["standard", "ntk"], fields.Choice()]
DtypeName = Annotated[Literal["float32", "float64"], fields.Choice()]

Activation = Annotated[str, fields.Choice(names.ACTIVATIONS)]
Width = Annotated[
    int, Field(strict=True, ge=1, le=10**6), fields.Expect("an integer from 1 to 1000000")
]

_OWN_OUTPUTS = dict.fromkeys(loss.output_activation for loss in names.LOSSES.values())
_MOMENTUM = joined(names.users(names.OPTIMIZERS, "momentum"), "and")
_NESTEROV = joined(names.users(names.OPTIMIZERS, "nesterov"), "and")
_BETAS = joined(names.users(names.OPTIMIZERS, "betas"), "and")
_FACTOR = joined(names.users(names.SCHEDULES, "schedule_factor"), "and")


class Section(BaseModel):
    """A part of the config: unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Section):
    """The table: where it is, what its columns are for, which rows are held out."""

    path: fields.PathText = Field(description="the CSV; .gz .bz2 .xz .zst by suffix; '-' is stdin")
    target: fields.Targets = Field(
        description="column to predict; a list is multi-output regression"
    )
    task: TaskName = Field("auto", description="auto | regression | classification")
    include: fields.SomeColumns | None = Field(
        None, description="feature columns (default: all but target, weight and exclude)"
    )
    exclude: fields.Columns = Field((), description="columns that are not features")
    categorical: fields.Columns = Field(
        (), description="numeric-looking columns to treat as categories"
    )
    weight: fields.ColumnName | None = Field(
        None, description="column of sample weights s >= 0: loss = sum(s * l) / sum(s)"
    )
    delimiter: fields.Delimiter = Field(",", description=r'one character, "\t", or auto')
    decimal: DecimalMark = Field(".", description='"." or ","')
    thousands: ThousandsMark = Field(
        None, description='"," "." or " " within large numbers; null = each column\'s own'
    )
    numbers: Numbers = Field(
        "auto", description="auto reads 1.234,5 $5 45% (17), a column at a time | plain"
    )
    skip_rows: Annotated[
        int, Field(strict=True, ge=0, le=10**6), fields.Expect("an integer from 0 to 1000000")
    ] = Field(0, description="lines above the header, or the first row, to skip")
    comment: fields.Comment | None = Field(
        None, description='a character, such as "#": lines that begin with it are skipped'
    )
    header: fields.Flag = Field(True, description="false names the columns c1, c2, ...")
    missing_values: Annotated[
        Annotated[tuple[fields.Text, ...], fields.One]
        | Annotated[dict[str, tuple[fields.Text, ...]], fields.Many],
        fields.OneOrMapping,
    ] = Field((), description="further tokens to read as missing; {column: [tokens]} for some")
    groups: fields.ColumnName | None = Field(
        None, description="column whose equal values stay on one side of every split"
    )
    time: fields.ColumnName | None = Field(
        None, description="column of numbers or dates: the latest rows are held out"
    )
    validation: fields.HeldOutOrFolds = Field(
        0.2, description="fraction held out (classes in proportion), a CSV path, folds, or 0"
    )
    test: fields.HeldOut = Field(0.0, description="a fraction or a path; scored once, at the end")

    @property
    def roles(self) -> dict[str, str]:
        """The columns that are neither target nor feature, by the key that says what they are."""
        named = {"weight": self.weight, "groups": self.groups, "time": self.time}
        return {key: name for key, name in named.items() if name is not None}

    @property
    def tables(self) -> dict[str, str]:
        """The CSVs by key: the table, and those of held-out rows."""
        named = {"path": self.path, "validation": self.validation, "test": self.test}
        if self.has_folds:
            del named["validation"]
        return {key: path for key, path in named.items() if isinstance(path, str)}

    @property
    def has_folds(self) -> bool:
        """Whether each member holds out a fold of the training rows."""
        return self.validation == "folds"

    def fraction(self, part: str) -> float:
        """Return what share of the table is drawn for `part`, validation or test."""
        share = getattr(self, part)
        return 0.0 if isinstance(share, str) else share


class PreprocessingConfig(Section):
    """How columns become the network's inputs and targets."""

    numeric: NumericScaling = Field(
        "standardize", description="standardize | robust | quantile | minmax | none"
    )
    target: TargetScaling = Field(
        "auto", description="standardize | none; auto = standardize for regression"
    )
    missing: MissingPolicy = Field(
        "impute", description="impute (median, plus an indicator column) | error"
    )
    max_categories: Annotated[
        int, Field(strict=True, ge=2, le=10**6), fields.Expect("an integer from 2 to 1000000")
    ] = Field(100, description="rarer categories of a column share one 'other' slot")
    bins: Annotated[
        int, Field(strict=True, ge=0, le=100), fields.Expect("an integer from 0 to 100")
    ] = Field(0, description="further inputs of a numeric column, linear in a bin each; 0 = none")
    clamp: fields.Flag = Field(False, description="cut regression to the training targets' range")


class ModelConfig(Section):
    """The network."""

    members: Annotated[
        int, Field(strict=True, ge=1, le=1000), fields.Expect("an integer from 1 to 1000")
    ] = Field(1, description="networks trained at once, from initialisations of their own")
    hidden_sizes: tuple[Width, ...] = Field(
        (64, 32), description="widths of the hidden layers; [] is the linear predictor"
    )
    activation: Annotated[
        Annotated[Activation, fields.One] | Annotated[tuple[Activation, ...], fields.Many],
        fields.OneOrList,
    ] = Field("relu", description=f"{' '.join(names.ACTIVATIONS)}; a list sets each layer's")
    output_activation: Annotated[str, fields.Choice(("auto", *names.OUTPUT_ACTIVATIONS))] = Field(
        "auto", description=f"auto = the loss's own: {joined(_OWN_OUTPUTS, 'or')}"
    )
    bias: fields.Flag = Field(
        True, description="add b in z = W a + b; false: only W, and a constant feature is b"
    )
    initialization: Annotated[str, fields.Choice(("auto", *names.INITIALIZATIONS))] = Field(
        "auto",
        description=f"{' | '.join(('auto', *names.INITIALIZATIONS))}; auto suits the activation",
    )
    output_initialization: OutputInitialization = Field(
        "auto", description="auto | zeros: W of the last layer starts at 0"
    )
    bias_initialization: BiasInitialization = Field(
        "zeros", description="zeros | normal: b of hidden layers ~ N(0, 1)"
    )
    input_scale: fields.Flag = Field(
        False, description="learn a factor s of each input, 1 at first; |s| tells what counts"
    )
    parametric_activation: fields.Flag = Field(
        False, description="learn alpha of each hidden unit in z + alpha (f(z) - z), 1 at first"
    )
    parametrization: Parametrization = Field(
        "standard", description="standard | ntk: W as W'/sqrt(inputs), W' ~ N(0, 1), trained as W'"
    )
    dropout: Annotated[
        fields.Fraction, fields.Expect("a number in [0, 1): a unit dropped always learns nothing")
    ] = Field(0.0, description="probability of dropping a hidden unit while training, in [0, 1)")


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
    activation_rate: fields.Positive = Field(1.0, description="likewise for the activations' alpha")
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
    keep_path: fields.Flag = Field(False, description="keep the path of the parameters, to plot it")
    record_steps: fields.Flag = Field(
        False, description="record the loss of each step's minibatch, to plot it"
    )


class Config(Section):
    """An nnfit config."""

    data: DataConfig = Field(description="the table")
    features: fields.Expressions | None = Field(
        None, description='phi(x): a list of expressions, such as ["*", "x**2"]'
    )
    preprocessing: PreprocessingConfig = Field(
        default_factory=PreprocessingConfig, description="columns to inputs and targets"
    )
    model: ModelConfig = Field(default_factory=ModelConfig, description="the network")
    loss: Annotated[str, fields.Choice(("auto", *names.LOSSES))] = Field(
        "auto", description=f"{' '.join(names.LOSSES)}; auto by task"
    )
    class_weight: Annotated[
        Annotated[
            Literal["balanced"] | None,
            fields.Expect("balanced, a mapping of labels to weights, or null"),
            fields.One,
        ]
        | Annotated[dict[str, fields.NonNegative], fields.Many],
        fields.OneOrMapping,
    ] = Field(
        None, description="balanced = N / (K * N_class), or {label: weight}; times data.weight"
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, description="the update")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="the epoch loop")
    seed: Annotated[
        int, Field(strict=True, ge=0, lt=2**63), fields.Expect("an integer in [0, 2**63)")
    ] = Field(0, description="same seed, same model")
    output: fields.PathText | None = Field(
        None, description="relative to the current folder; default: the config's name with .npz"
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the config, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "nnfit config",
    }
