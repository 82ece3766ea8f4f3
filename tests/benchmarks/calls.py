"""Counts the NumPy calls of a training step: ufuncs, products, gathers, reductions, copies.

Every array that nnfit makes is made of a class that counts; views, shapes and slices are free, and
so is a number put into an array without dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.benchmarks.shapes import Shape

MAKERS = ("empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like")


class Tally:
    """How many calls were made; one made inside of another is part of that one."""

    calls = 0
    depth = 0


@contextmanager
def counted() -> Iterator[None]:
    """Count what happens inside as one call."""
    Tally.calls += Tally.depth == 0
    Tally.depth += 1
    try:
        yield
    finally:
        Tally.depth -= 1


def plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, CountingArray) else value


class CountingArray(np.ndarray):
    """An array whose calls are counted, and so are those of its results."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        out = keywords.pop("out", None)
        if out is not None:
            keywords["out"] = tuple(plain(array) for array in out)
        keywords = {name: plain(value) for name, value in keywords.items()}
        with counted():
            result = getattr(ufunc, method)(*map(plain, inputs), **keywords)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return result.view(CountingArray) if isinstance(result, np.ndarray) else result

    def __array_function__(self, *arguments: Any, **keywords: Any) -> Any:
        with counted():
            return super().__array_function__(*arguments, **keywords)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.ndim:
            super().__setitem__(key, value)
            return
        with counted():
            super().__setitem__(key, value)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(part, np.ndarray | list) for part in keys):
            return super().__getitem__(key)
        with counted():  # a gather, not a view
            return super().__getitem__(key)


def counting_method(name: str) -> Callable[..., Any]:
    """Return the array method `name`, counted: methods in C pass by the hooks above."""
    method = getattr(np.ndarray, name)

    def call(self: CountingArray, *arguments: Any, **keywords: Any) -> Any:
        with counted():
            return method(self, *arguments, **keywords)

    return call


for _name in ("take", "dot", "fill", "copy", "astype", "argmax", "argmin", "nonzero", "repeat"):
    setattr(CountingArray, _name, counting_method(_name))


def counting_maker(make: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return a maker of arrays that count."""

    def call(*arguments: Any, **keywords: Any) -> np.ndarray:
        with counted():
            return make(*arguments, **keywords).view(CountingArray)

    return call


def calls_per_step(shape: Shape) -> int:
    """Return the calls of one step of the production loop, the epoch's own left out.

    Two runs that differ by some steps an epoch differ by the calls of those steps.
    """
    from tests.benchmarks.peer_nnfit import Peer

    counts = []
    few, many = 4, 12
    for steps in (few, many):
        makers = {name: counting_maker(getattr(np, name)) for name in MAKERS}
        with patch.multiple(np, **makers):
            peer = Peer(1, "")
            peer.prepare(replace(shape, n_rows=steps * shape.batch_size), "float32")
            peer.train(1)
            before = Tally.calls
            peer.train(1)
            counts.append(Tally.calls - before)
    calls, rest = divmod(counts[1] - counts[0], many - few)
    assert rest == 0, f"steps of one epoch differ in their calls: {counts}"
    return calls
