"""What a run costs around its steps: shuffling, validation, metrics, the table; and the display.

Run by `commands` in a process of its own: `epochs CONFIG` prints the share of the time that is not
spent on steps; `display CONFIG` trains with the live display on a terminal of its own, and quietly.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from typing import Any

from nnfit.config.reading import load_config
from nnfit.report import make_observer
from nnfit.run.run import train_run
from nnfit.training.fit import Fit


def share_around_steps(config: str) -> float:
    """Return the part of the run outside of gathering, steps and their losses."""
    spent = 0.0
    train_epoch = Fit._train_epoch

    def timed(fit: Fit, epoch: int) -> float | None:
        nonlocal spent
        begin = time.perf_counter()
        fit.state.shuffling.permutation(len(fit.train))  # the epoch's own one counts as around
        shuffling = time.perf_counter() - begin
        loss = train_epoch(fit, epoch)
        spent += time.perf_counter() - begin - 2.0 * shuffling
        extra[0] += shuffling
        return loss

    extra = [0.0]
    Fit._train_epoch = timed  # type: ignore[method-assign]
    with open(os.devnull, "w") as nowhere:
        run = train_run(load_config(config), observer=make_observer(False, nowhere))
    return 1.0 - spent / (run.summary.seconds - extra[0])


def seconds_of_training(config: str, on_terminal: bool) -> float:
    """Return the seconds that `nnfit train` says it trained, shown on a terminal or not at all."""
    command = [sys.executable, "-m", "nnfit", "train", config, "--json", "-o", os.devnull]
    if not on_terminal:
        done = subprocess.run([*command, "-q"], capture_output=True, text=True, check=True)
        return float(json.loads(done.stdout)["seconds"])
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=slave, env=environment, text=True
    ) as process:
        os.close(slave)
        reader = threading.Thread(target=_drain, args=(master,))
        reader.start()
        out, _ = process.communicate()
        reader.join()
    os.close(master)
    return float(json.loads(out)["seconds"])


def _drain(master: int) -> None:
    """Read what a terminal would show until the program ends."""
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:  # how a pty says that the other side is closed
        return


def main() -> None:
    """Measure and report."""
    what, config = sys.argv[1:]
    found: dict[str, Any]
    if what == "epochs":
        found = {"share": share_around_steps(config)}
    else:
        quiet, shown = (seconds_of_training(config, on) for on in (False, True))
        found = {"quiet": quiet, "shown": shown}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
