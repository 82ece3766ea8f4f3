"""Every value in `meta` replaced by every odd one, and every command run on what that gives.

`python -m tests.fuzz.meta` runs it whole and prints the count; `tests/test_hostile_meta.py` runs a
dose of it.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import random
import sys
import tempfile
import time
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

import nnfit
from nnfit.cli.app import run
from nnfit.errors import ModelFileError
from nnfit.inside.pictures.kinds import KINDS
from nnfit.model.file.reading import read_model

LONGEST_LINE = 2000  # characters on stderr, "nnfit: error: " before them
LONGEST_RUN = 5.0  # seconds of the processor
REMOVED = object()
# what JSON can't be made to write, by the text that stands for it
LITERALS = {
    "@nan": "NaN",
    "@infinity": "Infinity",
    "@1e999": "1e999",
    "@10^400": str(10**400),
    "@deep": "[" * 3000 + "]" * 3000,
    "@deep objects": '{"a":' * 900 + "1" + "}" * 900,
}
VALUES: tuple[Any, ...] = (
    *(None, True, [], {}, ["x", 1], {"x": None}, "x", "", -1, 0, 0.5, 1e308, -1e308, 2**62),
    *("y" * 100_000, "\x1b[31m\n\x00\x85\u202e", REMOVED, *LITERALS),
)
ODD_NUMBERS = (2**62, -1, 0, 1e308, -1e308, np.nan, np.inf)


def tables() -> dict[str, pd.DataFrame]:
    """Return small tables: odd columns of every kind, and two targets."""
    rng = np.random.default_rng(3)
    i = np.arange(24)
    flowers = pd.DataFrame(
        {
            "size": np.where(i % 7, (i % 3 + rng.normal(0.0, 0.2, 24)).round(3).astype(str), ""),
            "colour": np.array(["red", "blue", "NA"])[(i + i // 5) % 3],
            "wet": np.array(["yes", "no"])[i % 2],
            "kind": np.array(["a", "b", "ç"])[i % 3],
        }
    )
    x = rng.uniform(1.0, 9.0, (24, 2)).round(2)
    price = 1000 * x[:, 0] + x[:, 1] ** 2 + rng.normal(0.0, 9.0, 24)
    houses = pd.DataFrame(
        {
            "area": [f"{value:.2f}".replace(".", ",") for value in x[:, 0]],
            "age": x[:, 1].astype(int),
            "n": rng.integers(1, 4, 24),
            "id": i,
            "price": [f"{value:,.0f} €".replace(",", ".") for value in price],
        }
    )
    u = rng.uniform(-1.0, 1.0, (32, 2)).round(3)
    winds = pd.DataFrame({"u": u[:, 0], "v": u[:, 1], "north": u.sum(1), "south": u[:, 0] ** 2})
    return {"flowers": flowers, "houses": houses, "winds": winds[:24], "later": winds[24:]}


CONFIGS: dict[str, dict[str, Any]] = {
    "flowers": {
        "data": {"target": "kind", "test": 0.1, "validation": "folds"},
        "model": {"members": 2, "hidden_sizes": [3], "dropout": 0.1},
        "class_weight": "balanced",
        "training": {"epochs": 4},
    },
    "houses": {
        "data": {
            "target": "price", "weight": "n", "delimiter": ";", "decimal": ",", "comment": "#",
            "missing_values": {"age": ["?"]}, "exclude": ["id"],
        },
        "features": ["*", "area**2", "log(age)"],
        "preprocessing": {"numeric": "quantile", "clamp": True},
        "model": {"hidden_sizes": [3], "activation": "tanh"},
        "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.5},
        "training": {"epochs": 3, "batch_size": 6, "keep_path": True, "dtype": "float64",
                     "record_steps": True},
    },
    "winds": {
        "data": {"target": ["north", "south"], "include": ["u", "v"], "validation": "later.csv"},
        "model": {"hidden_sizes": [3, 2, 3], "bias": True, "input_scale": True,
                  "parametrization": "ntk"},
        "preprocessing": {"numeric": "robust", "bins": 2},
        "optimizer": {"name": "adamw", "weight_decay": 0.1, "schedule": "cosine", "clip_norm": 1,
                      "betas": [0.9, 0.95], "bias_rate": 0.1, "scale_rate": 6},
        "training": {"epochs": 4, "patience": 3},
    },
}  # fmt: skip


def make_models() -> dict[str, bytes]:
    """Write the tables into the current folder, and return the models trained on them."""
    made = {}
    for name, frame in tables().items():
        frame.to_csv(f"{name}.csv", index=False, sep=";" if name == "houses" else ",")
    for name, config in CONFIGS.items():
        config = copy.deepcopy(config)
        config["data"]["path"] = f"{name}.csv"
        made[name] = nnfit.train(config).to_bytes()
    return made


# what is put where ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """What is done to which place of a model, and what makes the file."""

    model: str
    what: str
    make: Callable[[], bytes]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value within `value`, leaves and inner nodes, itself included."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(meta: Any, path: tuple[Any, ...], value: Any) -> bytes:
    """Return `meta` as JSON, with another value at a path."""
    holder = {"meta": copy.deepcopy(meta)}
    here: Any = holder
    *above, last = ("meta", *path)
    for key in above:
        here = here[key]
    if value is REMOVED:
        del here[last]
    else:
        here[last] = copy.deepcopy(value)
    text = json.dumps(holder.get("meta", ""))
    for word, literal in LITERALS.items():
        text = text.replace(f'"{word}"', literal)
    return text.encode()


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), version=(1, 0))
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return buffer.getvalue()


def mutants(name: str, raw: bytes) -> Iterator[Mutant]:
    """Yield every mutant of a model: of `meta`, and of what it keeps of its epochs."""
    with np.load(io.BytesIO(raw)) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    members = {f"{key}.npy": npy(array) for key, array in found.items()}
    meta = json.loads(found["meta"].tobytes())

    def with_meta(path: tuple[Any, ...], value: Any) -> bytes:
        text = np.frombuffer(changed(meta, path, value), np.uint8)
        return zipped({**members, "meta.npy": npy(text)})

    def with_numbers(key: str, at: Any, value: Any) -> bytes:
        other = found[key].copy()
        other[at] = value
        return zipped({**members, f"{key}.npy": npy(other)})

    for path in places(meta):
        for value in VALUES:
            shown = "removed" if value is REMOVED else repr(value)[:40]
            what = f"{'.'.join(map(str, path)) or 'meta'} {shown}"
            yield Mutant(name, what, partial(with_meta, path, value))
    for key in filter(lambda key: key.startswith("history_"), found):
        whole = found[key].dtype == np.int64
        for at in (0, -1, slice(None)):
            for odd in ODD_NUMBERS:
                if isinstance(odd, int) or not whole:
                    yield Mutant(name, f"{key} {at} {odd}", partial(with_numbers, key, at, odd))
        backwards = partial(with_numbers, key, slice(None), found[key][::-1])
        yield Mutant(name, f"{key} backwards", backwards)


# what is run on it ---------------------------------------------------------------------------

Command = tuple[str, ...]


def commands(name: str) -> list[Command]:
    """Return every command on the model m.npz."""
    csv = f"{name}.csv"
    found: list[Command] = [
        ("predict", "m.npz", csv), ("predict", "m.npz", csv, "--proba"), ("predict", "m.npz"),
        ("predict", "m.npz", csv, "--spread"), ("explain", "m.npz", csv, "--member", "2"),
        ("evaluate", "m.npz", csv), ("evaluate", "m.npz", "--json"),
        *(("evaluate", "m.npz", "--split", part) for part in ("train", "validation", "test")),
        ("activations", "m.npz", csv, "--layer", "1"), ("explain", "m.npz"),
        ("explain", "m.npz", csv, "--json"), ("explain", "m.npz", "--row", "3", "--epoch-step"),
        ("inspect", "m.npz"), ("inspect", "m.npz", "--json"), ("gradcheck", "m.npz"),
        ("gradcheck", "m.npz", "--json"),
    ]  # fmt: skip
    plane = {"flowers": ("size", "colour"), "houses": ("area", "age"), "winds": ("u", "v")}[name]
    for kind, known in KINDS.items():
        asked = ("--x", plane[0]) if "x" in known.options else ()
        asked += ("--y", plane[1]) if "y" in known.options else ()
        asked += ("--repeats", "1") if "repeats" in known.options else ()
        found.append(("plot", kind, "m.npz", *asked, "-o", "p.svg"))
        if known.text:
            found.append(("plot", kind, "m.npz", *asked))
    found.append(("plot", "residuals", "m.npz", "--split", "validation", "-o", "p.png"))
    return found


@dataclass
class Ended:
    """How a command ended."""

    code: Any
    out: str
    err: str
    seconds: float


def run_here(command: Command) -> Ended:
    """Run a command in this process, its streams taken and every warning an error."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    begin = time.process_time()
    with (
        open(os.devnull, encoding="utf-8") as nothing,
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        before, sys.stdin = sys.stdin, nothing
        try:
            code: Any = run(command)
        except BaseException as err:  # a promise broken, whatever it is
            code = repr(err)
        finally:
            sys.stdin = before
    seconds = time.process_time() - begin
    out, err = (stream.buffer.getvalue().decode(errors="replace") for stream in streams)
    return Ended(code, out, err, seconds)


def fault(command: Command, ended: Ended) -> str | None:
    """Return what is wrong with how a command ended, None if nothing is."""
    lines = ended.err.splitlines()
    allowed = (0, 1, 2) if command[0] == "gradcheck" else (0, 2)
    if ended.code not in allowed or (ended.code == 1 and "nnfit: error" in ended.err):
        return f"ends with {ended.code}"
    for word in ("this is a bug", "Traceback", "Warning", "damaged ("):
        if word in ended.err:
            return f"says {word!r}"
    if any(len(line) > LONGEST_LINE + len("nnfit: error: ") for line in lines):
        return "a line that nobody reads to its end"
    if ended.code == 2 and sum(line.startswith("nnfit: error: ") for line in lines) != 1:
        return "not one line of error"
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r" for c in ended.err):
        return "a control character on stderr"
    if ended.seconds > LONGEST_RUN:
        return f"takes {ended.seconds:.1f} s"
    return None


@dataclass
class Tally:
    """What was run, and what fell short."""

    runs: int = 0
    refused: int = 0  # of them on models that do not load
    codes: Counter[Any] = field(default_factory=Counter)
    slowest: float = 0.0
    short: list[str] = field(default_factory=list)


def attack(
    models: dict[str, bytes], dose: float, on_loaded: float, on_refused: float, seed: int
) -> Tally:
    """Run commands on mutants, in the current folder, and return how they ended.

    `dose` is the share of mutants that are taken. So many commands, on average, are drawn for a
    model that loads, and for one that is refused.
    """
    rng, tally = random.Random(seed), Tally()
    typer.main.get_command = cache(typer.main.get_command)
    for name, raw in models.items():
        known = commands(name)
        at_rest = {*os.listdir(), "m.npz"}
        for mutant in mutants(name, raw):
            if rng.random() >= dose:
                continue
            contents = mutant.make()
            Path("m.npz").write_bytes(contents)
            try:
                read_model("m.npz", io.BytesIO(contents))
                refused = False
            except ModelFileError:
                refused = True
            mean = on_refused if refused else on_loaded
            n_commands = int(mean + rng.random())
            for command in rng.sample(known, min(n_commands, len(known))):
                ended = run_here(command)
                wrong = fault(command, ended)
                if refused and ended.code != 2:
                    wrong = f"ends with {ended.code}, though the model does not load"
                picture = command[-1] if command[0] == "plot" and "-o" in command else ""
                if picture and ended.code == 0:
                    os.remove(picture)
                if set(os.listdir()) != at_rest:
                    wrong = f"leaves {sorted(set(os.listdir()) ^ at_rest)}"
                    for left in set(os.listdir()) - at_rest:
                        os.remove(left)
                tally.runs += 1
                tally.refused += refused
                tally.codes[str(ended.code)] += 1
                tally.slowest = max(tally.slowest, ended.seconds)
                if wrong is not None:
                    where = f"{mutant.model}: {mutant.what}: {' '.join(command)}"
                    tally.short.append(f"{where}: {wrong}: {ended.err[-300:]!r}")
                    print(tally.short[-1], flush=True)
    return tally


def main() -> None:
    """Run the whole attack in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.meta", description=__doc__)
    parser.add_argument("--dose", type=float, default=1.0, help="share of the mutants")
    parser.add_argument("--loaded", type=float, default=1, help="commands on a model that loads")
    parser.add_argument("--refused", type=float, default=4, help="and on one that does not")
    parser.add_argument("--models", nargs="+", choices=[*CONFIGS], default=[*CONFIGS])
    parser.add_argument("--seed", type=int, default=1, help="the same choice for the same seed")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nnfit-meta-") as home, contextlib.chdir(home):
        models = {name: raw for name, raw in make_models().items() if name in options.models}
        tally = attack(models, options.dose, options.loaded, options.refused, options.seed)
    codes = ", ".join(f"{n} with {code}" for code, n in sorted(tally.codes.items()))
    print(
        f"{tally.runs} runs ({tally.refused} on models that do not load; ended {codes}), "
        f"{len(tally.short)} short; the slowest took {tally.slowest:.1f} s of the processor; "
        f"{(time.monotonic() - begin) / 60:.0f} minutes"
    )
    sys.exit(bool(tally.short))


if __name__ == "__main__":
    main()
