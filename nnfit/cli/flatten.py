"""`nnfit flatten`: pictures in, one row of pixels each out, for `predict` and `train` to read."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from nnfit.cli.options import QuietOption, UsageError, check_output
from nnfit.cli.rows import OutputOption, late_observer


def flatten(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", show_default=False, help="Picture files; - is stdin."),
    ],
    output: OutputOption = "-",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH", help="Resize to this width and height; without it, all must be alike."
        ),
    ] = None,
    rgb: Annotated[
        bool, typer.Option("--rgb/--gray", help="Three columns per pixel, or its grey value.")
    ] = False,
    label_from_folder: Annotated[
        bool,
        typer.Option(
            "--label-from-folder", help="Add the column 'label': the name of the picture's folder."
        ),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Warn of a picture that can't be read, and go on.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Write each picture as one CSV row of pixels, 0 (black) to 255 (white).

    The first frame, turned as EXIF says, on white where it is transparent.

    Example: nnfit flatten photos/*.png --size 28x28 | nnfit predict model.npz -
    """
    from nnfit.cli.streams import text_output
    from nnfit.images.flattening import flatten_images

    if label_from_folder and "-" in images:
        raise UsageError("--label-from-folder: stdin lies in no folder; name picture files")
    check_output(output, images)
    wanted = None if size is None else _parsed(size)
    with late_observer(quiet, output) as observer, text_output(output) as stream:
        flatten_images(
            images,
            stream,
            size=wanted,
            rgb=rgb,
            label_from_folder=label_from_folder,
            skip_bad=skip_bad,
            observer=observer,
        )


def _parsed(size: str) -> tuple[int, int]:
    """Return width and height."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", size, re.IGNORECASE)
    if match is None:
        raise UsageError(f"--size: got {size!r}; expected WIDTHxHEIGHT in pixels, such as 28x28")
    return int(match[1]), int(match[2])
