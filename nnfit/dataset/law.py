"""What the outputs of a regression say of each target: its value, and of some losses more.

A loss of the residual has one output of a target, which is its value. `gaussian_nll` has a mean and
a variance, `quantile` an output for each quantile; they stand side by side, target by target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfit.nn.arrays import Array
from nnfit.nn.names import outputs_of_target
from nnfit.training.scores import gaussian_nll, pinball, poisson_deviance


@dataclass(frozen=True)
class Law:
    """The outputs of a loss; all arrays are in the units that the loss sees."""

    loss: str = "mse"
    quantiles: tuple[float, ...] = ()

    def columns(self, targets: tuple[str, ...]) -> list[str]:
        """Return what predictions are called: the values, and then what is told beside them.

        >>> Law("gaussian_nll").columns(("y",))
        ['prediction', 'prediction_sd']
        >>> Law("quantile", (0.1, 0.9)).columns(("u", "v"))[2:]
        ['quantile_u_0.1', 'quantile_u_0.9', 'quantile_v_0.1', 'quantile_v_0.9']
        """
        of = [f"_{target}" for target in targets] if len(targets) > 1 else [""]
        values = [f"prediction{target}" for target in of]
        if self.loss == "gaussian_nll":
            return values + [f"{value}_sd" for value in values]
        if self.loss == "quantile":
            return values + [f"quantile{target}_{q!r}" for target in of for q in self.quantiles]
        return values

    def outputs(self, targets: tuple[str, ...]) -> tuple[str, ...]:
        """Return what each output is of.

        >>> Law("gaussian_nll").outputs(("y",))
        ('mean of y', 'variance of y')
        """
        each = {
            "gaussian_nll": ("mean of ", "variance of "),
            "quantile": tuple(f"{q!r} of " for q in self.quantiles),
        }
        return tuple(f"{of}{target}" for target in targets for of in each.get(self.loss, ("",)))

    def value(self, y_hat: Array) -> Array:
        """Return the value of each target (N, T): the mean, or the quantile nearest to 1/2."""
        each = self._each(y_hat)
        if self.loss == "quantile":
            return np.sort(each)[..., int(np.abs(np.array(self.quantiles) - 0.5).argmin())]
        return each[..., 0]

    def beside(self, y_hat: Array) -> Array:
        """Return the standard deviation of each target, or its quantiles ascending: (N, T, n)."""
        each = self._each(y_hat)
        return np.sort(each) if self.loss == "quantile" else np.sqrt(each[..., 1:])

    def n_crossing(self, y_hat: Array) -> int:
        """Return of how many rows (N, K) some quantile is above a higher one of its target."""
        if self.loss != "quantile":
            return 0
        return int((np.diff(self._each(y_hat)) < 0.0).any(axis=(1, 2)).sum())

    def _each(self, y_hat: Array) -> Array:
        n = outputs_of_target(self.loss, self.quantiles)
        return y_hat.reshape(len(y_hat), y_hat.shape[1] // n, n)

    def score(self, y: Array, value: Array, beside: Array) -> float:
        """Return the metric that is the loss's own, one of `SCORES`, of a target (N,) in its units.

        It takes the values (N,), and what is told beside them (N, n).
        """
        if self.loss == "gaussian_nll":
            return gaussian_nll(y, value, beside[:, 0])
        if self.loss == "quantile":
            return pinball(y, beside, self.quantiles)
        return poisson_deviance(y, value)
