"""Configs from files, stdin and mappings: places, overrides, paths, and every message whole."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fuzz.meta import zipped

from nnfit.config.reading import ConfigFile, load_config, replaceable
from nnfit.errors import ConfigError
from nnfit.nn import names

Write = Callable[[str | bytes], str]
MINIMAL = "data:\n  path: iris.csv\n  target: species\n"
ACTIVATIONS, LOSSES = ", ".join(names.ACTIVATIONS), ", ".join(("auto", *names.LOSSES))
DATA_KEYS = (
    "path, target, task, include, exclude, categorical, weight, delimiter, "
    "decimal, thousands, numbers, skip_rows, comment, header, "
    "missing_values, groups, time, validation, test"
)
MODEL_KEYS = (
    "members, hidden_sizes, activation, output_activation, bias, initialization, "
    "output_initialization, bias_initialization, input_scale, parametrization, "
    "dropout"
)
SECTIONS = (
    "preset, data, features, preprocessing, model, loss, quantiles, class_weight, calibrate, "
    "optimizer, "
    "training, seed, output"
)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes `c.yaml` into the current folder and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write_config(content: str | bytes) -> str:
        raw = content.encode() if isinstance(content, str) else content
        Path("c.yaml").write_bytes(raw)
        return "c.yaml"

    return write_config


def lines_of(
    source: str | Path | Mapping[str, Any], *overrides: str, data: str | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(source, overrides, data)
    return list(caught.value.messages)


def test_a_minimal_config_has_every_default(write: Write) -> None:
    file = load_config(write(MINIMAL))
    config = file.config
    assert config.data.path == "iris.csv"
    assert config.data.target == ("species",)
    assert config.data.validation == 0.2
    assert type(config.data.test) is float
    assert config.model.hidden_sizes == (64, 32)
    assert config.training.batch_size == 32
    assert (file.name, file.folder, file.default_output()) == ("c.yaml", Path(), "c.npz")


def test_text_is_taken_as_spelt(write: Write) -> None:
    config = load_config(
        write(
            "data:\n  path: 2026\n  target: 007\n  weight: true\n"
            "  exclude: [no, 1.0, 'null', 1e3]\n"
            '  missing_values: ["", -, "?", off]\n  delimiter: \\t\n'
            "class_weight: {1: 2, no: 1e-3, null: 0}\noutput: 3\n"
        )
    ).config
    assert config.data.path == "2026"
    assert config.data.target == ("007",)
    assert config.data.weight == "true"
    assert config.data.exclude == ("no", "1.0", "null", "1e3")
    assert config.data.missing_values == ("", "-", "?", "off")
    assert config.data.delimiter == "\t"
    assert config.class_weight == {"1": 2.0, "no": 0.001, "null": 0.0}
    assert config.output == "3"


def test_a_mapping_gives_text_for_numbers_and_takes_numpy_numbers_and_paths() -> None:
    config = load_config(
        {
            "data": {"path": Path("a") / "b.csv", "target": 3, "exclude": [True, 1.5]},
            "class_weight": {0: np.float32(0.5), "b": np.int64(2)},
            "model": {"hidden_sizes": (np.int32(4), 5)},
            "seed": np.uint8(7),
        }
    ).config
    assert config.data.path == os.path.join("a", "b.csv")
    assert config.data.target == ("3",)
    assert config.data.exclude == ("True", "1.5")
    assert config.class_weight == {"0": 0.5, "b": 2.0}
    assert config.model.hidden_sizes == (4, 5)
    assert config.seed == 7


def test_an_empty_section_has_its_defaults(write: Write) -> None:
    assert load_config(write(MINIMAL + "model:\n  # bias: false\n")).config.model.bias is True


def test_a_byte_order_mark_and_crlf_are_fine(write: Write) -> None:
    raw = b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode()
    assert load_config(write(raw)).config.data.target == ("species",)


# Each case: what stands below MINIMAL (or instead of it), and all lines of the error.
WRONG_VALUES = [
    (
        "model:\n  activation: rleu\n",
        [
            f"c.yaml:5:3: model.activation: got 'rleu'; expected one of {ACTIVATIONS}; "
            "did you mean 'relu'?"
        ],
    ),
    (
        "model:\n  activation: [relu,\n    SELU]\n",
        [
            f"c.yaml:6:5: model.activation[1]: got 'SELU'; expected one of {ACTIVATIONS}; "
            "did you mean 'selu'?"
        ],
    ),
    (
        "model: {activation: ~}\n",
        [f"c.yaml:4:9: model.activation: got null; expected one of {ACTIVATIONS}"],
    ),
    (
        "model: {hidden_sizes: [3.0, true, 0, 1000001, '4', 5]}\n",
        [
            "c.yaml:4:24: model.hidden_sizes[0]: got 3.0; expected an integer from 1 to 1000000",
            "c.yaml:4:29: model.hidden_sizes[1]: got true; expected an integer from 1 to 1000000",
            "c.yaml:4:35: model.hidden_sizes[2]: got 0; expected an integer from 1 to 1000000",
            "c.yaml:4:38: model.hidden_sizes[3]: got 1000001; expected an integer from 1 to "
            "1000000",
            "c.yaml:4:47: model.hidden_sizes[4]: got the quoted text '4'; expected an integer "
            "from 1 to 1000000",
        ],
    ),
    (
        "model: {hidden_sizes: 64}\n",
        ["c.yaml:4:9: model.hidden_sizes: got 64; expected a list, such as [a, b]"],
    ),
    (
        "model: {dropout: 1.0, bias: yes}\n",
        [
            "c.yaml:4:9: model.dropout: got 1.0; expected a number in [0, 1): a unit dropped "
            "always learns nothing",
            "c.yaml:4:23: model.bias: got 'yes'; expected true or false",
        ],
    ),
    (
        "optimizer: {learning_rate: abc, l2: -0.1, weight_decay: .inf, clip_norm: 0, "
        "schedule_factor: 1}\n",
        [
            "c.yaml:4:13: optimizer.learning_rate: got 'abc'; expected a number > 0",
            "c.yaml:4:33: optimizer.l2: got -0.1; expected a number >= 0",
            "c.yaml:4:43: optimizer.weight_decay: got '.inf'; expected a number >= 0",
            "c.yaml:4:63: optimizer.clip_norm: got 0; expected a number > 0, or null",
            "c.yaml:4:77: optimizer.schedule_factor: got 1; expected a number in (0, 1), or null",
        ],
    ),
    (
        "optimizer: {betas: [0.9]}\n",
        [
            "c.yaml:4:13: optimizer.betas: got a list; expected two numbers in [0, 1), such as "
            "[0.9, 0.95]",
        ],
    ),
    (
        "optimizer: {betas: [0.9, 1]}\n",
        [
            "c.yaml:4:13: optimizer.betas: got a list; expected two numbers in [0, 1), such as "
            "[0.9, 0.95]",
        ],
    ),
    (
        "optimizer: {learning_rate: 1e999, momentum: 1, warmup_epochs: -1}\n",
        [
            "c.yaml:4:13: optimizer.learning_rate: got 1e999; expected a number > 0",
            "c.yaml:4:35: optimizer.momentum: got 1; expected a number in [0, 1)",
            "c.yaml:4:48: optimizer.warmup_epochs: got -1; expected an integer from 0 to "
            "1000000000",
        ],
    ),
    (
        "training: {epochs: 0, batch_size: half, patience: 0, checkpoint_seconds: 0, threads: 0, "
        "dtype: float16}\n",
        [
            "c.yaml:4:12: training.epochs: got 0; expected an integer from 1 to 1000000000",
            "c.yaml:4:23: training.batch_size: got 'half'; expected an integer from 1 to "
            "1000000000, or full",
            "c.yaml:4:41: training.patience: got 0; expected an integer from 1 to 1000000000, "
            "or null",
            "c.yaml:4:54: training.checkpoint_seconds: got 0; expected a number > 0",
            "c.yaml:4:77: training.threads: got 0; expected an integer from 1 to 1024, or auto",
            "c.yaml:4:89: training.dtype: got 'float16'; expected one of float32, float64; "
            "did you mean 'float64'?",
        ],
    ),
    (
        "training: {patience_factor: 0.9, refit: 1}\n",
        [
            "c.yaml:4:12: training.patience_factor: got 0.9; expected a number from 1 to 1000",
            "c.yaml:4:34: training.refit: got 1; expected true or false",
        ],
    ),
    (
        "training: {patience_factor: .inf}\n",
        ["c.yaml:4:12: training.patience_factor: got '.inf'; expected a number from 1 to 1000"],
    ),
    (
        "training: {patience_factor: 1001}\n",
        ["c.yaml:4:12: training.patience_factor: got 1001; expected a number from 1 to 1000"],
    ),
    (
        "seed: -1\nloss: MSE\nfeatures: []\noutput: ''\n",
        [
            "c.yaml:4:1: seed: got -1; expected an integer in [0, 2**63)",
            f"c.yaml:5:1: loss: got 'MSE'; expected one of {LOSSES}; did you mean 'mse'?",
            "c.yaml:6:1: features: got an empty list; expected at least one entry",
            "c.yaml:7:1: output: got ''; expected the path of a file",
        ],
    ),
    (
        f"seed: {'9' * 5000}\n",
        [f"c.yaml:4:1: seed: got {'9' * 57}...; expected an integer in [0, 2**63)"],
    ),
    (
        "seed: 9223372036854775808\n",
        ["c.yaml:4:1: seed: got 9223372036854775808; expected an integer in [0, 2**63)"],
    ),
    (
        "class_weight: {a: -1, b: .nan}\n",
        [
            "c.yaml:4:16: class_weight.a: got -1; expected a number >= 0",
            "c.yaml:4:23: class_weight.b: got '.nan'; expected a number >= 0",
        ],
    ),
    (
        f"class_weight: {{{'a' * 99}: -1}}\nloss: {'a' * 99999}\n",
        [
            f"c.yaml:4:16: class_weight.{'a' * 44}...: got -1; expected a number >= 0",
            f"c.yaml:5:1: loss: got '{'a' * 57}...'; expected one of {LOSSES}",
        ],
    ),
    (
        "class_weight: equal\n",
        [
            "c.yaml:4:1: class_weight: got 'equal'; expected balanced, a mapping of labels to "
            "weights, or null"
        ],
    ),
    (
        "class_weight: [1, 2]\n",
        [
            "c.yaml:4:1: class_weight: got a list; expected balanced, a mapping of labels to "
            "weights, or null"
        ],
    ),
    (
        "preprocessing: {numeric: zscore, max_categories: 1}\n",
        [
            "c.yaml:4:17: preprocessing.numeric: got 'zscore'; expected one of standardize, "
            "robust, quantile, minmax, none",
            "c.yaml:4:34: preprocessing.max_categories: got 1; expected an integer from 2 to "
            "1000000",
        ],
    ),
    (
        "model: relu\ntraining: [1]\n",
        [
            f"c.yaml:4:1: model: got 'relu'; expected a section with the keys {MODEL_KEYS}",
            "c.yaml:5:1: training: got a list; expected a section with the keys epochs, "
            "batch_size, patience, patience_factor, best, label_smoothing, checkpoint_seconds, "
            "on_divergence, dtype, threads, engine, refit, keep_path, record_steps",
        ],
    ),
]


@pytest.mark.parametrize(("text", "lines"), WRONG_VALUES)
def test_wrong_values(write: Write, text: str, lines: list[str]) -> None:
    assert lines_of(write(MINIMAL + text)) == lines


WRONG_DATA = [
    (
        "data: {path: ~, target: ~}\n",
        [
            "c.yaml:1:8: data.path: got null; expected the path of a file; quote 'null' to mean "
            "the word",
            "c.yaml:1:17: data.target: got null; expected a column name; quote 'null' to mean "
            "the word",
        ],
    ),
    (
        "data: {path: a, target: [a, b, a], exclude: [c, c]}\n",
        [
            "c.yaml:1:17: data.target: names 'a' twice; expected each column once",
            "c.yaml:1:36: data.exclude: names 'c' twice; expected each column once",
        ],
    ),
    (
        "data: {path: a, target: []}\n",
        ["c.yaml:1:17: data.target: got an empty list; expected at least one entry"],
    ),
    (
        "data: {path: a, target: {b: 1}}\n",
        ["c.yaml:1:17: data.target: got a mapping; expected a list, such as [a, b]"],
    ),
    (
        "data: {path: a, target: b, include: c, exclude: ~, delimiter: ';;', header: 1}\n",
        [
            "c.yaml:1:28: data.include: got 'c'; expected a list, such as [a, b]",
            "c.yaml:1:40: data.exclude: got null; expected a list, such as [a, b]",
            "c.yaml:1:52: data.delimiter: got ';;'; expected one ASCII character other than a "
            r"quote, '\t' or 'auto'",
            "c.yaml:1:69: data.header: got 1; expected true or false",
        ],
    ),
    (
        "data: {path: a, target: b, validation: 1, test: true}\n",
        [
            "c.yaml:1:28: data.validation: got 1; expected a fraction in [0, 1), the path of a CSV "
            "or folds",
            "c.yaml:1:43: data.test: got true; expected a fraction in [0, 1) or the path of a CSV",
        ],
    ),
    (
        "data: {path: a}\n",
        ["c.yaml: data.target: missing; name the column to predict"],
    ),
    (
        "seed: x\n",
        [
            "c.yaml:1:1: seed: got 'x'; expected an integer in [0, 2**63)",
            "c.yaml: data.path: missing; name the CSV, or give it with --data",
            "c.yaml: data.target: missing; name the column to predict",
        ],
    ),
    (
        "data: iris.csv\n",
        [f"c.yaml:1:1: data: got 'iris.csv'; expected a section with the keys {DATA_KEYS}"],
    ),
]


@pytest.mark.parametrize(("text", "lines"), WRONG_DATA)
def test_wrong_data_section(write: Write, text: str, lines: list[str]) -> None:
    assert lines_of(write(text)) == lines


UNKNOWN_KEYS = [
    (
        "training: {learning_rte: 1}",
        "c.yaml:4:12: unknown key 'training.learning_rte'; did you mean 'optimizer.learning_rate'?",
    ),
    (
        "optimizer: {learning_rte: 1}",
        "c.yaml:4:13: unknown key 'optimizer.learning_rte'; did you mean 'learning_rate'?",
    ),
    ("learning_rate: 1", "c.yaml:4:1: unknown key 'learning_rate'; it belongs to 'optimizer'"),
    (
        "training: {learning_rate: 1}",
        "c.yaml:4:12: unknown key 'training.learning_rate'; it belongs to 'optimizer'",
    ),
    ("training: {seed: 1}", "c.yaml:4:12: unknown key 'training.seed'; it stands at the top"),
    ("modle: {}", "c.yaml:4:1: unknown key 'modle'; did you mean 'model'?"),
    (
        "model: {zzz: 1}",
        f"c.yaml:4:9: unknown key 'model.zzz'; expected one of {MODEL_KEYS}",
    ),
    ("3: 1", f"c.yaml:4:1: unknown key '3'; expected one of {SECTIONS}"),
]


@pytest.mark.parametrize(("text", "line"), UNKNOWN_KEYS)
def test_unknown_keys(write: Write, text: str, line: str) -> None:
    assert lines_of(write(MINIMAL + text)) == [line]


def test_all_errors_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = "seed: x\noptimizer:\n  momentum: 0.9\n  nme: sgd\nmodel: {bias: 1}\n" + MINIMAL
    assert lines_of(write(text), "training.epochs=0", "oops", "loss=mad", data="") == [
        "c.yaml:1:1: seed: got 'x'; expected an integer in [0, 2**63)",
        "c.yaml:3:3: optimizer.momentum: got 0.9 with adam; only sgd uses momentum. "
        "Set optimizer.name: sgd, or remove it",
        "c.yaml:4:3: unknown key 'optimizer.nme'; did you mean 'name'?",
        "c.yaml:5:9: model.bias: got 1; expected true or false",
        "--set training.epochs=0: got 0; expected an integer from 1 to 1000000000",
        f"--set loss=mad: got 'mad'; expected one of {LOSSES}; did you mean 'mae'?",
        "--data: got ''; expected the path of a file",
        "--set oops: expected KEY=VALUE, such as optimizer.learning_rate=0.01",
    ]


def test_the_errors_of_a_foreign_yaml_are_counted(write: Write) -> None:
    start = time.perf_counter()
    lines = lines_of(write("".join(f"k{i}: 1\n" for i in range(20_000))))
    assert time.perf_counter() - start < 30  # far from what a bomb would take
    assert lines[0] == f"c.yaml:1:1: unknown key 'k0'; expected one of {SECTIONS}"
    assert lines[-1] == "c.yaml: and 19901 more errors"
    assert len(lines) == 102


TABLE = "c.yaml: looks like a CSV; expected a config in YAML. The CSV goes under data.path"
UTF16 = "c.yaml: is UTF-16 or UTF-32; expected UTF-8. Save it as UTF-8"
FOREIGN = [
    (b"", "c.yaml: is empty; expected at least data.path and data.target"),
    (b"# nothing\n", "c.yaml: is empty; expected at least data.path and data.target"),
    (b"---\n", "c.yaml: is empty; expected at least data.path and data.target"),
    (
        b"iris\n",
        "c.yaml:1:1: got 'iris'; expected sections such as 'data:' with their keys below them",
    ),
    (
        b"- a\n",
        "c.yaml:1:1: got a list; expected sections such as 'data:' with their keys below them",
    ),
    (b"a,b\n1,2\n", TABLE),
    (b'"a";"b"\n"1";"2"\n', TABLE),
    (b"PK\x03\x04\x00\x00", "c.yaml: is a zip archive, such as an .npz model; "
     "expected a config in YAML"),
    (b"\x1f\x8b\x08", "c.yaml: is a gzip file; expected a config in YAML"),
    ("data:\n".encode("utf-16"), UTF16),
    ("data:\n".encode("utf-16-le"), UTF16),
    ("data:\n".encode("utf-16-be"), UTF16),
    ("data:\n".encode("utf-32"), UTF16),
    (
        b"data:\n  p\xc3\xa9: caf\xe9\n",
        "c.yaml:2:10: byte 0xe9 at offset 16 is not UTF-8; expected UTF-8 text. "
        "Save the file as UTF-8",
    ),
    (b"a: \x00\x00\n", "c.yaml:1:4: control character U+0000; expected plain text"),
    (b"#" * 1_000_001, "c.yaml: is over 1000000 bytes; expected a config in YAML"),
    (b"a: [1\n", "c.yaml:1:4: this '[' is not closed, or a ',' is missing after it"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "line"), FOREIGN, ids=[line for _, line in FOREIGN])
def test_what_is_no_config(write: Write, raw: bytes, line: str) -> None:
    assert lines_of(write(raw)) == [line]


def test_files_that_cannot_be_read(write: Write) -> None:
    assert lines_of("none.yaml") == ["none.yaml: no such file; expected a config in YAML"]
    assert lines_of("c\0") == [r"c\x00: cannot be read: embedded null byte"]
    Path("folder").mkdir()
    assert lines_of("folder") == ["folder: is a directory; expected a config in YAML"]
    name = write(MINIMAL)
    assert lines_of(f"{name}/x") == [f"{name}/x: cannot be read: not a directory"]


def test_stdin(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))

    give(MINIMAL)
    file = load_config("-")
    assert (file.name, file.folder, file.default_output()) == ("<stdin>", Path(), "model.npz")
    assert file.where("data.target") == "<stdin>:3:3: data.target"
    assert file.resolve("iris.csv") == "iris.csv"
    give("seed: x\n" + MINIMAL)
    assert lines_of("-") == ["<stdin>:1:1: seed: got 'x'; expected an integer in [0, 2**63)"]
    give(MINIMAL)
    assert lines_of("-", data="-") == [
        "--data: got '-' (stdin), which the config came from; expected the path of a CSV"
    ]


def test_a_pipe_has_no_folder_and_no_name(tmp_path: Path) -> None:
    read, write_end = os.pipe()
    os.write(write_end, MINIMAL.encode())
    os.close(write_end)
    file = load_config(f"/dev/fd/{read}")
    os.close(read)
    assert (file.folder, file.default_output()) == (Path(), "model.npz")


def test_a_mapping_says_config(write: Write) -> None:
    assert lines_of({"data": {"path": None, "target": "a"}, "sed": 1, "seed": 10**5000}) == [
        "config: data.path: got null; expected the path of a file; quote 'null' to mean the word",
        "config: unknown key 'sed'; did you mean 'seed'?",
        "config: seed: got an integer of over 100 digits; expected an integer in [0, 2**63)",
    ]
    assert lines_of({}) == [
        "config: data.path: missing; name the CSV, or give it with --data",
        "config: data.target: missing; name the column to predict",
    ]
    loop: dict[str, Any] = {}
    loop["model"] = loop
    assert lines_of(loop) == [f"config: {('model.' * 10)[:57]}...: nested deeper than 100 levels"]
    file = load_config({"data": {"path": "a.csv", "target": "b"}})
    assert (file.name, file.where("data.path")) == ("config", "config: data.path")
    assert file.default_output() == "model.npz"


def test_where(write: Write) -> None:
    text = MINIMAL + "model:\n  bias: false\nfeatures:\n  - a\n  - b\n"
    file = load_config(
        write(text), ["seed=1", "optimizer={name: sgd}", "training.epochs=3"], "d.csv"
    )
    assert file.where("model.bias") == "c.yaml:5:3: model.bias"
    assert file.where("model.activation") == "c.yaml:4:1: model.activation"
    assert file.where("features[1]") == "c.yaml:8:5: features[1]"
    assert file.where("loss") == "c.yaml: loss"
    assert file.where("training.epochs") == "--set training.epochs"
    assert file.where("optimizer.name") == "--set optimizer: optimizer.name"
    assert file.where("optimizer.momentum") == "--set optimizer: optimizer.momentum"
    assert file.where("seed") == "--set seed"
    assert file.where("data.path") == "--data"


OVERRIDES = [
    (["training.epochs=3", "training.epochs=4"], lambda c: c.training.epochs == 4),
    (["data.target=no"], lambda c: c.data.target == ("no",)),
    (["data.target=[007, 'x']"], lambda c: c.data.target == ("007", "x")),
    (["data.path=-"], lambda c: c.data.path == "-"),
    (["data.delimiter=;"], lambda c: c.data.delimiter == ";"),
    (["data.weight="], lambda c: c.data.weight is None),
    (["model={hidden_sizes: [3]}"], lambda c: c.model.hidden_sizes == (3,) and c.model.bias),
    (["model.hidden_sizes=[]", "model="], lambda c: c.model.hidden_sizes == (64, 32)),
    (["optimizer.learning_rate=1e-2"], lambda c: c.optimizer.learning_rate == 0.01),
    (["class_weight.a.b=2", "class_weight.c=3"], lambda c: c.class_weight == {"a.b": 2, "c": 3}),
    (["class_weight=balanced", "class_weight.c=3"], lambda c: c.class_weight == {"c": 3}),
    (["features=[x, 'a=b']"], lambda c: c.features == ("x", "a=b")),
    ([" seed = 5 "], lambda c: c.seed == 5),
]


@pytest.mark.parametrize(("overrides", "holds"), OVERRIDES, ids=[str(o) for o, _ in OVERRIDES])
def test_overrides(write: Write, overrides: list[str], holds: Callable[[Any], bool]) -> None:
    text = MINIMAL + "model: {bias: false}\n"
    assert holds(load_config(write(text), overrides).config)


# What people call columns, and YAML takes for a mark of its own.
TEXTS = [
    "#items", "a #b", "a,b", "a, b", "|", ">", "{x}", "{a: b}", "- x", "*x", "&x", "&x y", "%x",
    "@x", "`x", "a: b", "x:", "? x", "!x", "-", "?", "#", "a: b: c", "no", "007", "1.0", "a\tb",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_an_override_keeps_the_text_that_yaml_cannot_have_meant(write: Write, text: str) -> None:
    path, quoted = write(MINIMAL), json.dumps(text)
    for value in (text, quoted, f"  {text} "):
        data = load_config(path, [f"data.weight={value}"]).config.data
        assert data.weight == text
        for key in ("target", "exclude", "categorical", "missing_values"):
            data = load_config(path, [f"data.{key}={value}"]).config.data
            assert getattr(data, key) == (text,)
    listed = load_config(path, [f"data.exclude=[{quoted}, z]"]).config.data
    assert listed.exclude == (text, "z")


def test_an_override_of_a_list_by_one_value(write: Write) -> None:
    path = write(MINIMAL)
    config = load_config(
        path, ["model.hidden_sizes=8", "features=sin(3*x)", "data.include=x", "data.delimiter=|"]
    ).config
    assert (config.model.hidden_sizes, config.features) == ((8,), ("sin(3*x)",))
    assert (config.data.include, config.data.delimiter) == (("x",), "|")
    assert load_config(path, ["model.hidden_sizes=- 8"]).config.model.hidden_sizes == (8,)
    assert load_config(path, ["data.exclude=- p\n- q"]).config.data.exclude == ("p", "q")
    assert load_config(path, ["optimizer.l2=0.1 # some"]).config.optimizer.l2 == 0.1
    assert load_config(path, ["model.activation=relu"]).config.model.activation == "relu"


def test_an_override_mends_the_file(write: Write) -> None:
    assert load_config(write(MINIMAL + "seed: x\nmodel: 3\n"), ["seed=1", "model={}"]).config


KEY_VALUE = "expected KEY=VALUE, such as optimizer.learning_rate=0.01"
WRONG_OVERRIDES = [
    ("seed", f"--set seed: {KEY_VALUE}"),
    ("=3", f"--set =3: {KEY_VALUE}"),
    ("optimizer.lr=1", "--set optimizer.lr=1: unknown key 'optimizer.lr'; expected one of name, "
     "learning_rate, momentum, nesterov, betas, bias_rate, scale_rate, "
     "weight_decay, l2, schedule, warmup_epochs, "
     "schedule_factor, schedule_epochs, clip_norm"),
    ("optimizer.momentun=1", "--set optimizer.momentun=1: unknown key 'optimizer.momentun'; "
     "did you mean 'momentum'?"),
    ("epochs=1", "--set epochs=1: unknown key 'epochs'; it belongs to 'training'"),
    ("seed.x=1", "--set seed.x=1: unknown key 'seed.x'; did you mean 'seed'?"),
    ("model.bias.x=1", "--set model.bias.x=1: unknown key 'model.bias.x'; "
     "did you mean 'bias'?"),
    ("seed=[1", "--set seed=[1: this '[' is not closed, or a ',' is missing after it"),
    ("seed=!!int 3", "--set seed=!!int 3: tag '!!int' is refused; expected plain YAML without "
     "tags"),
    ("data.exclude=[a", "--set data.exclude=[a: this '[' is not closed, or a ',' is missing after "
     "it. Quote a text: --set 'data.exclude=\"[a\"'"),
    ("data.weight='a", "--set data.weight='a: this quote is not closed. Quote a text: --set "
     "'data.weight=\"'\"'\"'a\"'"),
    ("data.missing_values=[?, -]", "--set data.missing_values=[?, -]: a key is empty; expected "
     "text, or quotes around '?' or ':'. Quote a text: --set 'data.missing_values=[\"?\", \"-\"]'"),
    ("model.hidden_sizes=64,32", "--set model.hidden_sizes=64,32: got '64,32'; expected a list: "
     "--set 'model.hidden_sizes=[64, 32]'"),
    ("model.activation=relu, tanh", "--set model.activation=relu, tanh: got 'relu, tanh'; "
     "expected a list: --set 'model.activation=[relu, tanh]'"),
    ("data.target=null", "--set data.target=null: got null; expected a column name; quote 'null' "
     "to mean the word"),
    ("seed=x", "--set seed=x: got 'x'; expected an integer in [0, 2**63)"),
    ("seed=a\nb", "--set seed=a b: got 'a b'; expected an integer in [0, 2**63)"),
    (f"seed={'x' * 70}", f"--set seed={'x' * 57}...: got '{'x' * 57}...'; expected an integer "
     "in [0, 2**63)"),
    ("model={bias: 1}", "--set model={bias: 1}: model.bias: got 1; expected true or false"),
    ("model=3", f"--set model=3: got 3; expected a section with the keys {MODEL_KEYS}"),
    ("data={path: a}", "c.yaml: data.target: missing; name the column to predict"),
    ("class_weight.a=-1", "--set class_weight.a=-1: got -1; expected a number >= 0"),
    ("data.validation=1.5", "--set data.validation=1.5: got 1.5; expected a fraction in [0, 1), "
     "the path of a CSV or folds"),
    ("model.members=0", "--set model.members=0: got 0; expected an integer from 1 to 1000"),
    ("model.members=1001", "--set model.members=1001: got 1001; expected an integer from 1 to "
     "1000"),
]  # fmt: skip


@pytest.mark.parametrize(("override", "line"), WRONG_OVERRIDES)
def test_wrong_overrides(write: Write, override: str, line: str) -> None:
    assert lines_of(write(MINIMAL), override) == [line]


def test_paths_are_relative_to_the_config(write: Write, tmp_path: Path) -> None:
    for folder in ("configs", "data", "elsewhere/deep"):
        Path(folder).mkdir(parents=True)
    Path("configs/iris.v2.yaml").write_text("data: {path: ../data/iris.csv, target: a}\n")
    file = load_config(Path("configs/iris.v2.yaml"))
    assert file.resolve(file.config.data.path) == os.path.join("data", "iris.csv")
    assert file.resolve("x.csv") == os.path.join("configs", "x.csv")
    assert file.resolve("-") == "-"
    assert file.resolve(str(tmp_path / "x.csv")) == str(tmp_path / "x.csv")
    assert file.default_output() == "iris.v2.npz"
    assert load_config(file.name, ["output=a/b.npz"]).default_output() == "a/b.npz"
    # through a link, .. is not the folder's lexical parent
    Path("link").symlink_to("elsewhere/deep")
    Path("elsewhere/deep/c.yaml").write_text("data: {path: ../iris.csv, target: a}\n")
    linked = load_config("link/c.yaml")
    assert linked.resolve("../iris.csv") == os.path.join("link", "..", "iris.csv")


def test_home_is_expanded(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    text = "data: {path: ~/x.csv, target: a, validation: ~/v.csv}\noutput: ~/m.npz\n"
    file = load_config(write(text))
    assert file.resolve("~/x.csv") == "/home/me/x.csv"
    assert file.resolve("~/v.csv") == "/home/me/v.csv"
    assert file.default_output() == "/home/me/m.npz"
    given = load_config(write(text), data="~/new.csv")  # as a shell leaves --data=~/new.csv
    assert given.resolve(given.config.data.path) == "/home/me/new.csv"
    Path("~").mkdir()
    Path("~/x.csv").touch()
    assert file.resolve("~/x.csv") == "~/x.csv"
    assert file.default_output() == "~/m.npz"


def test_variables_in_paths_are_refused(write: Write) -> None:
    text = "data: {path: $D/x.csv, target: a, test: 'p/${D}.csv'}\noutput: '%D%/m.npz'\n"
    how = "; a config expands no variables. Write the path out, or begin it with '~/'"
    assert lines_of(write(text)) == [
        f"c.yaml:1:8: data.path: got '$D/x.csv'{how}",
        f"c.yaml:1:35: data.test: got 'p/${{D}}.csv'{how}",
        f"c.yaml:2:1: output: got '%D%/m.npz'{how}",
    ]
    for folder in ("$D", "p", "%D%"):
        Path(folder).mkdir()
    for path in ("$D/x.csv", "p/${D}.csv"):
        Path(path).touch()
    assert load_config(write(text)).default_output() == "%D%/m.npz"
    assert load_config(write("data: {path: cost in $.csv, target: a}\noutput: a$b.npz\n"))


def test_the_data_option_is_relative_to_the_current_folder(write: Write) -> None:
    Path("configs").mkdir()
    Path("configs/c.yaml").write_text("data: {target: a, validation: new.csv}\n")
    file = load_config("configs/c.yaml", data="old.csv")
    assert file.resolve(file.config.data.path) == "old.csv"
    # the same words mean two files: one beside the config, one here
    file = load_config("configs/c.yaml", data="new.csv")
    assert file.resolve(file.config.data.path) == os.path.join(".", "new.csv")
    assert file.resolve("new.csv") == os.path.join("configs", "new.csv")
    assert load_config("configs/c.yaml", data="-").resolve("-") == "-"


def test_a_config_file_is_a_value(write: Write) -> None:
    name = write(MINIMAL)
    assert load_config(name) == load_config(name)
    assert isinstance(load_config(name), ConfigFile)
    with pytest.raises(AttributeError):
        load_config(name).name = "other"  # type: ignore[misc]


def test_reading_imports_neither_numpy_nor_pandas() -> None:
    import subprocess

    code = (
        "import sys, nnfit.config.reading, nnfit.config.rendering; "
        "print([m for m in ('numpy', 'pandas', 'rich', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_only_a_mapping_can_hold() -> None:
    """Halves of characters and integers that str() refuses come from no file."""
    tree = {"data": {"path": 10**5000, "target": "y", "missing_values": ["\udce9"]}}
    with pytest.raises(ConfigError) as caught:
        load_config(tree)
    assert caught.value.messages == (
        "config: data.path: got an integer of over 100 digits; expected the path of a file",
        r"config: data.missing_values[0]: got '\udce9'; expected text",
    )


def test_an_override_below_what_is_no_section(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data: {path: a, target: b}\nmodel: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["model.dropout=0.5"])
    (line,) = caught.value.messages
    assert line.startswith(f"{path}:2:1: model: got 3; expected a section with the keys ")


def arrays(named: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


DOCUMENTS = {
    "text": b"my diary",
    "model.npz": b"half a mo",
    "thesis.docx": zipped({"word/document.xml": b"<w/>"}),
    "app.jar": zipped({"META-INF/MANIFEST.MF": b"", "meta.npy": b"?"}),
    "meta.zip": zipped({"meta.npy": b"<w/>"}),
    "net.pt": zipped({"net/data.pkl": b"\x80\2}", "net/version": b"3"}),
    "arrays.npz": arrays({"x": np.zeros(3), "meta": np.zeros(3, np.uint8)}),
    "others.npz": arrays({"meta": np.frombuffer(b'{"version": 1}', np.uint8)}),
    "a.checkpoint": arrays({"meta": np.frombuffer(b'{"checkpoint_version": 1}', np.uint8)}),
    "hostile": b"PK\3\4" + bytes(4) + b"\0\0" + bytes(16) + b"\x08\0\xff\xffmeta.npy" + bytes(999),
}
MODELS = {
    "m.npz": arrays({"meta": np.frombuffer(b'{"format_version":1,"x":2}', np.uint8)}),
    "older": arrays({"meta": np.frombuffer(b'{"format_version": 1, "x": 2}', np.uint8)}),
    "damaged": arrays({"meta": np.frombuffer(b'{"format_version":1' * 9, np.uint8)})[:250],
    "empty": b"",
}


@pytest.mark.parametrize("named", [True, False], ids=["output", "the config's own name"])
@pytest.mark.parametrize("name", [*DOCUMENTS, *MODELS])
def test_a_config_replaces_nothing_but_a_model(tmp_path: Path, name: str, named: bool) -> None:
    """A stranger's config could name any file of yours; -o, which is your own word, may."""
    mine = tmp_path / name
    file = load_config({"data": {"path": "a", "target": "b"}, "output": str(mine)})
    if not named:
        config = file.config.model_copy(update={"output": None})
        file = replace(file, config=config, stem=str(mine))
        mine = Path(f"{mine}.npz")
    assert file.default_output() == str(mine)
    mine.write_bytes({**DOCUMENTS, **MODELS}[name])
    if name in MODELS:
        assert file.default_output() == str(mine)
        return
    with pytest.raises(ConfigError) as caught:
        file.default_output()
    (line,) = caught.value.messages
    assert line.startswith("config: output: '") and line.endswith(
        "is there and is no model; expected a new name or an old model. "
        "Name it with -o to replace it"
    )


def test_a_config_writes_to_no_device_pipe_or_link_to_a_document(tmp_path: Path) -> None:
    """What is no regular file is written directly: a disk, say."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "diary").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("diary")
    (tmp_path / "dangling").symlink_to("nothing")
    disks = [path for path in ("/dev/full", "/dev/zero", "/dev/tty") if os.path.exists(path)]
    for path in ["pipe", "link", *disks]:
        assert not replaceable(str(tmp_path / path)), path
    # what else can't be written is told later, as for -o
    for path in ["-", os.devnull, ".", "dangling", "new", "a\0b", "diary/x"]:
        assert replaceable(path if path in ("-", os.devnull) else str(tmp_path / path)), path


def test_an_unreadable_file_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "m.npz"
    mine.write_bytes(MODELS["m.npz"])
    assert replaceable(str(mine))

    def refuse(*_: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert not replaceable(str(mine))
