"""Numeric inputs brought to a common scale: fitted on the training rows, then fixed.

Not a change of the table: a scaler sees one input at a time, without gaps.

References
----------
Robust scaling with a smooth clip: Holzmueller, Grinsztajn, Steinwart, Better by default, 2024.
The normal quantile function: Wichura, Algorithm AS 241, Applied Statistics 37 (3), 1988.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnfit.storage import json_checks as check

Method = Literal["standardize", "robust", "quantile", "minmax", "none"]

MAX_QUANTILES = 1000
MAX_QUANTILES_IN_ALL = 10**6  # shared by the inputs of a model, whose file is to stay readable
# Beyond these probabilities a normal score says more about the sample than about the value.
_SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class LinearScaler:
    """(x - shift) / scale, then with `clip` smoothly into (-3, 3)."""

    shift: float
    scale: float
    clip: bool = False

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `x` scaled, as a new array of the same shape; overflow gives inf."""
        with np.errstate(over="ignore"):
            y = (x - self.shift) / self.scale
            if self.clip:
                np.clip(y, -1e150, 1e150, out=y)  # the square must not overflow
                y /= np.sqrt(1.0 + (y / 3.0) ** 2)
        return y

    def slope(self, x: float) -> float:
        """Return the derivative at `x`."""
        with np.errstate(all="ignore"):
            y = (np.float64(x) - self.shift) / self.scale
            bent = (1.0 + (y / 3.0) ** 2) ** -1.5 if self.clip else 1.0
            return float(bent / self.scale)

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"kind": "linear", "shift": self.shift, "scale": self.scale, "clip": self.clip}


@dataclass(frozen=True, eq=False)
class QuantileScaler:
    """A value's place among the training quantiles, as a standard normal score.

    The quantiles (Q,) ascend, evenly spaced in probability from 0 to 1.
    """

    quantiles: NDArray[np.float64]

    def __post_init__(self) -> None:
        self.quantiles.setflags(write=False)

    @cached_property
    def has_ties(self) -> bool:
        """True if a value fills several quantiles."""
        return bool((np.diff(self.quantiles) == 0.0).any())

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the normal scores of `x`, within about -5.2 and 5.2, as a new array."""
        q = self.quantiles
        p = np.linspace(0.0, 1.0, len(q))
        probability = np.interp(x, q, p)
        if self.has_ties:
            # A value that fills several quantiles stands for all of them: the middle of its
            # probabilities, which is the mean of the two ways to walk through them.
            probability = (probability + 1.0 - np.interp(-x, -q[::-1], p)) / 2.0
        probability[x <= q[0]] = 0.0
        probability[x >= q[-1]] = 1.0
        return normal_quantile(
            np.clip(probability, _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
        )

    def slope(self, x: float) -> float:
        """Return NaN: between steps of straight line, a kink at every training value."""
        return np.nan

    def to_meta(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"kind": "quantile", "quantiles": self.quantiles.tolist()}


Scaler = LinearScaler | QuantileScaler
AS_IT_IS = LinearScaler(0.0, 1.0)


def fit_scaler(
    method: Method, x: NDArray[np.float64], most_quantiles: int = MAX_QUANTILES
) -> Scaler:
    """Return the scaler of one input.

    Parameters
    ----------
    method : str
        standardize: mean 0, standard deviation 1. robust: median 0, interquartile range 1,
        smoothly clipped. quantile: normal scores. minmax: [0, 1]. none: as it is.
    x : float64 ndarray of shape (N,)
        The training rows; finite and not all equal.
    most_quantiles : int
        Of a quantile scaler; at least 2.

    Raises
    ------
    ValueError
        If the values are too far apart for float64.
    """
    if method == "none":
        return AS_IT_IS
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = float(x.min()), float(x.max())
        if method == "quantile":
            levels = np.linspace(0.0, 1.0, min(most_quantiles, len(x)))
            # Interpolation may step back by a rounding error, which np.interp would not forgive.
            quantiles = np.maximum.accumulate(np.quantile(x, levels))
            if np.isfinite(quantiles).all() and np.isfinite(high - low):
                return QuantileScaler(quantiles)
        elif method == "minmax":
            shift, scale = low, high - low
        elif method == "robust":
            q25, shift, q75 = np.quantile(x, [0.25, 0.5, 0.75]).tolist()
            scale = q75 - q25 or (high - low) / 2.0
        else:
            shift, scale = mean_and_deviation(x)
    if method == "quantile" or not (np.isfinite(shift) and np.isfinite(scale)):
        raise ValueError(f"from {low:g} to {high:g} is too far apart to be scaled")
    return LinearScaler(shift, scale, clip=method == "robust")


def mean_and_deviation(x: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and the population standard deviation of `x`.

    Accurate for a small spread around a large mean: the deviations are taken from a first mean,
    and their own mean (that of its rounding error) is taken out of both.
    """
    first = x.mean()
    deviations = x - first
    error = deviations.mean()
    deviations -= error
    largest = np.abs(deviations).max()  # its square may overflow, or vanish
    if largest == 0.0 or not np.isfinite(largest):
        return float(first + error), float(largest)
    return float(first + error), float(largest * np.sqrt(np.mean((deviations / largest) ** 2)))


def scaler_from_meta(meta: object, where: str) -> Scaler:
    """Return the scaler that `to_meta` wrote.

    Raises
    ------
    ValueError
        If `meta` is anything else.
    """
    if isinstance(meta, dict) and meta.get("kind") == "quantile":
        fields = check.record(meta, where, {"kind": check.text, "quantiles": check.numbers})
        quantiles = np.array(fields["quantiles"])
        if not 2 <= len(quantiles) <= MAX_QUANTILES:
            raise ValueError(f"{where}.quantiles must be a list of 2 to {MAX_QUANTILES} numbers")
        with np.errstate(over="ignore"):
            steps, span = np.diff(quantiles), quantiles[-1] - quantiles[0]
        if (steps < 0.0).any() or not 0.0 < span < np.inf:
            raise ValueError(f"{where}.quantiles must ascend")
        return QuantileScaler(quantiles)
    fields = check.entries(meta, where, ("kind", "shift", "scale", "clip"))
    check.choice(fields["kind"], f"{where}.kind", ("linear", "quantile"))
    scale = check.finite(fields["scale"], f"{where}.scale")
    if scale <= 0.0:
        raise ValueError(f"{where}.scale must be > 0")
    shift = check.finite(fields["shift"], f"{where}.shift")
    return LinearScaler(shift, scale, check.flag(fields["clip"], f"{where}.clip"))


# a and b of the centre, c and d of the tail: numerator and denominator by rising powers.
_CENTRE = np.array(
    [
        (3.3871328727963666080e0, 1.0),
        (1.3314166789178437745e2, 4.2313330701600911252e1),
        (1.9715909503065514427e3, 6.8718700749205790830e2),
        (1.3731693765509461125e4, 5.3941960214247511077e3),
        (4.5921953931549871457e4, 2.1213794301586595867e4),
        (6.7265770927008700853e4, 3.9307895800092710610e4),
        (3.3430575583588128105e4, 2.8729085735721942674e4),
        (2.5090809287301226727e3, 5.2264952788528545610e3),
    ]
)
_TAIL = np.array(
    [
        (1.42343711074968357734e0, 1.0),
        (4.63033784615654529590e0, 2.05319162663775882187e0),
        (5.76949722146069140550e0, 1.67638483018380384940e0),
        (3.64784832476320460504e0, 6.89767334985100004550e-1),
        (1.27045825245236838258e0, 1.48103976427480074590e-1),
        (2.41780725177450611770e-1, 1.51986665636164571966e-2),
        (2.27238449892691845833e-2, 5.47593808499534494600e-4),
        (7.74545014278341407640e-4, 1.05075007164441684324e-9),
    ]
)


def normal_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard normal quantiles of probabilities within e^-25 of 0 and 1.

    The two rational approximations of AS 241 that such probabilities need, to about 1e-16.
    """
    q = p - 0.5
    tail = np.abs(q) > 0.425
    z = q * _rational(_CENTRE, 0.180625 - np.minimum(q * q, 0.180625))
    r = np.sqrt(-np.log(np.where(q[tail] < 0.0, p[tail], 1.0 - p[tail]))) - 1.6
    z[tail] = np.copysign(_rational(_TAIL, r), q[tail])
    return z


def _rational(coefficients: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    above, below = (np.polynomial.polynomial.polyval(r, column) for column in coefficients.T)
    return np.asarray(above / below, dtype=np.float64)
