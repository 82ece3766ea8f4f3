"""`nnfit plot`: pictures of a model for a slide, and some of them as text for a terminal."""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from nnfit.cli.options import (
    SPLIT_HELP,
    DecimalOption,
    DelimiterOption,
    QuietOption,
    Split,
    UsageError,
    check_output,
    load_for,
    offering_decimal,
)
from nnfit.errors import joined
from nnfit.inside.pictures.kinds import KINDS, Options, kinds_taking
from nnfit.nn.names import METRICS, metrics_of

SEVERAL = joined([name for name, kind in KINDS.items() if kind.several], "and")
AS_TEXT = [name for name, kind in KINDS.items() if kind.text]

if TYPE_CHECKING:  # a type checker knows enums of literal names only
    PictureKind: TypeAlias = str
else:
    PictureKind = StrEnum("PictureKind", list(KINDS))


Plane = StrEnum("Plane", ["columns", "pca"])
Format = StrEnum("Format", ["png", "svg", "pdf"])


def _asked(option: str, text: str, metavar: str | None = None, **limits: Any) -> Any:
    """Return an option that some kinds take, and that says which."""
    return typer.Option(
        metavar=metavar, help=f"{text}: {', '.join(kinds_taking(option))}.", **limits
    )


def plot(  # an argument for each option of the command
    kind: Annotated[PictureKind, typer.Argument(metavar="KIND", show_default=False,
        help="What to draw.")],
    sources: Annotated[list[str] | None, typer.Argument(metavar="MODEL… [DATA|-]",
        show_default=False, help=f"A model file, several for {SEVERAL}; then a CSV. Without it, "
        "the one the model was trained on, where it is still there. For activation, names of some, "
        "or nothing; for network, a config too; for flatten, a CSV alone too.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE",
        help="Write here: .png (300 dpi), .svg or .pdf; - is stdout. Without it, "
        f"{', '.join(AS_TEXT[:-1])} and {AS_TEXT[-1]} come as text.")] = None,
    format: Annotated[Format | None, typer.Option(help="What to write, whatever the suffix.")]
        = None,
    x: Annotated[str | None, _asked("x", "The column to the right", "COL")] = None,
    y: Annotated[str | None, _asked("y", "The column upwards", "COL")] = None,
    plane: Annotated[Plane | None,
        _asked("plane", "Two columns, or two principal components")] = None,
    layer: Annotated[int | None,
        _asked("layer", f"The hidden layer, {Options.layer} by default", "K")] = None,
    shape: Annotated[str | None,
        _asked("shape", "Draw the inputs as pixels, 8x8 for example", "HxW")] = None,
    row: Annotated[int | None,
        _asked("row", f"The data row, from 1; {Options.row} by default", "N", min=1)] = None,
    metric: Annotated[str | None,
        _asked("metric", "; ".join(", ".join(metrics_of(t)) for t in METRICS), "NAME")] = None,
    repeats: Annotated[int | None,
        _asked("repeats", f"Shuffles of each column, {Options.repeats} by default", "N",
            min=1, max=1000)] = None,
    top: Annotated[int | None,
        _asked("top", f"Columns to show, {Options.top} by default", "N", min=1, max=100)] = None,
    seed: Annotated[int | None,
        _asked("seed", f"Of what is drawn at random, {Options.seed} by default", "N", min=0)]
        = None,
    member: Annotated[int | None,
        _asked("member", "Which network of a model that has several, from 1", "N")] = None,
    split: Annotated[Split | None, _asked("split", SPLIT_HELP, "PART")] = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    quiet: QuietOption = False,
) -> None:  # fmt: skip
    """Draw a picture of a model, and print the path of its file.

    Example: nnfit plot boundary iris.npz --x petal_length --y petal_width -o iris.png
    """
    from nnfit.inside.pictures.making import make_picture
    from nnfit.report import make_observer

    asked = {"x": x, "y": y, "plane": plane, "layer": layer, "shape": shape, "row": row,
             "metric": metric, "repeats": repeats, "top": top, "seed": seed, "member": member,
             "split": split}  # fmt: skip
    options = _options(kind, {option: v for option, v in asked.items() if v is not None})
    wanted = _format_of(kind, output, format)
    sources = sources or []
    models, data = _split_sources(kind, sources, may_pipe=split is None)
    names = () if models else _names(kind, sources, delimiter or decimal)
    if output is not None:
        check_output(output, sources, "for the picture")
    if wanted is not None:
        from nnfit.report.plots import require_matplotlib

        require_matplotlib()
    with closing(make_observer(quiet)) as observer, offering_decimal(decimal):
        if KINDS[kind].untrained and (models[0] == "-" or models[0].endswith((".yaml", ".yml"))):
            from nnfit.inside.sources import untrained

            loaded = [(models[0], untrained(models[0], observer))]
        else:
            loaded = [(name, load_for(name, delimiter, decimal)) for name in models]
        picture = make_picture(kind, loaded, data, options, observer, names)
    if wanted is None:
        from nnfit.report.textplots import print_plot

        print_plot(picture, sys.stdout)
    else:
        from nnfit.report.plots import render

        write_picture(render(kind, picture, wanted), output)


def _options(kind: str, asked: dict[str, Any]) -> Options:
    """Return what was asked for, and refuse what belongs to other kinds: it would be ignored."""
    for option in asked:
        if option not in KINDS[kind].options:
            owners = joined(kinds_taking(option), "and")
            raise UsageError(f"--{option} is for {owners}, not for {kind}")
    if "shape" in asked:
        asked["shape"] = _parse_shape(asked["shape"])
    return Options(**asked)


def _parse_shape(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", text)
    if not match:
        raise UsageError(f"--shape: got {text!r}; expected HEIGHTxWIDTH, such as 8x8")
    return int(match[1]), int(match[2])


def _format_of(kind: str, output: str | None, format: Format | None) -> str | None:
    """Return the format to write, None for text on stdout."""
    if output is None:
        if KINDS[kind].text and format is None:
            return None
        raise UsageError(f"{kind} is a picture: name a file with -o FILE.png, .svg or .pdf")
    return format.value if format is not None else suffix_format(output, ". Or set --format")


def suffix_format(output: str, otherwise: str = "") -> str:
    """Return the format that the suffix of a picture's file stands for, PNG for stdout."""
    if output == "-":
        return Format.png.value
    suffix = os.path.splitext(output)[1].lower()
    if suffix.removeprefix(".") not in tuple(Format):
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise UsageError(f"{output}: got {got}; expected .png, .svg or .pdf{otherwise}")
    return suffix.removeprefix(".")


def picture_format(
    output: str, sources: list[str], json: bool, command: str, option: str = "--graph"
) -> str:
    """Return the format of another command's picture, once it is sure that it can be written."""
    from nnfit.report.plots import require_matplotlib

    form = suffix_format(output)
    if output == "-" and json:
        raise UsageError(f"--json and {option} -: stdout takes one of them; name a file")
    check_output(output, sources, "for the picture")
    require_matplotlib(command)
    return form


def _split_sources(kind: str, sources: list[str], may_pipe: bool) -> tuple[list[str], str | None]:
    """Return the model files and the CSV; None stands for the CSV the model was trained on.

    With `may_pipe` it may come from stdin.
    """
    from nnfit.cli.streams import piped
    from nnfit.inside.sources import is_model_file

    if KINDS[kind].names and not any(map(is_model_file, sources)):
        return [], None
    if not sources:
        raise UsageError(f"{kind} needs a model: name its file after the kind")
    models = [sources[0], *takewhile(is_model_file, sources[1:])]
    rest = sources[len(models) :]
    if len(models) > 1 and not KINDS[kind].several:
        raise UsageError(
            f"{kind} takes one model, got {', '.join(models)}; only {SEVERAL} take several"
        )
    if len(rest) > 1:
        raise UsageError(f"got {', '.join(rest)}; expected one CSV, after the models")
    takes = KINDS[kind].data
    if takes == "none":
        if rest:
            raise UsageError(f"{kind} takes a model alone, got {rest[0]!r} as well")
        return models, None
    if rest:
        return models, rest[0]
    return models, "-" if may_pipe and takes == "needed" and piped(look=True) else None


def _names(kind: str, sources: list[str], written: str | None) -> tuple[str, ...]:
    """Return what a kind without a model is asked to show, a CSV from stdin if need be."""
    from nnfit.cli.streams import piped

    if written is not None:
        raise UsageError("--delimiter and --decimal are for the CSV of a model; name one")
    if not sources and KINDS[kind].data == "needed" and piped(look=True):
        return ("-",)
    return tuple(sources)


def write_picture(contents: bytes, output: str | None, told: bool = True) -> None:
    """Write a file and print its path unless it is not to be `told`, or write to stdout."""
    from nnfit.cli.streams import print_path
    from nnfit.storage.files import whole_file

    if output == "-":
        sys.stdout.buffer.write(contents)
        return
    assert output is not None
    with whole_file(output) as stream:
        stream.write(contents)
    if told:
        print_path(output)
