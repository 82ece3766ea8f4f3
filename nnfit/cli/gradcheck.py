"""`nnfit gradcheck`: the hand-written gradients against numerical ones."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from nnfit.cli.options import JsonOption, MemberOption, QuietOption, check_stdin, print_result
from nnfit.errors import ExitCode


class Method(StrEnum):
    """How the numerical derivative is taken."""

    complex = "complex"
    central = "central"
    both = "both"


class Engine(StrEnum):
    """Whose passes are checked."""

    numpy = "numpy"
    compiled = "compiled"


Bug = StrEnum("Bug", ["sign", "factor", "lost_bias", "lost_mean"])  # of a derivative, on purpose


def gradcheck(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG|MODEL",
            show_default=False,
            help="A config or model file to check on its own data; without it, small random "
            "networks of every kind.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Take the rows from this CSV.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="Complex step, central differences, or both.")
    ] = Method.complex,
    inject_bug: Annotated[
        Bug | None, typer.Option(help="Break one derivative on purpose, to see the check fail.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Whose passes are checked.")] = Engine.numpy,
    member: MemberOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check backpropagation; exit with 1 when a gradient is wrong, or a layer has none to compare.

    Example: nnfit gradcheck iris.yaml
    """
    from nnfit.inside.gradient_check import check_gradients
    from nnfit.report import make_observer
    from nnfit.report.gradcheck import print_gradcheck

    check_stdin(source or "")
    bug = None if inject_bug is None else inject_bug.value
    with closing(make_observer(quiet)) as observer:
        result = check_gradients(
            source,
            data,
            method=method.value,
            engine=engine.value,
            inject_bug=bug,
            member=member,
            observer=observer,
        )
    print_result(result, json, print_gradcheck)
    if not result["passed"]:
        raise typer.Exit(ExitCode.FAILED)
