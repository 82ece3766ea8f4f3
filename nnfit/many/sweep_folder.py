"""The folder of a sweep: what it is of, the lines of its trials, who is at which, the best model.

Several processes, on several machines, may work in one folder at a time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from nnfit.config.presets import with_values
from nnfit.config.reading import ConfigFile
from nnfit.config.rendering import render
from nnfit.config.younger import kept
from nnfit.dataset.dataset import Decided
from nnfit.errors import ConfigError, NnfitError, OutputError
from nnfit.many.journal import Journal
from nnfit.many.trials import Trial
from nnfit.model.file.reading import load
from nnfit.run.checkpoint.fingerprint import difference, settings
from nnfit.run.checkpoint.lock import Lock, Locked
from nnfit.run.run import Run
from nnfit.storage.files import check_writable, whole_file
from nnfit.storage.output import told
from nnfit.version import __version__

# What changes no line of a trial.
FREE = {"output", "data.path", "data.test", "training.checkpoint_seconds", "training.refit"}


class SweepFolder:
    """The folder at `path`, which need not be there yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.journal = Journal(os.path.join(path, "SWEEP.jsonl"))
        self.model = os.path.join(path, "best.npz")
        self._config = os.path.join(path, "best.yaml")
        self._about = os.path.join(path, "sweep.json")
        self._trials = os.path.join(path, "trials")
        if os.path.lexists(path) and not os.path.isdir(path):
            raise OutputError(
                f"{path}: is no folder; expected one to put trials in. Name it with -o"
            )

    def about(self) -> Mapping[str, Any] | None:
        """Return what the sweep in the folder is of, None where there is none."""
        try:
            with open(self._about, encoding="utf-8") as stream:
                found = json.load(stream)
            if isinstance(found, dict):
                return found
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError):
            pass
        raise ConfigError(
            f"{self._about}: cannot be read; expected what nnfit wrote. Name another folder with -o"
        )

    def check(self, about: Mapping[str, Any]) -> None:
        """Refuse a folder that is of another sweep, or whose best model is no sweep's.

        Raises
        ------
        ConfigError, OutputError
            With the first difference, or the file that would be replaced.
        """
        other = self.about()
        if other is not None and (what := difference(about, other)):
            raise ConfigError(f"{self._about}: {what}, or name another folder with -o")
        for path in (self.model, self._config):
            if other is None and os.path.lexists(path):
                raise OutputError(
                    f"{path}: is there, in a folder of no sweep, and would be replaced; expected "
                    "a new folder. Name it with -o"
                )

    def make(self, about: Mapping[str, Any]) -> None:
        """Make the folder, if need be, and write what it is of."""
        with told(self.path):
            os.makedirs(self.path, exist_ok=True)
        check_writable(self.journal.path)
        if not os.path.exists(self._about):
            with whole_file(self._about) as stream:
                stream.write(json.dumps(about, ensure_ascii=False).encode() + b"\n")

    def claim(self, trial: Trial) -> ExitStack | None:
        """Return what gives a trial free again, None while another process is at it."""
        path, held = os.path.join(self._trials, f"{trial.id}.lock"), ExitStack()
        with told(path):
            os.makedirs(self._trials, exist_ok=True)
            try:
                held.enter_context(Lock(path))
            except Locked:
                return None
        return held

    def output(self, trial: Trial) -> str:
        """Return where the model of a trial would be; its checkpoint lies beside that."""
        return os.path.join(self._trials, f"{trial.id}.npz")

    def forget(self, trials: Iterable[Trial]) -> None:
        """Remove the checkpoints of trials that are not gone on with."""
        for trial in trials:
            with told(self._trials), suppress(FileNotFoundError):
                os.unlink(f"{self.output(trial)}.checkpoint")

    def tidy(self) -> None:
        """Remove the locks that killed processes left, and their folder, once it is empty."""
        with suppress(OSError):
            for name in os.listdir(self._trials):
                if name.endswith(".lock"):
                    with suppress(OSError, Locked), Lock(os.path.join(self._trials, name)):
                        pass
            os.rmdir(self._trials)

    def at_home(self, file: ConfigFile) -> ConfigFile:
        """Return the config as it is in this folder, from which its paths lead to the same CSVs."""
        values: dict[str, Any] = {"output": None}
        for key, path in file.config.data.tables.items():
            if path != "-" and not os.path.isabs(path):
                values[f"data.{key}"] = _from(self.path, file.resolve(path))
        config = with_values(file.config, values)
        return dataclasses.replace(
            file, config=config, name="best.yaml", folder=Path(self.path), places={},
            data_option=None,
        )  # fmt: skip

    def has(self, file: ConfigFile) -> bool:
        """Return whether the best model is there, trained by this config of this folder."""
        try:
            model = load(self.model)
        except NnfitError:
            return False
        there = os.path.exists(self._config)
        return there and model.version == __version__ and _alike(model.config, kept(file.config))

    def save(self, run: Run, file: ConfigFile) -> None:
        """Write the best model, then its config, by which `nnfit train` makes it again."""
        config = with_values(file.config, {"training.engine": run.engine})
        run.model.save(self.model)
        with whole_file(self._config) as stream:
            stream.write(render(config).encode())


def about(file: ConfigFile, decided: Decided, metric: str, cv: int | None) -> dict[str, Any]:
    """Return what a folder keeps of a sweep: all that the lines of its trials depend on."""
    digest = hashlib.sha256(decided.rows.digest().encode())
    for key, path in file.config.data.tables.items():
        if key != "path" and path != "-":
            with suppress(OSError), open(file.resolve(path), "rb") as stream:  # reading tells
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return {
        "nnfit_version": __version__,
        "config": settings(file, FREE) | {"sweep.metric": metric, "sweep.cv": cv},
        "data": digest.hexdigest(),
    }


def _from(folder: str, path: str) -> str:
    """Return the way from a folder to a file."""
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two configs say the same, whichever engine a run of them took."""
    both = [
        {**config, "training": {**config["training"], "engine": None}} for config in (one, other)
    ]
    return both[0] == both[1]
