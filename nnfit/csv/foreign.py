"""Files that are no CSV, known by how they begin: named for what they are, with what to do.

It reads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nnfit.errors import DataError

# Tables that are no CSV, and what else is mistaken for one.
FOREIGN = {
    b"PK\x03\x04": "a zip archive (an .npz model or an .xlsx sheet, say)",
    b"PK\x05\x06": "a zip archive (an .npz model or an .xlsx sheet, say)",
    b"PAR1\x15": "a Parquet file",
    b"PAR1\0": "a Parquet file",
    b"PARE": "an encrypted Parquet file",
    b"ARROW1\0\0": "an Arrow file",
    b"FEA1\0": "a Feather file",
    b"\xd0\xcf\x11\xe0": "an old Office file (an .xls workbook, say)",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x80\x04\x95": "a Python pickle",
    b"%PDF-": "a PDF",
}
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis"
_OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")  # first in their archives
_MARKUP = {"<!doctype html": "HTML", "<html": "HTML", "<table": "HTML", "<?xml": "XML"}
_JSON = re.compile(r'\s*\[?\s*[\[{]\s*(["{]|$)')


def refuse_foreign(name: str, head: bytes) -> None:
    """Raise DataError if the first bytes are of a file that is no CSV."""
    mark = next((mark for mark in FOREIGN if head.startswith(mark)), None)
    if mark is None:
        return
    kind, cure = FOREIGN[mark], ""
    if mark.startswith(b"PK") and head[30:].startswith(_OFFICE):
        kind, cure = "an Office file (an .xlsx workbook, say)", ". Save the sheet as CSV UTF-8"
    elif mark.startswith(b"PK") and head[30:].startswith(_OPEN_DOCUMENT):
        kind, cure = "an OpenDocument file (an .ods sheet, say)", ". Save the sheet as CSV"
    elif not mark.startswith(b"PK"):
        cure = ". Save the table as CSV"
    raise DataError(f"{name}: is {kind}; expected a CSV{cure}")


def refuse_markup(name: str, cells: Sequence[str]) -> None:
    """Raise DataError if the first record begins a page or an object."""
    start = cells[0].lstrip()[:20].lower()
    kind = next((kind for mark, kind in _MARKUP.items() if start.startswith(mark)), None)
    if kind is None and _JSON.match(cells[0]):
        kind = "JSON"
    if kind is not None:
        raise DataError(f"{name}: is {kind}; expected a CSV. Save the table as CSV")
