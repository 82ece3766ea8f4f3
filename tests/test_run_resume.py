"""Real runs that are killed, terminated and interrupted, and end with the same SHA-256.

Where in the loop a run may stop is tried out in `test_run_checkpoint`; here it is the process.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nnfit.errors import OutputError
from nnfit.model.model import Model

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

CONFIG = """\
data: {path: rows.csv, target: y, validation: 0.2}
model: {hidden_sizes: [8], dropout: 0.1}
optimizer: {schedule: plateau, schedule_epochs: 2, learning_rate: 0.02}
training: {batch_size: 1, checkpoint_seconds: %s, epochs: %d}
"""
ENDLESS = ("--set", "training.epochs=1000000000")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def until_it_trains(process: subprocess.Popen[bytes]) -> None:
    """Read stderr up to the head of the epoch table, or to the end."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == [b"epoch"]:
            return


def put_rows(folder: Path, seconds: float, epochs: int) -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(500, 3)).round(4)
    y = (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + rng.normal(0.0, 0.1, 500)).round(4)
    rows = "".join(f"{','.join(map(str, row))},{goal}\n" for row, goal in zip(x, y, strict=True))
    (folder / "rows.csv").write_text("a,b,c,y\n" + rows, encoding="utf-8")
    (folder / "c.yaml").write_text(CONFIG % (seconds, epochs), encoding="utf-8")


def stopped_at_random_moments(
    nnfit: Nnfit, numbers: list[signal.Signals], seed: int, seconds: float, epochs: int
) -> int:
    """Stop a run by each signal in turn, let it end, and hold it to one that never stopped.

    Returns
    -------
    int
        How often a run was killed while it wrote a checkpoint.
    """
    rng = np.random.default_rng(seed)
    put_rows(nnfit.folder, seconds, epochs)
    seldom = ("--set", "training.checkpoint_seconds=30")  # a slow disk takes long to sync each
    assert nnfit("train", "c.yaml", "-q", "-o", "whole.npz", *seldom).code == 0
    writing = 0
    for number in numbers:
        process = nnfit.start("train", "c.yaml", "--resume")
        until_it_trains(process)
        with pytest.raises(subprocess.TimeoutExpired):  # it is to be in the middle of its work
            process.wait(timeout=float(rng.uniform(0.0, 0.1)))
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        writing += bool(list(nnfit.folder.glob(".c.npz.checkpoint.*.tmp")))
        if number == signal.SIGKILL:
            assert process.returncode == -number
        else:
            assert process.returncode == 128 + number
            assert err.decode().rstrip("\n").endswith("; resume with: nnfit train c.yaml --resume")
            assert sorted(nnfit.folder.glob("*.lock")) == []
    result = nnfit("train", "c.yaml", "--resume", *seldom)
    assert (result.code, result.out) == (0, "c.npz\n")
    found = re.search(r"nnfit: going on in epoch (\d+) from c.npz.checkpoint\n", result.err)
    assert found is not None
    assert sha(nnfit.folder / "c.npz") == sha(nnfit.folder / "whole.npz")
    left = {path.name for path in nnfit.folder.iterdir()}
    assert left == {"rows.csv", "c.yaml", "whole.npz", "c.npz"}
    return writing


@pytest.mark.slow
def test_killed_terminated_and_interrupted_it_ends_with_the_same_bytes(nnfit: Nnfit) -> None:
    numbers = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
    stopped_at_random_moments(nnfit, numbers, seed=1, seconds=0.02, epochs=300)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_fifty_times_it_ends_with_the_same_bytes(
    nnfit: Nnfit, number: signal.Signals
) -> None:
    writing = stopped_at_random_moments(
        nnfit, [number] * 50, seed=number, seconds=0.005, epochs=1500
    )
    assert bool(writing) == (number == signal.SIGKILL)  # which alone leaves half a file


@pytest.mark.slow
def test_twenty_runs_killed_once_each_end_with_the_same_bytes(nnfit: Nnfit) -> None:
    """Kill at any moment from the first epoch to the last, in start and end too."""
    put_rows(nnfit.folder, 0.01, 30)
    process = nnfit.start("train", "c.yaml", "-o", "whole.npz")
    until_it_trains(process)
    process.communicate(timeout=120)
    expected = sha(nnfit.folder / "whole.npz")
    rng = np.random.default_rng(9)
    for _ in range(20):
        process = nnfit.start("train", "c.yaml", "--resume")
        until_it_trains(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=float(rng.uniform(0.0, 1.5)))
        process.kill()
        process.communicate(timeout=120)
        result = nnfit("train", "c.yaml", "--resume", "-q")
        assert (result.code, result.err) == (0, "")
        assert sha(nnfit.folder / "c.npz") == expected
        os.unlink(nnfit.folder / "c.npz")


@pytest.mark.slow
def test_more_epochs_can_be_asked_for_and_other_things_not(nnfit: Nnfit, binary: Example) -> None:
    put_rows(nnfit.folder, 30, 3)
    constant = ("--set", "optimizer.schedule=constant", "--set", "optimizer.schedule_epochs=null")
    process = nnfit.start("train", "c.yaml", *constant, *ENDLESS)
    until_it_trains(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    found = re.search(r"stopped in epoch (\d+)", err.decode())
    epoch = int(found[1]) if found else 1
    kept = (nnfit.folder / "c.npz.checkpoint").read_bytes()
    shutil.copy(nnfit.folder / "c.npz.checkpoint", nnfit.folder / "d.npz.checkpoint")
    # a resume that does not fit is one line, and leaves everything as it is
    for args, said in [
        (
            ("--set", "optimizer.learning_rate=0.5"),
            "is of a run with other settings, optimizer.learning_rate: got 0.5; expected 0.02. "
            "Use that run's config",
        ),
        (
            ("--data", "binary.csv", "--set", "data.target=x1"),
            'is of a run with other settings, data.target: got ["x1"]; expected ["y"]. '
            "Use that run's config",
        ),
        (("--data", "-"), "is of a run on other data. Use that run's data"),
    ]:
        other = (nnfit.folder / "rows.csv").read_text(encoding="utf-8").replace("1", "2", 1)
        result = nnfit("train", "c.yaml", "-q", "--resume", *constant, *ENDLESS, *args, stdin=other)
        assert (result.code, result.out) == (1, "")
        assert result.err == (
            f"nnfit: error: c.npz.checkpoint: {said}, or start anew without --resume\n"
        )
        assert (nnfit.folder / "c.npz.checkpoint").read_bytes() == kept
        assert not list(nnfit.folder.glob(".*"))
    # the output and the number of epochs are free, and the data may come from elsewhere
    more = (*constant, "--set", f"training.epochs={epoch + 2}")
    assert nnfit("train", "c.yaml", "-q", "-o", "whole.npz", *more).code == 0
    rows = (nnfit.folder / "rows.csv").read_text(encoding="utf-8")
    result = nnfit("train", "c.yaml", "--resume", "--data", "-", "-o", "d.npz", *more, stdin=rows)
    assert result.code == 0
    assert f"nnfit: going on in epoch {epoch} from d.npz.checkpoint\n" in result.err
    with np.load(nnfit.folder / "d.npz") as d, np.load(nnfit.folder / "whole.npz") as whole:
        names = [name for name in whole.files if name != "meta"]
        assert all(np.array_equal(d[name], whole[name], equal_nan=True) for name in names)


def test_a_second_signal_ends_at_once(nnfit: Nnfit, binary: Example) -> None:
    process = nnfit.start("train", "binary.yaml", *ENDLESS)
    until_it_trains(process)
    process.send_signal(signal.SIGSTOP)  # so that the second comes before the first is served
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, b"")
    assert err.endswith(b"nnfit: terminated\n")
    assert (nnfit.folder / "binary.npz").read_bytes() == binary.npz
    left = {path.name for path in nnfit.folder.iterdir()}
    assert left == {"binary.csv", "binary.yaml", "binary.npz"}


@pytest.mark.slow
def test_two_live_runs_share_no_checkpoint(nnfit: Nnfit, binary: Example) -> None:
    pytest.importorskip("fcntl")
    first = nnfit.start("train", "binary.yaml", *ENDLESS)
    until_it_trains(first)
    who = f"another run (process {first.pid}) is using it"
    second = nnfit("train", "binary.yaml", "-q")
    assert (second.code, second.out) == (0, "binary.npz\n")
    assert second.err == (
        f"nnfit: warning: binary.npz.checkpoint: {who}; this run writes no checkpoint\n"
    )
    assert (nnfit.folder / "binary.npz").read_bytes() == binary.npz
    third = nnfit("train", "binary.yaml", "--resume", "-q")
    assert (third.code, third.out) == (1, "")
    assert third.err == (
        f"nnfit: error: binary.npz.checkpoint: {who}; wait for its end, or stop it\n"
    )
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert err.decode().splitlines()[-1].startswith("nnfit: stopped in epoch ")
    assert (nnfit.folder / "binary.npz.checkpoint").exists()


def test_a_run_with_a_config_and_data_from_pipes_says_what_it_needs(
    nnfit: Nnfit, binary: Example
) -> None:
    process = nnfit.start("train", "-", *ENDLESS, "-o", "a model.npz", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(binary.yaml.encode())
    process.stdin.close()
    process.stdin = None
    until_it_trains(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().endswith(
        "; resume with: nnfit train - --set training.epochs=1000000000 -o 'a model.npz' --resume "
        "and the same input\n"
    )


def test_a_failed_run_leaves_its_checkpoint(cli: Commands, tiny: Example, folder: Path) -> None:
    model = (folder / "tiny.npz").read_bytes()
    damaged = model[:300].replace(b'{"format_version"', b'{"checkpoint_version"')
    for contents, code, said in [
        (damaged, 1, "damaged (BadZipFile: File is not a zip file); start anew without --resume"),
        (
            b"old",
            2,
            "is no checkpoint that nnfit wrote, and this run's would replace it; expected a free "
            "name. Move it away, or name another model with -o",
        ),
    ]:
        (folder / "tiny.npz.checkpoint").write_bytes(contents)
        result = cli("train", "tiny.yaml", "--data", "nowhere.csv", "-q")
        assert result.code == 2
        assert (folder / "tiny.npz.checkpoint").read_bytes() == contents
        result = cli("train", "tiny.yaml", "-q", "--resume")
        assert (result.code, result.out) == (code, "")
        assert result.err == f"nnfit: error: tiny.npz.checkpoint: {said}\n"
        assert (folder / "tiny.npz").read_bytes() == model == tiny.npz


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("open", errno.ENOSPC),
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("fsync", errno.EDQUOT),
        ("close", errno.EDQUOT),
        ("replace", errno.ENOSPC),
    ],
)
def test_a_model_that_finds_no_room_leaves_its_run_in_the_checkpoint(
    cli: Commands, tiny: Example, folder: Path, monkeypatch: pytest.MonkeyPatch,
    name: str, code: int,
) -> None:  # fmt: skip
    """The old model and the checkpoint are whole until the new model is, and the line tells."""
    overrides = "--set training.checkpoint_seconds=1e-9 --set training.epochs=3"
    words = f"train tiny.yaml {overrides} -q -o m.npz".split()
    assert cli(*words).code == 0
    whole = (folder / "m.npz").read_bytes()
    (folder / "m.npz").write_bytes(tiny.npz)
    real, save = getattr(os, name), Model.save

    def full(*args: Any, **options: Any) -> Any:
        if name == "close":  # a descriptor is closed even where closing it failed
            real(*args)
        raise OSError(code, os.strerror(code))

    def saving(model: Model, path: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            save(model, path)

    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", saving)
        result = cli(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"nnfit: error: m.npz: cannot be written: {os.strerror(code).lower()}; the run is kept in "
        "m.npz.checkpoint. Mend that, then resume with: nnfit train tiny.yaml "
        f"{overrides} -o m.npz -q --resume\n"
    )
    assert (folder / "m.npz").read_bytes() == tiny.npz
    result = cli(*words, "--resume")
    assert (result.code, result.out, result.err) == (0, "m.npz\n", "")
    assert (folder / "m.npz").read_bytes() == whole
    left = {path.name for path in folder.iterdir()}
    assert left == {"tiny.csv", "tiny.npz", "tiny.yaml", "m.npz"}


def test_without_a_checkpoint_a_full_disk_promises_none(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Model, path: str) -> None:
        raise OutputError(f"{path}: cannot be written: no space left on device")

    monkeypatch.setattr(Model, "save", full)
    result = cli("train", "tiny.yaml", "-q")
    line = "nnfit: error: tiny.npz: cannot be written: no space left on device\n"
    assert (result.code, result.out, result.err) == (2, "", line)
