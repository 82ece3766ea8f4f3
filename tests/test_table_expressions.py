"""The whitelist walk: what expressions mean, and what is refused."""

from __future__ import annotations

import ast
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnfit.errors import ConfigError
from nnfit.table.expressions import FUNCTIONS, column, parse, parse_features

X = np.array([-2.0, 0.5, 3.0])
Y = np.array([4.0, 0.25, 1.0])
HELD = (
    "an expression holds numbers, column names, + - * / ** and sin cos tan exp log sqrt abs tanh "
    "sigmoid relu minimum maximum"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", X),
        ("x**2", X**2),
        ("-x**2", -(X**2)),
        ("2**-x", 2.0**-X),
        ("2**3**2", np.full(3, 512.0)),
        ("x - y - 1", X - Y - 1),
        ("x / y / 2", X / Y / 2),
        (" (x+1)*2e-1 ", (X + 1) * 0.2),
        (".5*x + 1.", 0.5 * X + 1),
        ("sin(3*x)", np.sin(3 * X)),
        ("cos(x) + tan(x)", np.cos(X) + np.tan(X)),
        ("exp(x)", np.exp(X)),
        ("log(y)", np.log(Y)),
        ("sqrt(y)", np.sqrt(Y)),
        ("abs(x)", np.abs(X)),
        ("tanh(x)", np.tanh(X)),
        ("sigmoid(x)", 1 / (1 + np.exp(-X))),
        ("relu(x)", np.array([0.0, 0.5, 3.0])),
        ("minimum(x, y)", np.array([-2.0, 0.25, 1.0])),
        ("maximum(x, 1)", np.array([1.0, 1.0, 3.0])),
        ("7", np.full(3, 7.0)),
    ],
)
def test_values(text: str, expected: np.ndarray) -> None:
    found = parse(text, ["x", "y"]).evaluate({"x": X, "y": Y}, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)


def test_sigmoid_is_safe_and_exact_far_out() -> None:
    found = parse("sigmoid(x)").evaluate({"x": np.array([-1e4, -40.0, 0.0, 1e4])}, 4)
    # e^-40 / (1 + e^-40): a form with tanh would give 0.
    np.testing.assert_allclose(found, [0.0, 4.248354255291589e-18, 0.5, 1.0], rtol=1e-14, atol=0)


def test_outside_a_functions_domain_is_quiet() -> None:
    found = parse("log(x)").evaluate({"x": np.array([0.0, -1.0])}, 2)
    assert found[0] == -np.inf and np.isnan(found[1])


@pytest.mark.parametrize(
    "name", ["petal width", "x-1", "größe", "class", "1st", "a#", "'", "名前", "sin"]
)
def test_any_name_in_backticks(name: str) -> None:
    expression = parse(f"2*`{name}` + 1", [name])
    assert expression.columns == (name,)
    np.testing.assert_array_equal(expression.evaluate({name: X}, 3), 2 * X + 1)


def test_names_are_taken_as_spelt() -> None:
    # Python would read the micro sign as the Greek letter.
    assert parse("\u00b5 + \ufb01 + ___").columns == ("\u00b5", "\ufb01", "___")
    assert parse("größe*2 + `x`", ["größe", "x"]).columns == ("größe", "x")


def test_a_column_may_be_called_like_a_function() -> None:
    found = parse("exp(exp) + `sin`", ["exp", "sin"]).evaluate({"exp": X, "sin": Y}, 3)
    np.testing.assert_allclose(found, np.exp(X) + Y, rtol=1e-15)


def test_columns_in_order_of_appearance_once() -> None:
    assert parse("b*a + b").columns == ("b", "a")
    assert parse("(a)").is_column and column("a b").is_column
    assert not parse("-a").is_column


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the expression is empty"),
        ("x" * 1001, "1001 characters are too many; at most 1000"),
        ("x +", None),
        ("3x", None),
        ("x y", None),
        ("x\n+1", r"'\n' is not allowed at character 2"),
        ("x\x00", r"'\x00' is not allowed at character 2"),
        ("x # hi", "'#' is not allowed at character 3"),
        ("f'x'", '"\'" is not allowed at character 2'),
        ("2*`x", "a backtick is never closed at character 3"),
        ("2*``", "cannot be read as an expression at character 3"),
        ("a`b`", "cannot be read as an expression at character 1"),
        ("x = 1", None),
        ("x; y", None),
        ("(x := 1)", f"'x := 1' at character 2 is not allowed; {HELD}"),
        ("x.real", f"'x.real' at character 1 is not allowed; {HELD}"),
        ("x[0]", f"'x[0]' at character 1 is not allowed; {HELD}"),
        ("x < 1", f"'x < 1' at character 1 is not allowed; {HELD}"),
        ("x and y", f"'x and y' at character 1 is not allowed; {HELD}"),
        ("+x", f"'+x' at character 1 is not allowed; {HELD}"),
        ("not x", f"'not x' at character 1 is not allowed; {HELD}"),
        ("x // 2", f"'x // 2' at character 1 is not allowed; {HELD}"),
        ("x @ y", f"'x @ y' at character 1 is not allowed; {HELD}"),
        ("[x]", f"'[x]' at character 1 is not allowed; {HELD}"),
        ("lambda: x", f"'lambda: x' at character 1 is not allowed; {HELD}"),
        ("x if y else 1", f"'x if y else 1' at character 1 is not allowed; {HELD}"),
        ("1 + [x for x in y]", f"'[x for x in y]' at character 5 is not allowed; {HELD}"),
        ("größe + x.real", f"'x.real' at character 9 is not allowed; {HELD}"),
        ("x^2", "no '^', got 'x^2' at character 1; a power is written **"),
        ("sin(*x)", f"'*x' at character 5 is not allowed; {HELD}"),
        ("sin(x, y)", "sin takes one argument, got 'sin(x, y)' at character 1"),
        ("sin(x=1)", "sin takes one argument, got 'sin(x=1)' at character 1"),
        ("maximum(x)", "maximum takes two arguments, got 'maximum(x)' at character 1"),
        ("sin(x, **y)", "sin takes one argument, got 'sin(x, **y)' at character 1"),
        (
            "sqr(x)",
            f"unknown function 'sqr' at character 1; functions are: {' '.join(FUNCTIONS)}; "
            "did you mean 'sqrt'?",
        ),
        (
            "__import__(x)",
            f"unknown function '__import__' at character 1; functions are: {' '.join(FUNCTIONS)}",
        ),
        (
            "`sin`(x)",
            f"unknown function '`sin`' at character 1; functions are: {' '.join(FUNCTIONS)}; "
            "did you mean 'sin'?",
        ),
        (
            "x.sin(1)",
            f"unknown function 'x.sin' at character 1; functions are: {' '.join(FUNCTIONS)}; "
            "did you mean 'sin'?",
        ),
        ("1 + lenght", "unknown column 'lenght' at character 5; did you mean 'length'?"),
        ("sin", "unknown column 'sin' at character 1; the function is called as sin(...)"),
        (
            "1_000",
            "'1_000' at character 1 is no plain decimal number; "
            "a column of that name goes in backticks",
        ),
        (
            "x + 0x10",
            "'0x10' at character 5 is no plain decimal number; "
            "a column of that name goes in backticks",
        ),
        (
            "1j",
            "'1j' at character 1 is no plain decimal number; "
            "a column of that name goes in backticks",
        ),
        (
            "True",
            "'True' at character 1 is no plain decimal number; "
            "a column of that name goes in backticks",
        ),
        ("1e400", "'1e400' at character 1 is beyond the range of float64"),
        ("9" * 400, f"'{'9' * 37}...' at character 1 is beyond the range of float64"),
        ("-" * 60 + "x", "nested too deeply; at most 50 levels"),
        ("+".join("x" * 60), "nested too deeply; at most 50 levels"),
    ],
)
def test_refused(text: str, reason: str | None) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text, ["x", "y", "length", "größe"])
    if reason is None:  # where Python's own parser gave up differs between its versions
        assert str(caught.value).startswith("cannot be read as an expression")
    else:
        assert str(caught.value) == reason


def test_too_many_nodes() -> None:
    def balanced(depth: int) -> str:
        return "x" if depth == 0 else f"({balanced(depth - 1)}+{balanced(depth - 1)})"

    # 2^9 - 1 = 511 nodes, nested 9 deep; with more parentheses it would be too long instead.
    with pytest.raises(ValueError) as caught:
        parse(balanced(8).replace("(x+x)", "x*x"), ["x"])
    assert str(caught.value) == "too long; at most 500 numbers, names and operations"


@pytest.mark.parametrize("text", ["(" * 400 + "x", "-" * 999 + "x", "~" * 999 + "1", "[" * 500])
def test_nesting_never_exhausts_the_parser(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_towers_of_powers_take_no_time() -> None:
    start = time.perf_counter()
    assert parse("10**10**10**10").evaluate({}, 1).tolist() == [np.inf]
    assert time.perf_counter() - start < 30  # far from what a bomb would take


_LEAVES = st.sampled_from(["x", "`a b`", "2", "0.5", "1e-3"])


@given(
    st.recursive(
        _LEAVES,
        lambda inner: st.one_of(
            st.builds("({}{}{})".format, inner, st.sampled_from("+-*/"), inner),
            st.builds("(-{})".format, inner),
            st.builds("{}({})".format, st.sampled_from(["sin", "abs", "relu", "tanh"]), inner),
            st.builds("maximum({}, {})".format, inner, inner),
        ),
        max_leaves=12,
    )
)
def test_agrees_with_python(text: str) -> None:
    found = parse(text, ["x", "a b"]).evaluate({"x": X, "a b": Y}, 3)
    tree = ast.parse(text.replace("`a b`", "y"), mode="eval")
    names = {
        "x": X,
        "y": Y,
        "sin": np.sin,
        "abs": np.abs,
        "relu": lambda v: np.maximum(v, 0.0),
        "tanh": np.tanh,
        "maximum": np.maximum,
    }
    with np.errstate(all="ignore"):
        try:
            expected = eval(compile(tree, "test", "eval"), {"__builtins__": {}}, names)
        except ZeroDivisionError:  # of two Python numbers
            return
    np.testing.assert_allclose(found, np.broadcast_to(expected, (3,)), rtol=1e-12, atol=0)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_in_one_line(text: str) -> None:
    try:
        expression = parse(text, ["x"])
    except ValueError as err:
        assert str(err) and "\n" not in str(err)
    else:
        assert set(expression.columns) <= {"x"}


def test_features() -> None:
    known = ["a", "b c"]
    assert [e.text for e in parse_features(None, known, "f")] == ["a", "b c"]
    assert [e.text for e in parse_features(["a**2", "*"], known, "f")] == ["a**2", "a", "b c"]
    with pytest.raises(ConfigError) as caught:
        parse_features(["*", "a"], known, "c.yaml:3:1: features")
    assert str(caught.value) == (
        "c.yaml:3:1: features: 'a' is there twice; expected every feature once "
        "('*' stands for every column)"
    )
    with pytest.raises(ConfigError) as caught:
        parse_features(["bb"], ["bbb"], "features")
    assert str(caught.value) == (
        "features: 'bb': unknown column 'bb' at character 1; did you mean 'bbb'?"
    )
