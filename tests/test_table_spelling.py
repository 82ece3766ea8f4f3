"""How numbers are written: one spelling for a column, what has two, and what has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.errors import DataError, NnfitError
from nnfit.observer import Observer
from nnfit.run.proposal import propose
from nnfit.table.cells import read_floats
from nnfit.table.finding import find_spelling
from nnfit.table.odd import refuse_numbers
from nnfit.table.rows import NamedColumn, NamedRows
from nnfit.table.spelling import PLAIN, Spelling, Written, parser

NBSP, NARROW, THIN, MINUS = "\u00a0", "\u202f", "\u2009", "\u2212"
OTHERWISE = "list the column under data.categorical"


def column(cells: list[Any]) -> NamedColumn:
    return NamedRows(pd.DataFrame({"c": pd.Series(cells)}), "d.csv").column("c")


def values(cells: list[Any], written: Written = PLAIN) -> list[float]:
    of = column(cells)
    found, failed = read_floats(of.cells, parser(find_spelling(of, written, OTHERWISE)))
    if len(failed):
        refuse_numbers(of, failed, OTHERWISE, written)
        raise AssertionError("text")
    return found.tolist()


def complaint(cells: list[Any], written: Written = PLAIN) -> str:
    with pytest.raises(DataError) as error:
        values(cells, written)
    return str(error.value)


READ: list[tuple[list[str], list[float]]] = [
    (["1,70", "2,5", "12"], [1.7, 2.5, 12]),
    (["1.234,50", "3,00", "950"], [1234.5, 3, 950]),
    (["1,234.50", "3.00"], [1234.5, 3]),
    (["1,234,567", "1,234"], [1234567, 1234]),
    (["1.234.567", "1.234"], [1234567, 1234]),
    (["1,23,456.50", "12,345", "9,87,65,432"], [123456.5, 12345, 98765432]),  # as in India
    (["0,125", "0,250"], [0.125, 0.25]),  # no thousands begin with 0
    ([f"1{NBSP}234,5", "12"], [1234.5, 12]),
    ([f"1{NARROW}234", f"12{THIN}000", "7 000"], [1234, 12000, 7000]),
    (["1'234.50", "1\u2019000.00"], [1234.5, 1000]),
    (["$21.50", "$3", "-$4", "$-5"], [21.5, 3, -4, -5]),
    (["$ (21.50)", "$ 3.00"], [-21.5, 3]),
    (["€1234", "€5"], [1234, 5]),
    ([" $ 1,234.50 ", " $ (17.00)", " $ -   "], [1234.5, -17, 0]),
    (["12,50 €", "-   €"], [12.5, 0]),
    (["%45", "%50"], [45, 50]),
    ([f"1.234,50{NBSP}€", "3,00 €"], [1234.5, 3]),
    (["12,50 EUR", "EUR 1,5"], [12.5, 1.5]),
    (["4 464,50 kr", "3,00 kr"], [4464.5, 3]),
    (["CHF 1'200.00", "CHF 3.50"], [1200, 3.5]),
    (["£1,234,567.00", "£5.50"], [1234567, 5.5]),
    (["45%", "3.5%", f"12{NBSP}%"], [45, 3.5, 12]),
    ([f"25,5{NARROW}%", "3 %"], [25.5, 3]),
    (["(17)", "5", "(1,234.5)"], [-17, 5, -1234.5]),
    ([f"{MINUS}3", "4"], [-3, 4]),
    ([f"5{NBSP}", "6"], [5, 6]),
    (["1,50E+03", "2,0e2"], [1500, 200]),
    ([",5", "12,"], [0.5, 12]),
]


@pytest.mark.parametrize(("cells", "expected"), READ)
def test_a_spelling_that_all_cells_have(cells: list[str], expected: list[float]) -> None:
    assert values(cells) == expected
    found = values([cells[0], None, *cells])
    assert np.isnan(found[1]) and found[2:] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (Written(thousands=","), [1234, 1000]),
        (Written(decimal=","), [1.234, 1]),
        (Written(thousands=" "), [1.234, 1]),
    ],
)
@pytest.mark.parametrize("dress", ["{}", "${}", "{} €", "{}%", "-{}"])
def test_the_config_says_what_a_comma_is(
    dress: str, written: Written, expected: list[float]
) -> None:
    cells = [dress.format(cell) for cell in ("1,234", "1,000")]
    line = complaint(cells)
    assert line.startswith(f"d.csv, row 1, column 'c': {cells[0]!r} may be 1234 or 1.234")
    assert line.endswith('Set data.thousands: "," for 1234, or data.decimal: "," for 1.234')
    assert np.abs(values(cells, written)).tolist() == expected


def test_a_point_is_decimal_but_in_money() -> None:
    assert values(["(1.234)", "2.500"]) == [-1.234, 2.5]
    assert values(["1.234", "2.500"], Written(decimal=",")) == [1234, 2500]
    assert values(["1.5", "2.500"], Written(decimal=",")) == [1.5, 2.5]  # which has one reading
    assert complaint(["€1.234", "€2.500"]).endswith(
        'Set data.decimal: "," for 1234, or data.thousands: "," for 1.234'
    )
    assert values(["€1.234", "€2.500"], Written(thousands=",")) == [1.234, 2.5]


@pytest.mark.parametrize(
    ("cells", "odd", "other"),
    [
        (["1,5", "2.5", "3,5"], 2, 1),
        (["1.234,5", "2.345,6", "1,234.5"], 3, 1),
        (["$5", "€6", "$7"], 2, 1),
        (["$5", "6", "$7"], 2, 1),
        (["45%", "0.45", "3%"], 2, 1),
        (["(17)", "-5", "(3)", "4"], 2, 1),
        (["5", "6", "$7"], 3, 1),
    ],
)
def test_a_column_is_written_in_one_way(cells: list[str], odd: int, other: int) -> None:
    assert complaint(cells) == (
        f"d.csv, row {odd}, column 'c': {cells[odd - 1]!r} is written otherwise than "
        f"{cells[other - 1]!r} in row {other}; expected one spelling of numbers in a column. Mend "
        f"the cell, or {OTHERWISE}"
    )


def test_a_word_among_numbers() -> None:
    assert complaint(["$5", "$6", "abc"]) == (
        "d.csv, row 3, column 'c': cannot read 'abc' as a number; 2 of 3 cells are numbers. Add "
        f"'abc' to data.missing_values, mend the cell, or {OTHERWISE}"
    )
    assert "and by data.decimal" in complaint(["$1,234.50", "$3"], Written(decimal=","))
    assert complaint(["1,5", "2,75"], Written(thousands=",")) == (
        "d.csv, row 1, column 'c': '1,5' is no number by data.decimal '.' and data.thousands ',', "
        f"as the others of the column. Change these, or {OTHERWISE}"
    )


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("{} kg", "with the unit 'kg'. Strip the unit"),
        ("{}kg", "with the unit 'kg'. Strip the unit"),
        ("1 {}00,50 Ft", "with the unit 'Ft'. Strip the unit"),
        ("{} m²", "with the unit 'm²'. Strip the unit"),
        ("{}°", "with the unit '°'. Strip the unit"),
        ('{}"', "with the unit '\"'. Strip the unit"),
        ("{}.5-", "with the minus behind. Write it in front"),
        ("<{}", "with a comparison"),
        ("≥ {}.5", "with a comparison"),
        ("12:3{}", "of a clock"),
        ("0{}:30:15", "of a clock"),
        ("1.{}D+00", "with a D for the exponent"),
        ("'{}", "with a quote in front"),
        ('="{}"', "with a quote in front"),
        ("${}.2M", "cut short"),
    ],
)
def test_what_is_meant_as_a_number(cell: str, what: str) -> None:
    cells = [cell.format(i) for i in range(1, 6)] + ["none"]
    line = complaint(cells)
    assert line.startswith(
        f"d.csv, row 1, column 'c': cannot read {cells[0]!r} as a number; 5 of 6 cells are "
        f"numbers {what}"
    )
    assert line.endswith(f", or {OTHERWISE}")
    with pytest.raises(AssertionError, match="text"):
        values(cells, Written(auto=False))


@pytest.mark.parametrize(
    "cells",
    [
        ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th"],
        ["1A", "2A", "3A", "4A"],
        ["36 months", "60 months", "36 months"],
        ["<=50K", ">50K", "<=50K"],
        ["<50", ">=50", "<50"],
        ["18-25", "26-35", "36-45"],
        ["10 kg", "3 lb", "5 oz", "6 st"],
        ["2020-01-02", "2020-01-03", "2020-01-04"],
        ["192.168.1.1", "10.0.0.1", "10.0.0.2"],
        ["a", "$5", "b"],
        ["12.05.2020", "13.05.2020", "1.5.2020"],
        ["1.2.3", "1.10.4", "2.0", "2.1.1"],
        ["1,2,3", "1,4,5", "2", "1,2,7"],
        ["x" * 10**5, "1" * 10**5 + "x", "1," * 10**5],
    ],
)
def test_categories_stay_categories(cells: list[str]) -> None:
    with pytest.raises(AssertionError, match="text"):
        values(cells)


def test_plain_numbers_are_left_alone() -> None:
    for cells in (["1", "2.5"], [1, 2], [1.5, "2.5"], ["007", "1e5"]):
        assert find_spelling(column(cells), PLAIN, OTHERWISE) is None
    plain = Written(auto=False)
    assert find_spelling(column(["1,70", "2"]), plain, OTHERWISE) is None
    assert "with a decimal comma" in complaint(["1,70", "2"], plain)
    assert values(["1,70", "2"], replace(plain, decimal=",")) == [1.7, 2]
    empty = column([None, None])
    for kind in (object, "str", float):
        of = NamedRows(pd.DataFrame({"c": empty.cells.astype(kind)}), "d.csv").column("c")
        assert find_spelling(of, Written(decimal=","), OTHERWISE) == Written(decimal=",").spelling
    base = Written(decimal=",").spelling
    assert find_spelling(column([1.5, 2]), Written(decimal=","), OTHERWISE) == base
    assert [base and base.parse(cell) for cell in ("1.234,5", "1.5", "inf", 2)] == [
        1234.5, None, np.inf, 2.0,
    ]  # fmt: skip


def test_shown_as_it_is_written() -> None:
    shown = [Spelling(",", "."), Spelling(currency="$"), Spelling(",", " ", "EUR")]
    assert [s.shown for s in shown] == ["1.234,5", "$12.5", "1 234,5 EUR"]
    assert Spelling(percent=True).shown == "12.5%"


# from a file to predictions

ROWS = [(i % 7 + 0.5, 1000.0 + 37 * (i % 11), i % 5 * 10.5) for i in range(60)]


def number(value: float, decimal: str, thousands: str) -> str:
    return f"{value:,.2f}".translate({ord(","): thousands, ord("."): decimal})


LOCALES = {
    "de": (";", ",", ".", "{} €", "{} %"),
    "fr": (";", ",", NARROW, f"{{}}{NBSP}€", f"{{}}{NBSP}%"),
    "us": (",", ".", ",", "${}", "{}%"),
    "ch": (";", ".", "'", "CHF {}", "{}%"),
}


def put(name: str, locale: str) -> None:
    delimiter, decimal, thousands, money, share = LOCALES[locale]
    lines = [["a", "b", "share", "y"]]
    for a, b, c in ROWS:
        cells = [number(x, decimal, thousands) for x in (a, b, c, 3 * a + b)]
        lines.append([cells[0], cells[1], share.format(cells[2]), money.format(cells[3])])
    quoted = [[f'"{c}"' if delimiter in c else c for c in cells] for cells in lines]
    Path(name).write_text("".join(delimiter.join(cells) + "\n" for cells in quoted))


def plain_frame() -> pd.DataFrame:
    rows = [(a, b, c, 3 * a + b) for a, b, c in ROWS]
    return pd.DataFrame(rows, columns=["a", "b", "share", "y"])


CONFIG: dict[str, Any] = {
    "model": {"hidden_sizes": []},
    "training": {"epochs": 3, "dtype": "float64"},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_an_export_trains_the_model_of_its_plain_numbers(
    locale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put("d.csv", locale)
    data = {"path": "d.csv", "target": "y", "delimiter": "auto"}
    model = nnfit.train({"data": data, **CONFIG})
    same = nnfit.train({"data": {"path": "-", "target": "y"}, **CONFIG}, plain_frame())
    model.save("m.npz")
    loaded = nnfit.load("m.npz")
    _, decimal, *_ = LOCALES[locale]
    for one in (model, loaded):
        np.testing.assert_array_equal(one.network.parameters.flat, same.network.parameters.flat)
        frame = pd.read_csv("d.csv", sep=LOCALES[locale][0], dtype=str)
        np.testing.assert_array_equal(one.predict(frame), same.predict(plain_frame()))
        assert one.evaluate(frame) == same.evaluate(plain_frame())
    details = {code.name: code.detail for code in loaded.encoder.columns}
    assert details["share"].endswith(f"; written like 12{decimal}5%")
    # a held-out CSV of its own, and what init proposes
    held = nnfit.train({"data": {**data, "validation": "d.csv"}, **CONFIG})
    assert held.metrics["validation"] == held.metrics["train"]
    Path("c.yaml").write_text(propose("d.csv", "d.csv", ["y"], ["training.epochs=2"], Observer()))
    proposed = nnfit.train("c.yaml")
    assert proposed.task == "regression" and len(proposed.encoder.columns) == 3


def test_what_init_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def keys(text: str, target: str = "y") -> list[str]:
        Path("d.csv").write_text(text)
        lines = propose("d.csv", "d.csv", [target], [], Observer()).splitlines()
        return [
            line.split("#")[0].split(":", 1)[1].strip().strip('"')
            for line in lines
            if line.strip().startswith(("decimal:", "thousands:"))
        ]

    rows = range(20)
    assert keys("a;y\n" + "".join(f"{i},5;{'uv'[i % 2]}\n" for i in rows)) == [",", "null"]
    assert keys("a;y\n" + "".join(f"1.00{i % 9},5;u{i % 2}\n" for i in rows)) == [",", "."]
    assert keys("a;y\n" + "".join(f"1,00{i % 9};u{i % 2}\n" for i in rows)) == [",", "null"]
    assert keys("a,y\n" + "".join(f'"1,00{i % 9}",u{i % 2}\n' for i in rows)) == [".", ","]
    assert keys("a,y\n" + "".join(f"{i % 9}.5,u{i % 2}\n" for i in rows)) == [".", "null"]
    both = "".join(f"{i}.5;1,00{i % 9}.5;{i},25;u{i % 2}\n" for i in rows)
    assert keys(f"a;b;c;y\n{both}") == [".", "null"]  # each column says for itself


def test_later_tables_are_read_by_the_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put("d.csv", "de")
    model = nnfit.train({"data": {"path": "d.csv", "target": "y", "delimiter": ";"}, **CONFIG})
    frame = pd.DataFrame({"a": [1.5], "b": [1234.0], "share": [45.0]})
    expected = model.predict(frame)
    for a, b, share in [("1,5", "1.234", "45%"), ("1,50", "1234", "45,0 %"), (1.5, 1234, 45)]:
        other = pd.DataFrame({"a": [a], "b": [b], "share": [share]})
        np.testing.assert_array_equal(model.predict(other), expected)
    for name, cell, like in [("a", "1.5", "1.234,5"), ("share", "45", "12,5%")]:
        with pytest.raises(NnfitError) as error:
            model.predict(frame.assign(**{name: [cell]}))
        assert str(error.value) == (
            f"data, row 1, column {name!r}: cannot read {cell!r} as a number such as {like!r}. "
            "Mend the cell, or leave it empty"
        )


def test_categorical_columns_and_plain_ones_are_never_read_again() -> None:
    frame = pd.DataFrame({"fee": ["$1", "$2"] * 10, "x": range(20), "y": ["a", "b"] * 10})
    data: dict[str, Any] = {"path": "-", "target": "y"}

    def kinds(**keys: Any) -> list[str]:
        model = nnfit.train({"data": {**data, **keys}, **CONFIG}, frame)
        return [code.kind for code in model.encoder.columns]

    assert kinds() == ["numeric", "numeric"]
    assert kinds(categorical=["fee"]) == kinds(numbers="plain") == ["categorical", "numeric"]


def test_weights_and_integer_targets_in_their_spelling() -> None:
    frame = pd.DataFrame({"x": range(20), "w": ["1,5", "2,5"] * 10, "y": ["$5", "$10"] * 10})
    model = nnfit.train({"data": {"path": "-", "target": "y", "weight": "w"}, **CONFIG}, frame)
    assert model.task == "classification" and set(model.classes) == {"$10", "$5"}
    plain = nnfit.train(
        {"data": {"path": "-", "target": "y", "weight": "w"}, **CONFIG},
        frame.assign(w=[1.5, 2.5] * 10),
    )
    np.testing.assert_array_equal(model.network.parameters.flat, plain.network.parameters.flat)


def test_points_beside_commas_are_doubted() -> None:
    class Heard(Observer):
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def warning(self, text: str) -> None:
            self.warnings.append(text)

    from nnfit.config.reading import load_config
    from nnfit.dataset.dataset import prepare

    frame = pd.DataFrame(
        {"a": ["1,5", "2,5"] * 10, "n": [1.234, 950] * 10, "f": [0.5, 1.5] * 10, "y": [1.5, 2] * 10}
    )
    heard = Heard()
    file = load_config({"preset": "none", "data": {"path": "-", "target": "y"}})
    prepare(file, frame, np.random.default_rng(0), heard)
    assert heard.warnings == [
        "data: column 'n': read with decimal points, beside decimal commas in others. If 1.234 is "
        '1234 here, set data.decimal to ","'
    ]
