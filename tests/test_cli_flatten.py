"""`nnfit flatten`: every kind of picture, every kind of broken one, and the pipe into `predict`.

The pictures are made here with Pillow; what a pixel must be is worked out by hand or with NumPy.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from nnfit.images import pixels
from nnfit.images.flattening import pixel_names
from nnfit.images.pixels import read_pixels

if TYPE_CHECKING:
    from conftest import Commands, Nnfit

ROOT = Path(__file__).resolve().parents[1]
Image.init()
FORMATS = ", ".join(name for name in pixels.FORMATS if name in Image.OPEN)  # old ones lack AVIF

Pixels = NDArray[np.uint8]


@pytest.fixture
def pixels(rng: np.random.Generator) -> Pixels:
    """Three rows of four pixels in colour."""
    return rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)


def save(array: NDArray[Any], path: str, **options: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def flattened(cli: Commands, *args: str) -> pd.DataFrame:
    """Return what `nnfit flatten -q ARGS` wrote; it must have had nothing to say."""
    result = cli("flatten", "-q", *args)
    assert (result.code, result.err) == (0, "")
    return pd.read_csv(io.StringIO(result.out), keep_default_na=False)


def grey(rgb: NDArray[Any]) -> NDArray[Any]:
    """Return the grey values of colours, ITU-R 601-2."""
    return np.round(rgb @ np.array([0.299, 0.587, 0.114]))


# rows and columns ----------------------------------------------------------------------------


def test_the_digits_data_names_its_pixels_alike() -> None:
    with open(ROOT / "data" / "digits.csv", encoding="utf-8") as stream:
        header = stream.readline().strip().split(",")
    assert header[:-1] == pixel_names(8, 8, rgb=False)


@pytest.mark.parametrize(
    "width, height, rgb, names",
    [
        (1, 1, False, ["p00"]),
        (2, 2, False, ["p00", "p01", "p10", "p11"]),
        (1, 2, True, ["p00r", "p00g", "p00b", "p10r", "p10g", "p10b"]),
    ],
)
def test_names(width: int, height: int, rgb: bool, names: list[str]) -> None:
    assert pixel_names(width, height, rgb) == names


@pytest.mark.parametrize("width, height", [(11, 10), (10, 11), (28, 28), (3, 101)])
def test_names_differ_and_are_sorted(width: int, height: int) -> None:
    """Row 1, column 10 is not row 11, column 0; as many digits everywhere keep them apart."""
    names = pixel_names(width, height, rgb=False)
    assert len(set(names)) == width * height
    assert names == sorted(names)
    assert len({len(name) for name in names}) == 1


def test_colours_are_told_apart_from_grey() -> None:
    assert not set(pixel_names(3, 3, rgb=True)) & set(pixel_names(3, 3, rgb=False))


def test_rows_come_from_the_top_left(cli: Commands, pixels: Pixels) -> None:
    save(pixels, "a.png")
    table = flattened(cli, "a.png", "--rgb")
    assert list(table)[:4] == ["p00r", "p00g", "p00b", "p01r"]
    assert table.iloc[0].tolist() == pixels.ravel().tolist()
    assert table["p12g"].item() == pixels[1, 2, 1]


def test_grey_is_the_default(cli: Commands, pixels: Pixels) -> None:
    save(pixels, "a.png")
    table = flattened(cli, "a.png")
    assert np.abs(table.to_numpy()[0] - grey(pixels).ravel()).max() <= 1
    assert table.equals(flattened(cli, "a.png", "--gray"))
    assert table.shape == (1, 12)


def test_one_row_per_picture_in_the_order_given(cli: Commands) -> None:
    for value in (7, 3, 200):
        save(np.full((2, 2), value, np.uint8), f"{value}.png")
    table = flattened(cli, "200.png", "3.png", "7.png", "3.png")
    assert table["p00"].tolist() == [200, 3, 7, 3]


def test_the_size_that_was_found_is_told(cli: Commands, pixels: Pixels) -> None:
    save(pixels, "a.png")
    found = "nnfit: pictures of 4x3 pixels: 12 columns, p00 to p23\n"
    assert cli("flatten", "a.png").err == found
    assert cli("flatten", "a.png", "--size", "4x3").err == ""


def test_labels_from_folders(cli: Commands, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("cats", "a, b", "007"):
        save(np.zeros((1, 1), np.uint8), f"{name}/x.png")
    result = cli(
        "flatten", "cats/x.png", "a, b/x.png", "cats/../007/x.png", "--label-from-folder", "-q"
    )
    assert (result.code, result.err) == (0, "")
    assert result.out == 'p00,label\n0,cats\n0,"a, b"\n0,007\n'
    monkeypatch.chdir(folder / "cats")
    assert flattened(cli, "x.png", "--label-from-folder")["label"].tolist() == ["cats"]


# what a picture can be -----------------------------------------------------------------------


def test_formats_without_loss(cli: Commands, pixels: Pixels) -> None:
    for path in ("a.png", "a.bmp", "a.tif", "a.ppm"):
        save(pixels, path)
        assert flattened(cli, path, "--rgb").iloc[0].tolist() == pixels.ravel().tolist(), path


def test_jpeg_and_cmyk(cli: Commands) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    save(flat, "rgb.jpg", quality=95)
    Image.fromarray(flat).convert("CMYK").save("cmyk.jpg", quality=95)
    for path in ("rgb.jpg", "cmyk.jpg"):
        table = flattened(cli, path, "--rgb", "--size", "1x1")
        assert np.abs(table.to_numpy()[0] - (200, 100, 50)).max() <= 4, path


def test_a_palette(cli: Commands) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 250, 240, 230])
    picture.putpixel((1, 0), 1)
    picture.save("a.gif")
    picture.save("a.png")
    picture.save("t.png", transparency=1)  # the second colour is nothing but the white behind it
    for path in ("a.gif", "a.png"):
        table = flattened(cli, path, "--rgb")
        assert table.iloc[0].tolist() == [10, 20, 30, 250, 240, 230], path
    assert flattened(cli, "t.png", "--rgb").iloc[0].tolist() == [10, 20, 30, 255, 255, 255]


def test_one_bit(cli: Commands) -> None:
    save(np.array([[True, False], [False, True]]), "a.png")
    assert flattened(cli, "a.png").iloc[0].tolist() == [255, 0, 0, 255]


def test_sixteen_bits_become_eight(cli: Commands) -> None:
    eight = np.arange(0, 256, 5)
    values = np.array([eight * 257, np.minimum(eight * 257 + 100, 65535)], np.uint16)
    for path in ("a.png", "a.tif"):
        save(values, path)
        assert flattened(cli, path).iloc[0].tolist() == [*eight, *eight], path


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_a_range(cli: Commands, dtype: type[Any]) -> None:
    save(np.array([[-1, 70000]], dtype), "a.tif")
    kind = {np.int32: "32-bit", np.float32: "floating-point"}[dtype]
    said = f"a.tif: can't be decoded: {kind} pixels; expected 8 or 16 bits"
    refused(cli("flatten", "a.tif"), said)


def test_transparency_lies_on_white(cli: Commands) -> None:
    rgba = np.array([[(10, 20, 30, 255), (10, 20, 30, 0), (0, 0, 0, 128)]], np.uint8)
    save(rgba, "a.png")
    assert flattened(cli, "a.png", "--rgb").iloc[0].tolist() == [10, 20, 30] + [255] * 3 + [127] * 3
    Image.fromarray(rgba).convert("LA").save("la.png")
    assert flattened(cli, "la.png").iloc[0, 1:].tolist() == [255, 127]


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "P", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("rgb", [True, False])
def test_a_large_picture_is_converted_some_rows_at_a_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, mode: str, rgb: bool
) -> None:
    """Copies of all of it would take several times the memory, for the same pixels."""
    colours = rng.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    image = Image.fromarray(colours).convert({"I;16": "L", "P": "RGB"}.get(mode, mode))
    if mode == "P":
        image = image.convert("P")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    image.save("a.png", transparency=3) if mode == "P" else image.save("a.png")
    module = sys.modules[read_pixels.__module__]
    whole, sizes = read_pixels("a.png", None, rgb), []
    convert = module._flat_band

    def spying(band: Image.Image, mode: str) -> Image.Image:
        sizes.append(band.size)
        return convert(band, mode)

    monkeypatch.setattr(module, "_flat_band", spying)
    monkeypatch.setattr(module, "BAND_PIXELS", 20)
    assert (read_pixels("a.png", None, rgb) == whole).all()
    assert sizes == [(7, 2)] * 4 + [(7, 1)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_askew(cli: Commands, pixels: Pixels, orientation: int) -> None:
    """Store what the camera saw, as EXIF defines its eight values; the picture comes upright."""
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels.transpose(1, 0, 2)[::-1],
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: pixels.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(np.ascontiguousarray(stored), "a.png", exif=exif)
    table = flattened(cli, "a.png", "--rgb")
    assert table.iloc[0].tolist() == pixels.ravel().tolist()


def test_the_first_frame(cli: Commands) -> None:
    frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
    for path in ("a.gif", "a.tif"):
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert flattened(cli, path).to_numpy().tolist() == [[10] * 4], path


# --size --------------------------------------------------------------------------------------


def test_shrinking_averages(cli: Commands, rng: np.random.Generator) -> None:
    """Point sampling would show the stripes; every pixel must have its say."""
    stripes = np.zeros((40, 60), np.uint8)
    stripes[:, ::2] = 200
    save(stripes, "a.png")
    table = flattened(cli, "a.png", "--size", "6x4")
    assert list(table) == pixel_names(6, 4, rgb=False)
    assert np.abs(table.to_numpy() - 100).max() <= 5


def test_size_is_width_before_height(cli: Commands) -> None:
    """A picture that is dark above and light below stays so, however it is stretched."""
    save(np.repeat(np.uint8([[0], [255]]), 2, axis=1), "a.png")
    table = flattened(cli, "a.png", "--size", "3X2")
    assert table.to_numpy().tolist() == [[0, 0, 0, 255, 255, 255]]


def test_several_sizes_need_one(cli: Commands) -> None:
    save(np.zeros((3, 4), np.uint8), "a.png")
    save(np.zeros((4, 3), np.uint8), "b.png")
    for args in ((), ("--skip-bad",)):
        refused(
            cli("flatten", "-q", "a.png", "b.png", *args),
            "b.png: got 3x4 pixels; expected 4x3, as in the pictures before it. "
            "Use --size 4x3 to resize them",
            out=",".join(pixel_names(4, 3, rgb=False)) + "\n" + ",".join("0" * 12) + "\n",
        )
    assert len(flattened(cli, "a.png", "b.png", "--size", "2x2")) == 2


@pytest.mark.parametrize("size", ["8", "0x8", "8x", "8x8x8", "-1x2", "9999999x1", "1.5x2", " 8x8"])
def test_no_size(cli: Commands, size: str) -> None:
    refused(
        cli("flatten", "a.png", f"--size={size}"),
        f"--size: got {size!r}; expected WIDTHxHEIGHT in pixels, such as 28x28; "
        "see 'nnfit flatten --help'",
    )


def test_more_columns_than_anyone_wants(cli: Commands) -> None:
    Image.new("1", (1200, 1000)).save("a.png")
    refused(
        cli("flatten", "a.png"),
        "a.png: 1200x1000 pixels make 1200000 columns; expected at most 1000000. "
        "Use a smaller --size",
    )
    refused(
        cli("flatten", "a.png", "--rgb", "--size", "999999x999999"),
        "a.png: 999999x999999 pixels make 2999994000003 columns; expected at most 1000000. "
        "Use a smaller --size",
    )


# what is no picture --------------------------------------------------------------------------


def refused(result: Any, message: str, out: str = "") -> None:
    """Hold a command to one line of error, exit code 2, and no part of a row."""
    assert (result.code, result.out, result.err) == (2, out, f"nnfit: error: {message}\n")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def broken() -> dict[str, tuple[bytes | None, str]]:
    """Return bad files by name, and what is said of each after that name."""
    whole = io.BytesIO()
    rows = np.random.default_rng(0).integers(0, 256, (30, 30), dtype=np.uint8)
    Image.fromarray(rows).save(whole, "PNG")
    png = whole.getvalue()
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    bomb = png[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + png[-12:]
    header = struct.pack(">IIBBBBB", 10000, 10000, 8, 0, 0, 0, 0)
    small_bomb = png[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + png[-12:]
    no_picture = f"is no picture that can be read; expected {FORMATS}"
    too_many = (
        "has more than 89478485 pixels, as decompression bombs do; expected fewer. "
        "Shrink it with another program"
    )
    return {
        "absent.png": (None, "no such file"),
        "empty.png": (b"", no_picture),
        "text.png": (b"hello", no_picture),
        "table.csv": (b"x,y\n1,2\n", no_picture),
        # Pillow would hand these to Ghostscript
        "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", no_picture),
        "short.png": (png[:-300], "can't be decoded: image file is truncated"),
        "damaged.png": (png[:33] + chunk(b"IDAT", b"nonsense") + png[-12:], "can't be decoded: "),
        "bomb.png": (bomb, too_many),
        "small_bomb.png": (small_bomb, too_many),
    }


@pytest.mark.parametrize("name", broken())
def test_broken_pictures(cli: Commands, name: str) -> None:
    data, said = broken()[name]
    save(np.zeros((1, 1), np.uint8), "good.png")
    if data is not None:
        Path(name).write_bytes(data)
    for args in (("-o", "out.csv"), ()):
        result = cli("flatten", "-q", "good.png", name, "good.png", *args)
        assert (result.code, result.out) == (2, "" if args else "p00\n0\n")
        assert result.err.startswith(f"nnfit: error: {name}: {said.replace(FORMATS, '')}")
        assert result.err.count("\n") == 1
        assert not Path("out.csv").exists()
    result = cli("flatten", "-q", "good.png", name, "good.png", "--skip-bad")
    assert (result.code, result.out) == (0, "p00\n0\n0\n")
    first, last = result.err.splitlines()
    assert first.startswith(f"nnfit: warning: {name}: ")
    assert last == "nnfit: warning: left out 1 of 3 pictures"


@pytest.mark.parametrize("piece", [2**20, 1])
def test_passes_of_a_progressive_picture_take_bounded_time(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """Each goes over all pixels, and there may be one for every hundred bytes."""
    picture = io.BytesIO()
    Image.new("L", (40, 30)).save(picture, "JPEG", progressive=True)
    data = picture.getvalue()
    passes = data.count(b"\xff\xda") + 7
    Path("a.jpg").write_bytes(data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 7 + b"\xff\xd9")
    module = sys.modules[read_pixels.__module__]
    monkeypatch.setattr(module, "PIECE_BYTES", piece)
    monkeypatch.setattr(module, "MAX_PASSES", 1200 * passes)
    assert len(flattened(cli, "a.jpg").columns) == 1200
    monkeypatch.setattr(module, "MAX_PASSES", 1200 * passes - 1)
    refused(
        cli("flatten", "a.jpg"),
        f"a.jpg: can't be decoded: {passes} passes over 1200 pixels; expected at most {passes - 1}",
    )


def test_libtiff_adds_no_line_of_its_own(nnfit: Nnfit, rng: np.random.Generator) -> None:
    save(rng.integers(0, 256, (20, 20), dtype=np.uint8), "a.tif", compression="tiff_lzw")
    data = bytearray(Path("a.tif").read_bytes())
    with Image.open("a.tif") as picture:
        start = picture.tag_v2[273][0]  # where the pixels lie
    data[start : start + 60] = b"\xff" * 60
    Path("a.tif").write_bytes(data)
    refused(nnfit("flatten", "a.tif"), "a.tif: can't be decoded: decoder error -2")


def test_a_folder(cli: Commands, folder: Path) -> None:
    (folder / "photos").mkdir()
    refused(cli("flatten", "photos"), "photos: is a directory; expected a picture")


def test_a_first_bad_picture_settles_nothing(cli: Commands) -> None:
    save(np.full((1, 2), 5, np.uint8), "good.png")
    result = cli("flatten", "absent.png", "good.png", "--skip-bad", "-q")
    assert (result.code, result.out) == (0, "p00,p01\n5,5\n")


def test_nothing_but_bad_pictures(cli: Commands) -> None:
    for args in ((), ("--size", "2x2"), ("-o", "out.csv")):
        result = cli("flatten", "a.png", "b.png", "--skip-bad", *args)
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "nnfit: warning: a.png: no such file\nnnfit: warning: b.png: no such file\n"
            "nnfit: error: no picture could be read, of 2\n"
        )
        assert not Path("out.csv").exists()


def test_a_name_that_breaks_the_line(cli: Commands) -> None:
    refused(cli("flatten", "a\nb.png"), "a\\nb.png: no such file")
    refused(cli("flatten", "a\0.png"), "'a\\x00.png': not a possible file name")


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode there")
def test_a_folder_whose_name_is_no_text(cli: Commands) -> None:
    name = os.fsdecode(b"caf\xe9/x.png")
    save(np.zeros((1, 1), np.uint8), name)
    refused(
        cli("flatten", name, "--label-from-folder"),
        "caf\\udce9/x.png: its folder's name is not UTF-8. Rename the folder",
    )
    assert flattened(cli, name).shape == (1, 1)


def test_a_label_from_no_folder(cli: Commands) -> None:
    refused(
        cli("flatten", "/x.png", "--label-from-folder"),
        "/x.png: lies in no folder that has a name; expected one for its label",
    )
    refused(
        cli("flatten", "-", "--label-from-folder"),
        "--label-from-folder: stdin lies in no folder; name picture files; "
        "see 'nnfit flatten --help'",
    )


def test_a_picture_is_not_written_over(cli: Commands, pixels: Pixels) -> None:
    save(pixels, "a.png")
    before = Path("a.png").read_bytes()
    refused(
        cli("flatten", "a.png", "-o", "a.png"),
        "a.png: is what is read; expected another place to write to",
    )
    assert Path("a.png").read_bytes() == before


def test_without_pillow(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(
        cli("flatten", "a.png"),
        "Pillow, which reads pictures, is not installed. Run: pip install pillow",
    )


# pipes ---------------------------------------------------------------------------------------


def test_stdin(cli: Commands, nnfit: Nnfit, pixels: Pixels) -> None:
    save(pixels, "a.png")
    data = Path("a.png").read_bytes()
    assert nnfit("flatten", "-", stdin=data).out == cli("flatten", "a.png").out
    refused(
        nnfit("flatten", "-", stdin=b""),
        f"<stdin>: is no picture that can be read; expected {FORMATS}",
    )


def test_a_pipe_by_name(cli: Commands, nnfit: Nnfit, folder: Path, pixels: Pixels) -> None:
    save(pixels, "a.png")
    os.mkfifo(folder / "pipe")
    process = nnfit.start("flatten", "pipe")
    (folder / "pipe").write_bytes((folder / "a.png").read_bytes())
    out, _ = process.communicate()
    assert (process.returncode, out.decode()) == (0, cli("flatten", "a.png").out)


def test_rows_come_while_pictures_are_still_to_come(nnfit: Nnfit, folder: Path) -> None:
    save(np.zeros((1, 2), np.uint8), "a.png")
    os.mkfifo(folder / "later.png")
    process = nnfit.start("flatten", "a.png", "later.png")
    assert process.stdout is not None
    assert process.stdout.readline() == b"p00,p01\n"
    assert process.stdout.readline() == b"0,0\n"
    (folder / "later.png").write_bytes((folder / "a.png").read_bytes())
    assert process.stdout.read() == b"0,0\n"
    assert process.wait() == 0


def test_a_reader_that_leaves_is_no_error(nnfit: Nnfit, folder: Path) -> None:
    save(np.zeros((50, 50), np.uint8), "a.png")
    process = nnfit.start("flatten", "-q", *["a.png"] * 200)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (0, b"")


def test_from_pictures_to_predictions(nnfit: Nnfit, folder: Path) -> None:
    """Digits as PNG files in a folder per class; flatten, train, and predict in one pipe."""
    digits = pd.read_csv(ROOT / "data" / "digits.csv")
    labels = digits.pop("digit").to_numpy()
    pixels = (digits * 255 // 16).astype("u1")
    for i, row in enumerate(pixels.to_numpy()[:700]):
        save(row.reshape(8, 8), f"train/{labels[i]}/{i:03}.png" if i < 500 else f"new/{i}.png")
    pixels[500:700].to_csv("new.csv", index=False)
    config = (
        "data: {path: train.csv, target: label}\nmodel: {hidden_sizes: [32]}\n"
        "optimizer: {learning_rate: 0.01}\ntraining: {epochs: 30}\noutput: model.npz\n"
    )
    (folder / "c.yaml").write_text(config)
    run = f'"{sys.executable}" -m nnfit'
    script = (
        f"{run} flatten train/*/*.png --label-from-folder > train.csv && "
        f"{run} train c.yaml -q && {run} flatten new/*.png -q | {run} predict model.npz -"
    )
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=folder)
    assert found.returncode == 0, found.stderr
    model, *predictions = found.stdout.splitlines(keepends=True)
    assert model == "model.npz\n"
    assert "".join(predictions) == nnfit("predict", "model.npz", "new.csv").out
    accuracy = np.mean(np.array(predictions[1:], int) == labels[500:700])
    assert accuracy > 0.6, "0.76 as seen; the commonest digit gives 0.11"
