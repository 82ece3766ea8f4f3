"""Pictures flattened: rows of pixels with names, as the columns of a CSV.

How a picture is read is for `nnfit.images.pixels` to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TextIO

from nnfit.csv.writing import RowWriter
from nnfit.errors import DataError, name_of
from nnfit.images.pixels import Size, read_pixels, require_pillow
from nnfit.observer import Observer


def flatten_images(
    paths: Sequence[str],
    stream: TextIO,
    *,
    size: Size | None,
    rgb: bool,
    label_from_folder: bool,
    skip_bad: bool,
    observer: Observer,
) -> None:
    """Write one row of pixels per picture of `paths` ("-" is stdin), each as soon as it is read.

    The CSV's header goes before the first row: there is none where no picture can be read. All are
    resized to `size`; without it, all must have the first one's. `rgb` makes three columns of a
    pixel instead of its grey value; `label_from_folder` adds the column `label`, the name of the
    folder a picture lies in; `skip_bad` warns of a picture that can't be read and goes on.

    Raises
    ------
    NnfitError
        If Pillow is missing.
    DataError
        If a picture can't be read (with `skip_bad`: if none can), has another size than the
        first, or has more than a million columns.
    """
    require_pillow()
    expected, writer, skipped = size, None, 0
    for path in _with_progress(paths, observer):
        try:
            label = [[folder_of(path)]] if label_from_folder else []
            pixels = read_pixels(path, size, rgb)
        except DataError as err:
            if not skip_bad:
                raise
            skipped += 1
            for message in err.messages:
                observer.warning(message)
            continue
        height, width = pixels.shape[:2]
        expected = expected or (width, height)
        if (width, height) != expected:
            wanted = "{}x{}".format(*expected)
            raise DataError(
                f"{name_of(path)}: got {width}x{height} pixels; expected {wanted}, as in the "
                f"pictures before it. Use --size {wanted} to resize them"
            )
        if writer is None:
            names = pixel_names(width, height, rgb)
            if size is None:
                observer.note(
                    f"pictures of {width}x{height} pixels: {len(names)} columns, "
                    f"{names[0]} to {names[-1]}"
                )
            writer = RowWriter(stream, "csv", [*names, "label"] if label_from_folder else names)
        writer.write(writer.rows(label, [",".join(map(str, pixels.ravel().tolist()))]))
    if skipped == len(paths):
        raise DataError(f"no picture could be read, of {len(paths)}")
    if skipped:
        observer.warning(f"left out {skipped} of {len(paths)} pictures")


def pixel_names(width: int, height: int, rgb: bool) -> list[str]:
    """Return the columns of a flattened picture, row by row from the top left.

    Row and column count from 0, with as many digits as the last one has, as in the digits data.

    >>> pixel_names(2, 1, rgb=False)
    ['p00', 'p01']
    >>> pixel_names(11, 1, rgb=True)[:4]
    ['p000r', 'p000g', 'p000b', 'p001r']
    """
    row_digits, column_digits = len(str(height - 1)), len(str(width - 1))
    return [
        f"p{row:0{row_digits}}{column:0{column_digits}}{channel}"
        for row in range(height)
        for column in range(width)
        for channel in ("rgb" if rgb else ("",))
    ]


def folder_of(path: str) -> str:
    """Return the name of a picture's folder; raise DataError without one that is UTF-8."""
    name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    if not name:
        raise DataError(f"{path}: lies in no folder that has a name; expected one for its label")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(f"{path}: its folder's name is not UTF-8. Rename the folder") from None
    return name


def _with_progress(paths: Sequence[str], observer: Observer) -> Iterator[str]:
    """Yield the paths, and tell the observer what share of the bytes has been read."""
    sizes = [os.path.getsize(path) if os.path.isfile(path) else 0 for path in paths]
    done, total = 0, sum(sizes)
    for path, n_bytes in zip(paths, sizes, strict=True):
        yield path
        done += n_bytes
        observer.reading("pictures", done, total)
