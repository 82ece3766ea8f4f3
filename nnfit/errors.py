"""The errors a user sees, one message without a traceback, and the exit codes of the commands.

Wording: `place: what is wrong, got X; expected Y. What to do.` Bugs are not these: they keep
their traceback.
"""

from __future__ import annotations

import difflib
import heapq
import os
import signal
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from enum import IntEnum

from nnfit.budget import NAMES_COMPARED

SHOWN_LENGTH = 60  # characters of a value that a message repeats
STDIN = "<stdin>"
LONGEST_GUESSED = 100  # characters of a name that may be a misspelt one
MAX_LINE = 2000  # characters of a message
LISTED_NAMES = 20  # so many of a list's are told one by one


class ExitCode(IntEnum):
    """What the commands return to the shell."""

    DONE = 0
    FAILED = 1  # the work itself failed: diverged, a gradient check failed
    BAD_INPUT = 2  # usage, config, data, model file, a missing extra, an unwritable place
    INTERRUPTED = 130  # SIGINT
    TERMINATED = 143  # SIGTERM, or a terminal that was closed

    @classmethod
    def of(cls, number: int) -> ExitCode:
        """Return the code of a process that the signal `number` ends."""
        return cls.INTERRUPTED if number == signal.SIGINT else cls.TERMINATED


class NnfitError(Exception):
    """A message for the user, one line; a config reports all its errors at once, a line each."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, *messages: str) -> None:
        self.messages = tuple(bounded(printable(message)) for message in messages)
        super().__init__("\n".join(self.messages))


class ConfigError(NnfitError):
    """The YAML or an option is wrong."""


class DataError(NnfitError):
    """The CSV is wrong, or does not fit the model."""


class DecimalError(DataError):
    """A cell that is a number by another decimal mark, which is `decimal`."""

    def __init__(self, message: str, decimal: str) -> None:
        super().__init__(message)
        self.decimal = decimal


class ModelFileError(NnfitError):
    """The .npz is missing, foreign, damaged or of another format version."""


class PictureError(NnfitError):
    """A picture that can't be made: of this model, of these columns, or without an extra."""


class OutputError(NnfitError):
    """A place that can't be written."""


class TrainingError(NnfitError):
    """The loss left the finite range, or grew and stayed."""

    exit_code = ExitCode.FAILED


class ResumeError(NnfitError):
    """A checkpoint that is damaged, in use, or of another run."""

    exit_code = ExitCode.FAILED


class NnfitWarning(UserWarning):
    """What a user of the Python API should know and may want to change."""


def warn(text: str) -> None:
    """Warn through Python's `warnings`, at the line outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("nnfit."):
        level, frame = level + 1, frame.f_back
    warnings.warn(bounded(printable(text)), NnfitWarning, stacklevel=level)


class Interrupted(BaseException):
    """A signal ended the work; what was worth keeping has been written.

    Like KeyboardInterrupt it is no Exception, so that nothing on its way takes it for an error.
    """

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


def shorten(text: str) -> str:
    """Return `text`, cut to what fits into a message."""
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "..."


def described(value: object) -> str:
    """Return what a value from Python is: `'x.csv'`, `an ndarray of shape (150, 4)`, `a list`."""
    if value is None or isinstance(value, str | os.PathLike | bool | int | float):
        return shorten(repr(os.fspath(value) if isinstance(value, os.PathLike) else value))
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    article = "an" if kind[0] in "aeioAEIO" or kind == "ndarray" else "a"
    return f"{article} {kind}" + (f" of shape {shape}" if isinstance(shape, tuple) else "")


def path_text(path: object, what: str, expected: str, error: type[NnfitError]) -> str:
    """Return a path from Python as text; `error` names the argument and what was `expected`."""
    if not isinstance(path, str | os.PathLike):
        raise error(f"{what}: got {described(path)}; expected {expected}")
    return os.fsdecode(path)


def name_of(path: str) -> str:
    """Return what messages call the file at `path`, where "-" is stdin."""
    return STDIN if path == "-" else path


def printable(text: str) -> str:
    """Return `text` in one line that no terminal obeys: other characters as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def bounded(text: str) -> str:
    """Return a message cut to what a person reads: its beginning, and the end with what to do."""
    if len(text) <= MAX_LINE:
        return text
    return f"{text[: MAX_LINE - 500]} … {text[-400:]}"


def joined(names: Iterable[str], word: str) -> str:
    """Return `a, b or c`, `word` standing before the last."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def appearance(text: str) -> str:
    """Return what texts that print alike have in common: NFC, no edges, nothing without width."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join("".join(seen).split())


def matched_columns(header: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return by its spelling in the header the name of each column that only looks like it."""
    there = set(header)
    missing = [name for name in names if name not in there]
    if not missing:
        return {}
    free = there.difference(names)
    looks: dict[str, list[str]] = {}
    for column in header:
        if column in free:
            looks.setdefault(appearance(column), []).append(column)
    found = {name: looks.get(appearance(name), []) for name in missing}
    names_of = {columns[0]: name for name, columns in found.items() if len(columns) == 1}
    return {column: names_of[column] for column in header if column in names_of}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest of `known`, or an empty string.

    One that prints as `name` does is told by its escapes.
    """
    if len(name) > LONGEST_GUESSED:
        return ""  # difflib would take memory and time for each of its characters
    names, plain = list(known), name.casefold()
    folded = {other.casefold(): other for other in reversed(names)}
    if plain in folded:
        near = [folded[plain]]
    else:
        if len(names) > NAMES_COMPARED:  # which would take minutes
            names = [folded[other] for other in _likeliest(plain, folded)]
            folded = {other.casefold(): other for other in names}
        near = difflib.get_close_matches(name, names, n=1)
        near = near or [folded[n] for n in difflib.get_close_matches(plain, folded, n=1)]
    if not near:
        return ""
    alike = appearance(near[0]) == appearance(name)
    return f"; did you mean {ascii(near[0]) if alike else repr(near[0])}?"


def _likeliest(name: str, known: Iterable[str]) -> list[str]:
    """Return those of many names that begin and end most like it, as all slips but two do."""
    ends = [(name[:n], name[-n:]) for n in (2, 4, 8, 16, 32)]

    def alike(other: str) -> int:
        alike = 0
        for head, tail in ends:
            alike += other.startswith(head) + other.endswith(tail)
        return alike

    return heapq.nlargest(NAMES_COMPARED, known, key=alike)


def _other_case(missing: Iterable[str], known: Iterable[str]) -> str:
    """Return `"; did you mean 'A' for 'a'?"` for the first that is there but for its case."""
    folded = {name.casefold(): name for name in known}
    for name in missing:
        if near := folded.get(name.casefold()):
            return f"; did you mean {near!r} for {name!r}?"
    return ""


def listed(names: Iterable[object], *, whole: bool = False) -> str:
    """Return `a, b, c`: the first names, each cut unless `whole`, and how many more there are."""
    texts = [str(name) if whole else shorten(str(name)) for name in names]
    first, more = ", ".join(texts[:LISTED_NAMES]), len(texts) - LISTED_NAMES
    if more <= 0:
        return first
    return f"{first}, … ({more} more)" if whole else f"{first} and {more} more"


def quoted(names: Sequence[str], *, whole: bool = False) -> str:
    """Return `column 'a'` or `columns 'a', 'b'`, as `listed`."""
    return ("column " if len(names) == 1 else "columns ") + listed(map(repr, names), whole=whole)


def require_columns(
    name: str, known: Sequence[str], needed: Iterable[str], *, key: str = "", why: str = ""
) -> None:
    """Raise DataError that names what `known` lacks of `needed`, and the nearest name.

    `name` is the table's. What names the columns is said by `key`, an option or one of the
    config, or what they are for by `why`; without either they are a CSV's, and told whole.
    """
    there = set(known)
    missing = [column for column in needed if column not in there]
    if not missing:
        return
    whole = not (key or why)
    problem = f"no {quoted(missing, whole=whole)}{why}"
    if key:
        what = "is no such column" if len(missing) == 1 else "are no such columns"
        problem = f"{key} names {listed(map(repr, missing))}, but there {what}"
    hint = did_you_mean(missing[0], known) if len(missing) == 1 else _other_case(missing, known)
    parts = [part.strip() for part in missing[0].split(",")]
    if len(parts) > 1 and there.issuperset(parts):
        hint = f"; several are a list: [{', '.join(parts)}]"
    raise DataError(f"{name}: {problem}; columns are: {listed(known, whole=whole)}{hint}")
