"""Networks with rows to check their gradients on: the standard set, and broken ones.

The bugs are derivatives made wrong on purpose, so that a class can see the check catch them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnfit.nn.architecture import Architecture
from nnfit.nn.arrays import Array
from nnfit.nn.losses import Share, smoothed
from nnfit.nn.names import (
    ACTIVATIONS,
    DISTRIBUTION_LOSSES,
    LOSSES,
    OUTPUT_ACTIVATIONS,
    QUANTILES,
    RESIDUAL_LOSSES,
    outputs_of_target,
)
from nnfit.nn.network import Network, Workspace
from nnfit.observer import Observer
from nnfit.training.examples import Examples
from nnfit.training.gradients import Shards


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A network with rows to check it on.

    `X` (N, D) float64, `Y` (N, K), `share` (N,) or a scalar; `masks_seed` fixes the dropout masks.
    Where `parameters` are of several members, (members, P), each has rows of its own: X is
    (members, N, D), and so on. Its loss is then the sum of theirs, which has each one's gradient.
    """

    case: str
    architecture: Architecture
    parameters: Array
    X: Array
    Y: Array
    share: Share
    masks_seed: int = 0
    network_class: type[Network] = Network

    @property
    def n_rows(self) -> int:
        """N, of each member."""
        return int(self.X.shape[-2])

    @property
    def alone(self) -> list[Problem]:
        """The problem of each member; itself where it has one network."""
        if self.parameters.ndim == 1:
            return [self]
        each = zip(self.parameters, self.X, self.Y, strict=True)
        return [replace(self, parameters=p, X=X, Y=Y) for p, X, Y in each]

    def objective(self, loss: Any, penalty: Any) -> Any:
        """Return what is differentiated, a scalar: loss + penalty, summed over members."""
        return loss.sum() + penalty

    def build(self, dtype: Any) -> tuple[Network, Workspace]:
        """Return the production network in `dtype`, its rows and masks in place."""
        network = self.network_class(self.architecture, dtype, self.parameters.astype(dtype))
        ws = network.workspace(self.n_rows)
        ws.load(self.X, self.Y)
        if self.architecture.dropout:
            network.draw_dropout(ws, np.random.default_rng(self.masks_seed))
        return network, ws


def random_problem(
    case: str,
    architecture: Architecture,
    rng: np.random.Generator,
    n_rows: int = 5,
    weighted: bool = False,
    network_class: type[Network] = Network,
) -> Problem:
    """Return random parameters, inputs and targets that suit the architecture's loss.

    Everything is drawn; no bias is 0, so that a forgotten one shows.
    """
    n_parameters, K = architecture.n_parameters, architecture.sizes[-1]
    if architecture.output_activation == "softmax":
        Y = np.eye(K)[rng.integers(K, size=n_rows)]
    elif architecture.loss == "binary_cross_entropy":
        Y = rng.integers(2, size=(n_rows, K)).astype(float)
    elif architecture.loss == "poisson":
        Y = rng.poisson(3.0, (n_rows, K)).astype(float)
    else:
        each = architecture.outputs_of_target
        Y = np.repeat(rng.normal(size=(n_rows, K // each)), each, axis=1)
    # a minibatch's shares, s_i / (N s_bar): their sum is not 1
    share: Share = rng.uniform(0.1, 3.0, n_rows) / (n_rows * 1.55) if weighted else 1.0 / n_rows
    return Problem(
        case=case,
        architecture=architecture,
        parameters=rng.normal(0.0, 0.7, n_parameters),
        X=rng.normal(size=(n_rows, architecture.sizes[0])),
        Y=Y,
        share=share,
        network_class=network_class,
    )


def standard_problems(network_class: type[Network] = Network, seed: int = 3) -> Iterator[Problem]:
    """Yield small random networks: each activation with each loss that fits, at depths 0 to 3.

    With the loss of a distribution, for two targets, at depths 0 and 1 alone. Then every output
    activation with every residual loss, and dropout, L2, sample weights and the missing bias, alone
    and together; a learned scale of the inputs; smoothed labels; one on so many rows that np.matmul
    multiplies instead of np.dot, the sum that is taken in shards, and two members in one network,
    with weights where the loss is of a distribution. The numbers of each are drawn from the seed
    and its own name, so that one more changes no other. The default seed draws no network whose
    output is dead on every row, and no array with a kink beside every entry.
    """

    def problem(
        case: str, architecture: Architecture, weighted: bool = False, n_rows: int = 5
    ) -> Problem:
        rng = np.random.default_rng([seed, zlib.crc32(case.encode())])
        return random_problem(case, architecture, rng, n_rows, weighted, network_class)

    for loss in LOSSES:
        outputs, depths = _outputs_and_depths(loss)
        yield problem(f"linear, {loss}", Architecture((3, outputs), (), loss))
        for name in ACTIVATIONS:
            for depth in depths:
                sizes = (3, *(4,) * depth, outputs)
                yield problem(
                    f"{name} x{depth}, {loss}", Architecture(sizes, (name,) * depth, loss)
                )
    for loss in RESIDUAL_LOSSES:
        for output in OUTPUT_ACTIVATIONS:
            if output != LOSSES[loss].output_activation:
                yield problem(
                    f"tanh, {output} output, {loss}",
                    Architecture((3, 4, 2), ("tanh",), loss, output_activation=output),
                )
    for loss in ("mse", "binary_cross_entropy", "cross_entropy"):
        outputs = 1 if loss == "binary_cross_entropy" else 3
        sizes = (3, 4, 4, outputs)
        names = ("tanh", "relu")
        yield problem(f"dropout, {loss}", Architecture(sizes, names, loss, dropout=0.4))
        yield problem(f"l2, {loss}", Architecture(sizes, names, loss, l2=0.3))
        yield problem(f"sample weights, {loss}", Architecture(sizes, names, loss), weighted=True)
        yield problem(f"no bias, {loss}", Architecture(sizes, names, loss, bias=False))
        yield problem(f"input scale, {loss}", Architecture(sizes, names, loss, input_scale=True))
        together = Architecture(sizes, names, loss, bias=False, dropout=0.4, l2=0.3)
        yield problem(f"no bias, dropout, l2, weights, {loss}", together, weighted=True)
    for loss, outputs in (("binary_cross_entropy", 1), ("cross_entropy", 3)):
        of_labels = problem(f"smoothed, {loss}", Architecture((3, 4, outputs), ("tanh",), loss))
        yield replace(of_labels, Y=smoothed(of_labels.Y, 0.1))
    two = Architecture((3, 4, 2), ("tanh",), "binary_cross_entropy")
    yield problem("two outputs, binary_cross_entropy", two)
    many = Architecture((3, 20, 20, 2), ("tanh", "relu"), "mse")
    yield problem("many rows, mse", many, n_rows=120)
    for loss in ("mse", "cross_entropy"):
        cut = Architecture((3, 4, 3), ("tanh",), loss, l2=0.3, input_scale=loss != "mse")
        of_rows = problem(f"in shards, {loss}", cut, loss != "mse", 9)
        yield replace(of_rows, network_class=in_shards(network_class))
    for loss in ("mse", "cross_entropy", *DISTRIBUTION_LOSSES):
        sizes, scaled = (3, 4, 1, _outputs_and_depths(loss)[0]), loss == "cross_entropy"
        each = Architecture(sizes, ("tanh", "softplus"), loss, l2=0.3, input_scale=scaled)
        weighted = loss in DISTRIBUTION_LOSSES
        cases = [f"{which}, {loss}" for which in ("members", "second")]
        yield in_one_network([problem(case, each, weighted) for case in cases])


def _outputs_and_depths(loss: str) -> tuple[int, tuple[int, ...]]:
    """Return how many outputs the networks of a loss have, and how many hidden layers."""
    if loss in DISTRIBUTION_LOSSES:  # of two targets
        return 2 * outputs_of_target(loss, QUANTILES), (1,)
    return 1 if loss == "binary_cross_entropy" else 3, (1, 2, 3)


def in_one_network(problems: Sequence[Problem]) -> Problem:
    """Return the problem whose members are those networks, of one architecture."""
    return replace(
        problems[0],
        parameters=np.stack([problem.parameters for problem in problems]),
        X=np.stack([problem.X for problem in problems]),
        Y=np.stack([problem.Y for problem in problems]),
    )


def in_shards(network_class: type[Network]) -> type[Network]:
    """Return a Network whose gradient is the sum that large batches are trained with."""

    class Sharded(network_class):  # type: ignore[misc, valid-type]
        def loss_and_gradient(self, ws: Workspace, share: Share, dropout: bool = False) -> Any:
            super().loss_and_gradient(ws, share, dropout)  # for the gradient of the inputs
            self.gradient.flat.fill(np.nan)
            weights = share * ws.n_rows if isinstance(share, np.ndarray) else None
            with Shards(self, 2, n_threads=2, probe=False, observer=Observer()) as shards:
                shards.block_rows = 2  # of four and five rows: several blocks in each
                z = shards.differentiate(Examples(ws.aT[0], ws.Y.T, weights))
            return (self.head.losses(z, ws.Y) * share).sum(axis=-1)

    return Sharded


BUGS = {
    "sign": "delta of the loss is y - y_hat instead of y_hat - y",  # the source lecture's slip
    "factor": "delta of the loss is 1.001 times too large",
    "lost_mean": "the 1/N of the mean is forgotten",
    "lost_bias": "the gradient of the biases is left at 0",
}


def with_bug(name: str, network_class: type[Network] = Network) -> type[Network]:
    """Return a Network whose derivative is wrong on purpose, in one of the ways of `BUGS`."""

    class BuggyNetwork(network_class):  # type: ignore[misc, valid-type]
        def backward(self, ws: Workspace, dropout: bool = False) -> None:
            factors = {"sign": -1.0, "factor": 1.001, "lost_mean": ws.n_rows}
            ws.delta[-1] *= factors.get(name, 1.0)
            super().backward(ws, dropout)
            for db in self.gradient.b if name == "lost_bias" else ():
                db.fill(0.0)

    return BuggyNetwork
