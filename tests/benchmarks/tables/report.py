"""The page of `docs/tables.md`: every figure on it comes from the kept results.

What is measured and how the systems are run is told in `sets`, `systems` and `peers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from tests.benchmarks import output
from tests.benchmarks.output import Table
from tests.benchmarks.tables import measures
from tests.benchmarks.tables.results import Record, Results
from tests.benchmarks.tables.sets import SEEDS, SETS

TREES = ("CatBoost", "LightGBM", "HistGradientBoosting")


def introduction() -> str:
    """Return what is measured and how, with the constants of the code."""
    text = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    seeds = ", ".join(map(str, SEEDS))
    return Template(text).substitute(seeds=seeds, clip=f"{measures.CLIP:g}")


def page(machines: Sequence[Record], results: Results, picture: str | None) -> str:
    """Return the whole page as Markdown."""
    lines = machine_lines(machines)
    lines = lines or ["Nothing has been measured yet."]
    parts = [introduction(), "## Machine\n", "\n".join(lines) + "\n"]
    if picture:
        parts.append(f"![Mean ranks and the critical difference]({picture})\n")
    if results.failures:
        found = sorted({f"{r['system']} on {r['set']}" for r in results.failures})
        parts.append(f"Failed, and left out: {'; '.join(found)}.\n")
    return "\n".join([*parts, *map(output.markdown_table, tables(results))])


def machine_lines(machines: Sequence[Record]) -> list[str]:
    """Return a line for each machine with its versions, the commits that ran there in it."""
    commits: dict[tuple[str, ...], set[str]] = {}
    for machine in machines:
        versions = dict(machine["versions"])
        versions["blas"] = ", ".join(sorted({*versions.get("blas", "").split(", ")}))
        whole = {**machine, "versions": versions, "commit": "", "load_at_start": None}
        where, what = output.machine_lines(whole)
        told = (where, what.removeprefix("commit ; "), f"threads of each: {machine['threads']}")
        commits.setdefault(told, set()).add(machine["commit"])
    return [f"- {'; '.join(told)}; commits {', '.join(sorted(of))}" for told, of in commits.items()]


def tables(results: Results) -> list[Table]:
    """Return all tables: the overviews of each half, the ablation, then set by set."""
    found, first = [], results.first_splits()
    for role in ("reporting", "tuning"):
        for systems in groups(results):
            found += overview(results, role, systems)
        for systems in nested(first, role):  # the slow ones have been on one split alone
            if systems != groups(results)[0]:
                found += overview(first, role, systems, ", one split")
    found.append(behind(results))
    found += [ablation(results, role) for role in ("reporting", "tuning")]
    for measure, title in (("score", "Scores"), ("log_loss", "Log-loss"), ("seconds", "Seconds")):
        found.append(set_by_set(results, measure, title))
    return [table for table in found if table.rows]


def whole(systems: Sequence[str]) -> list[str]:
    """Return the systems without those of an ablation, whose names are BASE: PART."""
    return [name for name in systems if ": " not in name]


def groups(results: Results) -> list[list[str]]:
    """Return the systems that have every set, then all of them, for the sets that all have."""
    everywhere, everybody = whole(results.everywhere()), whole(results.systems)
    return [everybody] if everywhere in ([], everybody) else [everywhere, everybody]


def nested(results: Results, role: str) -> list[list[str]]:
    """Return the systems that have the most sets, then those with the next ones, and so on."""
    n = {name: len(results.common([name], role)) for name in whole(results.systems)}
    each = sorted({*n.values()} - {0}, reverse=True)
    return [[name for name in n if n[name] >= least] for least in each]


def ablation(results: Results, role: str) -> Table:
    """Return what each part is worth: the system without it beside the system itself."""
    table = Table(
        f"{role.capitalize()}: one part changed at a time",
        [
            "changed",
            "tables",
            "error / the whole's - 1",
            "log-loss, difference",
            "better–same–worse",
        ],
        remarks=["Above 0 the part earns its place; means over the tables."],
    )
    for system in results.systems:
        base, mark, part = system.partition(": ")
        sets = results.common([base, system], role)
        if not mark or not sets:
            continue
        floors = results.floors(sets)[:, None]
        errors = np.maximum(results.means(sets, [base, system], "error"), floors)
        with_loss = results.common([base, system], role, "log_loss")
        losses = results.means(with_loss, [base, system], "log_loss")
        difference = f"{np.mean(losses[:, 1] - losses[:, 0]):+.3f}" if with_loss else "–"
        relative = f"{100 * np.mean(errors[:, 1] / errors[:, 0] - 1):+.1f} %"
        counts = count(results, sets, system, base)
        table.rows.append([f"{base}: {part}", str(len(sets)), relative, difference, counts])
    return table


def count(results: Results, sets: Sequence[str], mine: str, peer: str) -> str:
    """Return on how many sets a system beats another, is within one standard error, loses."""
    found = [
        measures.compare(*(results.values(name, who, "score") for who in (mine, peer)))
        for name in sets
    ]
    return "–".join(str(found.count(outcome)) for outcome in (1, 0, -1))


def overview(results: Results, role: str, systems: list[str], which: str = "") -> list[Table]:
    """Return mean ranks and relative errors, and nnfit's wins and losses."""
    sets, with_loss = (results.common(systems, role, m) for m in ("score", "log_loss"))
    if not sets or len(systems) < 2:
        return []
    scores = results.means(sets, systems, "score")
    ranks = measures.mean_ranks(scores)
    losses = results.means(with_loss, systems, "log_loss")
    loss_ranks = measures.mean_ranks(-losses) if with_loss else np.full(len(systems), np.nan)
    errors = measures.relative_errors(results.means(sets, systems, "error"), results.floors(sets))
    difference = measures.critical_difference(len(systems), len(sets))
    table = Table(
        f"{role.capitalize()}: {len(systems)} systems on {len(sets)} tables{which}",
        [
            "system",
            "mean rank of score",
            "of log-loss",
            "relative error, mean",
            "median",
            "seconds, median",
        ],
        remarks=[
            f"Critical difference of two mean ranks of score (Nemenyi, 5 %): {difference:.2f}; "
            f"Friedman's test: p = {measures.friedman(scores):.2g}. Log-loss on "
            f"{len(with_loss)} tables of classes. " + quiet(results),
            "Tables: " + ", ".join(sets) + ".",
        ],
    )
    for i in np.argsort(ranks):
        seconds = np.median(results.means(sets, [systems[i]], "seconds"))
        loss = "–" if np.isnan(loss_ranks[i]) else f"{loss_ranks[i]:.2f}"
        relative = [f"{100 * f(errors[:, i]):.1f} %" for f in (np.mean, np.median)]
        table.rows.append([systems[i], f"{ranks[i]:.2f}", loss, *relative, f"{seconds:.2g}"])
    # of one split there is no standard error
    return [table] if which else [table, duels(results, role, systems)]


def behind(results: Results) -> Table:
    """Return where a boosted tree has the better score, beyond one standard error."""
    table = Table("Where trees stay ahead", ["table", "rows", "for", "nnfit", "best tree", "score"])
    for name in sorted(results.by_set, key=results.size):
        trees = [tree for tree in TREES if tree in results.by_set[name]]
        scores = {system: results.values(name, system, "score") for system in trees}
        if "nnfit" not in results.by_set[name] or not trees:
            continue
        best, own = (
            max(trees, key=lambda t: scores[t].mean()),
            results.values(name, "nnfit", "score"),
        )
        if len(scores[best]) == len(own) and measures.compare(own, scores[best]) < 0:
            row = [name, f"{results.size(name)[1]:,}", SETS[name].role, spell(own), best]
            table.rows.append([*row, spell(scores[best])])
    return table


def quiet(results: Results) -> str:
    records = [r for s in results.by_set.values() for x in s.values() for r in x.values()]
    busy = any(not record["quiet"] for record in records)
    return "The machine had other work: its seconds say little." if busy else ""


def duels(results: Results, role: str, systems: list[str]) -> Table:
    """Return wins, ties and losses of each nnfit against each peer."""
    sets = results.common(systems, role)
    mine = [name for name in systems if name.startswith("nnfit")]
    table = Table(
        f"{role.capitalize()}: wins – within one standard error – losses of nnfit, in score",
        ["against", *mine],
    )
    for peer in systems:
        cells = ["" if own == peer else count(results, sets, own, peer) for own in mine]
        if any(cells):
            table.rows.append([peer, *cells])
    return table


def set_by_set(results: Results, measure: str, title: str) -> Table:
    """Return the mean and standard error of every set and system."""
    systems = whole(results.systems)
    table = Table(
        f"{title}, table by table: mean over the splits ± standard error",
        ["table", "rows", "for", *systems],
    )
    for name in sorted(results.by_set, key=results.size):
        measured = results.by_set[name]
        cells = []
        for system in systems:
            records = measured.get(system, {}).values()
            known = records and all(measure in record for record in records)
            cells.append(spell(results.values(name, system, measure)) if known else "–")
        if set(cells) != {"–"}:
            row: list[Any] = [name, f"{results.size(name)[1]:,}", SETS[name].role]
            table.rows.append([*row, *cells])
    return table


def spell(values: np.ndarray) -> str:
    error = measures.standard_error(values)
    spread = "" if np.isnan(error) else f" ± {error:.2g}"
    return f"{values.mean():.4g}{spread}"
