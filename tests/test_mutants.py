"""One-token edits of `nnfit/nn`, in copies: which `nnfit gradcheck` sees, and who sees the others.

A check that passes says little until it has been seen to fail. Each edit is a slip that somebody
could make; what the check is blind to, because it runs neither optimizers nor schedules, because
only rounding or overflow differ, or because no gradient hangs on it, names the unit test that sees
it, and that test is run.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "nnfit"
# `gradcheck` without an argument, up to the first check that fails: then the whole has failed
CHECK = """
import numpy as np
from nnfit.gradcheck.checking import standard_checks, unreached
from nnfit.nn import network
checks = []
with np.errstate(all="ignore"):
    for check in standard_checks(("complex",), network.Network):
        checks.append(check)
        if not check.passed:
            break
print(network.__file__, checks[-1].passed and not unreached(checks))
"""


class Mutant(NamedTuple):
    """`old` becomes `new` in what is called `where` (the whole file where that is empty)."""

    file: str
    where: str
    old: str
    new: str
    unit_test: str = ""  # that catches it; of those that gradcheck is blind to


A, L, N, P, G = "activations", "losses", "network", "layout", "input_scale"
E = "residuals"
SEEN = (
    Mutant(A, "sigmoid", "scalar(0.5", "scalar(0.25"),
    Mutant(A, "sigmoid", "a += one", "a -= one"),
    Mutant(A, "d_sigmoid", "slope *= a", "slope += a"),
    Mutant(A, "tanh", "np.tanh", "np.sinh"),
    Mutant(A, "d_tanh", "np.multiply", "np.add"),
    Mutant(A, "relu", "np.greater", "np.less"),
    Mutant(A, "relu", "scalar(0.0", "scalar(0.01"),  # forward and backward alike
    Mutant(A, "leaky_relu", "1.0 - LEAK", "1.0 + LEAK"),
    Mutant(A, "", "LEAK = 0.01", "LEAK = 0.02"),
    Mutant(A, "", "ELU_ALPHA = 1.0", "ELU_ALPHA = 1.1"),
    Mutant(A, "", "1.6732632423543772", "1.6732642423543772"),
    Mutant(A, "", "1.0507009873554805", "1.0507109873554805"),
    Mutant(A, "", "0.7978845608028654", "0.7978745608028654"),
    Mutant(A, "", "0.044715", "0.044714"),
    Mutant(
        A,
        "_exponential_unit",
        "np.tanh(a, out=a)\n    a *= scratch",
        "np.tanh(a, out=a)\n    a += scratch",
    ),
    Mutant(A, "_exponential_unit", "a += scratch", "a -= scratch"),
    Mutant(A, "_d_exponential_unit", "np.less_equal", "np.greater_equal"),
    Mutant(A, "_gelu_gate", "gate += 1.0", "gate -= 1.0"),
    Mutant(A, "d_gelu", "3.0 * GELU_K", "2.0 * GELU_K"),
    Mutant(A, "d_silu", "np.subtract", "np.add"),
    Mutant(A, "softplus", "np.log1p", "np.log"),
    Mutant(A, "d_softplus", "sigmoid(z, slope", "tanh(z, slope"),
    Mutant(A, "mish", "t /= a", "t *= a"),
    Mutant(A, "d_mish", "a *= z", "a += z"),
    Mutant(E, "", "HUBER_DELTA = 1.0", "HUBER_DELTA = 1.0005"),
    Mutant(L, "SigmoidCrossEntropy.predict", "np.negative", "np.positive"),
    Mutant(L, "SigmoidCrossEntropy.losses", "-= Y", "+= Y"),
    Mutant(L, "SigmoidCrossEntropy.delta", "z.shape[-2]", "z.shape[-1]"),
    Mutant(L, "SoftmaxCrossEntropy.losses", "shifted *= Y", "shifted += Y"),
    Mutant(L, "SoftmaxCrossEntropy.delta", "-= Y", "+= Y"),
    Mutant(L, "PointwiseHead.losses", "y_hat - Y", "y_hat + Y"),
    Mutant(L, "PointwiseHead.delta", "np.subtract", "np.add"),
    Mutant(L, "PointwiseHead._through_activation", "delta -=", "delta +="),
    Mutant(L, "GaussianNLL.predict", "[..., 1::2, :], np", "[..., ::2, :], np"),
    Mutant(L, "GaussianNLL.losses", "0.5 *", "1.0 *"),
    Mutant(L, "GaussianNLL.losses", "np.log(v) +", "np.log(v) -"),
    Mutant(L, "GaussianNLL.delta", "of_mean /=", "of_mean *="),
    Mutant(L, "GaussianNLL.delta", "np.divide(0.5", "np.divide(1.0"),
    Mutant(L, "GaussianNLL.delta", "scratch *= 0.5", "scratch *= 2.0"),
    Mutant(L, "GaussianNLL.delta", "of_variance -=", "of_variance +="),
    Mutant(L, "GaussianNLL.delta", "of_variance *= scratch", "of_variance += scratch"),
    Mutant(L, "GaussianNLL.delta", "z.shape[-2] // 2", "z.shape[-2] // 1"),
    Mutant(L, "", "VARIANCE_FLOOR = 1e-6", "VARIANCE_FLOOR = 1e-7"),
    Mutant(L, "PoissonNLL.losses", "- Y * z", "+ Y * z"),
    Mutant(L, "PoissonNLL.predict", "np.exp", "np.exp2"),
    Mutant(L, "PoissonNLL.delta", "delta -= Y", "delta += Y"),
    Mutant(L, "PoissonNLL.delta", "z.shape[-2]", "z.shape[-1]"),
    Mutant(E, "pinball_error", "e * slope", "e + slope"),
    Mutant(E, "d_pinball_error", "k :: len", "0 :: len"),
    Mutant(E, "d_pinball_error", "1.0 - q", "1.0 + q"),
    Mutant(E, "d_pinball_error", "of -= q", "of += q"),
    Mutant(L, "PoissonNLL.delta", "np.less(", "np.greater("),
    Mutant(L, "softmax", "np.add.reduce", "np.maximum.reduce"),
    Mutant(L, "_share_of", "share / n_outputs)[", "share * n_outputs)["),
    Mutant(L, "_mean_over_outputs", "losses.mean", "losses.sum"),
    Mutant(E, "squared_error", "e * e", "e + e"),
    Mutant(E, "d_squared_error", "2.0", "1.0"),
    Mutant(E, "absolute_error", "np.sign", "np.square"),
    Mutant(E, "huber_error", "0.5 * clipped", "0.4 * clipped"),
    Mutant(E, "d_huber_error", "== 0.0", "!= 0.0"),
    Mutant(N, "Workspace.__init__", "np.ones((*members, n_rows", "np.zeros((*members, n_rows"),
    Mutant(N, "Workspace.__init__", "arrays(np.ones", "arrays(np.zeros"),
    Mutant(N, "Network.__init__", "np.multiply if", "np.add if"),
    Mutant(N, "Network.draw_dropout", "np.greater_equal", "np.less_equal"),
    Mutant(N, "Network.draw_dropout", "1.0 - p", "1.0 + p"),
    Mutant(N, "Network.forward", "ws.masks[i]", "ws.masks[0]"),
    Mutant(N, "Network.backward", "ws.masks[i - 1]", "ws.masks[-1]"),
    Mutant(N, "Network.backward", "delta *= slope", "delta += slope"),
    Mutant(N, "Network.loss", "* share", "/ share"),
    Mutant(N, "Network.loss_and_gradient", "* share", "+ share"),
    Mutant(N, "Network.add_penalty", "self._penalised *=", "self._penalised +="),
    Mutant(N, "Network.penalty", "0.5", "1.0"),
    Mutant(P, "affine_layers", '"weight"', '"bias"'),
    Mutant(P, "affine_layers", '"bias"', '"weight"'),
    Mutant("arrays", "total", "np.dot", "np.vdot"),
    Mutant(G, "scale_inputs", "*= s", "/= s"),
    Mutant(G, "d_scale_inputs", "np.multiply", "np.add"),
    Mutant(G, "d_scale_inputs", "dW *= s", "dW /= s"),
    Mutant(N, "Network.input_gradient", "out *= s", "out += s"),
    Mutant(P, "affine_layers", '"scale"', '"weight"'),
)
BLIND = (
    Mutant(L, "softmax", "np.maximum.reduce", "np.minimum.reduce",
           "test_nn_losses.py::test_extreme_logits_of_softmax_cross_entropy"),
    Mutant(L, "SoftmaxCrossEntropy.losses", "z.real.max", "z.real.min",
           "test_nn_losses.py::test_extreme_logits_of_softmax_cross_entropy"),
    Mutant(L, "PoissonNLL.losses", "1.0 + (z", "1.0 - (z",
           "test_distribution_losses.py::test_beyond_its_bound_the_poisson_loss_is_its_tangent"),
    Mutant(E, "d_pinball_error", "> 0.0", ">= 0.0",
           "test_distribution_losses.py::test_the_pinball_loss_is_least_at_the_quantile"),
    Mutant("inference", "mixture", "[1::2] +=", "[1::2] -=",
           "test_distribution_losses.py::test_a_mixture_has_the_total_variance"),
    Mutant("arrays", "in_proportion", "-np.frexp", "+np.frexp",
           "test_nn_network.py::test_weights_in_proportion_keep_their_shares_to_the_bit"),
    Mutant("inference", "weighted_mean", "* shares", "+ shares",
           "test_nn_network.py::test_mean_loss_is_the_weighted_mean_over_all_blocks"),
    Mutant("initializers", "draw_weights", "2.0 / inputs", "1.0 / inputs",
           "test_nn_network.py::test_scale_of_the_initial_weights"),
    Mutant("initializers", "draw_weights", "6.0", "3.0",
           "test_nn_network.py::test_scale_of_the_initial_weights"),
    Mutant("optimizers", "SGD._update", "v += gradient", "v -= gradient",
           "test_nn_optimizers.py::test_momentum_step_by_step"),
    Mutant("optimizers", "RMSprop._update", "1.0 - self.decay", "1.0 + self.decay",
           "test_nn_optimizers.py::test_rmsprop_step_by_step"),
    Mutant("optimizers", "Adam._begin", "** 0.5", "* 0.5",
           "test_nn_optimizers.py::test_adam_step_by_step_is_algorithm_1"),
    Mutant("optimizers", "Optimizer._decay", "-learning_rate", "+learning_rate",
           "test_nn_optimizers.py::test_decoupled_weight_decay_shrinks_weights_alone"),
    Mutant("optimizers", "clip_norm", "norm > limit", "norm < limit",
           "test_nn_optimizers.py::test_clip_norm_shortens_only_what_is_longer"),
    Mutant("schedules", "_cosine", "1.0 + math.cos", "1.0 - math.cos",
           "test_nn_schedules.py::test_cosine_falls_along_half_a_cosine"),
    Mutant("schedules", "", "ONE_CYCLE_RISE = 0.3", "ONE_CYCLE_RISE = 0.4",
           "test_nn_schedules.py::test_one_cycle_rises_for_three_tenths_and_falls_for_the_rest"),
    Mutant("schedules", "Schedule.at", "15.0 * done", "7.0 * done",
           "test_nn_schedules.py::test_coslog4_is_four_waves_each_twice_as_long_as_the_last"),
    Mutant("rates", "", '{"sgd": 1.0}', '{"sgd": 0.5}',
           "test_nn_optimizers.py::"
           "test_ntk_is_the_network_with_its_weights_over_the_root_of_the_inputs"),
    Mutant(L, "smoothed", "max(2,", "max(1,", "test_nn_input_scale.py::test_smoothed_labels"),
    Mutant("textbook", "sigmoid", "-z", "+z",
           "test_nn_textbook.py::test_every_step_is_the_textbooks"),
)  # fmt: skip


def mutated(text: str, mutant: Mutant) -> str:
    """Return the source of a file with the one edit in it."""
    lines, first, last = text.splitlines(keepends=True), 0, None
    body: list[ast.stmt] = ast.parse(text).body
    for name in filter(None, mutant.where.split(".")):
        (node,) = (one for one in body if getattr(one, "name", None) == name)
        assert isinstance(node, ast.FunctionDef | ast.ClassDef)
        first, last, body = node.lineno - 1, node.end_lineno, node.body
    of = "".join(lines[first:last])
    assert of.count(mutant.old) == 1, (mutant, of.count(mutant.old))
    return "".join(
        [*lines[:first], of.replace(mutant.old, mutant.new), *lines[last or len(lines) :]]
    )


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the nnfit in `folder` is the one that is imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment = kept | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *args], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with an nnfit whose room nn is a copy, and whose other rooms are ours."""
    package = tmp_path / "nnfit"
    package.mkdir()
    for room in PACKAGE.iterdir():
        if room.name == "nn":
            shutil.copytree(room, package / "nn")
        elif room.name != "__pycache__":
            (package / room.name).symlink_to(room)
    return tmp_path


def edit(copy: Path, mutant: Mutant) -> None:
    path = copy / "nnfit" / "nn" / f"{mutant.file}.py"
    path.write_text(mutated(path.read_text(encoding="utf-8"), mutant), encoding="utf-8")


def verdict(copy: Path) -> str:
    """Return True or False as the copy's gradcheck says it, or how it failed to say so."""
    found = run(copy, "-c", CHECK)
    words = found.stdout.split()
    assert not words or words[0].startswith(str(copy)), words
    return words[1] if words else found.stderr


def named(mutant: Mutant) -> str:
    return f"{mutant.file} {mutant.where}: {mutant.old} -> {mutant.new}"


def test_there_are_many_and_each_edit_is_possible() -> None:
    assert len(SEEN) >= 40 and len({*SEEN, *BLIND}) == len(SEEN) + len(BLIND)
    for mutant in SEEN + BLIND:
        text = (PACKAGE / "nn" / f"{mutant.file}.py").read_text(encoding="utf-8")
        assert compile(mutated(text, mutant), mutant.file, "exec")


@pytest.mark.slow
def test_the_copy_itself_is_right(copy: Path) -> None:
    assert verdict(copy) == "True"
    tests = [str(TESTS / mutant.unit_test) for mutant in BLIND]
    found = run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests)
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
@pytest.mark.parametrize("mutant", SEEN, ids=named)
def test_gradcheck_sees_it(copy: Path, mutant: Mutant) -> None:
    edit(copy, mutant)
    assert verdict(copy) == "False"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", BLIND, ids=named)
def test_gradcheck_is_blind_to_it_and_a_unit_test_sees_it(copy: Path, mutant: Mutant) -> None:
    edit(copy, mutant)
    assert verdict(copy) == "True"
    unit_test = str(TESTS / mutant.unit_test)
    found = run(copy, "-m", "pytest", "-q", "-n", "0", "-x", "-p", "no:cacheprovider", unit_test)
    assert found.returncode == pytest.ExitCode.TESTS_FAILED, found.stdout
