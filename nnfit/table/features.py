"""The config's list of features as expressions; what one expression means is in `expressions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnfit.errors import ConfigError
from nnfit.table.expressions import Expression, column, parse


def parse_features(
    features: Sequence[str] | None,
    known_columns: Sequence[str],
    where: str,
    refused: Mapping[str, str] | None = None,
) -> list[Expression]:
    """Return the features of a config as expressions, `*` (and None) as every column by itself.

    `refused` has the columns that are no inputs, and why.

    Raises
    ------
    ConfigError
        With `where` and the feature, if one cannot be understood or is there twice.
    """
    wanted: list[Expression] = []
    for text in ("*",) if features is None else features:
        if text.strip() == "*":
            wanted += [column(name) for name in known_columns]
            continue
        try:
            wanted.append(parse(text, known_columns, refused))
        except ValueError as err:
            raise ConfigError(f"{where}: {text!r}: {err}") from err
    seen: set[tuple[bool, str]] = set()
    for expression in wanted:
        key = (
            expression.is_column,
            expression.columns[0] if expression.is_column else expression.text,
        )
        if key in seen:
            raise ConfigError(
                f"{where}: {expression.text!r} is there twice; expected every feature once "
                "('*' stands for every column)"
            )
        seen.add(key)
    return wanted
