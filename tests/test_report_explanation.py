"""How one example's way through the network is drawn: arrays cut to fit, trees, products."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from rich.cells import cell_len

import nnfit
from nnfit.errors import NnfitError
from nnfit.inside.explanation import explain
from nnfit.report.arrays import array_lines
from nnfit.report.explanation import print_explanation
from nnfit.report.network_graph import brief
from nnfit.report.plots import figure_of
from nnfit.report.plots.style import slide_style


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def without_styles(text):
    return "\n".join(re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in text.split("\n"))


def explained(hidden, target="y", columns=3, **sections):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(9, columns)), columns=[f"x{i}" for i in range(columns)])
    frame["y"] = frame["x0"] ** 2
    frame["kind"] = np.array(["red", "green", "blue"])[np.arange(9) % 3]
    config = {
        "data": {"target": target, "exclude": [{"y": "kind", "kind": "y"}[target]],
                 "validation": 0},
        "model": {"hidden_sizes": hidden, "activation": "tanh"} | sections.pop("model", {}),
    }  # fmt: skip
    return explain(config | sections, frame, row=2)


def printed(found, stream=None):
    stream = stream or io.StringIO()
    print_explanation(found, stream)
    return stream.getvalue()


# arrays --------------------------------------------------------------------------------------


def test_an_array_that_fits_is_shown_whole():
    assert array_lines([1.0, 0.0, 2.0], 20, 4, 11) == ["[ 1  0  2 ]"]
    assert array_lines([[0.5, 1.0], [-2.25, 0.0]], 40, 4, 11) == [
        "[  0.5000  1.0000 ]".replace("1.0000", " 1.0000"),
        "[ -2.2500        0 ]",
    ]


@pytest.mark.parametrize("width", range(27, 130))
def test_columns_are_cut_to_the_width_and_the_last_stays(width):
    values = [[100.0 * i + j + 0.5 for j in range(30)] for i in range(20)]
    lines = array_lines(values, width, 4, 11)
    assert len({len(line) for line in lines[:4] + lines[5:]}) == 1
    assert max(map(len, lines)) <= width
    assert [line.split()[1] for line in lines[:4]] == ["0.5000", "100.5000", "200.5000", "300.5000"]
    assert lines[4] == "  …"
    shown = lines[5].split()
    assert (shown[1], shown[-3:]) == ("1900.5000", ["…", "1929.5000", "]"])
    n_shown = len(shown) - 3
    assert n_shown == min(12, (width - 5) // 11)  # as many as fit


def test_decimals_suit_the_largest():
    assert array_lines([0.0123, -0.5], 40, 4, 11) == ["[  0.0123  -0.5000 ]"]
    assert array_lines([0.0123, 0.0], 40, 4, 11) == ["[ 0.01230        0 ]"]
    assert array_lines([1e-8, 0.0], 40, 4, 11) == ["[ 1.000e-08          0 ]"]
    assert array_lines([1e9 + 0.5, 1.0], 40, 4, 11) == ["[ 1.000e+09  1.000e+00 ]"]
    assert array_lines([None, 0.25], 40, 4, 11) == ["[      –  0.2500 ]"]


# the graph -----------------------------------------------------------------------------------


def test_each_node_has_its_value_and_its_derivative():
    features = ["x0", "sin(3*x0)", "x1"]
    found = explained([2], columns=2, features=features, preprocessing={"target": "none"})
    text = printed(found)
    nodes = {node["node"]: node for node in found["graph"]}
    for line, name in (
        ("L = mse(ŷ, y)", "L"),
        ("├── ŷ = identity(z[2])", "ŷ"),
        ("│       ├── Wv[2] = W[2] v[1]", "Wv[2]"),
        ("│       │   ├── W[2]", "W[2]"),
        ("v[1] = tanh(z[1])", "v[1]"),
        ("└── z[1] = Wv[1] + b[1]", "z[1]"),
        ("│   └── x_1 = x0", "x_1"),
        ("│   └── φ_2 = sin(u1)", "φ_2"),
        ("│       └── u1 = 3·x0", "φ_2.u1"),
    ):
        (row,) = (row for row in text.split("\n") if row.startswith(f"{line}  "))
        figures = [brief(nodes[name][key]) for key in ("value", "derivative")]
        assert row.removeprefix(line).split("  ")[-1].strip() == figures[1]
        assert f"  {figures[0]} " in row
    assert "\n│       │   └── v[1], below\n" in text
    assert "\n│           └── x_1, above\n" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (0.0, "0"), (2.5, "2.5"), ([0.25], "0.25"), ([1.0, -0.5], "1, -0.5"),
        ([[1.0, 2.0], [3.0, None]], "1 … –"), ([0.123456, 0.0, -0.987654], "0.1235 … -0.9877"),
        ([-0.0123456, 0.0, -0.987654], "-0.0123 … -0.988"), ("red", "red"),
        ([-1.23456e-150, 0.0, -1.23456e-150], "-1.2e-150 … -1.2…"),
    ],
)  # fmt: skip
def test_values_in_brief(value, text):
    assert brief(value) == text


def test_a_long_phi_is_cut():
    text = printed(explained([2], columns=40))
    assert "\n└── … 28 more\n" in text
    long = printed(
        explained([2], columns=9, features=["+".join(f"x{i % 9}*{i}" for i in range(48))])
    )
    graph = long.split("computation graph\n")[1].split("\n\n")[0].split("\n")
    assert len(graph) == 76 and graph[-1].endswith(" more")


def texts_of(found):
    with slide_style():
        figure = figure_of("explanation", found)
    return [text.get_text() for text in figure.findobj(Text)]


def test_the_picture_holds_the_graphs_numbers():
    found = explained([2], columns=2, features=["x0", "sin(3*x0)"], optimizer={"l2": 0.1})
    texts = texts_of(found)
    for node in found["graph"]:
        assert brief(node["value"]) in texts and brief(node["derivative"]) in texts
    assert {"Wv[1] =\nW[1] v[0]", "z[1] =\nWv[1] + b[1]", "u1 =\n3·x0", "W[1]\n2 × 2"} < set(texts)
    assert "σ′(z[2]) =\n1" in texts  # of one unit with its number
    assert {"v[0]ᵀ", "W[1]ᵀ", "σ′(z[1])", "l2 W[1]"} < set(texts)
    assert "Forward and backward: row 2 of data" in texts


def test_a_picture_leaves_phi_closed_where_it_is_too_large():
    texts = texts_of(explained([2], columns=40))
    assert any(text.endswith("φ(x) of 40 inputs is not opened") for text in texts)
    assert not any("x_1" in text for text in texts)
    with pytest.raises(NnfitError, match=r"nodes are too many .* Leave out --graph to have them"):
        texts_of(explained([2] * 20))


def test_names_are_no_formulas_in_a_picture():
    found = explained([2], columns=2)
    found["graph"][0]["formula"] = "$\\frac{x}$" + 60 * "a"
    texts = texts_of(found)
    assert any(text.startswith("x_1 =\n$\\frac{x}$aaa") and text.endswith("…") for text in texts)


def test_why_there_is_no_derivative():
    text = printed(explained([2], preprocessing={"numeric": "quantile"}))
    assert "\n  relative error not finite, the largest of 0 of 3 figures\n" not in text
    assert "\n  –: none here, at a kink; a quantile scale has one at every value seen\n" in text


# the whole -----------------------------------------------------------------------------------


def test_a_small_network_in_full():
    found = explained([2], columns=2, preprocessing={"target": "none"},
                      optimizer={"name": "sgd", "learning_rate": 0.5})  # fmt: skip
    text = printed(found)
    heads = [line for line in text.split("\n") if line and line[0] != " "]
    assert "example  row 2 of data, a training row" in heads
    for line in (
        "W[1]  2 × 2        4",
        "L = mse(ŷ, y)",
        "layer 1 of 2: 2 → 2, tanh",
        "  z[1]   = W[1] v[0] + b[1]",
        "  v[1]   = σ(z[1]), σ(z) = tanh(z)",
        "  z[1]_1 = Σ_j w_1j v[0]_j + b_1",
        "  L = (ŷ − y)²",
        "  delta[2] = ∂L/∂z[2]",
        "  ∂L/∂W[2] = ∂L/∂ŷ · ∂ŷ/∂z[2] · ∂z[2]/∂W[2]",
        "           = delta[2] v[1]ᵀ",
        "           = {∂L/∂v[1]} ⊙ σ′(z[1])",
        "  ∂L/∂W[1] = {∂L/∂ŷ · ∂ŷ/∂z[2] · ∂z[2]/∂v[1]} · ∂v[1]/∂z[1] · ∂z[1]/∂W[1]",
        "  W ← W − α ∂L/∂W,  α = 0.5, ∂L/∂W of this row",
    ):
        assert f"\n{line}" in text, line
    # the figures are those of the values
    y_hat, y = found["prediction"]["y_hat"][0], found["target"]["y"][0]
    assert f"\n  ŷ  1  [ {y_hat:.4f} ]\n  y  1  [ {y:.4f} ]\n" in text.replace("[  ", "[ ")
    assert f"\n    = {found['loss']['loss']:.4f}\n" in text
    update = found["update"]
    assert text.endswith(
        f"\nL before: {update['loss_before']:.6g}, after: {update['loss_after']:.6g}\n"
    )
    W1 = found["backward"][1]["gradients"][0]
    assert f"relative error {W1['relative_error']:.1e}, the largest of 4 figures" in text
    rows = [f"[ {'  '.join(f'{g:7.4f}' for g in row)} ]" for row in W1["values"]]
    assert f"\n  backprop      2 × 2  {rows[0]}\n" in text
    assert f"\n  complex step  2 × 2  {rows[0]}\n" in text


def test_the_entry_that_changes_most_before_and_after():
    found = explained([3], optimizer={"name": "sgd", "learning_rate": 0.1})
    (p,) = (p for p in found["update"]["parameters"] if p["parameter"] == "W2")
    (before,) = (q["values"] for q in found["parameters"] if q["parameter"] == "W2")
    j = int(np.abs(p["gradient"][0]).argmax())
    figures = [f"{array[0][j]:.6g}" for array in (before, p["gradient"], p["after"])]
    (line,) = (line for line in printed(found).split("\n") if line.startswith("W2["))
    assert line.split() == ["W2[0,", f"{j}]", *figures]


@pytest.mark.parametrize("columns", [40, 60, 80, 132, 200])
@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
@pytest.mark.parametrize(
    ("hidden", "target"), [([], "kind"), ([40, 30], "y"), ([3] * 9, "kind")], ids=str
)
def test_everything_fits_the_width(monkeypatch, columns, stream_type, hidden, target):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = explained(hidden, target, columns=20, model={"dropout": 0.2}, optimizer={"l2": 0.1})
    text = without_styles(printed(found, stream_type()))
    assert max(map(cell_len, text.split("\n"))) <= columns


def test_the_middle_of_a_deep_network_is_left_out():
    text = printed(explained([3] * 12))
    assert "\nv[9] … v[1]: 9 more layers\n" in text
    assert "\nv[10] = tanh(z[10]) " in text and "\nv[9] = tanh" not in text
    product = "{∂L/∂ŷ · ∂ŷ/∂z[13] · ∂z[13]/∂v[12] · … · ∂z[3]/∂v[2] · ∂v[2]/∂z[2] · ∂z[2]/∂v[1]}"
    assert product in " ".join(text.split())


def test_the_penalty_and_the_notes():
    found = explained([2], model={"dropout": 0.3}, optimizer={"l2": 0.2})
    text = printed(found)
    assert "\n├── loss = mse(ŷ, y) " in text
    assert "\n└── penalty = (l2/2) Σ_l ‖W[l]‖² " in text
    assert "\n           = delta[1] v[0]ᵀ + l2 W[1]\n" in text
    loss = found["loss"]
    total = f"{loss['loss']:.4f} + {loss['penalty']:.4f} = {loss['total']:.4f}"
    assert f"\n  L       = loss + penalty\n          = {total}\n" in text
    before, after = ([found["update"][f"{of}_{key}"] for of in ("loss", "penalty", "total")]
                     for key in ("before", "after"))  # fmt: skip
    sums = ["{:.6g} + {:.6g} = {:.6g}".format(*figures) for figures in (before, after)]
    assert text.endswith(f"\nL before: {sums[0]}\nL after:  {sums[1]}\n")
    assert "dropout 0.3 is off: every unit takes part" in text


def test_a_class_and_its_probability():
    found = explained([2], "kind")
    text = printed(found)
    value = found["prediction"]["value"]
    p = found["prediction"]["probabilities"][value]
    assert f"\npredicted  {value}, probability {p:.4f}\ntrue       green\n" in text


def test_plain_text_holds_no_escape_codes_and_a_terminal_colours_what_is_reused():
    found = explained([2])
    assert "\x1b" not in printed(found)
    seen = printed(found, Terminal())
    assert "\x1b[36m{∂L/∂ŷ · ∂ŷ/∂z[2] · ∂z[2]/∂v[1]}\x1b[0m" in seen
    assert "╭" in seen  # tables in frames
    assert without_styles(seen).count("{") == printed(found).count("{")


def test_hostile_names_are_spelt_out():
    hostile = "\x1b[31m[red]x[/]\r\n:smile:"
    found = explained([2], "kind")
    found["inputs"]["names"][0] = found["data"] = found["target"]["value"] = hostile
    text = printed(found)
    assert "\x1b" not in text and "\r" not in text
    assert text.count(r"\x1b[31m[red]x[/]\r\n:smile:") == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_narrow_encoding_spells_the_letters(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    print_explanation(explained([2], "kind", optimizer={"l2": 0.1}), stream)
    text = raw.getvalue().decode("ascii")
    assert "\\" not in text
    lines = [" ".join(line.split()) for line in text.split("\n")]
    for line in (
        "y_hat = v[2] = sigma(z[2]), sigma(z) = exp(z_k)/sum_j exp(z_j)",
        "z[2]_1 = sum_j w_1j v[1]_j + b_1",
        "v[1] = sigma(z[1]), sigma(z) = tanh(z)",
        "dL/dW[2] = dL/dy_hat * dy_hat/dz[2] * dz[2]/dW[2]",
        "= {dL/dv[1]} .* sigma'(z[1])",
        "= delta[1] v[0]^T + l2 W[1]",
    ):
        assert line in lines, line


def test_numbers_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [0.5, 1.5, 2.5]})
    model = nnfit.train(
        {"data": {"target": "y", "validation": 0}, "training": {"epochs": 1, "dtype": "float64"}},
        frame,
    )
    model.network.parameters.flat[:] = 1e308
    text = printed(explain(model, frame))
    assert "relative error not finite" in text
    assert "predicted  –" in text
    assert text.endswith("\nL before: –, after: –\n")
