"""Models from a stranger: whatever the file holds, it loads as it was or is one line, soon.

What a file that is merely wrong says is in `test_model_file`; SECURITY.md names the tests here.
"""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from test_model_file import arrays_of, meta_of, packed, refusal, with_meta

import nnfit
from nnfit.budget import MAX_META, MAX_OBJECTS, MAX_UNITS
from nnfit.errors import ConfigError, ModelFileError, OutputError
from nnfit.model.file.reading import MAX_DIRECTORY, MAX_INFLATED, read_model
from nnfit.table.labels import MAX_CLASSES
from nnfit.table.scaling import MAX_QUANTILES_IN_ALL

if TYPE_CHECKING:
    from conftest import Commands, Example

AGAIN = "; train the model again"
Meta = dict[str, Any]


def loaded(raw: bytes) -> nnfit.Model | None:
    """Return the model, or None when it is refused in one line."""
    try:
        return read_model("m.npz", io.BytesIO(raw))
    except ModelFileError as err:
        (line,) = err.messages
        assert line.startswith("m.npz: ") and line.isprintable() and len(line) < 400, line
        return None


def with_array(raw: bytes, name: str, contents: bytes) -> bytes:
    """Return the file with other bytes for one member, its checksum right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            new.writestr(member, contents if member == f"{name}.npy" else old.read(member))
    return buffer.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """Return an .npy with any header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def test_every_truncation_is_one_line(tiny: Example) -> None:
    assert loaded(tiny.npz) is not None
    for length in range(len(tiny.npz)):
        assert loaded(tiny.npz[:length]) is None, length


def test_every_byte_flipped_is_one_line_or_the_same_model(
    tiny: Example, rng: np.random.Generator
) -> None:
    flips = rng.integers(1, 256, len(tiny.npz))
    same = 0
    for place, flip in enumerate(flips.tolist()):
        raw = bytearray(tiny.npz)
        raw[place] ^= flip
        model = loaded(bytes(raw))
        if model is not None:  # a date, say, of the zip's members
            same += 1
            assert model.to_bytes() == tiny.npz, place
    assert 0 < same < len(tiny.npz) // 5


HEADERS = {
    "an object": npy("{'descr': '|O', 'fortran_order': False, 'shape': (8, 4), }"),
    "a record": npy("{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': ()}"),
    "big-endian": npy("{'descr': '>f4', 'fortran_order': False, 'shape': (8, 4), }", bytes(128)),
    "Fortran's order": npy(
        "{'descr': '<f4', 'fortran_order': True, 'shape': (8, 4), }", bytes(128)
    ),
    "written by Python 2": npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (8L, 4L), }", bytes(128)
    ),
    "256 TB": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (70368744177664,), }"),
    "a negative length": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-8, -4), }"),
    "many dimensions": npy(
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1, ' * 3000}), }}", bytes(4)
    ),
    "a deep header": npy("{'shape': " + "(" * 5000 + ")" * 5000 + "}"),
    "a long header": npy("{'descr': '<f4'" + " " * 40_000 + "}"),
    "an expression": npy("__import__('os').mkdir('owned')"),
    "a long dtype": npy(
        "{'descr': '<f4" + ",<f4" * 1000 + "', 'fortran_order': False, 'shape': ()}"
    ),
    "another version": npy("{}", version=b"\x03\x00"),
    "no header": b"\x93NUMPY\x01\x00",
    "nothing": b"",
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x05mkdir\x93\x8c\x05owned\x85R.",
}


def test_an_array_of_another_length(tiny: Example) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 4), }"
    for length, reason in (
        (4, "W1 is shorter than its shape (8, 4)"),
        (124, "W1 has 124 bytes, its shape (8, 4) needs 128"),
        (200, "W1 has 129 bytes, its shape (8, 4) needs 128"),
    ):
        line = refusal(with_array(tiny.npz, "W1", npy(header, bytes(length))))
        assert line == f"m.npz: {reason}{AGAIN}"


@pytest.mark.parametrize("name", ["meta", "W1", "b2", "history_epoch"])
@pytest.mark.parametrize("header", HEADERS)
def test_a_strange_array(tiny: Example, header: str, name: str) -> None:
    assert loaded(with_array(tiny.npz, name, HEADERS[header])) is None
    assert not os.path.exists("owned")


def test_a_directory_that_never_ends() -> None:
    """A zip's own directory may take more memory than the zip: a megabyte of it is read."""
    count = 200_000
    entry = b"PK\1\2" + bytes(42)
    directory = entry * count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    line = refusal(b"PK\3\4" + directory + end)
    assert line == f"m.npz: has a directory of over {MAX_DIRECTORY} bytes{AGAIN}"


def test_paths_in_the_zip(tiny: Example, folder: Any) -> None:
    for name in ("../../W1", "/etc/W1", "W1/../W1", "a\n\x1b[31m"):
        line = refusal(packed({**arrays_of(tiny.npz), name: np.zeros(1)}))
        assert "which belongs to no nnfit model" in line and line.isprintable()
    assert sorted(p.name for p in folder.iterdir()) == [
        "m.npz",
        "tiny.csv",
        "tiny.npz",
        "tiny.yaml",
    ]


def test_weights_that_are_declared_only(tiny: Example) -> None:
    """2 GB of zeros compress to 2 MB: they are refused before they are unpacked."""
    arrays = arrays_of(tiny.npz)
    meta = meta_of(tiny.npz)
    meta["network"]["sizes"] = [4, 600_000, 600_000, 3]
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    sizes = "positive integers up to 1048576 in all"
    assert refusal(packed(arrays)) == f"m.npz: the layer sizes are not {sizes}{AGAIN}"
    meta["network"].update(sizes=[4, 20_000, 20_000, 3], activations=["relu", "relu"])
    shapes = {"W1": (20_000, 4), "b1": 20_000, "W2": (20_000, 20_000), "b2": 20_000}
    shapes |= {"W3": (3, 20_000), "b3": 3}
    arrays |= {name: np.zeros(2, np.float32) for name in shapes}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    raw = packed(arrays, compression=zipfile.ZIP_DEFLATED)
    n_bytes = 4 * (20_000 * 20_000 + 7 * 20_000 + 40_000 + 3) + 5 * 8 * 30 + 8 * 10
    assert refusal(raw) == (
        f"m.npz: declares {n_bytes} bytes of arrays in a file of {len(raw)}; "
        f"at most {MAX_INFLATED} more{AGAIN}"
    )


def test_more_weights_than_any_model_has(tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnfit.model.file.reading.MAX_ARRAY_BYTES", 1000)
    assert refusal(tiny.npz) == f"m.npz: declares 1548 bytes of arrays; at most 1000{AGAIN}"


def test_a_member_of_two_gigabytes(tiny: Example) -> None:
    """What the zip claims is no reason to allocate it."""
    raw = bytearray(tiny.npz)
    for signature, place in ((b"PK\3\4", 18), (b"PK\1\2", 20)):
        at = -1
        while (at := raw.find(signature, at + 1)) >= 0:
            raw[at + place : at + place + 8] = struct.pack("<LL", 2**31 - 1, 2**31 - 1)
    begin = time.process_time()
    assert refusal(bytes(raw)) == (
        f"m.npz: 'meta' has {2**31 - 1} bytes; at most {MAX_META}{AGAIN}"
    )
    assert time.process_time() - begin < 20.0


def changes(*path: str, value: Any) -> Callable[[Meta], None]:
    """Return what puts `value` at `path` in meta."""

    def change(meta: Meta) -> None:
        *rest, last = [int(key) if key.isdigit() else key for key in path]
        here: Any = meta
        for key in rest:
            here = here[key]
        here[last] = value

    return change


META = [
    (changes("config", value={}), "config has no 'data'"),
    (changes("metrics", "train", value={"a": float("nan")}),
     "'meta' holds NaN, which is not a number"),
    (changes("config", "data", "delimiter", value="é"), "delimiter is 'é'; expected one ASCII "
     "character other than a quote or a line end, or 'auto'"),
    (changes("config", "data", "header", value=1), "config.data.header must be true or false"),
    (changes("config", "data", "decimal", value=None),
     "config.data.decimal must be one of ., ,"),
    (changes("config", "data", "thousands", value="'"),
     "config.data.thousands must be one of ,, .,  "),
    (changes("encoder", "columns", "0", "spelling", value={"decimal": ","}),
     "encoder.columns[0].spelling must be an object with currency, decimal, percent, thousands"),
    (changes("encoder", "columns", "0", "spelling",
             value={"decimal": ",", "thousands": ",", "currency": "", "percent": False}),
     "encoder.columns[0].spelling.thousands must not be the decimal mark"),
    (changes("encoder", "columns", "0", "spelling",
             value={"decimal": ",", "thousands": "x", "currency": "", "percent": False}),
     "encoder.columns[0].spelling.thousands must be one of ,, .,  , '"),
    (changes("config", "data", "skip_rows", value=True),
     "config.data.skip_rows must be an integer from 0 to 1000000"),
    (changes("config", "data", "skip_rows", value=-1),
     "config.data.skip_rows must be an integer from 0 to 1000000"),
    (changes("config", "data", "comment", value="//"),
     "config.data.comment must be one ASCII character"),
    (changes("config", "data", "comment", value="é"),
     "config.data.comment must be one ASCII character"),
    (changes("config", "data", "missing_values", value=[1]),
     "config.data.missing_values must be text"),
    (changes("config", "data", "missing_values", value={"x": "?"}),
     "config.data.missing_values.x must be a list"),
    (changes("fingerprints", value=[]), "'meta' has no 'fingerprints'"),
    (changes("fingerprints", value={"data": 1}), "fingerprints.data must be text"),
    (changes("words", value=["x", "x"]), "words must be a list of different texts"),
    (changes("config", "data", "path", value=None), "config.data.path must be text"),
    (changes("metrics", "train", value=[1]), "metrics.train must be an object"),
    (changes("metrics", "train", value={"a": 10**400}),
     "metrics.train.a holds a number beyond the range of float64"),
    (changes("training", value=[]), "training must be an object"),
    (changes("training", "epochs", value=True),
     "training.epochs must be an integer from 0 to 1000000000"),
    (changes("training", "best_epoch", value=31), "training.best_epoch must be one of its epochs"),
    (changes("training", "rows", value={"all": 1}),
     "training.rows must be an object with train, validation, test"),
    (changes("metrics", value={"x": {}}), "metrics must be an object with train, validation, test"),
    (changes("config", "optimizer", value=None), "config.optimizer must be an object"),
    (changes("config", "optimizer", value={}), "config.optimizer has no 'name'"),
    (changes("config", "optimizer", "learning_rate", value=0),
     "config.optimizer.learning_rate must be a number > 0"),
    (changes("config", "optimizer", "clip_norm", value=-1),
     "config.optimizer.clip_norm must be a number > 0"),
    (changes("config", "seed", value=-1),
     f"config.seed must be an integer from 0 to {2**63 - 1}"),
    (changes("config", "class_weight", value="x"), "config.class_weight must be one of balanced"),
    (changes("config", "class_weight", value={"a": -1}),
     "config.class_weight.a must be a number >= 0"),
    (changes("config", "data", "validation", value=1e308),
     "config.data.validation must be a number in [0, 1)"),
    (changes("config", "data", "test", value=""), "config.data.test must be the path of a file"),
    (changes("config", "data", "path", value="a\0b"),
     "config.data.path must be the path of a file"),
    (changes("config", "model", "dropout", value=[{"x": -(10**400)}]),
     "config holds a number beyond the range of float64"),
    (changes("network", "l2", value=10**400), "l2 must be a finite number"),
    (changes("network", "l2", value=-1), "dropout or l2 is out of range"),
    (changes("network", "bias", value=1), "bias must be true or false"),
    (changes("network", "input_scale", value=1), "input_scale must be true or false"),
    (changes("network", "loss", value=["mse"] * 10**5),
     "the network has an activation, a loss or a dtype of unknown name"),
    (changes("network", "activations", value=["relu"] * 3),
     "the activations do not fit the layers"),
    (changes("network", "loss", value="binary_cross_entropy"),
     "binary_cross_entropy needs a sigmoid output, got 'softmax'"),
    (changes("task", value=["x"] * 10**5), "'task' is neither regression nor classification"),
    (changes("targets", value=[]), "'targets' is not a list of names"),
    (changes("classes", value=["a", "b"]), "2 classes do not fit 3 outputs"),
    (changes("classes", value=[str(i) for i in range(MAX_CLASSES + 1)]),
     f"labels.classes must be a list of 2 to {MAX_CLASSES} texts"),
    (changes("classes", value=["a", "b", "\ud800"]), "'meta' is not JSON"),
    (changes("encoder", "inputs", value=[]), "encoder.inputs must not be empty"),
    (changes("encoder", "inputs", value=[{"kind": "one_hot", "column": "colour"}] * 10**5),
     "encoder.inputs must be different"),
    (changes("encoder", "columns", "1", "categories", value=["a", "b"]),
     "the columns give 3 inputs, the network takes 4"),
    (changes("encoder", "inputs", "0", "column", value="colour"),
     "encoder.inputs[0].column must be a numeric or boolean column"),
    (changes("encoder", "inputs", "0", value={"kind": "expression", "scaler": None,
     "expression": "x" + "**x" * 1000}),
     "encoder.inputs[0].expression: 3001 characters are too many; at most 1000"),
    (changes("encoder", "inputs", "0", value={"kind": "expression", "scaler": None,
     "expression": "-" * 60 + "x"}),
     "encoder.inputs[0].expression: nested too deeply; at most 50 levels"),
    (changes("encoder", "inputs", "0", value={"kind": "expression", "scaler": None,
     "expression": "+".join(["x"] * 300)}),
     "encoder.inputs[0].expression: nested too deeply; at most 50 levels"),
    (changes("encoder", "inputs", "0", value={"kind": "expression", "scaler": None,
     "expression": "x.__class__"}),
     "encoder.inputs[0].expression: 'x.__class__' at character 1 is not allowed; an expression "
     "holds numbers, column names, + - * / ** and sin cos tan exp log sqrt abs tanh sigmoid relu "
     "minimum maximum"),
    (changes("encoder", "inputs", "0", value={"kind": "expression", "scaler": None,
     "expression": "eval(x)"}),
     "encoder.inputs[0].expression: unknown function 'eval' at character 1; functions are: sin "
     "cos tan exp log sqrt abs tanh sigmoid relu minimum maximum"),
    (changes("encoder", "inputs", "0", "scaler", value={"kind": "quantile",
     "quantiles": [-1e308, 1e308]}), "encoder.inputs[0].scaler.quantiles must ascend"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(META)))
def test_what_meta_may_not_say(tiny: Example, number: int) -> None:
    change, reason = META[number]
    assert refusal(with_meta(tiny.npz, change)) == f"m.npz: {reason}{AGAIN}"


def test_a_scaler_of_other_targets(price: Example) -> None:
    raw = with_meta(price.npz, changes("scaler", "targets", value=["area"]))
    assert refusal(raw) == f"m.npz: 'scaler' is of other targets{AGAIN}"


def test_two_targets_do_not_fit_one_output(price: Example) -> None:
    def grow(meta: Meta) -> None:
        meta["targets"] = meta["scaler"]["targets"] = ["price", "b"]
        meta["scaler"]["means"], meta["scaler"]["scales"] = [0.0, 0.0], [1.0, 1.0]
        del meta["held_out"]

    arrays = arrays_of(with_meta(price.npz, grow))
    del arrays["held_out_scores"]
    assert refusal(packed(arrays)) == (f"m.npz: 2 targets do not fit 1 outputs{AGAIN}")


def test_long_names_of_many_slots(tiny: Example) -> None:
    """Every category's input repeats the column's name: their product has a limit."""

    def grow(meta: Meta) -> None:
        categories = [str(i) for i in range(5000)]
        meta["encoder"]["columns"][1].update(name="c" * 30_000, categories=categories)
        meta["encoder"]["inputs"][1]["column"] = "c" * 30_000

    assert refusal(with_meta(tiny.npz, grow)) == (
        f"m.npz: encoder.columns must have shorter names{AGAIN}"
    )


def test_a_meta_of_many_objects(tiny: Example) -> None:
    raw = b'{"config":[' + b"{}," * MAX_OBJECTS + b"{}]}"
    assert refusal(packed({**arrays_of(tiny.npz), "meta": np.frombuffer(raw, np.uint8)})) == (
        f"m.npz: 'meta' holds over {MAX_OBJECTS} lists and objects{AGAIN}"
    )
    line = refusal(with_meta(tiny.npz, changes("format_version", value=[[]] * 10**5)))
    assert line.startswith("m.npz: format of no number, this nnfit reads format 1; ")


def test_a_compressed_model_is_a_model(tiny: Example) -> None:
    model = loaded(packed(arrays_of(tiny.npz), compression=zipfile.ZIP_DEFLATED))
    assert model is not None and model.to_bytes() == tiny.npz
    line = refusal(packed(arrays_of(tiny.npz), compression=zipfile.ZIP_LZMA))
    assert line == f"m.npz: meta is compressed in an unknown way{AGAIN}"


def test_a_pipe_and_a_device_are_no_model(tiny: Example) -> None:
    os.mkfifo("pipe")
    for name in ("pipe", "/dev/zero"):
        with pytest.raises(ModelFileError) as caught:
            nnfit.load(name)
        assert str(caught.value) == f"{name}: is a pipe or a device; expected a model file (.npz)"
    for name, reason in (("tiny.npz/x", "not a directory"), ("x" * 300, "file name too long")):
        with pytest.raises(ModelFileError) as caught:
            nnfit.load(name)
        assert str(caught.value) == f"{name}: cannot be read: {reason}"


def test_out_of_memory_is_one_line(tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("nnfit.model.file.reading.parse_meta", exhausted)
    assert refusal(tiny.npz) == "m.npz: does not fit into memory"


def test_wide_inputs_are_taken_piece_by_piece(
    tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_csv("tiny.csv")
    model = nnfit.load("tiny.npz")
    expected = model.predict_proba(frame)
    monkeypatch.setattr("nnfit.model.model.INPUTS_AT_ONCE", 20)
    widths = []
    transform = type(model.encoder).transform

    def counted(encoder: Any, rows: pd.DataFrame, *args: Any) -> Any:
        widths.append(len(rows))
        return transform(encoder, rows, *args)

    monkeypatch.setattr(type(model.encoder), "transform", counted)
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=1e-6)
    assert max(widths) == 20 // 4 and sum(widths) == len(frame)
    bad = frame.assign(x=frame["x"].where(frame.index != 30, "oops"))
    with pytest.raises(nnfit.NnfitError, match=r"^data, row 31, column 'x': "):
        model.predict(bad)


def test_extreme_numbers_are_told_without_a_warning(
    cli: Commands, price: Example, pair: Example
) -> None:
    """Finite scales whose products are not: numbers come out; weights: one line says so."""
    beyond = "the network leaves the range of float"
    for raw, data, code in (
        (with_meta(pair.npz, changes("scaler", "means", value=[1e308, 0.0])), "pair.csv", 0),
        (with_meta(pair.npz, changes("scaler", "scales", value=[5e-324, 1e308])), "pair.csv", 0),
        (packed({**arrays_of(pair.npz), "W1": np.full((8, 2), 3e38, np.float32)}), "pair.csv", 2),
        (packed({**arrays_of(price.npz), "W1": np.array([[1e308, -1e308]])}), "price.csv", 2),
    ):
        with open("m.npz", "wb") as stream:
            stream.write(raw)
        for command in (f"predict m.npz {data} -q", f"evaluate m.npz {data} -q --json"):
            result = cli(*command.split())
            assert result.code == code
            assert result.err.count("\n") == (code == 2)
            assert (beyond in result.err) == (code == 2)
        for command in ("inspect m.npz --json", "inspect m.npz"):
            result = cli(*command.split())
            assert (result.code, result.err) == (0, "")


def test_pictures_of_extreme_numbers_are_drawn_or_refused(cli: Commands, price: Example) -> None:
    """Residuals so large that they are all one number have bins; what squares to infinity not."""
    far = "its numbers are too large for a picture; expected none beyond 1e+150"
    for kind, raw, line in (
        ("residuals", with_meta(price.npz, changes("scaler", "means", value=[-1e20])), ""),
        ("residuals", with_meta(price.npz, changes("scaler", "means", value=[-1e300])), far),
        ("loss", packed({**arrays_of(price.npz), "history_train_loss": np.full(60, 1e308)}), far),
        ("surface", with_path(price.npz, np.full((2, 3), 1e18)), ""),
        ("surface", with_path(price.npz, np.array([[1e200] * 3, [0.0] * 3])),
         "its loss leaves the range of float64 near the trained weights"),
    ):  # fmt: skip
        with open("m.npz", "wb") as stream:
            stream.write(raw)
        result = cli("plot", kind, "m.npz", "-o", "p.svg", "-q")
        said = f"nnfit: error: m.npz: {line}\n" if line else ""
        assert (result.code, result.err) == (2 if line else 0, said), kind
        assert os.path.exists("p.svg") == (not line)
        if not line:
            os.remove("p.svg")


def test_a_path_without_principal_components(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some LAPACKs give up where a number is not finite, others give NaN."""

    def give_up(*_: Any, **__: Any) -> Any:
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr("numpy.linalg.svd", give_up)
    path = np.arange(2 * 67, dtype=np.float32).reshape(2, 67)
    with open("m.npz", "wb") as stream:
        stream.write(with_path(tiny.npz, path))
    result = cli("plot", "surface", "m.npz", "-o", "p.svg", "-q")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: m.npz: its numbers are too large for a picture; expected none beyond "
        "1e+150\n",
    )


def with_path(raw: bytes, path: Any) -> bytes:
    """Return the model with such a path of training, from its start."""
    arrays = arrays_of(with_meta(raw, changes("path_points", value=len(path))))
    epochs = np.arange(len(path))
    return packed({**arrays, "history_parameters_epoch": epochs, "history_parameters": path})


@pytest.mark.parametrize(
    ("validation", "test", "reason"),
    [
        (0.5, 0.5, "validation and test take 0.5 + 0.5 of the rows; expected less than 1, so that "
         "some are left for training"),
    ],
)  # fmt: skip
def test_a_split_that_is_not_of_the_data(
    cli: Commands, price: Example, validation: float, test: float, reason: str
) -> None:
    def change(meta: Meta) -> None:
        meta["config"]["data"].update(validation=validation, test=test)

    with open("m.npz", "wb") as stream:
        stream.write(with_meta(price.npz, change))
    result = cli("evaluate", "m.npz", "--split", "test", "-q")
    said = f"nnfit: error: price.csv: the model's config does not fit its rows: {reason}\n"
    assert (result.code, result.err) == (2, said)


def test_gradients_of_extreme_numbers_are_checked_without_a_warning(
    cli: Commands, pair: Example
) -> None:
    beyond = "nnfit: error: pair.csv, row 1: 'v' is 0.256, which leaves the range of float32 when "
    for scale, codes, said in ((1e-37, (0, 1), ""), (1e-300, (2,), beyond)):
        change = changes("encoder", "inputs", "1", "scaler", "scale", value=scale)
        with open("m.npz", "wb") as stream:
            stream.write(with_meta(pair.npz, change))
        result = cli("gradcheck", "m.npz", "--data", "pair.csv", "-q")
        assert result.code in codes
        assert result.err.startswith(said) and result.err.count("\n") == (scale == 1e-300)


# what is written can be read -----------------------------------------------------------------


def test_no_model_is_written_that_cannot_be_read(
    tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nnfit.load("tiny.npz")
    monkeypatch.setattr("nnfit.storage.npz.MAX_META", 100)
    reason = r"^the model holds \d+ bytes; at most 100 beside its weights, more"
    with pytest.raises(OutputError, match=reason):
        model.to_bytes()
    monkeypatch.undo()
    for limit in ("MAX_OBJECTS", "MAX_VALUES"):
        monkeypatch.setattr(f"nnfit.storage.npz.{limit}", 3)
        with pytest.raises(OutputError, match="^the model holds over 3 "):
            model.to_bytes()
        monkeypatch.undo()


def test_many_columns_share_their_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnfit.table.fitting.MAX_QUANTILES_IN_ALL", 60)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(100, 6)), columns=list("abcdey"))
    config = {
        "data": {"target": "y"},
        "preprocessing": {"numeric": "quantile"},
        "training": {"epochs": 1},
    }
    meta = meta_of(nnfit.train(config, frame).to_bytes())
    assert [len(item["scaler"]["quantiles"]) for item in meta["encoder"]["inputs"]] == [12] * 5
    assert MAX_QUANTILES_IN_ALL * 25 < MAX_META


@pytest.mark.parametrize(
    ("sizes", "got", "expected"),
    [
        ([40_000, 40_000], "1600200001 parameters of 80003 units", "1073741824 and 1048576"),
        (
            [1_000_000, 100_000],
            "100003200001 parameters of 1100003 units",
            "1073741824 and 1048576",
        ),
    ],
)
def test_a_network_too_large_for_any_file(sizes: list[int], got: str, expected: str) -> None:
    frame = pd.DataFrame({"a": range(20), "b": [i % 3 for i in range(20)], "y": np.arange(20) / 3})
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": sizes}}
    with pytest.raises(ConfigError) as caught:
        nnfit.train(config, frame)
    assert str(caught.value) == (
        f"config: model.hidden_sizes: {got}, 2 of them inputs, are more than a model holds; "
        f"expected at most {expected}. Use narrower layers"
    )


@pytest.mark.parametrize("members, width", [(1000, 1047), (500, 2100), (40, 40_000)])
def test_members_too_large_for_any_file(members: int, width: int) -> None:
    frame = pd.DataFrame({"a": range(20), "y": np.arange(20) / 3})
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": [width], "members": members}}
    with pytest.raises(ConfigError) as caught:
        nnfit.train(config, frame)
    assert str(caught.value) == (
        f"config: model.members: {members} members of {width + 2} units and {3 * width + 1} "
        f"parameters each are more than a model holds; expected at most "
        f"{MAX_UNITS // (width + 2)}. Use fewer, or narrower layers"
    )


def test_too_many_classes() -> None:
    n = MAX_CLASSES + 1
    frame = pd.DataFrame({"x": range(n), "y": [f"k{i}" for i in range(n)]})
    with pytest.raises(nnfit.NnfitError) as caught:
        nnfit.train({"data": {"target": "y", "validation": 0}}, frame)
    assert str(caught.value) == (
        f"data: target 'y' has {n} classes; expected at most {MAX_CLASSES}. "
        "For a quantity set data.task: regression"
    )
