"""One output stream and what it can show: a terminal or not, colour, width, characters.

Rich renders here and nowhere writes by itself, but for the live display; text from the user's
data always travels as `Text`, so that it is never read as markup.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from typing import Any, TextIO, cast

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from nnfit.report.figures import clean

DEFAULT_WIDTH = 80
MIN_WIDTH = 20
ROOMY_WIDTH = 60
MAX_ROWS = 5000  # of a table: laying them out takes seconds

Cell = str | Text

# One character for one, so that columns stay aligned where the encoding is not a Unicode one.
_ASCII = str.maketrans("…★–—×→·▁▂▃▄▅▆▇█│─├└░▒▓•", "~*--x>,.:-=+*#@|-+`.+#*")
# The letters of formulas, which nothing stands below.
_SPELT = str.maketrans({
    "ŷ": "y_hat", "φ": "phi", "σ": "sigma", "α": "alpha", "π": "pi", "ℓ": "l", "∂": "d",
    "Σ": "sum", "√": "sqrt", "′": "'", "ᵀ": "^T", "✓": "ok", "·": "*", "⊙": ".*",
    **{raised: f"^{n}" for n, raised in enumerate("²³⁴⁵⁶⁷⁸⁹", 2)}, "−": "-", "←": "<-",
    "≤": "<=", "‖": "||",
})  # fmt: skip


class _NarrowEncoding:
    """A stream whose encoding can't hold everything: what it can't is replaced or escaped."""

    def __init__(self, stream: TextIO, encoding: str) -> None:
        self._stream = stream
        self.encoding = encoding

    def write(self, text: str) -> int:
        encoded = text.translate(_ASCII).encode(self.encoding, "backslashreplace")
        return self._stream.write(encoded.decode(self.encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Screen:
    """What can be shown on a text stream such as `sys.stderr`, and the way to write there.

    Attributes
    ----------
    interactive : bool
        A terminal that can move its cursor: not redirected, and TERM is not `dumb`.
    color : bool
        Colours may be used: on such a terminal or with FORCE_COLOR, never with NO_COLOR.
    unicode : bool
        The stream's encoding holds all characters.
    """

    def __init__(self, stream: TextIO) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        self.unicode = encoding.lower().startswith("utf")
        self.stream = stream if self.unicode else cast(TextIO, _NarrowEncoding(stream, encoding))
        dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        self.interactive = stream.isatty() and not dumb
        self._no_color = bool(os.environ.get("NO_COLOR"))
        styled = self.interactive or bool(os.environ.get("FORCE_COLOR"))
        self.color = styled and not self._no_color

    @property
    def width(self) -> int:
        """Columns to write in: COLUMNS, else the terminal's, else 80."""
        width = _columns_wanted()
        if width is None and self.interactive:
            with suppress(OSError, ValueError):
                width = os.get_terminal_size(self.stream.fileno()).columns
        return max(MIN_WIDTH, width or DEFAULT_WIDTH)

    def live_console(self) -> Console:
        """Return a console that writes straight to the stream and follows its width."""
        wanted = _columns_wanted()
        width = None if wanted is None else max(MIN_WIDTH, wanted)
        return Console(
            file=self.stream, force_terminal=True, no_color=self._no_color, width=width,
            highlight=False,
        )  # fmt: skip

    def write(self, *renderables: RenderableType, wrap: bool = True) -> None:
        """Write each renderable from the start of a line, in one piece."""
        styled = self.color or self.interactive
        text = StringIO()
        console = Console(
            file=text, force_terminal=styled, color_system="auto" if styled else None,
            no_color=not self.color, legacy_windows=False, width=self.width, highlight=False,
        )  # fmt: skip
        for renderable in renderables:
            console.print(renderable, soft_wrap=not wrap)
        # Rich fills cells with blanks up to the table's edge; a plain file is better without.
        lines = text.getvalue().split("\n")
        self.stream.write("\n".join(line.rstrip() for line in lines))
        self.stream.flush()

    def formula(self, text: str) -> str:
        """Return a formula in the lecture's letters, spelt out where the stream can't hold them."""
        return text if self.unicode else text.translate(_SPELT)

    @property
    def box(self) -> box.Box:
        """The lines of a frame, in the characters the stream can hold."""
        return box.ROUNDED if self.unicode else box.ASCII2

    @property
    def narrow(self) -> bool:
        """Whether tables must do with their main columns, and without frames."""
        return self.width < ROOMY_WIDTH

    @property
    def ruled(self) -> bool:
        """Whether tables get frames: on a terminal that is wide enough."""
        return self.interactive and not self.narrow

    def table(self, align: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
        """Return a table: in a frame on a wide terminal, else aligned columns.

        `align` has a letter per column: `l` for names, which are cut with … when space is short,
        `r` for figures, which never are. No headers are shown when all are empty; rows are as long
        as `headers`, and plain strings in them are cleaned. Of very many rows the first are shown.
        """
        ruled = self.ruled
        table = Table(
            box=self.box if ruled else None, border_style="dim", header_style="bold",
            show_header=any(headers), pad_edge=ruled, padding=(0, 1) if ruled else (0, 2, 0, 0),
        )  # fmt: skip
        for letter, header in zip(align, map(clean, headers), strict=True):
            figures = letter == "r"
            if self.narrow:
                header = "\n".join(header.rsplit(" ", 1))
            table.add_column(Text(header), justify="right" if figures else "left", no_wrap=figures)
        for row in rows[:MAX_ROWS]:
            table.add_row(*(_one_line(cell) for cell in row))
        if len(rows) > MAX_ROWS:
            more = f"… {len(rows) - MAX_ROWS:,} more"
            table.add_row(more, *[""] * (len(headers) - 1))
        return table

    def fits(self, table: Table) -> bool:
        """Return whether `table` needs no cutting."""
        console = Console(file=StringIO(), width=10_000, legacy_windows=False)
        return console.measure(table).maximum <= self.width

    def pairs(self, rows: Sequence[tuple[str, Cell]]) -> Table:
        """Return two columns, names and what they hold; long values are folded."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(Text(clean(name), style="dim"), _text(value))
        return grid


def titled(title: str, renderable: RenderableType) -> Group:
    """Return `renderable` below an empty line and its title."""
    return Group(Text(""), Text(clean(title), style="bold"), renderable)


def _columns_wanted() -> int | None:
    wanted = os.environ.get("COLUMNS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else None


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(clean(cell))


def _one_line(cell: Cell) -> Text:
    text = _text(cell)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
