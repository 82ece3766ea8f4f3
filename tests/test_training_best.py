"""`training.best`: which epoch is the best, by what, and that everything follows it."""

from __future__ import annotations

import json
import math
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from loops import learners_of_members
from test_training_members import FOLDS, M, N, initialised, rows_of

import nnfit
from nnfit.config.reading import load_config
from nnfit.errors import ConfigError
from nnfit.model.file.reading import read_model
from nnfit.nn.inference import predict
from nnfit.nn.optimizers import make_optimizer
from nnfit.observer import EpochRecord, Observer
from nnfit.run.run import train_run
from nnfit.training.judge import FoldJudge, Judge
from nnfit.training.state import Progress

if TYPE_CHECKING:
    from conftest import Commands


def record(epoch: int, loss: float, metric: float, *members: tuple[float, float]) -> EpochRecord:
    """Return an epoch; of each member its loss and its metric."""
    return EpochRecord(
        epoch=epoch,
        train_loss=1.0,
        validation_loss=loss,
        metric=metric,
        learning_rate=0.1,
        rows_per_second=1.0,
        member_losses=tuple(own for own, _ in members),
        member_metrics=tuple(own for _, own in members),
    )


@pytest.mark.parametrize(
    ("by", "figures", "best"),
    [
        ("loss", [(2.0, 0.9), (1.0, 0.1), (1.0, 1.0)], [1, 2, 2]),
        ("accuracy", [(2.0, 0.5), (1.0, 0.4), (3.0, 0.9), (1.0, 0.7)], [1, 1, 3, 3]),
        ("accuracy", [(2.0, 0.5), (1.0, 0.5), (1.5, 0.5), (1.0, 0.5)], [1, 2, 2, 2]),
        ("rmse", [(2.0, 0.5), (3.0, 0.4), (1.0, 0.9)], [1, 2, 2]),
        ("rmse", [(2.0, math.inf), (1.0, math.inf), (3.0, 1.0)], [1, 2, 3]),  # no value yet
        ("r2", [(2.0, -math.inf), (3.0, -8.0), (1.0, -9.0)], [1, 2, 2]),
    ],
)
def test_the_best_epoch_is_the_metrics_and_of_equals_the_losses(
    by: str, figures: list[tuple[float, float]], best: list[int]
) -> None:
    p, starred = Progress(by=by), []
    for epoch, (loss, metric) in enumerate(figures, start=1):
        ended = p.add(record(epoch, loss, metric))
        starred.append(ended.best)
        assert p.best_epochs == [best[epoch - 1]] == p.good_epochs
        assert list(ended.better) == [0] * ended.best
    assert starred == [b == e for e, b in enumerate(best, start=1)]


def test_each_member_has_a_best_epoch_of_its_own_and_the_star_is_of_all() -> None:
    p = Progress(members=2, by="accuracy")
    ended = [
        p.add(record(1, 1.0, 0.5, (1.0, 0.6), (1.0, 0.4))),
        p.add(record(2, 0.5, 0.5, (0.1, 0.5), (0.9, 0.4))),
        p.add(record(3, 9.0, 0.4, (9.0, 0.7), (9.0, 0.1))),
    ]
    assert [(list(e.better), e.best) for e in ended] == [([0, 1], True), ([1], True), ([0], False)]
    assert p.best_epochs == [3, 2]


def test_members_are_judged_on_their_own_rows() -> None:
    network = initialised()
    rows = rows_of(network)
    seen: list[tuple[Any, Any]] = []

    def metric(y_hat: Any, places: Any) -> float:
        seen.append((y_hat.copy(), places))
        return float(len(seen))

    taking, _ = learners_of_members(network, partial(make_optimizer, "sgd"), folds=FOLDS)
    folds = FoldJudge(network, taking, rows, FOLDS, lambda y_hat: 0.0, metric).figures()
    all_rows = Judge(network, rows, rows, lambda y_hat: 0.0, metric).figures()
    taking.close()
    assert folds.member_metrics == (1.0, 2.0, 3.0) and all_rows.member_metrics == (4.0, 5.0, 6.0)
    for i in range(M):
        of_member = predict(network.member(i), rows.X[:, :3])
        own = np.flatnonzero(FOLDS == i)
        np.testing.assert_array_equal(np.arange(N)[seen[i][1]], own)
        np.testing.assert_allclose(seen[i][0], of_member[own], rtol=1e-12)
        assert np.arange(N)[seen[M + i][1]].tolist() == list(range(N))
        np.testing.assert_allclose(seen[M + i][0], of_member, rtol=1e-12)
    alone = Judge(network.member(0), rows, rows, lambda y_hat: 0.0, metric)
    assert (alone.figures().member_metrics, len(seen)) == ((), 2 * M)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 2))
    y = x[:, 0] * x[:, 1] + rng.normal(0.0, 0.7, 120)
    kind = np.where(y > 0.4, "b", "a")
    three = np.where(y > 1.0, "c", kind)
    named = {"kind": kind, "three": three, "g": [f"of {k}" for k in kind]}
    return pd.DataFrame({"u": x[:, 0], "v": x[:, 1], "y": y, **named})


def config(best: str, target: str, **more: Any) -> dict[str, Any]:
    data = {"path": "-", "target": target, "include": ["u", "v"]}
    training = {"epochs": 12, "best": best, "batch_size": 16}
    return {
        "preset": "none",
        "data": {**data, **more.pop("data", {})},
        "model": {"hidden_sizes": [8], **more.pop("model", {})},
        "optimizer": {"learning_rate": 0.1},
        "training": {**training, **more},
    }


class Heard(Observer):
    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.starred: list[int] = []

    def epoch(self, record: EpochRecord, best: bool) -> None:
        self.records.append(record)
        self.starred += [record.epoch] * best


def trained(best: str, target: str, **more: Any) -> tuple[Any, Heard]:
    heard = Heard()
    run = train_run(load_config(config(best, target, **more)), table(), observer=heard)
    return run, heard


def best_of(best: str, figures: list[tuple[float, float]]) -> int:
    """Return the epoch of the best metric, of (metric, loss), and of equal ones the lowest loss."""
    sign = 1.0 if best in ("rmse", "mae") else -1.0
    ranks = [(sign * metric, loss) for metric, loss in figures]
    return ranks.index(min(ranks)) + 1


ENGINES = ["numpy", "compiled"]
METRICS = {
    "kind": ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision"],
    "y": ["rmse", "mae", "r2"],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("target", "best"), [(t, m) for t, names in METRICS.items() for m in names]
)
def test_the_model_is_that_of_the_epoch_whose_metric_is_best(
    target: str, best: str, engine: str
) -> None:
    if engine == "compiled":
        pytest.importorskip("numba")
    run, heard = trained(best, target, engine=engine)
    expected = best_of(best, [(r.metric, r.validation_loss) for r in heard.records])
    assert run.summary.best_epoch == heard.starred[-1] == expected
    found = run.model.metrics["validation"]
    if best in found:
        assert heard.records[expected - 1].metric == pytest.approx(found[best], rel=1e-6)
    plain = trained("loss", target, engine=engine)[1].records
    assert [r.validation_loss for r in plain] == [r.validation_loss for r in heard.records]


def test_the_metrics_do_not_agree_on_the_best_epoch() -> None:
    """Or else the test above could not tell one from another."""
    found = {best: trained(best, "kind")[0].summary.best_epoch for best in ("loss", "f1_macro")}
    assert found["loss"] != found["f1_macro"]


def test_the_weights_are_those_that_a_run_ends_with_at_the_best_epoch() -> None:
    run, heard = trained("f1_macro", "kind")
    best = run.summary.best_epoch
    assert 1 < best < len(heard.records)
    shorter = trained("f1_macro", "kind", epochs=best)[0].model
    np.testing.assert_array_equal(
        shorter.network.parameters.flat, run.model.network.parameters.flat
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("validation", ["folds", 0.3])
def test_each_members_weights_are_of_its_own_best_epoch(validation: Any, engine: str) -> None:
    if engine == "compiled":
        pytest.importorskip("numba")
    more = {"data": {"validation": validation}, "model": {"members": 3}, "engine": engine}
    run, heard = trained("accuracy", "kind", **more)
    each = [
        best_of("accuracy", [(r.member_metrics[i], r.member_losses[i]) for r in heard.records])
        for i in range(3)
    ]
    assert list(run.summary.best_epochs) == each and len(set(each)) > 1
    together = [(r.metric, r.validation_loss) for r in heard.records]
    assert heard.starred[-1] == best_of("accuracy", together)
    assert "member_metric" not in run.model.history  # it is for going on alone
    read = read_model("m.npz", BytesIO(run.model.to_bytes()))
    assert read.kept.training.best == "accuracy" and list(read.trained.best_epochs) == each


def test_patience_waits_for_the_metric() -> None:
    run, heard = trained("accuracy", "kind", patience=3, epochs=200)
    assert run.summary.stopped_early
    assert run.summary.epochs == run.summary.best_epoch + 3
    losses = [r.validation_loss for r in heard.records]
    assert (
        np.argmin(losses) + 1 != run.summary.best_epoch
    )  # which the loss would not have waited for


def test_a_refit_takes_as_many_epochs_as_the_metric_says() -> None:
    more = {"data": {"validation": "folds"}, "model": {"members": 3}, "refit": True}
    run, _ = trained("accuracy", "kind", **more)
    members, _ = trained("accuracy", "kind", **{**more, "refit": False})
    assert run.model.trained.epochs == members.summary.best_epoch


def test_a_config_without_it_gives_the_same_bytes() -> None:
    with_key, without = config("loss", "kind"), config("loss", "kind")
    del without["training"]["best"]
    models = [nnfit.train(one, table()).to_bytes() for one in (with_key, without)]
    assert models[0] == models[1] and b'"best"' not in models[0]


def test_it_is_said_in_the_table_the_summary_and_the_picture(cli: Commands, folder: Path) -> None:
    table().to_csv("d.csv", index=False)
    asked = config("balanced_accuracy", "kind", data={"path": "d.csv"})
    Path("c.yaml").write_text(json.dumps(asked), encoding="utf-8")
    told = cli("train", "c.yaml", "-o", "m.npz").err
    best = nnfit.load("m.npz").trained.best_epoch
    assert "balanced_accura…" in told
    assert f"; best epoch {best} by balanced_accuracy\n" in told
    losses = nnfit.load("m.npz").history["validation_loss"]
    drawn = cli("plot", "loss", "m.npz").out
    said = f"best by balanced_accuracy: epoch {best}, validation loss {losses[best - 1]:.4f}"
    assert said in drawn
    resumed = cli("train", "c.yaml", "-o", "m.npz", "--resume", "-q")
    assert resumed.code == 0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a quantity": (
        config("f1_macro", "y"),
        "got 'f1_macro', but the target 'y' is a quantity; expected loss, rmse, mae or r2",
    ),
    "classes": (
        config("mae", "kind"),
        "got 'mae', but the target 'kind' has 2 classes; expected loss, accuracy, f1_macro, "
        "roc_auc, balanced_accuracy or average_precision",
    ),
    "three classes": (
        config("roc_auc", "three"),
        "got 'roc_auc', but the target 'three' has 3 classes; expected loss, accuracy, f1_macro "
        "or balanced_accuracy",
    ),
    "one class to judge by": (
        config("roc_auc", "kind", data={"time": "y"}),
        "roc_auc has no value on the validation rows; expected rows of both classes. Hold out "
        "others, or set it to loss",
    ),
    "one row to judge by": (
        config("r2", "y", data={"validation": 0.01}),
        "r2 has no value on the validation rows; expected two rows or more. Hold out others, or "
        "set it to loss",
    ),
    "one class in a fold": (
        config("average_precision", "kind", data={"groups": "g", "validation": "folds"},
               model={"members": 2}),
        "average_precision has no value on the rows of fold 1; expected rows of both classes. Hold "
        "out others, or set it to loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_metric_that_can_not_judge_is_refused(case: str) -> None:
    asked, said = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        nnfit.train(asked, table())
    assert str(caught.value).endswith(f"training.best: {said}")
