"""A config's bytes: read from a file or stdin within a limit, and decoded as UTF-8.

What the text says is not looked at, except to tell why it cannot be a config.
"""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from nnfit.errors import ConfigError

MAX_BYTES = 1_000_000

_FOREIGN = {
    b"PK\x03\x04": "a zip archive, such as an .npz model",
    b"PK\x05\x06": "a zip archive, such as an .npz model",
    b"\x93NUMPY": "a NumPy array",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}
_UTF16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def read_text(path: str, name: str) -> str:
    """Return the text of the file at `path` (`-` is stdin), which messages call `name`.

    Raises
    ------
    ConfigError
        If it cannot be read, is over a megabyte, or is not UTF-8 text.
    """
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as err:
        raise ConfigError(f"{name}: no such file; expected a config in YAML") from err
    except IsADirectoryError as err:
        raise ConfigError(f"{name}: is a directory; expected a config in YAML") from err
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise ConfigError(f"{name}: cannot be read: {reason.lower()}") from err
    return _decoded(raw, name)


def _decoded(raw: bytes, name: str) -> str:
    for magic, kind in _FOREIGN.items():
        if raw.startswith(magic):
            raise ConfigError(f"{name}: is {kind}; expected a config in YAML")
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}: is over {MAX_BYTES} bytes; expected a config in YAML")
    if raw.startswith(_UTF16_OR_32) or (len(raw) > 1 and 0 in raw[:2] and raw[:2] != b"\x00\x00"):
        raise ConfigError(f"{name}: is UTF-16 or UTF-32; expected UTF-8. Save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        body = raw.removeprefix(codecs.BOM_UTF8)
        start = body.rfind(b"\n", 0, err.start) + 1
        line = body.count(b"\n", 0, err.start) + 1
        column = len(body[start : err.start].decode()) + 1
        offset = err.start + len(raw) - len(body)
        raise ConfigError(
            f"{name}:{line}:{column}: byte 0x{body[err.start]:02x} at offset {offset} is not "
            "UTF-8; expected UTF-8 text. Save the file as UTF-8"
        ) from err
