"""`nnfit graph`: the computation graph of an expression, forward and backward."""

from __future__ import annotations

import math
import re
import sys
from typing import Annotated

import typer

from nnfit.cli.options import JsonOption, QuietOption, print_json
from nnfit.cli.plot import picture_format, write_picture
from nnfit.errors import ConfigError, shorten


def graph(
    expressions: Annotated[list[str], typer.Argument(metavar="EXPRESSION…", show_default=False,
        help="What features of a config may hold, or NAME = EXPRESSION, a name for those after "
        "it. The last one is differentiated.")],
    at: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE",
        help="The value of a name; once for each.")] = None,
    wrt: Annotated[list[str] | None, typer.Option(metavar="NAME",
        help="Differentiate with respect to this name alone; repeatable.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE",
        help="Draw it here, and print the path: .png (300 dpi), .svg or .pdf; - is stdout.")]
        = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:  # fmt: skip
    """Show the computation graph of an expression: values forward, derivatives backward.

    Terms that occur twice are one node. Every derivative stands beside its complex step.

    Example: nnfit graph "y = x**2" "z = y**2" --at x=3
    """
    from nnfit.graph.differentiating import as_json, differentiate

    form = None if output is None else picture_format(output, [], json, "graph", "-o")
    found = differentiate(expressions, _point(at or []), [_bare(name) for name in wrt or []])
    if form is not None:
        from nnfit.report.plots import render

        write_picture(render("graph", found, form), output, told=not json)
    if json:
        print_json(as_json(found))
    elif form is None:
        from nnfit.report.graph import print_graph

        print_graph(found, sys.stdout)


def _point(settings: list[str]) -> dict[str, float]:
    """Return the numbers of --at by name."""
    from nnfit.config.scalars import Scalar

    point: dict[str, float] = {}
    for setting in settings:
        name, equals, text = setting.rpartition("=")
        name = _bare(name)
        if not (equals and name):
            raise ConfigError(f"--at {shorten(setting)}: expected NAME=VALUE, such as x=3")
        value = Scalar(text.strip(), plain=True).value
        number = float(value) if isinstance(value, int | float) else math.nan
        if isinstance(value, bool) or not math.isfinite(number):
            raise ConfigError(f"--at {name}: got {shorten(text)!r}; expected a finite number")
        if name in point:
            raise ConfigError(f"--at {name}: is there twice; expected each name once")
        point[name] = number
    return point


def _bare(name: str) -> str:
    """Return a name without the backticks that it may have in an expression."""
    return re.sub("^`(.+)`$", r"\1", name.strip())
