"""The choice of the engine, and runs in the compiled one: their bytes, their files, their end."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import nnfit
from nnfit import compiled
from nnfit.errors import ResumeError
from nnfit.nn.architecture import Architecture
from nnfit.nn.network import Network
from nnfit.run import engine

if TYPE_CHECKING:
    from conftest import Commands, Nnfit

has_numba = pytest.mark.skipif(bool(compiled.lacks()), reason="the extra 'fast' is not installed")
alone_and_in_folds = pytest.mark.parametrize(
    "members, validation", [(1, "0.2"), (3, "folds"), (3, "0.2")]
)
CONFIG = """\
data: {path: rows.csv, target: y, validation: %s}
model: {hidden_sizes: [16, 8], members: %d, dropout: 0.1, input_scale: true}
training: {batch_size: 16, epochs: %d, engine: compiled, checkpoint_seconds: 0.01}
"""


def put_rows(folder: Path, validation: str = "0.2", members: int = 1, epochs: int = 5) -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(400, 3)).round(4)
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    rows = "".join(f"{','.join(map(str, r))},{g:.4f}\n" for r, g in zip(x, y, strict=True))
    (folder / "rows.csv").write_text("a,b,c,y\n" + rows, encoding="utf-8")
    (folder / "c.yaml").write_text(CONFIG % (validation, members, epochs), encoding="utf-8")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@has_numba
@alone_and_in_folds
def test_the_same_bytes_whatever_the_threads(
    cli: Commands, folder: Path, members: int, validation: str
) -> None:
    put_rows(folder, validation, members)
    for name, threads in (("one.npz", 1), ("two.npz", 2), ("again.npz", 2)):
        threads_set = f"training.threads={threads}" if members > 1 else "training.threads=auto"
        result = cli("train", "c.yaml", "-o", name, "--set", threads_set)
        assert result.code == 0, result.err
    assert sha(folder / "two.npz") == sha(folder / "again.npz")
    with np.load(folder / "one.npz") as one, np.load(folder / "two.npz") as two:
        for key in one.files:
            if key != "meta":  # which says how many threads were asked for
                np.testing.assert_array_equal(one[key], two[key])


@has_numba
@alone_and_in_folds
def test_it_is_numpys_run_to_rounding(
    cli: Commands, folder: Path, members: int, validation: str
) -> None:
    put_rows(folder, validation, members)
    in_double = ("--set", "training.dtype=float64", "--set", "optimizer.clip_norm=1.0")
    for name in ("compiled", "numpy"):
        done = cli(
            "train", "c.yaml", "-o", f"{name}.npz", *in_double, "--set", f"training.engine={name}"
        )
        assert done.code == 0, done.err
        assert ("compiled" in done.err) == (name == "compiled")
    with np.load(folder / "compiled.npz") as ours, np.load(folder / "numpy.npz") as numpy:
        np.testing.assert_allclose(ours["W1"], numpy["W1"], rtol=1e-9)
        losses = "history_validation_loss"
        np.testing.assert_allclose(ours[losses], numpy[losses], rtol=1e-9)
        assert b'"engine":"compiled"' in ours["meta"].tobytes()
        assert b'"engine":' not in numpy["meta"].tobytes()  # as models were before there was one


@has_numba
def test_large_batches_go_in_shards(cli: Commands, folder: Path) -> None:
    put_rows(folder)
    rows = (folder / "rows.csv").read_text("utf-8").splitlines()
    (folder / "rows.csv").write_text("\n".join([rows[0], *rows[1:] * 14]), encoding="utf-8")
    options = ("--set", "training.batch_size=full", "--set", "model.dropout=0",
               "--set", "training.dtype=float64")  # fmt: skip
    for name in ("compiled", "numpy"):
        done = cli(
            "train", "c.yaml", "-o", f"{name}.npz", *options, "--set", f"training.engine={name}"
        )
        assert done.code == 0, done.err
    with np.load(folder / "compiled.npz") as ours, np.load(folder / "numpy.npz") as numpy:
        np.testing.assert_allclose(ours["W1"], numpy["W1"], rtol=1e-9)


@has_numba
@alone_and_in_folds
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    nnfit: Nnfit, members: int, validation: str
) -> None:
    """Without a word on the engine it goes on in that in which it began."""
    folder = nnfit.folder
    put_rows(folder, validation, members, epochs=600)
    assert nnfit("train", "c.yaml", "-q", "-o", "whole.npz").code == 0
    process = nnfit.start("train", "c.yaml")
    while not (folder / "c.npz.checkpoint").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    text = (folder / "c.yaml").read_text("utf-8").replace("compiled", "auto")
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    other = nnfit("train", "c.yaml", "--resume", "--set", "training.engine=numpy")
    assert other.code == 1
    assert 'training.engine: got "numpy"; expected "compiled"' in other.err
    result = nnfit("train", "c.yaml", "--resume")
    assert result.code == 0, result.err
    assert "going on in epoch" in result.err
    assert sha(folder / "c.npz") == sha(folder / "whole.npz")


def test_without_its_packages_it_is_refused(
    cli: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rows(folder)
    monkeypatch.setattr(compiled, "find_spec", lambda name: None if name == "numba" else 1)
    install = "needs numba, which is not installed. Run: pip install numba"
    done = cli("train", "c.yaml")
    assert (done.code, done.err.splitlines()[-1]) == (
        2, f"nnfit: error: c.yaml:3:39: training.engine: got compiled, which {install}"
    )  # fmt: skip
    done = cli("gradcheck", "--engine", "compiled")
    assert (done.code, done.err) == (2, f"nnfit: error: --engine: got compiled, which {install}\n")
    assert cli("train", "c.yaml", "--set", "training.engine=auto", "-q").code == 0
    file = nnfit.config.reading.load_config(str(folder / "c.yaml"), ["training.engine=auto"])
    network = Network(Architecture((3, 1), (), "mse"))
    with pytest.raises(ResumeError, match="began in the compiled engine, which needs numba"):
        engine.decided(file, network, 1, 1, "compiled")
    assert engine.decided(file, network, 10**9, 1, None).config.training.engine == "numpy"


def test_auto_takes_it_where_the_run_is_long(
    cli: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rows(folder)
    monkeypatch.setattr(compiled, "find_spec", lambda name: 1)
    file = nnfit.config.reading.load_config(str(folder / "c.yaml"), ["training.engine=auto"])
    network = Network(Architecture((3, 64, 1), ("relu",), "mse"))

    def taken(steps: int, cached: bool, begun: str | None = None) -> str:
        monkeypatch.setattr(compiled, "is_cached", lambda: cached)
        return str(engine.decided(file, network, steps, 32, begun).config.training.engine)

    assert [taken(10**n, cached=True) for n in (3, 7)] == ["numpy", "compiled"]
    between = int(3.0 / engine.saved_seconds(network, 1, 32))  # saves 3 seconds
    assert (taken(between, cached=True), taken(between, cached=False)) == ("compiled", "numpy")
    assert (taken(10**7, True, "numpy"), taken(1, True, "compiled")) == ("numpy", "compiled")


def test_the_cache_of_these_sources_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numba looks at the kernel's file alone; what it calls is in the name of the index."""
    for name in ("compiled/__init__.py", "compiled/formulas.py", "nn/losses.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# one", encoding="utf-8")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled" / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "own"))
    compiled.digest.cache_clear()
    try:
        digests = [compiled.digest()]
        for place in ("user/numba/x", "own/y", "compiled/__pycache__"):
            assert not compiled.is_cached()
            index = tmp_path / place / f"kernel.take_steps_{digests[-1]}-1.py311.nbi"
            index.parent.mkdir(parents=True)
            index.touch()
            assert compiled.is_cached()
            other = tmp_path / ("nn/losses.py" if len(digests) % 2 else "compiled/formulas.py")
            other.write_text(f"# {place}", encoding="utf-8")
            compiled.digest.cache_clear()
            digests.append(compiled.digest())
        assert not compiled.is_cached()
        assert len(set(digests)) == 4
    finally:
        compiled.digest.cache_clear()
