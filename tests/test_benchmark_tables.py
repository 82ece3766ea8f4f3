"""The benchmark of tables: its measures on numbers made up here, and that its halves are even."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.tables import measures
from benchmarks.tables.sets import SETS

ROOT = Path(__file__).resolve().parents[1]


def test_a_prediction_is_scored_by_its_definition() -> None:
    y = np.array(["a", "b", "b", "c"], object)
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    found = measures.measure(
        y, measures.Prediction(np.array(["a", "b", "a", "a"], object), probabilities, ["a", "b"])
    )
    # the third row's class has probability 0, the fourth's is not among the classes
    expected = -(np.log(0.5) + np.log(0.75) + 2 * np.log(measures.CLIP)) / 4
    assert found == pytest.approx({"score": 0.5, "error": 0.5, "log_loss": expected})
    found = measures.measure(np.array([1.0, 2.0, 3.0]), measures.Prediction(np.array([1, 2, 4])))
    assert found == pytest.approx({"score": 0.5, "error": 3**-0.5})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_a_failure(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        measures.measure(np.array([1.0, 2.0]), measures.Prediction(np.array([1.0, bad])))
    with pytest.raises(ValueError, match="not finite"):
        measures.log_loss(np.array(["a"], object), np.array([[bad]]), ["a"])


def test_ranks_share_ties_and_are_averaged_over_the_sets() -> None:
    scores = np.array([[0.9, 0.8, 0.9], [0.1, 0.2, 0.3]])
    assert measures.mean_ranks(scores) == pytest.approx([2.25, 2.5, 1.25])


def test_the_relative_error_is_against_the_best_and_bounded_where_that_is_0() -> None:
    errors = np.array([[2.0, 1.0], [0.0, 0.03]])
    found = measures.relative_errors(errors, np.array([1e-9, 0.01]))
    assert found == pytest.approx(np.array([[1.0, 0.0], [0.0, 2.0]]))


def test_a_win_is_beyond_one_standard_error_of_the_paired_differences() -> None:
    assert measures.standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(3**-0.5)
    assert np.isnan(measures.standard_error(np.array([1.0])))
    peer = np.array([0.5, 0.7, 0.9])  # far apart, but the differences are not
    assert measures.compare(peer + [0.01, 0.02, 0.03], peer) == 1
    assert measures.compare(peer - [0.01, 0.02, 0.03], peer) == -1
    assert measures.compare(peer + [0.01, -0.02, 0.015], peer) == 0
    assert measures.compare(peer, peer) == 0
    assert measures.compare(np.array([0.6]), np.array([0.5])) == 1


def test_the_critical_difference_is_that_of_the_published_table() -> None:
    """Demšar, JMLR 7, 2006, table 5 and its example: 4 classifiers on 14 sets, CD = 1.25."""
    assert measures.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    for k, q in {2: 1.960, 3: 2.343, 5: 2.728, 10: 3.164}.items():
        wanted = q * (k * (k + 1) / 60) ** 0.5
        assert measures.critical_difference(k, 10) == pytest.approx(wanted, rel=1e-3)


def test_systems_are_joined_in_the_largest_runs_within_the_difference() -> None:
    assert measures.cliques([1.0, 1.5, 2.2, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert measures.cliques([1.0, 1.5, 2.0], 1.0) == [(0, 2)]
    assert measures.cliques([1.0, 3.0], 1.0) == []


def test_friedman_tells_a_steady_order_from_none() -> None:
    steady = np.tile([0.1, 0.2, 0.3], (8, 1))
    turning = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.1], [0.3, 0.1, 0.2]])
    assert measures.friedman(steady) < 0.01
    assert measures.friedman(turning) == pytest.approx(1.0)


def test_half_of_the_tables_are_for_reporting() -> None:
    for task in ("regression", "classification"):
        roles = [spec.role for spec in SETS.values() if spec.task == task]
        assert abs(roles.count("tuning") - roles.count("reporting")) <= 1


def record(set_: str, split: int, system: str, score: float, **more: Any) -> str:
    found = {"key": f"{set_} {split} {system}", "set": set_, "split": split, "system": system,
             "test_rows": split, "score": score, "date": "1", "task": "classification",
             "n_train": 30, "n_test": 10,
             "seconds": 1.0, "error": 1 - score, "quiet": True}  # fmt: skip
    return json.dumps(found | more)


def test_kept_results_become_a_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured again counts, what was cut off or failed does not, and all have the same splits."""
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from there
    results = importlib.import_module("tests.benchmarks.tables.results")
    report = importlib.import_module("tests.benchmarks.tables.report")
    lines = [
        record("wine", 0, "nnfit", 0.1),
        record("wine", 0, "nnfit", 0.5),
        record("wine", 1, "nnfit", 0.7),
        record("wine", 0, "peer", 0.4),
        record("wine", 1, "peer", 0.5),
        record("wine", 0, "nnfit: ReLU", 0.4),
        record("wine", 1, "nnfit: ReLU", 0.6),
        record("digits", 0, "nnfit", 0.6),
        record("digits", 0, "peer", 0.2, failure="no"),
        '{"key": "cut o',
    ]
    Path("kept.jsonl").write_text("\n".join(lines), encoding="utf-8")
    machines, records = results.read(["kept.jsonl"])
    found = results.Results(records)
    assert report.groups(found) == [["nnfit"], ["nnfit", "peer"]]
    assert found.common(["nnfit"], "reporting") == ["wine", "digits"]
    assert found.common(["nnfit", "peer"], "reporting") == ["wine"]
    assert found.means(["wine"], ["nnfit", "peer"], "score") == pytest.approx(
        np.array([[0.6, 0.45]])
    )
    page = report.page(machines, found, None)
    assert "| nnfit | 1.00 |" in page and "| peer | 1–0–0 |" in page
    assert "| wine | 40 | reporting | 0.6 ± 0.1 | 0.45 ± 0.05 |" in page
    # errors 0.4 and 0.5 without the part
    assert "| nnfit: ReLU | 1 | +25.0 % | – | 0–0–1 |" in page
    assert "Failed, and left out: peer on digits." in page
    with pytest.raises(ValueError, match="same rows"):
        results.Results([*records, json.loads(record("wine", 0, "other", 0.3, test_rows=9))])
