"""The config's schema: every key with its type, range, default and one-line description.

Which combinations make no sense is in `conflicts`; reading files is in `reading`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nnfit.config import fields
from nnfit.config.fields import Section
from nnfit.config.learning import OptimizerConfig, TrainingConfig
from nnfit.errors import joined
from nnfit.nn import names

TaskName = Annotated[Literal["auto", "regression", "classification"], fields.Choice()]
NumericScaling = Annotated[
    Literal["standardize", "robust", "quantile", "minmax", "none"], fields.Choice()
]
TargetScaling = Annotated[Literal["auto", "standardize", "none"], fields.Choice()]
MissingPolicy = Annotated[Literal["impute", "error"], fields.Choice()]
DecimalMark = Annotated[Literal[".", ","], fields.Expect('"." or ","')]
ThousandsMark = Annotated[Literal[",", ".", " "] | None, fields.Expect('",", "." or " ", or null')]
Numbers = Annotated[Literal["auto", "plain"], fields.Choice()]
PresetName = Annotated[Literal["none", "fast", "default", "best"], fields.Choice()]
Calibrate = Annotated[Literal["none", "auto"], fields.Choice()]
OutputInitialization = Annotated[Literal["auto", "zeros"], fields.Choice()]
BiasInitialization = Annotated[Literal["zeros", "normal"], fields.Choice()]
Parametrization = Annotated[Literal["standard", "ntk"], fields.Choice()]

Activation = Annotated[str, fields.Choice(names.ACTIVATIONS)]
Width = Annotated[
    int, Field(strict=True, ge=1, le=10**6), fields.Expect("an integer from 1 to 1000000")
]

_OWN_OUTPUTS = dict.fromkeys(loss.output_activation for loss in names.LOSSES.values())


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

    def leaves_out(self, column: str) -> bool:
        """Return whether a column has no role at all, neither as a feature nor otherwise."""
        if column in self.target or column in self.roles.values():
            return False
        return column in self.exclude or (self.include is not None and column not in self.include)

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
    parametrization: Parametrization = Field(
        "standard", description="standard | ntk: W as W'/sqrt(inputs), W' ~ N(0, 1), trained as W'"
    )
    dropout: Annotated[
        fields.Fraction, fields.Expect("a number in [0, 1): a unit dropped always learns nothing")
    ] = Field(0.0, description="probability of dropping a hidden unit while training, in [0, 1)")


class Config(Section):
    """An nnfit config."""

    preset: PresetName | None = Field(
        None,
        description="none | fast | default | best; a config without model:, optimizer: and "
        "training: keys is default; any other means none unless it names one",
    )
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
    quantiles: fields.Quantiles = Field(
        names.QUANTILES, description="of the loss quantile: in (0, 1), ascending"
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
    calibrate: Calibrate = Field(
        "none",
        description="none | auto: divide the logits by a temperature that held-out rows ask for",
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, description="the update")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="the epoch loop")
    seed: Annotated[
        int, Field(strict=True, ge=0, lt=2**63), fields.Expect("an integer in [0, 2**63)")
    ] = Field(0, description="same seed, same model")
    output: fields.PathText | None = Field(
        None, description="relative to the current folder; default: the config's name with .npz"
    )

    @property
    def task(self) -> Literal["auto", "regression", "classification"]:
        """`data.task`, or the one that the loss settles."""
        settled = self.data.task == "auto" and self.loss in names.DISTRIBUTION_LOSSES
        return "regression" if settled else self.data.task


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the config, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "nnfit config",
    }
