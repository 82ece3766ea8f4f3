"""All systems by name, nnfit's as pieces of config, and one of them on one split.

nnfit runs as its users run it: `train` on a CSV, then `predict --proba`, each a command.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tests.benchmarks.tables.measures import Prediction, measure
from tests.benchmarks.tables.peers import PEERS
from tests.benchmarks.tables.sets import ROOT, Split, Y, split

# what stands in the config beside the two lines that name the table and its target
CONFIGS: dict[str, dict[str, Any]] = {
    "nnfit fast": {"preset": "fast"},
    "nnfit": {"preset": "default"},
    "nnfit best": {"preset": "best"},
    "nnfit plain": {
        "data": {"validation": 0.2},
        "model": {"hidden_sizes": [64, 32], "activation": "relu"},
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "training": {"epochs": 100, "batch_size": 32},
    },
}
# One part of the preset put back to what a plain network has, or a part that it does not take put
# in: KEY=VALUE for `--set`.
ABLATION: dict[str, dict[str, Any]] = {
    "one member": {"model.members": 1, "data.validation": 0.2},
    "a fifth held out of all": {"data.validation": 0.2},
    "standardized columns": {"preprocessing.numeric": "standardize"},
    "no bins": {"preprocessing.bins": 0},
    "no input scale": {"model.input_scale": False},
    "no NTK rates": {"model.parametrization": "standard", "optimizer.learning_rate": 0.003},
    "biases from 0": {"model.bias_initialization": "zeros"},
    "last layer drawn": {"model.output_initialization": "auto"},
    "beta2 0.999": {"optimizer.betas": [0.9, 0.999]},
    "cosine": {"optimizer.schedule": "cosine"},
    "with SELU": {"model.activation": "selu"},
    "with Mish": {"model.activation": "mish"},
    "with dropout 0.15": {"model.dropout": 0.15},
    "with weight decay 0.02": {"optimizer.name": "adamw", "optimizer.weight_decay": 0.02},
}


@dataclass(frozen=True)
class Job:
    """One measurement: a set, a split, a system; `overrides` are an ablation's."""

    set: str
    split: int
    system: str
    max_rows: int
    config: dict[str, Any] = field(default_factory=dict, hash=False, kw_only=True)
    overrides: dict[str, Any] = field(default_factory=dict, hash=False, kw_only=True)
    threads: int = field(default=2, kw_only=True)

    def key(self) -> str:
        """Return what tells this measurement from all others."""
        settings = json.dumps([self.config, self.overrides], sort_keys=True)
        return f"{self.set}|{self.split}|{self.system}|{self.max_rows}|{settings}"


def systems(ablation: str | None) -> dict[str, dict[str, Any]]:
    """Return each system's part of a job, those of the ablation where its base is named."""
    found: dict[str, dict[str, Any]] = {name: {"config": c} for name, c in CONFIGS.items()}
    if ablation is not None:
        found = {ablation: found[ablation]}
        for part, overrides in ABLATION.items():
            found[f"{ablation}: {part}"] = {**found[ablation], "overrides": overrides}
        return found
    return found | {name: {} for name in PEERS}


def is_missing(name: str) -> str:
    """Return the package that a peer lacks, or nothing."""
    package = PEERS[name][0] if name in PEERS else ""
    return package if package and importlib.util.find_spec(package) is None else ""


def command(*arguments: str | Path, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nnfit", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().replace(str(folder), ""))


def fit_nnfit(data: Split, job: Job) -> tuple[float, Prediction]:
    """Return the seconds of both commands, start-up included, and the prediction."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, test, model, out = (
            folder / f for f in ("train.csv", "test.csv", "model.npz", "out.csv")
        )
        data.X.assign(**{Y: data.y}).to_csv(train, index=False)
        data.X_test.to_csv(test, index=False)
        own: Mapping[str, Any] = job.config.get("data", {})
        about = {"path": str(train), "target": Y, "task": data.task, **own}
        config = folder / "config.yaml"  # JSON is YAML
        config.write_text(json.dumps({**job.config, "data": about}), encoding="utf-8")
        sets = [f"--set={key}={json.dumps(value)}" for key, value in job.overrides.items()]
        begin = time.perf_counter()
        command("train", config, "-o", model, "-q", *sets, folder=folder)
        proba = ["--proba"] if data.task == "classification" else []
        command("predict", model, test, "-o", out, "-q", *proba, folder=folder)
        seconds = time.perf_counter() - begin
        if not proba:
            return seconds, Prediction(pd.read_csv(out)["prediction"].to_numpy())
        found = pd.read_csv(out, dtype={"prediction": str}, keep_default_na=False)
    classes = [c.removeprefix("probability_") for c in found if c.startswith("probability_")]
    probabilities = found[[f"probability_{label}" for label in classes]].to_numpy(float)
    return seconds, Prediction(found["prediction"].to_numpy(object), probabilities, classes)


def run(job: Job) -> dict[str, Any]:
    """Return what a job found, or its error, as it is kept.

    A peer's seconds are fitting and predicting in memory, without imports and reading the CSV;
    nnfit's are those of its two commands.
    """
    data = split(job.set, job.split, job.max_rows)
    record: dict[str, Any] = {
        "key": job.key(), "set": job.set, "split": job.split, "seed": data.seed,
        "system": job.system, "task": data.task, "test_rows": data.rows,
        "n_train": len(data.y), "n_test": len(data.y_test), "config": job.config,
        "overrides": job.overrides, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip
    try:
        if job.system in PEERS:
            importlib.import_module(PEERS[job.system][0])
            begin = time.perf_counter()
            prediction = PEERS[job.system][1](data, job.threads)
            seconds = time.perf_counter() - begin
        else:
            seconds, prediction = fit_nnfit(data, job)
        return {**record, **measure(data.y_test, prediction), "seconds": seconds}
    except Exception as error:  # one system's failure is a finding and must not end the run
        return {**record, "failure": f"{type(error).__name__}: {error}"[:500]}
