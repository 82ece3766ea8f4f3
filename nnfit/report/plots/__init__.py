"""Pictures for slides: each kind drawn with matplotlib by `draw` of the module of its name.

Matplotlib is imported nowhere else. What is drawn comes ready from `nnfit.inside.pictures`;
nothing is worked out, nor any file written.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nnfit.errors import PictureError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render(kind: str, picture: object, format: str) -> bytes:
    """Return a picture of a kind as a file's contents, the same bytes every time.

    To be called after `require_matplotlib`.
    """
    from nnfit.report.plots.style import contents, slide_style

    with slide_style():
        return contents(figure_of(kind, picture), format)


def figure_of(kind: str, picture: object) -> Figure:
    """Return the figure of a picture; to be called within `slide_style`."""
    figure: Figure = import_module(f"nnfit.report.plots.{kind}").draw(picture)
    return figure


def require_matplotlib(command: str = "plot") -> None:
    """Say, before the work, what to install when matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as err:
        raise PictureError(
            f"{command}: pictures need matplotlib, which is not installed. "
            "Run: pip install matplotlib"
        ) from err
