"""The other systems, each with its defaults and what its careful users put before it.

No peer is tuned; each gets the same rows, cores and seed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.tables.measures import Prediction
from tests.benchmarks.tables.sets import Split

Fit = Callable[[Split, int], Prediction]


def predict(model: Any, X: Any, task: str) -> Prediction:
    if task == "regression":
        return Prediction(np.ravel(model.predict(X)))
    probabilities = np.asarray(model.predict_proba(X))
    classes = np.array([str(label) for label in model.classes_], object)
    return Prediction(classes[probabilities.argmax(axis=1)], probabilities, list(classes))


def as_categories(split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both parts with pandas' categories, those of the training rows, and plain names."""
    train, test = split.X.copy(), split.X_test.copy()
    for column in split.categorical:
        kind = pd.CategoricalDtype(sorted(train[column].dropna().unique()))
        train[column], test[column] = train[column].astype(kind), test[column].astype(kind)
    names = [f"x{i}" for i in range(train.shape[1])]  # LightGBM takes no brackets in a name
    return train.set_axis(names, axis=1), test.set_axis(names, axis=1)


def as_text(split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both parts with gaps in categories spelt out."""
    gaps = {column: "missing" for column in split.categorical}
    return split.X.fillna(gaps), split.X_test.fillna(gaps)


def fit_mlp(split: Split, threads: int, **options: Any) -> Prediction:
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [column for column in split.X if column not in split.categorical]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("text", OneHotEncoder(handle_unknown="ignore"), split.categorical),
        ],
        sparse_threshold=0.0,
    )
    options["random_state"] = split.seed
    if split.task == "classification":
        model = make_pipeline(columns, MLPClassifier(**options))
    else:  # its loss is squared and its rate fixed: targets in the thousands would not train
        mlp = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler())
        model = make_pipeline(columns, mlp)
    train, test = as_text(split)
    return predict(model.fit(train, split.y), test, split.task)


def fit_early_stopping_mlp(split: Split, threads: int) -> Prediction:
    return fit_mlp(split, threads, early_stopping=True)


def fit_hist_gradient_boosting(split: Split, threads: int) -> Prediction:
    from sklearn import ensemble

    kind = "Classifier" if split.task == "classification" else "Regressor"
    model = getattr(ensemble, f"HistGradientBoosting{kind}")(
        categorical_features="from_dtype", random_state=split.seed
    )
    train, test = as_categories(split)
    return predict(model.fit(train, split.y), test, split.task)


def fit_lightgbm(split: Split, threads: int) -> Prediction:
    import lightgbm

    kind = "LGBMClassifier" if split.task == "classification" else "LGBMRegressor"
    model = getattr(lightgbm, kind)(n_jobs=threads, random_state=split.seed, verbosity=-1)
    train, test = as_categories(split)
    return predict(model.fit(train, split.y), test, split.task)


def fit_catboost(split: Split, threads: int) -> Prediction:
    import catboost

    kind = "CatBoostClassifier" if split.task == "classification" else "CatBoostRegressor"
    model = getattr(catboost, kind)(
        cat_features=split.categorical,
        random_seed=split.seed,
        thread_count=threads,
        verbose=False,
        allow_writing_files=False,
    )
    train, test = as_text(split)
    return predict(model.fit(train, split.y), test, split.task)


def pytabkit(name: str) -> Fit:
    def fit(split: Split, threads: int) -> Prediction:
        import pytabkit

        logging.disable(logging.INFO)  # what accelerators there are, at every fit
        kind = "Classifier" if split.task == "classification" else "Regressor"
        model = getattr(pytabkit, f"{name}_{kind}")(
            device="cpu", n_threads=threads, random_state=split.seed
        )
        train, test = as_categories(split)
        names = [c for c in train if isinstance(train[c].dtype, pd.CategoricalDtype)]
        # it fills no gaps in numbers itself
        medians = train.drop(columns=names).median()
        model.fit(train.fillna(medians), split.y, cat_col_names=names)
        return predict(model, test.fillna(medians), split.task)

    return fit


# name: (the package that brings it, how it is fitted)
PEERS: dict[str, tuple[str, Fit]] = {
    "scikit-learn MLP": ("sklearn", fit_mlp),
    "scikit-learn MLP, early stopping": ("sklearn", fit_early_stopping_mlp),
    "HistGradientBoosting": ("sklearn", fit_hist_gradient_boosting),
    "LightGBM": ("lightgbm", fit_lightgbm),
    "CatBoost": ("catboost", fit_catboost),
    "RealMLP-TD-S": ("pytabkit", pytabkit("RealMLP_TD_S")),
    "RealMLP-TD": ("pytabkit", pytabkit("RealMLP_TD")),
    "TabM": ("pytabkit", pytabkit("TabM_D")),
}
PACKAGES = {
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "pytabkit": "pytabkit",
}
