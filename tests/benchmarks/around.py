"""What a run costs around its steps: shuffling, validation, metrics, the table; and the display.

Run by `commands` in a process of its own: `epochs CONFIG ENGINE` prints the shares of the time that
are not spent on steps; `display CONFIG ENGINE` trains with the live display on a terminal of its
own, and quietly.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from nnfit.config.reading import load_config
from nnfit.report import make_observer
from nnfit.run.run import train_run
from nnfit.training.fit import Fit
from nnfit.training.judge import Judge


def shares(config: str, engine: str) -> dict[str, float]:
    """Return the parts of the run that are outside of gathering, steps and their losses.

    "around" is all of that, "judging" what the rows held out take of it, "forward" their pass
    through the network. A short run comes first, in which what is compiled is loaded.
    """
    spent = dict.fromkeys(("training", "judging", "forward", "shuffled twice"), 0.0)
    train_epoch = Fit._train_epoch

    def timed(fit: Fit, epoch: int) -> float | None:
        begin = time.perf_counter()
        fit.state.shuffling.permutation(len(fit.train))  # the epoch's own one counts as around
        shuffling = time.perf_counter() - begin
        loss = train_epoch(fit, epoch)
        spent["training"] += time.perf_counter() - begin - 2.0 * shuffling
        spent["shuffled twice"] += shuffling
        return loss

    def clocked(method: Callable[[Judge], Any], what: str) -> Any:
        def call(judge: Judge) -> Any:
            begin = time.perf_counter()
            found = method(judge)
            spent[what] += time.perf_counter() - begin
            return found

        return call

    sets = [f"training.engine={engine}"]
    with open(os.devnull, "w") as nowhere:
        train_run(load_config(config, [*sets, "training.epochs=2"]))
        Fit._train_epoch = timed
        Judge.figures = clocked(Judge.figures, "judging")
        Judge._logits = clocked(Judge._logits, "forward")
        run = train_run(load_config(config, sets), observer=make_observer(False, nowhere))
    whole = run.summary.seconds - spent["shuffled twice"]
    parts = {what: spent[what] / whole for what in ("judging", "forward")}
    return {"around": 1.0 - spent["training"] / whole, **parts}


def seconds_of_training(config: str, engine: str, on_terminal: bool) -> float:
    """Return the seconds that `nnfit train` says it trained, shown on a terminal or not at all."""
    command = [sys.executable, "-m", "nnfit", "train", config, "--json", "-o", os.devnull]
    command += ["--set", f"training.engine={engine}"]
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
    what, config, engine = sys.argv[1:]
    if what == "epochs":
        found = shares(config, engine)
    else:
        quiet, shown = (seconds_of_training(config, engine, on) for on in (False, True))
        found = {"quiet": quiet, "shown": shown}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
