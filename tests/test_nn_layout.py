"""Where the arrays lie in the flat vector: names, shapes, places, and no memory for any of it."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.budget import MAX_LAYERS, MAX_WIDTH
from nnfit.nn.layout import Block, affine_layers

Array = NDArray[Any]


def test_blocks_are_named_and_shaped_layer_by_layer() -> None:
    layout = affine_layers((3, 4, 2), bias=True)
    assert [(b.name, b.shape, b.decays) for b in layout.blocks] == [
        ("W1", (4, 3), True),
        ("b1", (4,), False),
        ("W2", (2, 4), True),
        ("b2", (2,), False),
    ]
    assert layout.size == 4 * 3 + 4 + 2 * 4 + 2
    without = affine_layers((3, 4, 2), bias=False)
    assert [(b.name, b.shape) for b in without.blocks] == [("W1", (4, 3)), ("W2", (2, 4))]
    assert without.size == 4 * 3 + 2 * 4
    assert [layer.b for layer in without.layers] == [None, None]


def test_a_row_of_W_is_followed_by_its_bias() -> None:
    layout = affine_layers((2, 2, 1), bias=True)
    flat = np.arange(9.0)
    by_name = {block.name: block.of(flat).tolist() for block in layout.blocks}
    assert by_name == {
        "W1": [[0.0, 1.0], [3.0, 4.0]],
        "b1": [2.0, 5.0],
        "W2": [[6.0, 7.0]],
        "b2": [8.0],
    }
    assert layout.layers[0].Wb.of(flat).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert layout.layers[0].Wb.of(flat).flags.c_contiguous
    assert layout.decaying(np.float32).tolist() == [1, 1, 0, 1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("step", [1, 3])
def test_blocks_of_many_vectors_are_those_of_each(step: int) -> None:
    """Members, or the points of a trajectory, are rows of (..., P); memory may lie apart."""
    layout = affine_layers((3, 4, 2), bias=True)
    many = np.arange(2.0 * 5 * layout.size * step).reshape(2, 5, -1)[..., ::step]
    for block in layout.blocks:
        views = block.of(many)
        assert views.shape == (2, 5, *block.shape) and np.shares_memory(views, many)
        for place in np.ndindex(2, 5):
            np.testing.assert_array_equal(views[place], block.of(many[place]))
    layout.layers[1].W.of(many)[1, 4] = -1.0
    assert (many == -1.0).sum() == 8 and (many[1, 4] == -1.0).sum() == 8


@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 4), (2, 1, 3, 4)])
def test_a_block_may_have_any_number_of_axes(shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    block = Block(name="E", shape=shape, group="bias", offset=5, stride=size // shape[0])
    assert block.size == size
    flat = np.arange(30.0)
    np.testing.assert_array_equal(block.of(flat), flat[5 : 5 + size].reshape(shape))


def test_a_vector_that_is_too_short_is_refused() -> None:
    layout = affine_layers((3, 4, 2), bias=True)
    flat = np.zeros(layout.size)
    for block, end in zip(layout.blocks, (15, 16, 25, 26), strict=True):
        block.of(flat[:end])
        with pytest.raises(ValueError) as caught:
            block.of(flat[: end - 1])
        assert str(caught.value) == f"flat has shape ({end - 1},), {block.name} ends at {end}"


def test_a_layout_allocates_no_array() -> None:
    tracemalloc.start()
    try:
        layout = affine_layers((MAX_WIDTH,) * MAX_LAYERS, bias=True)
        assert layout.size == (MAX_LAYERS - 1) * MAX_WIDTH * (MAX_WIDTH + 1)  # 10^15
        assert len(layout.blocks) == 2 * (MAX_LAYERS - 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # of names, shapes and places
