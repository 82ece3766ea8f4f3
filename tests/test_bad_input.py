"""Everything that can be given wrong, each with its one line, its exit code, and quickly.

A table: a name, the files to write, the command, the exit code, and the whole of stderr. What a
room refuses in detail is tested with the room; here is what the user meets.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from nnfit.errors import joined
from nnfit.nn.names import ACTIVATIONS, LOSSES, QUANTITY_LOSSES

if TYPE_CHECKING:
    from conftest import Commands, Example, Nnfit

# Twenty rows each: numbers and colours with two classes; numbers alone with a quantity.
CLASSES = "x,colour,y\n" + "".join(
    f"{i}.5,{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(20)
)
NUMBERS = "x,y\n" + "".join(f"{i},{i * 1.5 + 0.25}\n" for i in range(20))
ROW_8 = "7,10.75"  # of NUMBERS

BASE = "data: {path: d.csv, target: y}\ntraining: {epochs: 2}\n"
TRAIN = "train c.yaml -q"

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


class Case(NamedTuple):
    """What is given, and all of what comes back on stderr, without the `nnfit: ` before it."""

    name: str
    files: dict[str, str | bytes]
    command: str
    lines: list[str]
    code: int = 2
    stdin: str = ""


def config(name: str, text: str | bytes, *lines: str) -> Case:
    """Return the case of a config that must not train."""
    files: dict[str, str | bytes] = {"c.yaml": text, "d.csv": CLASSES, "n.csv": NUMBERS}
    return Case(name, files, TRAIN, [f"error: {line}" for line in lines])


def table(name: str, text: str | bytes, *lines: str, keys: str = "", code: int = 2) -> Case:
    """Return the case of a CSV; `keys` are added to a plain config."""
    files: dict[str, str | bytes] = {"c.yaml": BASE + keys, "d.csv": text}
    said = [line if line.startswith("warning: ") else f"error: {line}" for line in lines]
    return Case(name, files, TRAIN, said, code)


YAML = [
    config(
        "duplicate key",
        BASE + "training: {epochs: 3}\n",
        "c.yaml:3:1: duplicate key 'training'; first given in line 2",
    ),
    config(
        "several documents",
        BASE + "---\n" + BASE,
        "c.yaml:3:1: a second document; expected one config per file",
    ),
    config(
        "Latin-1",
        BASE.encode() + b"# caf\xe9\n",
        "c.yaml:3:6: byte 0xe9 at offset 58 is not UTF-8; expected UTF-8 text. "
        "Save the file as UTF-8",
    ),
    config(
        "UTF-16",
        BASE.encode("utf-16"),
        "c.yaml: is UTF-16 or UTF-32; expected UTF-8. Save it as UTF-8",
    ),
    config(
        "tab", "data:\n\tpath: d.csv\n", "c.yaml:2:1: a tab in the indentation; expected spaces"
    ),
    config(
        "object tag",
        "data: !!python/object/apply:os.system [touch owned]\n",
        "c.yaml:1:7: tag '!!python/object/apply:os.system' is refused; "
        "expected plain YAML without tags",
    ),
    config(
        "local tag",
        "data: !thing {path: d.csv}\n",
        "c.yaml:1:7: tag '!thing' is refused; expected plain YAML without tags",
    ),
    config("alias bomb", BOMB, "c.yaml:5:8: aliases expand to over 10000 nodes"),
    config(
        "3,000 levels",
        f"data: {'[' * 3000}{']' * 3000}\n",
        "c.yaml:1:106: nested deeper than 100 levels",
    ),
    config(
        "5,000 digits",
        f"{BASE}seed: {'9' * 5000}\n",
        f"c.yaml:3:1: seed: got {'9' * 57}...; expected an integer in [0, 2**63)",
    ),
    config(
        "true for an integer",
        "data: {path: d.csv, target: y}\ntraining: {epochs: true}\n",
        "c.yaml:2:12: training.epochs: got true; expected an integer from 1 to 1000000000",
    ),
    config(
        "text for an integer",
        BASE + "seed: '3'\n",
        "c.yaml:3:1: seed: got the quoted text '3'; expected an integer in [0, 2**63)",
    ),
    config(
        "NaN",
        BASE + "optimizer: {learning_rate: .nan}\n",
        "c.yaml:3:13: optimizer.learning_rate: got '.nan'; expected a number > 0",
    ),
    config(
        "infinity",
        BASE + "optimizer: {l2: -.inf, clip_norm: inf}\n",
        "c.yaml:3:13: optimizer.l2: got '-.inf'; expected a number >= 0",
        "c.yaml:3:24: optimizer.clip_norm: got 'inf'; expected a number > 0, or null",
    ),
    config(
        "unknown key",
        BASE + "optimizer: {learning_rte: 1}\n",
        "c.yaml:3:13: unknown key 'optimizer.learning_rte'; did you mean 'learning_rate'?",
    ),
    config(
        "a key of another section",
        BASE + "model:\n  learning_rate: 1\n",
        "c.yaml:4:3: unknown key 'model.learning_rate'; it belongs to 'optimizer'",
    ),
    config(
        "several errors, in order",
        "data: {path: d.csv, target: y, taks: auto}\n"
        "model:\n"
        "  hidden_sizes: [0, x]\n"
        "  activation: rleu\n"
        "loss: huge\n"
        "training: {epochs: 0}\n"
        "seed: -1\n",
        "c.yaml:1:32: unknown key 'data.taks'; did you mean 'task'?",
        "c.yaml:3:18: model.hidden_sizes[0]: got 0; expected an integer from 1 to 1000000",
        "c.yaml:3:21: model.hidden_sizes[1]: got 'x'; expected an integer from 1 to 1000000",
        f"c.yaml:4:3: model.activation: got 'rleu'; expected one of {', '.join(ACTIVATIONS)}; "
        "did you mean 'relu'?",
        f"c.yaml:5:1: loss: got 'huge'; expected one of auto, {', '.join(LOSSES)}; "
        "did you mean 'huber'?",
        "c.yaml:6:12: training.epochs: got 0; expected an integer from 1 to 1000000000",
        "c.yaml:7:1: seed: got -1; expected an integer in [0, 2**63)",
    ),
    config(
        "a section missing",
        "seed: 3\n",
        "c.yaml: data.path: missing; name the CSV, or give it with --data",
        "c.yaml: data.target: missing; name the column to predict",
    ),
    config(
        "a list",
        "- data\n- model\n",
        "c.yaml:1:1: got a list; expected sections such as 'data:' with their keys below them",
    ),
    config("empty", "", "c.yaml: is empty; expected at least data.path and data.target"),
    config(
        "a CSV",
        NUMBERS,
        "c.yaml: looks like a CSV; expected a config in YAML. The CSV goes under data.path",
    ),
    config(
        "merge key",
        "data:\n  <<: {path: d.csv}\n  target: y\n",
        "c.yaml:2:3: merge key '<<' is not supported; write the keys out",
    ),
    config(
        "unclosed quote",
        'data: {path: "d.csv, target: y}\n',
        "c.yaml:1:14: this quote is not closed",
    ),
    Case("no such config", {}, TRAIN, ["error: c.yaml: no such file; expected a config in YAML"]),
    Case("a folder", {}, "train . -q", ["error: .: is a directory; expected a config in YAML"]),
    Case(
        "nothing on stdin",
        {},
        "train - -q",
        ["error: <stdin>: is empty; expected at least data.path and data.target"],
    ),
    Case(
        "config and data both on stdin",
        {},
        "train - -q",
        [
            "error: <stdin>:1:8: data.path: got '-' (stdin), which the config came from; "
            "expected the path of a CSV"
        ],
        stdin="data: {path: '-', target: y}\n",
    ),
]

COMBINATIONS = [
    config(
        "cross-entropy with a regression task",
        "data: {path: n.csv, target: y, task: regression}\nloss: cross_entropy\n",
        "c.yaml:2:1: loss: got 'cross_entropy', but data.task is regression; "
        f"expected auto, {joined(QUANTITY_LOSSES, 'or')}",
    ),
    config(
        "cross-entropy with a regression target",
        "data: {path: n.csv, target: y}\nloss: cross_entropy\n",
        "c.yaml:2:1: loss: cross_entropy needs classes, the target 'y' is a quantity; expected "
        f"{joined(QUANTITY_LOSSES, 'or')}. Leave loss at auto, or set data.task: classification",
    ),
    config(
        "bins without a numeric column",
        "seed: 0\ndata: {path: d.csv, target: y, categorical: [x]}\npreprocessing: {bins: 3}\n",
        "c.yaml:3:17: preprocessing.bins: got 3, but there is no numeric feature to have bins; "
        "expected 0",
    ),
    config(
        "label smoothing of a quantity",
        "data: {path: n.csv, target: y}\ntraining: {label_smoothing: 0.1}\n",
        "c.yaml:2:12: training.label_smoothing: needs a cross-entropy, the target 'y' is a "
        "quantity; expected 0",
    ),
    config(
        "label smoothing of classes with a loss of the residual",
        "data: {path: d.csv, target: y}\nloss: mse\ntraining: {label_smoothing: 0.1}\n",
        "c.yaml:3:12: training.label_smoothing: needs a cross-entropy, got loss mse; expected 0. "
        "Remove it",
    ),
    config(
        "relu output with cross-entropy",
        BASE + "model: {output_activation: relu}\nloss: cross_entropy\n",
        "c.yaml:3:9: model.output_activation: the output 'relu' gives no probability; "
        "cross_entropy needs softmax. Leave model.output_activation at auto",
    ),
    config(
        "relu output with the classes' own loss",
        BASE + "model: {output_activation: relu}\n",
        "c.yaml:3:9: model.output_activation: the output 'relu' gives no probability that "
        "binary_cross_entropy could use; expected auto or sigmoid",
    ),
    config(
        "softmax with binary cross-entropy",
        BASE + "model: {output_activation: softmax}\nloss: binary_cross_entropy\n",
        "c.yaml:3:9: model.output_activation: the output 'softmax' shares one probability among "
        "the classes; binary_cross_entropy needs sigmoid. Leave model.output_activation at auto",
    ),
    config(
        "softmax on one output",
        "data: {path: n.csv, target: y}\nmodel: {output_activation: softmax}\n",
        "c.yaml:2:9: model.output_activation: softmax on one output is always 1; "
        "expected identity, or several targets",
    ),
    config(
        "binary cross-entropy with three classes",
        "data: {path: n.csv, target: y, task: classification, validation: 0}\n"
        "loss: binary_cross_entropy\n",
        "c.yaml:2:1: loss: binary_cross_entropy is for two classes, the target 'y' has 20; "
        "expected cross_entropy",
    ),
    config(
        "target among the features",
        "data: {path: d.csv, target: y, include: [x, y]}\n",
        "c.yaml:1:32: data.include: names the target 'y'; a target is never an input",
    ),
    config(
        "target in an expression",
        "data: {path: n.csv, target: y}\nfeatures: ['y**2']\n",
        "c.yaml:2:1: features: 'y**2': 'y' at character 1 is the target; "
        "a target is never an input",
    ),
    config(
        "dropout 1",
        BASE + "model: {dropout: 1}\n",
        "c.yaml:3:9: model.dropout: got 1; expected a number in [0, 1): "
        "a unit dropped always learns nothing",
    ),
    config(
        "patience without validation rows",
        "data: {path: d.csv, target: y, validation: 0}\ntraining: {patience: 3}\n",
        "c.yaml:2:12: training.patience: needs a validation loss, but data.validation is 0. "
        "Hold out rows, such as 0.2",
    ),
    config(
        "no rows left",
        "data: {path: d.csv, target: y, validation: 0.6, test: 0.5}\n",
        "c.yaml:1:49: data.test: data.validation 0.6 and data.test 0.5 leave no row to train on; "
        "expected a sum < 1",
    ),
    config(
        "class weights of a quantity",
        "data: {path: n.csv, target: y}\nclass_weight: balanced\n",
        "c.yaml:2:1: class_weight: the target 'y' is a quantity and has no classes; expected null",
    ),
    config(
        "weight of an unknown class",
        BASE + "class_weight: {c: 2}\n",
        "c.yaml:3:1: class_weight: unknown class 'c'; classes are: a, b",
    ),
    config(
        "code for an expression",
        "data: {path: n.csv, target: y}\nfeatures: ['__import__(\"os\")']\n",
        "c.yaml:2:1: features: '__import__(\"os\")': '\"' is not allowed at character 12",
    ),
    config(
        "unknown function",
        "data: {path: n.csv, target: y}\nfeatures: ['x', 'sn(x)']\n",
        "c.yaml:2:1: features: 'sn(x)': unknown function 'sn' at character 1; functions are: sin "
        "cos tan exp log sqrt abs tanh sigmoid relu minimum maximum; did you mean 'sin'?",
    ),
    config(
        "an expression that is not finite",
        "data: {path: n.csv, target: y, validation: 0}\nfeatures: ['log(x)']\n",
        "n.csv, row 1: feature 'log(x)' is -inf at x=0",
    ),
    config(
        "an expression of a category",
        BASE + "features: ['colour*2']\n",
        "c.yaml:3:1: features: 'colour*2': column 'colour' is categorical; "
        "expected numeric or boolean columns",
    ),
    config(
        "target that is no column",
        "data: {path: d.csv, target: z}\n",
        "d.csv: data.target names 'z', but there is no such column; columns are: x, colour, y",
    ),
    config(
        "target with a near name",
        "data: {path: d.csv, target: color}\n",
        "d.csv: data.target names 'color', but there is no such column; "
        "columns are: x, colour, y; did you mean 'colour'?",
    ),
    config("no such data", "data: {path: nope.csv, target: y}\n", "nope.csv: no such file"),
]

TABLES = [
    table(
        "text in a numeric column",
        NUMBERS.replace(ROW_8, "oops,10.75"),
        "d.csv, row 8, column 'x': cannot read 'oops' as a number; 19 of 20 cells are numbers. "
        "Add 'oops' to data.missing_values, mend the cell, or list the column under "
        "data.categorical",
    ),
    table(
        "text in a numeric target",
        NUMBERS.replace(ROW_8, "7,oops"),
        "d.csv, row 8, column 'y': cannot read 'oops' as a number; 19 of 20 cells are numbers. "
        "Add 'oops' to data.missing_values, mend the cell, or set data.task: classification",
    ),
    table(
        "infinity",
        NUMBERS.replace(ROW_8, "inf,10.75"),
        "d.csv, row 8, column 'x': got inf; expected a finite number. "
        "Mend the cell, or leave it empty",
    ),
    table(
        "minus infinity in the target",
        NUMBERS.replace(ROW_8, "7,-inf"),
        "d.csv, row 8, column 'y': got '-inf'; expected a finite number. "
        "Mend the cell, or leave it empty",
    ),
    table(
        "constant column",
        NUMBERS.replace("\n", ",5\n").replace("x,y,5", "x,y,k"),
        "warning: d.csv: column 'k' dropped: one value in all training rows",
        code=0,
    ),
    table(
        "empty column",
        NUMBERS.replace("\n", ",\n").replace("x,y,", "x,y,k", 1),
        "warning: d.csv: column 'k' dropped: empty in all training rows",
        code=0,
    ),
    table(
        "nothing but a constant column",
        "k,y\n" + "".join(f"5,{'ab'[i % 2]}\n" for i in range(20)),
        "warning: d.csv: column 'k' dropped: one value in all training rows",
        "d.csv: no usable feature column: none varies over the training rows. "
        "Check data.include, data.exclude and features",
    ),
    table(
        "rows without a target",
        NUMBERS.replace(",10.75", ",").replace(",12.25", ",NA"),
        "warning: d.csv: 2 rows of 20 dropped: no value in target column 'y'",
        code=0,
    ),
    table(
        "no row with a target",
        "x,y\n" + "".join(f"{i},\n" for i in range(20)),
        "d.csv: target column 'y': no row has a value",
    ),
    table(
        "a target that never changes",
        "x,y\n" + "".join(f"{i},2.5\n" for i in range(20)),
        "warning: d.csv: target column 'y': one value in all training rows",
        code=0,
    ),
    table(
        "duplicate column names",
        "x,y,x\n1,a,2\n",
        "d.csv: duplicate column name 'x' (columns 1, 3); expected each name once. Rename them",
    ),
    table(
        "a row too long",
        NUMBERS.replace(ROW_8, "7,10.75,3"),
        "d.csv, row 8: got 3 cells; expected 2, as in the header. Quote a cell that holds ','",
    ),
    table(
        "a row too short",
        NUMBERS.replace(ROW_8, "7"),
        "d.csv, row 8: got 1 cell; expected 2, as in the header. "
        "Fill in the missing cells, or quote a cell that holds a line break",
    ),
    table(
        "a comma too many",
        NUMBERS.replace(ROW_8, "7,10.75,"),
        "d.csv, row 8: got 3 cells; expected 2, as in the header. Remove the ',' at its end",
    ),
    table(
        "semicolons",
        NUMBERS.replace(",", ";"),
        "d.csv: got one column, 'x;y'; expected ',' between columns. "
        'Set data.delimiter to ";", or to auto',
    ),
    table(
        "tabs",
        NUMBERS.replace(",", "\t"),
        "d.csv: got one column, 'x\\ty'; expected ',' between columns. "
        'Set data.delimiter to "\\t", or to auto',
    ),
    table("byte order mark", b"\xef\xbb\xbf" + NUMBERS.encode(), code=0),
    table("CRLF", NUMBERS.replace("\n", "\r\n"), code=0),
    table(
        "UTF-16 without a mark",
        NUMBERS.encode("utf-16-le"),
        "d.csv: NUL at byte 2 of the text; expected a CSV. The file is binary, or UTF-16 without "
        "a byte order mark: save it as UTF-8",
    ),
    table(
        "Latin-1",
        CLASSES.replace("red", "r\xe9d").encode("latin-1"),
        "warning: d.csv: byte 0xE9 is not UTF-8; such bytes are read as Windows-1252 (Latin-1). "
        "Save the file as UTF-8 if letters look wrong",
        code=0,
    ),
    table(
        "NUL",
        NUMBERS.replace(ROW_8, "7\0,10.75"),
        "d.csv: NUL at byte 55 of the text; expected a CSV. The file is binary, or UTF-16 without "
        "a byte order mark: save it as UTF-8",
    ),
    table("empty file", "", "d.csv: is empty; expected a header and rows"),
    table(
        "header alone", "x,y\n", "d.csv: has a header and no rows; expected at least one row"
    ),
    table(
        "one row", "x,y\n1,a\n", "d.csv: one row has a target; expected two or more to learn from"
    ),
    table(
        "one row of numbers",
        "x,y\n1,2.5\n",
        "d.csv: one row has a target; expected two or more to learn from",
    ),
    table(
        "a row of each class",
        "x,y\n1,a\n2,b\n",
        "d.csv: 2 rows are too few for validation rows beside a training row of every class. "
        "Set data.validation: 0 and data.test: 0",
    ),
    table(
        "one class",
        CLASSES.replace("b\n", "a\n"),
        "d.csv: target 'y' has one class, 'a'; expected two or more",
    ),
    table(
        "unclosed quote",
        NUMBERS.replace(ROW_8, '"7,10.75'),
        "d.csv, row 8: a quote is opened and never closed. "
        "Close it, or double each quote that is part of a cell",
    ),
    table(
        "a gap where none may be",
        NUMBERS.replace(ROW_8, ",10.75"),
        "d.csv, row 8, column 'x': missing, and preprocessing.missing is 'error'. "
        "Fill the cell, or set preprocessing.missing to impute",
        keys="preprocessing: {missing: error}\nfeatures: [x]\n",
    ),
    table(
        "ids",
        "x,n,y\n" + "".join(f"{i},name{i},{'ab'[i % 2]}\n" for i in range(120)),
        "warning: d.csv: text column 'n' has its own value in more than half of the rows. "
        "Add it to data.exclude if this is an id, a date or free text",
        code=0,
    ),
    Case(
        "negative weight",
        {"d.csv": NUMBERS.replace(ROW_8, "-7,10.75"), "c.yaml": BASE},
        f"{TRAIN} --set data.weight=x --set features=null",
        ["error: d.csv: no usable feature column; columns are: x, y. "
         "Check data.include and data.exclude"],
    ),
    Case(
        "weights below zero",
        {
            "d.csv": "x,w,y\n" + "".join(f"{i},{-(i == 4)},{i}.5\n" for i in range(20)),
            "c.yaml": BASE,
        },
        f"{TRAIN} --set data.weight=w --set data.validation=0",
        ["error: d.csv, row 5, column 'w': got -1; a weight must be a finite number >= 0"],
    ),
    Case(
        "UTF-16 with a mark",
        {"c.yaml": BASE, "d.csv": NUMBERS.encode("utf-16")},
        TRAIN,
        [
            "warning: d.csv: is UTF-16, as its first bytes say, and read as that. Other programs "
            "may expect UTF-8"
        ],
        code=0,
    ),
    Case(
        "a folder for data",
        {"c.yaml": BASE},
        f"{TRAIN} --data .",
        ["error: .: is a directory; expected a CSV file"],
    ),
    Case(
        "a model for data",
        {"c.yaml": BASE, "d.csv": b"PK\x03\x04" + bytes(100)},
        TRAIN,
        ["error: d.csv: is a zip archive (an .npz model or an .xlsx sheet, say); expected a CSV"],
    ),
    Case(
        "not what its suffix says",
        {"c.yaml": BASE, "d.csv.gz": NUMBERS},
        f"{TRAIN} --data d.csv.gz",
        ["error: d.csv.gz: is not gzip data, though its name ends in '.gz'. Rename or compress it"],
    ),
    Case(
        "cut off gzip",
        {"c.yaml": BASE, "d.csv.gz": gzip.compress(NUMBERS.encode() * 50)[:-20]},
        f"{TRAIN} --data d.csv.gz",
        ["error: d.csv.gz: ends in the middle of its gzip data"],
    ),
]  # fmt: skip

USAGE = [
    Case(
        "no such command",
        {},
        "frobnicate",
        ["error: no such command 'frobnicate'; see 'nnfit --help'"],
    ),
    Case(
        "a missing argument",
        {},
        "train",
        ["error: missing argument 'CONFIG|-'; see 'nnfit train --help'"],
    ),
    Case(
        "an unknown option",
        {},
        "train c.yaml --epochs 3",
        ["error: no such option: --epochs; see 'nnfit train --help'"],
    ),
    Case(
        "an option without its value",
        {},
        "train c.yaml --set",
        ["error: option '--set' requires an argument; see 'nnfit train --help'"],
    ),
    Case(
        "an unknown format",
        {},
        "predict m.npz d.csv --format xml",
        ["error: invalid value for '--format': 'xml' is not one of 'csv', 'tsv', 'jsonl'; "
         "see 'nnfit predict --help'"],
    ),
    Case(
        "an unknown bug",
        {},
        "gradcheck --inject-bug typo",
        ["error: invalid value for '--inject-bug': 'typo' is not one of 'sign', 'factor', "
         "'lost_bias', 'lost_mean'; see 'nnfit gradcheck --help'"],
    ),
    Case(
        "--append with --keep",
        {},
        "predict m.npz d.csv --append --keep x",
        ["error: --append carries every column already; leave out --keep; "
         "see 'nnfit predict --help'"],
    ),
    Case(
        "model and JSON to one place",
        {"c.yaml": BASE, "d.csv": CLASSES},
        "train c.yaml --json -o -",
        ["error: --json and -o - both write to stdout; see 'nnfit train --help'"],
    ),
    Case(
        "init without a target",
        {"d.csv": CLASSES},
        "init d.csv",
        ["error: missing option '--target'; see 'nnfit init --help'"],
    ),
    Case(
        "init of a target that is no column",
        {"d.csv": CLASSES},
        "init d.csv --target colr",
        ["error: d.csv: --target names 'colr', but there is no such column; "
         "columns are: x, colour, y; did you mean 'colour'?"],
    ),
    Case(
        "--set without a value",
        {"c.yaml": BASE, "d.csv": CLASSES},
        f"{TRAIN} --set seed",
        ["error: --set seed: expected KEY=VALUE, such as optimizer.learning_rate=0.01"],
    ),
    Case(
        "--set of an unknown key",
        {"c.yaml": BASE, "d.csv": CLASSES},
        f"{TRAIN} --set training.epoch=3",
        ["error: --set training.epoch=3: unknown key 'training.epoch'; did you mean 'epochs'?"],
    ),
    Case(
        "--set of wrong values, all at once",
        {"c.yaml": BASE, "d.csv": CLASSES},
        f"{TRAIN} --set training.epochs=many --set seed=1.5",
        [
            "error: --set training.epochs=many: got 'many'; "
            "expected an integer from 1 to 1000000000",
            "error: --set seed=1.5: got 1.5; expected an integer in [0, 2**63)",
        ],
    ),
]  # fmt: skip

CASES = [*YAML, *COMBINATIONS, *TABLES, *USAGE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_line_and_the_exit_code(cli: Commands, folder: Path, case: Case) -> None:
    for name, contents in case.files.items():
        data = contents if isinstance(contents, bytes) else contents.encode()
        (folder / name).write_bytes(data)
    begin = time.perf_counter()
    result = cli(*case.command.split(), stdin=case.stdin)
    seconds = time.perf_counter() - begin
    assert result.err.splitlines() == [f"nnfit: {line}" for line in case.lines]
    assert result.code == case.code
    if case.code:
        assert result.out == ""
        assert not (folder / "c.npz").exists()
    assert not (folder / "owned").exists()
    assert seconds < 30.0, "a refusal must be quick"


@pytest.mark.parametrize(
    "name", ["alias bomb", "several errors, in order", "text in a numeric column", "tabs"]
)
def test_the_executable_says_the_same(nnfit: Nnfit, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    for file, contents in case.files.items():
        data = contents if isinstance(contents, bytes) else contents.encode()
        (nnfit.folder / file).write_bytes(data)
    result = nnfit(*case.command.split(), stdin=case.stdin)
    assert (result.code, result.out) == (case.code, "")
    assert result.err.splitlines() == [f"nnfit: {line}" for line in case.lines]


def test_a_number_too_large(cli: Commands, folder: Path) -> None:
    (folder / "c.yaml").write_text(BASE, encoding="utf-8")
    (folder / "d.csv").write_text(NUMBERS.replace(ROW_8, "1e999,10.75"), encoding="utf-8")
    result = cli(*TRAIN.split())
    # pandas 3 makes a number of it, pandas 2 leaves it as it is spelt
    assert (result.code, result.err.replace("'1e999'", "inf")) == (
        2,
        "nnfit: error: d.csv, row 8, column 'x': got inf; expected a finite number. "
        "Mend the cell, or leave it empty\n",
    )


def test_one_argument_too_many(cli: Commands) -> None:
    result = cli("inspect", "a.npz", "b.npz")
    # the plural depends on the version of Typer
    assert (result.code, result.err.replace("argument(s)", "argument")) == (
        2,
        "nnfit: error: got unexpected extra argument (b.npz); see 'nnfit inspect --help'\n",
    )


# what does not fit a model -------------------------------------------------------------------

MISFITS = [
    (
        "a column missing, its name nearly right",
        "predict labels.npz -q",
        "amount,City,age,member\n1,Köln,30,True\n",
        "<stdin>: no column 'city'; columns are: amount, City, age, member; did you mean 'City'?",
    ),
    (
        "columns missing",
        "predict labels.npz -q",
        "amount,member\n1,True\n",
        "<stdin>: no columns 'city', 'age'; columns are: amount, member",
    ),
    (
        "text for a number",
        "predict labels.npz -q",
        "amount,city,age,member\n1,Köln,30,True\nmuch,Köln,30,True\n",
        "<stdin>, row 2, column 'amount': cannot read 'much' as a number. "
        "Mend the cell, or leave it empty",
    ),
    (
        "text for a truth value",
        "predict labels.npz -q",
        "amount,city,age,member\n1,Köln,30,maybe\n",
        "<stdin>, row 1, column 'member': cannot read 'maybe' as true or false. "
        "Mend the cell, or leave it empty",
    ),
    (
        "infinity",
        "predict labels.npz -q",
        "amount,city,age,member\n1,Köln,-inf,True\n",
        "<stdin>, row 1, column 'age': got -inf; expected a finite number. "
        "Mend the cell, or leave it empty",
    ),
    (
        "--keep of a column that is not there",
        "predict labels.npz -q --keep cod",
        "amount,city,age,member,code\n1,Köln,30,True,x\n",
        "<stdin>: no column 'cod'; columns are: amount, city, age, member, code; "
        "did you mean 'code'?",
    ),
    (
        "--proba of a regression",
        "predict price.npz -q --proba",
        "area,rooms\n50,2\n",
        "--proba: a regression model has no probabilities; leave it out",
    ),
    (
        "nothing to predict",
        "predict labels.npz -q",
        "",
        "<stdin>: is empty; expected a header and rows",
    ),
    (
        "evaluate without the target",
        "evaluate labels.npz -q",
        "amount,city,age,member\n1,Köln,30,True\n",
        "<stdin>: no column 'label'; columns are: amount, city, age, member",
    ),
    (
        "evaluate with no target in any row",
        "evaluate binary.npz -q",
        "x1,x2,passed\n1,2,\n",
        "<stdin>: no row has a value in 'passed' to compare with",
    ),
    (
        "evaluate with an unknown class",
        "evaluate labels.npz -q",
        "amount,city,age,member,label\n1,Köln,30,True,Zurich\n",
        "<stdin>: no row has a class of the training rows, got 'Zurich'; classes are:  "
        "a,b \"q\", 007, 1.0, Zürich, yes; did you mean 'Zürich'?",
    ),
    (
        "a file that is not there",
        "predict labels.npz nope.csv",
        "",
        "nope.csv: no such file",
    ),
]


@pytest.mark.parametrize(
    ("command", "given", "line"), [m[1:] for m in MISFITS], ids=[m[0] for m in MISFITS]
)
def test_data_that_does_not_fit_the_model(
    cli: Commands,
    labels: Example,
    price: Example,
    binary: Example,
    command: str,
    given: str,
    line: str,
) -> None:
    result = cli(*command.split(), stdin=given)
    assert result.err.splitlines()[-1:] == [f"nnfit: error: {line}"]
    # rows go out as they come in, so that the header may be out already
    assert (result.code, result.out) in [(2, ""), (2, "prediction\n")]
    assert sum(said.startswith("nnfit: error: ") for said in result.err.splitlines()) == 1


# places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("nowhere/o", "nowhere/o: cannot be written: the folder 'nowhere' does not exist"),
        (".", ".: is a folder; expected the name of a file to write"),
        ("tiny.csv/o", "tiny.csv/o: cannot be written: not a directory"),
    ],
)
def test_predictions_to_a_bad_place(cli: Commands, tiny: Example, output: str, line: str) -> None:
    result = cli("predict", "tiny.npz", "tiny.csv", "-o", output)
    assert (result.code, result.out, result.err) == (2, "", f"nnfit: error: {line}\n")


def test_names_cannot_break_the_line_or_the_terminal(cli: Commands, folder: Path) -> None:
    (folder / "c.yaml").write_text(BASE, encoding="utf-8")
    (folder / "d.csv").write_text('"a\nb",y,"\x1b[31m"\n1,2,3\n1,2\n', encoding="utf-8")
    result = cli(*TRAIN.split(), "--set", "data.target=zz")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "\x1b" not in result.err
    result = cli("predict", "no\nsuch\x1b[31m.npz", "d.csv")
    assert result.err == (
        "nnfit: error: no\\nsuch\\x1b[31m.npz: no such file; 'nnfit train' writes one\n"
    )


def test_noise_is_never_a_traceback(cli: Commands, folder: Path, rng: np.random.Generator) -> None:
    """Random bytes as config, data and model: one line that names the file, exit code 2."""
    for size in (1, 7, 100, 5000):
        noise = rng.integers(256, size=size, dtype=np.uint8).tobytes()
        (folder / "noise").write_bytes(noise)
        (folder / "c.yaml").write_text(BASE.replace("d.csv", "noise"), encoding="utf-8")
        for command in ("train noise -q", TRAIN, "predict noise noise", "inspect noise"):
            result = cli(*command.split())
            assert result.code == 2, (command, result.err)
            errors = [line for line in result.err.splitlines() if ": error: " in line]
            assert len(errors) == 1, (command, result.err)
            assert errors[0].startswith("nnfit: error: noise"), errors
