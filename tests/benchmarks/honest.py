"""How honest probabilities and intervals are, on rows that no network has seen.

For each table and split a two-line config is trained; what held-out rows told is judged by the test
rows. Kept as JSON lines, one for each; `--report` makes the tables of docs/honest.md of them.

    python -m tests.benchmarks.honest -o honest.jsonl
    python -m tests.benchmarks.honest --report honest.jsonl
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nnfit
from nnfit.model.members import uncalibrated
from nnfit.training.calibration import radius
from tests.benchmarks.tables.measures import log_loss
from tests.benchmarks.tables.sets import SETS, Split, Y, absent, split

SHARES = (0.5, 0.8, 0.9, 0.95)
BINS = 15
MAX_ROWS = 10_000


def expected_calibration_error(right: np.ndarray, confidence: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy, in bins of equal width (Guo 2017)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    far = np.bincount(bins, confidence - right, BINS)
    return float(np.abs(far).sum() / counts.sum())


def measure_classes(model: nnfit.Model, data: Split) -> dict[str, Any]:
    """Return log-loss and calibration error of the test rows before and after the temperature."""
    assert model.held_out is not None
    found: dict[str, Any] = {"temperature": model.held_out.told.temperature}
    y = data.y_test.astype(str)
    for name, of in (("before", uncalibrated(model)), ("after", model)):
        p = of.predict_proba(data.X_test)
        right = np.array(model.classes)[p.argmax(axis=1)] == y
        found[name] = {
            "log_loss": log_loss(y, p, model.classes),
            "ece": expected_calibration_error(right, p.max(axis=1)),
        }
    p = model.predict_proba(data.X_test)
    codes = np.array([model.classes.index(label) for label in y])
    found["sets"] = {}
    for share in SHARES:
        reach = radius(model.held_out.scores, model.held_out.told.rows, share)
        if reach is not None:
            among = 1.0 - p <= reach
            among[np.arange(len(p)), p.argmax(axis=1)] = True
            found["sets"][str(share)] = [float(among[np.arange(len(p)), codes].mean()), len(p)]
    return found


def measure_values(model: nnfit.Model, data: Split) -> dict[str, Any]:
    """Return how many test rows the intervals hold, and their width beside LightGBM's."""
    assert model.held_out is not None
    off = np.abs(model.predict(data.X_test) - data.y_test)
    found: dict[str, Any] = {"intervals": {}}
    for share in SHARES:
        reach = radius(model.held_out.scores, model.held_out.told.rows, share)
        if reach is not None:
            found["intervals"][str(share)] = [float((off <= reach[0]).mean()), len(off)]
            if share == 0.9:
                found["width"] = 2.0 * float(reach[0])
    found["lightgbm"] = split_conformal_lightgbm(data, 0.9)
    return found | measure_laws(data)


def split_conformal_lightgbm(data: Split, share: float) -> dict[str, float]:
    """Return width and coverage of LightGBM's intervals: a fifth of the rows to calibrate."""
    from lightgbm import LGBMRegressor

    def as_category(frame: Any) -> Any:
        return frame.astype(dict.fromkeys(data.categorical, "category"))

    order = np.random.default_rng(data.seed).permutation(len(data.y))
    fifth, rest = order[: len(order) // 5], order[len(order) // 5 :]
    both = as_category(data.X)
    model = LGBMRegressor(verbose=-1, n_jobs=1).fit(both.iloc[rest], data.y[rest])
    test = data.X_test.copy()
    for column in data.categorical:
        test[column] = test[column].astype(both[column].dtype)
    off = np.sort(np.abs(model.predict(both.iloc[fifth]) - data.y[fifth]))
    place = min(int(np.ceil((len(off) + 1) * share)), len(off)) - 1
    inside = np.abs(model.predict(test) - data.y_test) <= off[place]
    return {"width": 2.0 * float(off[place]), "covered": float(inside.mean())}


def measure_laws(data: Split) -> dict[str, float]:
    """Return nll of the Gaussian loss, and pinball of three quantiles beside LightGBM's."""
    from lightgbm import LGBMRegressor
    from sklearn.metrics import mean_pinball_loss

    frame = data.X.assign(**{Y: data.y})
    test = data.X_test.assign(**{Y: data.y_test})
    found = {}
    for loss, score in (("gaussian_nll", "nll"), ("quantile", "pinball")):
        model = nnfit.train({"data": {"target": Y}, "loss": loss}, frame)
        found[score] = model.evaluate(test)["metrics"][score]
    both = data.X.astype(dict.fromkeys(data.categorical, "category"))
    rows = data.X_test.copy()
    for column in data.categorical:
        rows[column] = rows[column].astype(both[column].dtype)
    each = []
    for alpha in (0.05, 0.5, 0.95):
        theirs = LGBMRegressor(objective="quantile", alpha=alpha, verbose=-1, n_jobs=1)
        predicted = theirs.fit(both, data.y).predict(rows)
        each.append(mean_pinball_loss(data.y_test, predicted, alpha=alpha))
    return {**found, "pinball_lightgbm": float(np.mean(each))}


def measure(name: str, number: int) -> dict[str, Any]:
    """Return what is found for one table and split."""
    data = split(name, number, MAX_ROWS)
    frame = data.X.assign(**{Y: data.y})
    model = nnfit.train({"data": {"target": Y, "task": data.task}}, frame)
    of = measure_values if data.task == "regression" else measure_classes
    shown = {"set": name, "split": number, "role": SETS[name].role, "task": data.task}
    return {**shown, "rows": len(frame), **of(model, data)}


def pooled(records: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    """Return a row for each share: pooled coverage, its mean over tables, and how many are far off.

    Far is beyond what binomial error of both, held-out and test rows, allows in 95 of 100 cases.
    """
    lines = []
    for share in SHARES:
        found = [(r[key][str(share)], r["rows"]) for r in records if str(share) in r[key]]
        covered = np.array([c for (c, _), _ in found])
        n = np.array([n for (_, n), _ in found], float)
        rows = np.array([rows for _, rows in found], float)
        error = 1.96 * np.sqrt(share * (1.0 - share) * (1.0 / n + 1.0 / rows))
        far = int((np.abs(covered - share) > error).sum())
        total = float((covered * n).sum() / n.sum())
        lines.append(
            f"| {100 * share:g} % | {100 * total:.1f} % | {100 * covered.mean():.1f} % | "
            f"{len(found) - far} of {len(found)} |"
        )
    return lines


def report(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables as Markdown, of tuning and reporting tables together and apart."""
    lines = []
    for role in ("reporting", "tuning"):
        own = [r for r in records if r["role"] == role]
        classes = [r for r in own if r["task"] == "classification"]
        values = [r for r in own if r["task"] == "regression"]
        lines += [f"### {role.capitalize()} tables", ""]
        head = ["| asked for | pooled | mean of tables | within binomial error |"]
        head += ["|---|---|---|---|"]
        lines += [f"Intervals, {len(values)} tables and splits:", "", *head]
        lines += pooled(values, "intervals")
        widths = [r["width"] / r["lightgbm"]["width"] for r in values if "width" in r]
        theirs = statistics.fmean(r["lightgbm"]["covered"] for r in values)
        lines += [
            "",
            "Width at 90 % beside split conformal on LightGBM: median "
            f"{statistics.median(widths):.2f} times as wide; LightGBM's hold {100 * theirs:.1f} %.",
            "",
        ]
        laws = [r for r in values if "pinball" in r]
        ratios = [r["pinball"] / r["pinball_lightgbm"] for r in laws]
        if ratios:
            lines += [
                "Quantiles of 0.05, 0.5 and 0.95: pinball "
                f"{statistics.median(ratios):.2f} times that of LightGBM's objective in the "
                f"median, less in {sum(x < 1 for x in ratios)} of {len(ratios)}.",
                "",
            ]
        lines += [f"Sets of labels, {len(classes)} tables and splits:", "", *head]
        lines += pooled(classes, "sets")
        taken = [r for r in classes if r["temperature"] != 1.0]
        gains = [r["after"]["log_loss"] - r["before"]["log_loss"] for r in classes]
        ece = {k: statistics.fmean(r[k]["ece"] for r in classes) for k in ("before", "after")}
        loss = {k: statistics.fmean(r[k]["log_loss"] for r in classes) for k in ("before", "after")}
        lines += [
            "",
            f"A temperature was taken in {len(taken)} of {len(classes)}; log-loss "
            f"{loss['before']:.4f} to {loss['after']:.4f} in the mean, not worse in "
            f"{sum(g <= 1e-9 for g in gains)}; expected calibration error "
            f"{ece['before']:.4f} to {ece['after']:.4f}.",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure, or report what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", metavar="FILE.jsonl")
    parser.add_argument("--splits", type=int, choices=range(1, 6), default=2)
    parser.add_argument("--report", metavar="FILE.jsonl")
    options = parser.parse_args()
    if options.report:
        lines = Path(options.report).read_text(encoding="utf-8").splitlines()
        print(report([json.loads(line) for line in lines]))
        return
    path = Path(options.output or "honest.jsonl")
    there = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {(r["set"], r["split"]) for r in map(json.loads, there)}
    with path.open("a", encoding="utf-8") as stream:
        for name in SETS:
            for number in range(options.splits):
                if (name, number) not in done and not absent(SETS[name]):
                    print(name, number, file=sys.stderr)
                    print(json.dumps(measure(name, number)), file=stream, flush=True)


if __name__ == "__main__":
    main()
