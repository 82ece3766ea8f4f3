"""Makes the pictures of docs/lecture.md: runs its commands in order and keeps what it shows.

Needs nnfit with the extras `plot` and `image`. The tests read the guide through this module too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

HERE = Path(__file__).resolve().parent
GUIDE = HERE / "lecture.md"
WIDTH = 800  # pixels


class Call(NamedTuple):
    """A command of the guide, the section it stands in, and what is shown below it."""

    section: str
    command: str
    shown: list[str]
    exit_code: int


def calls(text: str) -> list[Call]:
    """Return what stands after each `$` in the console blocks, further lines after `>`."""
    found = []
    for section in re.split(r"(?m)^## ", text)[1:]:
        for block in re.findall(r"(?ms)^```console\n(.*?)^```", section):
            for part in re.split(r"(?m)^\$ ", block)[1:]:
                first, *rest = part.rstrip("\n").split("\n")
                n_more = next((i for i, line in enumerate(rest) if line[:2] != "> "), len(rest))
                command = "\n".join([first, *(line[2:] for line in rest[:n_more])])
                code = re.search(r"  #.*exit code (\d)", first)
                found.append(
                    Call(
                        section.partition("\n")[0],
                        command,
                        rest[n_more:],
                        int(code[1]) if code else 0,
                    )
                )
    return found


def pictures(text: str) -> list[str]:
    """Return the names of the pictures that the guide shows."""
    return re.findall(r"!\[[^]]+\]\(lecture/([^)]+)\)", text)


def prepare(folder: Path) -> None:
    """Make `folder` look like the checkout, with this Python's nnfit in its bin."""
    for name in ("configs", "data"):
        (folder / name).symlink_to(HERE.parent / name)
    (folder / "bin").mkdir()
    for name, module in (("nnfit", "-m nnfit "), ("python", "")):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n', encoding="utf-8")
        script.chmod(0o755)


def run(call: Call, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a prepared folder, as an 80-column terminal would."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", call.command],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )


def keep(picture: Path, folder: Path) -> None:
    """Copy a picture; a PNG made for print is shrunk to what a page shows."""
    if picture.suffix != ".png":
        shutil.copy(picture, folder)
        return
    with Image.open(picture) as large:
        size = (WIDTH, round(WIDTH * large.height / large.width))
        small = large.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.save(folder / picture.name, optimize=True)  # all colours: fewer would be seen as bands


def main() -> None:
    """Fill docs/lecture/ anew."""
    text = GUIDE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for call in calls(text):
            print(f"$ {call.command}")
            found = run(call, folder)
            print(found.stdout + found.stderr, end="")
            if found.returncode != call.exit_code:
                sys.exit(f"exit code {found.returncode}; expected {call.exit_code}")
        shutil.rmtree(HERE / "lecture", ignore_errors=True)
        (HERE / "lecture").mkdir()
        for picture in pictures(text):
            keep(folder / picture, HERE / "lecture")


if __name__ == "__main__":
    main()
