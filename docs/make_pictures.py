"""Makes docs/train.svg: `nnfit train configs/digits.yaml` as an 80-column terminal shows it.

Needs tmux, and nnfit on the PATH.
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 80, 48
SESSION = "nnfit-picture"


def screen_of(command: str, folder: Path) -> str:
    """Return the screen, colours included, that `command` leaves on a terminal in `folder`."""
    done = folder / "done"
    script = f"clear; {command}; touch {shlex.quote(str(done))}; sleep 60"
    start = ["tmux", "new-session", "-d", "-s", SESSION, "-c", str(folder)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    subprocess.run(
        [*start, "-x", str(COLUMNS), "-y", str(LINES), script], check=True, env=environment
    )
    try:
        while not done.exists():
            time.sleep(0.2)
        capture = ["tmux", "capture-pane", "-e", "-p", "-t", SESSION]
        return subprocess.run(capture, check=True, capture_output=True, text=True).stdout
    finally:
        subprocess.run(["tmux", "kill-session", "-t", SESSION], check=True)


def main() -> None:
    """Write the picture beside this script."""
    command = "nnfit train configs/digits.yaml"
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("configs", "data"):
            shutil.copytree(here.parent / part, folder / part)
        screen = screen_of(command, folder).rstrip()
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))
    console.print(Text(f"$ {command}"))
    console.print(Text.from_ansi(screen))
    # without the web fonts that rich names: the viewer's own monospace one serves
    picture = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="nnfit"), flags=re.S)
    # plain spaces, kept: some viewers trim the non-breaking ones
    picture = picture.replace("&#160;", " ").replace("<text ", '<text xml:space="preserve" ')
    (here / "train.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
