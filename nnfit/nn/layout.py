"""Where each array of parameters lies in one flat vector: names, shapes and places, no numbers.

How many parameters there are, what a model file has to hold, which arrays a gradient check or an
explanation lists: all of it is read off the layout, before or without any array being made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nnfit.nn.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Block:
    """One named array: its row r begins at `offset` + r * `stride` of the flat vector.

    `group` is weight, bias or scale. Penalties and weight decay shrink weights alone.
    """

    name: str
    shape: tuple[int, ...]
    group: str
    offset: int
    stride: int

    @property
    def decays(self) -> bool:
        return self.group == "weight"

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def of(self, flat: Array) -> Array:
        """Return the block as a view (..., *shape) of `flat` (..., P).

        Raises
        ------
        ValueError
            If `flat` ends before the block does, of which NumPy's strides know nothing.
        """
        end = self.offset + (self.shape[0] - 1) * self.stride + math.prod(self.shape[1:])
        if flat.shape[-1] < end:
            raise ValueError(f"flat has shape {flat.shape}, {self.name} ends at {end}")
        *lead, step = flat.strides
        inner = [step * math.prod(self.shape[k:]) for k in range(2, len(self.shape) + 1)]
        strides = (*lead, step * self.stride, *inner)
        return as_strided(flat[..., self.offset :], (*flat.shape[:-1], *self.shape), strides)


@dataclass(frozen=True)
class Layer:
    """The blocks of one affine layer: W and b, cut from [W | b], and s, the scale of its inputs."""

    W: Block
    b: Block | None
    s: Block | None = None

    @property
    def Wb(self) -> Block:
        """[W | b], which is contiguous: a row is a unit's weights, then its bias."""
        return replace(self.W, shape=(self.W.shape[0], self.W.stride))

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for block in (self.s, self.W, self.b) if block is not None)


@dataclass(frozen=True)
class Layout:
    """The layers of a network; every entry of the flat vector is in exactly one of `blocks`."""

    layers: tuple[Layer, ...]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """W1, b1, W2, ..., where there is an s before them: so model files and tables list them."""
        return tuple(block for layer in self.layers for block in layer.blocks)

    @cached_property
    def size(self) -> int:
        """How many parameters there are, P."""
        return sum(block.size for block in self.blocks)

    def decaying(self, dtype: Any) -> Array:
        """Return a vector (P,) that is 1 on the blocks that decay and 0 on the others."""
        marks: Array = np.zeros(self.size, dtype)
        for block in self.blocks:
            block.of(marks).fill(float(block.decays))
        return marks


def affine_layers(sizes: Sequence[int], bias: bool, *, scale: bool = False) -> Layout:
    """Return the layout of the layers between `sizes` (inputs, hidden ..., outputs).

    With `scale` the first layer has an `s`; in memory it comes after every W and b.
    """
    layers, offset = [], 0
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes), 1):
        row = n_in + bias
        W = Block(name=f"W{i}", shape=(n_out, n_in), group="weight", offset=offset, stride=row)
        b = Block(name=f"b{i}", shape=(n_out,), group="bias", offset=offset + n_in, stride=row)
        layers.append(Layer(W, b if bias else None))
        offset += n_out * row
    if scale:
        s = Block(name="s", shape=(sizes[0],), group="scale", offset=offset, stride=1)
        layers[0] = replace(layers[0], s=s)
    return Layout(tuple(layers))
