"""EXECUTE IMMEDIATE of one statement. Snowflake Scripting itself (blocks, variables, loops) is refused."""

import re

from sqlglot import exp, parse_one
from sqlglot.dialects import Snowflake
from sqlglot.tokenizer_core import TokenType

from cortex_distill.local.faults import unsupported

_BLOCK = re.compile(
    r"\s*(declare\b|begin\s+(?!transaction\b|work\b|name\b)\w)",
    re.IGNORECASE,
)
_EXECUTE = re.compile(r"\s*EXECUTE\s+IMMEDIATE\b", re.IGNORECASE)
_TEXTS = (TokenType.STRING, TokenType.RAW_STRING)


def inner(command: exp.Command, values: dict[str, str]) -> str | None:
    """The statement that EXECUTE IMMEDIATE '…', $$…$$ or $variable runs; None if `command` is another.

    Raises Refused for USING, for an expression, and for a block. Source: docs: sql-reference/sql/execute-immediate.
    """
    rest = command.expression
    written = f"{command.this} {rest.name if isinstance(rest, exp.Expr) else rest}"
    if not _EXECUTE.match(written):
        return None
    tokens = list(Snowflake().tokenize(written[written.upper().index("IMMEDIATE") + 9 :]))
    if len(tokens) == 1 and tokens[0].token_type in _TEXTS:
        statement = tokens[0].text
    elif [token.token_type for token in tokens] == [TokenType.PARAMETER, TokenType.VAR]:
        statement = parse_one(values.get(tokens[1].text.upper(), "''"), read="snowflake").name
    else:
        raise unsupported(written[:200])
    refuse_block(statement)
    return str(statement)


def refuse_block(sql: str) -> None:
    """Raise for BEGIN … END and DECLARE; BEGIN alone opens a transaction."""
    if _BLOCK.match(sql):
        raise unsupported(f"Snowflake Scripting: {sql.strip().splitlines()[0][:150]}")
