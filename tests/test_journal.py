"""The journal: whole lines of several processes, whatever is cut, full, foreign or long."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnfit.errors import DataError, OutputError
from nnfit.many.journal import Journal

APPENDING = """\
import sys
from nnfit.many.journal import Journal

who, same = sys.argv[1:]
journal = Journal("runs.jsonl")
known = set()
for i in range(40):
    record = {"id": i if same else f"{who} {i}", "text": who * 3000}
    if record["id"] not in known:
        news = journal.append(record, lambda line: line["id"] == record["id"])
        known.update(line["id"] for line in news)
"""


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("same", ["", "same"])
def test_two_processes_append_whole_lines(folder: Path, same: str) -> None:
    """Have each write its own, or both the same ones, of which there is then one each."""
    Path("append.py").write_text(APPENDING)
    both = [subprocess.Popen([sys.executable, "append.py", who, same]) for who in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    found = lines_of(Path("runs.jsonl"))
    ids = [line["id"] for line in found]
    if same:
        assert ids == list(range(40))
    else:
        assert [i for i in ids if str(i)[0] == "a"] == [f"a {i}" for i in range(40)]
        assert len(ids) == len({*ids}) == 80
    assert all(line["text"] in ("a" * 3000, "b" * 3000) for line in found)


def test_who_appends_hears_what_others_wrote(folder: Path) -> None:
    ours, theirs = Journal("runs.jsonl"), Journal("runs.jsonl")
    assert ours.append({"n": 1}) == []
    assert theirs.append({"n": 2}) == [{"n": 1}]
    assert ours.append({"n": 3}, lambda line: line == {"n": 2}) == [{"n": 2}]  # not written
    assert ours.append({"n": 4}) == []
    assert theirs.news() == [{"n": 4}] and theirs.news() == []
    assert lines_of(Path("runs.jsonl")) == [{"n": 1}, {"n": 2}, {"n": 4}]


@pytest.mark.parametrize("half", [b'{"n": 2, "te', b'{"n": 2}', '{"ü'.encode()[:-1], b"\0" * 50])
def test_half_a_line_is_none_and_makes_room(folder: Path, half: bytes) -> None:
    path = Path("runs.jsonl")
    Journal("runs.jsonl").append({"n": 1})
    path.write_bytes(path.read_bytes() + half)
    journal = Journal("runs.jsonl")
    assert journal.news() == [{"n": 1}]
    assert journal.append({"n": 3}) == []
    assert path.read_bytes() == b'{"n": 1}\n{"n": 3}\n'


@pytest.mark.parametrize(
    "line", [b"how to fold a crane", b"[1, 2]", b"3", b'{"n": 1', b"\xff\xfe", b"[" * 100_000]
)
def test_a_foreign_line_is_an_error(folder: Path, line: bytes) -> None:
    Path("runs.jsonl").write_bytes(b'{"n": 1}\n' + line + b"\n")
    for use in (Journal.news, lambda journal: journal.append({"n": 2})):
        with pytest.raises(DataError) as caught:
            use(Journal("runs.jsonl"))
        assert caught.value.messages == (
            "runs.jsonl: has a line that is no JSON object; expected one that nnfit wrote. "
            "Name another place, or move the file away",
        )
    assert Path("runs.jsonl").read_bytes() == b'{"n": 1}\n' + line + b"\n"


def test_of_a_line_on_a_full_disk_nothing_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal("runs.jsonl")
    journal.append({"n": 1})
    write, room = os.write, 5

    def full(handle: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(handle, data[:room])
        room -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OutputError) as caught:
            journal.append({"n": 2})
    assert caught.value.messages == ("runs.jsonl: cannot be written: no space left on device",)
    assert Path("runs.jsonl").read_bytes() == b'{"n": 1}\n'
    journal.append({"n": 3})
    assert lines_of(Path("runs.jsonl")) == [{"n": 1}, {"n": 3}]


def test_a_line_that_cannot_be_flushed_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OutputError, match="^runs.jsonl: cannot be written: input/output error$"):
        Journal("runs.jsonl").append({"n": 1})
    assert Path("runs.jsonl").read_bytes() == b""


def test_what_is_no_number_in_json_is_not_written(folder: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Journal("runs.jsonl").append({"loss": float("nan")})
    assert Path("runs.jsonl").read_bytes() == b""


def test_ten_thousand_lines_are_read_once_and_then_only_what_is_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("runs.jsonl", "w") as file:
        file.writelines(f'{{"id": {i}, "score": 0.5}}\n' for i in range(10_000))
    journal = Journal("runs.jsonl")
    assert [line["id"] for line in journal.news()] == list(range(10_000))
    parsed: list[bytes] = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda line: parsed.append(line) or loads(line))
    assert journal.append({"id": 10_000}) == []
    assert Journal("runs.jsonl").append({"id": 10_001})[-1] == {"id": 10_000}
    del parsed[:]
    assert journal.news() == [{"id": 10_001}]
    assert len(parsed) == 1
