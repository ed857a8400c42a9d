"""What is assumed about Snowflake: the entries of assumptions.yaml, and the table of docs/snowflake.md made of them."""

import re
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_name("assumptions.yaml")
DOCS = "https://docs.snowflake.com/en/"
BAR = r"\|"  # inside a cell
SURE = {"documented": "documented", "elsewhere": "seen elsewhere", "open": "**open**"}


class Assumption(BaseModel):
    """One of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    topic: str
    assumed: str
    relies: list[str] = Field(min_length=1)
    """Files that rely on it."""
    says: str
    """What the documentation says, with its page; or who else has seen it."""
    sure: Literal["documented", "elsewhere", "open"]
    if_not: str
    """What happens where it is false."""
    unchecked: str = ""
    """Why no test checks it, and what would."""


def _read() -> list[Assumption]:
    topics = yaml.safe_load(FILE.read_text("utf-8"))
    return [Assumption(topic=topic, **entry) for topic, entries in topics.items() for entry in entries]


ASSUMPTIONS = _read()


def tables(checked_in: dict[str, str]) -> str:
    """A table for each topic; `checked_in`: assumption → file of its test."""
    parts = []
    for topic in dict.fromkeys(one.topic for one in ASSUMPTIONS):
        rows = [_row(one, checked_in.get(one.id, "")) for one in ASSUMPTIONS if one.topic == topic]
        head = [
            "| it is assumed | relies on it | its pages say | sure | if not | checked by |",
            "|---|---|---|---|---|---|",
        ]
        parts.append("\n".join([f"### {topic}", "", *head, *rows]))
    return "\n\n".join(parts)


def _row(one: Assumption, test: str) -> str:
    relies = ", ".join(f"[{Path(file).name}](../{file})" for file in one.relies)
    by = f"`{one.id}` in [{Path(test).name}](../{test})" if test else f"`{one.id}`: nothing; {one.unchecked}"
    says = re.sub(r"docs: ([\w/-]+)", rf"[\1]({DOCS}\1)", one.says)
    cells = (one.assumed, relies, says, SURE[one.sure], one.if_not, by)
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
