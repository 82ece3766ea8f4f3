"""Puts the tables on the terminal, into Markdown, and the figures into JSON.

The picture is drawn in `picture`, which alone needs matplotlib.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from threadpoolctl import threadpool_info

from tests.benchmarks.workers import ROOT

COLOURS = {"reached": "green", "equal": "green", "missed": "red", "NOT EQUAL": "bold red"}


@dataclass
class Table:
    """A title, a header, rows of text and remarks."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def describe_machine(versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what the figures depend on, for JSON and Markdown."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        cpu = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), cpu)
    blas = [f"{x['internal_api']} {x['version']}" for x in threadpool_info()
            if x["user_api"] == "blas"]  # fmt: skip
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "commit": commit(),
        "versions": {"python": platform.python_version(), "blas": ", ".join(blas), **versions},
    }


def commit() -> str:
    """Return the checkout's commit, with "+" when files of nnfit differ from it."""
    try:
        head = git("rev-parse", "--short", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--", "nnfit") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def machine_lines(machine: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    load = machine["load_at_start"]
    busy = "" if load is None else f", load {load:.2f} at the start"
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}{busy}",
        f"commit {machine['commit']}; {versions}",
    ]


def print_table(console: Console, table: Table) -> None:
    """Show a table, verdicts in colour, its remarks below."""
    shown = RichTable(title=table.title, title_justify="left", title_style="bold", expand=False)
    for column in table.columns:
        shown.add_column(column, overflow="fold")
    for row in table.rows:
        shown.add_row(*(coloured(cell) for cell in row))
    console.print(shown)
    for remark in table.remarks:
        console.print(remark, style="dim", markup=False, highlight=False)
    console.print()


def coloured(cell: str) -> str:
    colour = next((c for word, c in COLOURS.items() if cell.endswith(word)), None)
    cell = cell.replace("[", "\\[")
    return f"[{colour}]{cell}[/]" if colour else cell


def to_markdown(machine: Mapping[str, Any], tables: Iterable[Table], remarks: Iterable[str]) -> str:
    """Return all tables as GitHub's Markdown, headings of the second level."""
    lines = [*(f"- {line}" for line in (*machine_lines(machine), *remarks)), ""]
    return "\n".join([*lines, *map(markdown_table, tables)]).rstrip() + "\n"


def markdown_table(table: Table) -> str:
    """Return a table as GitHub's Markdown, its title a heading of the second level."""
    lines = [f"## {table.title.replace('|', chr(92) + '|')}", ""]
    lines.append("| " + " | ".join(table.columns) + " |")
    lines.append("|" + "---|" * len(table.columns))
    lines += ["| " + " | ".join(row) + " |" for row in table.rows]
    lines.append("")
    for remark in table.remarks:
        lines += [remark, ""]
    return "\n".join(lines)
