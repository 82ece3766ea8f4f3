"""Pictures for slides: each kind drawn with matplotlib, the only place that imports it.

What is drawn comes ready from `nnfit.inside.pictures`; nothing is worked out, nor any file written.
"""

from __future__ import annotations

from nnfit.errors import PictureError

FORMATS = ("png", "svg", "pdf")


def render(picture: object, format: str) -> bytes:
    """Return a picture of `nnfit.inside.pictures` as a file's contents, the same bytes every time.

    Raises
    ------
    PictureError
        When matplotlib is not installed.
    """
    require_matplotlib()
    from nnfit.report.plots.drawing import draw
    from nnfit.report.plots.style import contents, slide_style

    with slide_style():
        return contents(draw(picture), format)


def require_matplotlib() -> None:
    """Say, before the work, what to install when matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as err:
        raise PictureError(
            "plot: pictures need matplotlib, which is not installed. Run: pip install 'nnfit[plot]'"
        ) from err
