"""The tables on stdout: evaluate, gradcheck, inspect."""

import io
import math
import re

import numpy as np
import pytest
from rich.cells import cell_len

from nnfit.report import print_inspection, print_metrics
from nnfit.report.gradcheck import print_gradcheck


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(print_table, values, stream=None):
    stream = stream or io.StringIO()
    print_table(values, stream)
    return stream.getvalue()


def without_styles(text):
    return "\n".join(re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in text.split("\n"))


def make_evaluation():
    return {
        "rows": 150,
        "metrics": {
            "accuracy": 0.966667,
            "log_loss": 0.1034,
            "confusion_matrix": [[50, 0, 0], [0, 47, 3], [0, 2, 48]],
        },
        "classes": ["setosa", "versicolor", "virginica"],
    }


def test_metrics_of_a_classification():
    assert printed(print_metrics, make_evaluation()) == (
        "metric     value\n"
        "rows         150\n"
        "accuracy  0.9667\n"
        "log_loss  0.1034\n"
        "\n"
        "confusion matrix\n"
        "true \\ predicted  setosa  versicolor  virginica\n"
        "setosa                50           0          0\n"
        "versicolor             0          47          3\n"
        "virginica              0           2         48\n"
    )


def make_full_evaluation(K=3):
    """Return what `evaluate` gives, of classes of which the last ones are larger."""
    labels = [f"class {i}" for i in range(K)]
    of_class = {"precision": None, "recall": 0.5, "f1": 0.25}
    return {
        "rows": 150,
        "metrics": {
            "accuracy": 0.966667,
            "ece": None,
            "per_class": {label: {**of_class, "support": i} for i, label in enumerate(labels)},
            "baseline": {"accuracy": 1 / 3, "ece": None},
            "baseline_of": "train",
        },
        "classes": labels,
    }


def test_the_baseline_stands_beside_and_each_class_below():
    assert printed(print_metrics, make_full_evaluation()) == (
        "metric     value  baseline\n"
        "rows         150\n"
        "accuracy  0.9667    0.3333\n"
        "ece            –         –\n"
        "\n"
        "by class\n"
        "class    precision  recall      f1  support\n"
        "class 0          –  0.5000  0.2500        0\n"
        "class 1          –  0.5000  0.2500        1\n"
        "class 2          –  0.5000  0.2500        2\n"
    )


def test_of_many_classes_the_largest_are_shown_and_a_narrow_screen_has_three_figures(monkeypatch):
    lines = printed(print_metrics, make_full_evaluation(1000)).splitlines()
    assert lines[5] == "largest 20 of 1,000 classes (--json has them all)"
    assert [line.split()[1] for line in lines[7:]] == [str(i) for i in range(999, 979, -1)]
    monkeypatch.setenv("COLUMNS", "40")
    assert printed(print_metrics, make_full_evaluation()).splitlines()[-1] == (
        "class 2          –  0.5000  0.2500"
    )


def test_what_was_asked_for_stands_alone():
    evaluation = make_full_evaluation()
    accuracy = {"accuracy": 0.5, "baseline": {"accuracy": 0.25}, "baseline_of": "train"}
    assert printed(print_metrics, {"metrics": accuracy}) == (
        "metric     value  baseline\naccuracy  0.5000    0.2500\n"
    )
    per_class = {"per_class": evaluation["metrics"]["per_class"]}
    assert printed(print_metrics, {"metrics": per_class}).startswith("by class\nclass ")


def test_metrics_on_a_terminal_have_frames_and_color():
    text = printed(print_metrics, make_evaluation(), Terminal())
    assert re.findall(r"\x1b\[31m +(\d+)", text) == ["3", "2"]  # the confusions are red
    assert without_styles(text).split("\n")[:6] == [
        "╭──────────┬────────╮",
        "│ metric   │  value │",
        "├──────────┼────────┤",
        "│ rows     │    150 │",
        "│ accuracy │ 0.9667 │",
        "│ log_loss │ 0.1034 │",
    ]


def test_metrics_of_several_targets():
    evaluation = {
        "rows": 20,
        "metrics": {
            "rmse": 51234.5,
            "per_target": {
                "price [€]": {"rmse": 51234.5, "r2": np.float64(0.5)},
                "[red]area[/]\x1b[2J": {"rmse": 12.3, "r2": -0.25},
            },
        },
    }
    assert printed(print_metrics, evaluation) == (
        "metric    value\n"
        "rows         20\n"
        "rmse    51234.5\n"
        "\n"
        "by target\n"
        "target                  rmse       r2\n"
        "price [€]            51234.5   0.5000\n"
        "[red]area[/]\\x1b[2J  12.3000  -0.2500\n"
    )


def test_a_matrix_too_wide_becomes_a_list_of_confusions():
    matrix = np.eye(30, dtype=int) * 10
    matrix[3, 4], matrix[20, 1] = 2, 7
    evaluation = {
        "rows": 309,
        "metrics": {"accuracy": 0.97, "confusion_matrix": matrix.tolist()},
        "classes": [f"class_{i}" for i in range(30)],
    }
    assert printed(print_metrics, evaluation) == (
        "metric     value\n"
        "rows         309\n"
        "accuracy  0.9700\n"
        "\n"
        "most confused of 30 classes (--json has the whole matrix)\n"
        "true      predicted  rows\n"
        "class_20  class_1       7\n"
        "class_3   class_4       2\n"
    )


def test_labels_that_differ_only_at_the_end_are_not_cut_alike():
    evaluation = {
        "rows": 3,
        "metrics": {"confusion_matrix": [[1, 1], [0, 1]]},
        "classes": ["a long label, first", "a long label, second"],
    }
    assert "a long label, first  a long label, second     1\n" in printed(print_metrics, evaluation)


def make_check(case="relu + mse", parameter="W1", shape=(64, 4), error=3.2e-13, passed=True):
    return {
        "case": case,
        "parameter": parameter,
        "shape": list(shape),
        "relative_error": error,
        "analytic": -0.01234,
        "numeric": 0.01318,
        "index": [0] * len(shape),
        "passed": passed,
    }


def make_result(checks):
    return {
        "passed": all(check["passed"] for check in checks),
        "max_relative_error": max(check["relative_error"] for check in checks),
        "method": "complex",
        "tolerance": 1e-6,
        "checks": checks,
    }


BY_SLOPE = "by slope: W, b and x; by value: nothing, which a bare nnfit gradcheck does\n"


def test_gradcheck_has_a_row_per_parameter():
    checks = [make_check(), make_check(parameter="b1", shape=(64,), error=0.0)]
    assert printed(print_gradcheck, make_result(checks)) == (
        "case        parameter   shape  relative error  verdict\n"
        "relu + mse  W1         64 × 4         3.2e-13  ok\n"
        "relu + mse  b1             64         0.0e+00  ok\n"
        "\n"
        "passed: 2 gradients in 1 case\n"
        "largest relative error 3.2e-13, tolerance 1e-06 (complex)\n" + BY_SLOPE
    )


def test_gradcheck_shows_both_derivatives_of_a_failure():
    checks = [make_check(), make_check(parameter="b1", shape=(64,), error=0.064, passed=False)]
    assert printed(print_gradcheck, make_result(checks)) == (
        "case        parameter   shape  relative error  verdict\n"
        "relu + mse  W1         64 × 4         3.2e-13  ok\n"
        "relu + mse  b1             64         6.4e-02  FAILED\n"
        "\n"
        "failed: relu + mse, b1[0]\n"
        "  analytic -1.234000e-02, numeric 1.318000e-02, relative error 6.4e-02 > 1e-06\n"
        "\n"
        "failed: 1 of 2 gradients in 1 case\n"
        "largest relative error 6.4e-02, tolerance 1e-06 (complex)\n" + BY_SLOPE
    )


def test_gradcheck_of_many_cases_opens_only_those_that_fail():
    checks = [
        make_check(f"case {i}", parameter, shape, error=i * 1e-15)
        for i in range(300)
        for parameter, shape in (("W1", (5, 4)), ("b1", (5,)))
    ]
    checks[14] = make_check("case 7", "W1", (5, 4), error=math.nan, passed=False)
    lines = printed(print_gradcheck, make_result(checks)).splitlines()
    assert lines[7:11] == [
        "case 6    2 in all                 6.0e-15  ok",
        "case 7    W1         5 × 4             nan  FAILED",
        "case 7    b1             5         7.0e-15  ok",
        "case 8    2 in all                 8.0e-15  ok",
    ]
    assert len(lines) == 1 + 301 + 3 + 4
    assert lines[-3] == "failed: 1 of 600 gradients in 300 cases"


def test_gradcheck_by_two_methods():
    checks = [
        make_check() | {"method": "complex"},
        make_check(error=0.064, passed=False) | {"method": "central"},
    ]
    result = make_result(checks) | {
        "method": "both",
        "tolerance": {"complex": 1e-9, "central": 1e-6},
    }
    assert printed(print_gradcheck, result) == (
        "case        method   parameter   shape  relative error  verdict\n"
        "relu + mse  complex  W1         64 × 4         3.2e-13  ok\n"
        "relu + mse  central  W1         64 × 4         6.4e-02  FAILED\n"
        "\n"
        "failed: relu + mse, W1[0, 0]\n"
        "  analytic -1.234000e-02, numeric 1.318000e-02, relative error 6.4e-02 > 1e-06\n"
        "\n"
        "failed: 1 of 2 gradients in 1 case\n"
        "largest relative error 6.4e-02, tolerance 1e-09 (complex), 1e-06 (central)\n" + BY_SLOPE
    )


def test_gradcheck_where_all_fails_opens_ten_cases_and_shows_ten_failures():
    checks = [
        make_check(f"case {i}", parameter, error=error, passed=False)
        for i in range(30)
        for parameter, error in (("W1", 0.5), ("b1", math.nan))
    ]
    lines = printed(print_gradcheck, make_result(checks)).splitlines()
    assert lines[19:22] == [
        "case 9   W1         64 × 4         5.0e-01  FAILED",
        "case 9   b1         64 × 4             nan  FAILED",
        "case 10  2 of 2                        nan  FAILED",
    ]
    assert sum("analytic" in line for line in lines) == 10
    assert lines[-5:-2] == ["and 50 more failed", "", "failed: 60 of 60 gradients in 30 cases"]


def test_gradcheck_names_what_could_not_be_compared():
    nothing = {"passed": False, "nothing_to_compare": True}
    checks = [make_check(error=0.0) | nothing, make_check(parameter="b1", shape=(64,))]
    assert printed(print_gradcheck, make_result(checks) | {"passed": True}) == (
        "case        parameter   shape  relative error  verdict\n"
        "relu + mse  W1         64 × 4         0.0e+00  nothing to compare\n"
        "relu + mse  b1             64         3.2e-13  ok\n"
        "\n"
        "passed: 1 of 2 gradients in 1 case, 1 with nothing to compare\n"
        "largest relative error 3.2e-13, tolerance 1e-06 (complex)\n" + BY_SLOPE
    )
    unreached = {"unreached": [{"case": "relu + mse", "method": "complex", "layer": 1}]}
    lines = printed(print_gradcheck, make_result(checks[:1]) | unreached).splitlines()
    assert lines[2:] == [
        "",
        "nothing to compare: relu + mse, layer 1",
        "  every gradient is 0 on these rows, so no mistake could show: units there or",
        "  above are saturated, dead or 0. Name other rows with --data, or start from",
        "  other weights: seed, model.initialization",
        "",
        "failed: 0 of 1 gradient in 1 case, 1 with nothing to compare",
        "largest relative error 0.0e+00, tolerance 1e-06 (complex)",
        BY_SLOPE.rstrip(),
    ]


@pytest.mark.parametrize("error", [0.0, 0.5])
def test_gradcheck_tells_values_from_slopes(error):
    value = make_check(parameter="y_hat", error=error, passed=not error) | {"method": "value"}
    lines = printed(print_gradcheck, make_result([make_check(), value])).splitlines()
    assert lines[-2:] == [
        "by slope: W, b, s and x of each network; f'(z), l'(e) at chosen points",
        "by value, against definitions: y_hat and loss; f(z), l(e) at chosen points",
    ]
    if error:  # its own tolerance, not that of the slopes
        assert (
            "  analytic -1.234000e-02, numeric 1.318000e-02, relative error 5.0e-01 > 1e-09"
            in lines
        )
    verdict = "failed: 1 of" if error else "passed:"
    assert f"{verdict} 1 gradient and 1 value in 1 case" in lines


@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_gradcheck_cuts_long_cases_but_no_figure(stream_type):
    result = make_result([make_check("a [b]case[/] " * 20)])
    text = without_styles(printed(print_gradcheck, result, stream_type()))
    assert max(map(cell_len, text.split("\n"))) <= 80
    assert "a [b]case[/] a [b]case" in text
    assert "…" in text
    assert re.search(r"W1 [ │]+64 × 4 [ │]+3.2e-13 [ │]+ok", text)


def make_info():
    return {
        "model": "iris.npz",
        "nnfit_version": "0.1.0",
        "format_version": 1,
        "task": "classification",
        "targets": ["species"],
        "classes": ["setosa", "versicolor", "virginica"],
        "layers": [
            {
                "layer": 1,
                "inputs": 4,
                "outputs": 640,
                "activation": "relu",
                "parameters": 3200,
                "weight_mean": 0.1234,
                "weight_std": 0.25,
            },
            {
                "layer": 2,
                "inputs": 640,
                "outputs": 3,
                "activation": "softmax",
                "parameters": 1923,
                "weight_mean": 0.05,
                "weight_std": 0.0625,
            },
        ],
        "n_parameters": 5123,
        "loss": "cross_entropy",
        "columns": [
            {"name": "sepal_length", "kind": "numeric", "detail": "mean 5.84, std 0.83"},
            {"name": "c" * 100, "kind": "categorical", "detail": "one-hot: " + "red, " * 30},
        ],
        "inputs": 4,
        "metrics": {"train": {"accuracy": 0.99}, "validation": {"accuracy": 0.96}, "test": None},
        "training": {"epochs": 1000, "best_epoch": 43, "rows": {"train": 1200, "test": 30}},
    }


def test_inspection():
    assert printed(print_inspection, make_info()) == (
        "model           iris.npz\n"
        "nnfit_version   0.1.0\n"
        "format_version  1\n"
        "task            classification\n"
        "loss            cross_entropy\n"
        "inputs          4\n"
        "n_parameters    5,123\n"
        "targets         1: species\n"
        "classes         3: setosa, versicolor, virginica\n"
        "\n"
        "layers\n"
        "layer  shape of W  activation  parameters  mean W   std W\n"
        "    1     640 × 4  relu             3,200  0.1234  0.2500\n"
        "    2     3 × 640  softmax          1,923  0.0500  0.0625\n"
        "\n"
        "columns\n"
        "name                      kind         how encoded\n"
        "sepal_length              numeric      mean 5.84, std 0.83\n"
        "ccccccccccccccccccccccc…  categorical  one-hot: red, red, red, red, red, red, r…\n"
        "\n"
        "metrics\n"
        "           train  validation\n"
        "accuracy  0.9900      0.9600\n"
        "\n"
        "training\n"
        "epochs      1,000\n"
        "best_epoch  43\n"
        "rows        1,200 train, 30 test\n"
    )


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_tables_fit_the_width(monkeypatch, columns, stream_type):
    monkeypatch.setenv("COLUMNS", str(columns))
    checks = [make_check(error=1.0, passed=False)]
    for print_table, values in (
        (print_metrics, make_evaluation()),
        (print_inspection, make_info()),
        (print_gradcheck, make_result(checks)),
    ):
        text = without_styles(printed(print_table, values, stream_type()))
        assert max(map(cell_len, text.split("\n"))) <= columns


def test_plain_tables_hold_no_escape_codes():
    hostile = "\x1b[31m[red]x[/]\r\n:smile:"
    info = make_info()
    info["columns"] = [{"name": hostile, "kind": "numeric", "detail": hostile}]
    info["targets"] = info["classes"] = [hostile]
    info["training"] = {hostile: hostile}
    evaluation = make_evaluation() | {"classes": [hostile, "b", "c"]}
    text = printed(print_inspection, info) + printed(print_metrics, evaluation)
    assert "\x1b" not in text and "\r" not in text
    assert text.count(r"\x1b[31m[red]x[/]\r\n:smile:") >= 3


def test_tables_in_a_narrow_encoding():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    print_gradcheck(make_result([make_check("größe, 价格")]), stream)
    assert "größe, \\u4ef7\\u683c  W1         64 x 4" in raw.getvalue().decode("latin-1")


def test_a_closed_pipe_is_the_callers_to_handle():
    class ClosedPipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        print_metrics(make_evaluation(), ClosedPipe())
