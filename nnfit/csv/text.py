"""Bytes in any encoding a CSV comes in, to UTF-8.

It finds byte order marks and repairs bytes that are not UTF-8; it knows nothing of records.
pandas would have to be told the encoding; a TextIOWrapper makes text of it, which pandas makes
bytes again.
"""

from __future__ import annotations

import codecs
from typing import Protocol

from nnfit.csv.source import Source, read_mark
from nnfit.errors import DataError
from nnfit.observer import Observer

# UTF-32 before UTF-16: the little-endian mark of the one begins with that of the other.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_REPAIR = "nnfit.windows-1252"


def _as_windows_1252(err: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are not UTF-8, five of which Windows-1252 lacks and Latin-1 has."""
    assert isinstance(err, UnicodeDecodeError)
    wrong = [bytes((code,)) for code in err.object[err.start : err.end]]
    return "".join(b.decode("cp1252", "ignore") or b.decode("latin-1") for b in wrong), err.end


codecs.register_error(_REPAIR, _as_windows_1252)


class Text(Protocol):
    """Text as UTF-8 bytes; `name` is that of messages."""

    name: str

    def read(self, size: int) -> bytes:
        """Return some bytes of text, as soon as there are any; b"" at the end."""

    def repair(self, text: bytes) -> bytes:
        """Return whole lines of `text` as valid UTF-8."""


class Utf8Reader:
    """The text of a source as UTF-8 bytes, without its byte order mark.

    Bytes of a source that claims no other encoding pass as they are; `repair` mends them once
    they are cut into whole records, so that the result does not depend on where blocks end.
    """

    def __init__(self, source: Source, observer: Observer) -> None:
        self.name = source.name
        self._source = source
        self._observer = observer
        self._warned = False
        self._offset = 0  # of the next byte handed out, for messages
        mark, self._head = read_mark(source.read, _MARKS)
        self.has_mark = bool(mark)
        self._encoding = _MARKS.get(mark, "utf-8")
        self._decoder = (
            None if self._encoding == "utf-8" else codecs.getincrementaldecoder(self._encoding)()
        )
        if self._decoder is not None:
            observer.warning(
                f"{self.name}: is {self._encoding[:-3].upper()}, as its first bytes say, and read "
                "as that. Other programs may expect UTF-8"
            )

    def read(self, size: int) -> bytes:
        """Return some bytes of text, as soon as there are any; b"" at the end.

        Raises
        ------
        DataError
            If there is a NUL, or a UTF-16 text is damaged.
        """
        text = self._next(size)
        if b"\0" in text:
            raise DataError(
                f"{self.name}: NUL at byte {self._offset + text.index(0) + 1} of the text; expected"
                " a CSV. The file is binary, or UTF-16 without a byte order mark: save it as UTF-8"
            )
        self._offset += len(text)
        return text

    def _next(self, size: int) -> bytes:
        while True:
            data, self._head = self._head or self._source.read(size), b""
            if self._decoder is None:
                return data
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeDecodeError as err:
                raise DataError(
                    f"{self.name}: damaged {self._encoding.upper()} text ({err.reason})"
                ) from err
            if text or not data:
                return text.encode("utf-8")

    def repair(self, text: bytes) -> bytes:
        """Return whole lines of `text` as valid UTF-8, other bytes read as Windows-1252."""
        if text.isascii():
            return text
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as err:
            if not self._warned:
                self._warned = True
                self._observer.warning(
                    f"{self.name}: byte 0x{text[err.start]:02X} is not UTF-8; such bytes are read "
                    "as Windows-1252 (Latin-1). Save the file as UTF-8 if letters look wrong"
                )
            return text.decode("utf-8", _REPAIR).encode("utf-8")
        return text
