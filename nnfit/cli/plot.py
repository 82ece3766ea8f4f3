"""`nnfit plot`: pictures of a model for a slide, and three of them as text for a terminal."""

from __future__ import annotations

import os
import re
import stat
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnfit.cli.options import QuietOption, UsageError, same_file
from nnfit.errors import OutputError

if TYPE_CHECKING:
    pass

AS_TEXT = ("loss", "fit", "confusion")


class PictureKind(StrEnum):
    """What there is to draw."""

    loss = "loss"
    boundary = "boundary"
    fit = "fit"
    surface = "surface"
    features = "features"
    weights = "weights"
    network = "network"
    confusion = "confusion"
    calibration = "calibration"
    residuals = "residuals"
    importance = "importance"


class Plane(StrEnum):
    """What spans the plane of a boundary."""

    columns = "columns"
    pca = "pca"


class Format(StrEnum):
    """What is written."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


def plot(
    kind: Annotated[PictureKind, typer.Argument(metavar="KIND", show_default=False,
        help="What to draw.")],
    sources: Annotated[list[str], typer.Argument(metavar="MODEL… [DATA|-]", show_default=False,
        help="A model file, several for fit; then a CSV. Without it, the one the model was trained "
        "on, where it is still there.")],
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE",
        help="Write here: .png (300 dpi), .svg or .pdf; - is stdout. Without it, loss, fit and "
        "confusion come as text.")] = None,
    format: Annotated[Format | None, typer.Option(help="What to write, whatever the suffix.")]
        = None,
    x: Annotated[str | None, typer.Option(metavar="COL", help="The column to the right: boundary, "
        "fit, features.")] = None,
    y: Annotated[str | None, typer.Option(metavar="COL", help="The column upwards: boundary, "
        "features.")] = None,
    plane: Annotated[Plane | None, typer.Option(help="Two columns, or two principal components: "
        "boundary, features.")] = None,
    layer: Annotated[int | None, typer.Option(metavar="K", help="The hidden layer, 1 by default: "
        "features.")] = None,
    shape: Annotated[str | None, typer.Option(metavar="HxW", help="Draw the inputs as pixels, 8x8 "
        "for example: weights.")] = None,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="accuracy, log_loss, f1_macro, "
        "roc_auc; rmse, mae, r2: importance.")] = None,
    repeats: Annotated[int | None, typer.Option(metavar="N", min=1, max=1000, help="Shuffles of "
        "each column, 10 by default: importance.")] = None,
    top: Annotated[int | None, typer.Option(metavar="N", min=1, max=100, help="Columns to show, 20 "
        "by default: importance.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Of what is drawn at random, "
        "0 by default: surface, importance.")] = None,
    quiet: QuietOption = False,
) -> None:  # fmt: skip
    """Draw a picture of a model, and print the path of its file.

    Example: nnfit plot boundary iris.npz --x petal_length --y petal_width -o iris.png
    """
    from nnfit.inside.pictures.making import Options, make_picture
    from nnfit.model.file.reading import load
    from nnfit.report import make_observer
    from nnfit.storage.files import check_writable, whole_file

    given = {"x": x, "y": y, "plane": plane, "layer": layer, "shape": shape, "metric": metric,
             "repeats": repeats, "top": top, "seed": seed}  # fmt: skip
    _refuse_foreign(kind, [option for option, value in given.items() if value is not None])
    size = None if shape is None else _parse_shape(shape)
    pca = plane is Plane.pca
    options = Options(x, y, pca, layer, size, metric, repeats, top, seed)
    wanted = _format_of(kind, output, format)
    models, data = _split_sources(kind, sources)
    if output is not None and output != "-":
        for source in sources:
            if same_file(output, source):
                raise OutputError(
                    f"{output}: is what is read; expected another place for the picture"
                )
        check_writable(output)
    if wanted is not None:
        from nnfit.report.plots import require_matplotlib

        require_matplotlib()
    loaded = [(name, load(name)) for name in models]
    observer = make_observer(quiet)
    try:
        picture = make_picture(kind, loaded, data, options, observer)
    finally:
        observer.close()
    if wanted is None:
        from nnfit.report.textplots import print_plot

        print_plot(picture, sys.stdout)
        return
    from nnfit.report.plots import render

    contents = render(picture, wanted)
    if output == "-":
        sys.stdout.buffer.write(contents)
        return
    assert output is not None
    with whole_file(output) as stream:
        stream.write(contents)
    print(output)


def _refuse_foreign(kind: str, given: list[str]) -> None:
    """Refuse the options that belong to other kinds: they would be ignored."""
    from nnfit.inside.pictures.making import KINDS

    for option in given:
        if option not in KINDS[kind].options:
            owners = [name for name, other in KINDS.items() if option in other.options]
            raise UsageError(f"--{option} is for {' and '.join(owners)}, not for {kind}")


def _parse_shape(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", text)
    if not match:
        raise UsageError(f"--shape: got {text!r}; expected HEIGHTxWIDTH, such as 8x8")
    return int(match[1]), int(match[2])


def _format_of(kind: str, output: str | None, format: Format | None) -> str | None:
    """Return the format to write, None for text on stdout."""
    if output is None:
        if kind in AS_TEXT and format is None:
            return None
        raise UsageError(f"{kind} is a picture: name a file with -o FILE.png, .svg or .pdf")
    if format is not None:
        return format.value
    if output == "-":
        return Format.png.value
    suffix = os.path.splitext(output)[1].lower()
    if suffix.removeprefix(".") not in tuple(Format):
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise UsageError(f"{output}: got {got}; expected .png, .svg or .pdf. Or set --format")
    return suffix.removeprefix(".")


def _split_sources(kind: str, sources: list[str]) -> tuple[list[str], str | None]:
    """Return the model files and the CSV; None stands for the CSV the model was trained on."""
    from nnfit.inside.pictures.making import KINDS
    from nnfit.inside.sources import is_model_file

    models = [sources[0]]
    for source in sources[1:]:
        if not is_model_file(source):
            break
        models.append(source)
    rest = sources[len(models) :]
    if len(models) > 1 and kind != "fit":
        raise UsageError(f"{kind} takes one model, got {', '.join(models)}; only fit takes several")
    if len(rest) > 1:
        raise UsageError(f"got {', '.join(rest)}; expected one CSV, after the models")
    takes = KINDS[kind].data
    if takes == "none":
        if rest:
            raise UsageError(f"{kind} takes a model alone, got {rest[0]!r} as well")
        return models, None
    if rest:
        return models, rest[0]
    return models, "-" if takes == "needed" and _something_piped() else None


def _something_piped() -> bool:
    """Return whether stdin is a pipe or a file, and not empty."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
            return False
        stdin: Any = sys.stdin.buffer
        return bool(stdin.peek(1))
    except (AttributeError, OSError, ValueError):  # no stdin, or none of the system's
        return False
