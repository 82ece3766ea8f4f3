"""Presets: which one a config means, what it fills in, and what wins over it.

That docs/presets.md shows their table is held with the other docs.
"""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.cli.init import Preset
from nnfit.config import presets
from nnfit.config.conflicts import conflicts
from nnfit.config.presets import NAMES, PRESETS, By, ByTask, Shape, chosen, each, resolve, same
from nnfit.config.reading import load_config
from nnfit.config.schema import Config
from nnfit.config.younger import YOUNGER
from nnfit.dataset.dataset import prepare
from nnfit.errors import ConfigError
from nnfit.observer import Observer
from nnfit.run.checkpoint.fingerprint import difference, fingerprint

if TYPE_CHECKING:
    from conftest import Commands, Example

DATA = {"path": "a.csv", "target": "y"}
SIZES = (1, 9, 10, 100, 1_000, 5_000, 5_001, 20_000, 50_000, 10**7)
KINDS = ((1, "regression", 1), (3, "regression", 1), (10, "classification", 12))
SHAPES = [
    Shape(rows, columns, outputs, task, rows // share, numbers)
    for rows, columns, (outputs, task, share), numbers in product(
        SIZES, (1, 30, 1_000, 2_000), KINDS, (0, 1)
    )
]
# A table of its own, so that no number of the real one is meant.
RULES = {
    "data.validation": each(0.5, 0.25, 0.125),
    "model.hidden_sizes": each((7,), ByTask((5,), By("columns", ((2, (2, 2)),), (3, 3, 3))), ()),
    "optimizer.name": same("sgd"),
    "optimizer.momentum": same(0.9),
    "optimizer.schedule": same("plateau"),
    "training.batch_size": same(By("rows", ((100, 8), (1_000, 16)), "full")),
    "training.patience": each(None, None, 3),
    "training.epochs": each(2, 4, By("outputs", ((1, 8),), By("rarest", ((15, 7),), 9))),
}
SHAPE = Shape(48, 2, 3, "classification", 16, 1)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other presets in the place of the real ones."""
    monkeypatch.setattr(presets, "PRESETS", RULES)


def config(*overrides: str, **sections: Any) -> Config:
    return load_config({"data": DATA, **sections}, overrides).config


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (config(), "default"),
        (config(loss="mae", features=["x"], seed=3, preprocessing={"numeric": "none"}), "default"),
        (config(model={}, training=None), "default"),  # no key stands below them
        (config(model={"bias": True}), "none"),
        (config(optimizer={"name": "adam"}), "none"),
        (config(training={"epochs": 3}), "none"),
        (config(training={"engine": "numpy"}), "default"),
        (config(training={"engine": "numpy", "epochs": 3}), "none"),
        (config("training.epochs=3"), "none"),
        (config(model={"bias": True}, preset="best"), "best"),
        (config("preset=fast", "model.bias=false"), "fast"),
        (config(preset="none"), "none"),
        (config("preset=null"), "default"),
    ],
)
def test_which_preset_is_meant(made: Config, expected: str) -> None:
    assert chosen(made) == expected


def test_without_a_preset_every_key_has_the_default_of_the_schema() -> None:
    made = config(model={"bias": True})
    resolved = resolve(made, SHAPE)
    assert resolved == made.model_copy(update={"preset": "none"})
    assert presets.decided(made, resolved, SHAPE) == ""


@pytest.mark.usefixtures("rules")
def test_a_rule_is_followed_by_size_and_task() -> None:
    def at(key: str, rows: int, columns: int, outputs: int, task: str, preset: str) -> Any:
        shape = Shape(rows, columns, outputs, task, rarest=rows // outputs, numbers=columns)
        made = resolve(config(preset=preset), shape)
        section, name = key.split(".")
        return getattr(getattr(made, section), name)

    sizes = {rows: at("training.batch_size", rows, 1, 1, "regression", "fast")
             for rows in (1, 100, 101, 1_000, 1_001)}  # fmt: skip
    assert sizes == {1: 8, 100: 8, 101: 16, 1_000: 16, 1_001: "full"}
    hidden = "model.hidden_sizes"
    assert at(hidden, 1, 9, 1, "regression", "default") == (5,)
    assert at(hidden, 1, 2, 2, "classification", "default") == (2, 2)
    assert at(hidden, 1, 3, 2, "classification", "default") == (3, 3, 3)
    assert at("training.epochs", 1, 1, 1, "regression", "best") == 8
    assert at("training.epochs", 31, 1, 2, "classification", "best") == 7
    assert at("training.epochs", 32, 1, 2, "classification", "best") == 9
    assert str(RULES["training.epochs"]["best"]) == (
        "8 to 1 outputs, then 7 to 15 of the rarest class, then 9"
    )


@pytest.mark.usefixtures("rules")
def test_what_is_set_wins_and_the_rest_is_filled_in() -> None:
    made = resolve(config("training.patience=null", "data.validation=0.3", preset="best"), SHAPE)
    assert (made.preset, made.training.patience, made.data.validation) == ("best", None, 0.3)
    assert (made.optimizer.name, made.training.batch_size, made.training.epochs) == ("sgd", 8, 9)
    assert made.training.dtype == "float32"
    assert resolve(made, Shape(5_000, 9, 1, "regression", 5_000, 9)) == made
    again = load_config(made.model_dump(mode="json")).config
    assert resolve(again, Shape(5_000, 9, 1, "regression", 5_000, 9)) == made


@pytest.mark.usefixtures("rules")
def test_a_value_that_does_not_go_together_with_what_is_set_is_not_used() -> None:
    made = resolve(config("optimizer.name=adam", preset="best"), SHAPE).optimizer
    assert (made.momentum, made.schedule) == (0.0, "plateau")
    made = resolve(config("data.validation=0", preset="best"), SHAPE)
    assert (made.training.patience, made.optimizer.schedule) == (None, "constant")
    assert (made.data.validation, made.optimizer.momentum) == (0.0, 0.9)


@pytest.mark.usefixtures("rules")
def test_what_a_preset_makes_right_is_no_error_and_what_it_makes_wrong_is_one() -> None:
    """Only the table tells the number of epochs, so that reading the config can't judge."""
    assert config("optimizer.momentum=0.5", preset="fast").optimizer.name == "adam"
    warm = load_config({"data": DATA, "preset": "best"}, ["optimizer.warmup_epochs=5"])
    assert warm.resolved(SHAPE).config.training.epochs == 9
    much = load_config({"data": DATA, "preset": "best"}, ["optimizer.warmup_epochs=500"])
    with pytest.raises(ConfigError) as caught:
        much.resolved(SHAPE)
    assert caught.value.messages == (
        "--set optimizer.warmup_epochs: got 500; expected less than training.epochs, which is 100",
    )


@pytest.mark.usefixtures("rules")
def test_what_was_decided_is_said(folder: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(1_200) % 7, "z": 1.5, "y": np.arange(1_200) / 7.0})
    file = load_config({"data": {"path": "-", "target": "y"}, "loss": "mae"})
    dataset = prepare(file, frame, np.random.default_rng(0), Observer())
    assert dataset.notes[1] == (
        "preset default, for 1,200 rows, 2 columns, regression: validation 0.25, hidden_sizes [5], "
        "name sgd, momentum 0.9, schedule plateau, batch_size full, patience null, epochs 4"
    )
    assert {name: len(part) for name, part in dataset.parts.items()} == {
        "train": 900, "validation": 300
    }  # fmt: skip
    assert dataset.file.config.loss == "mae"


def test_an_unknown_preset_is_one_line(cli: Commands, tiny: Example) -> None:
    given = "data: {path: tiny.csv, target: kind}\npreset: bset\n"
    result = cli("train", "-", stdin=given)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: <stdin>:2:1: preset: got 'bset'; expected one of none, fast, default, best; "
        "did you mean 'best'?\n"
    )
    result = cli("init", "tiny.csv", "--target", "kind", "--preset", "bset")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "'bset' is not one of 'fast', 'default', 'best'" in result.err


# the real table -------------------------------------------------------------------------------


def test_the_names_are_the_same_everywhere() -> None:
    assert tuple(preset.value for preset in Preset) == NAMES
    for name in ("none", *NAMES):
        assert config(preset=name).preset == name


def test_no_key_is_filled_in_that_is_needed_before_the_table_is_decided_on() -> None:
    for key in PRESETS:
        section, _, name = key.rpartition(".")
        assert name in type(getattr(config(), section) if section else config()).model_fields
        assert section != "data" or name == "validation"
        assert key != "model.output_activation"


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_taken_as_it_stands(name: str) -> None:
    """None is refused by the schema, and none is dropped since it contradicts another."""
    for shape in SHAPES:
        resolved = resolve(config(preset=name), shape)
        assert not [*conflicts(resolved)]
        assert Config.model_validate(resolved.model_dump(mode="json")) == resolved
        for key, row in PRESETS.items():
            section, _, inner = key.rpartition(".")
            rule = row[name]
            value = rule.of(shape) if isinstance(rule, By | ByTask) else rule
            of = getattr(resolved, section) if section else resolved
            assert getattr(of, inner) == value, shape


def test_no_folds_of_a_class_of_one_row() -> None:
    frame = pd.DataFrame({"x": np.arange(200.0), "y": ["a"] * 100 + ["b"] * 99 + ["c"]})
    made = {
        rows: prepare(load_config({"data": {"path": "-", "target": "y"}}), frame[:rows],
                      np.random.default_rng(0), Observer())
        for rows in (199, 200)
    }  # fmt: skip
    assert made[199].folds is not None and "validation" not in made[199].parts
    assert made[200].folds is None and len(made[200].parts["validation"]) == 40


# from the command line ------------------------------------------------------------------------


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(("name", "target"), [("tiny", "kind"), ("price", "price")])
@pytest.mark.parametrize("preset", NAMES)
def test_written_out_it_trains_to_the_same_network(
    cli: Commands, request: pytest.FixtureRequest, name: str, target: str, preset: str
) -> None:
    request.getfixturevalue(name)
    text = cli("init", f"{name}.csv", "--target", target, "--preset", preset).out
    assert text.startswith("preset: none  ") and f"those of {preset} are for" in text
    Path("full.yaml").write_text(text, encoding="utf-8")
    config = {"preset": preset, "data": {"path": f"{name}.csv", "target": target}}
    made, full = nnfit.train(config), nnfit.train("full.yaml")
    assert np.array_equal(made.network.parameters.flat, full.network.parameters.flat)
    assert made.training == full.training
    assert {**made.config, "data": {}} == {"preset": preset, **full.config, "data": {}}


@pytest.mark.usefixtures("rules")
def test_init_counts_the_columns_that_training_will_have(cli: Commands, tiny: Example) -> None:
    n = np.arange(60)
    frame = pd.DataFrame({"id": n, "x": n % 7, "w": 1.5, "z": n % 5, "y": np.tile(["p", "q"], 30)})
    frame.to_csv("d.csv", index=False)
    args = ("init", "d.csv", "--target", "y", "--set")
    assert "for 60 rows, 2 columns, classification" in cli(*args, "data.weight=w").out
    assert "for 60 rows, 1 columns, classification" in cli(*args, 'features=["x", "x**2"]').out
    out = cli(*args, "data.exclude=[x]").out
    assert "for 60 rows, 3 columns, classification" in out
    assert "  hidden_sizes: [3, 3, 3]       # regression: [5]; classification: [2, 2] to 2 " in out


@pytest.mark.usefixtures("rules")
def test_the_model_names_its_preset_and_has_its_values(cli: Commands, tiny: Example) -> None:
    Path("two.yaml").write_text("data: {path: tiny.csv, target: kind}\n", encoding="utf-8")
    assert cli("train", "two.yaml", "-q").code == 0
    model = nnfit.load("two.npz")
    assert model.config["preset"] == "default"
    assert model.config["optimizer"]["name"] == "sgd"
    assert model.config["training"]["batch_size"] == 8
    lines = [line.split() for line in cli("inspect", "two.npz").out.splitlines()]
    assert ["preset", "default"] in lines
    assert cli("evaluate", "two.npz", "--split", "validation").code == 0
    assert cli("gradcheck", "two.npz", "-q").code == 0


@pytest.mark.usefixtures("rules")
def test_an_untrained_network_is_that_of_the_preset(cli: Commands, tiny: Example) -> None:
    Path("two.yaml").write_text("data: {path: tiny.csv, target: kind}\n", encoding="utf-8")
    found = json.loads(cli("gradcheck", "two.yaml", "--json").out)
    shapes = {tuple(check["shape"]) for check in found["checks"]}
    assert shapes == {(2, 4), (2,), (2, 2), (3, 2), (3,), (8, 4)}  # the last is of 8 rows
    assert "W3" in cli("explain", "two.yaml", "-q").out
    assert cli("plot", "network", "two.yaml", "-o", "n.svg", "-q").code == 0


def test_a_run_with_the_values_written_out_goes_on_from_that_of_the_preset(tiny: Example) -> None:
    data = {"path": "tiny.csv", "target": "kind"}
    for config in ({"data": data}, {"preset": "best", "data": data}):
        made = prepare(load_config(config), None, np.random.default_rng(0), Observer())
        full = {**made.file.config.model_dump(mode="json"), "preset": "none"}
        again = prepare(load_config(full), None, np.random.default_rng(0), Observer())
        before, after = (fingerprint(d.file, d, 1) for d in (made, again))
        assert difference(after, before) is None


@pytest.mark.usefixtures("rules")
def test_a_run_of_a_preset_does_not_go_on_without_it_and_is_told_how(tiny: Example) -> None:
    """To ask for other epochs alone means no preset."""
    tree = {"data": {"path": "tiny.csv", "target": "kind"}}

    def of(*overrides: str) -> dict[str, Any]:
        made = prepare(load_config(tree, overrides), None, np.random.default_rng(0), Observer())
        return fingerprint(made.file, made, 1)

    said = difference(of("training.epochs=9"), of())
    assert said and said.endswith("Use that run's config, with --set preset=default")
    assert difference(of("training.epochs=9", "preset=default"), of()) is None
    said = difference(of("seed=9"), of())
    assert said and said.endswith("seed: got 9; expected 0. Use that run's config")
    said = difference(of("preset=none"), {**of(), "preset": "a\nb"})
    assert said and said.endswith("Use that run's config")


def test_the_model_without_a_preset_is_as_it_was(cli: Commands, tiny: Example) -> None:
    frame = pd.read_csv(io.StringIO(tiny.csv))
    settings = {"data": {"target": "kind"}, "training": {"epochs": 2}}
    model = nnfit.train({"preset": "none", **settings}, frame)
    assert model.to_bytes() == nnfit.train(settings, frame).to_bytes()
    assert "preset" not in model.config
    assert all(key.rpartition(".")[2] not in model.config["training"] for key in YOUNGER)
    assert "preset" not in cli("inspect", "tiny.npz").out
