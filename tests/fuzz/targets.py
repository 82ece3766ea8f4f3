"""What is fuzzed: one function per surface, from bytes to nothing, that holds the same promise.

An input is taken, or refused with an NnfitError whose messages are one line each; whatever else
is raised, a warning included, is a finding. Nothing here chooses inputs.
"""

from __future__ import annotations

import copy
import io
import json
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import nnfit
from nnfit.config.reading import ConfigFile, load_config
from nnfit.config.rendering import render
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import BlockReader, read_table
from nnfit.dataset.dataset import prepare
from nnfit.errors import NnfitError, NnfitWarning
from nnfit.model.file.reading import read_model
from nnfit.model.inspection import describe
from nnfit.model.streaming import csv_format
from nnfit.observer import Observer
from nnfit.table.expressions import FUNCTIONS, parse, parse_features

LONGEST_LINE = 3000  # characters: twenty names of sixty and what is said around them


@dataclass(frozen=True)
class Target:
    """A surface: `run` takes any bytes, `seeds` are good inputs, `tokens` are parts of them."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    tokens: tuple[bytes, ...]


@contextmanager
def refusals() -> Iterator[None]:
    """Let what is promised pass: an NnfitError of one-line messages. Warnings are errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", NnfitWarning)  # what a table is like is no fault
            yield
    except NnfitError as err:
        assert err.messages, "nothing said"
        for line in err.messages:
            assert line.isprintable() and len(line) < LONGEST_LINE, repr(line)


@contextmanager
def stdin(data: bytes) -> Iterator[None]:
    """Give `data` as standard input."""
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(data))
    try:
        yield
    finally:
        sys.stdin = before


# the config reader ---------------------------------------------------------------------------


def run_config(data: bytes) -> None:
    """Read a YAML file; what follows each NUL is an override, as the shell hands it over."""
    text, *overrides = data.split(b"\0")
    sets = [item.decode(errors="surrogateescape") for item in overrides]
    with refusals(), stdin(text):
        config = load_config("-", sets).config
        with stdin(render(config).encode()):
            assert load_config("-").config == config, "rendered and read again"


def config_seeds() -> list[bytes]:
    config = load_config({"data": {"path": "a.csv", "target": ["y", "z"]}}).config
    return [
        re.sub(" +#.*", "", render(config)).encode(),
        b"data: {path: d.csv, target: y}\ntraining: {epochs: 2, batch_size: full}\n",
        b"data:\n  path: d.csv\n  target: y\n  include: [a, 'b c', \"d\\te\"]\nclass_weight:\n"
        b"  1.0: 2\n  yes: 3\nmodel: {hidden_sizes: [], activation: []}\nfeatures: ['*', x**2]\n",
        b"a: &a [1, 2]\ndata: *a\n? b\n: |\n  x\n  y\nc: >-\n  z\n",
        b"data: {path: '-', target: y}\0optimizer.learning_rate=1e-3\0data.exclude=[a, b]",
    ]


CONFIG_TOKENS = (
    *(b": ", b"\n", b"\n  ", b"- ", b"[", b"]", b"{", b"}", b", ", b"'", b'"', b"#", b"&a ", b"*a"),
    *(b"!", b"!!python/object:os.system", b"|", b">", b"%YAML", b"? ", b"~", b"\t", b"---", b"..."),
    *(b"<<", b"null", b"true", b"1e999", b".nan", b"0x10", b"9" * 120, b"\xd9\xa1", b"\x85", b"\0"),
    *(b"data", b"target", b"path", b"model.", b"auto", b"relu", b"balanced", b"\xef\xbb\xbf"),
)


# the CSV path --------------------------------------------------------------------------------

DELIMITERS = (",", ";", "\t", "auto")


@cache
def csv_config(task: str, numeric: str, missing: str) -> ConfigFile:
    return load_config(
        {
            "data": {"path": "-", "target": "y", "task": task, "validation": 0},
            "preprocessing": {"numeric": numeric, "missing": missing},
        }
    )


def run_csv(data: bytes) -> None:
    """Read a table whole and in blocks, decide what its columns are and encode it.

    The first byte says how the CSV is written and what for.
    """
    how, text = (data[0], data[1:]) if data else (0, b"")
    fmt = CsvFormat(DELIMITERS[how & 3], bool(how & 4), ("?",) if how & 8 else ())
    with refusals():
        with stdin(text):
            frame = read_table("-", fmt, ["y"], Observer())
        rows = 0
        with stdin(text), BlockReader("-", fmt, None, ["y"], "all", Observer(), 64) as blocks:
            for block in blocks:
                assert block.first_row == rows + 1
                rows += len(block.frame)
                assert {len(cells) for cells in block.carried} == {len(block.frame)}
        assert rows == len(frame), "rows of blocks and of the whole"
        file = csv_config(
            ("auto", "regression", "classification")[(how >> 4) % 3],
            ("standardize", "robust", "quantile", "minmax")[how >> 6],
            "error" if how & 32 else "impute",
        )
        target = "y" if "y" in frame.columns else str(frame.columns[-1])
        frame = frame.rename(columns={target: "y"})
        dataset = prepare(file, frame, np.random.default_rng(0), Observer())
        X = dataset.parts["train"].X
        assert X.shape[1] == dataset.encoding.encoder.n_inputs and np.isfinite(X).all()


def csv_seeds() -> list[bytes]:
    rows = "".join(f"{i}.5,{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(6))
    numbers = "".join(f"{i},{i * 1.5 + 0.25}\n" for i in range(6))
    return [
        b"\4x,colour,y\n" + rows.encode(),
        b"\4x,y\r\n" + numbers.replace("\n", "\r\n").encode(),
        b'\4"a ""b""",y\n"1\n2",3\n,4\nNA,5\n',
        b"\5x;y\n1,5;a\n2,5;b\n",
        "\7sep=;\nx;p;y\n1.234,50 €;5 %;-1\n-3,00 €;(7) %;2\n".encode(),
        b"\4Sales,,\n,,\nx,c,y\n$1,2,a\n$2,3,b\n",
        b"\4# one\nx,y\n1,2\n# two\n",
        b"\7x|y|z\n1|true|2020-01-01\n2|false|2021-01-01\n",
        b"\0" + rows.encode(),
        b"\4" + ("x,y\n" + numbers).encode("utf-16"),
        b"\4y,x\n1,1e400\n2,0x10\n3,1_000\n4,\xd9\xa1\xd9\xa2\n5,inf\n",
        b"\x44x,y\n1,2\n1,2\n9007199254740993,3\n99999999999999999999,4\n",
    ]


CSV_TOKENS = (
    *(b",", b";", b"\t", b"|", b"\n", b"\r\n", b"\r", b'"', b'""', b'","', b" ", b"\0", b"\xff"),
    *(b"NA", b"inf", b"-inf", b"nan", b"1e400", b"1e-400", b"0x10", b"1_000", b"1,70", b"\xd9\xa1"),
    *(b"true", b"False", b"9" * 25, b"-0.0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8", b"?"),
    *(b"\x1f\x8b\x08", b"BZh9", b"PK\x03\x04", b"\xfd7zXZ\x00", b"\x1b[31m", b"y", b"x,y\n"),
    *(b"$", b"%", b"(", b")", b"\xc2\xa0", b"\xe2\x88\x92", b"EUR", b" kg", b"1.234,5", b"sep=;\n"),
)


# the expression walker -----------------------------------------------------------------------

COLUMNS = {
    name: np.array(values)
    for name, values in {
        "x": [0.0, -1.5, 1e308],
        "petal width": [5e-324, 2.0, -0.0],
        "é": [1.0, 2.0, 3.0],
        "sin": [0.5, 0.25, 0.0],
        "_": [1.0, 1.0, 1.0],
    }.items()
}


def run_expression(data: bytes) -> None:
    """Parse features, one a line, and evaluate each."""
    lines = data.decode(errors="replace").split("\n")
    with refusals():
        for text in lines:
            try:
                expression = parse(text, COLUMNS)
            except ValueError as err:
                assert "\n" not in str(err)
                continue
            assert set(expression.columns) <= set(COLUMNS)
            values = expression.evaluate(COLUMNS, 3)
            assert values.shape == (3,) and values.dtype == np.float64
            assert parse(expression.text, COLUMNS) == expression
        parse_features(lines, list(COLUMNS), "c.yaml:1:1: features", {"y": "is the target"})


def expression_seeds() -> list[bytes]:
    return [
        b"x**2",
        b"-x + 2*`petal width` / (1 - .5e-3)",
        b"maximum(sin(3*x), abs(relu(\xc3\xa9)))\nsigmoid(tanh(x))",
        b"(((x)))**-2**x",
        b"*\nx\nlog(x)\nsqrt(-x)\nexp(exp(x))",
        b"__import__('os').system('true')",
        b"[i for i in ().__class__.__bases__]",
    ]


EXPRESSION_TOKENS = (
    *(f"{name}(".encode() for name in FUNCTIONS),
    *(b"+", b"-", b"*", b"**", b"/", b"(", b")", b",", b"`", b"``", b"x", b"`petal width`", b" "),
    *(b"1e308", b".5", b"1_0", b"0x1", b"1j", b"lambda:", b".__class__", b"[", b"{", b"if ", b":="),
    *(b"((((((((((", b"----------", b"~", b"not ", b"\\\n", b"\xc2\xb2", b"\xd9\xa1", b"f''", b"@"),
)


# the model loader ----------------------------------------------------------------------------

ROWS = {
    "colour": ["red", "green", "blue", "red", "?", None],
    "flag": [True, False, True, None, False, True],
    "x": [1.0, -2.5, None, 0.0, 1e30, 3.0],
    "kind": ["a", "b", "c", "a", "b", "c"],
    "u": [1.0, 4.0, 9.0, 16.0, 25.0, 36.0],
    "v": [1e-3, 2e-3, 1e-3, 2e-3, 1e-3, 5e-3],
}
MODEL_CONFIGS: tuple[dict[str, Any], ...] = (
    {"data": {"target": "kind", "exclude": ["u", "v"]}, "model": {"hidden_sizes": [2]}},
    {
        "data": {"target": ["u", "v"], "include": ["x", "flag"]},
        "features": ["*", "x**2", "maximum(x, 0)"],
        "model": {"hidden_sizes": [2, 2], "activation": "tanh"},
        "preprocessing": {"numeric": "quantile"},
        "training": {"dtype": "float64"},
    },
    {"data": {"target": "flag", "include": ["u"]}, "model": {"hidden_sizes": [], "bias": False}},
)


META_AT = 128  # where the contents of a small array start in its .npy
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 10**400, 0.5, 1e308, -1e308, 5e-324, -0.0, 1e-300),
    *("", "x", "a", "kind", "u", "linear", "quantile", "one_hot", "gap", "column", "expression"),
    *("categorical", "numeric", "boolean", "regression", "classification", "float32", "float64"),
    *("identity", "relu", "softmax", "sigmoid", "mse", "cross_entropy", "log(x)", "x**x**x", "?"),
    *("\ud800", "\n\x1b[31m", "y" * 2000, [], {}, [[]], [{}], ["a", "b"], ["b", "a", "c"], [1.0]),
    *([3, 2, 2], [1, 2, 1], [2, 2], [1, 1], [0.0, 1.0], [1e308, -1e308], [-1e308, 1e308], {"a": 1}),
)


@cache
def models() -> tuple[bytes, ...]:
    """Return small models of every kind."""
    frame = pd.DataFrame(ROWS)
    made = []
    for config in MODEL_CONFIGS:
        config = {**config, "data": {**config["data"], "validation": 0}}
        config["training"] = {"epochs": 2, **config.get("training", {})}
        made.append(nnfit.train(config, frame.dropna(subset=config["data"]["target"])).to_bytes())
    return tuple(made)


@cache
def members(number: int) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(models()[number])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list or object within `value`, itself included, with each key or index."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from places(value[key])


def with_values(meta: bytes, edits: bytes) -> bytes:
    """Return `meta` with other values: for each a place, of two bytes, and which of `VALUES`."""
    found = json.loads(meta)
    for i in range(0, len(edits) - 2, 3):
        choice = list(places(found))
        if choice:
            container, key = choice[int.from_bytes(edits[i : i + 2], "big") % len(choice)]
            container[key] = copy.deepcopy(VALUES[edits[i + 2] % len(VALUES)])
    return json.dumps(found).encode()


def zipped(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, raw in contents.items():
            archive.writestr(zipfile.ZipInfo(name), raw)
    return buffer.getvalue()


def model_of(data: bytes) -> bytes:
    """Return the file that `data` stands for; a mere change of bytes stops at the checksums.

    After a byte that chooses a model there come: the whole file; or its `meta`; or edits of its
    members, each the member's number, a place from its start and the byte to put there; or other
    values in `meta`.
    """
    how, rest = (data[0], data[1:]) if data else (0, b"")
    number = how // 4 % len(MODEL_CONFIGS)
    if how % 4 == 0:
        return rest
    contents = dict(members(number))
    if how % 4 == 3:
        rest = with_values(contents["meta.npy"][META_AT:], rest)
    if how % 2 == 1:
        header = io.BytesIO()
        np.lib.format.write_array(header, np.frombuffer(rest, np.uint8), (1, 0))
        return zipped({**contents, "meta.npy": header.getvalue()})
    names = list(contents)
    for i in range(0, len(rest) - 2, 3):
        name = names[rest[i] % len(names)]
        place = rest[i + 1] % len(contents[name])
        raw = bytearray(contents[name])
        raw[place] = rest[i + 2]
        contents[name] = bytes(raw)
    return zipped(contents)


def run_model(data: bytes) -> None:
    """Load a model and do all that the commands do with it."""
    frame = pd.DataFrame(ROWS)
    with refusals():
        model = read_model("m.npz", io.BytesIO(model_of(data)))
        csv_format(model)
        info = describe(model, "m.npz")
        json.dumps(info, allow_nan=False, ensure_ascii=False).encode()
        assert len(info["input_names"]) == model.encoder.n_inputs
        raw = model.to_bytes()
        assert read_model("again.npz", io.BytesIO(raw)).to_bytes() == raw
        assert len(model.predict(frame)) == len(frame)
        model.evaluate(frame.rename(columns={"kind": model.targets[0]}))


def model_seeds() -> list[bytes]:
    seeds = []
    for number, raw in enumerate(models()):
        meta = members(number)["meta.npy"]
        edits = bytes([1, 12, 60, 2, 130, 0, 0, 200, 48])
        seeds += [bytes([4 * number]) + raw, bytes([4 * number + 1]) + meta[META_AT:]]
        seeds += [bytes([4 * number + 2]) + edits, bytes([4 * number + 3, 0, 60, 3])]
    return seeds


MODEL_TOKENS = (
    *(b'"', b",", b":", b"[", b"]", b"{", b"}", b"null", b"true", b"-1", b"0", b"1e308", b"5e-324"),
    *(
        b"1e999",
        b"9" * 400,
        b"NaN",
        b'"\\ud800"',
        b"\xff",
        b'"linear"',
        b'"quantile"',
        b'"one_hot"',
    ),
    *(b'"expression"', b'"gap"', b'"regression"', b'"float64"', b"[[[[[[[[", b"PK\x01\x02", b"|O"),
    *(b"PK\x05\x06", b"PK\x06\x06", b"\x93NUMPY\x01\x00", b"'descr'", b"(99999999999,)", b"\x1b["),
)

TARGETS = {
    target.name: target
    for target in (
        Target("config", run_config, config_seeds, CONFIG_TOKENS),
        Target("csv", run_csv, csv_seeds, CSV_TOKENS),
        Target("expression", run_expression, expression_seeds, EXPRESSION_TOKENS),
        Target("model", run_model, model_seeds, MODEL_TOKENS),
    )
}
