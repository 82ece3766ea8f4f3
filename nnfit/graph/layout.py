"""Where the nodes of a graph go in a picture: layers from the inputs up, few crossings.

A small form of Sugiyama, Tagawa & Toda 1981: longest paths make the layers, barycentres the order.
"""

from __future__ import annotations

import random
from itertools import chain, combinations, pairwise
from typing import NamedTuple

from nnfit.graph.nodes import Edge, Graph

SWEEPS, TRIES = 20, 20
GAP, NARROW_GAP = 1.0, 0.7  # between two nodes of a layer, and beside a line that passes

Key = tuple[int, int, int]  # a node, -1, 0; or what stands in for an edge in a layer
Line = tuple[Key, Key]


class Layout(NamedTuple):
    """The layer (from 0) and height of each node, and the points each edge goes through."""

    places: dict[int, tuple[int, float]]
    edges: dict[Edge, list[tuple[int, float]]]


def lay_out(graph: Graph) -> Layout:
    """Return the layout of what the root is made of, plain numbers left out."""
    uses = {i: edges for i, edges in graph.uses.items() if not graph.is_plain(i)}
    far = {graph.root: 0}  # from the root, by the longest path
    for i in sorted(uses.keys() - {graph.root}, reverse=True):
        far[i] = 1 + max(far[user] for user, _ in uses[i])
    # an edge over several layers has a stand-in, known by the edge and the layer, in each between
    rows: list[list[Key]] = [[] for _ in range(1 + max(far.values()))]
    lines: list[list[Line]] = [[] for _ in rows]
    chains: dict[Edge, list[Key]] = {}
    for i in sorted(uses, reverse=True):
        rows[far[i]].append((i, -1, 0))
        for user, place in uses[i]:
            between: list[Key] = [(user, place, d) for d in range(far[i] - 1, far[user], -1)]
            chains[user, place] = through = [(i, -1, 0), *between, (user, -1, 0)]
            for key in between:
                rows[key[2]].append(key)
            for d, line in enumerate(pairwise(through)):
                lines[far[i] - d].append(line)
    tries = [_heights(rows, lines, seed) for seed in range(TRIES)]
    heights = min(tries, key=lambda heights: _tangle(lines, heights))
    layer = {key: len(rows) - 1 - d for d, row in enumerate(rows) for key in row}
    edges = {edge: [(layer[k], heights[k]) for k in keys] for edge, keys in chains.items()}
    return Layout({i: (layer[i, -1, 0], heights[i, -1, 0]) for i in uses}, edges)


def _heights(rows: list[list[Key]], lines: list[list[Line]], seed: int) -> dict[Key, float]:
    """Return heights near the mean of the neighbours', upwards and downwards by turns.

    The seed 0 begins with the order of the nodes, the first on top, any other with one at random.
    """
    rows, rng = [list(row) for row in rows], random.Random(seed)
    for row in rows if seed else ():
        rng.shuffle(row)
    heights = {key: float(n) for row in rows for n, key in enumerate(row)}
    neighbours: dict[Key, list[Key]] = {key: [] for key in heights}
    for lower, upper in chain.from_iterable(lines):
        neighbours[lower].append(upper)
        neighbours[upper].append(lower)
    for sweep in range(SWEEPS):
        for row in rows[::-1] if sweep % 2 else rows:
            near = {key: [heights[other] for other in neighbours[key] or [key]] for key in row}
            wanted = {key: sum(found) / len(found) for key, found in near.items()}
            row.sort(key=wanted.__getitem__)
            at: list[float] = []
            for before, key in zip([row[0], *row], row, strict=False):
                gap = GAP if before[1] < 0 and key[1] < 0 else NARROW_GAP
                at.append(max(wanted[key], at[-1] + gap) if at else wanted[key])
            shift = sum(wanted[key] - height for key, height in zip(row, at, strict=True)) / len(
                row
            )
            heights.update({key: height + shift for key, height in zip(row, at, strict=True)})
    return heights


def _tangle(lines: list[list[Line]], heights: dict[Key, float]) -> tuple[int, int]:
    """Return how many lines between two layers cross, and how far all go up or down."""
    crossings, climbed = 0, 0.0
    for between in lines:
        ends = [(heights[lower], heights[upper]) for lower, upper in between]
        crossings += sum((a - c) * (b - d) < 0.0 for (a, b), (c, d) in combinations(ends, 2))
        climbed += sum(abs(a - b) for a, b in ends)
    return crossings, round(10.0 * climbed)
