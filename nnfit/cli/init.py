"""`nnfit init`: a CSV in, a commented config out that trains as it stands."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from nnfit.cli.options import QuietOption, SetOption

Preset = StrEnum("Preset", ["fast", "default", "best"])


def init(
    data: Annotated[str, typer.Argument(metavar="DATA|-", show_default=False, help="A CSV.")],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COL", show_default=False, help="The column to predict; repeat for several."
        ),
    ],
    preset: Annotated[
        Preset, typer.Option(help="Whose values to write out: fast, default or best.")
    ] = Preset.default,
    set_: SetOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a config for a CSV to stdout.

    Example: nnfit init iris.csv --target species | nnfit train -
    """
    from nnfit.cli.streams import result_stream
    from nnfit.report import make_observer
    from nnfit.run.proposal import propose

    with closing(make_observer(quiet)) as observer:
        text = propose(data, _path_for_config(data), target, set_ or [], observer, preset.value)
    result_stream().write(text)


def _path_for_config(data: str) -> str:
    """Return `data` as the config must name it: relative to the folder the config goes to.

    That is where stdout leads when it is redirected to a file, and the current folder otherwise.
    """
    if data == "-" or os.path.isabs(data):
        return data
    try:
        if not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
            return data
        folder = os.path.dirname(os.readlink("/proc/self/fd/1"))
    except (OSError, ValueError):  # no such system, or stdout is no real file
        return data
    return data if os.path.samefile(folder, ".") else os.path.relpath(data, folder)
