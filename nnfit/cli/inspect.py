"""`nnfit inspect`: what a model file holds."""

from __future__ import annotations

from nnfit.cli.options import JsonOption, ModelArgument, QuietOption, print_result


def inspect(model: ModelArgument, json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Show a model's layers, columns, classes and metrics.

    Example: nnfit inspect iris.npz
    """
    from nnfit.model.file.reading import load
    from nnfit.model.inspection import describe
    from nnfit.report import print_inspection

    info = describe(load(model), model)
    print_result(info, json, print_inspection)
