"""A sweep as it is shown: the rows, the live table of the best, and the picture of all trials."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nnfit.errors import DataError, PictureError
from nnfit.inside.pictures.kinds import Options
from nnfit.inside.pictures.making import make_picture
from nnfit.inside.pictures.sweep import SweepPicture
from nnfit.observer import Observer
from nnfit.report import make_observer
from nnfit.report.plots import figure_of
from nnfit.report.plots.labels import SMALLEST
from nnfit.report.plots.style import slide_style

if TYPE_CHECKING:
    from conftest import Commands


def line(i: int, score: float | None, share: float = 1.0, **settings: Any) -> dict[str, Any]:
    found = {
        "id": f"{i:012x}", "settings": settings, "score": score,
        "metrics": {"accuracy": 0.5, "log_loss": score}, "epochs": 3, "seconds": 0.1, "seed": 0,
    }  # fmt: skip
    return found if share == 1.0 else {**found, "share": share}


def some(n: int = 30) -> list[dict[str, Any]]:
    return [
        line(
            i,
            None if i == 3 else 0.01 * 1.3**i,
            **{
                "optimizer.learning_rate": 1e-4 * 1.3**i,
                "model.hidden_sizes": [[4], [8, 4]][i % 2],
                "model.activation": "relu",
                "training.batch_size": [8 + i],
            },
        )
        for i in range(n)
    ]


def picture(found: list[dict[str, Any]]) -> SweepPicture:
    Path("SWEEP.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))
    made = make_picture("sweep", [], None, Options(), Observer(), ("SWEEP.jsonl",))
    assert isinstance(made, SweepPicture)
    return made


def test_the_numbers_are_those_of_the_lines(folder: Path) -> None:
    made = picture([line(1, 9.0, 1 / 3, **some(2)[1]["settings"]), *some()])
    assert (made.metric, made.less_is_better) == ("log_loss", True)
    assert (made.n_trials, made.failed) == (30, 1)
    assert made.scores.tolist() == sorted(
        (one["score"] for one in some() if one["score"]), reverse=True
    )
    rate, sizes, activation, batch = made.keys
    assert rate.logarithmic and made.logarithmic and not batch.logarithmic
    assert rate.values[-1] == 1e-4 and batch.values.tolist() == [
        8 + i for i in range(29, -1, -1) if i != 3
    ]
    assert sizes.labels == ("[4]", "[8, 4]") and sizes.values[-2:].tolist() == [1.0, 0.0]
    assert activation.labels == ("relu",)
    higher = [line(i, i / 10, a=i) for i in range(3)]
    for one in higher:
        one["metrics"] = {"accuracy": one["score"]}
    assert picture(higher).scores.tolist() == [0.0, 0.1, 0.2]
    assert not picture(higher).less_is_better
    other = [line(i, 1.0, a=i) for i in range(3)] + [line(7, 1.0, b="x")]
    assert [key.name for key in picture(other).keys] == ["b"]
    assert picture([line(i, 1.0, a=10**400) for i in range(2)]).keys[0].labels == (str(10**400),)


def test_it_is_drawn_in_letters_that_can_be_read(folder: Path) -> None:
    with slide_style():
        drawn = figure_of("sweep", picture(some()))
        drawn.draw_without_rendering()
        texts = [t for t in drawn.findobj(lambda one: hasattr(one, "get_fontsize"))
                 if t.get_visible() and t.get_text().strip()]  # fmt: skip
        said = "\n".join(text.get_text() for text in texts)
        for text in ("optimizer.\nlearning_rate", "[8, 4]", "log loss", "30 trials", "relu",
                     "1 without a score"):  # fmt: skip
            assert text in said
        assert min(text.get_fontsize() for text in texts) >= SMALLEST
        parallel, *panels = drawn.axes
        assert len(parallel.collections[0].get_segments()) == 29  # type: ignore[attr-defined]
        (best,) = [one for one in parallel.lines if one.get_linewidth() == 3.0]
        assert np.asarray(best.get_ydata())[[0, -1]].tolist() == [0.0, 1.0]  # least rate and loss
        assert [len(axes.collections) for axes in panels] == [2, 2, 2, 2]
        for one in (
            [line(0, 0.5, a=1)],
            [line(i, float(i), a=[i, i]) for i in range(40)],
            [line(i, -float(i), **{f"k{j}": j * i for j in range(9)}) for i in range(9)],
        ):
            figure_of("sweep", picture(one)).draw_without_rendering()


def test_the_command_takes_the_file_or_its_folder(cli: Commands, folder: Path) -> None:
    picture(some())
    assert cli("plot", "sweep", "SWEEP.jsonl", "-o", "a.svg").out == "a.svg\n"
    assert cli("plot", "sweep", ".", "-o", "b.svg").code == 0
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    many = [line(i, float(i), a=i) for i in range(2001)]
    Path("SWEEP.jsonl").write_text("".join(json.dumps(one) + "\n" for one in many))
    done = cli("plot", "sweep", "SWEEP.jsonl", "-o", "c.svg")
    assert done.err == "nnfit: SWEEP.jsonl: the best 2000 of 2001 trials are drawn\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "SWEEP.jsonl: no such file; expected SWEEP.jsonl as nnfit sweep wrote it"),
        ("", "has no trials"),
        (json.dumps(line(1, 1.0)) + "\n", "has no trials"),
        (json.dumps(line(1, None, a=1)) + "\n", "no trial has a score"),
        ("[]\n", "has a line that is no JSON object"),
        ('{"id": "x", "settings": {"a": 1}}\n', "has a line that is no trial's"),
        (json.dumps(line(1, float("inf"), a=1)) + "\n", "has a line that is no trial's"),
        (json.dumps(line(1, 1e200, a=1)) + "\n", "its numbers are too large for a picture"),
    ],
)
def test_what_is_no_sweep_is_one_line(
    cli: Commands, folder: Path, text: str | None, said: str
) -> None:
    if text is not None:
        Path("SWEEP.jsonl").write_text(text)
    done = cli("plot", "sweep", "SWEEP.jsonl", "-o", "a.png")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err
    with pytest.raises((PictureError, DataError)):
        make_picture("sweep", [], None, Options(), Observer(), ("SWEEP.jsonl",))
    assert "expected one file, DIR/SWEEP.jsonl" in cli("plot", "sweep", "-o", "a.png").err


CELLS = [{"best": str(i + 1), "log_loss": 0.1 * i, "hidden_sizes": [4, i]} for i in range(3)]


def test_a_terminal_has_the_best_above_the_bar_and_they_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "30"}.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    observer = make_observer(False, stream)
    observer.many("trials", 0, 3)
    for i in range(3):
        observer.trial({"trial": f"{i + 1}/3"} | CELLS[i], CELLS[: i + 1])
        observer.many("trials", i + 1, 3)
    observer.close()
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).split("╭")[-1]
    rows = [[cell.strip() for cell in row.split("│")[1:4]] for row in last.split("\n")]
    scores = ["0", "0.1000", "0.2000"]
    assert [row for row in rows if row and row[-1].startswith("[4,")] == [
        [str(i + 1), scores[i], f"[4, {i}]"] for i in range(3)
    ]
    assert "trials 3/3" in last
    quiet = io.StringIO()
    make_observer(True, quiet).trial(CELLS[0], CELLS)
    assert quiet.getvalue() == ""


def test_long_runs_tell_how_far_they_are_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("nnfit.report.plain.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.many("trials", 2, 10)
    for _ in range(4):
        now[0] += 5.0
        observer.many("trials", 2 + (now[0] - 100.0) / 10.0, 10)
    assert stream.getvalue() == (
        "nnfit: trials: 3.0 of 10 done, 1:10 left\nnnfit: trials: 4.0 of 10 done, 1:00 left\n"
    )
