"""Writes what README.md tells of `nnfit.nn.names`: the table, and the lists in the config.

Nothing else of it is touched; the tests hold that it is as this module writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nnfit.nn import names

README = Path(__file__).resolve().parents[1] / "README.md"
TABLE = re.compile(r"(?<=\| key \| value \| meaning \| with \|\n\|---\|---\|---\|---\|\n)(\|.*\n)+")
LISTS = {
    "activation": " ".join(names.ACTIVATIONS),
    "initialization": " | ".join(("auto", *names.INITIALIZATIONS)),
    "loss": " ".join(names.LOSSES),
    "name": " ".join(names.OPTIMIZERS),
    "schedule": " ".join(names.SCHEDULES),
}


def rows() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield the key, a value, its meaning, and what goes with it."""
    for name, a in names.OUTPUT_ACTIVATIONS.items():
        hidden = name in names.ACTIVATIONS
        key = "model.activation" if hidden else "model.output_activation"
        yield key, name, a.meaning, (a.initialization,) * hidden
    for name, loss in names.LOSSES.items():
        yield "loss", name, loss.meaning, (loss.output_activation,)
    for name, rule in names.OPTIMIZERS.items():
        yield "optimizer.name", name, rule.meaning, rule.uses
    for name, rule in names.SCHEDULES.items():
        yield "optimizer.schedule", name, rule.meaning, rule.uses
    for name, meaning in names.INITIALIZATIONS.items():
        yield "model.initialization", name, meaning, ()


def written(text: str) -> str:
    """Return the README with its table and lists as the names are."""
    lines, above = "", ""
    for key, name, meaning, others in rows():
        cells = (f"`{key}`" if key != above else "", f"`{name}`", meaning.replace("|", r"\|"))
        lines += f"| {' | '.join(cells)} | {', '.join(f'`{other}`' for other in others)} |\n"
        above = key
    text, places = TABLE.subn(lambda _: lines, text)
    for key, listed in LISTS.items():
        comment = rf"(?m)^((?:  )?{key}: \w+ +# )[^;\n]*"
        text, n = re.subn(comment, rf"\g<1>{listed}", text)
        places += n
    assert places == 1 + len(LISTS), "a table or a list is missing, or is there twice"
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
