"""The figures: every kind is drawn with the data's own names, and nothing in them overlaps.

The numbers behind them are tested in `test_inside_pictures`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

import nnfit
from nnfit.inside.pictures.kinds import KINDS, Options
from nnfit.inside.pictures.making import make_picture
from nnfit.observer import Observer
from nnfit.report.phi import pretty
from nnfit.report.plots import figure_of, render
from nnfit.report.plots.colors import class_colors
from nnfit.report.plots.labels import SMALLEST, plain
from nnfit.report.plots.style import contents, slide_style
from nnfit.report.plots.surface import on_surface
from nnfit.table.rows import NamedRows

if TYPE_CHECKING:
    from conftest import Example


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with slide_style():
        yield


def numbers(kind: str, name: str, **options: Any) -> Any:
    models = [(f"{name}.npz", nnfit.load(f"{name}.npz"))]
    data = f"{name}.csv" if KINDS[kind].data == "needed" or "shape" in options else None
    return make_picture(kind, models, data, Options(**options), Observer())


def figure(kind: str, name: str, **options: Any) -> Figure:
    """Return the figure, laid out as it is saved."""
    drawn = figure_of(kind, numbers(kind, name, **options))
    drawn.draw_without_rendering()
    return drawn


def texts(figure: Figure) -> list[Text]:
    """Return the texts that are drawn; ticks beyond the ends of an axis are not."""
    found: list[Text] = []
    original = Text.draw

    def draw(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            found.append(self)
        original(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure.draw_without_rendering()
    return list(dict.fromkeys(found))


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


KINDS_DRAWN: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("loss", "tiny", {}, ("epoch", "loss (cross entropy)", "validation", "best: epoch")),
    ("loss", "price", {}, ("loss (mse, target standardised)",)),
    ("boundary", "binary", {}, ("x1", "x2", "passed = True", "φ(x)·w = 0, p = ½")),
    ("boundary", "tiny", {"x": "colour", "y": "x"}, ("blue", "green", "kind by colour and x")),
    ("boundary", "labels", {"plane": "pca"}, ("component 1 (", "Zürich", "label by two principal")),
    ("fit", "price", {"x": "area"}, ("area", "price", "price.npz: φ(x) = [1, area, rooms]")),
    ("fit", "pair", {"x": "u"}, ("north", "south", "north and south by u")),
    ("fit", "binary", {"x": "x2"}, ("probability of passed = True", "data: passed = False")),
    ("fit", "tiny", {"x": "x"}, ("probability (rows below)", "a", "b", "c")),
    ("surface", "binary", {}, ("w₁ of x1", "w₂ of x2", "the model's weights", "linear predictor")),
    ("surface", "pair", {}, ("random direction 1", "training loss (mse)", "network, over 64 rows")),
    ("features", "pair", {}, ("Hidden layer 1: 8 units, relu", "u", "v", "activation a")),
    ("features", "labels", {"x": "amount"}, ("amount", "relu unit", "at city = ")),
    ("weights", "tiny", {}, ("colour=green", "unit 8", "8 units × 4 inputs")),
    ("activation", "tiny", {}, ("relu", "σ = max(0, z)", "its derivative σ′(z)", "kink")),
    ("network", "tiny", {}, ("Network 4–8–3", "colour=red", "kind = b", "relu", "softmax")),
    ("confusion", "labels", {}, ("true label", "predicted label", "Zürich", "100 rows")),
    ("calibration", "binary", {}, ("probability of passed = True", "share that came true")),
    ("calibration", "tiny", {}, ("probability of the predicted class",)),
    ("residuals", "pair", {}, ("predicted north", "Residuals of south", "predicted − true")),
    ("importance", "price", {}, ("area", "rooms", "rmse rises by, when the column is shuffled")),
    ("importance", "tiny", {}, ("accuracy falls by, when the column is shuffled",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "options", "shown"),
    KINDS_DRAWN,
    ids=[f"{kind}-{name}" for kind, name, _, _ in KINDS_DRAWN],
)
def test_every_kind_names_what_it_shows_in_readable_letters_that_do_not_overlap(
    request: pytest.FixtureRequest,
    kind: str,
    name: str,
    options: dict[str, Any],
    shown: tuple[str, ...],
) -> None:
    request.getfixturevalue(name)
    drawn = figure(kind, name, **options)
    seen = texts(drawn)
    found = "\n".join(text.get_text() for text in seen)
    for text in shown:
        assert text in found
    assert min(text.get_fontsize() for text in seen) >= SMALLEST
    page = drawn.bbox.padded(1.0)
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in seen
        if text.axes is None or text.axes.name != "3d"  # turned in space
    ]
    for text, box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1, f"{text!r} leaves the page"
        assert page.y0 <= box.y0 and box.y1 <= page.y1, f"{text!r} leaves the page"
    for i, (text, box) in enumerate(boxes):
        for other_text, other in boxes[:i]:
            meets = box.padded(-1.0).overlaps(other.padded(-1.0))
            assert not meets, f"{text!r} lies on {other_text!r}"


def test_legends_stay_off_what_is_drawn_where_they_are_outside(binary: Example) -> None:
    drawn = figure("boundary", "binary")
    (axes, _) = drawn.axes
    (legend,) = [item for item in drawn.findobj(Legend) if isinstance(item, Legend)]
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


def test_the_line_of_a_boundary_is_where_the_log_odds_are_0(binary: Example) -> None:
    model = nnfit.load("binary.npz")
    drawn = figure("boundary", "binary")
    contour = drawn.axes[0].collections
    levels = [item for item in contour if getattr(item, "levels", None) is not None]
    (line,) = [item for item in levels if list(item.levels) == [0.0]]
    ends = np.concatenate([path.vertices for path in line.get_paths()])
    p = model.predict_proba(pd.DataFrame(ends, columns=["x1", "x2"]))
    np.testing.assert_allclose(p[:, 1], 0.5, atol=2e-4)
    assert len(ends) > 10


def test_the_best_epoch_is_marked_and_wide_losses_get_a_logarithmic_axis(tiny: Example) -> None:
    made = numbers("loss", "tiny")
    axes, (picture,) = figure_of("loss", made).axes[0], made.runs
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    assert star.get_xdata() == [picture.best_epoch]
    wide = max(picture.train.max(), picture.validation.max()) > 20 * min(
        picture.train.min(), picture.validation.min()
    )
    assert axes.get_yscale() == ("log" if wide else "linear")


def test_runs_and_their_steps_are_drawn_in_one_picture(folder: Path) -> None:
    table = pd.DataFrame({"x": np.linspace(0, 1, 30), "y": np.linspace(0, 2, 30) ** 2})
    training = {"epochs": 4, "batch_size": 5, "record_steps": True}
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": []}, "training": training}
    models = [(f"{i}.npz", nnfit.train({**config, "seed": i}, table)) for i in range(2)]
    long = [(f"in/{'m' * 90}.npz", models[0][1]), ("_m.npz", models[1][1])]
    named = words(figure_of("loss", make_picture("loss", long, None, Options(), Observer())))
    assert f"{'m' * 27}…: training" in named and " _m.npz: training" in named
    drawn = figure_of("loss", make_picture("loss", models, None, Options(), Observer()))
    (axes,) = drawn.axes
    assert len(axes.lines) == 8  # steps, training, validation and the best of each
    found = words(drawn)
    for text in ("0.npz: each step", "1.npz: training", "1.npz: validation", "0.npz, best: epoch"):
        assert text in found
    steps = [line for line in axes.lines if str(line.get_label()).endswith("each step")]
    assert [len(np.asarray(line.get_xdata())) for line in steps] == [20, 20]
    thick = min(line.get_linewidth() for line in axes.lines if line not in steps)
    assert max(line.get_linewidth() for line in steps) < thick


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_shows_its_weights_and_its_biases_as_those_of_a_1(
    folder: Path, bias: bool
) -> None:
    table = pd.DataFrame({"u": np.arange(20.0), "v": np.arange(20.0) ** 2})
    table["y"] = table["u"] + 0.5
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": [3], "bias": bias}}
    model = nnfit.train({**config, "training": {"epochs": 2}}, table)
    picture = make_picture("network", [("m.npz", model)], None, Options(), Observer())
    found = words(figure_of("network", picture)).replace("−", "-").splitlines()
    for k, W in enumerate(model.network.parameters.W):
        for (i, j), w in np.ndenumerate(W):
            assert f"w{'₀₁₂₃'[i + 1]}{'₀₁₂₃'[j + 1]} = {w:.2g}" in found
        for i, b in enumerate(model.network.parameters.b[k] if bias else ()):
            assert f"b{'₀₁₂₃'[i + 1]} = {b:.2g}" in found
    assert found.count("1") == (2 if bias else 0)
    assert ("1: its weights are the biases" in found) == bias


def test_a_path_is_drawn_on_both_sides(folder: Path) -> None:
    table = pd.DataFrame({"x": np.linspace(0, 1, 30), "y": np.linspace(0, 2, 30) ** 2})
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": []}}
    training = {"epochs": 5, "keep_path": True}
    model = nnfit.train({**config, "training": training}, table)
    table.to_csv("p.csv", index=False)
    picture = make_picture("surface", [("p.npz", model)], "p.csv", Options(), Observer())
    drawn = figure_of("surface", picture)
    flat, solid = (axes for axes in drawn.axes if axes.name == "3d" or axes.lines)
    assert {"path of training", "start", "the model's weights"} <= {
        str(line.get_label()) for line in flat.lines
    }
    assert len(solid.lines) == 3  # the start and the end are marked there too


def test_two_models_are_drawn_with_their_paths_and_the_line_between(folder: Path) -> None:
    table = pd.DataFrame({"x": np.linspace(0, 1, 30), "y": np.linspace(0, 2, 30) ** 2})
    table.to_csv("p.csv", index=False)
    config = {"data": {"target": "y", "validation": 0}, "model": {"hidden_sizes": [2]},
              "training": {"epochs": 3, "keep_path": True}}  # fmt: skip
    models = [(f"m{i}.npz", nnfit.train({**config, "seed": i}, table)) for i in (1, 2)]
    picture: Any = make_picture("surface", models, "p.csv", Options(), Observer())
    drawn = figure_of("surface", picture)
    flat, solid = (axes for axes in drawn.axes if axes.name == "3d" or axes.lines)
    assert len(flat.lines) == len(solid.lines) == 7  # 2 paths, starts and ends, and the line
    found = words(drawn)
    for text in ("path of m1.npz", "m2.npz", "start", "m1.npz at 0", "at the stars, up to"):
        assert text in found
    assert found.count("start") == 1
    colors = [line.get_color() for line in flat.lines if line.get_marker() == "*"]
    assert len(set(colors)) == 2


def test_the_line_where_a_unit_bends_and_each_units_own_scale(pair: Example) -> None:
    model, picture = nnfit.load("pair.npz"), numbers("features", "pair")
    drawn = figure_of("features", picture)
    found = words(drawn)
    assert "z = 0, where a unit bends" in found
    W, b = model.network.parameters.W[0], model.network.parameters.b[0]
    seen = 0
    for i, axes in enumerate(drawn.axes[:8]):
        (image,) = axes.images
        largest = picture.values[i].max()
        assert np.max(image.get_array()) == pytest.approx(1.0 if largest else 0.0)
        assert f"{i + 1}: " + (f"to {plain(float(f'{largest:.2g}'))}" if largest else "") in found
        for line in (c for c in axes.collections if getattr(c, "levels", None) is not None):
            ends = np.concatenate([path.vertices for path in line.get_paths()])
            X = model.encoder.transform(NamedRows(pd.DataFrame(ends, columns=["u", "v"]), "line"))
            np.testing.assert_allclose(X @ W[i] + b[i], 0.0, atol=1e-4)
            seen += 1
    assert seen


def test_heights_on_a_surface_are_the_grids_at_its_points(binary: Example) -> None:
    picture = numbers("surface", "binary")
    X, Y = np.meshgrid(picture.x, picture.y)
    points = np.column_stack([X.reshape(-1), Y.reshape(-1)])
    found = on_surface(picture, points).reshape(picture.loss.shape)
    np.testing.assert_allclose(found, picture.loss, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:Glyph")  # a machine need not have a font for all of them
def test_names_from_the_data_are_text_whatever_is_in_them(folder: Path) -> None:
    rng = np.random.default_rng(1)
    names = ["$x$", "_y", "a" * 80, "<b>&amp;\x1b[31m", "東京", "50%"]
    table = pd.DataFrame(rng.normal(size=(40, 6)), columns=names)
    table["$\\frac$"] = np.where(table["$x$"] > 0, "_no$", "$ye_s$")
    table.to_csv("odd.csv", index=False)
    config = {"data": {"target": "$\\frac$"}, "model": {"hidden_sizes": [3]},
              "training": {"epochs": 2}}  # fmt: skip
    nnfit.train(config, table).save("odd.npz")
    asked = {"boundary": {"x": "$x$", "y": "_y"}, "features": {"x": "_y", "y": "東京"}}
    for kind in ("boundary", "features", "weights", "network", "confusion", "importance"):
        drawn = figure_of(kind, numbers(kind, "odd", **asked.get(kind, {})))
        text = contents(drawn, "svg").decode()
        assert "\x1b" not in text
        if kind == "weights":
            shown = words(drawn)
            assert "$x$" in shown and "_y" in shown and "\\x1b[31m" in shown
            assert "a" * 27 + "…" in shown and "a" * 28 not in shown
        if kind == "boundary":
            legend = [text.get_text() for text in drawn.legends[0].get_texts()]
            assert legend[:2] == ["$\\frac$ = $ye_s$", "$\\frac$ = _no$"]


def test_images_of_weights_are_named_by_class_and_tell_of_dropped_pixels(folder: Path) -> None:
    table = pd.DataFrame(np.random.default_rng(4).normal(size=(40, 6)), columns=list("abcdef"))
    table["c"] = 0.0  # never changes
    table["y"] = np.where(table["a"] > 0.5, "x", np.where(table["b"] > 0, "z", "w"))
    table.to_csv("image.csv", index=False)
    config = {"data": {"target": "y", "path": "image.csv"}, "model": {"hidden_sizes": []}}
    nnfit.train({**config, "training": {"epochs": 2}}).save("image.npz")
    found = words(figure("weights", "image", shape=(2, 3)))
    assert found.count("y = ") == 3 and "y = z" in found
    assert "3 units, an image of 2×3 each" in found
    assert "1 pixel without a weight: of one value in all training rows" in found
    assert "y = z" in words(figure("weights", "image"))


@pytest.mark.parametrize(("height", "width"), [(2, 3), (12, 30), (1, 1)])
def test_an_image_stands_beside_its_column_of_numbers(
    folder: Path, height: int, width: int
) -> None:
    n = height * width
    names = [f"p{i:02d}{j:02d}" for i in range(height) for j in range(width)]
    table = pd.DataFrame([np.arange(n) + 7.0], columns=names)
    table.loc[0, "p0000"] = np.nan
    table.to_csv("image.csv", index=False)
    picture = make_picture("flatten", [], None, Options(), Observer(), names=("image.csv",))
    drawn = figure_of("flatten", picture)
    shown = words(drawn).splitlines()
    assert f"image.csv, row 1: {height}×{width} → {n}" in shown
    assert "p0000 = gap" in shown and (n == 1 or f"{names[-1]} = {n + 6}" in shown)
    assert ("⋮" in shown) == (n > 15)
    assert ("8" in shown) == (1 < n <= 100)  # in its pixel
    image, column = (axes.images[0].get_array() for axes in drawn.axes[:2])
    np.testing.assert_array_equal(np.reshape(image, -1), np.reshape(column, -1))


def test_a_legend_has_classes_and_files_that_start_with_an_underscore(folder: Path) -> None:
    table = pd.DataFrame({"x": np.arange(30.0), "y": ["_a", "b", "c"] * 10})
    table.to_csv("d.csv", index=False)
    model = nnfit.train({"data": {"target": "y"}, "training": {"epochs": 1}}, table)
    picture = make_picture("fit", [("_m.npz", model)], "d.csv", Options(), Observer())
    shown = [text.get_text() for text in figure_of("fit", picture).legends[0].get_texts()]
    assert shown == [" _a", "b", "c"]


def test_classes_named_after_colours_have_them() -> None:
    blue, red, green = class_colors(["blue", "Red", "green"])
    assert (blue, red, green) == ("#0072B2", "#D55E00", "#009E73")
    assert class_colors(["blue", "other"]) == ["#0072B2", "#E69F00"]
    assert class_colors(["red", "RED"]) == ["#0072B2", "#E69F00"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (20000.0, "20,000"), (5000.0, "5000"), (1e-05, "1e-5"), (0.25, "0.25"),
     (-3.0, "-3"), (2.5e20, "2.5e20")],
)  # fmt: skip
def test_ticks_are_plain_figures(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [("[1, x, x**2]", "[1, x, x²]"), ("x ** 12 * y", "x¹²·y"), ("x**2.5", "x**2.5"),
     ("x**-1", "x**-1"), ("2**x", "2**x"), ("sin(3*x)", "sin(3·x)")],
)  # fmt: skip
def test_expressions_as_on_a_blackboard(expression: str, text: str) -> None:
    assert pretty(expression) == text


def test_the_users_own_settings_change_nothing(binary: Example, folder: Path) -> None:
    """A matplotlibrc with TeX and a dark style would change every picture, or fail."""
    (folder / "odd").mkdir()
    (folder / "odd" / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: black\n")
    command = [sys.executable, "-m", "nnfit", "plot", "boundary", "binary.npz", "-o", "a.svg"]
    env = {**os.environ, "MATPLOTLIBRC": "odd"}
    subprocess.run([*command, "-q"], check=True, env=env, cwd=folder, stdout=subprocess.PIPE)
    assert (folder / "a.svg").read_bytes() == render(
        "boundary", numbers("boundary", "binary"), "svg"
    )
