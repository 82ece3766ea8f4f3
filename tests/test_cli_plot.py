"""`nnfit plot` as a user meets it: files, text on a terminal or in a pipe, a line for errors.

What the pictures show is tested in `test_inside_pictures` and `test_report_plots`.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.inside.pictures.kinds import KINDS, Options
from nnfit.report.textplots import write

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

HELP = "; see 'nnfit plot --help'"
COLUMNS = "columns are: amount, city, age, member"


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A linear model of one column, one whose data is gone, and one with a wide layer."""
    home = tmp_path_factory.mktemp("more")
    table = pd.DataFrame({"x": np.linspace(-1, 1, 40), "y": np.linspace(0, 3, 40) ** 2})
    made = {}
    for name, data, widths in (("line", "line", []), ("lost", "gone", []), ("wide", "line", [17])):
        path = home / f"{data}.csv"
        table.to_csv(path, index=False)
        (home / "c.yaml").write_text(
            f"data: {{path: {data}.csv, target: y}}\nmodel: {{hidden_sizes: {widths}}}\n"
            "training: {epochs: 3}\n"
        )
        made[f"{name}.npz"] = package.train(home / "c.yaml").to_bytes()
    return {**made, "line.csv": path.read_bytes()}


@pytest.fixture
def models(
    tiny: Example,
    labels: Example,
    binary: Example,
    price: Example,
    pair: Example,
    folder: Path,
    more: dict[str, bytes],
) -> Path:
    """All examples, and the models of `more`, here."""
    for name, contents in more.items():
        (folder / name).write_bytes(contents)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_numbers_its_drawing_and_the_text_it_promises(kind: str) -> None:
    make = import_module(f"nnfit.inside.pictures.{kind}").make
    assert callable(import_module(f"nnfit.report.plots.{kind}").draw)
    assert (get_type_hints(make)["return"] in write.registry) == KINDS[kind].text


# files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG\r\n"), ("svg", b"<?xml"), ("pdf", b"%PDF-")]
)
def test_a_picture_is_a_file_whose_path_is_printed(
    cli: Commands, tiny: Example, folder: Path, suffix: str, start: bytes
) -> None:
    path = folder / f"loss.{suffix}"
    result = cli("plot", "loss", "tiny.npz", "-o", str(path))
    assert (result.code, result.out, result.err) == (0, f"{path}\n", "")
    contents = path.read_bytes()
    assert contents.startswith(start)
    again = cli("plot", "loss", "tiny.npz", "-o", f"again.{suffix}")
    assert again.code == 0
    assert (folder / f"again.{suffix}").read_bytes() == contents
    assert not re.search(rb"\b20[0-9]{2}-|CreationDate|tIME", contents)  # bytes that age


def test_a_png_has_300_dots_per_inch(cli: Commands, tiny: Example, folder: Path) -> None:
    cli("plot", "loss", "tiny.npz", "-o", "a.png")
    contents = (folder / "a.png").read_bytes()
    at = contents.index(b"pHYs") + 4
    assert struct.unpack(">IIB", contents[at : at + 9]) == (11811, 11811, 1)  # per metre
    width, height = struct.unpack(">II", contents[16:24])
    assert (width, height) == (2700, 1500)


def test_the_suffix_may_be_overruled_and_be_in_capitals(
    cli: Commands, tiny: Example, folder: Path
) -> None:
    assert cli("plot", "loss", "tiny.npz", "-o", "a.dat", "--format", "svg").code == 0
    assert (folder / "a.dat").read_bytes().startswith(b"<?xml")
    assert cli("plot", "loss", "tiny.npz", "-o", "A.SVG").code == 0
    assert (folder / "A.SVG").read_bytes() == (folder / "a.dat").read_bytes()


def test_a_dash_is_stdout(nnfit: Nnfit, tiny: Example) -> None:
    process = nnfit.start("plot", "loss", "tiny.npz", "-o", "-")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"\x89PNG") and out.rstrip().endswith(b"IEND\xaeB`\x82")


def test_a_failed_picture_leaves_the_old_file(cli: Commands, models: Path) -> None:
    (models / "a.png").write_text("old")
    assert cli("plot", "residuals", "tiny.npz", "-o", "a.png").code == 2
    assert cli("plot", "residuals", "pair.npz", "tiny.csv", "-o", "a.png").code == 2
    assert (models / "a.png").read_text() == "old"
    assert not list(models.glob(".*tmp"))


def test_the_training_data_is_found_and_said(cli: Commands, models: Path) -> None:
    result = cli("plot", "boundary", "binary.npz", "-o", "a.svg")
    assert (result.code, result.out) == (0, "a.svg\n")
    assert result.err == "nnfit: data: binary.csv, which binary.npz was trained on\n"
    assert cli("plot", "boundary", "binary.npz", "-q", "-o", "b.svg").err == ""
    assert cli("plot", "boundary", "binary.npz", "binary.csv", "-o", "c.svg").err == ""
    assert (models / "a.svg").read_bytes() == (models / "c.svg").read_bytes()


@pytest.mark.slow
def test_data_may_come_through_a_pipe(nnfit: Nnfit, tiny: Example) -> None:
    rows = "".join(tiny.csv.splitlines(keepends=True)[:11])
    for args in (("plot", "confusion", "tiny.npz"), ("plot", "confusion", "tiny.npz", "-")):
        result = nnfit(*args, stdin=rows)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith("confusion of kind, 10 rows\n")
    # an empty pipe holds no rows: those of the training it is
    assert nnfit("plot", "confusion", "tiny.npz", "-q", stdin="").out.startswith(
        "confusion of kind, 48 rows\n"
    )


@pytest.mark.parametrize("names", [(), ("relu", "sigmoid"), ("tiny.npz",)])
def test_activations_need_no_model(
    cli: Commands, tiny: Example, folder: Path, names: tuple[str, ...]
) -> None:
    result = cli("plot", "activation", *names, "-o", "a.svg")
    assert (result.code, result.out, result.err) == (0, "a.svg\n", "")
    drawn = (folder / "a.svg").read_text(encoding="utf-8")
    assert "σ = max(0, z)" in drawn and ("tanh(z)" in drawn) == (not names)


def test_a_config_is_drawn_as_it_is_initialised(
    cli: Commands, nnfit: Nnfit, tiny: Example, folder: Path
) -> None:
    text = "data: {path: tiny.csv, target: kind}\nmodel: {hidden_sizes: [3]}\n"
    (folder / "c.yaml").write_text(text)
    assert cli("plot", "network", "c.yaml", "-o", "a.svg").code == 0
    drawn = (folder / "a.svg").read_text(encoding="utf-8")
    assert "as it is initialised" in drawn and "b₁ = 0" in drawn
    assert nnfit("plot", "network", "-", "-o", "b.svg", stdin=text).code == 0
    assert (folder / "b.svg").read_text(encoding="utf-8") == drawn
    assert cli("plot", "network", "tiny.npz", "-o", "t.svg").code == 0
    assert "as it is initialised" not in (folder / "t.svg").read_text(encoding="utf-8")
    refused = cli("plot", "features", "c.yaml", "-o", "c.svg")
    assert refused.err == (
        "nnfit: error: c.yaml: not an nnfit model; expected a .npz that nnfit wrote\n"
    )


def test_a_csv_of_pixels_is_drawn_without_a_model(
    cli: Commands, nnfit: Nnfit, folder: Path
) -> None:
    (folder / "image.csv").write_text("p00,p01,label\n1,2,a\n3,4,b\n")
    result = cli("plot", "flatten", "image.csv", "--row", "2", "-o", "a.svg")
    assert (result.code, result.out, result.err) == (0, "a.svg\n", "")
    drawn = (folder / "a.svg").read_text(encoding="utf-8")
    assert "image.csv, row 2: 1×2 → 2" in drawn and "label = b" in drawn
    text = (folder / "image.csv").read_text()
    assert nnfit("plot", "flatten", "--row", "2", "-o", "b.svg", stdin=text).code == 0
    piped = (folder / "b.svg").read_text(encoding="utf-8")
    assert "row 2: 1×2 → 2" in piped and "label = b" in piped
    result = cli("plot", "flatten", "image.csv", "-o", "image.csv", "--format", "svg")
    assert result.err.startswith("nnfit: error: image.csv: is what is read; ")


def test_several_models_over_each_other(cli: Commands, models: Path) -> None:
    result = cli("plot", "fit", "line.npz", "line.npz", "line.csv", "-o", "a.svg")
    assert (result.code, result.out, result.err) == (0, "a.svg\n", "")
    assert (models / "a.svg").read_text(encoding="utf-8").count("line.npz: φ(x) = [1, x]") == 2


# text -----------------------------------------------------------------------------------------


def test_loss_as_text(cli: Commands, tiny: Example) -> None:
    result = cli("plot", "loss", "tiny.npz")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("loss (cross entropy)")
    assert max(map(len, lines)) <= 80
    body = "".join(lines[1:15])
    assert "*" in body and "o" in body and "\x1b" not in result.out
    assert re.fullmatch(r" +1 +epoch +30", lines[16])
    assert [line.strip() for line in lines[17:19]] == ["* training", "o validation"]
    assert lines[19].startswith("best: epoch ")
    # the curve falls: the first column has it at the top, the last at the bottom
    assert lines[1].partition("│")[2][0] in "*o"
    assert lines[14].partition("│")[2].rstrip()[-1] in "*o"
    assert len(lines[14].rstrip()) > 60


def test_fit_as_text_has_every_model(cli: Commands, models: Path) -> None:
    result = cli("plot", "fit", "line.npz", "-q")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("y\n")
    assert "line.npz: [1, x]" in result.out and ". data" in result.out
    assert cli("plot", "fit", "tiny.npz", "--x", "x", "-q").out.startswith("probability\n")
    two = cli("plot", "fit", "pair.npz", "--x", "u", "-q").out
    assert two.startswith("north\n") and "\nsouth\n" in two


def test_confusion_as_text_is_the_matrix(cli: Commands, tiny: Example) -> None:
    metrics = package.load("tiny.npz").evaluate(pd.read_csv("tiny.csv"))["metrics"]
    out = cli("plot", "confusion", "tiny.npz", "-q").out
    rows = [line.split() for line in out.splitlines()[2:]]
    for row, counts in zip(rows, metrics["confusion_matrix"], strict=True):
        cells = [cell for cell in row[1:] if cell != "%"]
        found = []
        while cells:
            found.append(int(cells.pop(0)))
            if found[-1]:
                cells.pop(0)  # its share
        assert found == counts


def test_a_narrow_screen_gets_shades(
    cli: Commands, labels: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = cli("plot", "confusion", "labels.npz", "-q").out
    assert "█" in out and max(map(len, out.splitlines()[:-1])) <= 40


def test_colour_brings_braille_dots(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = cli("plot", "loss", "tiny.npz").out
    assert "\x1b[" in out and re.search("[\u2801-\u28ff]", out)


def test_ascii_alone_where_the_stream_holds_no_more(nnfit: Nnfit, models: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    for args in (("loss", "line.npz"), ("fit", "line.npz", "line.csv")):
        out = nnfit("plot", *args, env=env).out
        assert out.isascii() and "|*" in out


# extras and what is loaded --------------------------------------------------------------------


def run_without_matplotlib(*args: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys\nsys.modules['matplotlib'] = None\n"
        f"from nnfit.cli.app import run\nsys.exit(run({list(args)!r}))"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_without_matplotlib_pictures_name_the_extra_and_text_still_comes(tiny: Example) -> None:
    found = run_without_matplotlib("plot", "loss", "tiny.npz", "-o", "a.png")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        "nnfit: error: plot: pictures need matplotlib, which is not installed. "
        "Run: pip install matplotlib\n"
    )
    assert not Path("a.png").exists()
    found = run_without_matplotlib("plot", "loss", "tiny.npz")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("loss (cross entropy)")


def test_matplotlib_is_loaded_for_pictures_alone_and_never_pyplot(tiny: Example) -> None:
    script = (
        "import sys\nfrom nnfit.cli.app import run\n"
        "run(['evaluate', 'tiny.npz', 'tiny.csv'])\nrun(['plot', 'loss', 'tiny.npz'])\n"
        "assert 'matplotlib' not in sys.modules\n"
        "assert run(['plot', 'loss', 'tiny.npz', '-o', 'a.png']) == 0\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE)


# what is refused ------------------------------------------------------------------------------

REFUSED: list[tuple[str, str]] = [
    # this kind cannot be drawn of this model
    ("boundary line.npz -o a.png",
     "line.npz: is a regression, which has no boundary between classes; expected a "
     "classification. See 'nnfit plot residuals'"),
    ("confusion line.npz",
     "line.npz: is a regression, which has no confusion matrix; expected a classification. "
     "See 'nnfit plot residuals'"),
    ("calibration line.npz -o a.png",
     "line.npz: is a regression, which has no calibration; expected a classification. "
     "See 'nnfit plot residuals'"),
    ("residuals tiny.npz -o a.png",
     "tiny.npz: is a classification, which has no residuals; expected a regression. "
     "See 'nnfit plot confusion'"),
    ("features line.npz -o a.png",
     "line.npz: has no hidden layer; expected one whose units can be drawn"),
    ("features tiny.npz --layer 2 -o a.png",
     "--layer: tiny.npz has no hidden layer 2; expected 1"),
    ("features tiny.npz --layer 0 -o a.png",
     "--layer: tiny.npz has no hidden layer 0; expected 1"),
    ("network wide.npz -o a.png",
     "wide.npz: has layers of 1, 17, 1; expected at most 16 nodes in a layer and 8 layers. "
     "'nnfit plot weights' takes larger ones"),
    # the columns do not make a plane or a curve
    ("boundary labels.npz -o a.png",
     f"labels.npz: reads 4 columns; expected two. Choose them with --x and --y, or set --plane "
     f"pca; {COLUMNS}"),
    ("boundary labels.npz --x age -o a.png",
     f"labels.npz: reads 4 columns; expected two. Choose them with --x and --y, or set --plane "
     f"pca; {COLUMNS}"),
    ("boundary labels.npz --x agee --y amount -o a.png",
     f"--x: 'agee' is no column that labels.npz reads; {COLUMNS}; did you mean 'age'?"),
    ("boundary labels.npz --x age --y label -o a.png",
     f"--y: 'label' is no column that labels.npz reads; {COLUMNS}"),
    ("boundary binary.npz --x x1 --y x1 -o a.png",
     "--y: 'x1' is --x already; expected another column"),
    ("boundary binary.npz --plane pca --x x1 -o a.png",
     "--plane pca: takes all columns; leave out --x and --y"),
    ("fit labels.npz -o a.png",
     f"labels.npz: reads 4 columns; expected one. Choose it with --x; {COLUMNS}"),
    ("fit labels.npz --x city -o a.png",
     "--x: 'city' holds no numbers; expected a numeric column for a curve"),
    ("fit line.npz price.npz -o a.png",
     "price.npz: predicts price, line.npz predicts y; expected models of one target"),
    ("fit tiny.npz tiny.npz --x x -o a.png",
     "tiny.npz: has 3 classes, a curve for each; expected one model with so many, or two classes"),
    ("weights binary.npz --shape 2x2 -o a.png",
     "--shape: 2x2 are 4 pixels, binary.npz has 2 inputs; expected as many"),
    ("weights binary.npz --shape 8by8 -o a.png",
     f"--shape: got '8by8'; expected HEIGHTxWIDTH, such as 8x8{HELP}"),
    ("importance tiny.npz --metric rmse -o a.png",
     "--metric: got 'rmse' for a classification; expected accuracy, log_loss, f1_macro, roc_auc, "
     "balanced_accuracy, average_precision, ece"),
    ("importance pair.npz --metric accuracy -o a.png",
     "--metric: got 'accuracy' for a regression; expected rmse, mae, r2, median_ae"),
    # data
    ("confusion tiny.npz no_target.csv",
     "no_target.csv: no column 'kind'; columns are: x, colour"),
    ("importance pair.npz tiny.csv -o a.png",
     "tiny.csv: no columns 'u', 'v', 'north', 'south'; columns are: x, colour, kind"),
    ("surface lost.npz -o a.png",
     "lost.npz: its training data 'gone.csv' is not here; expected it, or another CSV. "
     "Name one after the model"),
    ("boundary binary.npz none.csv -o a.png", "none.csv: no such file"),
    # what is named, and where it goes
    ("loss none.npz", "none.npz: no such file; 'nnfit train' writes one"),
    ("activation relu --decimal , -o a.png",
     f"--delimiter and --decimal are for the CSV of a model; name one{HELP}"),
    ("loss", f"loss needs a model: name its file after the kind{HELP}"),
    ("activation tiny.npz tiny.csv -o a.png",
     f"activation takes a model alone, got 'tiny.csv' as well{HELP}"),
    ("activation relu tiny.npz -o a.png",
     "activation takes one model, got relu, tiny.npz; "
     f"only loss, fit and surface take several{HELP}"),
    ("loss tiny.csv", "tiny.csv: not an nnfit model; expected a .npz that nnfit wrote"),
    ("loss tiny.npz tiny.csv", f"loss takes a model alone, got 'tiny.csv' as well{HELP}"),
    ("residuals tiny.npz binary.npz -o a.png",
     f"residuals takes one model, got tiny.npz, binary.npz; "
     f"only loss, fit and surface take several{HELP}"),
    ("fit line.npz line.csv tiny.csv",
     f"got line.csv, tiny.csv; expected one CSV, after the models{HELP}"),
    ("weights tiny.npz", f"weights is a picture: name a file with -o FILE.png, .svg or .pdf{HELP}"),
    ("loss tiny.npz --format svg",
     f"loss is a picture: name a file with -o FILE.png, .svg or .pdf{HELP}"),
    ("loss tiny.npz -o a.jpg",
     f"a.jpg: got the suffix '.jpg'; expected .png, .svg or .pdf. Or set --format{HELP}"),
    ("loss tiny.npz -o picture",
     f"picture: got no suffix; expected .png, .svg or .pdf. Or set --format{HELP}"),
    ("loss tiny.npz -o none/a.png",
     "none/a.png: cannot be written: the folder 'none' does not exist"),
    ("loss tiny.npz -o tiny.npz --format png",
     "tiny.npz: is what is read; expected another place for the picture"),
    ("loss tiny.npz --layer 1", f"--layer is for features, not for loss{HELP}"),
    ("fit line.npz --y x", f"--y is for boundary and features, not for fit{HELP}"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "line"), REFUSED, ids=[command for command, _ in REFUSED])
def test_what_is_refused_is_one_line(cli: Commands, models: Path, command: str, line: str) -> None:
    cells = pd.read_csv("tiny.csv")
    cells[["x", "colour"]].to_csv("no_target.csv", index=False)
    result = cli("plot", *command.split())
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")
    assert not list(models.glob("*.png"))


def test_too_many_categories_are_no_axis(cli: Commands, folder: Path) -> None:
    table = pd.DataFrame({"town": [f"t{i % 25}" for i in range(100)], "x": np.arange(100.0)})
    table["y"] = np.where(table["x"] > 40, "a", "b")
    table.to_csv("towns.csv", index=False)
    config = {"data": {"path": "towns.csv", "target": "y"}, "training": {"epochs": 1}}
    package.train(config).save("towns.npz")
    result = cli("plot", "boundary", "towns.npz", "-o", "a.png")
    assert (result.code, result.err) == (
        2,
        "nnfit: error: --x: 'town' has 25 categories; expected at most 20, or a column of "
        "numbers. Choose another column\n",
    )


def test_options_of_kinds_are_those_of_the_command() -> None:
    known = {field.name for field in fields(Options)}
    assert {option for kind in KINDS.values() for option in kind.options} == known
