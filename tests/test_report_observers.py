"""What a run looks like on a terminal, in a file, and with --quiet."""

import io
import os
import re
import sys
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from nnfit.observer import EpochRecord, Finding, Observer, Plan, Summary
from nnfit.report import make_observer
from nnfit.report.live import MAX_ROWS
from nnfit.report.run import Schedule, epoch_columns, plan_rows, summary_block
from nnfit.report.screen import Screen

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """A terminal that remembers all it was sent, and can tell what is on its screen."""

    def isatty(self):
        return True

    def screen(self):
        lines, row, column = [""], 0, 0
        for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", self.getvalue()):
            if token == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif token == "\r":
                column = 0
            elif token.startswith("\x1b["):
                if token.endswith("A"):
                    row -= int(token[2:-1])
                elif token.endswith("K"):
                    lines[row] = ""
            else:
                lines[row] = lines[row][:column].ljust(column) + token
                column += len(token)
        return [line.rstrip() for line in lines]


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "25")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in ("plain", "live"):
        monkeypatch.setattr(
            f"nnfit.report.{module}.time", SimpleNamespace(monotonic=clock.monotonic)
        )
    return clock


def make_plan(epochs=3, **changes):
    values = {
        "config": "iris.yaml",
        "data": "data/iris.csv",
        "output": "iris.npz",
        "task": "classification",
        "targets": ["species"],
        "classes": ["setosa", "versicolor", "virginica"],
        "rows": {"train": 120, "validation": 30, "test": 0},
        "columns": {"numeric": 4, "categorical": 0, "boolean": 0},
        "n_inputs": 4,
        "layer_sizes": [4, 64, 3],
        "activations": ["relu", "softmax"],
        "loss": "cross_entropy",
        "n_parameters": 515,
        "optimizer": "adam, learning rate 0.001",
        "epochs": epochs,
        "batch_size": 32,
        "dtype": "float32",
        "threads": 1,
        "metric": "accuracy",
        "decided": ["the target is text"],
    }
    return Plan(**values | changes)


def make_record(epoch, validation_loss=0.5, penalty=None):
    return EpochRecord(
        penalty=penalty,
        epoch=epoch,
        train_loss=1 / epoch,
        validation_loss=validation_loss,
        metric=0.9,
        learning_rate=0.001,
        rows_per_second=12345.6,
    )


def make_summary(epochs=3, **changes):
    values = {
        "model": "iris.npz",
        "task": "classification",
        "n_parameters": 515,
        "epochs": epochs,
        "best_epoch": 2,
        "stopped_early": False,
        "interrupted": False,
        "seconds": 1.25,
        "rows_per_second": 12345.6,
        "metrics": {
            "train": {"accuracy": 0.99, "confusion_matrix": [[1]], "per_target": {"a": {}}},
            "validation": {"accuracy": 0.9667},
            "test": None,
        },
        "train_loss": [1.0, 0.5, 0.3],
        "validation_loss": [1.0, 0.6, 0.7],
    }
    return Summary(**values | changes)


def run(observer, epochs=3, **changes):
    observer.started(make_plan(epochs, **changes))
    for epoch in range(1, epochs + 1):
        observer.epoch(make_record(epoch), best=epoch == 2)
    observer.finished(make_summary(epochs))
    observer.close()


def rows_of(text):
    """The epochs that have a row of their own."""
    return [int(m) for m in re.findall(r"^[│ ★*]*(\d+) +[│\d]", text, re.M)]


PLAIN_RUN = """\
config      iris.yaml
data        data/iris.csv: 120 train, 30 validation rows
columns     4 numeric → 4 inputs
task        classification of species, 3 classes: setosa, versicolor, virginica
network     4 → 64 relu → 3 softmax
parameters  515 float32
loss        cross_entropy
optimizer   adam, learning rate 0.001
training    3 epochs, batches of 32, 1 thread
output      iris.npz
decided     the target is text

epoch  train_loss   val_loss   accuracy  learning_rate     rows/s
    1      1.0000     0.5000     0.9000          0.001      12346
    2      0.5000     0.5000     0.9000          0.001      12346
    3      0.3333     0.5000     0.9000          0.001      12346

           train  validation
accuracy  0.9900      0.9667

epochs           3, done; best epoch 2
time             1.25 s, 12,346 rows/s
train loss       1.0000 █▃▁ 0.3000
validation loss  1.0000 █▄▅ 0.7000
model            iris.npz
"""


def test_plain_run():
    stream = io.StringIO()
    run(make_observer(False, stream))
    assert stream.getvalue() == PLAIN_RUN


def test_default_stream_is_stderr(capsys):
    make_observer(False).note("120 rows")
    assert capsys.readouterr() == ("", "nnfit: 120 rows\n")


def test_no_stderr_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert type(make_observer(False)) is Observer


def test_plain_without_validation_rows():
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan(rows={"train": 150}, batch_size=150))
    observer.epoch(make_record(1, validation_loss=None), best=False)
    observer.finished(
        make_summary(1, interrupted=True, train_loss=[1.0], validation_loss=[], metrics={})
    )
    assert stream.getvalue().split("\n", 8)[8] == (
        "training    3 epochs, all rows in one batch, 1 thread\n"
        "output      iris.npz\n"
        "decided     the target is text\n"
        "\n"
        "epoch  train_loss   accuracy  learning_rate     rows/s\n"
        "    1      1.0000     0.9000          0.001      12346\n"
        "\n"
        "\n"
        "epochs      1 of 3, interrupted\n"
        "time        1.25 s, 12,346 rows/s\n"
        "train loss  1.0000 ▁ 1.0000\n"
        "model       iris.npz\n"
    )


def test_plain_rows_are_thinned_and_the_last_one_is_there():
    stream = io.StringIO()
    run(make_observer(False, stream), epochs=2000)
    assert rows_of(stream.getvalue()) == [1, *range(100, 2001, 100)]

    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan(2000))
    for epoch in range(1, 124):
        observer.epoch(make_record(epoch), best=False)
    observer.finished(make_summary(123, stopped_early=True))
    assert rows_of(stream.getvalue()) == [1, 100, 123]
    assert "epochs           123 of 2,000, stopped early; best epoch 2\n" in stream.getvalue()


@pytest.mark.parametrize(("epochs", "rows"), [(1, 1), (20, 20), (21, 12), (1000, 21), (12345, 21)])
def test_schedule_shows_all_of_few_epochs_and_about_twenty_of_many(epochs, rows):
    schedule = Schedule(epochs)
    due = [epoch for epoch in range(1, epochs + 1) if schedule.due(epoch, now=0.0)]
    assert len(due) == rows
    assert (due[0], due[-1]) == (1, epochs)


def test_schedule_after_a_resume_starts_with_the_first_epoch_seen():
    schedule = Schedule(1000)
    assert [epoch for epoch in range(431, 500) if schedule.due(epoch, now=0.0)] == [431, 450]


def test_schedule_is_never_silent_for_long():
    schedule = Schedule(1000)
    due = [epoch for epoch in range(1, 40) if schedule.due(epoch, now=4.0 * epoch)]
    assert due == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, 37]


def test_plain_says_how_far_a_long_epoch_is(clock):
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan())
    before = stream.tell()
    for fraction in range(1, 26):
        clock.now += 1.0
        observer.progress(1, fraction / 100)
    assert stream.getvalue()[before:] == "nnfit: epoch 1: 10 %\nnnfit: epoch 1: 20 %\n"


def test_plain_reading_is_a_line_every_five_seconds(clock):
    stream = io.StringIO()
    observer = make_observer(False, stream)
    for total in (100_000_000, None):
        for done in range(0, 24_000_000, 1_000_000):
            observer.reading("big\x1b.csv", done, total)
            clock.now += 0.5
    assert stream.getvalue() == (
        "nnfit: reading big\\x1b.csv: 10.0 of 100.0 MB, 10 %\n"
        "nnfit: reading big\\x1b.csv: 20.0 of 100.0 MB, 20 %\n"
        "nnfit: reading big\\x1b.csv: 10.0 MB\n"
        "nnfit: reading big\\x1b.csv: 20.0 MB\n"
    )


HOSTILE = "column '[bold]a[/] \x1b[31mred :smile: \n👩‍🔬' " + "is long " * 20 + "."


@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_messages_are_one_line_each_and_never_interpreted(stream_type):
    stream = stream_type()
    observer = make_observer(False, stream)
    observer.note(HOSTILE)
    observer.warning(HOSTILE)
    observer.close()
    shown = "column '[bold]a[/] \\x1b[31mred :smile: \\n👩‍🔬' " + "is long " * 20 + "."
    text = re.sub(r"\x1b\[(33|0)m", "", stream.getvalue())
    assert text == f"nnfit: {shown}\nnnfit: warning: {shown}\n"
    assert ("\x1b[33m" in stream.getvalue()) == (stream_type is Terminal)


@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_quiet_leaves_warnings_only(stream_type):
    stream = stream_type()
    observer = make_observer(True, stream)
    observer.note("hidden")
    observer.reading("a.csv", 1, 2)
    observer.progress(1, 0.5)
    observer.warning("seen")
    run(observer)
    assert re.sub(r"\x1b\[\d+m", "", stream.getvalue()) == "nnfit: warning: seen\n"


@pytest.mark.parametrize("name", ["price", "x" * 300, "日本語" * 40, "[bold]\x1b[2J:smile:"])
def test_plain_lines_fit_80_columns_and_hold_no_control_characters(name):
    stream = io.StringIO()
    plan = {"metric": name, "targets": [name] * 9, "classes": [name] * 9, "decided": [name]}
    run(make_observer(False, stream), epochs=100, **plan)
    assert "\x1b" not in stream.getvalue()
    assert max(map(cell_len, stream.getvalue().splitlines())) <= 80


def findings(n=4, name="x"):
    decisions = ["input", "left out: the target in other words", "left out: free text"]
    return [
        Finding(
            column=f"{name}{i}", kind="categorical", distinct=10**6, gaps=10**5, example=name * 3,
            decision=decisions[i % 3],
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("width", [80, 72, 60, 40])
@pytest.mark.parametrize("name", ["x", "a rather long name of a column ", "日本語" * 9, HOSTILE])
def test_what_was_found_fits_a_terminal_and_loses_no_decision(monkeypatch, name, width):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    make_observer(False, stream).surveyed(findings(name=name))
    text = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    assert max(map(cell_len, text.splitlines())) <= width
    said = [cell for line in text.splitlines() for cell in line.split()]
    for word in "left out: free text in other words".split():
        assert word in said
    shown = {80: "distinct gaps example", 72: "distinct gaps example", 60: "distinct gaps", 40: ""}
    assert text.splitlines()[0].split() == ["column", "kind", *shown[width].split(), "decision"]


def test_what_was_found_is_plain_rows_elsewhere():
    stream = io.StringIO()
    make_observer(False, stream).surveyed(findings())
    assert stream.getvalue() == (
        "column  kind         distinct    gaps  example  decision\n"
        "x0      categorical   1000000  100000  xxx      input\n"
        "x1      categorical   1000000  100000  xxx      left out: the target in other words\n"
        "x2      categorical   1000000  100000  xxx      left out: free text\n"
        "x3      categorical   1000000  100000  xxx      input\n"
    )
    stream = io.StringIO()
    make_observer(True, stream).surveyed(findings())
    assert stream.getvalue() == ""


def test_of_many_columns_those_that_are_alike_are_counted():
    stream = io.StringIO()
    make_observer(False, stream).surveyed(findings(3000))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 3 * 6
    assert sum("… 995 more" in line for line in lines) == 3


def test_plain_width_follows_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    run(make_observer(False, stream))
    lines = stream.getvalue().splitlines()
    assert max(map(cell_len, lines)) == 40
    assert "epoch  train_loss   val_loss   accuracy" in lines


@pytest.mark.parametrize("columns", ["0", "wide", "-5", "", None])
def test_the_width_is_80_where_nothing_says_otherwise(monkeypatch, columns):
    monkeypatch.delenv("COLUMNS")
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    stream = io.StringIO()
    run(make_observer(False, stream))
    assert stream.getvalue() == PLAIN_RUN


def test_dumb_terminal_gets_plain_rows(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    run(make_observer(False, stream))
    assert stream.getvalue() == PLAIN_RUN


def test_force_color_colors_plain_rows_and_no_color_wins(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = io.StringIO()
    run(make_observer(False, colored))
    assert "\x1b[1mepoch" in colored.getvalue()
    assert HIDE not in colored.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", colored.getvalue()).split() == PLAIN_RUN.split()

    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    run(make_observer(False, stream))
    assert stream.getvalue() == PLAIN_RUN


def test_no_color_on_a_terminal_is_live_without_colors(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.warning("careful")
    run(observer)
    styles = {
        code for m in re.findall(r"\x1b\[([\d;]*)m", stream.getvalue()) for code in m.split(";")
    }
    assert styles <= {"0", "1", "2"}
    assert HIDE in stream.getvalue()


LIVE_END = """\
╭───────┬────────────┬──────────┬──────────┬───────────────┬────────╮
│ epoch │ train loss │ val loss │ accuracy │ learning rate │ rows/s │
├───────┼────────────┼──────────┼──────────┼───────────────┼────────┤
│     1 │     1.0000 │   0.5000 │   0.9000 │         0.001 │  12346 │
│   ★ 2 │     0.5000 │   0.5000 │   0.9000 │         0.001 │  12346 │
│     3 │     0.3333 │   0.5000 │   0.9000 │         0.001 │  12346 │
╰───────┴────────────┴──────────┴──────────┴───────────────┴────────╯
epoch 3/3 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ done in 0:00

╭──────────┬────────┬────────────╮
│          │  train │ validation │
├──────────┼────────┼────────────┤
│ accuracy │ 0.9900 │     0.9667 │
╰──────────┴────────┴────────────╯
epochs           3, done; best epoch 2
time             1.25 s, 12,346 rows/s
train loss       1.0000 █▃▁ 0.3000
validation loss  1.0000 █▄▅ 0.7000
model            iris.npz
"""


def test_live_run_leaves_its_last_state_on_the_screen():
    stream = Terminal()
    run(make_observer(False, stream))
    screen = stream.screen()
    assert screen[0].startswith("╭─") and " nnfit train " in screen[0]
    assert "│ network     4 → 64 relu → 3 softmax" in screen[6]
    assert "\n".join(screen[14:]) == LIVE_END
    assert max(map(cell_len, screen)) <= 80


def test_live_shows_recent_reports_the_best_and_the_newest(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(1000))
    for epoch in range(1, 778):
        observer.epoch(make_record(epoch), best=epoch == 123)
    clock.now += 10
    observer.epoch(make_record(778), best=False)
    screen = "\n".join(stream.screen())
    # 12 in all, the terminal being 25 lines high.
    assert rows_of(screen) == [123, *range(300, 751, 50), 778]
    assert len(rows_of(screen)) == MAX_ROWS
    assert "│ ★ 123 │" in screen
    assert "epoch 778/1000 ━" in screen
    assert screen.endswith(" 0:10 elapsed, 0:02 left")
    observer.close()


def test_live_time_left_of_a_resumed_run_counts_its_own_epochs(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(100))
    clock.now += 10
    observer.epoch(make_record(91), best=False)
    assert stream.screen()[-1].endswith(" 0:10 elapsed, 1:30 left")
    observer.close()


def test_plain_writes_the_members_last_epoch_before_the_refit():
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan(2000))
    for epoch in range(1, 124):
        observer.epoch(make_record(epoch), best=False)
    observer.refitting(80)
    observer.note("refit")
    observer.finished(make_summary(80, validation_loss=[]))
    shown = stream.getvalue()
    assert rows_of(shown[: shown.index("nnfit: refit")]) == rows_of(shown) == [1, 100, 123]
    assert "epochs      80, done\n" in shown


def test_an_interrupted_refit_has_the_members_epochs():
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan(3))
    observer.refitting(2)
    observer.finished(make_summary(3, interrupted=True))
    assert "epochs           3, interrupted; best epoch 2\n" in stream.getvalue()


def test_members_that_differ_have_their_own_best_epochs():
    stream = io.StringIO()
    observer = make_observer(False, stream)
    observer.started(make_plan(3))
    observer.finished(make_summary(3, best_epochs=(2, 3, 1)))
    assert "epochs           3, done; best epochs 1 to 3\n" in stream.getvalue()
    assert make_summary(best_epochs=(2, 2)).best == "epoch 2"


def test_live_time_left_of_a_refit_counts_its_own_epochs(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(2))
    clock.now += 100
    observer.epoch(make_record(1), best=True)
    observer.epoch(make_record(2), best=False)
    observer.refitting(4)
    clock.now += 10
    observer.progress(1, 1.0)
    assert stream.screen()[-1].startswith("epoch 1/4 ━")
    assert stream.screen()[-1].endswith(" 0:10 elapsed, 0:30 left")
    observer.close()


def test_live_progress_within_an_epoch(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(2))
    clock.now += 30
    observer.progress(1, 0.5)
    assert stream.screen()[-1].startswith("epoch 0/2 ━")
    assert stream.screen()[-1].endswith(" 0:30 elapsed, 1:30 left")
    observer.close()


def test_live_redraws_at_most_ten_times_a_second(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(50_000))
    drawn = stream.getvalue().count("epoch 0/50000")
    for epoch in range(1, 50_001):
        clock.now += 1 / 50_000
        observer.epoch(make_record(epoch), best=True)
    redraws = len(re.findall(r"epoch \d+/50000", stream.getvalue())) - drawn
    assert 9 <= redraws <= 10
    observer.close()


def test_live_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    run(make_observer(False, stream))
    screen = stream.screen()
    assert max(map(cell_len, screen)) <= 40
    at = screen.index("epoch    loss    loss  accuracy")
    assert screen[at - 1 : at + 5] == [
        "        train     val",
        "epoch    loss    loss  accuracy",
        "    1  1.0000  0.5000    0.9000",
        "  ★ 2  0.5000  0.5000    0.9000",
        "    3  0.3333  0.5000    0.9000",
        "epoch 3/3 ━━━━━━━━━━━━━━━━━ done in 0:00",
    ]


def test_live_on_a_low_terminal(monkeypatch, clock):
    monkeypatch.setenv("LINES", "12")
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(1000))
    for epoch in range(1, 778):
        observer.epoch(make_record(epoch), best=epoch == 123)
    clock.now += 10
    observer.epoch(make_record(778), best=False)
    assert rows_of("\n".join(stream.screen())) == [123, 600, 650, 700, 750, 778]
    observer.close()


def test_live_in_an_ascii_encoding():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    stream.isatty = lambda: True
    run(make_observer(False, stream), targets=["größe"])
    text = raw.getvalue().decode("ascii")
    assert "  * 2" in text
    assert "+-------+" in text
    assert "1.0000 @-. 0.3000\n" in text
    assert r"gr\xf6\xdfe" in text
    assert "4 > 64 relu > 3 softmax" in text


def test_live_messages_go_above_the_display(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan(100))
    for epoch in range(1, 11):
        clock.now += 1
        observer.epoch(make_record(epoch), best=False)
    observer.warning("the loss [red]jumps[/]")
    screen = stream.screen()
    assert screen[14] == "nnfit: warning: the loss [red]jumps[/]"
    assert screen[15].startswith("╭───────┬")
    assert screen[-1].startswith("epoch 10/100 ━")
    observer.close()


def test_live_leaves_the_terminal_to_the_shell_and_comes_back_below(clock, monkeypatch):
    """As after Ctrl-Z, `bg`, some other work, and `fg`."""

    class ControllingTerminal(Terminal):
        def fileno(self):
            return 2

    stream = ControllingTerminal()
    front = [os.getpgrp()]
    monkeypatch.setattr("os.tcgetpgrp", lambda descriptor: front[0])
    observer = make_observer(False, stream)
    observer.started(make_plan(100))
    for epoch in (1, 2, 3):
        clock.now += 1
        observer.epoch(make_record(epoch), best=False)
    before = stream.screen()
    front[0] += 1
    stream.write("\n[1]+ Stopped\n$ ls\na.csv\n$ bg\n$ ")
    for epoch in (4, 5):
        clock.now += 1
        observer.epoch(make_record(epoch), best=False)
    observer.warning("a gap")
    shells = stream.screen()
    said = ["[1]+ Stopped", "$ ls", "a.csv", "$ bg", "$ nnfit: warning: a gap", ""]
    assert shells == [*before, *said]
    stream.write("$ fg\n")
    front[0] -= 1
    clock.now += 1
    observer.epoch(make_record(6), best=False)
    screen = stream.screen()
    assert screen[: len(shells)] == [*shells[:-1], "$ fg"]
    assert screen[len(shells)].startswith("╭───────┬")
    assert screen[-1].startswith("epoch 6/100 ━")
    observer.close()
    assert stream.screen()[: len(shells)] == [*shells[:-1], "$ fg"]


@pytest.mark.parametrize("total", [100_000_000, None])
def test_live_reading_appears_after_half_a_second_and_goes(clock, total):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.reading("big[b].csv", 0, total)
    clock.now += 0.4
    observer.reading("big[b].csv", 40_000_000, total)
    assert stream.getvalue() == ""
    clock.now += 0.2
    observer.reading("big[b].csv", 60_000_000, total)
    line = stream.screen()[-1]
    assert line.startswith("reading big[b].csv ")
    assert line.endswith(" 60.0 of 100.0 MB, 60 %" if total else " 60.0 MB")
    assert ("━" in line) == (total is not None)
    if total:
        observer.reading("big[b].csv", total, total)
    else:
        observer.close()
    assert set(stream.screen()) == {""}
    assert stream.getvalue().rindex(SHOW) > stream.getvalue().rindex(HIDE)


def test_live_reading_of_the_next_file_waits_again(clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    for name in ("a.csv", "b.csv"):
        observer.reading(name, 0, None)
        clock.now += 1
        observer.reading(name, 1_000_000, None)
    assert [line.split()[1] for line in stream.screen() if line] == ["b.csv"]
    observer.started(make_plan())
    assert "reading" not in "".join(stream.screen())
    observer.close()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_close_restores_the_cursor_whatever_happened(monkeypatch, clock, error):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan())

    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(observer, "_epoch_table", fail)
        clock.now += 1
        with pytest.raises(error):
            observer.epoch(make_record(1), best=False)
        with pytest.raises(error):
            observer.close()
    assert stream.getvalue().rindex(SHOW) > stream.getvalue().rindex(HIDE)
    length = stream.tell()
    observer.close()
    assert stream.tell() == length


def test_stderr_is_put_back(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    observer = make_observer(False)
    observer.started(make_plan())
    assert sys.stderr is not stream
    print("from a library", file=sys.stderr)
    observer.close()
    assert sys.stderr is stream
    assert stream.screen()[14] == "from a library"


def test_a_terminal_that_went_away_does_not_stop_the_run(monkeypatch, clock):
    stream = Terminal()
    observer = make_observer(False, stream)
    observer.started(make_plan())

    def hang_up(text):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(stream, "write", hang_up)
    clock.now += 1
    observer.epoch(make_record(1), best=True)
    observer.warning("nobody hears this")
    observer.epoch(make_record(2), best=True)
    observer.finished(make_summary(2))
    observer.close()


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_the_penalty_stands_beside_the_loss(l2):
    columns = epoch_columns(make_plan(l2=l2), 80, gap=2)
    headers = [column.header for column in columns]
    assert ("penalty" in headers) == bool(l2)
    loss = dict(plan_rows(make_plan(l2=l2)))["loss"]
    assert loss == "cross_entropy" + ("; loss + penalty is lowered, l2 0.1" if l2 else "")
    summary = make_summary(penalty=10.985 if l2 else None)
    screen = Screen(io.StringIO())
    screen.write(summary_block(screen, None, summary))
    line = "penalty          10.9850 of the model's weights, beside the loss\n"
    assert (line in screen.stream.getvalue()) == bool(l2)
    if l2:
        assert headers[1:4] == ["train_loss", "penalty", "val_loss"]
        texts = [columns[2].text(make_record(1, penalty=p)) for p in (0.25, None)]
        assert texts == ["0.2500", "–"]
