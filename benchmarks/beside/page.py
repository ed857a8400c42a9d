"""A table of results: on the terminal, and between two marks of docs/benchmarks.md with date, machine and versions."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
_TEXT = ("system", "change", "what", "remark")  # columns that are no numbers

WRITE = click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    help="put the table into this page, in place of its last",
)


class Result(NamedTuple):
    """One table, and what is to be said below it."""

    mark: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    versions: Sequence[str] = ()


def publish(result: Result, page: Path | None, load: float) -> None:
    """Print it, and write it into the page if there is one."""
    table = Table(*result.columns, title=f"{result.title}; load {load:.1f} before", box=None)
    for row in result.rows:
        table.add_row(*row)
    Console(width=max(Console().width, 200)).print(table)
    for note in result.notes:
        click.echo(note)
    if page is not None:
        _replace(page, result.mark, "\n".join(_markdown(result, load)))
        click.echo(f"written into {page}")


def _markdown(result: Result, load: float) -> Iterable[str]:
    yield f"**{result.title}**"
    yield ""
    yield "| " + " | ".join(result.columns) + " |"
    yield "|" + "|".join("---" if name in _TEXT else "---:" for name in result.columns) + "|"
    for row in result.rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""
    for note in result.notes:
        yield f"- {note}"
    yield f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}; load before: {load:.1f}; commit {commit()}"
    yield f"- {', '.join([*result.versions, *_our_versions()])}"
    yield f"- `{_command()}`"


def machine() -> str:
    """Processor, cores, memory, system."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {name}, {gigabytes:.0f} GiB, Linux {platform.release().partition('-')[0]}"


def commit() -> str:
    """The commit that is checked out, and whether something differs from it."""
    git = ["git", "-C", str(ROOT)]
    named = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=False)
    differs = any(not line.endswith("docs/benchmarks.md") for line in changed.stdout.splitlines())
    return (named.stdout.strip() or "unknown") + (" with changes" if differs else "")


def _our_versions() -> list[str]:
    packages = ("prefect", "snowflake-snowpark-python", "duckdb", "aiohttp")
    return [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]


def _command() -> str:
    said = [one for one in sys.argv[1:] if one != "--write" and not one.endswith(".md")]
    return shlex.join([".venv/bin/python", f"benchmarks/{Path(sys.argv[0]).name}", *said])


def _replace(page: Path, mark: str, text: str) -> None:
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = page.read_text("utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise click.ClickException(f"{page} has no {start} … {end}")
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", "utf-8")
