"""What statements about staged files share: the format that a clause means, stage references, answers as queries."""

import re
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.stages import stages
from cortex_distill.local.stages.file_formats import complete
from cortex_distill.local.stages.wording import Wording, parts_of, text_of


def rows_query(columns: dict[str, str], rows: Sequence[Sequence[object]]) -> str:
    """DuckDB text with these rows; `columns` are names with types."""
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    typed = ", ".join(f'CAST(c{place} AS {kind}) AS "{name}"' for place, (name, kind) in enumerate(columns.items()))
    values = rows or [[None] * len(columns)]
    listed = ", ".join(f"({', '.join(exp.convert(cell).sql('duckdb') for cell in row)})" for row in values)
    return f"SELECT {typed} FROM (VALUES {listed}) AS _({names})" + ("" if rows else " WHERE false")


def format_of(session: LocalConnection, clause: Any, stage: str | None = None) -> dict[str, Any]:
    """All options of FILE_FORMAT = (…) or = name; without a clause those of the stage, else CSV's own."""
    if clause is None and stage is not None and stage != "~":
        parts = parts_of(stage)
        declared = None if parts[-1].startswith("%") else session.stages.settings("stage", full_name(session, parts))
        clause = (declared or {}).get("FILE_FORMAT")
    if clause is None:
        return complete({})
    if isinstance(clause, str):
        clause = {"FORMAT_NAME": clause}
    if not isinstance(clause, dict):
        raise unsupported(f"FILE_FORMAT = {clause}")
    given = {key: value for key, value in clause.items() if key != "FORMAT_NAME"}
    if name := clause.get("FORMAT_NAME"):
        full = full_name(session, parts_of(str(name)))
        named = session.stages.settings("format", full)
        if named is None:
            raise stages.missing("format", full)
        given = {**named["options"], **given}
    return complete(given)


def full_name(session: LocalConnection, parts: tuple[str, ...]) -> tuple[str, str, str]:
    """The name with the session's current database and schema where it has none."""
    return stages.full_name(parts, session.database, session.schema)


def reference(words: Wording) -> str:
    """A stage reference, bare or in quotes; a syntax error if none is next."""
    word = words.next()
    text = text_of(word.text) if word.kind == "text" else word.text
    if not text.startswith("@"):
        words.at -= 1
        raise words.error()
    return text


def matching(names: list[str], pattern: Any) -> list[str]:
    """Those that PATTERN, a regular expression for the whole name, lets through."""
    return names if pattern is None else [name for name in names if re.fullmatch(str(pattern), name)]
