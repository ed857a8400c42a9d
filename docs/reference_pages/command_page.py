"""docs/reference/command-line.md: every command and option, as click knows them."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from docs.reference_pages.environment import environment_section
from docs.reference_pages.markdown import code, fenced, link, note, prose, table
from flows.__main__ import EXIT_INTERRUPTED, EXIT_MENDABLE, cli

MAKEFILE = Path(__file__).parents[2] / "Makefile"
_TARGET = re.compile(r"^([a-z-]+):.*?## (.*)$", re.M)

HEAD = """# The command line

`distill` is in `.venv/bin` once `make install` has run. `distill COMMAND --help` says what stands here.
RUN is the beginning of a run's id, as `distill show` lists them. KEY is a path as in [yaml.md](yaml.md), and VALUE is
read as YAML reads it. `--engine` is `local`, or the name of a connection in `connections.toml`.
"""


def page() -> str:
    """The whole page."""
    commands = list(_commands(cli, "distill"))
    overview = [(link(name, code(name)), _in_short(command, name)) for name, command in commands]
    return "\n".join(
        [
            note("the commands in flows/"),
            HEAD,
            "## All commands\n",
            table(("command", "what it does"), overview),
            *(_section(name, command) for name, command in commands),
            "## Exit codes\n",
            table(("code", "when"), _exit_codes()),
            "## Environment variables\n",
            environment_section(),
            "## make\n",
            table(("target", "what it does"), _targets()),
        ]
    )


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its whole name, in alphabetical order."""
    if isinstance(command, click.Group):
        for inner in sorted(command.commands):
            yield from _commands(command.commands[inner], f"{name} {inner}")
    else:
        yield name, command


def _in_short(command: click.Command, name: str) -> str:
    """The first sentence; inside a group, whose name says what it is about, that name, too."""
    _, *groups, _ = name.split()
    about = f"{' '.join(groups)}: " if groups else ""
    return prose(about + command.get_short_help_str(200))


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    options = [found for each in command.params if (found := each.get_help_record(context)) and found[1]]
    parts = [f"## {name}\n", fenced(usage), *(f"{prose(text)}\n" for text in paragraphs)]
    if options:
        parts.append(table(("option", "meaning"), [(code(flags), prose(text)) for flags, text in options]))
    return "\n".join(parts)


def _exit_codes() -> list[tuple[str, str]]:
    return [
        ("0", "done"),
        ("1", "`distill models`: a model did not answer; else a defect, with its traceback"),
        (str(EXIT_MENDABLE), "something that you can mend; the message says how ([errors](../errors.md))"),
        (str(EXIT_INTERRUPTED), "stopped by Ctrl-C; the same command goes on"),
    ]


def _targets() -> list[tuple[str, str]]:
    return [(code(f"make {target}"), prose(text)) for target, text in _TARGET.findall(MAKEFILE.read_text("utf-8"))]
