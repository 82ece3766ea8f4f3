"""`nnfit activations`: hidden layers as columns; a linear model on them is the last layer.

Streaming, formats and carried columns are `predict`'s own code; here each is met once.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.table.rows import NamedRows

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

Columns = np.ndarray[Any, Any]


def columns_of(text: str) -> tuple[list[str], Columns]:
    """Return the header and the figures of a CSV, to the last bit: older pandas rounds."""
    header, *rows = text.splitlines()
    return header.split(","), np.array([[float(cell) for cell in row.split(",")] for row in rows])


def trained(cli: Commands, folder: Path, example: Example, *overrides: str) -> str:
    """Train the example once more, otherwise; return the model's name."""
    options = [option for pair in overrides for option in ("--set", pair)]
    result = cli("train", f"{example.name}.yaml", "-q", "-o", "other.npz", *options)
    assert (result.code, result.out) == (0, "other.npz\n")
    return "other.npz"


def last_layer(name: str, a: Columns) -> Columns:
    """Return what a linear model with the network's last W and b makes of the columns, in float64.

    In float32 the network rounds each product, so they agree to its some 7 digits.
    """
    with np.load(name) as arrays:
        n_layers = sum(key.startswith("W") for key in arrays.files)
        W, b = arrays[f"W{n_layers}"], arrays[f"b{n_layers}"]
    return np.asarray(a @ W.T.astype(np.float64) + b.astype(np.float64))


# what the columns are ------------------------------------------------------------------------


def test_one_column_per_unit_and_one_row_per_row(cli: Commands, tiny: Example) -> None:
    result = cli("activations", "tiny.npz", "tiny.csv", "--layer", "1")
    assert (result.code, result.err) == (0, "")
    header, a = columns_of(result.out)
    assert header == [f"layer1_unit{unit}" for unit in range(1, 9)]
    assert a.shape == (48, 8)
    model = package.load("tiny.npz")
    X = model.encoder.transform(NamedRows(pd.read_csv("tiny.csv"), "tiny.csv"))
    with np.load("tiny.npz") as arrays:
        z = X @ arrays["W1"].T + arrays["b1"]
    np.testing.assert_allclose(a, np.maximum(z, 0.0), rtol=1e-5, atol=1e-6)  # float32's digits
    assert (a > 0.0).any(axis=0).sum() > 4  # not all of it zeros
    assert "-0.0" not in result.out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_figures_read_back_as_the_same_numbers(
    cli: Commands, tiny: Example, folder: Path, dtype: str
) -> None:
    sizes = "model.hidden_sizes=[5, 3]"
    name = trained(cli, folder, tiny, f"training.dtype={dtype}", sizes, "model.activation=tanh")
    model = package.load(name)
    frame = pd.read_csv("tiny.csv")
    for layer, units in ((1, 5), (2, 3)):
        result = cli("activations", name, "tiny.csv", "--layer", str(layer))
        header, a = columns_of(result.out)
        assert header == [f"layer{layer}_unit{unit}" for unit in range(1, units + 1)]
        expected = model.hidden(NamedRows(frame, "tiny.csv"), layer=layer)
        assert expected.dtype == dtype
        np.testing.assert_array_equal(a.astype(dtype), expected)
        if dtype == "float32":  # no digits that it does not hold
            digits = [cell.lstrip("-0.").replace(".", "") for line in result.out.split("\n")[1:]
                      for cell in line.split("e")[0].split(",")]  # fmt: skip
            assert max(map(len, digits)) <= 9


@pytest.mark.parametrize("name", ["tiny", "labels"])
def test_a_linear_model_on_the_columns_is_the_classifier(
    cli: Commands, request: pytest.FixtureRequest, name: str
) -> None:
    request.getfixturevalue(name)
    _, a = columns_of(cli("activations", f"{name}.npz", f"{name}.csv", "--layer", "1").out)
    z = last_layer(f"{name}.npz", a)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    result = cli("predict", f"{name}.npz", f"{name}.csv", "--proba")
    rows = pd.read_csv(io.StringIO(result.out), dtype={"prediction": str})
    np.testing.assert_allclose(p, rows.iloc[:, 1:].to_numpy(), rtol=2e-5)
    classes = np.array(package.load(f"{name}.npz").classes, dtype=object)
    assert classes[z.argmax(axis=1)].tolist() == rows["prediction"].tolist()


def test_a_linear_model_on_the_columns_is_the_regression(cli: Commands, pair: Example) -> None:
    _, a = columns_of(cli("activations", "pair.npz", "pair.csv", "--layer", "1").out)
    scaler = package.load("pair.npz").scaler
    assert scaler is not None
    _, values = columns_of(cli("predict", "pair.npz", "pair.csv").out)
    # in standard deviations of the targets, whose units differ
    np.testing.assert_allclose(last_layer("pair.npz", a), scaler.encode(values), atol=1e-5)


def test_two_classes_in_float64_to_the_last_digits(
    cli: Commands, binary: Example, folder: Path
) -> None:
    name = trained(
        cli, folder, binary, "model.hidden_sizes=[6, 4]", "training.dtype=float64",
        "model.activation=silu", "model.dropout=0.3",
    )  # fmt: skip
    _, a = columns_of(cli("activations", name, "binary.csv", "--layer", "2").out)
    p = 1.0 / (1.0 + np.exp(-last_layer(name, a)[:, 0]))
    rows = pd.read_csv(io.StringIO(cli("predict", name, "binary.csv", "--proba").out))
    np.testing.assert_allclose(p, rows["probability_True"], rtol=1e-12)


# as predict ----------------------------------------------------------------------------------


def test_carried_columns_and_formats(cli: Commands, labels: Example) -> None:
    command = ("activations", "labels.npz", "labels.csv", "--layer", "1")
    plain = cli(*command).out.splitlines()
    kept = cli(*command, "--keep", "city", "--keep", "code", "--format", "jsonl").out.splitlines()
    for record, city, row in zip(map(json.loads, kept), labels.cells["city"], plain[1:],
                                 strict=True):  # fmt: skip
        assert list(record) == ["city", "code", *plain[0].split(",")]
        assert record["city"] == city
        assert list(record.values())[2:] == [float(cell) for cell in row.split(",")]
    appended = cli(*command, "--append").out
    given = labels.csv.splitlines()
    assert appended.splitlines() == [f"{a},{b}" for a, b in zip(given, plain, strict=True)]
    tabs = cli(*command, "--format", "tsv").out
    assert tabs.replace("\t", ",").splitlines() == plain


@pytest.mark.parametrize("args", [(), ("-",)])
def test_data_from_stdin_named_or_left_out(
    nnfit: Nnfit, tiny: Example, args: tuple[str, ...]
) -> None:
    expected = nnfit("activations", "tiny.npz", "tiny.csv", "--layer", "1")
    assert expected.code == 0
    assert nnfit("activations", "tiny.npz", *args, "--layer", "1", stdin=tiny.csv) == expected


def test_rows_come_out_while_input_still_comes_in(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("activations", "tiny.npz", "--layer", "1", stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"x,colour\n0.5,red\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"layer1_unit1,")  # would hang if it waited
    first = process.stdout.readline()
    process.stdin.write(b"0.5,red\n")
    process.stdin.close()
    assert process.stdout.read() == first
    assert process.wait(timeout=60) == 0


def test_a_reader_that_is_gone(nnfit: Nnfit, tiny: Example) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = nnfit.start("activations", "tiny.npz", "tiny.csv", "--layer", "1", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_a_file_appears_whole_or_not_at_all(cli: Commands, tiny: Example, folder: Path) -> None:
    command = ("activations", "tiny.npz", "tiny.csv", "--layer", "1")
    result = cli(*command, "-o", "out.csv")
    assert (result.code, result.out, result.err) == (0, "", "")
    whole = cli(*command).out
    assert (folder / "out.csv").read_text(encoding="utf-8") == whole
    (folder / "tiny.csv").write_text(tiny.csv + "oops,red,a\n", encoding="utf-8")
    result = cli(*command, "-o", "out.csv")
    assert result.err == (
        "nnfit: error: tiny.csv, row 49, column 'x': cannot read 'oops' as a number. "
        "Mend the cell, or leave it empty\n"
    )
    assert result.code == 2
    assert (folder / "out.csv").read_text(encoding="utf-8") == whole


# bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "layer", "line"),
    [
        ("[5, 3]", "3", "--layer: the model has no hidden layer 3; expected 1 to 2"),
        ("[5, 3]", "0", "--layer: the model has no hidden layer 0; expected 1 to 2"),
        ("[5]", "-1", "--layer: the model has no hidden layer -1; expected 1, its only one"),
        ("[]", "1", "--layer: got 1; the model is a linear predictor, which has no hidden layer. "
                    "Train one with model.hidden_sizes"),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_exist(
    cli: Commands, tiny: Example, folder: Path, sizes: str, layer: str, line: str
) -> None:
    name = trained(cli, folder, tiny, f"model.hidden_sizes={sizes}", "training.epochs=1")
    result = cli("activations", name, "tiny.csv", "--layer", layer)
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((), "missing option '--layer'; see 'nnfit activations --help'"),
        (
            ("--layer", "1", "--keep", "x", "--append"),
            "--append carries every column already; leave out --keep; "
            "see 'nnfit activations --help'",
        ),
        (
            ("--layer", "1", "--keep", "layer1_unit2"),
            "<stdin>: column 'layer1_unit2' is carried and a unit of hidden layer 1; "
            "rename it, or carry others with --keep",
        ),
        (
            ("--layer", "1", "--keep", "colr"),
            "<stdin>: no column 'colr'; columns are: x, colour, layer1_unit2; "
            "did you mean 'colour'?",
        ),
        (
            ("--layer", "1", "-o", "tiny.npz"),
            "tiny.npz: is what is read; expected another place to write to",
        ),
    ],
    ids=["no layer", "keep and append", "a name twice", "no such column", "over the model"],
)
def test_wrong_options(cli: Commands, tiny: Example, args: tuple[str, ...], line: str) -> None:
    given = "x,colour,layer1_unit2\n0.5,red,1\n"
    result = cli("activations", "tiny.npz", "-", *args, stdin=given)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"nnfit: error: {line}\n"
