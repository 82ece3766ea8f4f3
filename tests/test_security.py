"""SECURITY.md names the test of every promise; here is held that these tests are there.

The numbers it gives are compared with those in the code.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnfit import budget
from nnfit.config import nodes, sources
from nnfit.csv import dialect, records
from nnfit.model.file import reading
from nnfit.table import expressions, labels

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)", TEXT)


def test_every_promise_has_its_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    for row in rows[1:]:
        assert re.search(r"\[`test_", row), row


@pytest.mark.parametrize(("name", "path"), sorted(set(NAMED)))
def test_the_test_is_there(name: str, path: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (sources.MAX_BYTES, "1,000,000 bytes"),
        (nodes.MAX_DEPTH, "100 levels"),
        (nodes.MAX_NODES, "100,000 values"),
        (nodes.MAX_ALIASED, "10,000 values through aliases"),
        (expressions.MAX_LENGTH, "1000 characters, 50 levels"),
        (expressions.MAX_DEPTH, "50 levels"),
        (expressions.MAX_NODES, "500 parts"),
        (records.MAX_RECORD >> 20, "16 MiB"),
        (dialect.MAX_COLUMNS, "100,000 columns"),
        (dialect.MAX_NAME, "names of 1000 characters"),
        (budget.INFLATED_FREELY >> 20, "32 MiB"),
        (budget.INFLATED_TIMES, "200 times"),
        (labels.MAX_CLASSES, "2000 classes"),
        (budget.MAX_ARRAY_BYTES >> 30, "4 GiB"),
        (budget.MAX_META >> 20, "64 MiB with"),
        (budget.MAX_OBJECTS, "1,048,576 lists and objects"),
        (budget.MAX_VALUES, "4,194,304 values"),
        (budget.MAX_EXPRESSIONS, "262,144 characters"),
        (budget.MAX_UNITS, "1,048,576 units"),
        (budget.MAX_INFLATED >> 20, "64 MiB more"),
        (reading.MAX_DIRECTORY >> 20, "directory of 1 MiB"),
    ],
)
def test_the_numbers_are_those_of_the_code(value: int, said: str) -> None:
    assert said in " ".join(TEXT.split())
    numbers = [int(word.replace(",", "")) for word in re.findall(r"\d[\d,]*", said)]
    assert value in numbers
