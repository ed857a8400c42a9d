"""What a Markdown page holds: blocks of code, commands in them, headings, links."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PROGRAMS = {"make", "distill", "prefect", "python", "python3", "pip", "git", "cd", "curl", "ollama", "printf", "pytest"}
PROGRAMS |= {"echo", "kill", "export", "docker", "snow", "snowsql", "cp", "cat", "sed", "uv", "chmod", "mkdir"}
SHELL = {"console", "bash", "sh", "shell"}
FILE = re.compile(r"# ([\w./-]+\.(?:yaml|yml|toml))\n")  # the first line of a block that is a whole file
USAGE = re.compile(r"\[OPTIONS\]|^usage:", re.IGNORECASE)
MARKDOWN = MarkdownIt().enable("table")


class Block(NamedTuple):
    """A block of code and where it stands."""

    page: str
    line: int
    info: str  # what stands behind the fence; '' for an indented block
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def file(self) -> str:
        """The file that the block is the content of; '' if it is none."""
        found = FILE.match(self.text)
        return found[1] if found else self.info.partition(" ")[2]


class Command(NamedTuple):
    """A command that a page tells its reader to type."""

    page: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """The README and docs/, in the order in which a stranger reads them; decisions are no instructions."""
    docs = sorted((ROOT / "docs").rglob("*.md"), key=lambda path: (path.parent.name != "guides", path.as_posix()))
    return [ROOT / "README.md", *(path for path in docs if path.name != "decisions.md")]


def _tokens(page: Path) -> Iterator[Token]:
    for token in MARKDOWN.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(page: Path) -> list[Block]:
    """Every fenced or indented block, those in lists included."""
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(name, token.map[0] + 1, token.info.strip(), token.content)
        for token in _tokens(page)
        if token.type in {"fence", "code_block"} and token.map
    ]


def commands(block: Block) -> list[Command]:
    """The commands of a block: all of one for a shell, what is behind `$ ` where output is shown, too; of a block
    without a language, what begins with a program."""
    lines = block.text.splitlines()
    has_prompt = any(line.startswith("$ ") for line in lines)
    if not has_prompt and block.language not in SHELL and (block.language or not _begins(lines)):
        return []
    found: list[Command] = []
    open_line = ""
    for number, line in enumerate(lines, block.line + (1 if block.info else 0)):
        if not open_line and has_prompt and not line.startswith("$ "):
            continue
        said = f"{open_line}\n{line}" if open_line else line.removeprefix("$ ")
        if not _is_whole(said):
            open_line = said
        elif said.split("#")[0].strip() and not USAGE.search(said):
            found.append(Command(block.page, number, _without_remark(said)))
            open_line = ""
        else:
            open_line = ""
    assert not open_line, f"{block.page}:{block.line}: a command that does not end"
    return found


def program(text: str) -> str:
    """The name of the program that a command starts, without its folder and the variables before it."""
    words = shlex.split(text, comments=True)
    return next((word.rsplit("/", 1)[-1] for word in words if "=" not in word.partition("/")[0]), "")


def _begins(lines: list[str]) -> bool:
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    try:
        return program(first.partition('"')[0]) in PROGRAMS
    except ValueError:
        return False


def _is_whole(said: str) -> bool:
    if said.rstrip().endswith("\\"):
        return False
    try:
        shlex.split(said, comments=True)
    except ValueError:
        return False
    return True


def _without_remark(said: str) -> str:
    """A command without the remark behind it, so that equal commands are equal."""
    for found in re.finditer(r"\s+# ", said):
        if "\n" not in said[found.start() :] and _is_whole(said[: found.start()]):
            return said[: found.start()].strip()
    return said.strip()


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: list[str] = []
    for before, token in pairwise(_tokens(page)):
        if before.type == "heading_open":
            plain = "".join(child.content for child in token.children or () if child.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    named = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    return {*found, *named}


def links(page: Path) -> list[str]:
    """Where links and pictures lead to, those to other hosts left out."""
    found = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in _tokens(page)]
    return [target for target in found if target and not re.match(r"[a-z]+:", target)]
