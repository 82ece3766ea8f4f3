"""Figures as text: numbers, times, cleaned names, sparklines."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nnfit.report.figures import (
    clean,
    clock,
    count,
    cut,
    duration,
    listed,
    number,
    read_so_far,
    sparklines,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96666, "0.9667"),
        (-0.1, "-0.1000"),
        (123.456, "123.46"),
        (523412.21, "523412.2"),
        (1.23456e-7, "1.235e-07"),
        (-9.87654e12, "-9.877e+12"),
        (0.0, "0"),
        (150, "150"),
        (np.int64(150), "150"),
        (np.float32(0.25), "0.2500"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (None, "–"),
        (True, "True"),
        ("adam", "adam"),
    ],
)
def test_number_shows_about_four_figures(value, text):
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_number_is_short_and_close(value):
    text = number(value)
    assert len(text) <= 11
    # Four decimals, or four figures where those say more.
    assert math.isclose(float(text), value, rel_tol=5.1e-4, abs_tol=5.1e-5)


def test_times():
    assert [clock(0.9), clock(65), clock(3600 + 62)] == ["0:00", "1:05", "1:01:02"]
    assert [duration(3.21), duration(59.9), duration(245)] == ["3.21 s", "59.9 s", "4:05"]


def test_read_so_far():
    assert read_so_far(12_500_000, 50_000_000) == "12.5 of 50.0 MB, 25 %"
    assert read_so_far(12_500_000, None) == "12.5 MB"
    # A compressed file's size is known only roughly: never more than all of it.
    assert read_so_far(60_000_000, 50_000_000) == "50.0 of 50.0 MB, 100 %"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [bold]text[/] :smile:", "plain [bold]text[/] :smile:"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("a\u2028b", r"a\u2028b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("name\udcff.csv", r"name\udcff.csv"),
        ("Größe 价格 👩‍🔬", "Größe 价格 👩‍🔬"),
    ],
)
def test_clean_spells_out_what_could_move_the_cursor(text, shown):
    assert clean(text) == shown


def test_cut_counts_cells_not_characters():
    assert cut("sepal_length", 12) == "sepal_length"
    assert cut("sepal_length", 8) == "sepal_l…"
    assert cut("日本語の列名", 8) == "日本語 …"


@given(st.text(max_size=40), st.integers(2, 30))
def test_cut_fits(text, width):
    assert cell_len(cut(text, width)) <= width


def test_names_and_counts():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefgh")) == "a, b, c, d, e, f, and 2 more"
    assert [count(1, "row"), count(2000, "row"), count(3, "class")] == [
        "1 row",
        "2,000 rows",
        "3 classes",
    ]


def test_sparkline_of_a_straight_line_uses_every_block():
    assert sparklines([range(8)], 40) == ["▁▂▃▄▅▆▇█"]


def test_sparklines_share_one_scale():
    assert sparklines([[0, 7], [7, 14]], 40) == ["▁▅", "▅█"]


def test_sparkline_is_logarithmic_over_a_wide_range():
    # Equal ratios are equal steps; on a linear scale all but the first would be at the bottom.
    assert sparklines([[1000, 100, 10, 1]], 40) == ["█▆▃▁"]
    assert sparklines([[1000, 100, 10, 0]], 40) == ["█▁▁▁"]


def test_sparkline_averages_long_series_and_leaves_gaps():
    assert sparklines([np.repeat([0.0, 7.0], 500)], 4) == ["▁▁██"]
    assert sparklines([[0, math.nan, math.inf, 7]], 40) == ["▁  █"]


def test_sparkline_without_anything_to_draw():
    assert sparklines([[], [math.nan]], 40) == ["", ""]
    assert sparklines([[2.0, 2.0, 2.0], []], 40) == ["▁▁▁", ""]
