"""What a sweep is asked for, in a file or in options: values, ranges, and what is wrong in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nnfit.config.sweep import SweepFile, read_sweep
from nnfit.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Example


def asked(*over: str, **options: Any) -> SweepFile:
    return read_sweep("tiny.yaml", over, options)


def wrong(*over: str, source: str = "tiny.yaml", **options: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_sweep(source, over, options)
    return caught.value.messages


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("optimizer.learning_rate=1e-3, 0.01,1e-2,1", [0.001, 0.01, 1.0]),
        ("model.hidden_sizes=[64],[128, 64],32", [[64], [128, 64], [32]]),
        ("data.exclude=a,'b,c',\"d\"", [["a"], ["b,c"], ["d"]]),
        ("data.missing_values={x: [a, b]},no", [{"x": ["a", "b"]}, ["no"]]),
        ("training.patience=5,null", [5, None]),
        ("model.activation=relu,[tanh]", ["relu", ["tanh"]]),
        ("features=[x, sin(3*x)],[x]", [["x", "sin(3*x)"], ["x"]]),
        ("class_weight.a=1,2.5", [1.0, 2.5]),
        ("data.delimiter=;,|", [";", "|"]),
        ("training.batch_size=full,32", ["full", 32]),
    ],
)
def test_values_stand_between_commas_as_the_schema_has_them(
    tiny: Example, text: str, values: list[Any]
) -> None:
    (axis,) = asked(text).axes
    assert [*axis.values] == values
    assert axis.key == text.partition("=")[0]


def test_ranges(tiny: Example) -> None:
    sweep = asked(
        "optimizer.learning_rate=log(1e-4, 1e-1)",
        "model.dropout=uniform(0,0.5)",
        "model.hidden_sizes=int(16, 256)",
    )
    rate, dropout, sizes = sweep.axes
    assert (rate.law, rate.low, rate.high) == ("log", 1e-4, 0.1)
    assert (dropout.law, dropout.low, dropout.high) == ("uniform", 0.0, 0.5)
    assert (sizes.law, sizes.low, sizes.high) == ("int", 16, 256)
    assert rate.value(0.01) == 0.01 and sizes.value(20) == [20]
    assert type(asked("model.dropout=uniform(0, 0.5)").axes[0].value(0)) is float
    assert sweep.sampler == "random" and sweep.grid == math.inf
    assert asked("seed=int(1,5)", "loss=mse,mae").grid == 10
    assert asked("seed=1,2").sampler == "grid"


def test_a_file_says_what_the_options_say_and_these_win(tiny: Example) -> None:
    Path("in").mkdir()
    Path("in/s.yaml").write_text(
        "config: ../tiny.yaml\n"
        "over:\n"
        "  optimizer.learning_rate: log(1e-4, 1e-1)\n"
        "  model.hidden_sizes: [[64], [128, 64]]\n"
        "  training.patience: 5\n"
        "  data.exclude: 'log(1, 2)'\n"
        "trials: 7\n"
        "time: 1.5m\n"
    )
    sweep = read_sweep("in/s.yaml", ["training.patience=1,2"], {"trials": 9, "sampler": None})
    assert {axis.key: axis.values for axis in sweep.axes} == {
        "optimizer.learning_rate": (1e-4, 0.1),
        "model.hidden_sizes": ([64], [128, 64]),
        "training.patience": (1, 2),
        "data.exclude": (["log(1, 2)"],),
    }
    assert (sweep.config.trials, sweep.config.seconds, sweep.stem) == (9, 90.0, "s")
    assert sweep.base.config.data.target == ("kind",)
    assert asked("seed=1").stem == "tiny" and asked("seed=1").config.seconds == math.inf


def test_a_trial_is_the_config_with_its_settings(tiny: Example) -> None:
    sweep = asked("optimizer.learning_rate=0.1,0.2", "class_weight.a=1,2")
    config = sweep.trial({"optimizer.learning_rate": 0.2, "class_weight.a": 2.0}).config
    assert config.optimizer.learning_rate == 0.2 and config.class_weight == {"a": 2.0}
    assert sweep.base.config.optimizer.learning_rate == 0.02
    assert sweep.base.config.class_weight is None


def test_what_does_not_go_together_names_the_key_and_its_value(tiny: Example) -> None:
    sweep = asked("optimizer.name=sgd,adam", "optimizer.momentum=0,0.9")
    with pytest.raises(ConfigError) as caught:
        sweep.trial({"optimizer.name": "adam", "optimizer.momentum": 0.9})
    said = "--over optimizer.momentum=0.9: got 0.9 with adam; only sgd uses momentum. "
    assert caught.value.messages[0].startswith(said)
    Path("s.yaml").write_text("config: tiny.yaml\nover: {data.validation: [0, 0.2]}\n")
    sweep = read_sweep("s.yaml", (), {})
    with pytest.raises(ConfigError) as caught:
        sweep.trial({"data.validation": 0})
    assert caught.value.messages == (
        "s.yaml:2:8: data.validation: got 0; trials are compared by validation rows. Hold some "
        "out, such as 0.2, or compare by folds, --cv 5",
    )
    assert read_sweep("s.yaml", (), {"cv": 3}).trial({"data.validation": 0}).config.data.test == 0


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ("optimizer.learning_rat=1", "unknown key 'optimizer.learning_rat'; did you mean"),
        ("lr=1", "unknown key 'lr'; "),
        ("seed=", "got no value; expected values such as V1,V2, and null for none"),
        ("seed=1,,2", "got an empty value; expected values such as V1,V2"),
        ("seed", "expected KEY=V1,V2 such as optimizer.learning_rate=0.001,0.01"),
        ("loss=mse,foo", "got 'foo'; expected one of auto, mse,"),
        ("model.hidden_sizes=[0]", "model.hidden_sizes[0]: got 0; expected an integer from 1"),
        ("loss=[", "a value is missing here"),
        ("optimizer.learning_rate=log(0,1)", "got log from 0, which has no logarithm"),
        ("optimizer.learning_rate=log(1,0.1)", "got log from 1 to 0.1; expected the lower end"),
        ("optimizer.learning_rate=log(1)", "expected two numbers, as in log(LOW, HIGH)"),
        ("optimizer.learning_rate=uniform(a,b)", "expected two numbers, as in uniform(LOW"),
        ("seed=int(1,2.5)", "expected two integers, as in int(LOW, HIGH)"),
        ("seed=int(1,1e999)", "expected two integers"),
        ("training.epochs=log(1,3)", "got 1.0; expected an integer from 1"),
        ("model.dropout=uniform(0.5,1.5)", "got 1.5; expected a number in [0, 1)"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(tiny: Example, over: str, said: str) -> None:
    line, *more = wrong(over)
    assert said in line and line.startswith("--over ")
    assert not more or "log(1,3)" in over  # both ends


def test_wrong_values_of_several_keys_are_told_at_once(tiny: Example) -> None:
    assert len(wrong("seed=-1,-2,3", "loss=x")) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"sampler": "foo"},
            "--sampler=foo: got 'foo'; expected one of grid, random, halving, tpe",
        ),
        ({"trials": 0}, "--trials=0: got 0; expected an integer from 1 to 100000"),
        ({"time": "10x"}, "--time=10x: got '10x'; expected a time such as 90s, 10m or 2h"),
        ({"time": "0s"}, "--time=0s: got '0s'; expected a time"),
        ({"time": "m"}, "--time=m: got 'm'; expected a time"),
        ({"cv": 1}, "--cv=1: got 1; expected an integer from 2 to 1000"),
        ({"metric": "acc"}, "--metric=acc: got 'acc'; expected one of accuracy, log_loss,"),
        ({"seed": -1}, "--seed=-1: got -1; expected an integer in [0, 2**63)"),
        ({"sampler": "grid"}, "--sampler=grid: got 'grid', but optimizer.learning_rate is a"),
        ({"sampler": "halving", "cv": 5}, "--cv=5: got folds with halving"),
    ],
)
def test_a_wrong_option_is_one_line(tiny: Example, options: dict[str, Any], said: str) -> None:
    (line,) = wrong("optimizer.learning_rate=uniform(0.1,0.2)", **options)
    assert line.startswith(said)


def test_nothing_to_vary_and_too_much(tiny: Example) -> None:
    assert wrong() == (
        "tiny.yaml: over: nothing to vary; expected --over KEY=V1,V2, or 'over:' in the file",
    )
    many = [f"{key}={','.join(map(str, range(1, 402)))}" for key in ("seed", "training.epochs")]
    (line,) = wrong(*many)
    assert "makes a grid of 160,801 trials; expected at most 100,000. Draw some" in line
    assert asked(*many, sampler="random").grid == 160_801
    assert asked(*many, trials=5).sampler == "grid"


def test_a_wrong_file_is_told_by_its_lines(tiny: Example) -> None:
    Path("s.yaml").write_text("confg: tiny.yaml\nover: 7\ntrials: x\nmodel: 3\nfoo: 1\n")
    assert wrong(source="s.yaml") == (
        "s.yaml:1:1: unknown key 'confg'; did you mean 'config'?",
        "s.yaml:2:1: over: got 7; expected values by key, such as training.epochs: [9]",
        "s.yaml:3:1: trials: got 'x'; expected an integer from 1 to 100000",
        "s.yaml:4:1: unknown key 'model'; it belongs to the config that 'config' names",
        "s.yaml:5:1: unknown key 'foo'; expected one of config, over, sampler, trials, time, cv, "
        "metric, seed",
        "s.yaml: config: missing; name the config whose keys are varied",
    )
    Path("s.yaml").write_text(
        "config: tiny.yaml\nover:\n  optimizer.lr: 1\n  model.hidden_sizes: []\n"
        "  training.patience: [0, 3, -1]\n  seed: log(0, 1)\n"
    )
    lines = wrong(source="s.yaml")
    assert [line.split(": ")[0] for line in lines] == [
        "s.yaml:3:3", "s.yaml:4:3", "s.yaml:5:23", "s.yaml:5:29", "s.yaml:6:3",
    ]  # fmt: skip
    assert lines[1].endswith("got an empty list; expected at least one value")
    Path("s.yaml").write_text("config: tiny.yaml\nover: {}\n")
    assert "nothing to vary" in wrong(source="s.yaml")[0]
    assert wrong(source="none.yaml") == ("none.yaml: no such file; expected a config in YAML",)
