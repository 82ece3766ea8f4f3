"""Pictures as arrays of pixels; the only home of Pillow, which is loaded when a picture is read.

Size, colour, transparency and orientation are settled here; rows and columns are not known.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnfit.csv.source import readable
from nnfit.errors import DataError, NnfitError, name_of

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]  # width, height

# Pillow knows more, among them formats that it hands to other programs
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
MAX_COLUMNS = 10**6
BAND_PIXELS = 2**18  # converted at once
MAX_PASSES = 2**31  # of a progressive JPEG, times its pixels: 24 for the largest that is read
PIECE_BYTES = 2**20  # searched at once
MAX_PIPED_BYTES = 2**30  # a file is read where it lies, a pipe into memory


def require_pillow() -> None:
    """Raise NnfitError with what to install if Pillow is missing."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise NnfitError(
            "Pillow, which reads pictures, is not installed. Run: pip install pillow"
        ) from None


def read_pixels(path: str, size: Size | None, rgb: bool) -> NDArray[np.uint8]:
    """Return the picture at `path`, or stdin's for "-", as it is to be seen: its first frame.

    Turned as its EXIF orientation says; what is transparent shows white behind it; 16 bits become
    8. Grey, without `rgb`, is 0.299 R + 0.587 G + 0.114 B. Resizing stretches to `size` with
    Pillow's bilinear filter, which averages over all the pixels that one new pixel covers.

    Returns
    -------
    pixels : uint8 ndarray of shape (height, width), or (height, width, 3) with `rgb`
        0 is black, 255 white.

    Raises
    ------
    DataError
        If it can't be read, or has too many pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = name_of(path)
    Image.init()
    formats = [format for format in FORMATS if format in Image.OPEN]
    with _opened(path, name) as file, warnings.catch_warnings(), _muted_libraries():
        warnings.simplefilter("ignore")  # of what does not matter here, such as odd EXIF tags
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=formats) as image:
                if "progressive" in image.info:
                    _check_passes(file, image.width * image.height)
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                shown = _flat_colours(image, rgb)
        except UnidentifiedImageError:
            raise DataError(
                f"{name}: is no picture that can be read; expected {', '.join(formats)}"
            ) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise DataError(
                f"{name}: has more than {Image.MAX_IMAGE_PIXELS} pixels, as decompression bombs "
                "do; expected fewer. Shrink it with another program"
            ) from None
        except Exception as err:  # Pillow's readers of broken files raise whatever comes up
            reason = str(err) or type(err).__name__
            raise DataError(f"{name}: can't be decoded: {reason}") from err
    width, height = size or shown.size
    if (columns := width * height * (3 if rgb else 1)) > MAX_COLUMNS:
        raise DataError(
            f"{name}: {width}x{height} pixels make {columns} columns; expected at most "
            f"{MAX_COLUMNS}. Use a smaller --size"
        )
    if size is not None:
        shown = shown.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(shown)


def _check_passes(file: IO[bytes], n_pixels: int) -> None:
    """Refuse a JPEG with many passes over its pixels: one of some hundred bytes takes as long."""
    place, passes, last = file.tell(), 0, b""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        passes += (last + piece).count(b"\xff\xda")  # the marker of each, nowhere else in a scan
        last = piece[-1:]
    file.seek(place)
    if passes * n_pixels > MAX_PASSES:
        raise ValueError(
            f"{passes} passes over {n_pixels} pixels; expected at most {MAX_PASSES // n_pixels}"
        )


def _flat_colours(image: Image.Image, rgb: bool) -> Image.Image:
    """Return `image` in 8 bits of grey or RGB, on white; some rows at a time, as copies are large.

    No pixel depends on another here.
    """
    from PIL import Image

    flat = Image.new("RGB" if rgb else "L", image.size)
    width, height = image.size
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        flat.paste(_flat_band(band, flat.mode), (0, top))
    return flat


def _flat_band(image: Image.Image, mode: str) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):  # Pillow would clip 16 bits instead of scaling them
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit pixels; expected 8 or 16 bits")
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point pixels; expected 8 or 16 bits")
    elif image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB").convert(mode)


@contextmanager
def _muted_libraries() -> Iterator[None]:
    """Lead the process's stderr nowhere: libtiff writes its complaints there by itself."""
    try:
        stderr = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextmanager
def _opened(path: str, name: str) -> Iterator[IO[bytes]]:
    """Open a file that can be searched, as Pillow needs it."""
    with readable(name, "a picture"):
        if path == "-":
            if sys.stdin is None:
                raise DataError(f"{name}: is closed; expected a picture")
            yield _in_memory(sys.stdin.buffer, name)
            return
        with open(path, "rb") as file:
            yield file if file.seekable() else _in_memory(file, name)


def _in_memory(pipe: IO[bytes], name: str) -> IO[bytes]:
    data = pipe.read(MAX_PIPED_BYTES + 1)
    if len(data) > MAX_PIPED_BYTES:
        raise DataError(f"{name}: has more than {MAX_PIPED_BYTES} bytes; expected a picture")
    return io.BytesIO(data)
