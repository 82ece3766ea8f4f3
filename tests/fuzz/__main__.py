"""Runs one target under atheris, guided by the branches that its inputs reach, for Python 3.11+.

Exit code 0: as many inputs as asked for, and no finding. A finding is left as `crash-…`; an input
worth keeping goes to `tests/fuzz/corpus/TARGET/`, which the default suite replays.
"""

from __future__ import annotations

import argparse
import pkgutil
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path

NAMES = (
    *("config", "csv", "expression", "graph", "model"),
    *("explain", "plot", "checkpoint", "flatten"),
)


def main() -> None:
    """Parse the options, then hand over to libFuzzer, which ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--runs", type=int, default=200_000, help="how many inputs")
    parser.add_argument("--seconds", type=int, default=0, help="or those of so long; 0 is no limit")
    parser.add_argument("--seed", type=int, default=1, help="the same inputs for the same seed")
    options = parser.parse_args()

    import atheris

    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest has it
    with atheris.instrument_imports(include=["nnfit", "PIL"]):
        from fuzz.targets import TARGETS

        _import_all()
    target = TARGETS[options.target]
    home = Path(__file__).parent / "corpus" / target.name
    with tempfile.TemporaryDirectory(prefix="nnfit-fuzz-") as folder:
        found = Path(folder, "found")
        found.mkdir()
        for number, seed in enumerate(target.seeds()):
            (found / f"seed-{number}").write_bytes(seed)
        words = Path(folder, "words")
        escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.tokens)
        words.write_text("".join(f'"{token}"\n' for token in escaped), encoding="ascii")
        arguments = [
            *(f"-runs={options.runs}", f"-seed={options.seed}", f"-dict={words}"),
            f"-max_total_time={options.seconds}",
            *("-max_len=6000", "-len_control=0", "-timeout=300", "-rss_limit_mb=3000"),
            *("-print_final_stats=1", "-verbosity=1"),
        ]
        atheris.Setup(
            [sys.argv[0], *arguments, str(found), *([str(home)] if home.is_dir() else [])],
            target.run,
        )
        atheris.Fuzz()


def _import_all() -> None:
    """Import what is imported late otherwise, so that its branches are seen."""
    from PIL import Image

    import nnfit

    Image.init()
    for module in pkgutil.walk_packages(nnfit.__path__, "nnfit."):
        with suppress(ImportError):  # what an extra is missing for
            if not module.name.endswith("__main__"):
                import_module(module.name)


if __name__ == "__main__":
    main()
