"""Make every CSV in this folder: seeded curves, and four sets as scikit-learn bundles them.

It is not part of the `nnfit` package: `python data/make_data.py` rewrites the files, and with
`--check` compares them with what it would write. README.md beside it says what the columns are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
Floats = NDArray[np.float64]


def generator(seed: int) -> np.random.Generator:
    """Return PCG64 by name, since `default_rng` may change its bit generator."""
    return np.random.Generator(np.random.PCG64(seed))


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table as CSV text with LF line ends; no cell here needs a quote."""
    return "".join(",".join(cells) + "\n" for cells in [header, *rows])


def decimals(values: Floats, places: int) -> list[list[str]]:
    """Return the cells of a (N, D) array with a fixed number of decimals."""
    # adding 0.0 turns the -0.0 that rounding leaves behind into 0.0
    return [[f"{value:.{places}f}" for value in row] for row in np.round(values, places) + 0.0]


def line() -> str:
    """y = 2x + 1 and noise."""
    rng = generator(1)
    x = rng.uniform(-3, 3, size=200)
    y = 2 * x + 1 + rng.normal(0, 0.5, size=200)
    return to_csv(["x", "y"], decimals(np.column_stack([x, y]), 4))


def two_outputs() -> str:
    """y = Wx + b with three inputs and two outputs, and noise."""
    rng = generator(2)
    W = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, -3.0]])
    b = np.array([1.0, -2.0])
    X = rng.uniform(-2, 2, size=(300, 3))
    # written out: a matrix product may round differently from one BLAS to the next
    Y = sum(X[:, [i]] * W[:, i] for i in range(3)) + b + rng.normal(0, 0.3, size=(300, 2))
    return to_csv(["x1", "x2", "x3", "y1", "y2"], decimals(np.column_stack([X, Y]), 4))


def curve() -> str:
    """y = x/2 + sin 3x and noise: a line, a cubic and a sine share these points."""
    rng = generator(3)
    x = rng.uniform(-3, 3, size=200)
    y = 0.5 * x + np.sin(3 * x) + rng.normal(0, 0.1, size=200)
    return to_csv(["x", "y"], decimals(np.column_stack([x, y]), 4))


def logistic() -> str:
    """Two Gaussian clouds of one covariance, for which sigma(Wx + b) is the exact posterior."""
    rng = generator(4)
    passed = np.repeat([0, 1], 150)
    mean = np.array([[4.0, 6.5], [7.0, 7.5]])[passed]
    sd, correlation = (1.2, 1.0), -0.2
    u, v = rng.normal(size=(2, 300))
    studied = mean[:, 0] + sd[0] * u
    slept = mean[:, 1] + sd[1] * (correlation * u + np.sqrt(1 - correlation**2) * v)
    cells = decimals(np.column_stack([studied, slept]), 3)
    rows = [[*cells[i], ("failed", "passed")[passed[i]]] for i in rng.permutation(300)]
    return to_csv(["hours_studied", "hours_slept", "result"], rows)


def xor() -> str:
    """A cloud around each corner of the unit square, labelled with x1 XOR x2."""
    rng = generator(5)
    corners = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (100, 1))
    cells = decimals(corners + rng.normal(0, 0.15, size=corners.shape), 4)
    rows = [[*cells[i], str(corners[i, 0] ^ corners[i, 1])] for i in rng.permutation(len(corners))]
    return to_csv(["x1", "x2", "xor"], rows)


def spirals() -> str:
    """Three arms that wind around one another by one turn and a quarter."""
    rng = generator(6)
    arms, per_arm = ("red", "green", "blue"), 200
    arm = np.repeat(np.arange(len(arms)), per_arm)
    radius = np.tile(np.linspace(0.1, 1, per_arm), len(arms))
    angle = 2 * np.pi * (arm / len(arms) + 1.25 * radius)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    cells = decimals(points + rng.normal(0, 0.025, size=points.shape), 4)
    rows = [[*cells[i], arms[arm[i]]] for i in rng.permutation(len(arm))]
    return to_csv(["x1", "x2", "arm"], rows)


def bundled(name: str) -> Any:
    """Return one of scikit-learn's sets; the import waits, so that the curves need NumPy alone."""
    return getattr(import_module("sklearn.datasets"), f"load_{name}")()


def labelled(bunch: Any, columns: Sequence[str], target: str) -> str:
    """Return a bundled set with its class names; `repr` keeps every digit of the original."""
    names = [str(bunch.target_names[k]) for k in bunch.target]
    rows = [
        [*(repr(float(value)) for value in row), label]
        for row, label in zip(bunch.data, names, strict=True)
    ]
    return to_csv([*columns, target], rows)


def iris() -> str:
    """Fisher's irises, in centimetres."""
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    return labelled(bundled("iris"), columns, "species")


def wine() -> str:
    """Chemical analyses of wines from three cultivars."""
    bunch = bundled("wine")
    return labelled(bunch, [str(name) for name in bunch.feature_names], "cultivar")


def breast_cancer() -> str:
    """Shapes of cell nuclei in fine needle aspirates of breast masses."""
    bunch = bundled("breast_cancer")
    columns = [str(name).replace(" ", "_") for name in bunch.feature_names]
    return labelled(bunch, columns, "diagnosis")


def digits() -> str:
    """Handwritten digits, 8 x 8 pixels flattened row by row: p23 is row 2, column 3."""
    bunch = bundled("digits")
    header = [*(f"p{row}{column}" for row in range(8) for column in range(8)), "digit"]
    pixels = bunch.data.astype(int)
    rows = [
        [*(str(value) for value in image), str(digit)]
        for image, digit in zip(pixels, bunch.target, strict=True)
    ]
    return to_csv(header, rows)


MAKERS: dict[str, Callable[[], str]] = {
    f"{maker.__name__}.csv": maker
    for maker in (
        line,
        two_outputs,
        curve,
        logistic,
        xor,
        spirals,
        iris,
        wine,
        breast_cancer,
        digits,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with `--check` name on stderr those that differ; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the CSV files beside this script.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args(arguments).check
    differ = 0
    for name, maker in MAKERS.items():
        content, path = maker().encode("ascii"), FOLDER / name
        if not check:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            print(f"{name}: differs from what make_data.py makes", file=sys.stderr)
            differ += 1
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
