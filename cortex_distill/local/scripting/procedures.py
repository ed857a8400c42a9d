"""Procedures in Snowflake Scripting: CREATE PROCEDURE … LANGUAGE SQL, DROP PROCEDURE, CALL.

Source: docs: sql-reference/sql/create-procedure, sql-reference/sql/call. Kept in the engine's own database, by
schema, name and number of arguments; Snowflake tells them apart by the types of the arguments as well.
"""

import re
from typing import Any

import duckdb

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.scripting import block_parser, block_runner
from cortex_distill.local.scripting.block_evaluate import Evaluator, Execute
from cortex_distill.local.scripting.block_reader import Reader, words_of
from cortex_distill.local.scripting.block_values import Scope, Variable
from cortex_distill.local.scripting.blocks import Piece
from cortex_distill.local.session.commands import DONE
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.stages.wording import text_of
from cortex_distill.local.wire.results import Result

CREATE = """CREATE TABLE IF NOT EXISTS SNOWFLAKE.CORTEX._procedures (
    place VARCHAR, name VARCHAR, names VARCHAR[], kinds VARCHAR[], returns VARCHAR, body VARCHAR)"""
_STATEMENT = re.compile(r"\s*(create\s+(or\s+replace\s+)?|drop\s+)procedure\b|\s*call\b", re.IGNORECASE)
_MINE = "FROM SNOWFLAKE.CORTEX._procedures WHERE place = ? AND name = ? AND len(names) = ?"


def run(session: LocalConnection, sql: str, execute: Execute) -> Result | None:
    """Run such a statement; None if it is another. Raises Refused for a procedure that is no block of one schema."""
    found = _STATEMENT.match(sql)
    if found is None:
        return None
    words = [word for word in words_of(sql) if word.start >= found.end()]
    reader = Reader(sql, words)
    if reader.take("IF"):
        raise unsupported(sql[:150])
    place, name = _place(session, reader)
    reader.expect("(")
    arguments = _listed(reader)
    kind = sql[: found.end()].split()[0].upper()
    if kind != "CALL" and session.open_transaction:
        raise unsupported(f"in a transaction: {sql.strip()[:150]}")
    with session.lane(transaction=False) as duck, duck.cursor() as own:  # a transaction writes one database only
        own.execute(CREATE)
        if kind == "CALL":
            found_one = own.execute(f"SELECT names, kinds, returns, body {_MINE}", [place, name, len(arguments)])
            stored = found_one.fetchone()
        else:
            known = own.execute(f"SELECT COUNT(*) {_MINE}", [place, name, len(arguments)]).fetchall()[0][0]
            _check(known, kind, name, replace=bool(found[2]))
            if kind == "CREATE":
                definition = _defined(reader, arguments)
            own.execute(f"DELETE {_MINE}", [place, name, len(arguments)])
            if kind == "CREATE":
                own.execute("INSERT INTO SNOWFLAKE.CORTEX._procedures VALUES (?, ?, ?, ?, ?, ?)",
                            [place, name, *definition])  # fmt: skip
            return execute(DONE, [])
    if stored is None and (place.startswith('"SNOWFLAKE"') or "$" in name):
        return None  # of Snowflake's own
    if stored is None:
        raise Refused(f"SQL compilation error:\nUnknown user-defined function {name}", 2140, "42601")
    return _called(name, stored, arguments, execute)


def forget(duck: duckdb.DuckDBPyConnection, database: str, schema: str | None) -> None:
    """Remove the procedures of a schema, or of a whole database, that is gone."""
    duck.execute(CREATE)
    place = f'"{database}".' + (f'"{schema}"' if schema else "")
    condition = "place = ?" if schema else "starts_with(place, ?)"
    duck.execute(f"DELETE FROM SNOWFLAKE.CORTEX._procedures WHERE {condition}", [place])


def _called(name: str, stored: Any, arguments: list[Piece], execute: Execute) -> Result:
    names, kinds, returns, body = stored
    given: dict[str, Variable] = {}
    for key, kind, piece in zip(names, kinds, arguments, strict=True):
        variable = given[key] = Variable(kind)
        Evaluator(execute).give(variable, piece, Scope({}))
    return block_runner.run(body, execute, name, returns, given)


def _place(session: LocalConnection, reader: Reader) -> tuple[str, str]:
    """Database and schema as one text, and the name."""
    parts = [reader.name()]
    while reader.take("."):
        parts.append(reader.name())
    around = [str(session.database), str(session.schema)][: 3 - len(parts)]
    return ".".join(f'"{part}"' for part in [*around, *parts[:-1]]), parts[-1]


def _listed(reader: Reader) -> list[Piece]:
    """The pieces between commas up to the closing parenthesis."""
    found: list[Piece] = []
    while not reader.take(")"):
        if found:
            reader.expect(",")
        found.append(reader.until(",", ")"))
        if any(word.text.upper() in ("=>", "DEFAULT", "?") for word in found[-1].words):
            raise unsupported(f"an argument by name, with a default or bound, {found[-1].place}")
    return found


def _check(known: int, kind: str, name: str, *, replace: bool) -> None:
    if kind == "DROP" and not known:
        raise Refused(f"SQL compilation error:\nProcedure '{name}' does not exist or not authorized.", 2003, "02000")
    if kind == "CREATE" and known and not replace:
        raise Refused(f"SQL compilation error:\nObject '{name}' already exists.", 2002, "42710")


def _defined(reader: Reader, arguments: list[Piece]) -> tuple[list[str], list[str], str, str]:
    """Names and types of the arguments, the type that it returns, and its block, which must be readable."""
    reader.expect("RETURNS")
    returns = _text(reader.until("LANGUAGE", "EXECUTE", "AS", "NOT"))
    language = not reader.take("LANGUAGE") or reader.take("SQL")
    rights = not reader.take("EXECUTE") or reader.take("AS", "OWNER") or reader.take("AS", "CALLER")
    if returns.upper().startswith("TABLE") or not language or not rights or not reader.take("AS"):
        raise unsupported(f"a procedure other than RETURNS type LANGUAGE SQL AS block: {reader.source.strip()[:150]}")
    body = reader.source[reader.words[reader.at].start :]
    if reader.words[reader.at].kind == "text":
        body = text_of(reader.words[reader.at].text)
    block_parser.read(body)
    if any(len(piece.words) < 2 or piece.words[0].name in ("IN", "OUT", "INPUT", "OUTPUT") for piece in arguments):
        raise unsupported(f"an argument with IN or OUT, or without a type: {reader.source.strip()[:150]}")
    kinds = [_text(Piece(piece.source, piece.words[1:])) for piece in arguments]
    return [piece.words[0].name for piece in arguments], kinds, returns, body


def _text(piece: Piece) -> str:
    last = piece.words[-1]
    return piece.source[piece.words[0].start : last.start + len(last.text)]
