"""Keeps the checkpoint of one run: who may write it, when it is read, when it goes.

What goes wrong while writing costs the run its checkpoint and never the run.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
from collections.abc import Callable, Mapping
from typing import IO, Any

from nnfit.errors import OutputError, ResumeError
from nnfit.observer import Observer
from nnfit.run.checkpoint.lock import Lock, Locked
from nnfit.run.checkpoint.stored import engine_of, read, write
from nnfit.storage.files import PREFIX_LENGTH, remove_abandoned, whole_file
from nnfit.storage.origin import CHECKPOINT, check_links, holds
from nnfit.storage.output import told
from nnfit.training.fit import Fit
from nnfit.training.state import State

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Checkpoint:
    """The checkpoint beside the model `output`; a context that holds it against other runs.

    Parameters
    ----------
    output : str
        Where the model goes: the name of a file.
    resume : bool
        Go on from the checkpoint, where there is one.
    observer : Observer
        Hears what becomes of it.
    share : float
        Of the epochs; after it the run is left, to be gone on with from its checkpoint.

    Attributes
    ----------
    path : str
    to_resume : bool
        Whether the file at `path` is one that this run can be resumed from.

    Raises
    ------
    ResumeError
        On entering, when another live run has the checkpoint that is to be resumed.
    OutputError
        On entering, when what is there under its name is no checkpoint.
    """

    def __init__(self, output: str, resume: bool, observer: Observer, share: float = 1.0) -> None:
        self.path = f"{output}.checkpoint"
        self.to_resume = False
        self._resume, self._observer, self._share = resume, observer, share
        self._usable = True
        self._failed = False
        self._locks = contextlib.ExitStack()
        self._describe: Callable[[], Mapping[str, Any]] = dict
        self._run: Mapping[str, Any] | None = None

    def __enter__(self) -> Checkpoint:
        folder, name = os.path.split(self.path)
        lock = Lock(os.path.join(folder, f".{name}.lock"))
        there = os.path.lexists(self.path)
        try:
            check_links(self.path)
            self._locks.enter_context(lock)
        except Locked as locked:
            who = f"another run (process {locked.holder})" if locked.holder else "another run"
            if self._resume:
                raise ResumeError(
                    f"{self.path}: {who} is using it; wait for its end, or stop it"
                ) from None
            self._give_up(f"{who} is using it")
        except FileExistsError:
            self._give_up(f"{lock.path} is no lock of a run, move it away")
        except OSError as err:
            self._give_up(f"cannot be written: {(err.strerror or str(err)).lower()}")
        else:
            if there and not os.path.isfile(self.path):
                self._give_up("cannot be written: is no regular file")
            elif self._is_foreign():
                self.__exit__()
                raise OutputError(
                    f"{self.path}: is no checkpoint that nnfit wrote, and this run's would replace "
                    "it; expected a free name. Move it away, or name another model with -o"
                )
            elif there and not self._resume:
                self._observer.warning(
                    f"{self.path} is left from a run that did not end; this one begins anew and "
                    "replaces it (--resume would go on from it)"
                )
            if lock.taken:
                # no other run writes here; but a name that is cut may be another output's
                target = os.path.realpath(self.path)
                if len(os.path.basename(target)) <= PREFIX_LENGTH:
                    remove_abandoned(target, seconds=0.0)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._locks.close()
        except OSError as err:  # the model's own close was another, and went well
            reason = (err.strerror or str(err)).lower()
            self._observer.warning(f"{self.path}: its lock cannot be closed: {reason}")

    def attach(self, fit: Fit, describe: Callable[[], Mapping[str, Any]]) -> None:
        """Have `fit` leave its checkpoints here, and put it where the checkpoint to resume stands.

        Parameters
        ----------
        describe : callable
            Returns the fingerprint of the run; called when it is needed.

        Raises
        ------
        ResumeError
            When the checkpoint is damaged, or of another run.
        """
        self._describe = describe
        if self._resume and os.path.lexists(self.path):
            read(self.path, fit.state, self._fingerprint())
            self.to_resume = True
            n = len(fit.state.progress.records)
            where = "after the last epoch" if fit.ended else f"in epoch {n + 1}"
            self._observer.note(f"going on {where} from {self.path}")
        elif self._resume:
            self._observer.note(f"no checkpoint {self.path}; starting from the beginning")
        fit.pause_after = math.ceil(self._share * fit.settings.epochs)
        if self._usable:
            fit.checkpoint = self._save

    def begun_in(self) -> str | None:
        """Return the engine of the run that is gone on with, None where that cannot be told."""
        if not self._resume or not os.path.lexists(self.path):
            return None
        return engine_of(self.path)

    def remove(self) -> None:
        """Remove the checkpoint of a run that has ended well, or one that this run replaced."""
        if not self._usable:
            return
        if self._is_foreign():
            self._observer.warning(f"{self.path}: is no longer a checkpoint of nnfit's; it stays")
            return
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        except OSError as err:
            reason = (err.strerror or str(err)).lower()
            self._observer.warning(f"{self.path}: cannot be removed: {reason}")

    def _save(self, state: State) -> None:
        try:
            if self._is_foreign():
                raise OutputError(f"{self.path}: is no longer a checkpoint of nnfit's and stays")
            with whole_file(self.path) as stream:
                write(stream, state, self._fingerprint())
                self._leave_room(stream)
        except (OutputError, OSError, MemoryError) as err:
            if not self._failed:
                what = f"{self.path}: out of memory" if isinstance(err, MemoryError) else str(err)
                self._observer.warning(f"{what}; training goes on without a new checkpoint")
            self._failed = True
        else:
            self._failed, self.to_resume = False, True

    def _leave_room(self, stream: IO[bytes]) -> None:
        """Raise if there is no room beside this one for what comes next: the model, or one anew.

        As much as its own size, which the one that it takes the place of gives back in part.
        """
        stream.flush()
        with told(self.path):
            size = os.fstat(stream.fileno()).st_size
            old = os.path.getsize(self.path) if os.path.lexists(self.path) else 0
            if size > old and hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(stream.fileno(), size, size - old)
                except OSError as err:
                    if err.errno in NO_ROOM:
                        raise OutputError(
                            f"{self.path}: there is no room for it and the model"
                        ) from err
                os.ftruncate(stream.fileno(), size)

    def _is_foreign(self) -> bool:
        """Return whether something is there that nnfit has not written, and must not lose."""
        return os.path.lexists(self.path) and not holds(self.path, CHECKPOINT)

    def _fingerprint(self) -> Mapping[str, Any]:
        """Return the fingerprint, worked out once: it takes a look at every row."""
        if self._run is None:
            self._run = self._describe()
        return self._run

    def _give_up(self, why: str) -> None:
        self._usable = False
        self._observer.warning(f"{self.path}: {why}; this run writes no checkpoint")
