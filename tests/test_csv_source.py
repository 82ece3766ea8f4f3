"""Files, pipes and stdin as bytes: compression, what is unreadable, rows as they come, progress."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from csv_files import COMMA, Listener, cells_of, complaint, put, whole

from nnfit.csv import source
from nnfit.csv.reading import BlockReader, read_table
from nnfit.errors import DataError

pytestmark = pytest.mark.usefixtures("folder")

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_files_of_several_members(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compress = COMPRESSORS[suffix]
    data = compress(b"a,b\n1,x\n2") + compress(b",y\n")
    path = put(data, "d.csv" + suffix)
    assert whole(path) == {"a": [1, 2], "b": ["x", "y"]}
    monkeypatch.setattr(source, "_INFLATED_AT_ONCE", 1)
    assert cells_of(path) == [["a", "b"], ["1", "x"], ["2", "y"]]


def test_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(b"\x28\xb5\x2f\xfd....", "d.csv.zst")
    for module in ("compression", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)
    assert complaint(path) == (
        "d.csv.zst: reading zstd data needs the package 'zstandard'. Run: pip install zstandard"
    )


def test_zstd_is_read_where_the_package_is() -> None:
    zstandard = pytest.importorskip("zstandard")
    path = put(zstandard.ZstdCompressor().compress(b"a\n1\n"), "d.csv.zst")
    assert whole(path) == {"a": [1]}


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_stdin(compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(compress(b"a,b\n1,2\n")))
    assert whole("-") == {"a": [1], "b": [2]}
    monkeypatch.setattr(sys, "stdin", Stdin(compress(b"a,b\n1,2,3\n")))
    with pytest.raises(DataError) as error:
        read_table("-", COMMA)
    assert str(error.value) == (
        "<stdin>, row 1: got 3 cells; expected 2, as in the header. Quote a cell that holds ','"
    )


def test_stdin_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert complaint("-") == "<stdin>: is closed; expected a CSV"


def test_places_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert complaint("folder") == "folder: is a directory; expected a CSV file"
    assert complaint("no.csv") == "no.csv: no such file"
    assert complaint("no\0.csv") == "'no\\x00.csv': not a possible file name"


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert complaint("d.csv") == "d.csv: can't be read: permission denied"


def test_damaged_compression() -> None:
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    assert complaint(put(data[:-20], "d.csv.gz")) == (
        "d.csv.gz: ends in the middle of its gzip data"
    )
    assert complaint(put(b"a,b\n1,2\n", "d.csv.xz")) == (
        "d.csv.xz: is not xz data, though its name ends in '.xz'. Rename or compress it"
    )
    assert complaint(put(data[:12] + b"\xff\xff" + data[14:], "e.csv.gz")).startswith(
        "e.csv.gz: damaged gzip data ("
    )


needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")


def through_a_pipe(pieces: Iterator[bytes]) -> str:
    """Return the path of a pipe's end, fed from a thread."""
    os.mkfifo("pipe")

    def feed() -> None:
        with open("pipe", "wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)

    threading.Thread(target=feed, daemon=True).start()
    return "pipe"


@needs_fifo
def test_rows_come_out_while_a_slow_producer_still_writes() -> None:
    go_on = threading.Event()
    answered = []

    def produce() -> Iterator[bytes]:
        yield b"a,b\n"
        for row in (b'1,"x"\n2,', b"y\n", b"3,z\n4"):
            yield row
            answered.append(go_on.wait(timeout=5))
            go_on.clear()
        yield b",end\n"

    rows = []
    with BlockReader(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks:
            rows.append(block.frame.to_numpy().tolist())
            go_on.set()
    assert rows == [[[1, "x"]], [[2, "y"]], [[3, "z"]], [[4, "end"]]]
    assert answered == [True, True, True]


@needs_fifo
def test_compressed_rows_come_out_while_their_producer_still_writes() -> None:
    go_on = threading.Event()
    answered = []

    def produce() -> Iterator[bytes]:
        deflate = zlib.compressobj(wbits=31)
        yield deflate.compress(b"a,b\n1,x\n") + deflate.flush(zlib.Z_SYNC_FLUSH)
        answered.append(go_on.wait(timeout=5))
        yield deflate.compress(b"2,y\n") + deflate.flush()

    rows = []
    with BlockReader(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks:
            rows.append(block.frame.to_numpy().tolist())
            go_on.set()
    assert rows == [[[1, "x"]], [[2, "y"]]]
    assert answered == [True]


@needs_fifo
def test_ready_tells_whether_reading_on_would_wait() -> None:
    go_on = threading.Event()

    def produce() -> Iterator[bytes]:
        yield b"a,b\n1,2\n3"
        go_on.wait(timeout=5)
        yield b",4\n"

    ready = []
    with BlockReader(through_a_pipe(produce()), COMMA, None) as blocks:
        for block in blocks.arrivals():
            ready.append((None if block is None else len(block.frame), blocks.ready()))
            go_on.set()
    assert ready[0] == (1, False)
    assert [n for n, _ in ready if n is not None] == [1, 1]
    with BlockReader(put("a\n1\n"), COMMA, None) as blocks:
        assert blocks.ready()


@needs_fifo
def test_a_fast_producer_fills_blocks() -> None:
    line = b"1.25,2.5,abc\n"

    def produce() -> Iterator[bytes]:
        yield b"a,b,c\n"
        for _ in range(100):
            yield line * 1000

    with BlockReader(through_a_pipe(produce()), COMMA, None, block_bytes=1 << 20) as blocks:
        lengths = [len(block.frame) for block in blocks]
    assert sum(lengths) == 100_000
    # Without gathering there is a block for each 64 KiB a pipe holds: 20 and more.
    assert len(lengths) < 15


@needs_fifo
def test_a_fifo_is_read_once_by_read_table() -> None:
    path = through_a_pipe(iter([b"a,b\n1,", b"2\n"]))
    assert whole(path) == {"a": [1], "b": [2]}


def test_progress_is_told_in_bytes_and_ends_at_the_total() -> None:
    data = b"a,b\n" + b"1,2\n" * 400_000
    for path in (put(data), put(gzip.compress(data, 1), "d.csv.gz")):
        listener = Listener()
        read_table(path, COMMA, observer=listener)
        size = os.path.getsize(path)
        assert {(name, total) for name, _, total in listener.read} == {(path, size)}
        done = [done for _, done, _ in listener.read]
        assert done == sorted(set(done))
        assert done[-1] == size
        assert len(done) <= 1 + size / (1 << 18)


def test_stdin_has_no_known_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"a\n1\n"))
    listener = Listener()
    read_table("-", COMMA, observer=listener)
    assert listener.read == [("<stdin>", 4, None)]
