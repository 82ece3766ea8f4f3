"""A model for tables that are written otherwise than those it was trained on.

The numbers that it computes stay what they are.
"""

from __future__ import annotations

from dataclasses import replace

from nnfit.model.model import Model
from nnfit.table.coding import NumberCode
from nnfit.table.spelling import Spelling


def as_written(model: Model, delimiter: str | None, decimal: str | None) -> Model:
    """Return the model for CSVs with another delimiter or decimal mark; None leaves its own."""
    data, known = dict(model.config["data"]), model.kept.data
    if delimiter is not None:
        data["delimiter"] = delimiter
    if decimal is None or decimal == known.decimal:
        return replace(model, config={**model.config, "data": data})
    data["decimal"] = decimal
    if known.thousands == decimal:
        data["thousands"] = "." if decimal == "," else None
    columns = [
        replace(code, spelling=_respelt(code.spelling, decimal))
        if isinstance(code, NumberCode) and code.kind == "numeric"
        else code
        for code in model.encoder.columns
    ]
    scaler = model.scaler
    if scaler is not None:
        spelt = {name: _respelt(scaler.spellings.get(name), decimal) for name in scaler.targets}
        others = {name: spelling for name, spelling in spelt.items() if spelling is not None}
        scaler = replace(scaler, spellings=others)
    return replace(
        model,
        config={**model.config, "data": data},
        encoder=replace(model.encoder, columns=tuple(columns)),
        scaler=scaler,
    )


def _respelt(spelling: Spelling | None, decimal: str) -> Spelling | None:
    """Return a spelling with another decimal mark, the other one between thousands."""
    spelling = spelling or Spelling()
    thousands = spelling.thousands
    if thousands in (None, ",", "."):
        thousands = "." if decimal == "," else ","
    return replace(spelling, decimal=decimal, thousands=thousands)
