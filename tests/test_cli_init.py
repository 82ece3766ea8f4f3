"""`nnfit init`: the config it writes trains as it stands, whatever the CSV.

What each table becomes is decided by the table room and tested there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit as package
from nnfit.config.messages import FIELDS
from nnfit.config.reading import load_config

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit


def proposed(cli: Commands, *args: str, stdin: str = "") -> str:
    result = cli("init", *args, stdin=stdin)
    assert result.code == 0, result.err
    return result.out


def trained(cli: Commands, text: str) -> None:
    result = cli("train", "-", "-q", "-o", "m.npz", "--set", "training.epochs=2", stdin=text)
    assert (result.code, result.out) == (0, "m.npz\n"), result.err


@pytest.mark.parametrize("name", ["tiny", "labels", "binary", "price"])
def test_every_example_trains_as_it_stands(
    cli: Commands, request: pytest.FixtureRequest, name: str
) -> None:
    request.getfixturevalue(name)
    target = {"tiny": "kind", "labels": "label", "binary": "passed", "price": "price"}[name]
    text = proposed(cli, f"{name}.csv", "--target", target)
    trained(cli, text)
    model = package.load("m.npz")
    assert model.targets == (target,)
    assert model.task == ("regression" if name == "price" else "classification")


def test_two_targets(cli: Commands, pair: Example) -> None:
    text = proposed(cli, "pair.csv", "--target", "north", "--target", "south")
    trained(cli, text)
    assert package.load("m.npz").targets == ("north", "south")


def test_every_key_is_there_with_a_comment(cli: Commands, tiny: Example) -> None:
    text = proposed(cli, "tiny.csv", "--target", "kind")
    lines = [line for line in text.splitlines() if line]
    keys = [line.split(":")[0].strip() for line in lines]
    for section, names in FIELDS.items():
        assert set(names) <= set(keys), section
    headings = [name for name in FIELDS if name]
    for line, key in zip(lines, keys, strict=True):
        if key not in headings:
            assert "  # " in line, line


def test_the_config_goes_where_stdout_does(nnfit: Nnfit, tiny: Example) -> None:
    """Redirected into another folder, the path of the data is seen from there."""
    (nnfit.folder / "configs").mkdir()
    with open(nnfit.folder / "configs" / "c.yaml", "wb") as out:
        process = nnfit.start("init", "tiny.csv", "--target", "kind", stdout=out.fileno())
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode()) == (
        0,
        "nnfit: task: classification (target 'kind' is text, 3 classes)\n"
        "column  kind         distinct  gaps  example  decision\n"
        "x       numeric            48     0  0.0      input\n"
        "colour  categorical         3     0  red      input\n"
        "kind    text                3     0  a        target: 3 classes, 'a' in 33.3 %\n",
    )
    config = load_config(nnfit.folder / "configs" / "c.yaml")
    assert config.config.data.path == "../tiny.csv"
    assert Path(config.resolve(config.config.data.path)) == nnfit.folder / "tiny.csv"
    assert nnfit("train", "configs/c.yaml", "-q", "--set", "training.epochs=1").code == 0


def test_the_output_is_named_after_the_data(cli: Commands, tiny: Example) -> None:
    (Path("data")).mkdir()
    Path("tiny.csv").rename("data/all kinds.csv")
    text = proposed(cli, "data/all kinds.csv", "--target", "kind")
    result = cli("train", "-", "-q", "--set", "training.epochs=1", stdin=text)
    assert (result.code, result.out) == (0, "all kinds.npz\n")


def test_set_wins_over_what_is_proposed(cli: Commands, tiny: Example) -> None:
    args = ("--set", "training.epochs=7", "--set", "model.hidden_sizes=[5]", "--set", "seed=3")
    Path("c.yaml").write_text(proposed(cli, "tiny.csv", "--target", "kind", *args))
    config = load_config("c.yaml").config
    assert (config.training.epochs, config.model.hidden_sizes, config.seed) == (7, (5,), 3)


def test_from_stdin(cli: Commands, tiny: Example) -> None:
    text = proposed(cli, "-", "--target", "kind", stdin=tiny.csv)
    Path("c.yaml").write_text(text, encoding="utf-8")
    assert load_config("c.yaml").config.data.path == "-"
    result = cli("train", "c.yaml", "-q", "--set", "training.epochs=1", stdin=tiny.csv)
    assert (result.code, result.out) == (0, "model.npz\n")


@pytest.mark.parametrize(
    ("delimiter", "key"), [(";", '";"'), ("\t", '"\\t"'), ("|", '"|"'), (",", '","')]
)
def test_the_delimiter_is_found(
    cli: Commands, tiny: Example, folder: Path, delimiter: str, key: str
) -> None:
    (folder / "tiny.csv").write_text(tiny.csv.replace(",", delimiter), encoding="utf-8")
    text = proposed(cli, "tiny.csv", "--target", "kind")
    assert f"  delimiter: {key} " in text
    trained(cli, text)


def test_a_column_that_numbers_the_rows_is_left_out(cli: Commands, tiny: Example) -> None:
    cells = tiny.cells
    cells.insert(0, "id", [str(i) for i in range(1001, 1049)])
    cells.insert(1, "name", [f"n{i * 7919 % 997}" for i in range(48)])
    cells = pd.concat([cells] * 2, ignore_index=True)
    cells["id"] = [str(i) for i in range(1001, 1097)]
    cells["name"] = [f"n{i * 7919 % 997}" for i in range(96)]
    Path("tiny.csv").write_text(cells.to_csv(index=False), encoding="utf-8")
    text = proposed(cli, "tiny.csv", "--target", "kind")
    assert "  exclude: [id, name] " in text
    trained(cli, text)


def test_tokens_for_missing_cells_are_found(cli: Commands, folder: Path) -> None:
    rows = "".join(f"{i if i % 9 else '?'},{i % 5}.5\n" for i in range(60))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    text = proposed(cli, "d.csv", "--target", "y", "--set", "preprocessing.bins=0")
    assert '  missing_values: ["?"] ' in text
    trained(cli, text)
    assert package.load("m.npz").encoder.input_names == ["x", "x is missing"]


@pytest.mark.parametrize(
    ("odd", "few", "others", "expected"),
    [
        ("No", False, ["No", "Yes", "Maybe"], {"x": ("No",)}),  # a class elsewhere
        ("K", False, ["J", "K", "Q"], {"x": ("K",)}),
        ("?", False, ["?", "p", "q"], {"x": ("?",)}),
        ("No", False, ["p", "q", "r"], ("No",)),
        ("?", False, ["p", "q", "r"], ("?",)),
        ("unknown", True, ["p", "q", "r"], ("unknown",)),
        ("K", True, ["p", "q", "r"], ()),  # one card among others: a category
    ],
)
def test_a_token_is_taken_from_no_class_and_no_category(
    cli: Commands, folder: Path, odd: str, few: bool, others: list[str], expected: Any
) -> None:
    numbers = [str(i % 9 if few else i) for i in range(60)]
    cells = [odd if i % 6 == 0 else number for i, number in enumerate(numbers)]
    frame = pd.DataFrame({"x": cells, "z": np.arange(60) * 7 % 31, "y": (others * 20)[:60]})
    (folder / "d.csv").write_text(frame.to_csv(index=False), encoding="utf-8")
    text = proposed(cli, "d.csv", "--target", "y")
    trained(cli, text)
    model = package.load("m.npz")
    assert model.classes == tuple(sorted(others))
    assert sum(model.training["rows"].values()) == 60
    Path("c.yaml").write_text(text, encoding="utf-8")
    config = load_config("c.yaml").config
    assert config.data.missing_values == expected
    assert config.data.categorical == (() if expected else ("x",))


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["1", "2", "3", "X"], ("1", "2", "3", "X")),
        (["0", "1", "?"], ("0", "1", "?")),
        (["10", "9", "J", "Q", "K"], ("10", "9", "J", "K", "Q")),
        (["1", "2", "3", "X", "None"], ("1", "2", "3", "None", "X")),
        (["low", "None", "null"], ("None", "low", "null")),
        (["low", "high", "nan", "N/A"], ("N/A", "high", "low", "nan")),
        (["low", "high", ""], ("high", "low")),
        (["0", "1", "NA"], ("0", "1")),
    ],
    ids=str,
)
def test_init_keeps_every_class(
    cli: Commands, folder: Path, cells: list[str], classes: tuple[str, ...]
) -> None:
    """The odd ones are rare, as they are where nobody notices that they go."""
    n = len(cells)
    y = [cells[i % n] if i % 5 == 0 or i < 2 * n else cells[i % 2] for i in range(80)]
    frame = pd.DataFrame({"x": np.arange(80) % 7, "y": y})
    (folder / "d.csv").write_text(frame.to_csv(index=False), encoding="utf-8")
    text = proposed(cli, "d.csv", "--target", "y")
    trained(cli, text)
    assert package.load("m.npz").classes == classes


def test_a_target_of_many_numbers_has_tokens(cli: Commands, folder: Path) -> None:
    rows = "".join(f"{i % 7},{f'{i}.5' if i % 9 else '?'}\n" for i in range(60))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    trained(cli, proposed(cli, "d.csv", "--target", "y"))
    assert sum(package.load("m.npz").training["rows"].values()) == 53


@pytest.mark.parametrize(
    "names",
    [
        ["no", "off", "y"],
        ["1", "007", "1.0"],
        ["a: b", "# c", "d"],
        [" lead", "trail ", "mid dle"],
        ["null", "~", "true"],
        ["{a}", "[b]", "*c"],
        ["Größe", "東京", "é"],
        ['"q"', "'s'", "back\\slash"],
        ["line\nbreak", "tab\there", "c"],
    ],
    ids=repr,
)
def test_odd_names_survive(
    cli: Commands, folder: Path, names: list[str], rng: np.random.Generator
) -> None:
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=names)
    frame[names[2]] = np.array(["p", "q"])[(frame[names[0]] > 0).astype(int)]
    (folder / "d.csv").write_text(frame.to_csv(index=False), encoding="utf-8", newline="")
    text = proposed(cli, "d.csv", "--target", names[2])
    trained(cli, text)
    assert package.load("m.npz").targets == (names[2],)
    assert package.load("m.npz").encoder.needed_columns == names[:2]


@pytest.mark.parametrize("n_rows", [2, 3, 9, 10, 11])
def test_few_rows_train_too(cli: Commands, folder: Path, n_rows: int) -> None:
    rows = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(n_rows))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    trained(cli, proposed(cli, "d.csv", "--target", "y"))


def table(err: str) -> dict[str, str]:
    """Return what is said of each column, by its name."""
    lines = err.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("column  "))
    place = lines[at].index("decision")
    return {line.split("  ")[0]: line[place:] for line in lines[at + 1 :]}


def test_what_was_found_is_said_of_each_column(cli: Commands, folder: Path) -> None:
    n = 240
    y = np.array(["no", "yes", "no", "no", "no"])[np.arange(n) % 5]
    frame = pd.DataFrame(
        {
            "": range(n),
            "x": [f"{i % 50}" if i % 6 else "none" for i in range(n)],
            "colour": np.array(["red", "blue", ""])[np.arange(n) % 3],
            "ticket": [f"A{i * 7919 % 997}" for i in range(n)],
            "since": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "remark": [f"the guest no. {i}" for i in range(n)],
            "alive": np.where(y == "yes", 1, 0),
            "always": "x",
            "w": 1.5,
            "asked": range(n),
            "y": y,
        }
    )
    (folder / "d.csv").write_text(frame.to_csv(index=False), encoding="utf-8")
    args = ("--set", "data.weight=w", "--set", "data.include=null")
    result = cli("init", "d.csv", "--target", "y", *args)
    assert table(result.err) == {
        "column_1": "left out: row number",
        "x": "input; none is a gap",
        "colour": "input",
        "ticket": "left out: id",
        "since": "left out: date",
        "remark": "left out: free text",
        "alive": "left out: the target in other words",
        "always": "dropped in training: one value",
        "w": "weight of each row",
        "asked": "left out: row number",
        "y": "target: 2 classes, 'no' in 80.0 %",
    }
    exclude = "column_1, ticket, since, remark, alive, asked"
    assert f"  exclude: [{exclude}]  # column_1: row number; ticket: id; since: date;" in result.out
    trained(cli, result.out)
    result = cli("init", "d.csv", "--target", "y", "--set", "data.exclude=[asked]")
    assert "  exclude: [asked]  " in result.out
    assert {name: said for name, said in table(result.err).items() if name in "ticket asked"} == {
        "ticket": "input, as asked: id",
        "asked": "left out: asked",
    }


@pytest.mark.parametrize("weight", [(), ("--set", "data.weight=w")], ids=["", "weight"])
@pytest.mark.parametrize("n_features", [0, 1, 2])
def test_one_feature_is_kept_and_one_is_enough(
    cli: Commands, folder: Path, n_features: int, weight: tuple[str, ...]
) -> None:
    """Row numbers are left out beside a single feature, and kept where nothing else is there."""
    n = 60
    frame = pd.DataFrame({"id": range(n)})
    for i in range(n_features):
        frame[f"x{i}"] = np.arange(n) * 7 % (31 + i)
    if weight:
        frame["w"] = 2
    frame["y"] = np.array(["p", "q"])[(np.arange(n) > 30).astype(int)]
    (folder / "d.csv").write_text(frame.to_csv(index=False), encoding="utf-8")
    result = cli("init", "d.csv", "--target", "y", *weight)
    assert ("  exclude: [id] " in result.out) == (n_features > 0)
    stays = "input, for want of others: row number"
    assert table(result.err)["id"] == ("left out: row number" if n_features else stays)
    trained(cli, result.out)


@pytest.mark.parametrize(
    ("rows", "targets", "said"),
    [
        (["1,2,a"] * 5, ["y"], "d.csv: target 'y' has one class, 'a'; expected two or more"),
        (["1,2,3"] * 5, ["y"], "d.csv: target 'y' has one class, '3'; expected two or more"),
        (["1,2,a"], ["y"], "d.csv: one row has a target; expected two or more to learn from"),
        (["1,2,a", "2,3,"], ["y"],
         "d.csv: one row has a target; expected two or more to learn from"),
        (["1,2,a", "2,3,b"], ["x", "y"], "d.csv, row 1, column 'y': got 'a'; one of several "
         "targets is a number, for text is classes. Predict it by a model of its own"),
    ],
)  # fmt: skip
def test_a_target_that_teaches_nothing(
    cli: Commands, folder: Path, rows: list[str], targets: list[str], said: str
) -> None:
    """Refused by `init` and by `train` in the same words."""
    (folder / "d.csv").write_text("z,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    options = [word for target in targets for word in ("--target", target)]
    config = f"data: {{path: d.csv, target: [{', '.join(targets)}]}}"
    for result in (cli("init", "d.csv", *options), cli("train", "-", "-q", stdin=config)):
        assert (result.code, result.out) == (2, "")
        assert result.err.splitlines()[-1] == f"nnfit: error: {said}"


@pytest.mark.parametrize(("n_rows", "test"), [(199, 0.0), (200, 0.2)])
def test_a_test_part_where_there_are_rows_for_it(
    cli: Commands, folder: Path, n_rows: int, test: float
) -> None:
    rows = "".join(f"{i * 7 % 31},{'ab'[i % 2]}\n" for i in range(n_rows))
    (folder / "d.csv").write_text("x,y\n" + rows, encoding="utf-8")
    Path("c.yaml").write_text(proposed(cli, "d.csv", "--target", "y"), encoding="utf-8")
    assert load_config("c.yaml").config.data.test == test


def test_a_pipe_of_three(nnfit: Nnfit, tiny: Example) -> None:
    """init, train and predict with nothing but pipes between them."""
    (nnfit.folder / "tiny.npz").unlink()
    python = f"{sys.executable} -m nnfit"
    script = (
        f"{python} init tiny.csv --target kind --preset fast 2>&- | {python} train - -q | "
        f"xargs -I MODEL {python} predict MODEL tiny.csv -q | sort | uniq -c | wc -l"
    )
    found = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, cwd=nnfit.folder, timeout=60
    )
    assert (found.stdout.strip(), found.stderr) == ("4", "")  # three kinds and the header
