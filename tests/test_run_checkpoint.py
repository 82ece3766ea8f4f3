"""A run that goes on from a checkpoint ends with the bits of one that never stopped, wherever.

All in this process, on the loop itself and on the file; real runs that are killed are in
`test_run_resume`.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loops import learners_of_members, make_fit
from numpy.typing import NDArray

from nnfit.config.reading import load_config
from nnfit.config.younger import YOUNGER
from nnfit.dataset.dataset import prepare
from nnfit.errors import OutputError, ResumeError
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import OPTIMIZERS, Optimizer, make_optimizer
from nnfit.nn.rates import rate_factors
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.run.checkpoint import Checkpoint, keeper
from nnfit.run.checkpoint.fingerprint import difference, fingerprint
from nnfit.run.checkpoint.lock import Lock, Locked
from nnfit.run.checkpoint.stored import read, write
from nnfit.storage.files import whole_file
from nnfit.training import state as sizes
from nnfit.training.examples import network_rows
from nnfit.training.fit import Fit, Result
from nnfit.training.gradients import Shards
from nnfit.training.history import to_arrays
from nnfit.training.snapshot import capture
from nnfit.training.state import Settings, State
from nnfit.training.streams import stream

if TYPE_CHECKING:
    from conftest import Commands, Example

Array = NDArray[Any]
RUN = {"nnfit_version": "0", "config": {"seed": 0}, "data": "d"}


@dataclass(frozen=True)
class Case:
    """A run on 23 rows: minibatches of 4, in windows of 12 rows where the window is small."""

    optimizer: str = "adam"
    schedule: str = "constant"
    dropout: float = 0.0
    batch_size: int = 4
    epochs: int = 4
    learning_rate: float = 0.05
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    patience: int | None = None
    patience_factor: float = 1.0
    best: str = "loss"
    validation: bool = True
    weighted: bool = False
    shards: int = 1
    rollback: bool = False
    dtype: str = "float32"
    keep_trajectory: bool = False
    record_steps: bool = False
    members: int = 1
    alone: bool = False  # each a learner
    folds: bool = False
    input_scale: bool = False


CASES = {
    "adam": Case(),
    "adamw cosine": Case("adamw", "cosine", weight_decay=0.1),
    "rmsprop dropout": Case("rmsprop", "exponential", dropout=0.3),
    "sgd momentum plateau": Case("sgd", "plateau", momentum=0.9, learning_rate=0.3, epochs=6),
    "sgd nesterov step": Case("sgd", "step", momentum=0.8, nesterov=True, dtype="float64"),
    "plain sgd one cycle": Case("sgd", "one_cycle", clip_norm=0.5, l2=0.01),
    "batches of one, weighted": Case(batch_size=1, epochs=2, weighted=True, dropout=0.2),
    "full batch": Case(batch_size=23, epochs=9),
    "no validation": Case(validation=False, dropout=0.1),
    "patience": Case(patience=2, epochs=30, learning_rate=0.3),
    "patience that grows, members": Case(
        members=2, folds=True, patience=1, patience_factor=1.5, epochs=30, learning_rate=0.3
    ),
    "best by a metric": Case(best="r2", patience=2, epochs=12, learning_rate=0.3),
    "members, best by a metric": Case(members=2, best="rmse", patience=3, learning_rate=0.3),
    "folds, best by a metric": Case(members=3, folds=True, best="r2", batch_size=3, epochs=6),
    "keeps its trajectory": Case(keep_trajectory=True, epochs=5),
    "records its steps": Case(record_steps=True, epochs=3),
    "learned scale": Case("adamw", "coslog4", dropout=0.2, input_scale=True),
    "shards": Case(shards=2, batch_size=8, weighted=True),
    "members": Case(members=3, dropout=0.2, weighted=True, record_steps=True),
    "members, folds": Case(members=3, folds=True, dropout=0.2, l2=0.01, batch_size=3),
    "members alone": Case(members=3, alone=True, dropout=0.2, epochs=6, clip_norm=0.5),
    "members alone, folds": Case(members=2, alone=True, folds=True, batch_size=2, epochs=10),
    "members roll back": Case(
        "sgd", members=2, alone=True, rollback=True, learning_rate=40.0, epochs=6
    ),
    "rolls back": Case("sgd", rollback=True, learning_rate=40.0, epochs=5, record_steps=True),
    "rolls back in vain": Case("sgd", rollback=True, learning_rate=1e35, epochs=2),
    "rolls back, no validation": Case(
        "sgd", rollback=True, learning_rate=40.0, validation=False, momentum=0.5
    ),
}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an epoch of 23 rows have several windows: 3 minibatches of 4 rows, 3 numbers each."""
    monkeypatch.setattr(sizes, "WINDOW_BYTES", 12 * 4 * 4)


def make_case(case: Case, held: ExitStack, seconds: float = math.inf) -> Fit:
    """Return the run, before its first step; it keeps a checkpoint every so many seconds."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(31, 3))
    Y = np.sin(2.0 * X[:, :2]) + rng.normal(0.0, 0.3, (31, 2))
    s = rng.integers(0, 3, 31).astype(float) if case.weighted else None
    architecture = Architecture(
        (3, 6, 2), ("tanh",), "mse", dropout=case.dropout, l2=case.l2, input_scale=case.input_scale
    )
    network = Network.of_zeros(architecture, case.dtype, case.members)
    for i in range(case.members):
        network.member(i).initialize("auto", stream(1, "initialization", i))
    rows = [
        network_rows(X[part], Y[part], None if s is None else s[part], network)
        for part in (slice(23), slice(23, 31))
    ]
    gradients = None
    if case.shards > 1:
        shards = Shards(network, case.shards, n_threads=1, probe=False, observer=Observer())
        gradients = held.enter_context(shards)

    def optimizer(is_weight: Array) -> Optimizer:
        return make_optimizer(
            case.optimizer, is_weight, case.weight_decay, case.momentum, case.nesterov,
            rates=_rates(network) if case.input_scale else None,
        )  # fmt: skip

    folds = np.arange(23) % case.members if case.folds else None
    of_members = None
    if case.members > 1:
        of_members = learners_of_members(network, optimizer, alone=case.alone, folds=folds, seed=1)
        held.callback(of_members[0].close)
    return make_fit(
        network,
        optimizer(network.is_weight),
        Settings(
            epochs=case.epochs,
            batch_size=case.batch_size,
            learning_rate=case.learning_rate,
            patience=case.patience,
            patience_factor=case.patience_factor,
            best=case.best,
            clip_norm=case.clip_norm,
            rollback=case.rollback,
            checkpoint_seconds=seconds,
            keep_trajectory=case.keep_trajectory,
            record_steps=case.record_steps,
        ),
        rows[0],
        rows[1] if case.validation and not case.folds else None,
        schedule=Schedule(
            case.schedule, case.epochs, every=1 if case.schedule == "plateau" else None
        ),
        gradients=gradients,
        of_members=of_members,
        folds=folds,
        seed=1,
        metric=lambda y_hat: float(y_hat.sum()),
        member_metric=None if case.best == "loss" else lambda y_hat, rows: float(y_hat.sum()),
    )


def _rates(network: Network) -> Any:
    factors = {"bias": 0.1, "scale": 6.0, "activation": 0.1}
    return rate_factors(network.architecture.layout, factors, network.dtype, "adamw")


def outcome(fit: Fit, result: Result) -> tuple[Any, ...]:
    """Return all that a model file holds of a run."""
    history = {name: array.tobytes() for name, array in to_arrays(result.records).items()}
    ending = (result.best_epoch, result.stopped_early, str(result.failure))
    way = None
    if result.trajectory is not None:
        way = (result.trajectory.epochs.tobytes(), result.trajectory.parameters.tobytes())
    steps = None if result.steps is None else result.steps.losses.tobytes()
    return fit.state.parameters.tobytes(), history, ending, way, steps


def test_losses_of_steps_that_are_not_finite_are_damage(folder: Path) -> None:
    with ExitStack() as held:
        fit = make_case(Case(record_steps=True), held)
        fit.checkpoint = save
        stop_after(fit, 8)
        fit.run()
        arrays = unpacked(Path("c").read_bytes())
        assert len(arrays["step_losses"]) == 6  # of an epoch's 6; the 2 of a window not yet
        arrays["step_losses"][2] = np.inf
        Path("damaged").write_bytes(packed(arrays))
        with pytest.raises(ResumeError, match="'step_losses' holds numbers that are not finite"):
            read("damaged", make_case(Case(record_steps=True), held).state, RUN)


def test_a_trajectory_that_does_not_go_up_from_the_start_is_damage(folder: Path) -> None:
    with ExitStack() as held:
        fit = make_case(Case(keep_trajectory=True), held)
        fit.checkpoint = save
        stop_after(fit, 8)
        fit.run()
        for epochs in ([1, 2], [0, 0]):
            arrays = unpacked(Path("c").read_bytes())
            arrays["path_epochs"] = np.array(epochs)
            Path("damaged").write_bytes(packed(arrays))
            with pytest.raises(ResumeError, match="damaged: 'path_epochs' do not go up from 0"):
                read("damaged", make_case(Case(keep_trajectory=True), held).state, RUN)


def stop_after(fit: Fit, steps: int) -> None:
    """Have the run stopped as a signal would, after some more steps."""
    optimizer, left = fit.state.optimizers[0], [steps]
    original = optimizer.step

    def step(*args: Any) -> None:
        original(*args)
        left[0] -= 1
        if left[0] == 0:
            fit.stop.signal = signal.SIGINT

    if steps == 0:
        fit.stop.signal = signal.SIGINT
    optimizer.step = step  # type: ignore[method-assign]


def save(state: State) -> None:
    with open("c", "wb") as file:
        write(file, state, RUN)


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


# the same bits ---------------------------------------------------------------------------------


def test_stopped_before_any_minibatch_it_ends_with_the_same_bits(case: Case, folder: Path) -> None:
    with ExitStack() as held:
        whole = make_case(case, held)
        expected = outcome(whole, whole.run())
        interrupted, steps = True, 0
        while interrupted:
            fit = make_case(case, held)
            fit.checkpoint = save
            stop_after(fit, steps)
            interrupted = fit.run().interrupted
            fit = make_case(case, held)
            if interrupted:
                read("c", fit.state, RUN)
                assert outcome(fit, fit.run()) == expected, steps
            steps += 1
        assert steps > min(10, case.epochs)


def test_each_checkpoint_of_a_run_leads_to_the_same_bits(case: Case, folder: Path) -> None:
    """Take one after every minibatch, the last of a window and of an epoch too."""
    kept: list[bytes] = []

    def keep(state: State) -> None:
        buffer = io.BytesIO()
        write(buffer, state, RUN)
        kept.append(buffer.getvalue())

    with ExitStack() as held:
        whole = make_case(case, held, 1e-9)
        whole.checkpoint = keep
        expected = outcome(whole, whole.run())
        assert len(kept) > 8
        assert bool(whole.state.progress.rollbacks) is case.rollback
        for raw in kept:
            Path("c").write_bytes(raw)
            fit = make_case(case, held)
            read("c", fit.state, RUN)
            assert outcome(fit, fit.run()) == expected


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_resumed_again_and_again_it_ends_with_the_same_bits(
    case: Case, folder: Path, steps: int
) -> None:
    with ExitStack() as held:
        whole = make_case(case, held)
        expected = outcome(whole, whole.run())
        result, sessions = None, 0
        while result is None or result.interrupted:
            fit = make_case(case, held)
            if sessions:
                read("c", fit.state, RUN)
            fit.checkpoint = save
            stop_after(fit, steps)
            result = fit.run()
            sessions += 1
        assert outcome(fit, result) == expected
        assert sessions > 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_t_and_state_are_all_that_an_optimizer_remembers(name: str) -> None:
    rng = np.random.default_rng(4)
    is_weight = np.array([1.0, 1.0, 0.0])
    momentum = 0.9 if name == "sgd" else 0.0
    one, other = (make_optimizer(name, is_weight, 0.1, momentum) for _ in range(2))
    p = rng.normal(size=3)
    gradients = rng.normal(size=(9, 3))
    for gradient in gradients[:5]:
        one.step(p, gradient.copy(), 0.1)
    q = p.copy()
    other.t = one.t
    assert other.state.keys() == one.state.keys()
    for key, moment in one.state.items():
        other.state[key][:] = moment
    for gradient in gradients[5:]:
        one.step(p, gradient.copy(), 0.1)
        other.step(q, gradient.copy(), 0.1)
    assert p.tobytes() == q.tobytes()


def test_more_epochs_after_a_stop_are_those_of_a_longer_run(folder: Path) -> None:
    with ExitStack() as held:
        longer = make_case(Case(epochs=7), held)
        expected = outcome(longer, longer.run())
        fit = make_case(Case(epochs=3), held)
        fit.checkpoint = save
        stop_after(fit, 14)
        fit.run()
        fit = make_case(Case(epochs=7), held)
        read("c", fit.state, RUN)
        assert outcome(fit, fit.run()) == expected


def test_less_patience_after_a_stop_ends_the_run_at_once(folder: Path) -> None:
    case = Case(patience=9, epochs=30, learning_rate=0.3)
    with ExitStack() as held:
        fit = make_case(case, held)
        fit.checkpoint = save
        stop_after(fit, 80)
        waited = len(fit.run().records) - fit.state.progress.best_epoch
        assert waited > 2
        fit = make_case(replace(case, patience=2), held)
        read("c", fit.state, RUN)
        result = fit.run()
        assert result.stopped_early and not result.interrupted
        assert len(result.records) - result.best_epoch == waited


def test_a_checkpoint_comes_in_time_and_not_before(folder: Path) -> None:
    kept: list[int] = []
    with ExitStack() as held:
        fit = make_case(Case(), held, 1000.0)
        fit.checkpoint = lambda state: kept.append(state.optimizers[0].t)
        fit.run()
        assert kept == []
        fit = make_case(Case(), held, 1e-9)
        fit.checkpoint = lambda state: kept.append(state.optimizers[0].t)
        fit.run()
        assert kept == list(range(1, 4 * 6 + 1))


# the file --------------------------------------------------------------------------------------


@pytest.fixture
def kept(folder: Path) -> bytes:
    """The checkpoint of a run in its second epoch, behind the first minibatch of a window."""
    with ExitStack() as held:
        fit = make_case(Case(validation=False), held)
        fit.checkpoint = save
        stop_after(fit, 10)
        fit.run()
    return Path("c").read_bytes()


def resumed(case: Case = CASES["adam"], run: Any = RUN) -> Fit:
    with ExitStack() as held:
        fit = make_case(replace(case, validation=False), held)
        read("c", fit.state, run)
        return fit


def refusal(raw: bytes, run: Any = RUN, **changes: Any) -> str:
    """Return the line that says why a checkpoint is not gone on from."""
    Path("c").write_bytes(raw)
    with pytest.raises(ResumeError) as caught:
        resumed(Case(**changes), run)
    (line,) = caught.value.messages
    assert "\n" not in line and caught.value.exit_code == 1
    return line


def packed(arrays: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, array in arrays.items():
            contents = io.BytesIO()
            np.lib.format.write_array(contents, np.asarray(array), allow_pickle=True)
            archive.writestr(f"{name}.npy", contents.getvalue())
    return buffer.getvalue()


def unpacked(raw: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(raw), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def with_meta(raw: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    arrays = unpacked(raw)
    meta = json.loads(arrays["meta"].tobytes())
    change(meta)
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return packed(arrays)


def test_it_is_a_plain_npz(kept: bytes) -> None:
    arrays = unpacked(kept)
    assert {name: array.shape for name, array in arrays.items() if name != "meta"} == {
        "parameters": (38,),
        "best": (38,),
        "good": (38,),
        "moment_M": (38,),
        "moment_V": (38,),
        "logits": (2, 4),
        "running": (3,),
        "history_epoch": (1,),
        "history_train_loss": (1,),
        "history_validation_loss": (1,),
        "history_metric": (1,),
        "history_learning_rate": (1,),
    }
    state = json.loads(arrays["meta"].tobytes())["state"]
    assert (state["epochs"], state["first"], state["done"]) == (1, 12, 4)
    assert packed(arrays) == packed(unpacked(packed(arrays)))
    resumed()


ANEW = "start anew without --resume"
BAD_META: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (
        lambda m: m.update(checkpoint_version=2),
        "checkpoint of format 2, this nnfit reads format 1; "
        f"{ANEW}, or go on with the nnfit that wrote it",
    ),
    (lambda m: m.pop("run"), f"damaged: 'meta' has no 'run'; {ANEW}"),
    (lambda m: m.pop("state"), f"damaged: 'meta' has no 'state'; {ANEW}"),
    (
        lambda m: m["run"].update(nnfit_version="9.9"),
        f"is of nnfit 9.9, got nnfit 0. Go on with nnfit 9.9, or {ANEW}",
    ),
    (
        lambda m: m["run"].update(data="e"),
        f"is of a run on other data. Use that run's data, or {ANEW}",
    ),
    (
        lambda m: m["run"]["config"].update(seed=1),
        "is of a run with other settings, seed: got 0; expected 1. "
        f"Use that run's config, or {ANEW}",
    ),
    (
        lambda m: m["run"].update(config={"a": "x" * 99, "b": 2}),
        "is of a run with other settings, seed: got 0; expected no such key (and a, b). "
        f"Use that run's config, or {ANEW}",
    ),
    (
        lambda m: m["run"].update(config=[]),
        "is of a run with other settings, seed: got 0; expected no such key. "
        f"Use that run's config, or {ANEW}",
    ),
    (
        lambda m: m["state"].update(epochs=5),
        f"is after epoch 5, got training.epochs 4; expected at least 5. Raise it, or {ANEW}",
    ),
    (lambda m: m["state"].update(epochs=-1), "damaged: 'epochs' is not an integer from 0 to 4"),
    (lambda m: m["state"].update(epochs="1"), "damaged: 'epochs' is not an integer from 0 to 4"),
    (lambda m: m["state"].update(epochs=True), "damaged: 'epochs' is not an integer from 0 to 4"),
    (lambda m: m["state"].update(first=23), "damaged: 'first' is not an integer from 0 to 22"),
    (lambda m: m["state"].update(first=4), "damaged: stands between two minibatches of another"),
    (lambda m: m["state"].update(done=3), "damaged: stands between two minibatches of another"),
    (lambda m: m["state"].update(done=12), "damaged: 'done' is not an integer from 0 to 11"),
    (lambda m: m["state"].update(done=8), "damaged: logits has shape (2, 4), meta says (2, 8)"),
    (lambda m: m["state"].update(optimizer_steps=-1), "damaged: 'optimizer_steps' is not an"),
    (lambda m: m["state"].update(rollbacks=[2]), "damaged: 'rollbacks' is not a list of epochs"),
    (lambda m: m["state"].update(rollbacks=[0] * 6), "damaged: 'rollbacks' is not a list of"),
    (lambda m: m["state"].update(rollbacks=None), "damaged: 'rollbacks' is not a list of epochs"),
    (lambda m: m["state"].update(rollbacks=[0.0]), "damaged: 'rollbacks' is not a list of epochs"),
    (lambda m: m["state"].update(dropout=None), "damaged: 'dropout' is not the state of a random"),
    (lambda m: m["state"]["shuffling"].pop("state"), "damaged: 'shuffling' is not the state of a"),
    (
        lambda m: m["state"]["shuffling"].update(state={"state": 1}),
        "damaged: 'shuffling' is not the state of a random stream",
    ),
    (
        lambda m: m["state"]["shuffling"].update(bit_generator="MT19937"),
        "damaged: 'shuffling' is not the state of a random stream",
    ),
    (
        lambda m: m["state"]["shuffling"]["state"].update(inc=2**128),
        "damaged: 'shuffling' is not the state of a random stream",
    ),
    (
        lambda m: m["state"]["dropout"].update(uinteger="0"),
        "damaged: 'dropout' is not the state of a random stream",
    ),
]


@pytest.mark.parametrize(("change", "said"), BAD_META)
def test_a_wrong_meta_is_one_line(
    kept: bytes, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    line = refusal(with_meta(kept, change))
    assert line.startswith(f"c: {said}")
    assert line.endswith(ANEW) or "or go on with the nnfit that wrote it" in line


BAD_ARRAYS: list[tuple[str, Any, str]] = [
    ("parameters", np.zeros(37, np.float32), "parameters has shape (37,), meta says (38,)"),
    ("best", np.zeros(38), "best is float64, meta says float32"),
    ("moment_M", None, "holds other arrays than a checkpoint of this run"),
    ("moment_X", np.zeros(38, np.float32), "holds other arrays than a checkpoint of this run"),
    ("meta", None, "holds no 'meta' of a checkpoint"),
    ("meta", np.frombuffer(b"[]", np.uint8), "'meta' is not a JSON object"),
    ("running", np.array([1.0, math.nan, 0.1]), "'running' holds other than sums and a learning"),
    ("running", np.array([1.0, 1.0, math.inf]), "'running' holds other than sums and a learning"),
    ("history_epoch", np.array([2]), "'history' is not of one epoch after the other"),
    ("history_train_loss", np.array([math.inf]), "'history' is not of one epoch after the other"),
    ("history_validation_loss", np.array([1.0]), "'history' has a validation loss where there"),
    ("parameters", np.array([{}] * 38), "parameters is object, meta says float32"),
    ("best", np.full(38, math.nan, np.float32), "'best' holds numbers that are not finite"),
    ("good", np.full(38, math.inf, np.float32), "'good' holds numbers that are not finite"),
]


@pytest.mark.parametrize(("name", "array", "said"), BAD_ARRAYS)
def test_a_wrong_array_is_one_line(kept: bytes, name: str, array: Any, said: str) -> None:
    arrays = unpacked(kept)
    arrays[name] = array
    line = refusal(packed({name: a for name, a in arrays.items() if a is not None}))
    assert line.startswith(f"c: damaged: {said}") and line.endswith(f"; {ANEW}")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("parameters", math.inf, "'parameters' holds numbers that are not finite"),
        ("moment_M", math.nan, "'moment_M' holds NaN"),
        ("moment_V", math.nan, "'moment_V' holds NaN"),
    ],
)
def test_between_epochs_every_number_is_one(
    folder: Path, name: str, value: float, said: str
) -> None:
    with ExitStack() as held:
        fit = make_case(Case(validation=False, epochs=1), held)
        fit.run()
        save(fit.state)
    arrays = unpacked(Path("c").read_bytes())
    arrays[name] = arrays[name].copy()
    arrays[name][3] = value
    assert refusal(packed(arrays), epochs=1).startswith(f"c: damaged: {said}")


@pytest.mark.parametrize(
    ("case", "name", "value", "said"),
    [
        (Case(), "validation_loss", np.inf, "has a validation loss where"),
        (
            Case(members=3, folds=True),
            "member_validation_loss",
            np.inf,
            "has a member's validation",
        ),
        (Case(best="r2"), "metric", np.nan, "has no metric where"),
        (Case(members=3, folds=True, best="r2"), "member_metric", np.nan, "has no metric where"),
    ],
)
def test_a_validation_loss_or_metric_that_is_no_number_is_refused(
    folder: Path, case: Case, name: str, value: float, said: str
) -> None:
    with ExitStack() as held:
        fit = make_case(case, held)
        fit.checkpoint = save
        stop_after(fit, 10)
        fit.run()
        arrays = unpacked(Path("c").read_bytes())
        arrays[f"history_{name}"].flat[0] = value
        Path("c").write_bytes(packed(arrays))
        with pytest.raises(ResumeError, match=f"damaged: 'history' {said}"):
            read("c", make_case(case, held).state, RUN)


def test_a_compressed_one_is_refused_before_it_is_unpacked(kept: bytes) -> None:
    line = refusal(packed(unpacked(kept), compression=zipfile.ZIP_DEFLATED))
    assert line == f"c: damaged: is compressed, which no checkpoint is; {ANEW}"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(kept: bytes) -> None:
    buffer = io.BytesIO(kept)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("best.npy", archive.read("best.npy"))
    assert "holds other arrays than a checkpoint of this run" in refusal(buffer.getvalue())


def test_no_cut_and_no_flipped_bit_goes_unseen(kept: bytes, rng: np.random.Generator) -> None:
    expected = resumed()
    state, arrays = capture(expected.state)
    for size in [0, 1, 30, len(kept) // 2, len(kept) - 1]:
        assert refusal(kept[:size]).startswith("c: damaged")
    refused = 0
    places = rng.choice(len(kept), 400, replace=False).tolist()
    for place in places:
        raw = bytearray(kept)
        raw[place] ^= 1 << int(rng.integers(8))
        Path("c").write_bytes(raw)
        try:
            fit = resumed()
        except ResumeError as err:
            refused += 1
            assert len(err.messages) == 1 and "\n" not in str(err)
        else:  # a byte that nobody reads
            found, found_arrays = capture(fit.state)
            assert found == state
            for name, array in arrays.items():
                assert np.array_equal(found_arrays[name], array, equal_nan=True)
    assert refused > 0.8 * len(places)


def test_what_can_not_be_read_is_one_line(
    kept: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as held:
        fit = make_case(Case(), held)
        with pytest.raises(ResumeError, match="^.: is no regular file; expected a checkpoint$"):
            read(".", fit.state, RUN)
        for error, said in [
            (PermissionError(13, "Permission denied"), "c: cannot be read: permission denied"),
            (MemoryError(), "c: does not fit into memory"),
        ]:

            def fail(*args: Any, error: BaseException = error) -> None:
                raise error

            monkeypatch.setattr("nnfit.run.checkpoint.stored.open_regular", fail)
            with pytest.raises(ResumeError) as caught:
                read("c", fit.state, RUN)
            assert str(caught.value) == said


# which run it is of ----------------------------------------------------------------------------


def _fingerprint(config: dict[str, Any], overrides: list[str], threads: int = 1) -> dict[str, Any]:
    file = load_config(config, overrides)
    return fingerprint(file, prepare(file, None, stream(0, "split"), Observer()), threads)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["training.epochs=3"], None),
        (["training.patience=3"], None),
        (["training.patience_factor=2.5"], None),
        (["training.checkpoint_seconds=3"], None),
        (["training.on_divergence=rollback"], None),
        (["training.threads=2"], None),  # what counts is what the matrix products use
        (["output=other.npz"], None),
        (["data.path=./labels.csv"], None),
        (["optimizer.learning_rate=0.5"], "optimizer.learning_rate: got 0.5; expected 0.001."),
        (["optimizer.name=sgd"], 'optimizer.name: got "sgd"; expected "adam".'),
        (["model.hidden_sizes=[3]"], "model.hidden_sizes: got [3]; expected [64, 32]."),
        (["training.batch_size=full"], 'training.batch_size: got "full"; expected 32.'),
        (["class_weight={yes: 2}"], 'class_weight: got {"yes": 2.0}; expected null.'),
        (["features=['*']"], 'features: got ["*"]; expected null.'),
        (
            ["training.refit=true", "data.validation=folds", "model.members=2"],
            "model.members: got 2; expected 1 (and training.refit, data.validation).",
        ),
        (["training.best=accuracy"], 'training.best: got "accuracy"; expected "loss".'),
        (["seed=1"], "seed: got 1; expected 0."),
        (["seed=1", "loss=mse"], 'loss: got "mse"; expected "auto" (and seed).'),
    ],
)
def test_the_config_but_for_what_may_change(
    labels: Example, overrides: list[str], said: str | None
) -> None:
    data = {"path": "labels.csv", "target": "label", "exclude": ["code"]}
    config = {"preset": "none", "data": data}
    before = json.loads(json.dumps(_fingerprint(config, [])))
    found = difference(_fingerprint(config, overrides), before)
    expected = f"is of a run with other settings, {said} Use that run's config"
    assert found == (None if said is None else expected)


@pytest.mark.parametrize("engine", ["compiled", "numpy", None])
def test_it_tells_the_engine_in_which_its_run_began(folder: Path, engine: str | None) -> None:
    config = {} if engine is None else {"training.engine": engine}  # None: older than the key
    with ExitStack() as held:
        state = make_case(CASES["adam"], held).state
        with whole_file("m.npz.checkpoint") as stream:
            write(stream, state, {**RUN, "config": config})
    assert Checkpoint("m.npz", True, Observer()).begun_in() == (engine or "numpy")
    assert Checkpoint("m.npz", False, Observer()).begun_in() is None
    assert Checkpoint("other.npz", True, Observer()).begun_in() is None
    Path("m.npz.checkpoint").write_bytes(b"PK\x03\x04, damaged")
    assert Checkpoint("m.npz", True, Observer()).begun_in() is None


def test_a_checkpoint_that_is_older_than_a_key_has_its_default(labels: Example) -> None:
    data = {"path": "labels.csv", "target": "label", "exclude": ["code"]}
    config = {"data": data, "training": {"engine": "numpy"}}  # a run's own is no longer auto
    before = _fingerprint(config, [])
    assert before["config"].keys().isdisjoint(YOUNGER)
    assert difference(_fingerprint(config, []), before) is None
    said = difference(_fingerprint(config, ["model.members=2"]), before)
    assert said and "model.members: got 2; expected 1" in said


def test_other_folds_are_other_data(folder: Path) -> None:
    """Where the groups fall otherwise, each cell that the network sees is what it was."""
    table = "x,y,g\n" + "".join(f"{i},{i * 1.5},{i % 7}\n" for i in range(40))
    Path("d.csv").write_text(table)
    config = {
        "data": {"path": "d.csv", "target": "y", "groups": "g", "validation": "folds"},
        "model": {"members": 3},
    }
    before = _fingerprint(config, [])
    Path("d.csv").write_text(table.replace(",0\n", ",1\n"))
    after = _fingerprint(config, [])
    assert difference(after, before) == "is of a run on other data. Use that run's data"
    Path("d.csv").write_text(table.replace(",0\n", ",seven\n"))
    assert difference(_fingerprint(config, []), before) is None


def test_the_threads_of_the_matrix_products_count(labels: Example) -> None:
    data = {"path": "labels.csv", "target": "label", "exclude": ["code"]}
    config = {"preset": "none", "data": data}
    said = difference(_fingerprint(config, [], 2), _fingerprint(config, [], 1))
    assert said and "training.threads: got 2; expected 1" in said


@pytest.mark.parametrize("name", ["price", "labels", "pair"])
def test_any_cell_of_the_data_counts(
    request: pytest.FixtureRequest, folder: Path, name: str
) -> None:
    example: Example = request.getfixturevalue(name)
    text = Path(f"{name}.csv").read_text(encoding="utf-8")
    before = _fingerprint(load_config(f"{name}.yaml").config.model_dump(), [])
    assert _fingerprint(load_config(f"{name}.yaml").config.model_dump(), []) == before
    lines = text.splitlines(keepends=True)
    digit = next(i for i, c in enumerate(lines[40]) if c in "12345")
    lines[40] = f"{lines[40][:digit]}{int(lines[40][digit]) + 1}{lines[40][digit + 1 :]}"
    assert lines != text.splitlines(keepends=True)
    Path(f"{name}.csv").write_text("".join(lines), encoding="utf-8")
    after = _fingerprint(load_config(f"{name}.yaml").config.model_dump(), [])
    if name != "labels":  # whose first digit may stand in the column that is left out
        assert difference(after, before) == "is of a run on other data. Use that run's data"
    assert example.name == name


# who may write it ------------------------------------------------------------------------------


class Listener(Observer):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(f"note: {text}")

    def warning(self, text: str) -> None:
        self.said.append(f"warning: {text}")


HOLD = """
import sys
from nnfit.run.checkpoint.lock import Lock
with Lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which holds the lock of `m.npz`'s checkpoint until it ends."""
    pytest.importorskip("fcntl")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, ".m.npz.checkpoint.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_lock_is_one_process_and_ends_with_it(holder: subprocess.Popen[bytes]) -> None:
    lock = ".m.npz.checkpoint.lock"
    with pytest.raises(Locked) as caught, Lock(lock):
        pass
    assert caught.value.holder == str(holder.pid)
    holder.kill()
    holder.wait()
    assert Path(lock).exists()  # and locks nothing
    with Lock(lock) as held:
        assert held.taken
    assert not Path(lock).exists()


def test_a_second_run_keeps_its_hands_off(holder: subprocess.Popen[bytes]) -> None:
    Path("m.npz.checkpoint").write_bytes(b"the other's")
    heard = Listener()
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held)
        checkpoint.attach(fit, lambda: RUN)
        assert fit.checkpoint is None and not checkpoint.to_resume
        checkpoint.remove()
    assert heard.said == [
        f"warning: m.npz.checkpoint: another run (process {holder.pid}) is using it; "
        "this run writes no checkpoint"
    ]
    assert Path("m.npz.checkpoint").read_bytes() == b"the other's"
    with pytest.raises(ResumeError) as caught, Checkpoint("m.npz", True, heard):
        pass
    assert str(caught.value) == (
        f"m.npz.checkpoint: another run (process {holder.pid}) is using it; "
        "wait for its end, or stop it"
    )


@pytest.mark.parametrize("readable", [True, False])
def test_a_holder_that_has_not_said_who_it_is(
    holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    def pread(*args: Any) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    if readable:
        os.truncate(".m.npz.checkpoint.lock", 0)
    else:
        monkeypatch.setattr(os, "pread", pread)
    heard = Listener()
    with Checkpoint("m.npz", False, heard):
        pass
    assert heard.said == [
        "warning: m.npz.checkpoint: another run is using it; this run writes no checkpoint"
    ]


def test_a_lock_that_was_just_removed_is_taken_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    original, calls = fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            os.unlink("lock")  # its holder ended between our opening and locking it
        original(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Lock("lock") as lock:
        assert lock.taken and len(calls) == 2
        assert Path("lock").read_text() == str(os.getpid())
    assert not Path("lock").exists()


def test_without_locks_a_run_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def flock(handle: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    stale = Path(".m.npz.checkpoint.0123456789abcdef.tmp")
    stale.touch()
    heard = Listener()
    with Checkpoint("m.npz", False, heard):
        assert list(folder.iterdir()) == [folder / stale]  # who knows whose it is
    assert heard.said == []


def test_what_a_killed_run_left_is_removed(folder: Path) -> None:
    pytest.importorskip("fcntl")
    stale = Path(".m.npz.checkpoint.0123456789abcdef.tmp")
    long = "m" * 30
    others = [".m.npz.0123456789abcdef.tmp", ".m.npz.checkpoint.tmp", "m.npz.checkpoint.x.tmp"]
    others += [".m.npz.checkpoint.0123456789ABCDEF.tmp"]
    others += [f".{long}.checkpoin.0123456789abcdef.tmp"]  # another output's may be called so
    for name in (stale, *others):
        Path(name).touch()
    for output in ("m.npz", long):
        with Checkpoint(output, False, Observer()):
            assert not stale.exists()
    assert sorted(path.name for path in folder.iterdir()) == sorted(others)


def of_kind(path: Path, kind: str) -> None:
    """Put something under a name that a run opens."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("precious")
    elif kind == "second name":
        os.link("precious", path)
    else:
        path.write_bytes(b"12x" if kind == "a few letters" else bytes(30))


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "second name", "a few letters", "much"])
@pytest.mark.parametrize("supported", [True, False])
def test_what_only_has_the_name_of_a_lock_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, supported: bool
) -> None:
    fcntl = pytest.importorskip("fcntl")
    if not supported:
        faulty = OSError(95, "Operation not supported")
        monkeypatch.setattr(fcntl, "flock", lambda handle, how: (_ for _ in ()).throw(faulty))
    (folder / "precious").write_bytes(b"")
    lock = folder / ".m.npz.checkpoint.lock"
    of_kind(lock, kind)
    before = lock.lstat()
    heard = Listener()
    with Checkpoint("m.npz", False, heard):
        pass
    said = (
        "warning: m.npz.checkpoint: .m.npz.checkpoint.lock is no lock of a run, move it away; "
        "this run writes no checkpoint"
    )
    regular = kind in ("second name", "a few letters", "much")
    assert heard.said == ([] if regular and not supported else [said])
    assert (lock.lstat().st_ino, lock.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (folder / "precious").exists()


def test_a_fifo_is_no_checkpoint_and_not_waited_for(folder: Path) -> None:
    os.mkfifo("c")
    with pytest.raises(ResumeError, match="^c: is no regular file; expected a checkpoint$"):
        resumed()


# what becomes of it ----------------------------------------------------------------------------


def test_it_is_written_gone_on_from_and_removed(folder: Path) -> None:
    heard = Listener()
    described: list[int] = []

    def describe() -> Any:
        described.append(1)
        return RUN

    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held)
        checkpoint.attach(fit, describe)
        assert not described and not checkpoint.to_resume
        stop_after(fit, 9)
        fit.run()
        assert len(described) == 1 and checkpoint.to_resume
    assert heard.said == []
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", True, heard))
        fit = make_case(Case(), held)
        checkpoint.attach(fit, describe)
        assert checkpoint.to_resume
        assert heard.said == ["note: going on in epoch 2 from m.npz.checkpoint"]
        fit.run()
        checkpoint.remove()
        checkpoint.remove()  # which is no error
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held)
        fit.settings = replace(fit.settings, checkpoint_end=True)
        checkpoint.attach(fit, describe)
        assert not fit.run().interrupted and checkpoint.to_resume
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", True, heard))
        checkpoint.attach(make_case(Case(), held), describe)
        assert heard.said.pop() == "note: going on after the last epoch from m.npz.checkpoint"
        checkpoint.remove()
    assert not list(folder.iterdir())
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", True, heard))
        checkpoint.attach(make_case(Case(), held), describe)
        assert heard.said[1:] == [
            "note: no checkpoint m.npz.checkpoint; starting from the beginning"
        ]
        assert not checkpoint.to_resume


def test_one_that_is_there_is_replaced_and_that_is_said(kept: bytes, folder: Path) -> None:
    Path("m.npz.checkpoint").write_bytes(kept)
    heard = Listener()
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held)
        checkpoint.attach(fit, lambda: RUN)
        assert heard.said == [
            "warning: m.npz.checkpoint is left from a run that did not end; this one begins anew "
            "and replaces it (--resume would go on from it)"
        ]
        assert Path("m.npz.checkpoint").read_bytes() == kept  # until there is a new one
        stop_after(fit, 1)
        fit.run()
        assert Path("m.npz.checkpoint").read_bytes() not in (b"", kept)


FOREIGN = {
    "text": b"precious",
    "empty": b"",
    "a zip": packed({"meta": np.zeros(3, np.uint8)}),
    "a model": packed({"meta": np.frombuffer(b'{"format_version":1}', np.uint8)}),
    "cut short": b"PK\3\4",
}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("kind", [*FOREIGN, "a link to one"])
def test_what_only_has_the_name_of_a_checkpoint_is_left_alone(
    folder: Path, kind: str, resume: bool
) -> None:
    contents = FOREIGN.get(kind, b"precious")
    if kind == "a link to one":
        Path("precious").write_bytes(contents)
        Path("m.npz.checkpoint").symlink_to("precious")
    else:
        Path("m.npz.checkpoint").write_bytes(contents)
    before = sorted(folder.iterdir())
    with pytest.raises(OutputError) as caught, Checkpoint("m.npz", resume, Observer()):
        pass
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "m.npz.checkpoint: is no checkpoint that nnfit wrote, and this run's would replace it; "
        "expected a free name. Move it away, or name another model with -o"
    )
    assert Path("m.npz.checkpoint").read_bytes() == contents
    assert sorted(folder.iterdir()) == before


def test_what_takes_its_place_while_the_run_goes_on_stays(kept: bytes, folder: Path) -> None:
    heard = Listener()
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held, 1e-9)
        checkpoint.attach(fit, lambda: RUN)
        Path("m.npz.checkpoint").write_bytes(b"precious")
        fit.run()
        checkpoint.remove()
    assert Path("m.npz.checkpoint").read_bytes() == b"precious"
    said = "m.npz.checkpoint: is no longer a checkpoint of nnfit's"
    assert heard.said == [
        f"warning: {said} and stays; training goes on without a new checkpoint",
        f"warning: {said}; it stays",
    ]


def test_a_link_of_a_stranger_in_its_place_is_not_written(
    kept: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("precious").write_bytes(kept)
    Path("m.npz.checkpoint").symlink_to("precious")
    folder.chmod(0o1777)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    stat = os.stat
    of_root = list(stat(folder))
    of_root[4] += 2

    def in_another_users_folder(path: Any, **how: Any) -> os.stat_result:
        return os.stat_result(of_root) if path == "." else stat(path, **how)

    monkeypatch.setattr(os, "stat", in_another_users_folder)
    heard = Listener()
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held, 1e-9)
        checkpoint.attach(fit, lambda: RUN)
        fit.run()
        checkpoint.remove()
    assert heard.said == [
        "warning: m.npz.checkpoint: cannot be written: is another user's link in a shared folder; "
        "this run writes no checkpoint"
    ]
    assert Path("precious").read_bytes() == kept and Path("m.npz.checkpoint").is_symlink()


def test_what_is_no_file_is_told_before_training(folder: Path) -> None:
    Path("m.npz.checkpoint").mkdir()
    heard = Listener()
    with Checkpoint("m.npz", False, heard) as checkpoint:
        checkpoint.remove()
    assert Path("m.npz.checkpoint").is_dir()
    assert heard.said == [
        "warning: m.npz.checkpoint: cannot be written: is no regular file; "
        "this run writes no checkpoint"
    ]


def test_a_name_too_long_is_told_before_training(folder: Path) -> None:
    name = "m" * 250
    heard = Listener()
    with Checkpoint(name, False, heard):
        pass
    assert heard.said == [
        f"warning: {name}.checkpoint: cannot be written: file name too long; "
        "this run writes no checkpoint"
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            OutputError("m.npz.checkpoint: cannot be written: no space left on device"),
            "cannot be written: no space left on device",
        ),
        (MemoryError(), "out of memory"),
    ],
)
def test_a_failed_write_costs_no_run_and_is_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    heard = Listener()
    broken = [True]
    original = keeper.write

    def fail(*args: Any) -> None:
        if broken[0]:
            raise error
        original(*args)

    monkeypatch.setattr(keeper, "write", fail)
    with ExitStack() as held:
        whole = make_case(Case(), held)
        expected = outcome(whole, whole.run())
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(), held, 1e-9)
        checkpoint.attach(fit, lambda: RUN)
        assert outcome(fit, fit.run()) == expected
        line = f"m.npz.checkpoint: {reason}; training goes on without a new checkpoint"
        (said,) = heard.said
        assert said == f"warning: {line}"
        assert not checkpoint.to_resume
        broken[0] = False
        fit = make_case(Case(), held, 1e-9)
        fit.checkpoint = checkpoint._save
        fit.run()
        assert checkpoint.to_resume and len(heard.said) == 1
        broken[0] = True
        fit = make_case(Case(), held, 1e-9)
        fit.checkpoint = checkpoint._save
        fit.run()
        assert len(heard.said) == 2  # it fails anew
        assert checkpoint.to_resume  # the older one is still there
    read("m.npz.checkpoint", make_case(Case(), ExitStack()).state, RUN)
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP, errno.EFBIG, None])
def test_one_that_leaves_no_room_for_the_model_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    """The room that the first takes is the model's; where none can be asked for, it is kept."""
    asked: list[tuple[int, int]] = []
    none = code in (errno.ENOSPC, errno.EDQUOT)

    def fallocate(handle: int, at: int, n_bytes: int) -> None:
        asked.append((at, n_bytes))
        os.ftruncate(handle, at + n_bytes)
        if code is not None:
            raise OSError(code, os.strerror(code))

    heard = Listener()
    monkeypatch.setattr(os, "posix_fallocate", fallocate, raising=False)
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, heard))
        fit = make_case(Case(validation=False), held)
        checkpoint.attach(fit, lambda: RUN)
        stop_after(fit, 9)
        fit.run()
        assert checkpoint.to_resume is not none
    said = (
        "warning: m.npz.checkpoint: there is no room for it and the model; "
        "training goes on without a new checkpoint"
    )
    assert heard.said == ([said] if none else [])
    ((at, n_bytes),) = asked
    assert at == n_bytes > 0
    assert [path.stat().st_size for path in folder.iterdir()] == ([] if none else [at])


@pytest.mark.parametrize("supported", [True, False])
def test_one_asks_for_no_more_room_than_the_one_that_it_replaces_lacks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda *how: asked.append(how[2]), raising=False)
    if not supported:
        monkeypatch.delattr(os, "posix_fallocate")
    with ExitStack() as held:
        checkpoint = held.enter_context(Checkpoint("m.npz", False, Observer()))
        fit = make_case(Case(), held)
        checkpoint.attach(fit, lambda: RUN)
        for _ in range(2):
            checkpoint._save(fit.state)
        size = Path("m.npz.checkpoint").stat().st_size
        Path("m.npz.checkpoint").write_bytes(Path("m.npz.checkpoint").read_bytes()[:-100])
        checkpoint._save(fit.state)
    assert asked == ([size, 100] if supported else [])


def test_one_that_can_not_be_removed_is_told(
    kept: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listener()
    with Checkpoint("m.npz", False, heard) as checkpoint:
        Path("m.npz.checkpoint").write_bytes(kept)

        def unlink(path: str) -> None:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", unlink)
            checkpoint.remove()
    assert heard.said == ["warning: m.npz.checkpoint: cannot be removed: permission denied"]


CALLS = "open read pread write ftruncate close stat lstat fstat unlink flock".split()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("name", CALLS)
def test_any_call_may_fail_and_the_run_has_its_model(
    kept: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """What fails around the checkpoint and its lock is a warning, or a line before the work."""
    module = pytest.importorskip("fcntl") if name == "flock" else os
    real, calls, failing = getattr(module, name), [0], [0]

    def call(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] != failing[0]:
            return real(*args, **options)
        if name == "close":  # a descriptor is closed even where closing it failed
            real(*args)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module, name, call)
    held = ExitStack()
    state = resumed().state
    n_calls = 1
    while failing[0] < n_calls:
        failing[0] += 1
        calls[0] = -(10**6)
        Path("m.npz").write_bytes(b"old")
        Path("m.npz.checkpoint").write_bytes(kept)
        heard, where = Listener(), "before"
        calls[0] = 0
        try:
            with Checkpoint("m.npz", False, heard) as checkpoint:
                fit = make_case(Case(validation=False), held)
                checkpoint.attach(fit, lambda: RUN)
                if fit.checkpoint is not None:
                    fit.checkpoint(state)
                where = "model"
                with whole_file("m.npz") as stream:
                    stream.write(b"new")
                where = "after"
                checkpoint.remove()
        except OutputError:
            assert where != "after"
        n_calls, calls[0] = max(n_calls, calls[0]), -(10**6)
        assert Path("m.npz").read_bytes() == (b"new" if where == "after" else b"old")
        assert all(said.startswith("warning: m.npz.checkpoint") for said in heard.said)
    assert n_calls > 1 or name in ("read", "pread", "ftruncate")


def test_a_lock_that_can_not_be_closed_costs_no_path(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    locks: list[int] = []
    open_, close = os.open, os.close

    def opening(path: Any, *args: Any, **options: Any) -> int:
        handle = open_(path, *args, **options)
        if str(path).endswith(".lock"):
            locks.append(handle)
        return handle

    def closing(handle: int) -> None:
        close(handle)
        if handle in locks:
            locks.remove(handle)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "close", closing)
    result = cli("train", "tiny.yaml", "-q")
    reason = os.strerror(errno.EDQUOT).lower()
    assert (result.code, result.out) == (0, "tiny.npz\n")
    assert result.err == (
        f"nnfit: warning: tiny.npz.checkpoint: its lock cannot be closed: {reason}\n"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.csv", "tiny.npz", "tiny.yaml"]


# from the command line -------------------------------------------------------------------------


def test_resume_needs_a_file(cli: Commands, tiny: Example) -> None:
    for output in ("-", os.devnull):
        result = cli("train", "tiny.yaml", "--resume", "-o", output)
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            f"nnfit: error: --resume needs a model in a file, got -o {output}; "
            "see 'nnfit train --help'\n"
        )


def test_a_model_on_a_device_has_no_checkpoint(cli: Commands, tiny: Example) -> None:
    result = cli("train", "tiny.yaml", "-o", os.devnull, "-q")
    assert (result.code, result.out, result.err) == (0, f"{os.devnull}\n", "")


def test_without_a_checkpoint_it_says_so_and_starts(cli: Commands, tiny: Example) -> None:
    result = cli("train", "tiny.yaml", "--resume")
    assert (result.code, result.out) == (0, "tiny.npz\n")
    said = "nnfit: no checkpoint tiny.npz.checkpoint; starting from the beginning\n"
    assert said in result.err
    assert Path("tiny.npz").read_bytes() == tiny.npz
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.csv", "tiny.npz", "tiny.yaml"]
