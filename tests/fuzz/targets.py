"""What is fuzzed: one function per surface, from bytes to nothing, that holds the same promise.

An input is taken, or refused with an NnfitError whose messages are one line each; whatever else
is raised, a warning included, is a finding. Nothing here chooses inputs.
"""

from __future__ import annotations

import atexit
import copy
import io
import json
import os
import re
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from loops import make_fit
from PIL import Image

import nnfit
from nnfit.config.reading import ConfigFile, load_config
from nnfit.config.rendering import render
from nnfit.csv.dialect import CsvFormat
from nnfit.csv.reading import BlockReader, read_table
from nnfit.dataset.dataset import prepare
from nnfit.errors import NnfitError, NnfitWarning
from nnfit.graph.differentiating import as_json, differentiate
from nnfit.images.flattening import flatten_images
from nnfit.inside.explanation import explain
from nnfit.inside.pictures.kinds import KINDS, Options
from nnfit.inside.pictures.making import make_picture
from nnfit.model.file.reading import read_model
from nnfit.model.inspection import describe
from nnfit.model.streaming import csv_format
from nnfit.nn.network import Architecture, Network
from nnfit.nn.optimizers import make_optimizer
from nnfit.nn.schedules import Schedule
from nnfit.observer import Observer
from nnfit.report import plots
from nnfit.report.explanation import print_explanation
from nnfit.report.graph import print_graph
from nnfit.report.textplots import print_plot
from nnfit.run.checkpoint.stored import read, write
from nnfit.table.expressions import FUNCTIONS, parse, parse_features
from nnfit.training.examples import network_rows
from nnfit.training.fit import Fit
from nnfit.training.state import Settings

LONGEST_LINE = 3000  # characters: twenty names of sixty and what is said around them


@dataclass(frozen=True)
class Target:
    """A surface: `run` takes any bytes, `seeds` are good inputs, `tokens` are parts of them."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    tokens: tuple[bytes, ...]


def first_byte(data: bytes) -> tuple[int, bytes]:
    return (data[0], data[1:]) if data else (0, b"")


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
            "preset": "none",
            "data": {"path": "-", "target": "y", "task": task, "validation": 0},
            "preprocessing": {"numeric": numeric, "missing": missing},
        }
    )


def run_csv(data: bytes) -> None:
    """Read a table whole and in blocks, decide what its columns are and encode it.

    The first byte says how the CSV is written and what for.
    """
    how, text = first_byte(data)
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


def run_graph(data: bytes) -> None:
    """Differentiate lines of expressions, and print what comes of it."""
    text = data.decode(errors="replace")
    at = {n: v for n, v in (("x", 2.0), ("y", -1.5), ("petal width", 0.5)) if n in text}
    with refusals():
        found = differentiate(text.split("\n"), at)
        json.dumps(as_json(found), allow_nan=False)
        print_graph(found, io.StringIO())


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
    {
        "data": {"target": "kind", "include": ["u", "v"]},
        "model": {"hidden_sizes": [2, 3]},
        "training": {"keep_path": True, "record_steps": True},
    },
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
def members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


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


def archive_of(data: bytes, good: tuple[bytes, ...]) -> tuple[int, bytes]:
    """Return the file that `data` stands for, and the number of the good one that it is made of.

    After a byte that chooses that there come: the whole file; or its `meta`; or edits of its
    members, each the member's number, a place from its start and the byte to put there; or other
    values in `meta`. A mere change of bytes would stop at the checksums.
    """
    how, rest = first_byte(data)
    number = how // 4 % len(good)
    if how % 4 == 0:
        return number, rest
    contents = dict(members(good[number]))
    if how % 4 == 3:
        rest = with_values(contents["meta.npy"][META_AT:], rest)
    if how % 2 == 1:
        header = io.BytesIO()
        np.lib.format.write_array(header, np.frombuffer(rest, np.uint8), (1, 0))
        return number, zipped({**contents, "meta.npy": header.getvalue()})
    names = list(contents)
    for i in range(0, len(rest) - 2, 3):
        name = names[rest[i] % len(names)]
        place = rest[i + 1] % len(contents[name])
        raw = bytearray(contents[name])
        raw[place] = rest[i + 2]
        contents[name] = bytes(raw)
    return number, zipped(contents)


def run_model(data: bytes) -> None:
    """Load a model and do all that the commands do with it."""
    frame = pd.DataFrame(ROWS)
    with refusals():
        model = read_model("m.npz", io.BytesIO(archive_of(data, models())[1]))
        csv_format(model)
        info = describe(model, "m.npz")
        json.dumps(info, allow_nan=False, ensure_ascii=False).encode()
        assert len(info["input_names"]) == model.encoder.n_inputs
        raw = model.to_bytes()
        assert read_model("again.npz", io.BytesIO(raw)).to_bytes() == raw
        assert len(model.predict(frame)) == len(frame)
        model.evaluate(frame.rename(columns={"kind": model.targets[0]}))


def archive_seeds(good: tuple[bytes, ...]) -> list[bytes]:
    seeds = []
    for number, raw in enumerate(good):
        edits = bytes([1, 12, 60, 2, 130, 0, 0, 200, 48])
        seeds += [bytes([4 * number]) + raw, bytes([4 * number + 2]) + edits]
        seeds += [bytes([4 * number + 1]) + members(raw)["meta.npy"][META_AT:]]
        seeds += [bytes([4 * number + 3, 0, 60, 3])]
    return seeds


def model_seeds() -> list[bytes]:
    return archive_seeds(models())


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

# what explains and draws a model ---------------------------------------------------------------


def run_explain(data: bytes) -> None:
    """Explain one row by a model, as JSON and as text; the first byte says which, and how."""
    how, rest = first_byte(data)
    with refusals():
        model = read_model("m.npz", io.BytesIO(archive_of(rest, models())[1]))
        steps = explain(model, pd.DataFrame(ROWS), row=1 + how // 2 % 7, epoch_step=bool(how & 1))
        json.dumps(steps, allow_nan=False, ensure_ascii=False).encode()
        text = io.StringIO()
        print_explanation(steps, text)
        assert all(line.isprintable() for line in text.getvalue().split("\n"))


def explain_seeds() -> list[bytes]:
    return [bytes([how]) + seed for how, seed in enumerate(model_seeds())]


@cache
def rows_file() -> str:
    folder = tempfile.TemporaryDirectory(prefix="nnfit-fuzz-")
    atexit.register(folder.cleanup)
    path = os.path.join(folder.name, "rows.csv")
    pd.DataFrame(ROWS).to_csv(path, index=False)
    return path


def run_plot(data: bytes) -> None:
    """Make a picture of the kind that the first byte says, as text too; one in eight is drawn.

    Drawing takes longest, and is of numbers that are made by then.
    """
    how, rest = first_byte(data)
    kind = list(KINDS)[how % len(KINDS)]
    options = Options(repeats=2) if kind == "importance" else Options()
    with refusals():
        model = read_model("m.npz", io.BytesIO(archive_of(rest, models())[1]))
        picture = make_picture(kind, [("m.npz", model)], rows_file(), options, Observer())
        if KINDS[kind].text:
            text = io.StringIO()
            print_plot(picture, text)
            assert all(line.isprintable() for line in text.getvalue().split("\n"))
        if how // len(KINDS) % 8 == 7:
            plots.render(kind, picture, "svg")


def plot_seeds() -> list[bytes]:
    good = model_seeds()
    return [bytes([how]) + good[how % len(good)] for how in range(8 * len(KINDS))]


# the checkpoint's reader -----------------------------------------------------------------------

RUN = {"nnfit_version": "0", "config": {"seed": 0}, "data": "d"}


def make_run(number: int) -> Fit:
    """Return a small run before its first step; the second one rolls back and keeps its path."""
    rng = np.random.default_rng(3)
    network = Network(Architecture((2, 3, 1), ("tanh",), "mse"), np.float32)
    network.initialize("auto", np.random.default_rng(1))
    train, held_out = (
        network_rows(rng.normal(size=(n, 2)), rng.normal(size=(n, 1)), None, network)
        for n in (12, 5)
    )
    name, momentum, schedule = (("adam", 0.0, "cosine"), ("sgd", 0.9, "plateau"))[number]
    return make_fit(
        network,
        make_optimizer(name, network.is_weight, 0.0, momentum, False),
        Settings(
            epochs=3, batch_size=4, learning_rate=0.1, patience=None, clip_norm=None,
            rollback=number == 1, checkpoint_seconds=1e-9, keep_trajectory=number == 1,
            record_steps=number == 1,
        ),
        train,
        held_out if number == 1 else None,
        schedule=Schedule(schedule, 3, every=1 if schedule == "plateau" else None),
    )  # fmt: skip


def saved(fit: Fit) -> bytes:
    buffer = io.BytesIO()
    write(buffer, fit.state, RUN)
    return buffer.getvalue()


@cache
def checkpoints() -> tuple[bytes, ...]:
    """Return a checkpoint of each run, in its second epoch."""
    kept = []
    for number in range(2):
        fit, of_run = make_run(number), []
        fit.checkpoint = lambda state, fit=fit, of_run=of_run: of_run.append(saved(fit))
        fit.run()
        kept.append(of_run[len(of_run) // 2])
    return tuple(kept)


def run_checkpoint(data: bytes) -> None:
    """Read a checkpoint, write it again, and end the run from there."""
    number, file = archive_of(data, checkpoints())
    path = os.path.join(os.path.dirname(rows_file()), "checkpoint")
    with open(path, "wb") as stream:
        stream.write(file)
    fit, again = make_run(number), make_run(number)
    with refusals():
        read(path, fit.state, RUN)
        with open(path, "wb") as stream:
            stream.write(raw := saved(fit))
        read(path, again.state, RUN)
        assert saved(again) == raw
        result = fit.run()
        assert result.failure is not None or np.isfinite(fit.state.parameters).all()


def checkpoint_seeds() -> list[bytes]:
    return archive_seeds(checkpoints())


CHECKPOINT_TOKENS = (
    *MODEL_TOKENS,
    *(b'"checkpoint_version"', b'"state"', b'"run"', b'"epochs"', b'"first"', b'"done"'),
    *(b'"rollbacks"', b'"path_points"', b'"PCG64"', b"2", b"3", b"4", b"8", b"12"),
)

# the pixels of pictures ------------------------------------------------------------------------


def run_flatten(data: bytes) -> None:
    """Make a picture a row of pixels; the first byte says of which size, and whether in colour."""
    how, picture = first_byte(data)
    size, rgb = (None, (1, 1), (3, 2), (28, 28))[how & 3], bool(how & 4)
    text = io.StringIO()
    with refusals(), stdin(picture):
        flatten_images(
            ["-"], text, size=size, rgb=rgb, label_from_folder=False, skip_bad=bool(how & 8),
            observer=Observer(),
        )  # fmt: skip
        header, row = text.getvalue().splitlines()
        names, pixels = header.split(","), [int(pixel) for pixel in row.split(",")]
        assert len(names) == len(set(names)) == len(pixels)
        assert size is None or len(names) == size[0] * size[1] * (3 if rgb else 1)
        assert 0 <= min(pixels) and max(pixels) <= 255


def flatten_seeds() -> list[bytes]:
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    seeds = []
    for number, (mode, kind, options) in enumerate(
        [
            ("RGB", "png", {}), ("RGBA", "png", {}), ("LA", "png", {}), ("1", "png", {}),
            ("P", "png", {"transparency": 3}), ("L", "jpeg", {}), ("RGB", "jpeg", {"exif": turned}),
            ("P", "gif", {}), ("RGB", "bmp", {}), ("P", "bmp", {}), ("L", "tiff", {}),
            ("RGB", "tiff", {"compression": "tiff_lzw"}), ("RGB", "ppm", {}), ("1", "ppm", {}),
            ("RGBA", "webp", {}), ("RGB", "jpeg2000", {}),
        ]
    ):  # fmt: skip
        buffer = io.BytesIO()
        Image.fromarray(colours).convert("RGB").convert(mode).save(buffer, kind, **options)
        seeds.append(bytes([number % 8]) + buffer.getvalue())
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 65535], [1, 300]], np.uint16)).save(buffer, "png")
    return [*seeds, b"\0" + buffer.getvalue(), b"\4P3 2 1 255 1 2 3 4 5 6\n", b"\0P1 1 1 0"]


FLATTEN_TOKENS = (
    *(b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL"),
    *(b"\xff\xd8\xff", b"\xff\xe1", b"Exif\0\0", b"\xff\xdb", b"\xff\xc0", b"\xff\xda", b"JFIF"),
    *(b"GIF89a", b"GIF87a", b"\x21\xf9\x04", b"\x21\xfe", b"\x2c", b"\x3b", b"BM", b"II*\0"),
    *(b"MM\0*", b"RIFF", b"WEBPVP8L", b"WEBPVP8X", b"ANIM", b"P1", b"P2", b"P3", b"P4", b"P5 "),
    *(b"P6 ", b"Pf", b"\0\0\0\x0cjP  \r\n\x87\n", b"ihdr", b"jp2c", b"\xff\x4f\xff\x51"),
    *(b"ftypavif", b"mdat", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x01\x12"),
    *(b"65535\n", b"99999 99999"),
)

TARGETS = {
    target.name: target
    for target in (
        Target("config", run_config, config_seeds, CONFIG_TOKENS),
        Target("csv", run_csv, csv_seeds, CSV_TOKENS),
        Target("expression", run_expression, expression_seeds, EXPRESSION_TOKENS),
        Target("graph", run_graph, expression_seeds, EXPRESSION_TOKENS),
        Target("model", run_model, model_seeds, MODEL_TOKENS),
        Target("explain", run_explain, explain_seeds, MODEL_TOKENS),
        Target("plot", run_plot, plot_seeds, MODEL_TOKENS),
        Target("checkpoint", run_checkpoint, checkpoint_seeds, CHECKPOINT_TOKENS),
        Target("flatten", run_flatten, flatten_seeds, FLATTEN_TOKENS),
    )
}
