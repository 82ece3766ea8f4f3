"""The fuzz targets under hypothesis, with the inputs that once found something.

Coverage-guided runs of the same targets are `python -m tests.fuzz`; figures are in
`docs/robustness.md`.
"""

from __future__ import annotations

import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from fuzz.targets import TARGETS, Target
from hypothesis import given, settings

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
EXAMPLES = {
    **{"config": 200, "csv": 200, "expression": 400, "graph": 100, "model": 150},
    **{"explain": 25, "plot": 40, "checkpoint": 40, "flatten": 100},
}
# of those whose inputs stand for an archive: bytes before the one that chooses it
VALUES_TRIED = {"model": (0, 150), "explain": (1, 25), "plot": (1, 25), "checkpoint": (0, 40)}
LONGEST = 20.0  # seconds of the processor for one input, far from what any takes


def timed(target: Target, data: bytes) -> None:
    begin = time.process_time()
    target.run(data)
    assert time.process_time() - begin < LONGEST


def changed(target: Target) -> st.SearchStrategy[bytes]:
    """Return good inputs with a few parts cut out or put in."""
    piece = st.sampled_from(target.tokens) | st.binary(max_size=4)
    edit = st.tuples(st.integers(0, 4000), st.integers(0, 8), piece)

    def apply(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
        for place, length, put in edits:
            at = place % (len(seed) + 1)
            seed = seed[:at] + put + seed[at + length :]
        return seed

    return st.builds(apply, st.sampled_from(target.seeds()), st.lists(edit, max_size=6))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused_in_lines(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES[name], database=None)
    @given(data=changed(target) | st.lists(st.sampled_from(target.tokens)).map(b"".join))
    def check(data: bytes) -> None:
        timed(target, data)

    check()


@pytest.mark.parametrize("name", VALUES_TRIED)
def test_any_values_in_meta(name: str) -> None:
    n_before, n_examples = VALUES_TRIED[name]
    byte = st.integers(0, 255)

    @settings(max_examples=n_examples, database=None)
    @given(
        before=byte,
        archive=st.integers(0, 63),
        edits=st.lists(st.tuples(byte, byte, byte), max_size=6),
    )
    def check(before: int, archive: int, edits: list[tuple[int, int, int]]) -> None:
        data = bytes([before] * n_before + [4 * archive + 3]) + b"".join(map(bytes, edits))
        timed(TARGETS[name], data)

    check()


CASES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_found_something(path: Path) -> None:
    timed(TARGETS[path.parent.name], path.read_bytes())


def test_the_corpus_is_of_targets_that_there_are() -> None:
    assert CASES and {path.parent.name for path in CASES} <= set(TARGETS)
