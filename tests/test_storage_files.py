"""Files whole or not at all: every fault a place can have, injected and real.

What the old file was, it still is after a failure; nothing is left beside it; the message names
the place and the reason.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nnfit as package
from nnfit.errors import OutputError
from nnfit.storage.files import check_writable, whole_file

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

FAULTS = [errno.EIO, errno.ENOSPC, errno.EACCES]
CALLS = "open write fsync chmod replace close stat lstat fstat unlink flock".split()
NEW = bytes(range(256)) * 120  # more than one write
# what may fail without a loss: the folder's own flush, permissions, the lock on the temporary file,
# taking that away once it has its name; of the looks at the place, all but the first
HARMLESS = {("open", 2), ("fsync", 2), ("close", 2)} | {
    (name, n) for name in ("chmod", "fstat", "unlink", "flock") for n in (1, 2)
}
LOOKS = ("stat", "lstat")


class Faulty:
    """Counts the calls of `os.NAME`, and lets the n-th fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.calls = self.failing = self.code = 0
        module = pytest.importorskip("fcntl") if name == "flock" else os
        real: Callable[..., Any] = getattr(module, name)

        def call(*args: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls != self.failing:
                return real(*args, **options)
            if name == "close":  # a descriptor is closed even where closing it failed
                real(*args)
            raise OSError(self.code, os.strerror(self.code))

        monkeypatch.setattr(module, name, call)

    def arm(self, n: int, code: int) -> None:
        self.calls, self.failing, self.code = 0, n, code


def write_new(path: str) -> None:
    """Write `NEW` in pieces."""
    with whole_file(path) as stream:
        for start in range(0, len(NEW), 10_000):
            stream.write(NEW[start : start + 10_000])


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("old", [b"old", None], ids=["over a file", "a new file"])
@pytest.mark.parametrize("name", CALLS)
def test_any_call_may_fail(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: bytes | None
) -> None:
    target = folder / "out.bin"
    if old is not None:
        target.write_bytes(old)
    faulty = Faulty(monkeypatch, name)
    write_new("out.bin")
    n_calls = faulty.calls
    least = {"write": 3, "open": 2, "fsync": 2, "close": 2, "fstat": 0}
    assert n_calls >= least.get(name, 1)
    raised = set()
    for code in FAULTS:
        for n in range(1, n_calls + 1):
            target.unlink(missing_ok=True)
            if old is not None:
                target.write_bytes(old)
            faulty.arm(n, code)
            try:
                write_new("out.bin")
            except OutputError as err:
                raised.add((name, n))
                reason = os.strerror(code).lower()
                assert str(err) == f"out.bin: cannot be written: {reason}"
                assert (target.read_bytes() if target.exists() else None) == old
            else:
                assert target.read_bytes() == NEW
            faulty.arm(0, 0)
            assert beside(folder) == (["out.bin"] if target.exists() else [])
    n_harmful = 1 if name in LOOKS else n_calls
    assert raised == {(name, n) for n in range(1, n_harmful + 1)} - HARMLESS


@pytest.mark.parametrize("name", CALLS)
def test_a_model_is_saved_whole_or_not_at_all(
    folder: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model = package.load("tiny.npz")
    expected = beside(folder)
    faulty = Faulty(monkeypatch, name)
    model.save("tiny.npz")
    for n in range(1, faulty.calls + 1):
        (folder / "tiny.npz").write_bytes(b"old")
        faulty.arm(n, errno.EIO)
        with contextlib.suppress(OutputError):
            model.save("tiny.npz")
            assert (folder / "tiny.npz").read_bytes() == tiny.npz
        faulty.arm(0, 0)
        assert (folder / "tiny.npz").read_bytes() in (b"old", tiny.npz)
        assert beside(folder) == expected


def test_writes_that_write_a_part_are_gone_on_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:1000]))
    write_new("out.bin")
    assert (folder / "out.bin").read_bytes() == NEW


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_without_fsync_is_no_obstacle(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    faulty = Faulty(monkeypatch, "fsync")
    faulty.arm(1, code)
    write_new("out.bin")
    assert (folder / "out.bin").read_bytes() == NEW


def test_without_permissions_the_file_is_its_owners_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Faulty(monkeypatch, "chmod").arm(1, errno.EPERM)
    write_new("out.bin")
    assert stat.S_IMODE((folder / "out.bin").stat().st_mode) == 0o600


def test_the_file_is_flushed_before_the_rename_and_the_folder_after(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        told.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def spy_replace(a: str, b: str) -> None:
        assert Path(a).read_bytes() == NEW
        told.append("rename")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    write_new("out.bin")
    assert told == ["file", "rename", "folder"]


@pytest.mark.parametrize("kind", [OSError, ValueError, KeyboardInterrupt])
def test_an_error_of_the_block_itself_is_not_the_outputs(
    folder: Path, kind: type[BaseException]
) -> None:
    (folder / "out.bin").write_bytes(b"old")
    err = kind(errno.EIO, "the data's own")
    with pytest.raises(kind) as caught, whole_file("out.bin") as stream:
        stream.write(b"new")
        raise err
    assert caught.value is err
    assert (folder / "out.bin").read_bytes() == b"old"
    assert beside(folder) == ["out.bin"]


def test_an_error_of_the_block_is_told_before_one_of_closing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(monkeypatch, "write")
    faulty.arm(1, errno.ENOSPC)
    with pytest.raises(ValueError, match="first"), whole_file("out.bin") as stream:
        stream.write(b"what is buffered fails at the end")
        raise ValueError("first")
    assert beside(folder) == []


def test_the_check_leaves_no_trace_and_finds_each_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "out.bin").write_bytes(b"old")
    for name in ("open", "write", "fsync", "close"):
        with monkeypatch.context() as patch:
            faulty = Faulty(patch, name)
            check_writable("out.bin")
            assert faulty.calls
            # the first file opened is the old one, to see whether it is protected
            faulty.arm(2 if name in ("open", "close") else 1, errno.ENOSPC)
            with pytest.raises(OutputError) as caught:
                check_writable("out.bin")
        assert str(caught.value) == "out.bin: cannot be written: no space left on device"
        assert beside(folder) == ["out.bin"]
    assert (folder / "out.bin").read_bytes() == b"old"


# places ----------------------------------------------------------------------------------------

LONG = "n" * 300
PLACES = [
    ("", "the output has no name, got ''; expected the name of a file to write"),
    (".", ".: is a folder; expected the name of a file to write"),
    ("here/", "here/: is a folder; expected the name of a file to write"),
    ("new/", "new/: names a folder; expected the name of a file to write"),
    ("new/x", "new/x: cannot be written: the folder 'new' does not exist"),
    ("file/x", "file/x: cannot be written: not a directory"),
    (LONG, f"{LONG}: cannot be written: file name too long"),
    ("loop", "loop: cannot be written: too many levels of symbolic links"),
    ("socket", "socket: cannot be written: is a socket"),
    ("a\0b", "'a\\x00b': not a possible file name"),
]


@pytest.fixture
def places(folder: Path) -> Iterator[None]:
    (folder / "here").mkdir()
    (folder / "file").touch()
    (folder / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield


@pytest.mark.parametrize(("path", "message"), PLACES)
def test_places_that_take_no_file(folder: Path, places: None, path: str, message: str) -> None:
    before = beside(folder)
    with pytest.raises(OutputError) as caught:
        check_writable(path)
    assert str(caught.value) == message
    with pytest.raises(OutputError), whole_file(path) as stream:
        stream.write(b"x")
    assert beside(folder) == before


@pytest.mark.parametrize(("path", "message"), [p for p in PLACES if "\0" not in p[0]])
@pytest.mark.parametrize("command", ["train tiny.yaml", "predict tiny.npz tiny.csv"])
def test_commands_find_such_places_first(
    cli: Commands, tiny: Example, places: None, command: str, path: str, message: str
) -> None:
    result = cli(*command.split(), "-o", path)  # not quiet: training would say its plan
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {message}\n")


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
@pytest.mark.parametrize(
    ("command", "read"),
    [
        ("train tiny.yaml", "tiny.csv"),
        ("train tiny.yaml", "tiny.yaml"),
        ("predict tiny.npz tiny.csv", "tiny.csv"),
        ("predict tiny.npz tiny.csv", "tiny.npz"),
    ],
)
def test_links_to_what_is_read_are_seen_through(
    cli: Commands,
    tiny: Example,
    folder: Path,
    link: Callable[[str, str], None],
    command: str,
    read: str,
) -> None:
    before = (folder / read).read_bytes()
    link(read, "link")
    result = cli(*command.split(), "-o", "link")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("nnfit: error: link: is what is read; expected another place ")
    assert (folder / read).read_bytes() == before


@pytest.mark.parametrize(
    ("command", "read"),
    [
        ("train tiny.yaml --data -", "tiny.csv"),
        ("train -", "tiny.yaml"),
        ("predict tiny.npz", "tiny.csv"),
        ("predict tiny.npz -", "tiny.csv"),
    ],
)
def test_what_is_read_as_stdin_is_not_written_either(
    nnfit: Nnfit, tiny: Example, command: str, read: str
) -> None:
    before = (nnfit.folder / read).read_bytes()
    with (nnfit.folder / read).open("rb") as stdin:
        process = nnfit.start(*command.split(), "-o", read, stdin=stdin.fileno())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.decode().startswith(f"nnfit: error: {read}: is what is read; expected another ")
    assert (nnfit.folder / read).read_bytes() == before


def test_a_null_device_takes_what_it_gets(cli: Commands, tiny: Example) -> None:
    assert cli("train", "tiny.yaml", "-q", "-o", os.devnull).out == f"{os.devnull}\n"
    assert cli("predict", "tiny.npz", "tiny.csv", "-q", "-o", os.devnull).code == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize("command", ["train tiny.yaml", "predict tiny.npz tiny.csv"])
def test_a_full_device(cli: Commands, tiny: Example, command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = cli(*command.split(), "-q", "-o", "/dev/full")
    line = "nnfit: error: /dev/full: cannot be written: no space left on device\n"
    assert (result.code, result.out, result.err) == (2, "", line)


# disks and permissions -------------------------------------------------------------------------

BIG_MODEL = ("--set", "model.hidden_sizes=[200, 200]", "--set", "training.epochs=2")  # 165 kB


def limited(nnfit: Nnfit, blocks: int, *args: str) -> tuple[int, str, str]:
    """Return how `nnfit ARGS` ended when no file could grow over so many KiB."""
    script = f'ulimit -f {blocks}; exec "$@"'
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "nnfit", *args]
    found = subprocess.run(command, capture_output=True, text=True, cwd=nnfit.folder)
    return found.returncode, found.stdout, found.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_a_limit_of_size_met_by_the_check(nnfit: Nnfit, tiny: Example) -> None:
    for command in (("train", "tiny.yaml"), ("predict", "tiny.npz", "tiny.csv")):
        code, out, err = limited(nnfit, 1, *command, "-o", "new")
        assert (code, out) == (2, "")
        assert err == "nnfit: error: new: cannot be written: file too large\n"
    assert beside(nnfit.folder) == ["tiny.csv", "tiny.npz", "tiny.yaml"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_a_limit_of_size_met_at_the_end(nnfit: Nnfit, tiny: Example) -> None:
    code, out, err = limited(nnfit, 100, "train", "tiny.yaml", "-q", *BIG_MODEL)
    assert (code, out) == (2, "")
    assert err == "nnfit: error: tiny.npz: cannot be written: file too large\n"
    rows = tiny.csv.split("\n", 1)[1] * 2000
    (nnfit.folder / "long.csv").write_text("x,colour,kind\n" + rows, encoding="utf-8")
    (nnfit.folder / "old.csv").write_bytes(b"old")
    code, out, err = limited(nnfit, 100, "predict", "tiny.npz", "long.csv", "-q", "-o", "old.csv")
    assert (code, out) == (2, "")
    assert err == "nnfit: error: old.csv: cannot be written: file too large\n"
    assert (nnfit.folder / "tiny.npz").read_bytes() == tiny.npz
    assert (nnfit.folder / "old.csv").read_bytes() == b"old"
    names = ["long.csv", "old.csv", "tiny.csv", "tiny.npz", "tiny.yaml"]
    assert beside(nnfit.folder) == names


@contextlib.contextmanager
def mounted(place: Path, *how: str) -> Iterator[None]:
    """Mount something at `place`, or skip."""
    if shutil.which("mount") is None:
        pytest.skip("no mount here")
    found = subprocess.run(["mount", *how, str(place)], capture_output=True)
    if found.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk(nnfit: Nnfit, tiny: Example) -> None:
    disk = nnfit.folder / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=96k", "tmpfs"):
        result = nnfit("train", "tiny.yaml", "-q", "-o", "disk/m.npz")
        assert result.code == 0
        # there is room for the check, none for the model
        result = nnfit("train", "tiny.yaml", "-q", "-o", "disk/m.npz", *BIG_MODEL)
        line = "nnfit: error: disk/m.npz: cannot be written: no space left on device\n"
        assert (result.code, result.out, result.err) == (2, "", line)
        assert (disk / "m.npz").read_bytes() == tiny.npz
        (disk / "filler").write_bytes(bytes(80_000))
        # no room at all: found before the plan is said
        for command in ("train tiny.yaml", "predict tiny.npz tiny.csv"):
            result = nnfit(*command.split(), "-o", "disk/m.npz")
            assert (result.code, result.out, result.err) == (2, "", line)
        assert beside(disk) == ["filler", "m.npz"]
        assert (disk / "m.npz").read_bytes() == tiny.npz


def test_a_read_only_disk(folder: Path) -> None:
    (folder / "disk").mkdir()
    (folder / "disk/old").write_bytes(b"old")
    with mounted(folder / "disk", "--bind", str(folder / "disk")):
        remount = ["mount", "-o", "remount,ro,bind", str(folder / "disk")]
        if subprocess.run(remount, capture_output=True).returncode:
            pytest.skip("no read-only mounts here")
        for path in ("disk/old", "disk/new"):
            with pytest.raises(OutputError) as caught:
                check_writable(path)
            assert str(caught.value) == f"{path}: cannot be written: read-only file system"
    assert (folder / "disk/old").read_bytes() == b"old"


def test_a_file_that_is_mounted_by_itself(folder: Path) -> None:
    (folder / "inside").write_bytes(b"old")
    (folder / "out side").write_bytes(b"old")
    with mounted(folder / "inside", "--bind", str(folder / "out side")):
        with pytest.raises(OutputError) as caught:
            check_writable("inside")
        assert str(caught.value) == (
            "inside: cannot be written: is mounted by itself; name a file in a mounted folder"
        )
        check_writable("out side")


@contextlib.contextmanager
def protected(path: Path) -> Iterator[None]:
    """Set the attribute that keeps even root from changing `path`, or skip."""
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", str(path)], capture_output=True).returncode
    ):
        pytest.skip("no such attribute here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_protected_from_root(folder: Path, what: str) -> None:
    (folder / "kept").mkdir()
    (folder / "kept/out").write_bytes(b"old")
    with protected(folder / "kept" / ("out" if what == "file" else "")):
        with pytest.raises(OutputError) as caught:
            check_writable("kept/out")
        assert str(caught.value) == "kept/out: cannot be written: operation not permitted"
        assert beside(folder / "kept") == ["out"]


def outcome(path: str) -> str:
    """Return how writing to `path` ended, after a check that must say the same."""
    try:
        check_writable(path)
    except OutputError as err:
        return str(err).removeprefix(f"{path}: ")
    with whole_file(path) as stream:
        stream.write(b"new")
    return "written"


def test_permissions_as_they_bind_who_is_not_root() -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        for mode, folder in ((0o755, "closed"), (0o777, "open"), (0o1777, "shared")):
            (top / folder).mkdir()
            (top / folder).chmod(mode)
            (top / folder / "old").write_bytes(b"old")
            (top / folder / "old").chmod(0o444)
        os.seteuid(65534)
        try:
            found = {
                f"{folder}/{file}": outcome(f"{top}/{folder}/{file}")
                for folder in ("closed", "open", "shared")
                for file in ("old", "new")
            }
        finally:
            os.seteuid(0)
        assert found == {
            "closed/old": "cannot be written: permission denied",
            "closed/new": "cannot be written: permission denied",
            "open/old": "written",  # a rename asks the folder alone
            "open/new": "written",
            "shared/old": "cannot be written: is another user's file in a shared folder",
            "shared/new": "written",
        }
        assert (top / "closed/old").read_bytes() == (top / "shared/old").read_bytes() == b"old"


# writers that are no more ----------------------------------------------------------------------


def test_what_a_killed_writer_left_is_taken_away_and_a_live_ones_is_not(folder: Path) -> None:
    script = (
        "import sys, time\n"
        "from nnfit.storage.files import whole_file\n"
        "with whole_file(sys.argv[1]) as stream:\n"
        "    print(flush=True)\n"
        "    time.sleep(600)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, name], stdout=subprocess.PIPE)
        for name in ("out.bin", "out.bin", "other")
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    assert len(beside(folder)) == 3
    writers[0].kill()
    writers[2].kill()
    writers[0].wait()
    writers[2].wait()
    write_new("out.bin")
    assert len(beside(folder)) == 4  # it may be one just being born
    for path in folder.glob(".*.tmp"):
        os.utime(path, (0.0, 0.0))
    write_new("out.bin")
    left = [name.split(".")[1] for name in beside(folder) if name.startswith(".")]
    assert left == ["other", "out"]  # another target's, and the live one's
    writers[1].terminate()
    writers[1].wait()
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "another user's", "turned into a fifo"])
def test_what_only_has_the_name_of_a_temporary_file_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A FIFO would be waited for without end: no writer of the target ever came to its file."""
    other = folder / ".out.bin.0123456789abcdef.tmp"
    (folder / "precious").write_bytes(b"mine")
    if kind == "link":
        other.symlink_to("precious")
    elif kind == "folder":
        other.mkdir()
    elif kind == "another user's":
        other.write_bytes(b"theirs")
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    else:
        os.mkfifo(other)
    if kind == "turned into a fifo":  # between the look and the opening
        regular = (folder / "precious").stat()
        lstat = os.lstat
        monkeypatch.setattr(
            os, "lstat", lambda path: regular if str(path) == str(other) else lstat(path)
        )
    os.utime(other, (0.0, 0.0), follow_symlinks=False)
    before = beside(folder)
    check_writable("out.bin")
    write_new("out.bin")
    assert beside(folder) == sorted([*before, "out.bin"])
    assert (folder / "precious").read_bytes() == b"mine"


# a shared folder --------------------------------------------------------------------------------


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of what belongs to another user, as far as the system is asked."""
    names: set[str] = set()
    lstat = os.lstat

    def of_another(path: Any) -> os.stat_result:
        found = list(lstat(path))
        if os.path.basename(path) in names:
            found[stat.ST_UID] += 1
        return os.stat_result(found)

    monkeypatch.setattr(os, "lstat", of_another)
    return names


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o775, 0o755])
@pytest.mark.parametrize("kind", ["link", "chain", "dangling", "fifo"])
@pytest.mark.parametrize("whose", ["mine", "a stranger's"])
def test_a_link_that_a_stranger_put_there_is_not_followed(
    folder: Path, strangers: set[str], mode: int, kind: str, whose: str
) -> None:
    (folder / "precious").write_bytes(b"mine")
    (folder / "shared").mkdir()
    (folder / "shared").chmod(mode)
    planted = folder / "shared/planted"
    if kind == "fifo":
        os.mkfifo(planted)
    else:
        planted.symlink_to("../nothing" if kind == "dangling" else "../precious")
    path = "shared/planted"
    if kind == "chain":
        (folder / "mine").symlink_to(planted)
        path = "mine"
    strangers.update({"planted"} if whose == "a stranger's" else ())
    before = beside(folder)
    if whose == "a stranger's" and mode & 0o022:
        what = "pipe" if kind == "fifo" else "link"
        for write in (check_writable, write_new):
            with pytest.raises(OutputError) as caught:
                write(path)
            assert str(caught.value) == (
                f"{path}: cannot be written: is another user's {what} in a shared folder"
            )
        assert beside(folder) == before and (folder / "precious").read_bytes() == b"mine"
    else:
        check_writable(path)
        if kind != "fifo":  # which would wait for its reader
            write_new(path)
            target = "nothing" if kind == "dangling" else "precious"
            assert planted.is_symlink() and (folder / target).read_bytes() == NEW


@pytest.mark.parametrize(
    ("old", "umask", "same", "new"),
    [
        (0o640, 0o022, True, 0o640),
        (0o666, 0o022, True, 0o666),
        (0o6755, 0o022, True, 0o755),
        (0o1644, 0o022, True, 0o644),
        (0o666, 0o022, False, 0o644),
        (0o6777, 0o027, False, 0o640),
        (0o600, 0o022, False, 0o600),
        (None, 0o027, True, 0o640),
    ],
)
def test_the_permissions_of_a_file_that_is_written(
    folder: Path, old: int | None, umask: int, same: bool, new: int
) -> None:
    out = folder / "out.bin"
    if old is not None:
        out.write_bytes(b"old")
        if not same:
            if os.geteuid():
                pytest.skip("only root can give a file away")
            os.chown(out, 65534, -1)
        out.chmod(old)
    before = os.umask(umask)
    try:
        write_new("out.bin")
    finally:
        os.umask(before)
    assert stat.S_IMODE(out.stat().st_mode) == new
    assert out.stat().st_uid == os.geteuid()


# several at once -------------------------------------------------------------------------------

WRITER = """
import sys
from nnfit.storage.files import whole_file
letter = sys.argv[1].encode()
for _ in range(40):
    with whole_file("shared") as stream:
        for _ in range(50):
            stream.write(letter * 4099)
"""


def test_many_writers_of_one_file_never_mix(folder: Path) -> None:
    size = 50 * 4099
    (folder / "shared").write_bytes(b"-" * size)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, letter]) for letter in "abcdefgh"]
    while any(writer.poll() is None for writer in writers):
        contents = (folder / "shared").read_bytes()
        assert len(contents) == size and contents.count(contents[:1]) == size
    assert [writer.returncode for writer in writers] == [0] * 8
    assert beside(folder) == ["shared"]


@pytest.mark.slow
def test_two_runs_with_one_output_leave_the_model_of_one(nnfit: Nnfit, tiny: Example) -> None:
    alone = []
    for seed in (1, 2, 3):
        assert nnfit("train", "tiny.yaml", "-q", "--set", f"seed={seed}").code == 0
        alone.append((nnfit.folder / "tiny.npz").read_bytes())
    runs = [nnfit.start("train", "tiny.yaml", "-q", "--set", f"seed={seed}") for seed in (1, 2, 3)]
    for run in runs:
        assert run.wait(timeout=120) == 0
    assert (nnfit.folder / "tiny.npz").read_bytes() in alone
    assert beside(nnfit.folder) == ["tiny.csv", "tiny.npz", "tiny.yaml"]
