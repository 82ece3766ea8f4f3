"""Rendered configs: the whole text once, and reading back what was written always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from nnfit.config.presets import NAMES as PRESET_NAMES
from nnfit.config.reading import load_config
from nnfit.config.rendering import render
from nnfit.config.schema import Config
from nnfit.nn.names import ACTIVATIONS

RENDERED = """\
preset: fast                    # the quick one
data:
  path: ../data/iris.csv        # the CSV; .gz .bz2 .xz .zst by suffix; '-' is stdin
  target: "null"                # column to predict; a list is multi-output regression
  task: classification          # decided: 3 classes
  include: null                 # feature columns (default: all but target, weight and exclude)
  exclude: []                   # columns that are not features
  categorical: ["1", no, "a: b", "\\u00a0"]  # numeric-looking columns to treat as categories
  weight: null                  # column of sample weights s >= 0: loss = sum(s * l) / sum(s)
  delimiter: "\\t"               # one character, "\\t", or auto
  decimal: ","                  # "." or ","
  thousands: "."                # "," "." or " " within large numbers; null = each column's own
  numbers: auto                 # auto reads 1.234,5 $5 45% (17), a column at a time | plain
  skip_rows: 0                  # lines above the header, or the first row, to skip
  comment: null                 # a character, such as "#": lines that begin with it are skipped
  header: true                  # false names the columns c1, c2, ...
  missing_values: ["", "?"]     # further tokens to read as missing; {column: [tokens]} for some
  groups: null                  # column whose equal values stay on one side of every split
  time: null                    # column of numbers or dates: the latest rows are held out
  validation: 0.2               # fraction held out (classes in proportion), a CSV path, folds, or 0
  test: 0.0                     # a fraction or a path; scored once, at the end
features: ["x**2"]              # phi(x): a list of expressions, such as ["*", "x**2"]
"""


def test_text() -> None:
    config = Config.model_validate(
        {
            "preset": "fast",
            "data": {
                "path": "../data/iris.csv",
                "target": "null",
                "task": "classification",
                "categorical": ["1", "no", "a: b", "\N{NO-BREAK SPACE}"],
                "delimiter": "\t",
                "decimal": ",",
                "thousands": ".",
                "missing_values": ["", "?"],
            },
            "features": ["x**2"],
            "class_weight": {"a b": 1, "3": 1e-7},
        }
    )
    text = render(
        config,
        {"data.task": "decided:\n3 classes", "model": "the\tnetwork", "preset": "the quick one"},
    )
    assert text.startswith(RENDERED)
    lines = text.splitlines()
    assert "model:                          # the network" in lines
    meaning = "balanced = N / (K * N_class), or {label: weight}; times data.weight"
    assert 'class_weight: {a b: 1.0, "3": 1e-07}  # ' + meaning in lines
    assert (
        "  activation: relu              # "
        + " ".join(ACTIVATIONS)
        + ("; a list sets each layer's")
        in lines
    )
    assert lines[-1].startswith("output: null                    # relative to the current")
    assert text.endswith("\n")


CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=8) | st.sampled_from(
    ["null", "~", "true", "no", "-", "---", "...", ".", "?", "<<", "1e3", ".5", "0.2", "=", "# a"]
    + ["a: b", " a", "a ", "a #b", "[", "{}", "&a", "*", "!x", "%", "@", "`a`", "'", '"', "\\"]
    + ["\t", "\n", "\r\n", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "\U0001f600", "x" * 1100]
)
NAME = TEXT.filter(bool)
PATH = NAME.filter(lambda text: "\0" not in text and text != "-")
NAMES = st.lists(NAME, max_size=4, unique=True)
NUMBER = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
HELD_OUT = st.floats(min_value=0, max_value=0.4) | PATH


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAME, min_size=2, max_size=6, unique=True))
    widths = draw(st.lists(st.integers(1, 10**6), max_size=3))
    n_targets = draw(st.integers(1, len(names) - 1))
    activation = st.sampled_from(list(ACTIVATIONS))
    return {
        "preset": draw(st.none() | st.sampled_from(["none", *PRESET_NAMES])),
        "data": {
            "path": draw(PATH),
            "target": names[:n_targets],
            "include": draw(st.none() | st.just(names[n_targets:])),
            "categorical": names[n_targets:],
            "weight": draw(st.none() | st.just(names[-1])),
            "delimiter": draw(st.sampled_from([",", ";", "\t", "|", " ", "#", "auto", "'", "\\"])),
            "header": draw(st.booleans()),
            "missing_values": draw(
                st.lists(TEXT, max_size=3)
                | st.dictionaries(NAME, st.lists(TEXT, max_size=2), max_size=2)
            ),
            "validation": draw(HELD_OUT),
            "test": draw(HELD_OUT),
        },
        "features": draw(st.none() | st.lists(NAME, min_size=1, max_size=3)),
        "model": {
            "hidden_sizes": widths,
            "activation": draw(
                activation | st.lists(activation, min_size=len(widths), max_size=len(widths))
            ),
        },
        "class_weight": draw(
            st.none() | st.just("balanced") | st.dictionaries(NAME, NUMBER, max_size=3)
        )
        if n_targets == 1
        else None,
        "optimizer": {
            "learning_rate": draw(NUMBER.filter(bool)),
            "clip_norm": draw(st.none() | NUMBER.filter(bool)),
        },
        "training": {
            "epochs": draw(st.integers(1, 10**9)),
            "batch_size": draw(st.just("full") | st.integers(1, 10**9)),
            "threads": draw(st.just("auto") | st.integers(1, 1024)),
        },
        "seed": draw(st.integers(0, 2**63 - 1)),
        "output": draw(st.none() | PATH),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered") / "c.yaml"


@given(tree=configs(), comment=TEXT)
@example(tree={"data": {"path": "a", "target": "b"}, "class_weight": {"x" * 5000: 1}}, comment="")
def test_reading_back(place: Path, tree: dict[str, Any], comment: str) -> None:
    config = load_config(tree).config
    comments = dict.fromkeys(["data", "data.path", "seed"], comment)
    place.write_text(render(config, comments), encoding="utf-8", newline="")
    assert load_config(place).config == config
