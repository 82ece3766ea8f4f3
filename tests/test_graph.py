"""Computation graphs: values, derivatives, counts and layout, and `nnfit graph` as a user meets it.

What single expressions mean is tested in `test_table_expressions`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfit.cli.graph import graph
from nnfit.cli.options import UsageError
from nnfit.errors import ConfigError, NnfitError
from nnfit.graph.chain_rule import derivations
from nnfit.graph.differentiating import Differentiated, as_json, differentiate
from nnfit.graph.layout import GAP, lay_out
from nnfit.graph.passes import backward, forward, local_derivatives
from nnfit.table.expressions import MAX_LENGTH, Operation, parse
from nnfit.table.functions import FUNCTIONS, OPERATIONS

if TYPE_CHECKING:
    from conftest import Commands

NEURON = ("z = w*x + b", "p = 1/(1+exp(-z))", "L = -(y*log(p) + (1-y)*log(1-p))")
AT_NEURON = {"w": 0.5, "x": 2.0, "b": -0.3, "y": 1.0}
CHAIN = ("y = x**2", "z = y**2")


def call(*lines: str, **at: float) -> list[str]:
    """Return the arguments of `nnfit graph` for lines at a point."""
    return ["graph", *lines, *(part for n, v in at.items() for part in ("--at", f"{n}={v}"))]


def letters(*lines: str, **at: float) -> list[str]:
    """Return each derivation's line in letters."""
    found = differentiate(lines, at)
    return [" = ".join([line.name, *line.letters]) for line in derivations(found)]


# values and derivatives -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("x + 3", lambda x: 1.0),
        ("3 - x", lambda x: -1.0),
        ("3*x", lambda x: 3.0),
        ("x/4", lambda x: 0.25),
        ("4/x", lambda x: -4 / x**2),
        ("x**3", lambda x: 3 * x**2),
        ("x**0", lambda x: 0.0),
        ("x**-2", lambda x: -2 * x**-3),
        ("2**x", lambda x: 2**x * math.log(2)),
        ("x**x", lambda x: x**x * (math.log(x) + 1)),
        ("-x", lambda x: -1.0),
        ("sin(x)", math.cos),
        ("cos(x)", lambda x: -math.sin(x)),
        ("tan(x)", lambda x: 1 + math.tan(x) ** 2),
        ("exp(x)", math.exp),
        ("log(x)", lambda x: 1 / x),
        ("sqrt(x)", lambda x: 0.5 / math.sqrt(x)),
        ("abs(x)", lambda x: 1.0),
        ("abs(-x)", lambda x: 1.0),
        ("tanh(x)", lambda x: 1 - math.tanh(x) ** 2),
        ("sigmoid(x)", lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2),
        ("relu(x)", lambda x: 1.0),
        ("relu(-x)", lambda x: 0.0),
        ("minimum(x, 1)", lambda x: 1.0),
        ("maximum(x, 1)", lambda x: 0.0),
        ("maximum(x, -1)", lambda x: 1.0),
    ],
)
def test_every_operation_has_its_derivative(text: str, slope: Any) -> None:
    x = 0.7
    found = differentiate([text], {"x": x})
    assert found.adjoints[found.wrt["x"]] == pytest.approx(slope(x), rel=1e-14, abs=0)
    assert found.steps["x"] == pytest.approx(slope(x), rel=1e-14, abs=1e-50)
    assert found.values[found.graph.root] == parse(text).evaluate({"x": np.array([x])}, 1)[0]


def test_every_operation_of_the_language_is_tried() -> None:
    tried = " ".join(
        mark.args[1][i][0]
        for mark in test_every_operation_has_its_derivative.pytestmark  # type: ignore[attr-defined]
        for i in range(len(mark.args[1]))
    )
    assert all(f"{name}(" in tried for name in FUNCTIONS)
    assert all(sign in tried for sign in set(OPERATIONS) - set(FUNCTIONS) - {"neg"})


@pytest.mark.parametrize(
    ("text", "at", "slopes"),
    [
        ("x**3", {"x": -2.0}, {"x": 12.0}),
        ("x**101", {"x": -1.5}, {"x": 101 * 1.5**100}),
        ("x**-3", {"x": -2.0}, {"x": -3 / 16}),
        ("x**2", {"x": 0.0}, {"x": 0.0}),
        ("x**1", {"x": 0.0}, {"x": 1.0}),
        ("x**0", {"x": 0.0}, {"x": 0.0}),
        ("x**1.5", {"x": 0.0}, {"x": 0.0}),
        ("x**y", {"x": 0.0, "y": 2.0}, {"x": 0.0, "y": 0.0}),
        ("sin(x)**exp(x)", {"x": 0.0}, {"x": 1.0}),
        ("sigmoid(x)", {"x": 40.0}, {"x": math.exp(-40.0)}),
        ("sigmoid(x)", {"x": -800.0}, {"x": 0.0}),
        ("tanh(x)", {"x": 30.0}, {"x": 4 * math.exp(-60.0)}),
        ("tanh(x)", {"x": 800.0}, {"x": 0.0}),
        ("log(x)", {"x": 1e-200}, {"x": 1e200}),
        ("1/x", {"x": 1e150}, {"x": -1e-300}),
        ("abs(x)", {"x": -1e-300}, {"x": -1.0}),
    ],
)
def test_far_out_and_at_zero(text: str, at: dict[str, float], slopes: dict[str, float]) -> None:
    found = differentiate([text], at)
    for name, slope in slopes.items():
        assert found.adjoints[found.wrt[name]] == pytest.approx(slope, rel=1e-13, abs=0), name
    assert not found.differing


NAMES = ("x", "y", "w")
LEAVES = st.sampled_from([*NAMES, "2", "0.5", "3", "(-1.5)", "-x"])


def _larger(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.sampled_from([f for f in FUNCTIONS if f not in ("minimum", "maximum")] + ["-"])
    two = st.sampled_from(["({} + {})", "({} - {})", "({} * {})", "({} / {})", "({} ** {})",
                           "minimum({}, {})", "maximum({}, {})"])  # fmt: skip
    return st.one_of(
        st.builds("{}({})".format, one, smaller), st.builds(str.format, two, smaller, smaller)
    )


EXPRESSIONS = st.recursive(LEAVES, _larger, max_leaves=12)
POINTS = st.tuples(*[st.floats(-4, 4).map(lambda value: round(value, 3))] * 3)


def differentiated(text: str, point: tuple[float, ...]) -> Differentiated | None:
    """Return the graph, None where it has a pole or a kink, which is told in one line."""
    used = parse(text).columns
    at = {name: v for name, v in zip(NAMES, point, strict=True) if name in used}
    try:
        return differentiate([text], at)
    except ConfigError as err:
        assert re.fullmatch(
            r"graph: .* (is -?(inf|nan)|has no derivative here|is beyond the range)[^\n]*", str(err)
        )
        return None


def check_against(found: Differentiated, slopes: dict[str, float], tolerance: float) -> None:
    """Hold the adjoints to other derivatives, relative to the terms of their sums."""
    terms = [tuple(map(abs, row)) for row in found.slopes]
    with np.errstate(all="ignore"):
        sizes = backward(found.graph.nodes, terms, found.graph.root)
    for name, slope in slopes.items():
        error = abs(found.adjoints[found.wrt[name]] - slope)
        assert error <= tolerance * sizes[found.wrt[name]] + 1e-50, (name, slope)


def at_the_complex_values(found: Differentiated) -> Differentiated:
    """Return the adjoints by each name where its complex step was: a power may round otherwise.

    One unit in the last place of 256 moves sin's slope there by more than is compared.
    """
    nodes, root = found.graph.nodes, found.graph.root
    at = {node.id: v for node, v in zip(nodes, found.values, strict=True) if not node.inputs}
    adjoints = list(found.adjoints)
    for i in found.wrt.values():
        with np.errstate(all="ignore"):
            values = [np.real(v) for v in forward(nodes, at, nudged=i, step=1e-30)]
            adjoints[i] = float(backward(nodes, local_derivatives(nodes, values), root)[i])
    return dataclasses.replace(found, adjoints=adjoints)


def check_a_random_expression(text: str, point: tuple[float, ...]) -> None:
    found = differentiated(text, point)
    if found is None:
        return
    if max(map(abs, found.values)) < 1e4:  # the sine of a huge number hangs on its rounding
        check_against(at_the_complex_values(found), found.steps, 1e-12)
        assert not found.differing
    reverse, by_path = found.products
    assert 0 <= reverse <= by_path
    assert json.loads(json.dumps(as_json(found), allow_nan=False))["products"]["reverse"] == reverse
    assert len(derivations(found)) >= len(found.wrt)


@settings(max_examples=60)
@given(EXPRESSIONS, POINTS)
def test_random_expressions_agree_with_the_complex_step(
    text: str, point: tuple[float, ...]
) -> None:
    check_a_random_expression(text, point)


@pytest.mark.slow
@settings(max_examples=5000)
@given(EXPRESSIONS, POINTS)
def test_many_random_expressions_agree_with_the_complex_step(
    text: str, point: tuple[float, ...]
) -> None:
    check_a_random_expression(text, point)


@pytest.mark.slow
@settings(max_examples=200)
@given(EXPRESSIONS, POINTS)
def test_random_expressions_agree_with_jax(text: str, point: tuple[float, ...]) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    calls = {name: getattr(jax.numpy, name, None) for name in FUNCTIONS}
    calls |= {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu}
    calls |= {name: function for name, function in OPERATIONS.items() if name not in FUNCTIONS}
    calls["**"] = jax.numpy.power

    def value(tree: Any, at: dict[str, Any]) -> Any:
        if isinstance(tree, Operation):
            return calls[tree.name](*(value(argument, at) for argument in tree.arguments))
        return at[tree] if isinstance(tree, str) else float(tree)

    found = differentiated(text, point)
    if found is None or not found.wrt:
        return
    at = {name: found.values[i] for name, i in found.wrt.items()}
    slopes = jax.grad(lambda at: value(parse(text).tree, at) * 1.0)(at)
    # JAX has nan where a power of 0 meets a logarithm
    check_against(found, {n: float(s) for n, s in slopes.items() if math.isfinite(s)}, 1e-11)


# one graph, common terms ----------------------------------------------------------------------


def test_the_json_is_the_contract() -> None:
    found = as_json(differentiate(CHAIN, {"x": 3.0}))
    assert set(found) == {"value", "derivatives", "nodes", "products"}
    assert (found["value"], found["derivatives"]) == (81.0, {"x": 108.0})
    nodes = {node["id"]: node for node in found["nodes"]}
    assert all(
        set(node) == {"id", "operation", "inputs", "value", "adjoint"} for node in found["nodes"]
    )
    assert nodes["x"] == {
        "id": "x", "operation": "input", "inputs": [], "value": 3.0, "adjoint": 108.0
    }  # fmt: skip
    assert (nodes["y"]["operation"], nodes["y"]["inputs"]) == ("**", ["x", "2"])
    assert [nodes[name]["adjoint"] for name in "xyz"] == [108.0, 18.0, 1.0]
    assert found["products"] == {"reverse": 2, "by_path": 2}


@pytest.mark.parametrize("n", [1, 2, 10, 60, 400])
def test_a_chain_of_diamonds_has_2_to_the_n_paths(n: int) -> None:
    lines = ["y1 = x*x", *(f"y{i} = y{i - 1}*y{i - 1}" for i in range(2, n + 1))]
    found = differentiate(lines, {"x": 1.0})
    assert found.products == (2 * n, n * 2**n)
    assert found.adjoints[found.wrt["x"]] == 2.0**n
    assert not found.differing
    assert len(found.graph.nodes) == n + 1


def test_terms_that_occur_twice_are_one_node_across_lines_too() -> None:
    lines = ("a = x*y", "b = sin(y*x) + x*y", "c = x*y", "z = b*c + a + (x + 1) - (1 + x)")
    found = differentiate(lines, {"x": 0.5, "y": 2.0})
    operations = [node.operation for node in found.graph.nodes]
    assert operations.count("*") == 2 and operations.count("sin") == 1
    assert found.graph.names["a"] == found.graph.names["c"]
    product = next(node for node in found.graph.nodes if "a" in node.names)
    assert product.names == ("a", "c")
    assert operations.count("+") == 4  # x + 1 and 1 + x are one


def test_x_minus_y_and_y_minus_x_are_two() -> None:
    found = differentiate(["(x - y) + (y - x) + x/y + y/x"], {"x": 1.0, "y": 2.0})
    operations = [node.operation for node in found.graph.nodes]
    assert operations.count("-") == operations.count("/") == 2


def test_the_last_line_is_differentiated_and_the_others_are_there() -> None:
    found = as_json(differentiate(["y = t**2", "x + 1", "x*w"], {"t": 2.0, "x": 3.0, "w": 5.0}))
    assert (found["value"], found["derivatives"]) == (15.0, {"t": 0.0, "x": 5.0, "w": 3.0})
    assert {"y", "z"} <= {node["id"] for node in found["nodes"]}


def test_with_respect_to_names_of_lines_too() -> None:
    found = differentiate(CHAIN, {"x": 3.0}, ["z", "y"])
    assert as_json(found)["derivatives"] == {"z": 1.0, "y": 18.0}
    assert (found.steps, found.products) == ({"z": 1.0, "y": 18.0}, (1, 1))
    # a kink or a pole elsewhere does not matter
    found = differentiate(["abs(x)*y + y**n"], {"x": 0.0, "y": -2.0, "n": 3.0}, ["y"])
    assert as_json(found)["derivatives"] == {"y": 12.0}
    assert {node["id"]: node["adjoint"] for node in as_json(found)["nodes"]}["n"] is None


def test_names_in_backticks_and_numbers_that_are_names(cli: Commands) -> None:
    arguments = ("--at", "`a b`=3", "--at", "2=5", "--at", "if=1", "--wrt", "`a b`", "--wrt", "if")
    line = "z = 2*`a b` + `2`*`if`"
    found = json.loads(cli("graph", line, *arguments, "--json").out)
    assert (found["value"], found["derivatives"]) == (11.0, {"a b": 2.0, "if": 5.0})
    ids = [node["id"] for node in found["nodes"]]
    assert {"a b", "2", "if", "z"} < set(ids) and len(set(ids)) == len(ids) == 7
    out = cli("graph", line, *arguments).out
    assert "∂z/∂`if` = " in out and "= `2`·`if`" in out


def test_an_intermediate_result_is_no_name_of_the_user() -> None:
    found = differentiate(["z*u1 + f*(z + 1)"], {"z": 1.0, "u1": 2.0, "f": 3.0})
    ids = [node.id for node in found.graph.nodes]
    assert len(set(ids)) == len(ids)
    assert found.graph.root_name == "g"


# the chain rule in letters --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "at", "expected"),
    [
        (["z = x + y"], {"x": 2, "y": 3}, ["∂z/∂x = 1", "∂z/∂y = 1"]),
        (["z = x*y"], {"x": 2, "y": 3}, ["∂z/∂x = y = 3", "∂z/∂y = x = 2"]),
        (["z = x**2"], {"x": 3}, ["∂z/∂x = 2x = 6"]),
        (CHAIN, {"x": 3}, ["∂z/∂x = ∂z/∂y · ∂y/∂x = 2y · 2x = 4x³ = 108"]),
        (["z = 5*x**2*y"], {"x": 1, "y": 4}, [
            "∂z/∂x = ∂z/∂u2 · ∂u2/∂u1 · ∂u1/∂x = y · 5 · 2x = 10xy = 40", "∂z/∂y = u2 = 5x² = 5",
        ]),
        (["z = width**12"], {"width": 1}, ["∂z/∂width = 12·width**11 = 12"]),
        (["z = 1/x"], {"x": 2}, ["∂z/∂x = −1/x² = −x**(−2) = -0.25"]),
        (["z = -2*x"], {"x": 2}, ["∂z/∂x = -2"]),
        (["z = x*x"], {"x": 3}, ["∂z/∂x = x + x = 2x = 6"]),
        (["z = `petal width`**2"], {"petal width": 3}, ["∂z/∂`petal width` = 2·`petal width` = 6"]),
        (["z = sigmoid(x)"], {"x": 0}, ["∂z/∂x = z·(1 − z) = 0.25"]),
        (["z = maximum(x, y)"], {"x": 2, "y": 3}, ["∂z/∂x = [x > y] = 0", "∂z/∂y = [y > x] = 1"]),
    ],
)  # fmt: skip
def test_the_chain_rule_in_letters(
    lines: list[str], at: dict[str, float], expected: list[str]
) -> None:
    assert letters(*lines, **at) == expected


def test_what_is_used_again_is_in_braces() -> None:
    lines = letters("v = sigmoid(a*x)", "p = sigmoid(c*v)", a=1.0, x=2.0, c=3.0)
    assert lines == [
        "∂p/∂u1 = ∂p/∂u2 · ∂u2/∂v · ∂v/∂u1 = p·(1 − p) · c · v·(1 − v)",
        "∂p/∂a = {∂p/∂u1} · ∂u1/∂a = {∂p/∂u1} · x",
        "∂p/∂x = {∂p/∂u1} · ∂u1/∂x = {∂p/∂u1} · a",
        "∂p/∂c = ∂p/∂u2 · ∂u2/∂c = p·(1 − p) · v",
    ]


def test_where_paths_meet_their_terms_are_added() -> None:
    lines = letters("s = x + y", "z = s*sin(s) + x", x=1.0, y=2.0)
    assert lines == [
        "∂z/∂s = ∂z/∂u2 · ∂u2/∂u1 · ∂u1/∂s + ∂z/∂u2 · ∂u2/∂s = 1 · s · cos(s) + 1 · u1",
        "∂z/∂x = {∂z/∂s} · 1 + 1",
        "∂z/∂y = {∂z/∂s} · ∂s/∂y = {∂z/∂s} · 1",
    ]


# text -----------------------------------------------------------------------------------------


def test_the_lecture_in_text(cli: Commands) -> None:
    result = cli(*call(*CHAIN, x=3))
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
node        value  local derivative  ∂z/∂node
z = y²         81                           1
└── y = x²      9  2y = 18                 18
    └── x       3  2x = 6                 108

backward, from ∂z/∂z = 1 down
∂z/∂x = ∂z/∂y · ∂y/∂x = 2y · 2x = 4x³ = 108
      = 18 · 6 = 108   complex step: 108 ✓

products: 2 in one reverse pass, 2 path by path
"""
    )


def test_a_neuron_fits_80_columns_and_each_node_is_written_out_once(cli: Commands) -> None:
    out = cli(*call(*NEURON, **AT_NEURON)).out
    assert max(map(len, out.splitlines())) <= 80 and "\x1b" not in out
    tree = out[: out.index("\n\n")].splitlines()[1:]
    names = [re.sub(r"^[│├└─ ]*", "", line) for line in tree]
    for node in differentiate(NEURON, AT_NEURON).graph.nodes:
        if node.operation != "number":
            written = [n for n in names if re.match(rf"{node.id}( =|,| )(?! ?see)", n)]
            assert len([n for n in written if ", see " not in n]) == 1, node.id
    assert sum("p = 1/u4, used 2 times" in n for n in names) == 1
    assert sum(n.startswith("p, see above") for n in names) == 1
    for line in ("∂L/∂w", "∂L/∂x", "∂L/∂b", "∂L/∂y"):
        assert f"\n{line} = " in out
    assert out.count("complex step: ") == out.count(" ✓\n") == 4
    assert out.endswith("\nproducts: 19 in one reverse pass, 68 path by path\n")


@pytest.mark.parametrize("columns", ["20", "40", "80", "300"])
def test_any_width_holds_every_node(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = cli(*call(*NEURON, **AT_NEURON)).out
    for i in range(1, 12):
        assert len(re.findall(rf"(?m)^[│├└─ ]*u{i} = ", out)) == 1
    assert ("local derivative" in out) == (int(columns) >= 60)


def test_letters_are_spelt_where_the_stream_cannot_hold_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from nnfit.report.graph import print_graph

    monkeypatch.setenv("COLUMNS", "80")
    stream = io.TextIOWrapper(raw := io.BytesIO(), encoding="ascii")
    print_graph(differentiate((*CHAIN, "z*y - x"), {"x": 3.0}), stream)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "|   `-- y = x^2, used 2 times" in text and "\\" not in text
    assert " * " in text and " ok\n" in text and "df/dx = " in text


def test_counts_beyond_reading_are_rounded(cli: Commands) -> None:
    lines = ["a0 = x*x", *(f"a{i} = a{i - 1}*a{i - 1}" for i in range(1, 60))]
    out = cli(*call(*lines, x=1)).out
    assert out.endswith("\nproducts: 120 in one reverse pass, about 6.9e+19 path by path\n")
    reported = json.loads(cli(*call(*lines, x=1), "--json").out)["products"]
    assert reported == {"reverse": 120, "by_path": 60 * 2**60}


def test_what_the_last_line_does_not_use_is_said(cli: Commands) -> None:
    out = cli(*call("y = t**2", "z = x + 1", t=1, x=2)).out
    assert "\n∂z/∂t = 0   complex step: 0 ✓\n" in out
    assert out.endswith("\nnot used by z: t, y\n")
    assert "backward" not in cli("graph", "2*3").out


# pictures -------------------------------------------------------------------------------------


def test_the_layout_has_layers_room_and_no_needless_crossing() -> None:
    made = differentiate(NEURON, AT_NEURON).graph
    places, edges = lay_out(made)
    assert places[made.root][0] == max(layer for layer, _ in places.values()) == 11
    for (user, place), points in edges.items():
        i = made.nodes[user].inputs[place]
        assert (points[0], points[-1]) == (places[i], places[user])
        layers = [layer for layer, _ in points]
        assert layers == list(range(places[i][0], places[user][0] + 1))
    for layer in range(12):
        heights = sorted(height for k, height in places.values() if k == layer)
        assert all(b - a >= GAP - 1e-9 for a, b in zip(heights, heights[1:], strict=False))
    lines = [(a, b) for points in edges.values() for a, b in zip(points, points[1:], strict=False)]
    assert not any(
        a[0] == c[0] and (a[1] - c[1]) * (b[1] - d[1]) < 0 for a, b in lines for c, d in lines
    )


def test_a_picture_is_drawn_and_its_path_printed(cli: Commands, folder: Path) -> None:
    result = cli(*call(*CHAIN, x=3), "-o", "chain.svg")
    assert (result.code, result.out, result.err) == (0, "chain.svg\n", "")
    contents = (folder / "chain.svg").read_text(encoding="utf-8")
    assert contents.startswith("<?xml")
    for text in ("x", "y = x²", "z = y²", "3", "9", "81", "108", "2y = 18", "2x = 6"):
        assert f"<!-- {text} -->" in contents, text
    result = cli(*call(*CHAIN, x=3), "-o", "chain.svg", "--json")
    assert json.loads(result.out)["value"] == 81.0
    assert (folder / "chain.svg").read_text(encoding="utf-8") == contents


def test_a_picture_that_nobody_could_read_is_refused(cli: Commands, folder: Path) -> None:
    lines = ["a0 = x*x", *(f"a{i} = a{i - 1}*x" for i in range(1, 60))]
    result = cli(*call(*lines, x=1), "-o", "a.svg")
    assert (result.code, result.err) == (
        2, "nnfit: error: graph: 61 nodes are too many for a picture; expected at most 60. "
        "Leave out -o to have them as text\n",
    )  # fmt: skip
    assert not (folder / "a.svg").exists()


def test_without_matplotlib_the_extra_is_named_and_text_still_comes(
    cli: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli(*call("x", x=1)).code == 0
    result = cli(*call("x", x=1), "-o", "a.svg")
    assert (result.code, result.out, result.err) == (
        2, "", "nnfit: error: graph: pictures need matplotlib, which is not installed. "
        "Run: pip install matplotlib\n",
    )  # fmt: skip
    assert not (folder / "a.svg").exists()


# what is refused ------------------------------------------------------------------------------

FINITE = "expected a finite number. Change --at"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("'z = x*y' --at x=2",
         "graph: 'y' has no value; expected a number for each name. Add --at y=NUMBER"),
        ("'2*`petal width` + x'", "graph: 'petal width', 'x' have no values; expected a number for "
         "each name. Add --at 'petal width=NUMBER' --at x=NUMBER"),
        ("'first = x' 'z = frist' --at x=1", "graph: 'frist' has no value; expected a number for "
         "each name. Add --at frist=NUMBER; did you mean 'first'?"),
        ("'exp + 1'", "graph: 'exp' has no value; expected a number for each name. Add "
         "--at exp=NUMBER; the function is called as exp(...)"),
        ("'z = sinn(x)' --at x=1", "graph: 'sinn(x)': unknown function 'sinn' at character 1; "
         f"functions are: {' '.join(FUNCTIONS)}; did you mean 'sin'?"),
        ("'z = x^2' --at x=1",
         "graph: 'x^2': no '^', got 'x^2' at character 1; a power is written **"),
        ("'x == y'", "graph: 'x == y': 'x == y' at character 1 is not allowed; an expression holds "
         f"numbers, names, + - * / ** and {' '.join(FUNCTIONS)}"),
        ("'z ='", "graph: '': the expression is empty"),
        ("''", "graph: '': the expression is empty"),
        ("'2x = 3'", "graph: '2x' is no name; expected NAME = EXPRESSION"),
        ("'x + 1 = 3'", "graph: 'x + 1' is no name; expected NAME = EXPRESSION"),
        ("'= 3'", "graph: '' is no name; expected NAME = EXPRESSION"),
        ("'z = x' 'z = y'", "graph: 'z' is named twice; expected each name once, before its use"),
        ("'z = y' 'y = x'",
         "graph: 'y' is used before its line; expected each name once, before its use"),
        ("'z = z + 1' --at z=1",
         "graph: 'z' is defined by itself; expected other names on the right"),
        (r"'z = `a\tb`'", r"graph: 'a\tb' is no name: it holds a control character"),
        (r"'`a\x1b[31m` = 2'", r"graph: 'a\x1b[31m' is no name: it holds a control character"),
        ("x --at x=1 --at X=2", "--at X: no line uses it; names are: x; did you mean 'x'?"),
        ("2 --at x=1", "--at x: no line uses it; there is no name"),
        ("'y = x' 'z = y' --at x=1 --at y=2",
         "--at y: is worked out by its line; leave one of them out"),
        ("x --at x=1 --at x=1", "--at x: is there twice; expected each name once"),
        ("x --at x", "--at x: expected NAME=VALUE, such as x=3"),
        ("x --at =1", "--at =1: expected NAME=VALUE, such as x=3"),
        *((f"x --at x={value}", f"--at x: got '{value}'; expected a finite number")
          for value in ("nan", "inf", "-inf", "1e999", "true", "abc", "", "1_0", "0x1", "1,5")),
        ("x --at x=1 --wrt y", "--wrt y: no such name; names are: x, z"),
        ("1/x --at x=0", f"graph: 1/x is inf at x = 0; {FINITE}"),
        ("x/x --at x=0", f"graph: x/x is nan at x = 0; {FINITE}"),
        ("'log(x - 1)' --at x=1", f"graph: log(u1) is -inf at u1 = x − 1 = 0; {FINITE}"),
        ("'sqrt(x)' --at x=-1", f"graph: sqrt(x) is nan at x = -1; {FINITE}"),
        ("'exp(x)' --at x=1000", f"graph: exp(x) is inf at x = 1000; {FINITE}"),
        ("'x**0.5' --at x=-4", f"graph: x**0.5 is nan at x = -4; {FINITE}"),
        ("'sqrt(x)' --at x=0",
         f"graph: sqrt(x) has no derivative here, got inf at x = 0; {FINITE}"),
        *((f"'{name}(x)' --at x=0",
           f"graph: {name}(x) has no derivative here, got nan at x = 0; {FINITE}")
          for name in ("abs", "relu")),
        ("'maximum(x, 2)' --at x=2",
         f"graph: maximum(x, 2) has no derivative here, got nan at x = 2; {FINITE}"),
        ("'x**n' --at x=-2 --at n=3",
         f"graph: x**n has no derivative here by n, got nan at x = -2, n = 3; {FINITE}"),
        ("'1e300*(x*1e200)' --at x=1e-200",
         "graph: ∂z/∂x is beyond the range of float64. Change --at"),
        ("x --at x=1 -o nowhere/a.svg",
         "nowhere/a.svg: cannot be written: the folder 'nowhere' does not exist"),
        ("x --at x=1 -o a.gif", "a.gif: got the suffix '.gif'; expected .png, .svg or .pdf"),
        ("x --at x=1 -o - --json",
         "--json and -o -: stdout takes one of them; name a file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(command: str, message: str) -> None:
    """Call the command's function, at a tenth of the time that its command line takes."""
    given: dict[str, Any] = {"": [], "--at": [], "--wrt": [], "-o": [None]}
    parts = iter(shlex.split(command.replace(r"\t", "\t").replace(r"\x1b", "\x1b")))
    for part in parts:
        if part[:1] != "-":
            given[""].append(part)
        elif part != "--json":
            given[part].append(next(parts))
    with pytest.raises((NnfitError, UsageError)) as caught:  # type: ignore[arg-type]
        graph(given[""], given["--at"], given["--wrt"], given["-o"][-1], "--json" in command)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["z = x*y", "--at", "x=2"],
         "graph: 'y' has no value; expected a number for each name. Add --at y=NUMBER"),
        (["x", "-o", "a.gif"], "a.gif: got the suffix '.gif'; expected .png, .svg or .pdf; "
         "see 'nnfit graph --help'"),
        ([], "missing argument 'EXPRESSION…'; see 'nnfit graph --help'"),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_with_2(cli: Commands, arguments: list[str], message: str) -> None:
    result = cli("graph", *arguments)
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {message}\n")


def test_limits_are_those_of_expressions() -> None:
    for lines, message in (
        (["x" * (MAX_LENGTH + 1)], "': 1001 characters are too many; at most 1000"),
        (["(-" * 60 + "x" + ")" * 60], "': nested too deeply; at most 50 levels"),
        (
            [f"a{i} = x + {i}" for i in range(250)],
            "graph: too long; at most 500 nodes in all lines",
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            differentiate(lines, {"x": 1.0})
        assert str(caught.value).endswith(message)
