"""`nnfit sweep`: trials against runs of train by hand, samplers, and sweeps that are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nnfit as package
from nnfit.config.sweep import SweepFile, read_sweep
from nnfit.errors import ConfigError, ExitCode, Interrupted
from nnfit.many import sweep as sweep_module
from nnfit.many.engine import Report, Task
from nnfit.many.local import LocalEngine
from nnfit.many.samplers import Halving, drawn, make_sampler
from nnfit.many.sweep import Sweep
from nnfit.many.sweep_folder import SweepFolder
from nnfit.many.trials import Trial, run_trial
from nnfit.observer import Observer
from nnfit.training.learners import StepByStep
from nnfit.training.stop import StopRequest
from tests.processes import processes

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

NUMPY = ("--set", "training.engine=numpy")
SHORT = ("--set", "training.epochs=3", *NUMPY)
RATES = ("--over", "optimizer.learning_rate=0.001,0.01,0.1")
GRID = (*RATES, "--over", "model.hidden_sizes=[4],[3, 3]")
RANGES = ("--over", "optimizer.learning_rate=log(1e-3,1)", "--over", "model.hidden_sizes=int(2,9)")
unix = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")

KILLS = int(os.environ.get("NNFIT_KILLS", "40"))  # of the thorough test; 200 take four minutes


def lines(path: str = "out/SWEEP.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def timeless(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines in the order of their trials, without their seconds."""
    kept = [{k: v for k, v in line.items() if k != "seconds"} for line in found]
    return sorted(kept, key=lambda line: (line["id"], line.get("share", 1.0)))


def trained(cli: Commands, settings: dict[str, Any], *more: str) -> dict[str, Any]:
    """Return what `nnfit train --json` says of a trial's settings."""
    sets = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    args = [word for one in sets for word in ("--set", one)]
    one_core = ("--set", "training.threads=1", "-o", "by_hand.npz", "-q", "--json")
    done = cli("train", "tiny.yaml", *SHORT, *args, *more, *one_core)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


class InProcess:
    """An engine without workers, which counts what it is given."""

    jobs, at_hand = 1, False

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.stops_after = 1000

    def results(
        self,
        work: Callable[..., Any],
        shared: Any,
        tasks: Iterable[Task | None],
        heard: Callable[[Task, float], None],
    ) -> Generator[tuple[Task, Any]]:
        for task in tasks:
            if len(self.tasks) == self.stops_after:
                raise Interrupted("stopped", ExitCode.INTERRUPTED)
            assert task is not None
            self.tasks.append(task)
            heard(task, 0.5)
            yield task, work(shared, lambda done: None, *task.arguments)


def swept(sweep: SweepFile, folder: str = "out") -> tuple[Sweep, InProcess]:
    engine = InProcess()
    return Sweep(sweep, SweepFolder(folder), engine, StopRequest(), Observer()), engine


# trials --------------------------------------------------------------------------------------


def test_each_trial_is_a_run_of_train(cli: Commands, tiny: Example) -> None:
    done = cli("sweep", "tiny.yaml", *SHORT, *GRID, "-o", "out")
    assert (done.code, done.out) == (0, "out/best.npz\n")
    found = lines()
    assert len(found) == 6 and len({line["id"] for line in found}) == 6
    for line in found:
        assert [*line] == ["id", "settings", "score", "metrics", "epochs", "seconds", "seed"]
        run = trained(cli, line["settings"])
        assert line["metrics"] == run["metrics"]["validation"]
        assert line["score"] == line["metrics"]["log_loss"]
        assert (line["epochs"], line["seed"]) == (3, 0)
    assert sorted(os.listdir("out")) == ["SWEEP.jsonl", "best.npz", "best.yaml", "sweep.json"]
    best = min(found, key=lambda line: line["score"])
    model = package.load("out/best.npz")
    assert model.config["model"]["hidden_sizes"] == best["settings"]["model.hidden_sizes"]
    assert cli("train", "out/best.yaml", "-o", "again.npz", "-q").code == 0
    assert Path("again.npz").read_bytes() == Path("out/best.npz").read_bytes()
    assert cli("evaluate", "out/best.npz", "-q", stdin=None).code == 0  # of its own data


def test_any_number_of_jobs_gives_the_same_lines(cli: Commands, tiny: Example) -> None:
    found = []
    for jobs in ("1", "3"):
        assert cli("sweep", "tiny.yaml", *SHORT, *GRID, "--jobs", jobs, "-o", jobs, "-q").code == 0
        found.append(timeless(lines(f"{jobs}/SWEEP.jsonl")))
    assert found[0] == found[1]
    assert Path("1/best.npz").read_bytes() == Path("3/best.npz").read_bytes()


def test_what_has_its_line_is_not_run_again(cli: Commands, tiny: Example) -> None:
    sweep = ("sweep", "tiny.yaml", *SHORT, "-o", "out", "--json")
    first = json.loads(cli(*sweep, *RATES).out)
    assert first["trials"] == 3 and first["best"] in lines() and first["model"] == "out/best.npz"
    before, model = Path("out/SWEEP.jsonl").read_bytes(), os.stat("out/best.npz")
    again = cli(*sweep, *RATES)
    assert "3 trials of optimizer.learning_rate (grid), 3 done before" in again.err
    assert Path("out/SWEEP.jsonl").read_bytes() == before
    assert os.stat("out/best.npz") == model
    longer = json.loads(cli(*sweep, "--over", "optimizer.learning_rate=0.01,0.3").out)
    assert longer["trials"] == 4
    assert Path("out/SWEEP.jsonl").read_bytes().startswith(before)
    assert json.loads(cli(*sweep, *GRID).out)["trials"] == 6  # other keys are another sweep


def test_a_folder_of_another_sweep_is_refused(cli: Commands, tiny: Example) -> None:
    sweep = ("sweep", "tiny.yaml", *RATES, *NUMPY, "-o", "out", "-q")
    assert cli(*sweep, "--set", "training.epochs=2").code == 0
    for more, said in (
        (("--set", "training.epochs=3"), "training.epochs: got 3; expected 2"),
        (("--set", "training.epochs=2", "--metric", "accuracy"), "sweep.metric"),
        (("--set", "training.epochs=2", "--cv", "3"), "sweep.cv: got 3; expected null"),
    ):
        done = cli(*sweep, *more)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert done.err.startswith("nnfit: error: out/sweep.json: ") and said in done.err
    Path("tiny.csv").write_text(tiny.csv.replace("red", "pink"))
    done = cli(*sweep, "--set", "training.epochs=2")
    assert "out/sweep.json: is of a run on other data" in done.err
    os.rename("out/sweep.json", "sweep.json")
    done = cli(*sweep, "--set", "training.epochs=2")
    assert "out/best.npz: is there, in a folder of no sweep, and would be replaced" in done.err
    Path("out/sweep.json").write_text("[1]")
    assert "out/sweep.json: cannot be read" in cli(*sweep, "--set", "training.epochs=2").err


def test_a_trial_that_comes_to_nothing_is_kept_and_the_sweep_goes_on(
    cli: Commands, price: Example
) -> None:
    rates = ("--over", "optimizer.learning_rate=1e30,0.05", "--set", "optimizer.name=sgd")
    done = cli("sweep", "price.yaml", *SHORT, *rates, "-o", "out")
    assert done.code == 0
    lost, good = sorted(lines(), key=lambda line: line["score"] is not None)
    assert lost["score"] is None and "became" in lost["error"]
    assert good["score"] == good["metrics"]["rmse"] and "error" not in good
    assert "failed" in done.err
    args = ("--over", "optimizer.learning_rate=1e30", "--set", "optimizer.name=sgd")
    done = cli("sweep", "price.yaml", *SHORT, *args, "-o", "none", "-q")
    assert done.code == 1 and done.err.count("\n") == 1
    assert "none/SWEEP.jsonl: no trial has a score; the last: " in done.err


@pytest.mark.parametrize(
    "over",
    ["loss=mse,cross_entropy", "data.exclude=[],[colour]", "features=[x],[x, x**2]"],
)
def test_what_is_decided_or_read_anew_is_as_of_train(
    cli: Commands, tiny: Example, over: str
) -> None:
    assert cli("sweep", "tiny.yaml", *SHORT, "--over", over, "-o", "out", "-q").code == 0
    for line in lines():
        assert line["metrics"] == trained(cli, line["settings"])["metrics"]["validation"]


def test_metrics_of_which_more_is_better_and_folds(cli: Commands, tiny: Example) -> None:
    args = ("--cv", "3", "--metric", "accuracy", "--jobs", "1")
    done = cli("sweep", "tiny.yaml", *SHORT, *RATES, *args, "-o", "out", "--json")
    assert "compared by accuracy of 3 folds, more is better" in done.err
    for line in lines():
        rate = ("--set", f"optimizer.learning_rate={line['settings']['optimizer.learning_rate']}")
        cv = json.loads(cli("cv", "tiny.yaml", *SHORT, *rate, "--folds", "3", "--json").out)
        assert line["metrics"] == {name: of["mean"] for name, of in cv["metrics"].items()}
        assert line["score"] == line["metrics"]["accuracy"]
    assert json.loads(done.out)["best"]["score"] == max(line["score"] for line in lines())


def test_the_file_of_a_sweep_does_what_the_options_do(cli: Commands, tiny: Example) -> None:
    Path("s.yaml").write_text(
        "config: tiny.yaml\nover:\n  optimizer.learning_rate: [0.001, 0.01, 0.1]\n"
    )
    assert cli("sweep", "s.yaml", *SHORT, "-q").out == "s.sweep/best.npz\n"
    assert cli("sweep", "tiny.yaml", *SHORT, *RATES, "-q").out == "tiny.sweep/best.npz\n"
    assert timeless(lines("s.sweep/SWEEP.jsonl")) == timeless(lines("tiny.sweep/SWEEP.jsonl"))


def test_a_row_as_each_trial_ends_and_no_codes(cli: Commands, tiny: Example) -> None:
    done = cli("sweep", "tiny.yaml", *SHORT, *GRID, "--jobs", "1", "-o", "out")
    rows = [line.split() for line in done.err.splitlines() if not line.startswith("nnfit:")]
    assert rows[0] == ["trial", "log_loss", "epochs", "seconds", "learning_rate", "hidden_sizes"]
    assert [row[0].rstrip("*") for row in rows[1:]] == [f"{i}/6" for i in range(1, 7)]
    scores = [line["score"] for line in lines()]
    is_best = [score == min(scores[: i + 1]) for i, score in enumerate(scores)]
    assert [row[0].endswith("*") for row in rows[1:]] == is_best
    assert "\x1b" not in done.err
    assert "nnfit: the best of 6 trials: log_loss " in done.err
    assert cli("sweep", "tiny.yaml", *SHORT, *GRID, "-o", "other", "-q").err == ""


# samplers ------------------------------------------------------------------------------------


def test_a_random_sweep_is_its_seeds_and_a_longer_one_goes_on(tiny: Example) -> None:
    sweep = read_sweep("tiny.yaml", [RANGES[1], RANGES[3], "model.activation=relu,tanh"], {})
    few, many = (drawn(sweep.axes, sweep.grid, n, 7) for n in (5, 40))
    assert many[:5] == few != drawn(sweep.axes, sweep.grid, 5, 8)
    rates = [one["optimizer.learning_rate"] for one in many]
    assert 1e-3 <= min(rates) < 1e-2 and 0.1 < max(rates) <= 1.0
    assert {one["model.hidden_sizes"][0] for one in many} == {*range(2, 10)}
    assert {one["model.activation"] for one in many} == {"relu", "tanh"}
    lists = read_sweep("tiny.yaml", ["seed=1,2,3", "loss=mse,cross_entropy"], {}).axes
    assert len(drawn(lists, 6, 4, 0)) == 4 and len(drawn(lists, 6, 100, 0)) == 6
    narrow = read_sweep("tiny.yaml", ["seed=int(1,3)"], {}).axes
    assert sorted(one["seed"] for one in drawn(narrow, 3, 9, 0)) == [1, 2, 3]


def test_every_trial_is_checked_before_the_first(cli: Commands, tiny: Example) -> None:
    over = ("--over", "optimizer.name=sgd,adam", "--over", "optimizer.momentum=0,0.9")
    done = cli("sweep", "tiny.yaml", *SHORT, *over, "-o", "out")
    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        "nnfit: error: --over optimizer.momentum=0.9: got 0.9 with adam; only sgd uses momentum. "
        "Set optimizer.name: sgd, or remove it"
    )
    assert not os.path.exists("out")


def test_a_grid_can_be_cut_short_and_one_of_nothing_new_begins_nothing(tiny: Example) -> None:
    many = [f"seed={','.join(map(str, range(100)))}"]
    many.append(f"training.epochs={','.join(map(str, range(1, 101)))}")
    first, engine = swept(read_sweep("tiny.yaml", many, {"trials": 2}))
    first.run()
    assert [line["settings"]["training.epochs"] for line in lines()] == [1, 2]
    # a folder with every line: no config is made of any of them
    whole = read_sweep("tiny.yaml", many, {})
    sampler = make_sampler(whole, lambda settings: 1)
    texts = [
        json.dumps(lines()[0] | {"id": Trial(one).id, "settings": one}) for one in sampler.settings
    ]
    Path("out/SWEEP.jsonl").write_text("\n".join(texts) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        made: list[Any] = []
        original = SweepFile.trial
        patch.setattr(
            SweepFile, "trial", lambda self, one: (made.append(one), original(self, one))[1]
        )
        second, engine = swept(whole)
        assert second.run().trials == 10_000
    assert not engine.tasks and len(made) <= 2  # the best's


def test_halving_promotes_the_best_third_and_goes_on_with_them(
    tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    learn = StepByStep.learn
    monkeypatch.setattr(
        StepByStep, "learn",
        lambda self, some, *more: (rows.append(len(some)), learn(self, some, *more))[1],
    )  # fmt: skip
    options = {"sampler": "halving", "trials": 9}
    overrides = ("training.epochs=18", "training.engine=numpy", "optimizer.schedule=cosine")
    sweep = read_sweep("tiny.yaml", [RANGES[1], RANGES[3]], options, overrides)
    run, engine = swept(sweep)
    shares = {}
    for epochs, share in ((2, 1 / 9), (6, 1 / 3), (18, 1.0)):
        shares[epochs] = share
    found = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SweepFolder, "save", lambda *args: None)
        patch.setattr("nnfit.many.trial_configs.train_run", lambda *args, **kw: FakeRun)
        found = run.run()
    assert [task.arguments[1] for task in engine.tasks] == 9 * [1 / 9] + 3 * [1 / 3] + [1.0]
    assert [line["epochs"] for line in lines()] == 9 * [2] + 3 * [6] + [18]
    by_share = {share: [ln for ln in lines() if ln.get("share", 1.0) == share] for share in
                shares.values()}  # fmt: skip
    for share, n in ((1 / 9, 3), (1 / 3, 1)):
        best = sorted(by_share[share], key=lambda line: line["score"])[:n]
        assert {line["id"] for line in best} == {line["id"] for line in by_share[share * 3]}
    # no trial began again: 9 were trained for 2 epochs, 3 for 4 more, 1 for 12 more
    train = 38  # of 48 rows, 10 are for validation
    assert sum(rows) == train * (9 * 2 + 3 * 4 + 1 * 12)
    assert found.best == lines()[-1] and not os.path.exists("out/trials")


class FakeRun:
    """Stands for the training of the best, where only trials count."""

    failure = None

    class summary:
        interrupted = False


def test_a_trial_of_halving_ends_as_one_that_was_never_stopped(
    cli: Commands, tiny: Example
) -> None:
    args = ("--sampler", "halving", "--trials", "4", "--set", "optimizer.schedule=cosine")
    epochs = ("--set", "training.epochs=9")
    done = cli("sweep", "tiny.yaml", *SHORT, *epochs, *RANGES, *args, "-o", "out", "--json")
    best = json.loads(done.out)["best"]
    assert best == lines()[-1] and "share" not in best
    run = trained(cli, best["settings"], *epochs, "--set", "optimizer.schedule=cosine")
    assert best["metrics"] == run["metrics"]["validation"]
    assert "4 trials of optimizer.learning_rate, model.hidden_sizes (halving, 5 runs)" in done.err
    assert sorted(os.listdir("out")) == ["SWEEP.jsonl", "best.npz", "best.yaml", "sweep.json"]


def test_a_trial_that_ended_by_itself_is_not_run_again(tiny: Example) -> None:
    options = {"sampler": "halving", "trials": 3}
    overrides = ("training.epochs=30", "training.patience=1", "training.engine=numpy")
    sweep = read_sweep("tiny.yaml", ["optimizer.learning_rate=3,4,5"], options, overrides)
    run, engine = swept(sweep)
    run.run()
    whole = [line for line in lines() if "share" not in line]
    assert len(whole) == 3  # each was out of patience in a third of the epochs
    assert len(engine.tasks) == 3 and not os.path.exists("out/trials")


def test_rungs_are_as_many_as_trials_and_epochs_allow() -> None:
    settings = [{"seed": i} for i in range(30)]
    for n, epochs, total in ((30, 100, 44), (30, 3, 40), (2, 100, 2), (30, 1, 30), (27, 27, 40)):
        assert Halving(settings[:n], epochs).total == total


def test_tpe_learns_from_the_trials_and_goes_on(cli: Commands, tiny: Example) -> None:
    pytest.importorskip("optuna")
    sweep = ("sweep", "tiny.yaml", *SHORT, *RANGES, "--over", "model.activation=relu,tanh")
    tpe = (*sweep, "--sampler", "tpe", "--jobs", "1")
    assert cli(*sweep, "--trials", "3", "-o", "out", "-q").code == 0  # at random, in the folder
    done = cli(*tpe, "--trials", "12", "-o", "out")
    assert done.code == 0 and "12 trials of" in done.err and "3 done before" in done.err
    found = lines()
    assert len({line["id"] for line in found}) == len(found) == 12
    for line in found[3:5]:
        assert line["metrics"] == trained(cli, line["settings"])["metrics"]["validation"]
    assert cli(*tpe, "--trials", "13", "-o", "out", "-q").code == 0
    assert len({line["id"] for line in lines()}) == len(lines()) == 13
    assert cli(*sweep, "--trials", "3", "-o", "twin", "-q").code == 0
    assert cli(*tpe, "--trials", "13", "-o", "twin", "-q").code == 0
    assert timeless(lines()) == timeless(lines("twin/SWEEP.jsonl"))
    # what Optuna was told is made up for from the lines
    os.unlink("out/optuna.log")
    assert cli(*tpe, "--trials", "14", "-o", "out", "-q").code == 0
    assert len(lines()) == 14
    Path("out/optuna.log").write_text("{}\n{}\n")
    done = cli(*tpe, "--trials", "15", "-o", "out", "-q")
    assert done.code == 2 and "out/optuna.log: cannot be read as Optuna's" in done.err


def test_tpe_ends_where_there_is_nothing_more_to_try(cli: Commands, tiny: Example) -> None:
    pytest.importorskip("optuna")
    args = ("--sampler", "tpe", "--trials", "9", "--over", "seed=1,2", "--over", "loss=mse")
    assert cli("sweep", "tiny.yaml", *SHORT, *args, "-o", "out", "-q").code == 0
    assert len(lines()) == 2


# what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--over", "optimizer.learning_rat=1"], "did you mean 'learning_rate'?"),
        (["--over", "seed="], "got no value"),
        (["--over", "optimizer.learning_rate=log(0,1)"], "got log from 0"),
        ([*RATES, "--jobs", "0"], "--jobs: got 0; expected 1 or more"),
        ([*RATES, "--sampler", "annealing"], "--sampler=annealing: got 'annealing'; expected one"),
        ([*RATES, "--engine", "ray"], "--engine: got 'ray'"),
        ([*RATES, "--metric", "rmse"], "--metric: got 'rmse' for a classification; expected"),
        ([*RATES, "--set", "data.validation=0"], "trials are compared by validation rows"),
        ([*RATES, "-o", "tiny.csv"], "tiny.csv: is no folder; expected one to put trials in"),
        ([*RATES, "-o", "no/out"], "no/out: cannot be written"),
        ([*RATES, "--set", "training.engin=numpy"], "did you mean 'engine'?"),
        ([], "nothing to vary"),
    ],
)
def test_what_is_wrong_is_one_line(
    cli: Commands, tiny: Example, args: list[str], said: str
) -> None:
    if "no/out" in args:
        Path("no").write_text("")
    done = cli("sweep", "tiny.yaml", "-q", *args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert sorted(set(os.listdir()) - {"no"}) == ["tiny.csv", "tiny.npz", "tiny.yaml"]


def test_a_missing_extra_is_one_line(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = cli("sweep", "tiny.yaml", *RANGES, "--sampler", "tpe", "-q")
    assert done.code == 2
    assert done.err == (
        "nnfit: error: --sampler tpe: needs optuna, which is not installed. "
        "Run: pip install optuna\n"
    )


def test_a_foreign_line_is_told(cli: Commands, tiny: Example) -> None:
    os.mkdir("out")
    for text, said in (("[1]\n", "no JSON object"), ('{"id": 3}\n', "no trial's")):
        Path("out/SWEEP.jsonl").write_text(text)
        done = cli("sweep", "tiny.yaml", *SHORT, *RATES, "-o", "out", "-q")
        assert done.code == 2 and said in done.err
        assert Path("out/SWEEP.jsonl").read_text() == text


def test_a_config_that_only_then_turns_out_wrong_is_a_trial_that_failed(
    tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = read_sweep("tiny.yaml", ["seed=1,2"], {}, ["training.epochs=1"])
    run, engine = swept(sweep)
    original = SweepFile.trial

    def trial(self: SweepFile, settings: dict[str, Any]) -> Any:
        if settings["seed"] == 1:
            raise ConfigError("seed 1 is none")
        return original(self, settings)

    monkeypatch.setattr(SweepFile, "trial", trial)  # as TPE asks for what nobody has checked
    assert run.run().best["settings"] == {"seed": 2}
    assert lines()[0]["error"] == "seed 1 is none" and lines()[0]["seed"] == 1


# ended, killed, shared -----------------------------------------------------------------------


def test_after_its_time_no_trial_begins(cli: Commands, tiny: Example) -> None:
    sweep = ("sweep", "tiny.yaml", *SHORT, *GRID, "-o", "out", "-q")
    done = cli(*sweep, "--time", "0.000001s")
    assert done.code == 1 and "no trial has a score; the last: none was begun" in done.err
    assert cli(*sweep, "--trials", "2").code == 0
    assert cli(*sweep, "--time", "0.000001s").code == 0  # the best of those that there are
    assert len(lines()) == 2
    assert cli(*sweep, "--time", "2h").code == 0
    assert len(lines()) == 6


def one_kills(shared: Any, report: Report, file: Any, *more: Any) -> dict[str, Any]:
    """Do as a trial that takes all the memory."""
    if file.config.seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return run_trial(shared, report, file, *more)


@unix
def test_a_trial_that_costs_its_worker_each_time_has_failed(
    cli: Commands, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "run_trial", one_kills)
    done = cli("sweep", "tiny.yaml", *SHORT, "--over", "seed=1,2,3,4", "-o", "out")
    assert done.code == 0
    assert done.err.count("its process was ended by SIGKILL; tried again") == 2
    failed = [line for line in lines() if "error" in line]
    assert len(lines()) == 4 and [line["settings"]["seed"] for line in failed] == [2]
    assert "ended by SIGKILL, 3 times" in failed[0]["error"]


def wait_for(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(2400):
        if done() or process.poll() is not None:
            return
        time.sleep(0.025)
    raise AssertionError("it takes too long")


def n_lines() -> int:
    path = Path("out/SWEEP.jsonl")
    return path.read_bytes().count(b"\n") if path.exists() else 0


def group(pid: int) -> list[str]:
    """Return the states of the processes of a session that have not ended."""
    return [p.state for p in processes() if p.session == pid and p.state != "Z"]


class Told(Observer):
    """Writes a byte for each trial that it hears of."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def trial(self, cells: Any, best: Any) -> None:
        os.write(self._pipe, b".")


def forked_sweep(sweep: SweepFile) -> tuple[int, int]:
    """Return the number of a process that runs a sweep with two workers, and what it tells."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads
        pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        os.setsid()
        os.close(reading)
        stop, observer = StopRequest(), Told(writing)
        engine = LocalEngine(2, stop, observer)
        Sweep(sweep, SweepFolder("out"), engine, stop, observer).run()
        code = 0
    finally:
        os._exit(code)


@unix
@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_killed_sweeps_lose_no_trial_and_run_none_twice(
    tiny: Example, rng: np.random.Generator, kills: int
) -> None:
    seeds = f"seed={','.join(map(str, range(6 * kills)))}"
    sweep = read_sweep("tiny.yaml", [seeds], {}, ("training.epochs=3", "training.engine=numpy"))
    seen: list[str] = []
    for _ in range(kills):
        pid, pipe = forked_sweep(sweep)
        n_told = len(os.read(pipe, 1))
        time.sleep(rng.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while told := os.read(pipe, 100):  # until the workers are no more, who have its other end
            n_told += len(told)
        os.close(pipe)
        ids = [line["id"] for line in lines()]
        assert ids[: len(seen)] == seen and len({*ids}) == len(ids)
        assert len(ids) - len(seen) >= n_told
        seen = ids
    pid, pipe = forked_sweep(sweep)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(pipe)
    assert len(lines()) == len({line["id"] for line in lines()}) == 6 * kills
    assert sorted(os.listdir("out")) == ["SWEEP.jsonl", "best.npz", "best.yaml", "sweep.json"]


@unix
def test_ctrl_c_ends_the_workers_and_says_how_far_it_came(nnfit: Nnfit, tiny: Example) -> None:
    # the last key varies fastest: the short trials come first
    over = ("--over", "training.epochs=2,100000000", "--over", "seed=1,2,3", "--jobs", "2")
    sweep = ("sweep", "tiny.yaml", *NUMPY, *over, "-o", "out")
    process = nnfit.start(*sweep, start_new_session=True)
    wait_for(lambda: n_lines() == 3 and len(group(process.pid)) == 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    wait_for(lambda: not group(process.pid), process)
    assert err.decode().splitlines()[-1] == (
        "nnfit: stopped; 3 of 6 trials are done, in out/SWEEP.jsonl; the same command goes on"
    )
    assert n_lines() == 3 and sorted(os.listdir("out")) == ["SWEEP.jsonl", "sweep.json"]
    done = nnfit(*sweep, "--time", "0.001s")
    assert done.code == 0 and "6 trials of training.epochs, seed (grid), 3 done before" in done.err
    assert n_lines() == 3


@pytest.mark.parametrize("after", [0, 4, 9, 10, 12])
def test_halving_that_was_stopped_goes_on_from_its_checkpoints(tiny: Example, after: int) -> None:
    options = {"sampler": "halving", "trials": 9}
    overrides = ("training.epochs=9", "training.engine=numpy")
    sweep = read_sweep("tiny.yaml", [RANGES[1], RANGES[3]], options, overrides)
    whole, _ = swept(sweep, "whole")
    whole.run()
    run, engine = swept(sweep)
    engine.stops_after = after
    with pytest.raises(Interrupted) as stopped:
        run.run()
    assert stopped.value.message.startswith(f"stopped; {after} of 13 trials are done, in out/")
    again, engine = swept(sweep)
    assert again.run().trials == 9
    assert len(engine.tasks) == 13 - after
    assert timeless(lines()) == timeless(lines("whole/SWEEP.jsonl"))
    assert Path("out/best.npz").read_bytes() == Path("whole/best.npz").read_bytes()
    assert not os.path.exists("out/trials")


@unix
def test_two_processes_share_a_folder(nnfit: Nnfit, tiny: Example) -> None:
    seeds = ",".join(map(str, range(12)))
    sweep = ("sweep", "tiny.yaml", "--set", "training.epochs=150", *NUMPY, "--over",
             f"seed={seeds}", "--jobs", "1", "-o", "out")  # fmt: skip
    both = [nnfit.start(*sweep) for _ in range(2)]
    rows = 0
    for process in both:
        out, err = process.communicate(timeout=100)
        assert (process.returncode, out) == (0, b"out/best.npz\n"), err
        rows += sum("/12" in line for line in err.decode().splitlines())
    assert len(lines()) == len({line["id"] for line in lines()}) == 12
    assert rows == 12  # none was run by both
