"""NA, None, null and the like in columns of text: gaps, categories or classes, and told.

The whole way from a CSV, since it is pandas that would make gaps of them all.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from csv_files import Listener
from pandas._libs import parsers
from test_model_file import with_meta

import nnfit as package
from nnfit.config.reading import load_config
from nnfit.csv import plain
from nnfit.csv.words import WORDS
from nnfit.dataset.reading import read_to_learn
from nnfit.table.words import columns_with_words

if TYPE_CHECKING:
    from conftest import Commands

pytestmark = pytest.mark.usefixtures("folder")

TEXTS = ["EU", "AS", "US"]


def learnt(cells: list[str], target: list[str], **data: Any) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that training reads of two columns, and what it says of words."""
    frame = pd.DataFrame({"x": [f"{i}.5" for i in range(len(cells))], "f": cells, "y": target})
    Path("d.csv").write_text(frame.to_csv(index=False), encoding="utf-8")
    listener = Listener()
    file = load_config({"data": {"path": "d.csv", "target": "y", **data}})
    rows = read_to_learn(file, None, listener)
    return rows.frame, [note for note in listener.notes if "words" in note]


def repeated(cells: list[str], n: int = 24) -> list[str]:
    return (cells * n)[:n]


CLASSES = repeated(["p", "q"])
NUMBERS = repeated([f"{i}.25" for i in range(12)])


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan", "N/A"])
@pytest.mark.parametrize(
    ("cells", "n_gaps"),
    [
        ([*TEXTS, "{}"], 6),  # the only gaps there are
        ([*TEXTS, "{}", "", "EU"], 4),  # told apart from the empty cells
        ([*TEXTS, "{}", "", ""], 8),
        (["1", "2", "", "{}"], 12),  # nothing else among numbers
        (["2026-11-28", "2026-11-29", "", "{}"], 12),
        (["1,5", "2,5", "", "{}"], 12),
        (["True", "False", "", "{}"], 12),
    ],
    ids=str,
)
def test_a_word_in_a_feature(word: str, cells: list[str], n_gaps: int) -> None:
    cells = [cell.format(word) for cell in repeated(cells)]
    frame, notes = learnt(cells, CLASSES)
    assert frame["f"].isna().sum() == n_gaps
    kept = word in frame["f"].tolist()
    assert kept == ("EU" in cells and "" in cells)
    if "EU" in cells:
        what = "are categories of their own" if kept else "are read as missing"
        key = json.dumps({"f": [word] if kept else []})
        then = "reads them as missing" if kept else "keeps them"
        n = cells.count(word)
        assert notes == [
            f"d.csv: words of 'f' ({word!r} in {n}) {what}; data.missing_values: {key} {then}"
        ]
    assert columns_with_words(_rows(frame), ["f"], "y", ["0", "1"]) == (("f",) if kept else ())


def test_the_words_are_those_of_pandas() -> None:
    cells = pd.read_csv(io.StringIO("\n".join(["x", *WORDS, "na", "none", "Null", "-"])))["x"]
    assert cells.isna().tolist() == [True] * len(WORDS) + [False] * 4
    own = getattr(parsers, "STR_NA_VALUES", None)  # private, so that it may go
    assert own is None or set(own) == {"", *WORDS}


def test_several_words_are_told_apart() -> None:
    frame, _ = learnt(repeated([*TEXTS, "None", "NA"]), CLASSES)
    assert set(frame["f"]) == {*TEXTS, "None", "NA"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [({"f": []}, ["NA"]), ({"f": ["EU"]}, ["NA"]), (["NA"], []), ({"x": []}, []), ({}, [])],
    ids=str,
)
def test_the_key_decides(given: Any, kept: list[str]) -> None:
    frame, _ = learnt(repeated([*TEXTS, "NA"]), CLASSES, missing_values=given)
    assert [cell for cell in ("NA",) if cell in frame["f"].tolist()] == kept
    assert ("EU" in frame["f"].tolist()) == (given != {"f": ["EU"]})


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan", "N/A"])
@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["low", "high", "{}"], True),
        (["low", "high", "{}", ""], True),
        (["1", "2", "X", "{}"], True),
        (["0", "1", "{}"], False),
        (["1.5", "2.5", "{}"], False),
        (["True", "False", "{}"], False),
    ],
    ids=str,
)
def test_a_word_in_the_target(word: str, cells: list[str], kept: bool) -> None:
    cells = [cell.format(word) for cell in repeated(cells)]
    frame, (note,) = learnt(NUMBERS, cells)
    assert (word in frame["y"].tolist()) == kept
    assert len(frame) == len(cells) - cells.count("") - (0 if kept else cells.count(word))
    assert f"{word!r} in {cells.count(word)}" in note
    assert ("are classes" if kept else "are read as missing") in note


@pytest.mark.parametrize("given", [["None"], {"y": ["None"]}], ids=str)
def test_a_class_that_is_named_is_missing(given: Any) -> None:
    frame, _ = learnt(NUMBERS, repeated(["low", "high", "None"]), missing_values=given)
    assert set(frame["y"]) == {"low", "high"}
    frame, _ = learnt(NUMBERS, repeated(["0", "1", "NA"]), missing_values={"y": []})
    assert set(frame["y"]) == {"0", "1", "NA"}


@pytest.mark.parametrize("large", [False, True])
def test_only_words_are_put_back(large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether pandas reads the file itself or what is handed to it, in pieces; quotes included."""
    monkeypatch.setattr(plain, "PARALLEL_BYTES", 1 if large else 1 << 40)
    monkeypatch.setattr(plain, "PARALLEL_PANDAS", True)
    monkeypatch.setattr("nnfit.csv.reading.BLOCK_BYTES", 64)
    cells = repeated(["NATO", "NA", "", '"NA"', "a,b", "nan ", "Ünder"], 70)
    frame, _ = learnt(cells, repeated(["p", "q"], 70))
    assert frame["f"].where(frame["f"].notna(), "").tolist() == cells
    assert frame["x"].dtype == "float64"


def test_the_whole_way(cli: Commands) -> None:
    """Training, a CSV of its own for the test, predict and evaluate read the same words."""
    region = repeated(["AS", "NA", "", "EU", "US"], 120)
    stage = ["None" if cell == "NA" else "late" if cell == "EU" else "early" for cell in region]
    frame = pd.DataFrame({"region": region, "stage": stage})
    frame.to_csv("d.csv", index=False)
    frame.iloc[::-1].to_csv("t.csv", index=False)
    config = {
        "data": {"path": "d.csv", "target": "stage", "test": "t.csv"},
        "model": {"hidden_sizes": []},
        "optimizer": {"learning_rate": 0.1},
        "training": {"epochs": 60},
    }
    Path("c.yaml").write_text(json.dumps(config), encoding="utf-8")
    assert cli("train", "c.yaml", "-q", "-o", "m.npz").err == ""
    model = package.load("m.npz")
    assert (model.classes, model.words) == (("None", "early", "late"), ("region", "stage"))
    assert model.metrics["test"] is not None and model.metrics["test"]["accuracy"] == 1.0
    result = cli("evaluate", "m.npz", "t.csv", "--json", "-q")
    found = json.loads(result.out)["metrics"]
    assert {name: found[name] for name in model.metrics["test"]} == model.metrics["test"]
    assert cli("predict", "m.npz", "d.csv", "-q").out.splitlines()[1:] == stage
    model.save("again.npz")
    assert package.load("again.npz").words == model.words


def test_a_model_of_before_reads_words_as_gaps(cli: Commands) -> None:
    frame = pd.DataFrame({"f": repeated(TEXTS), "y": CLASSES})
    frame.to_csv("d.csv", index=False)
    model = package.train({"data": {"path": "d.csv", "target": "y"}, "training": {"epochs": 1}})
    assert model.words == ("y",)
    Path("m.npz").write_bytes(with_meta(model.to_bytes(), lambda meta: meta.pop("words")))
    assert package.load("m.npz").words == ()
    result = cli("evaluate", "m.npz", stdin="f,y\nEU,p\nEU,NA\n")
    assert result.err == "nnfit: warning: <stdin>: left out 1 row without a target\n"


def test_text_of_a_data_frame_is_what_it_is() -> None:
    frame = pd.DataFrame({"f": repeated(["NA", "EU"]), "y": repeated(["None", "q"])})
    model = package.train({"data": {"target": "y"}, "training": {"epochs": 1}}, frame)
    assert (model.words, model.classes) == (("f", "y"), ("None", "q"))


def _rows(frame: pd.DataFrame) -> Any:
    from nnfit.table.rows import NamedRows

    return NamedRows(frame, "d.csv")
