"""The keys that are younger than the first format of model files and checkpoints.

Where such a key has its default it asks for what was done before it was; left out, it changes no
byte of a file, and a checkpoint from before still fits.
"""

from __future__ import annotations

from nnfit.config.schema import Config

YOUNGER = {
    "model": (
        "output_initialization", "bias_initialization", "input_scale", "parametric_activation",
        "parametrization",
    ),
    "optimizer": ("betas", "bias_rate", "scale_rate", "activation_rate"),
    "training": ("label_smoothing", "record_steps"),
}  # fmt: skip


def younger_defaults(config: Config) -> set[str]:
    """Return the dotted keys that are younger and have their default."""
    return {
        f"{section}.{key}"
        for section, keys in YOUNGER.items()
        for key in keys
        if getattr(part := getattr(config, section), key) == type(part).model_fields[key].default
    }
