"""`nnfit predict` from outside: rows, header, labels, carried columns, formats, odd input.

Streaming and pipes are in `test_cli_streams`, wrong input in `test_bad_input`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.table.cells import typed
from nnfit.table.coding import NumberCode

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

CLASSES = [' a,b "q"', "007", "1.0", "yes", "Zürich"]  # in the order of their characters


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_one_row_each_in_order_with_a_header(cli: Commands, labels: Example) -> None:
    result = cli("predict", "labels.npz", "labels.csv", "-q")
    assert (result.code, result.err) == (0, "")
    header, *rows = rows_of(result.out)
    assert header == ["prediction"]
    assert len(rows) == 100
    truth = labels.cells["label"].tolist()
    # one class in five is right by chance; the labels come back as they were spelt
    assert np.mean([row[0] == label for row, label in zip(rows, truth, strict=True)]) > 0.9
    assert {row[0] for row in rows} == set(truth)


def test_probabilities_have_a_column_for_each_class_and_sum_to_one(
    cli: Commands, labels: Example
) -> None:
    header, *rows = rows_of(cli("predict", "labels.npz", "labels.csv", "-q", "--proba").out)
    order = sorted(CLASSES)
    assert header == ["prediction", *(f"probability_{label}" for label in order)]
    p = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert p.min() >= 0.0
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)  # float32, nine digits
    assert [row[0] for row in rows] == [order[k] for k in p.argmax(axis=1)]


def test_two_classes(cli: Commands, binary: Example) -> None:
    header, *rows = rows_of(cli("predict", "binary.npz", "binary.csv", "-q", "--proba").out)
    assert header == ["prediction", "probability_False", "probability_True"]
    p = np.array([[float(cell) for cell in row[1:]] for row in rows])
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-8)
    assert [row[0] for row in rows] == [str(bool(q > 0.5)) for q in p[:, 1]]


def test_regression_is_in_the_targets_own_units(cli: Commands, price: Example) -> None:
    header, *rows = rows_of(cli("predict", "price.npz", "price.csv", "-q").out)
    assert header == ["prediction"]
    found, truth = np.array(rows, float)[:, 0], price.cells["price"].astype(float)
    # 250000 + 3000 per square metre, noise of 5000
    assert np.sqrt(np.mean((found - truth) ** 2)) < 7000.0


def test_several_targets_have_a_column_each(cli: Commands, pair: Example) -> None:
    header, *rows = rows_of(cli("predict", "pair.npz", "pair.csv", "-q").out)
    assert header == ["prediction_north", "prediction_south"]
    found = np.array(rows, float)
    truth = pair.cells[["north", "south"]].astype(float).to_numpy()
    # spreads of 1200 and 0.012; the mean alone errs by that
    assert (np.sqrt(np.mean((found - truth) ** 2, axis=0)) < [300.0, 0.003]).all()


# carried columns -----------------------------------------------------------------------------


def test_keep_puts_columns_first_in_the_order_asked_for(cli: Commands, labels: Example) -> None:
    result = cli("predict", "labels.npz", "labels.csv", "-q", "--keep", "city", "--keep", "code")
    header, *rows = rows_of(result.out)
    assert header == ["city", "code", "prediction"]
    cells = labels.cells
    assert [row[0] for row in rows] == cells["city"].tolist()
    assert [row[1] for row in rows] == cells["code"].tolist()


def test_append_carries_every_cell_as_it_was_spelt(cli: Commands, labels: Example) -> None:
    plain = rows_of(cli("predict", "labels.npz", "labels.csv", "-q").out)
    header, *rows = rows_of(cli("predict", "labels.npz", "labels.csv", "-q", "--append").out)
    given = rows_of(labels.csv)
    assert header == [*given[0], "prediction"]
    assert [row[:-1] for row in rows] == given[1:]
    assert [row[-1:] for row in rows] == plain[1:]
    assert {"1.10", "007", "NA", " x ", 'a,"b"'} == {row[0] for row in rows}


def test_cells_with_line_breaks_are_carried(cli: Commands, tiny: Example) -> None:
    given = 'note,x,colour\n"two\nlines",0.5,red\n"with ""quotes""\r\n",1.5,blue\n'
    _, *rows = rows_of(cli("predict", "tiny.npz", "-q", "--append", stdin=given).out)
    assert [row[0] for row in rows] == ["two\nlines", 'with "quotes"\r\n']


def test_a_carried_column_named_like_a_prediction(cli: Commands, tiny: Example) -> None:
    given = "prediction,x,colour\nold,0.5,red\n"
    result = cli("predict", "tiny.npz", "-q", "--append", stdin=given)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: <stdin>: column 'prediction' is carried and predicted; "
        "rename it, or carry others with --keep\n"
    )
    assert cli("predict", "tiny.npz", "-q", "--keep", "x", stdin=given).code == 0


def test_append_leaves_the_lines_as_they_are(cli: Commands, labels: Example) -> None:
    header, *rows = labels.csv.splitlines()
    rows[6] = f'"{rows[6]}'.replace(",", '",', 1)  # quotes that nobody needs
    given = "\r\n".join([header, *rows[:8], "", "   ", *rows[8:]])
    first, *predictions = cli("predict", "labels.npz", "-q", stdin=given).out.splitlines()
    result = cli("predict", "labels.npz", "-q", "--append", stdin=given)
    expected = [f"{row},{cell}" for row, cell in zip(rows, predictions, strict=True)]
    assert result.out == "\n".join([f"{header},{first}", *expected, ""])


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_append_writes_another_delimiter_than_it_reads(
    cli: Commands, tiny: Example, folder: Path, delimiter: str
) -> None:
    plain = cli("predict", "tiny.npz", "tiny.csv", "-q").out.split()
    config = tiny.yaml.replace("path: tiny.csv", f'path: t.csv\n  delimiter: "{delimiter}"')
    (folder / "t.yaml").write_text(config, encoding="utf-8")
    (folder / "t.csv").write_text(tiny.csv.replace(",", delimiter), encoding="utf-8")
    assert cli("train", "t.yaml", "-q").code == 0
    given = "note,x,colour\n1;5,0.5,red\n".translate({ord(","): delimiter, ord(";"): ","})
    for format, other in (("csv", ","), ("tsv", "\t")):
        result = cli("predict", "t.npz", "-q", "--append", "--format", format, stdin=given)
        header, row = rows_of(result.out, other)
        assert header == ["note", "x", "colour", "prediction"]
        assert row[:3] == ["1,5", "0.5", "red"]
        assert row[3] in plain


# many blocks, worked on at once --------------------------------------------------------------

MANY = 2500  # times the 48 rows: some eight blocks


def test_many_blocks_come_out_in_order(cli: Commands, tiny: Example, folder: Path) -> None:
    header, *rows = tiny.csv.splitlines(keepends=True)
    (folder / "many.csv").write_text(header + "".join(rows) * MANY, encoding="utf-8")
    first, *expected = cli("predict", "tiny.npz", "tiny.csv", "--append").out.splitlines()
    found = cli("predict", "tiny.npz", "many.csv", "--append")
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [first, *expected * MANY]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("oops,red", ", column 'x': cannot read 'oops' as a number. "
                     "Mend the cell, or leave it empty"),
        ("0.5", ": got 1 cell; expected 2, as in the header. "
                "Fill in the missing cells, or quote a cell that holds a line break"),
    ],
    ids=["a cell", "a row"],
)  # fmt: skip
def test_the_first_error_of_many_is_told_after_the_rows_before_it(
    cli: Commands, tiny: Example, row: str, message: str
) -> None:
    good = "0.5,red\n"
    given = f"x,colour\n{good * 90_000}{row}\n{good * 20_000}oops,red\n0.5\n"
    result = cli("predict", "tiny.npz", "-q", stdin=given)
    assert result.code == 2
    assert result.err == f"nnfit: error: <stdin>, row 90001{message}\n"
    n_rows = len(result.out.splitlines()) - 1
    assert 50_000 < n_rows <= 90_000  # whole blocks


def test_what_is_new_is_counted_over_all_blocks(cli: Commands, tiny: Example) -> None:
    given = "x,colour\n" + "0.5,mauve\n" * 60_000 + ",red\n" * 2
    result = cli("predict", "tiny.npz", stdin=given)
    assert result.code == 0
    (code,) = (c for c in package.load("tiny.npz").encoder.columns if isinstance(c, NumberCode))
    assert result.err.splitlines() == [
        "nnfit: warning: <stdin>: column 'colour': 60000 cells of categories not seen in training, "
        "counted as no category",
        f"nnfit: warning: <stdin>: column 'x': 2 cells missing, filled with {code.fill:g}; "
        "training had none missing there",
    ]


def test_no_row_waits_for_the_end_of_another(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("predict", "tiny.npz", stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"x,colour\n0.5,red\n0.5")
    process.stdin.flush()
    assert process.stdout.readline() == b"prediction\n"
    assert process.stdout.readline() in (b"a\n", b"b\n", b"c\n")  # would hang if it waited
    process.stdin.write(b",red\n")
    process.stdin.close()
    assert process.stdout.read() in (b"a\n", b"b\n", b"c\n")
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nobody_reads_what_comes_out(
    nnfit: Nnfit, tiny: Example, number: int
) -> None:
    header, *rows = tiny.csv.splitlines(keepends=True)
    (nnfit.folder / "many.csv").write_text(header + "".join(rows) * MANY, encoding="utf-8")
    process = nnfit.start("predict", "tiny.npz", "many.csv", "-q")
    assert process.stdout is not None
    assert process.stdout.readline() == b"prediction\n"
    assert process.stdout.readline()  # the first block is there; those after it fill the pipe
    process.send_signal(number)
    code, word = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}[number]
    assert process.wait(timeout=60) == code
    assert process.stderr is not None
    assert process.stderr.read().decode() == f"nnfit: {word}\n"


def test_little_data_loads_no_tables(folder: Path, tiny: Example) -> None:
    """Nothing is shown, so that start-up does without what would show it."""
    script = (
        "import sys\n"
        "import typer\n"
        "before = set(sys.modules)\n"  # some Typers load rich themselves
        "from nnfit.cli.app import run\n"
        "code = run(['predict', 'tiny.npz', 'tiny.csv'])\n"
        "loaded = set(sys.modules) - before\n"
        "sys.exit(code or bool({'rich', 'scipy', 'matplotlib'} & loaded))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


# formats -------------------------------------------------------------------------------------


def test_formats_say_the_same(cli: Commands, labels: Example) -> None:
    args = ("predict", "labels.npz", "labels.csv", "-q", "--proba", "--keep", "code")
    expected = rows_of(cli(*args).out)
    assert rows_of(cli(*args, "--format", "csv").out) == expected
    assert rows_of(cli(*args, "--format", "tsv").out, "\t") == expected
    lines = cli(*args, "--format", "jsonl").out.splitlines()
    records = [json.loads(line) for line in lines]
    assert [list(record) for record in records] == [expected[0]] * 100
    for record, row in zip(records, expected[1:], strict=True):
        code, prediction, *p = record.values()
        assert code == typed(row[0]) and prediction == row[1]
        assert p == [float(cell) for cell in row[2:]]


def test_jsonl_of_a_regression_holds_numbers(cli: Commands, price: Example) -> None:
    rows = rows_of(cli("predict", "price.npz", "price.csv", "-q").out)[1:]
    lines = cli("predict", "price.npz", "price.csv", "-q", "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == [{"prediction": float(r[0])} for r in rows]


def test_jsonl_has_types(cli: Commands, folder: Path) -> None:
    """Numbers, truth values and gaps as JSON has them, in every column that is carried."""
    rows = [
        "id,zone,size,open,code,note,kind",
        "1,01,+1.50,True,007,,3",
        "2,1,1E1,False,12,x,1",
        "3,,,,1E5,NA,3",
        "9007199254740993,2, .5,true,1e-05,-0.25,1",
    ]
    Path("t.csv").write_text("\n".join([rows[0], *rows[1:] * 6]) + "\n")
    config = "data: {path: t.csv, target: kind, categorical: [zone], exclude: [id, code, note]}\n"
    Path("t.yaml").write_text(config + "training: {epochs: 2}\n")
    assert cli("train", "t.yaml", "-q").code == 0
    result = cli("predict", "t.npz", "t.csv", "-q", "--append", "--format", "jsonl")
    assert (result.code, result.err) == (0, "")
    found = [json.loads(line) for line in result.out.splitlines()[:4]]
    predicted = [record.pop("prediction") for record in found]
    assert set(predicted) <= {1, 3} and all(type(label) is int for label in predicted)
    types = [
        (1, "01", 1.5, True, "007", None, 3),
        (2, "1", 10.0, False, 12, "x", 1),
        (3, None, None, None, "1E5", "NA", 3),
        (2**53 + 1, "2", 0.5, True, 1e-05, -0.25, 1),
    ]
    names = rows[0].split(",")
    assert found == [dict(zip(names, row, strict=True)) for row in types]
    assert [[type(v) for v in record.values()] for record in found] == [
        [type(v) for v in row] for row in types
    ]


@pytest.mark.parametrize(
    ("spelt", "values"),
    [
        (("no", "yes"), ("no", "yes")),
        (("01", "1"), ("01", "1")),
        (("1", "2"), (1, 2)),
        (("False", "True"), (False, True)),
        (("false", "true"), (False, True)),
        (("1.5", "2.5"), (1.5, 2.5)),
        (("2.0", "x"), ("2.0", "x")),
    ],
)
def test_jsonl_has_labels_of_their_type(
    cli: Commands, folder: Path, spelt: tuple[str, str], values: tuple[object, object]
) -> None:
    rows = [f"{i},{spelt[i % 2]}" for i in range(20)]
    Path("t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    config = "data: {path: t.csv, target: y, task: classification}\ntraining: {epochs: 1}\n"
    Path("t.yaml").write_text(config)
    assert cli("train", "t.yaml", "-q").code == 0
    out = cli("predict", "t.npz", "t.csv", "-q", "--keep", "y", "--format", "jsonl").out
    for i, record in enumerate(map(json.loads, out.splitlines())):
        assert record["y"] == values[i % 2] and record["prediction"] in values
        assert type(record["y"]) is type(record["prediction"]) is type(values[0])


@pytest.mark.parametrize("command", ["predict", "activations --layer 1"])
@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_a_suffix_compresses(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch, command: str, suffix: str
) -> None:
    # stands for the package, which is an extra: bzip2's bytes under its name
    zstd = SimpleNamespace(ZstdCompressor=bz2.BZ2Compressor)
    monkeypatch.setitem(sys.modules, "compression.zstd", zstd)
    args = (*command.split(), "tiny.npz")
    expected = cli(*args, "tiny.csv").out
    name = f"out.csv.{suffix}"
    first = b""
    for more in (("tiny.csv",), ("-",)):
        result = cli(*args, *more, "-o", name, stdin=tiny.csv)
        assert (result.code, result.out, result.err) == (0, "", "")
        written = Path(name).read_bytes()
        read = {"gz": gzip.decompress, "xz": lzma.decompress}.get(suffix, bz2.decompress)
        assert read(written).decode() == expected
        if suffix == "gz":
            assert written[:9] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00"  # no name, no time
        first = first or written
        assert written == first
    failed = cli(*args, "-o", name, stdin="x,colour\n1,red\noops,red\n")
    assert failed.code == 2
    assert Path(name).read_bytes() == written  # whole or not at all
    assert not list(Path().glob(".*"))


def test_zstd_needs_a_package(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    result = cli("predict", "tiny.npz", "tiny.csv", "-o", "out.csv.zst")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: out.csv.zst: writing zstd data needs the package 'zstandard'. "
        "Run: pip install zstandard\n",
    )
    assert not Path("out.csv.zst").exists()


# the input need not look like the training data ----------------------------------------------


def test_shuffled_rows_and_columns_and_extra_ones_change_nothing(
    cli: Commands, labels: Example, rng: np.random.Generator, folder: Path
) -> None:
    cells = labels.cells
    expected = rows_of(cli("predict", "labels.npz", "labels.csv", "-q", "--proba").out)
    order = rng.permutation(len(cells))
    other = cells.iloc[order][["member", "age", "city", "amount"]].assign(more="?", label2="007")
    (folder / "other.csv").write_text(other.to_csv(index=False), encoding="utf-8", newline="")
    found = rows_of(cli("predict", "labels.npz", "other.csv", "-q", "--proba").out)
    assert found[0] == expected[0]
    assert found[1:] == [expected[1 + i] for i in order]


def test_rows_alone_predict_as_they_do_together(cli: Commands, labels: Example) -> None:
    """The exact same figures, whatever block a row comes in."""
    expected = rows_of(cli("predict", "labels.npz", "labels.csv", "-q", "--proba").out)
    header, *rows = labels.csv.splitlines(keepends=True)
    for i in (0, 41, 99):
        found = rows_of(cli("predict", "labels.npz", "-q", "--proba", stdin=header + rows[i]).out)
        assert found == [expected[0], expected[1 + i]]
    many = rows_of(
        cli("predict", "labels.npz", "-q", "--proba", stdin=header + "".join(rows) * 7).out
    )
    assert many[1:] == expected[1:] * 7


def test_unseen_categories_and_gaps_are_handled_and_told(cli: Commands, tiny: Example) -> None:
    given = "x,colour\n0.1,red\n0.1,mauve\n0.1,teal\n,red\n2.0,\n"
    result = cli("predict", "tiny.npz", stdin=given)
    assert result.code == 0
    assert len(result.out.splitlines()) == 6
    (code,) = (c for c in package.load("tiny.npz").encoder.columns if isinstance(c, NumberCode))
    fill = code.fill
    assert result.err.splitlines() == [
        f"nnfit: warning: <stdin>: column 'x': 1 cell missing, filled with {fill:g}; "
        "training had none missing there",
        "nnfit: warning: <stdin>: column 'colour': 2 cells of categories not seen in training, "
        "counted as no category",
        "nnfit: warning: <stdin>: column 'colour': 1 cell missing, counted as no category; "
        "training had none missing there",
    ]


def test_gaps_as_training_had_them_are_no_news(cli: Commands, labels: Example) -> None:
    result = cli("predict", "labels.npz", stdin="amount,city,age,member\n0.1,Köln,,True\n")
    assert (result.code, result.err) == (0, "")
    assert len(result.out.splitlines()) == 2


def test_a_header_alone_gives_a_header_alone(cli: Commands, tiny: Example) -> None:
    result = cli("predict", "tiny.npz", stdin="x,colour\n")
    assert (result.code, result.out, result.err) == (0, "prediction\n", "")


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("\n", "\n\n").encode(),
    ],
    ids=["byte order mark", "cr", "crlf", "no last line end", "blank lines"],
)
def test_other_ways_to_write_the_same_rows(cli: Commands, labels: Example, encode: Any) -> None:
    expected = cli("predict", "labels.npz", "labels.csv", "--proba").out
    result = cli("predict", "labels.npz", "--proba", stdin=encode(labels.csv))
    assert (result.code, result.out, result.err) == (0, expected, "")


def test_categories_spelt_otherwise_are_the_same(cli: Commands, folder: Path) -> None:
    rows = "".join(f"{i % 3},{'ab'[i % 3 == 1]}\n" for i in range(30))
    (folder / "d.csv").write_text("zone,y\n" + rows, encoding="utf-8")
    (folder / "d.yaml").write_text(
        "data: {path: d.csv, target: y, categorical: [zone], validation: 0}\n"
        "optimizer: {learning_rate: 0.1}\n",
        encoding="utf-8",
    )
    assert cli("train", "d.yaml", "-q").code == 0
    result = cli("predict", "d.npz", stdin="zone\n1\n1.0\n0\n0.0\n")
    assert (result.out, result.err) == ("prediction\nb\nb\na\na\n", "")


# outputs -------------------------------------------------------------------------------------


def test_a_failed_prediction_leaves_the_old_file(
    cli: Commands, tiny: Example, folder: Path
) -> None:
    (folder / "out.csv").write_text("old\n", encoding="utf-8")
    given = "x,colour\n" + "0.5,red\n" * 10 + "oops,red\n"
    result = cli("predict", "tiny.npz", "-q", "-o", "out.csv", stdin=given)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "nnfit: error: <stdin>, row 11, column 'x': cannot read 'oops' as a number. "
        "Mend the cell, or leave it empty\n"
    )
    assert (folder / "out.csv").read_text(encoding="utf-8") == "old\n"
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("output", ["tiny.npz", "tiny.csv"])
def test_nothing_is_written_over_what_is_read(
    cli: Commands, tiny: Example, folder: Path, output: str
) -> None:
    before = (folder / output).read_bytes()
    result = cli("predict", "tiny.npz", "tiny.csv", "-o", output)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"nnfit: error: {output}: is what is read; expected another place to write to\n"
    )
    assert (folder / output).read_bytes() == before


def test_predictions_agree_with_python(cli: Commands, labels: Example) -> None:
    model = package.load("labels.npz")
    frame = pd.read_csv("labels.csv")
    _, *rows = rows_of(cli("predict", "labels.npz", "labels.csv", "-q", "--proba").out)
    assert [row[0] for row in rows] == model.predict(frame).tolist()
    p = np.array([[float(cell) for cell in row[1:]] for row in rows])
    # the digits that float32 holds
    np.testing.assert_allclose(p, model.predict_proba(frame), rtol=1e-6)


WRITTEN = {",": "\t", ";": ";", "|": "|"}
READERS = [
    ("predict", "price.npz"),
    ("predict", "price.npz", "--append"),
    ("evaluate", "price.npz"),
    ("plot", "residuals", "price.npz"),
]


@pytest.mark.parametrize("command", READERS, ids=lambda words: " ".join(words))
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_read_and_said(
    cli: Commands, price: Example, folder: Path, command: tuple[str, ...], delimiter: str
) -> None:
    def said(*more: str) -> tuple[int, str, str]:
        output = ("-o", "r.svg") if command[0] == "plot" else ()
        result = cli(*command, "price.csv", *more, *output, "-q")
        return int(result.code), result.out, result.err

    code, expected, _ = said()
    assert code == 0
    (folder / "price.csv").write_text(price.csv.replace(",", delimiter))
    code, out, err = said()
    assert code == 0 and out.replace(delimiter, ",") == expected
    assert err == (
        f"nnfit: warning: price.csv: the delimiter is {delimiter!r}, not ',' as the model expects\n"
    ).replace("'\t'", "'\\t'")
    asked = said("--delimiter", delimiter.replace("\t", "\\t"))
    assert (asked[0], asked[1].replace(delimiter, ","), asked[2]) == (0, expected, "")
    # decimal commas as well
    (folder / "price.csv").write_text(
        price.csv.replace(",", "|").replace(".", ",").replace("|", delimiter)
    )
    code, _, err = said()
    last = err.splitlines()[-1]
    assert code == 2 and last.endswith(
        " as a number. Mend the cell, or leave it empty; or read the file with --decimal ,"
    )
    code, out, _ = said("--decimal", ",")
    assert code == 0
    if "--append" not in command:
        assert out == expected


def test_options_of_how_data_are_written(cli: Commands, price: Example) -> None:
    for words, line in [
        (("--decimal", "x"), "--decimal: got 'x'; expected '.' or ','"),
        (("--delimiter", "ab"), "--delimiter is 'ab'; expected one ASCII character other than"),
    ]:
        for command in ("predict", "evaluate"):
            result = cli(command, "price.npz", "price.csv", *words)
            assert result.code == 2 and result.err.startswith(f"nnfit: error: {line}")


def test_a_model_of_decimal_commas_reads_points(cli: Commands, price: Example) -> None:
    train = ("train", "price.yaml", "-q", "-o", "m.npz", "--set", "training.epochs=1")
    assert cli(*train).code == 0
    expected = cli("predict", "m.npz", "price.csv").out
    text = Path("price.csv").read_text()
    Path("semi.csv").write_text(text.replace(",", ";").replace(".", ","))
    german = ("--set", 'data.delimiter=";"', "--set", 'data.decimal=","', "--data", "semi.csv")
    assert cli(*train, *german).code == 0
    assert cli("predict", "m.npz", "semi.csv").out == expected
    result = cli("predict", "m.npz", "price.csv", "-q")
    assert result.code == 2 and result.err.endswith("; or read the file with --decimal .\n")
    assert (
        cli("predict", "m.npz", "price.csv", "--decimal", ".", "--delimiter", ",").out == expected
    )


def test_names_that_differ_in_case_are_hinted_at(cli: Commands, price: Example) -> None:
    header, rest = price.csv.split("\n", 1)
    Path("upper.csv").write_text(f"{header.upper()}\n{rest}")
    for command in ("predict", "evaluate"):
        result = cli(command, "price.npz", "upper.csv")
        name = package.load("price.npz").encoder.needed_columns[0]
        assert f"; did you mean {name.upper()!r}" in result.err


@pytest.mark.parametrize("above", ["", "A title\n\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("blank", ["", " ", "\u200b"])
def test_a_header_that_looks_like_the_models_is_found_wherever_it_is(
    cli: Commands, tiny: Example, folder: Path, blank: str, delimiter: str, above: str
) -> None:
    header, *rows = tiny.csv.replace(",", delimiter).splitlines()
    names = delimiter.join(f"{blank}{name}{blank}" for name in header.split(delimiter))
    (folder / "other.csv").write_text(above + "\n".join([names, *rows]) + "\n", encoding="utf-8")
    result = cli("predict", "tiny.npz", "other.csv")
    assert (result.code, result.out) == (0, cli("predict", "tiny.npz", "tiny.csv").out)
    assert ("is read as" in result.err) == bool(blank)
