"""Numbers, times, sizes and names as short text.

Nothing here knows of a terminal: text goes in or comes out, and no colour is chosen.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from rich.cells import cell_len, set_cell_size

from nnfit.errors import printable

MISSING = "–"
BLOCKS = "▁▂▃▄▅▆▇█"
WIDE_RANGE = 20.0  # largest / smallest loss beyond which the scale is logarithmic


def is_number(value: Any) -> bool:
    """Return whether `value` is one real number (booleans are not)."""
    return isinstance(value, Real) and not isinstance(value, bool)


def scalars(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the metrics that are one figure, or None where there is none to give."""
    return {name: v for name, v in (metrics or {}).items() if is_number(v) or v is None}


def number(value: Any) -> str:
    """Return a figure in at most about nine characters; integers stay whole.

    >>> number(0.96666), number(523412.21), number(1.23456e-7), number(150), number(None)
    ('0.9667', '523412.2', '1.235e-07', '150', '–')
    """
    if value is None:
        return MISSING
    if isinstance(value, Integral) or not is_number(value):
        return clean(str(value))
    value = float(value)
    size = abs(value)
    if not math.isfinite(value) or size == 0:
        return f"{value:g}"
    if not 1e-3 <= size < 1e7:
        return f"{value:.3e}"
    decimals = 4 if size < 100 else 2 if size < 1e4 else 1
    return f"{value:.{decimals}f}"


def clock(seconds: float) -> str:
    """Return a time as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Return a time span: seconds with a fraction below a minute, then as `clock`."""
    if seconds >= 60:
        return clock(seconds)
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def read_so_far(done: int, total: int | None) -> str:
    """Return `12.5 of 50.0 MB, 25 %`, or the megabytes (10**6 bytes) alone without a total."""
    if not total:
        return f"{done / 1e6:.1f} MB"
    done = min(done, total)
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {100 * done // total} %"


def clean(text: str) -> str:
    r"""Return `text` with whatever could move a cursor or turn text around spelt out.

    Control characters (C0 and C1), line and paragraph separators, direction marks and lone
    surrogates become escapes such as `\x1b`; joiners stay, since emoji are built with them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(printable(c) if _is_unsafe(c) else c for c in text)


def _is_unsafe(character: str) -> bool:
    unsafe = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return unsafe and character not in "\u200c\u200d"


def cut(text: str, width: int) -> str:
    """Return `text`, cleaned, in at most `width` terminal cells, with … where it was cut."""
    text = clean(text)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def listed(names: Sequence[str], shown: int = 6, width: int = 20) -> str:
    """Return the first `shown` names, each cut to `width` cells, and how many more there are."""
    head = ", ".join(cut(str(name), width) for name in names[:shown])
    return head if len(names) <= shown else f"{head}, and {len(names) - shown} more"


def count(n: int, noun: str) -> str:
    """Return `1 row`, `2,000 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}{'es' if noun.endswith('s') else 's'}"


def shape_text(shape: Sequence[int]) -> str:
    """Return `8 × 4`, or `scalar`."""
    return " × ".join(str(n) for n in shape) or "scalar"


def is_wide(low: float, high: float) -> bool:
    """Return whether losses from `low` to `high` are shown on a logarithmic scale."""
    return low > 0 and high > WIDE_RANGE * low


def sparklines(series: Sequence[Sequence[float]], width: int) -> list[str]:
    """Return a line of at most `width` blocks for each series, all on one scale.

    Longer series, such as the loss of every epoch, are averaged down to `width`; figures that are
    not finite leave a gap, and a series without a finite one gets an empty line. The scale is
    logarithmic when all figures are positive and the largest is over 20 times the smallest.
    """
    finite = [float(v) for values in series for v in values if math.isfinite(v)]
    if not finite:
        return ["" for _ in series]
    scale = math.log if is_wide(min(finite), max(finite)) else float
    low, high = scale(min(finite)), scale(max(finite))
    step = (high - low) / len(BLOCKS) or 1.0
    lines = []
    for values in series:
        n, places = len(values), min(len(values), width)
        line = ""
        for i in range(places):
            bucket = values[i * n // places : (i + 1) * n // places]
            levels = [scale(v) for v in bucket if math.isfinite(v)]
            if levels:
                level = int((sum(levels) / len(levels) - low) / step)
                line += BLOCKS[min(max(level, 0), len(BLOCKS) - 1)]
            else:
                line += " "
        lines.append(line if line.strip() else "")
    return lines
