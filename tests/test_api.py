"""The Python API: train, load, predict, evaluate, save, check_gradients, and their errors."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

import nnfit

if TYPE_CHECKING:
    from conftest import Commands, Example


def frame_of(example: Example) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(example.csv))


def test_the_names_are_all_there() -> None:
    names = ["Model", "NnfitError", "NnfitWarning", "check_gradients", "load", "train"]
    assert nnfit.__all__ == dir(nnfit) == names
    for name in nnfit.__all__:
        assert getattr(nnfit, name).__module__.startswith("nnfit."), name
    with pytest.raises(AttributeError, match=r"^module 'nnfit' has no attribute 'predict'$"):
        nnfit.predict  # noqa: B018


def test_a_config_file(tiny: Example) -> None:
    model = nnfit.train("tiny.yaml")
    model.save("here.npz")
    assert Path("here.npz").read_bytes() == tiny.npz
    assert nnfit.train(Path("tiny.yaml")).classes == model.classes == ("a", "b", "c")


def test_a_mapping_and_a_frame_give_the_model_of_the_files(tiny: Example) -> None:
    config = {
        "data": {"path": "tiny.csv", "target": "kind"},
        "model": {"hidden_sizes": [8]},
        "optimizer": {"learning_rate": 0.02},
        "training": {"epochs": 30},
    }
    frame = frame_of(tiny)
    with np.load(io.BytesIO(tiny.npz)) as arrays:
        for model in (
            nnfit.train(config),
            nnfit.train(config, frame),
            nnfit.train("tiny.yaml", frame),
            nnfit.train("tiny.yaml", "tiny.csv"),
            nnfit.train("tiny.yaml", Path("tiny.csv")),
        ):
            assert np.array_equal(model.network.parameters.W[0], arrays["W1"])
            assert np.array_equal(model.network.parameters.b[1], arrays["b2"])


def test_training_leaves_the_callers_things_alone(tiny: Example) -> None:
    frame = frame_of(tiny)
    before = frame.copy(deep=True)
    config = {"data": {"path": "-", "target": "kind"}, "training": {"epochs": 1}}
    state = str(np.random.get_state())
    files = sorted(Path().iterdir())
    model = nnfit.train(config, frame)
    model.predict(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert config == {"data": {"path": "-", "target": "kind"}, "training": {"epochs": 1}}
    assert str(np.random.get_state()) == state
    assert sorted(Path().iterdir()) == files


def test_training_prints_nothing(tiny: Example, capfd: pytest.CaptureFixture[str]) -> None:
    nnfit.train("tiny.yaml")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["tiny", "labels", "binary", "price", "pair"])
def test_predictions_have_their_shapes(request: pytest.FixtureRequest, name: str) -> None:
    example: Example = request.getfixturevalue(name)
    model, frame = nnfit.load(f"{name}.npz"), frame_of(example)
    found = model.predict(frame)
    n = len(frame)
    assert found.shape == ((n, 2) if name == "pair" else (n,))
    if model.task == "regression":
        assert found.dtype == np.float64
        with pytest.raises(
            TypeError, match=r"^a regression model has no probabilities; use predict$"
        ):
            model.predict_proba(frame)
        return
    p = model.predict_proba(frame)
    assert p.shape == (n, len(model.classes))
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)
    assert [str(label) for label in found] == [model.classes[k] for k in p.argmax(axis=1)]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([False, True], np.bool_),
        ([3, 7], np.int64),
        (["a", "b"], np.object_),
        (["007", "7"], np.object_),
    ],
    ids=str,
)
def test_labels_come_back_as_they_were_given(
    rng: np.random.Generator, values: list[Any], dtype: Any
) -> None:
    x = rng.normal(size=40)
    frame = pd.DataFrame({"x": x, "y": [values[int(v > 0)] for v in x]})
    config = {
        "data": {"path": "-", "target": "y", "task": "classification"},
        "training": {"epochs": 60},
        "optimizer": {"learning_rate": 0.05},
    }
    found = nnfit.train(config, frame).predict(frame)
    assert found.dtype == dtype
    assert np.mean(found == frame["y"].to_numpy()) > 0.9  # half are right by chance
    assert set(found.tolist()) == set(values)


def test_an_empty_frame_gives_no_predictions(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    nothing = frame_of(tiny).iloc[:0]
    assert model.predict(nothing).shape == (0,)
    assert model.predict_proba(nothing).shape == (0, 3)


def test_other_dtypes_and_index_give_the_same(labels: Example) -> None:
    frame = frame_of(labels)
    model = nnfit.load("labels.npz")
    expected = model.predict_proba(frame)
    as_text = labels.cells.replace("", np.nan).set_index(np.arange(100)[::-1])
    others = [
        frame.set_index(np.arange(100)[::-1] * 2),
        frame.astype({"city": "category", "member": "boolean", "age": "Int64"}),
        frame[frame.columns[::-1]],
        as_text,
    ]
    for other in others:
        assert np.array_equal(model.predict_proba(other), expected)


def test_evaluate(binary: Example) -> None:
    model, frame = nnfit.load("binary.npz"), frame_of(binary)
    found = model.evaluate(frame)
    assert (found["rows"], found["classes"]) == (80, ["False", "True"])
    right = np.mean(model.predict(frame) == frame["passed"])
    assert found["metrics"]["accuracy"] == right


def test_what_a_model_tells_of_itself(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    assert (model.task, model.targets, model.version) == (
        "classification",
        ("kind",),
        nnfit.__version__,
    )
    assert model.config["training"]["epochs"] == 30
    assert set(model.metrics) == {"train", "validation", "test"}
    assert len(model.history["train_loss"]) == 30


def test_errors_are_nnfits_own(tiny: Example, folder: Path) -> None:
    frame = frame_of(tiny)
    config = {"data": {"path": "-", "target": "kind"}}
    model = nnfit.load("tiny.npz")
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: nnfit.train("nope.yaml"), "nope.yaml: no such file; expected a config in YAML"),
        (
            lambda: nnfit.train({**config, "sed": 1}, frame),
            "config: unknown key 'sed'; did you mean 'seed'?",
        ),
        (
            lambda: nnfit.train(config, frame.drop(columns="kind")),
            "data: data.target names 'kind', but there is no such column; columns are: x, colour",
        ),
        (
            lambda: nnfit.train({"data": {**config["data"], "exclude": ["x,colour"]}}, frame),
            "data: data.exclude names 'x,colour', but there is no such column; columns are: "
            "x, colour, kind; several are a list: [x, colour]",
        ),
        (
            lambda: nnfit.train(config, frame.assign(x=np.inf)),
            "data, row 1, column 'x': got inf; expected a finite number. "
            "Mend the cell, or leave it empty",
        ),
        (
            lambda: model.predict(frame.rename(columns={"colour": "color"})),
            "data: no column 'colour', which the model needs; columns are: x, color, kind; "
            "did you mean 'color'?",
        ),
        (
            lambda: model.predict(frame.assign(x=["one"] + ["2"] * 47)),
            "data, row 1, column 'x': cannot read 'one' as a number. "
            "Mend the cell, or leave it empty",
        ),
        (lambda: nnfit.load("nope.npz"), "nope.npz: no such file; 'nnfit train' writes one"),
        (
            lambda: model.save("nowhere/m.npz"),
            "nowhere/m.npz: cannot be written: the folder 'nowhere' does not exist",
        ),
        (
            lambda: nnfit.check_gradients("nope.yaml"),
            "nope.yaml: no such file; expected a config in YAML",
        ),
    ]
    for act, line in wrong:
        with pytest.raises(nnfit.NnfitError) as caught:
            act()
        assert str(caught.value) == line


A_FRAME = "; expected a pandas.DataFrame, whose columns are matched by name. Pass "
A_CONFIG = (
    "the path of a config in YAML, or its keys as a dict such as {'data': {'target': 'y'}}. "
    "A table comes after it"
)


@pytest.mark.parametrize(
    ("given", "came", "how"),
    [
        (np.ones((2, 2)), "an ndarray of shape (2, 2)", "pandas.DataFrame(data, columns=[{}])"),
        ([[1.0, "red"]], "a list", "pandas.DataFrame(data, columns=[{}])"),
        ({"x": [1.0]}, "a dict", "pandas.DataFrame(data, columns=[{}])"),
        (None, "None", "pandas.DataFrame(data, columns=[{}])"),
        (3, "3", "pandas.DataFrame(data, columns=[{}])"),
        ("x.csv", "'x.csv'", "pandas.read_csv('x.csv')"),
        (Path("x.csv"), "'x.csv'", "pandas.read_csv('x.csv')"),
        (
            pd.Series([1.0], name="x"),
            "a Series of shape (1,)",
            "frame.iloc[[0]] for one row, series.to_frame() for one column",
        ),
    ],
)
def test_what_is_no_table_is_told_with_what_to_pass(
    tiny: Example, given: Any, came: str, how: str
) -> None:
    model = nnfit.load("tiny.npz")
    config = {"data": {"target": "kind"}, "training": {"epochs": 1}}
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: model.predict(given), "'x', 'colour'"),
        (lambda: model.predict_proba(given), "'x', 'colour'"),
        (lambda: model.evaluate(given), "'x', 'colour', 'kind'"),
        (lambda: nnfit.train(config, given, ["a"]), "..."),
    ]
    if given is not None and not isinstance(given, str | Path):  # train and the check read paths
        calls.append((lambda: nnfit.train(config, given), "..."))
        calls.append((lambda: nnfit.check_gradients(model, given), "..."))
    for act, columns in calls:
        with pytest.raises(nnfit.NnfitError) as caught:
            act()
        assert str(caught.value) == f"data: got {came}{A_FRAME}{how.format(columns)}"


def test_arguments_of_another_kind_are_told(tiny: Example) -> None:
    frame, model = frame_of(tiny), nnfit.load("tiny.npz")
    X, y = frame.drop(columns="kind"), frame["kind"]
    config = {"data": {"target": "kind"}}
    wrong: list[tuple[Callable[..., object], tuple[Any, ...], str]] = [
        (nnfit.train, (X, y), f"config: got a DataFrame of shape (48, 2); expected {A_CONFIG}"),
        (nnfit.train, ([1], y), f"config: got a list; expected {A_CONFIG}"),
        (
            nnfit.check_gradients,
            (X.to_numpy(),),
            f"source: got an ndarray of shape (48, 2); expected a model, its path, or {A_CONFIG}",
        ),
        (nnfit.load, (model,), "path: got a Model; expected the path of a model file"),
        (model.save, (3,), "path: got 3; expected the path of a file to write"),
        (
            nnfit.train,
            (config, X, y[:3]),
            "y: got a Series of shape (3,) for 48 rows and column 'kind'; "
            "expected the shape (48,). Pass a value for each row",
        ),
        (
            nnfit.train,
            ({"data": {"target": ["p", "q"]}}, X, [[1], [2, 3]]),
            "y: got a list for 48 rows and columns 'p', 'q'; expected the shape (48, 2). "
            "Pass a value for each row",
        ),
        (
            nnfit.train,
            (config, frame, y),
            "y: data has column 'kind' already; leave y out, or drop it from data",
        ),
    ]
    for call, arguments, line in wrong:
        with pytest.raises(nnfit.NnfitError) as caught:
            call(*arguments)
        assert str(caught.value) == line


def test_targets_may_come_apart_from_the_table(tiny: Example, pair: Example) -> None:
    for example in (tiny, pair):
        config = {**yaml.safe_load(example.yaml), "training": {"epochs": 2}}
        frame = frame_of(example)
        names = config["data"]["target"]
        X, y = frame.drop(columns=names), frame[names]
        expected = nnfit.train(config, frame).to_bytes()
        for given in (y, y.to_numpy(), y.to_numpy().tolist()):
            assert nnfit.train(config, X, given).to_bytes() == expected


def test_a_model_shows_itself_in_a_line(tiny: Example, pair: Example) -> None:
    assert repr(nnfit.load("tiny.npz")) == "<nnfit.Model: classification of kind, layers 4-8-3>"
    found = repr(nnfit.load("pair.npz"))
    assert re.fullmatch(r"<nnfit.Model: regression of north, south, layers \d+-8-2>", found)


def test_warnings_go_through_warnings(tiny: Example) -> None:
    """Each at the line that called: a person sees where, and `filterwarnings` can choose."""
    frame, model = frame_of(tiny), nnfit.load("tiny.npz")
    config = {"data": {"target": "kind"}, "training": {"epochs": 1}}
    odd = frame.assign(colour=["mauve"] + ["red"] * 47)
    gap = frame.assign(kind=[None, *frame["kind"][1:]])
    unseen = "data: column 'colour': 1 cell of categories not seen in training"
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: model.predict(odd), unseen),
        (lambda: model.predict_proba(odd), unseen),
        (lambda: model.evaluate(odd), unseen),
        (lambda: model.evaluate(gap), "data: left out 1 row without a target"),
        (
            lambda: nnfit.train(config, gap),
            "data: 1 row of 48 dropped: no value in target column 'kind'",
        ),
        (lambda: nnfit.check_gradients(config, gap), "data: 1 row of 48 dropped"),
    ]
    for act, text in calls:
        with pytest.warns(nnfit.NnfitWarning, match=f"^{re.escape(text)}") as caught:
            act()
        assert [warning.filename for warning in caught] == [__file__]


def test_check_gradients(tiny: Example) -> None:
    frame = frame_of(tiny)
    config = {"data": {"path": "-", "target": "kind"}, "model": {"hidden_sizes": [4]}}
    for found in (
        nnfit.check_gradients(config, frame),
        nnfit.check_gradients("tiny.yaml"),
        nnfit.check_gradients(Path("tiny.npz"), frame),
        nnfit.check_gradients("tiny.npz", "tiny.csv", method="both"),
    ):
        assert found["passed"] is True
        assert found["max_relative_error"] <= 1e-6
    broken = nnfit.check_gradients(config, frame, inject_bug="sign")
    assert broken["passed"] is False
    with pytest.raises(
        ValueError,
        match=r"^inject_bug must be one of sign, factor, lost_mean, lost_bias, got 'x'$",
    ):
        nnfit.check_gradients(inject_bug="x")
    with pytest.raises(ValueError, match="^method must be one of complex, central, both, got 'x'$"):
        nnfit.check_gradients(method="x")  # type: ignore[arg-type]


def test_the_commands_and_the_api_agree(cli: Commands, price: Example) -> None:
    cli("train", "price.yaml", "-q", "-o", "cli.npz")
    nnfit.train("price.yaml").save("api.npz")
    assert Path("cli.npz").read_bytes() == Path("api.npz").read_bytes()


def test_the_package_is_typed_and_light() -> None:
    home = Path(nnfit.__file__).parent
    assert (home / "py.typed").exists()
    script = (
        "import sys, nnfit; "
        "heavy = {'numpy', 'pandas', 'pydantic', 'rich', 'typer', 'yaml'} & set(sys.modules); "
        "assert not heavy, heavy; nnfit.train; assert 'pandas' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
