"""The table of a gradient check on stdout: a row per parameter, what failed, and the verdict.

It takes the mapping that `--json` prints and works out nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from nnfit.gradcheck.checking import TOLERANCE
from nnfit.report.figures import count, cut, shape_text
from nnfit.report.screen import Cell, Screen

MAX_CHECKS_IN_FULL = 40
MAX_CASES_OPENED = 10
MAX_FAILURES_IN_FULL = 10

NOTHING, FAILED = "nothing to compare", "FAILED"
VERDICTS = {"ok": "green", NOTHING: "yellow", FAILED: "bold red"}  # from better to worse

BY_SLOPE = "\nby slope: {}; by value: nothing, which a bare nnfit gradcheck does"
BY_VALUE = """
by slope: W, b, s and x of each network; f'(z), l'(e) at chosen points
by value, against definitions: y_hat and loss; f(z), l(e) at chosen points"""


def print_gradcheck(result: Mapping[str, Any], stream: TextIO) -> None:
    """Print a gradient check: a row per parameter, what failed, and the verdict.

    The result holds `passed`, `max_relative_error`, `method`, `tolerance` (one figure, or one by
    method) and `checks`: for each parameter `case`, `parameter`, `shape`, `relative_error`,
    `analytic`, `numeric`, `index`, `passed`, and `method` where it is another. Where every figure
    of one is 0 it has `nothing_to_compare`, and `unreached` lists the layers (`case`, `layer`) of
    which that holds. Over 40 checks, a case gets one row in all, but for the first ten that failed.
    """
    screen = Screen(stream)
    checks = result["checks"]
    by_method = isinstance(result["tolerance"], Mapping)
    allowed = dict(result["tolerance"] if by_method else {result["method"]: result["tolerance"]})
    cases: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for check in checks:
        method = _method(result, check) if by_method else result["method"]
        cases.setdefault((str(check["case"]), method), []).append(check)
    rows = _gradcheck_rows(cases, len(checks) > MAX_CHECKS_IN_FULL)
    align = {"case": "l", "parameter": "l", "shape": "r", "relative error": "r", "verdict": "l"}
    if by_method:
        align = {"case": "l", "method": "l"} | align
    if screen.narrow:
        del align["shape"]
    table = screen.table("".join(align.values()), [*align], [[r[h] for h in align] for r in rows])
    failures = [check for check in checks if _verdict(check) == FAILED]
    blocks: list[RenderableType] = [table]
    for check in failures[:MAX_FAILURES_IN_FULL]:
        blocks += _failure(check, (TOLERANCE | allowed)[_method(result, check)])
    if len(failures) > MAX_FAILURES_IN_FULL:
        blocks.append(Text(f"\nand {len(failures) - MAX_FAILURES_IN_FULL:,} more failed"))
    blocks += _unreached(result.get("unreached", ()))
    n_cases = len({case for case, _ in cases})
    screen.write(*blocks, "", _conclusion(result, allowed, n_cases, len(failures)))


def _method(result: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    return str(check.get("method", result["method"]))


def _verdict(check: Mapping[str, Any]) -> str:
    if check["passed"]:
        return "ok"
    return NOTHING if check.get("nothing_to_compare") else FAILED


def _gradcheck_rows(
    cases: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]], shorten: bool
) -> list[dict[str, Cell]]:
    """Return a row for each check, or for all of a case where there is no room for more."""
    rows: list[dict[str, Cell]] = []
    opened = 0
    for (case, method), checks in cases.items():
        failed = [_verdict(check) for check in checks].count(FAILED)
        lines = [(str(check["parameter"]), shape_text(check["shape"]), [check]) for check in checks]
        if shorten and (not failed or opened == MAX_CASES_OPENED):
            text = f"{failed} of {len(checks)}" if failed else f"{len(checks)} in all"
            lines = [(text, "", [*checks])]
        else:
            opened += failed > 0
        for parameter, shape, judged in lines:
            error = float(np.max([check["relative_error"] for check in judged]))  # NaN, if any is
            verdict = max(map(_verdict, judged), key=[*VERDICTS].index)
            rows.append({
                "case": case, "method": method, "parameter": parameter, "shape": shape,
                "relative error": _error(error), "verdict": Text(verdict, VERDICTS[verdict]),
            })  # fmt: skip
    return rows


def _failure(check: Mapping[str, Any], tolerance: float) -> list[RenderableType]:
    index = ", ".join(str(i) for i in check["index"])
    place = f"[{index}]" if index else ""
    head = Text("\nfailed: ", "bold red")
    head.append(f"{cut(str(check['case']), 50)}, {cut(str(check['parameter']), 20)}{place}", "none")
    if check.get("entries") == 0:
        return [head, Text("  nothing compared: a kink beside every entry; try --method complex")]
    figures = (
        f"  analytic {check['analytic']:.6e}, numeric {check['numeric']:.6e},"
        f" relative error {_error(check['relative_error'])} > {tolerance:.0e}"
    )
    return [head, Text(figures)]


def _unreached(layers: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Say which layers the check says nothing of, and what to do."""
    if not layers:
        return []
    blocks: list[RenderableType] = []
    for of in layers[:MAX_FAILURES_IN_FULL]:
        head = Text("\nnothing to compare: ", "bold red")
        blocks.append(head.append(f"{cut(str(of['case']), 50)}, layer {of['layer']}", "none"))
    return [*blocks, Text(
        "  every gradient is 0 on these rows, so no mistake could show: units there or\n"
        "  above are saturated, dead or 0. Name other rows with --data, or start from\n"
        "  other weights: seed, model.initialization"
    )]  # fmt: skip


def _conclusion(
    result: Mapping[str, Any], allowed: Mapping[str, float], cases: int, failures: int
) -> Text:
    checks = result["checks"]
    verdicts = [_verdict(check) for check in checks]
    slopes = [check for check in checks if check.get("method") != "value"]
    values, nothing = len(checks) - len(slopes), verdicts.count(NOTHING)
    what = count(len(slopes), "gradient")
    if result["passed"] and nothing:
        what = f"{len(slopes) - nothing:,} of {what}"
    if values:
        what += f" and {count(values, 'value')}"
    what += f" in {count(cases, 'case')}"
    if nothing:
        what += f", {nothing:,} with nothing to compare"
    tolerances = ", ".join(f"{value:.0e} ({method})" for method, value in allowed.items())
    how = f"largest relative error {_error(result['max_relative_error'])}, tolerance {tolerances}"
    entries, kinks = (sum(check.get(key, 0) for check in slopes) for key in ("entries", "kinks"))
    if kinks:
        how += f"\n{entries:,} entries compared, {kinks:,} left out beside a kink"
    own = "W, b, s and x" if any(check["parameter"] == "s" for check in slopes) else "W, b and x"
    how += BY_VALUE if values else BY_SLOPE.format(own)
    if result["passed"]:
        return Text.assemble(("passed", "bold green"), f": {what}\n{how}")
    return Text.assemble(("failed", "bold red"), f": {failures:,} of {what}\n{how}")


def _error(value: float) -> str:
    return f"{value:.1e}"
