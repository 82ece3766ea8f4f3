"""Writes what README.md tells of `nnfit.nn.names`, and the table of docs/presets.md.

Nothing else of them is touched; the tests hold that they are as this module writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nnfit.config import presets
from nnfit.nn import names

README = Path(__file__).resolve().parents[1] / "README.md"
PRESETS = README.parent / "docs" / "presets.md"
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
    for name, a in names.EVERY_OUTPUT.items():
        hidden = name in names.ACTIVATIONS
        key = "model.activation" if hidden else "model.output_activation"
        others = [loss for loss, of in names.LOSSES.items() if of.output_activation == name]
        own = () if name in names.OUTPUT_ACTIVATIONS else tuple(others)
        yield key, name, a.meaning, (a.initialization,) if hidden else own
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


def with_presets(text: str) -> str:
    """Return docs/presets.md with its table as the presets are."""
    lines = "".join(
        f"| `{key}` | {' | '.join(presets.told(row[name]) for name in presets.NAMES)} |\n"
        for key, row in presets.PRESETS.items()
    )
    heads = re.escape("| ".join(["", "key ", *(f"`{name}` " for name in presets.NAMES)]))
    table = rf"({heads}\|\n[|-]+\n)(?:\|.*\n)*"
    text, n = re.subn(table, lambda found: found[1] + lines, text)
    assert n == 1, "the table is missing, or is there twice"
    return text


if __name__ == "__main__":
    PRESETS.write_text(with_presets(PRESETS.read_text(encoding="utf-8")), encoding="utf-8")
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
