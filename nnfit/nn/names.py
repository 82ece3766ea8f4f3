"""The names that a config chooses from, each with its meaning in a line and what is asked about it.

The code behind a name is in `activations`, `losses`, `optimizers`, `schedules` or `initializers`,
under the same name. Only `typing` is imported here: the schema and its messages need no NumPy.
"""

from __future__ import annotations

from typing import NamedTuple


class ActivationName(NamedTuple):
    """What v = sigma(z) is; `slope` is sigma'(z)."""

    meaning: str
    slope: str
    initialization: str = "glorot"  # that suits it
    probability: str = ""  # what it gives the classes, where its values are probabilities


class LossName(NamedTuple):
    """What l is: of one output where it is a loss of the residual, else of all of them."""

    meaning: str
    derivative: str = ""  # by y_hat; of a loss of the residual
    output_activation: str = "identity"  # its own
    power: int = 1  # of |y_hat - y| that it grows with

    @property
    def needs_classes(self) -> bool:
        return bool(EVERY_OUTPUT[self.output_activation].probability)


class Rule(NamedTuple):
    """What an optimizer or a schedule does; `uses` are keys of the config for it and its like."""

    meaning: str
    uses: tuple[str, ...] = ()


ACTIVATIONS = {
    "identity": ActivationName("z", "1"),
    "sigmoid": ActivationName(
        "1/(1 + exp(−z))", "v (1 − v)", probability="gives each class a probability of its own"
    ),
    "tanh": ActivationName("tanh(z)", "1 − v²"),
    "relu": ActivationName("max(0, z)", "1 where z > 0, else 0", "he"),
    "leaky_relu": ActivationName("z where z > 0, else 0.01 z", "1 where z > 0, else 0.01", "he"),
    "elu": ActivationName("z where z > 0, else exp(z) − 1", "1 where z > 0, else v + 1", "he"),
    "selu": ActivationName(
        "1.0507 (z where z > 0, else 1.6733 (exp(z) − 1))",
        "1.0507 where z > 0, else v + 1.7581",
        "lecun",
    ),
    "gelu": ActivationName(
        "z g(z), g(z) = (1 + tanh(√(2/π) (z + 0.044715 z³)))/2",
        "g + 2 √(2/π) z g (1 − g) (1 + 0.134145 z²)",
        "he",
    ),
    "silu": ActivationName("z s(z), s(z) = 1/(1 + exp(−z))", "s (1 + z − v)", "he"),
    "mish": ActivationName(
        "z t(z), t(z) = tanh(log(1 + exp(z)))", "t + z (1 − t²)/(1 + exp(−z))", "he"
    ),
    "softplus": ActivationName("log(1 + exp(z))", "1/(1 + exp(−z))", "he"),
}
OUTPUT_ACTIVATIONS = ACTIVATIONS | {
    "softmax": ActivationName(
        "exp(z_k)/Σ_j exp(z_j)",
        "∂ŷ_j/∂z_k = ŷ_j ([j = k] − ŷ_k)",
        probability="shares one probability among the classes",
    )
}
# with those that come with a loss alone
EVERY_OUTPUT = OUTPUT_ACTIVATIONS | {
    "mean_variance": ActivationName(
        "z for μ, log(1 + exp(z)) + 1e−6 for s²", "1 for μ, 1/(1 + exp(−z)) for s²"
    ),
    "exp": ActivationName("exp(z)", "v"),
}
LOSSES = {
    "mse": LossName("(ŷ − y)²", "2 (ŷ − y)", power=2),
    "mae": LossName("|ŷ − y|", "sign(ŷ − y)"),
    "huber": LossName(
        "h(ŷ − y), h(e) = e²/2 where |e| ≤ 1, else |e| − 1/2", "ŷ − y, cut to −1 … 1"
    ),
    "gaussian_nll": LossName(
        "(log s² + (y − μ)²/s²)/2, ŷ = (μ, s²); Nix & Weigend 1994",
        output_activation="mean_variance",
        power=2,
    ),
    "quantile": LossName("max(τ (y − ŷ), (τ − 1) (y − ŷ)), a ŷ for each τ; Koenker & Bassett 1978"),
    "poisson": LossName("ŷ − y log ŷ", output_activation="exp"),
    "binary_cross_entropy": LossName(
        "−[y log ŷ + (1 − y) log(1 − ŷ)]", output_activation="sigmoid"
    ),
    "cross_entropy": LossName("−Σ_k y_k log ŷ_k", output_activation="softmax"),
}
QUANTITY_LOSSES = tuple(name for name, loss in LOSSES.items() if not loss.needs_classes)
# of them those that take numbers of classes too, and those that make any target a quantity
RESIDUAL_LOSSES = tuple(name for name in QUANTITY_LOSSES if LOSSES[name].derivative)
DISTRIBUTION_LOSSES = tuple(name for name in QUANTITY_LOSSES if not LOSSES[name].derivative)
QUANTILES = (0.05, 0.5, 0.95)
OPTIMIZERS = {
    "sgd": Rule("W ← W − α v, v = momentum v + g; Polyak 1964", ("momentum", "nesterov")),
    "adam": Rule(
        "W ← W − α m̂/(√v̂ + ε), m̂ and v̂ unbiased means of g and g²; Kingma & Ba 2015", ("betas",)
    ),
    "adamw": Rule(
        "adam, by the name it has with weight decay; Loshchilov & Hutter 2019", ("betas",)
    ),
    "rmsprop": Rule("W ← W − α g/(√v + ε), v a decaying mean of g²; Tieleman & Hinton 2012"),
}
SCHEDULES = {
    "constant": Rule("the learning rate stays"),
    "cosine": Rule("falls to 0 along half a cosine; Loshchilov & Hutter 2017"),
    "step": Rule("times 0.1 at each third of the run", ("schedule_factor", "schedule_epochs")),
    "exponential": Rule(
        "times the same factor each epoch, to 1 % at the end", ("schedule_factor",)
    ),
    "plateau": Rule(
        "halved after 10 epochs without a better validation loss",
        ("schedule_factor", "schedule_epochs"),
    ),
    "one_cycle": Rule("rises for 30 % of the run, then falls to 1/10000; Smith & Topin 2019"),
    "coslog4": Rule("four cosine waves, each twice as long as the last; Holzmüller et al. 2024"),
    "flat_cos": Rule("stays for half of the run, then falls to 0 along half a cosine"),
}
SCORES = {"gaussian_nll": "nll", "quantile": "pinball", "poisson": "poisson_deviance"}  # by loss
METRICS = {  # that a model keeps of its rows
    "classification": ("accuracy", "log_loss", "f1_macro", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}
MORE_METRICS = {  # that are worked out beside them
    "classification": ("balanced_accuracy", "average_precision", "ece"),
    "regression": ("median_ae",),
}
# the metrics of which less is better
ERRORS = ("log_loss", "ece", "rmse", "mae", "median_ae", *SCORES.values())
OF_TWO_CLASSES = ("roc_auc", "average_precision")
BEST_METRICS = (  # those that may say which epoch is the best
    "accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "rmse", "mae", "r2"
)  # fmt: skip
INITIALIZATIONS = {
    "he": "normal, variance 2/inputs; He et al. 2015",
    "glorot": "uniform, variance 2/(inputs + outputs); Glorot & Bengio 2010",
    "lecun": "normal, variance 1/inputs; LeCun et al. 1998",
    "zeros": "every weight 0",
}


def metrics_of(task: str, n_classes: int = 2) -> list[str]:
    """Return the names of the metrics of a task, and of so many classes."""
    names = [*METRICS[task], *MORE_METRICS[task]]
    return [name for name in names if n_classes <= 2 or name not in OF_TWO_CLASSES]


def outputs_of_target(loss: str, quantiles: tuple[float, ...]) -> int:
    """Return how many outputs a quantity has, which stand side by side."""
    return {"gaussian_nll": 2, "quantile": len(quantiles)}.get(loss, 1)


def users(rules: dict[str, Rule], key: str) -> list[str]:
    """Return the names of the optimizers, or schedules, that use a key of the config."""
    return [name for name, rule in rules.items() if key in rule.uses]
