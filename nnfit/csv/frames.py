"""A frame with some of its columns replaced, whatever they are called.

`DataFrame.assign` takes the names as arguments, and so no column that is called `self`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandas import DataFrame


def with_columns(frame: DataFrame, columns: Mapping[str, Any]) -> DataFrame:
    """Return `frame` with `columns` instead of those of the same names, or beside the others."""
    changed = frame.copy(deep=False)
    for name, cells in columns.items():
        changed[name] = cells
    return changed
