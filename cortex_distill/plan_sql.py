"""What calls there would be, asked of the ledger by its own keys, and how long their prompts are. Makes no call.

A look is a temporary table: ask, part, key, prompt, is_open (COMPLETIONS does not answer it, nor does an earlier row).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.ledger import REPLY, Ask, keyed_sql
from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql, join, literal

if TYPE_CHECKING:
    from cortex_distill.session import Session

SAMPLE = 32  # prompts of one kind whose tokens are counted
CHARACTERS_PER_TOKEN = 4.0  # docs.snowflake.com/en/user-guide/snowflake-cortex/aisql-cost
KEYS_PER_STATEMENT = 100_000  # 6.5 MB of text; a Snowflake string holds 16
ANSWERED = f"SELECT DISTINCT c.key FROM COMPLETIONS c WHERE {REPLY} IS NOT NULL"


class Looked(NamedTuple):
    """What is known of the calls of one ask, or of a part of it."""

    calls: int  # different ones
    free: int  # answered already
    characters: int  # in the prompts of the calls that are left
    all_characters: int


class Counted(NamedTuple):
    """Tokens of a sample of prompts."""

    tokens: int
    characters: int
    prompts: int  # in the sample; 0: the engine counted nothing

    def of(self, characters: float) -> float:
        """Tokens of so many characters, if they are like the sample."""
        return characters * self.tokens / self.characters if self.prompts else characters / CHARACTERS_PER_TOKEN

    def said(self, calls: int) -> str:
        """Where the tokens of so many calls come from."""
        if not self.prompts:
            return f"{CHARACTERS_PER_TOKEN:.0f} characters a token, as this engine does not count"
        return f"{self.prompts:,} prompts counted by the engine for {calls:,} calls, by length"


NOTHING = Counted(0, 0, 0)


class Look(NamedTuple):
    """One Ask to be looked at."""

    ask: Ask
    who: str
    part: str = "''"  # SQL of row_key: which part of the ask a row belongs to
    stand_ins: tuple[str, ...] = ()  # parts whose rows only stand in for others: they answer nobody's call
    counts_as: str = ""  # base model whose tokens count; AI_COUNT_TOKENS knows no fine-tuned model


def look_at(session: Session, name: str, looks: Sequence[Look]) -> dict[tuple[int, str], Looked]:
    """(place in `looks`, part) → what is known. Leaves the temporary table `name` for `count_tokens`."""
    execute(session, look_sql(name, looks))
    return {(int(ask), part): Looked(*map(int, row)) for ask, part, *row in execute(session, looked_sql(name))}


def look_sql(name: str, looks: Sequence[Look]) -> Sql:
    """The table of a look."""
    keyed = [keyed_sql(look.ask, look.who) for look in looks]
    rows = join(
        [
            Sql(
                f"SELECT {place} AS ask, {look.part} AS part, IFF(part IN ({_texts(look.stand_ins)}), 1, 0) AS guessed,"
                f" key, prompt FROM ({rows.text})",
                rows.binds,
            )
            for place, (look, rows) in enumerate(zip(looks, keyed, strict=True))
        ],
        " UNION ALL ",
    )
    return Sql(
        f"""CREATE TEMPORARY TABLE {name} AS
        SELECT a.ask, a.part, a.key, a.prompt, a.place = 1 AND c.key IS NULL AS is_open
        FROM (SELECT ask, part, key, MIN(prompt) AS prompt, ROW_NUMBER() OVER (
            PARTITION BY key ORDER BY MIN(guessed), ask, part) AS place FROM ({rows.text}) GROUP BY ask, part, key) a
        LEFT JOIN ({ANSWERED}) c ON c.key = a.key""",
        rows.binds,
    )


def _texts(values: Sequence[str]) -> str:
    return ", ".join(map(literal, values)) or "NULL"


def looked_sql(name: str) -> Sql:
    """ask, part, then the numbers of Looked."""
    return Sql(
        f"""SELECT ask, part, COUNT(*), COUNT(NOT is_open OR NULL), COALESCE(SUM(IFF(is_open, LENGTH(prompt), 0)), 0),
            COALESCE(SUM(LENGTH(prompt)), 0) FROM {name} GROUP BY ask, part""",
        (),
    )


def count_tokens(session: Session, name: str, looks: Sequence[Look]) -> dict[tuple[int, str], Counted]:
    """The same keys → tokens of a sample, where the engine can count. Costs no tokens, only the warehouse's time."""
    counted: dict[tuple[int, str], Counted] = {}
    models = dict.fromkeys(look.counts_as or look.ask.model for look in looks)
    for model in models:
        places = [place for place, look in enumerate(looks) if (look.counts_as or look.ask.model) == model]
        sample = f"""SELECT ask, part, prompt FROM {name} WHERE ask IN ({", ".join(map(str, places))})
            QUALIFY ROW_NUMBER() OVER (PARTITION BY ask, part ORDER BY key) <= {SAMPLE}"""
        for ask, part, *numbers in _counted(session, model, Sql(sample), "ask, part"):
            counted[int(ask), part] = Counted(*map(int, numbers))
    return counted


def count_sample(session: Session, model: str, prompts: Sequence[str]) -> Counted:
    """Tokens of some prompts that this process holds."""
    sample = Sql(f"SELECT column1 AS prompt FROM VALUES {', '.join(['(?)'] * len(prompts))}", tuple(prompts))
    rows = _counted(session, model, sample, "")
    return Counted(*map(int, rows[0])) if rows else NOTHING


def _counted(session: Session, model: str, sample: Sql, keys: str) -> list[Any]:
    """Keys, tokens, characters, prompts. No row where the engine cannot count: the caller estimates, and says so."""
    first, by = (f"{keys}, ", f"GROUP BY {keys}") if keys else ("", "")
    statement = f"""SELECT {first}COALESCE(SUM(tokens), 0), COALESCE(SUM(IFF(tokens IS NULL, 0, LENGTH(prompt))), 0),
            COUNT(tokens)
        FROM (SELECT {first}prompt, AI_COUNT_TOKENS('ai_complete', {literal(model)}, prompt) AS tokens
            FROM ({sample.text})) {by}"""
    try:
        return execute(session, Sql(statement, sample.binds))
    except SqlError as error:
        if error.transient:
            raise
        return []


def write_keys(session: Session, name: str, row_keys: Sequence[str], keys: Sequence[str]) -> None:
    """A temporary table of row_key and key. As two long texts: a bind for each would take a thousand times as long."""
    execute(session, Sql(f"CREATE OR REPLACE TEMPORARY TABLE {name} (row_key STRING, key STRING)"))
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        texts = tuple(" ".join(column[start : start + KEYS_PER_STATEMENT]) for column in (row_keys, keys))
        execute(
            session,
            Sql(
                f"""INSERT INTO {name} SELECT r.value, k.value FROM TABLE(SPLIT_TO_TABLE(?, ' ')) r
                JOIN TABLE(SPLIT_TO_TABLE(?, ' ')) k ON k.index = r.index""",
                texts,
            ),
        )


def free_sql(name: str) -> Sql:
    """Of a table of keys: different calls, and how many of them COMPLETIONS answers."""
    return Sql(
        f"""SELECT COUNT(*), COUNT(c.key) FROM (SELECT DISTINCT key FROM {name}) a
        LEFT JOIN ({ANSWERED}) c ON c.key = a.key"""
    )
