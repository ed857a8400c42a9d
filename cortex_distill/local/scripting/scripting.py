"""What is a script: EXECUTE IMMEDIATE, and blocks sent as they are."""

import re

from sqlglot import parse_one
from sqlglot.dialects import Snowflake
from sqlglot.tokenizer_core import TokenType

from cortex_distill.local.faults import unsupported

_SPACE = r"(?:\s|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/)"
_BLOCK = re.compile(
    rf"{_SPACE}*(?:declare\b|begin{_SPACE}+(?!transaction\b|work\b|name\s+\w+\s*;?\s*$)[\w\"])",
    re.IGNORECASE | re.DOTALL,
)
_PROCEDURE = rf"call|(?:create{_SPACE}+(?:or{_SPACE}+replace{_SPACE}+)?|drop{_SPACE}+)procedure"
_SCRIPT = re.compile(rf"{_SPACE}*(?:declare|begin|execute{_SPACE}+immediate|{_PROCEDURE})\b", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(rf"{_SPACE}*execute{_SPACE}+immediate\b", re.IGNORECASE | re.DOTALL)
_TEXTS = (TokenType.STRING, TokenType.RAW_STRING)


def is_script(sql: str) -> bool:
    """Whether it may be a block, EXECUTE IMMEDIATE or about a procedure: all that other statements pay."""
    return _SCRIPT.match(sql) is not None


def is_block(sql: str) -> bool:
    """Whether it is DECLARE … or BEGIN … END; BEGIN alone opens a transaction."""
    return _BLOCK.match(sql) is not None


def inner(sql: str, values: dict[str, str]) -> str | None:
    """The statement that EXECUTE IMMEDIATE '…', $$…$$ or $variable runs; None if `sql` is another statement.

    Raises Refused for an expression and for USING, whose variables only blocks have.
    Source: docs: sql-reference/sql/execute-immediate.
    """
    found = _EXECUTE.match(sql)
    if found is None:
        return None
    tokens = [token for token in Snowflake().tokenize(sql[found.end() :]) if token.token_type != TokenType.SEMICOLON]
    if len(tokens) == 1 and tokens[0].token_type in _TEXTS:
        return str(tokens[0].text)
    if [token.token_type for token in tokens] == [TokenType.PARAMETER, TokenType.VAR]:
        return str(parse_one(values.get(tokens[1].text.upper(), "''"), read="snowflake").name)
    raise unsupported(sql.strip()[:200])


def described(sql: str, values: dict[str, str]) -> str:
    """What tells the columns of `sql`: of a block one text, as what it returns is not known before it ran.

    Snowpark asks for them after an error 904 and would otherwise show a refusal instead of that error.
    """
    if is_script(sql) and is_block(inner(sql, values) or sql):
        return "SELECT '' AS \"anonymous block\""
    return sql


def refuse_block(sql: str) -> None:
    """Raise for a block where none can run."""
    if is_block(sql):
        raise unsupported(f"Snowflake Scripting: {sql.strip().splitlines()[0][:150]}")
