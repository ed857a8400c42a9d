"""Snowflake's grammar where sqlglot's falls short: AI functions with all their arguments, TYPE literals."""

import sqlglot
from fakesnow.dialect import syntax_error
from snowflake.connector.errors import ProgrammingError
from sqlglot import TokenType, exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import ParseError
from sqlglot.parsers.snowflake import SnowflakeParser

TYPE_LITERAL = "a type literal"  # the text whose cast stands for TYPE OBJECT(…)


def _to_char(args: list[exp.Expr]) -> exp.Expr:
    """With the format as it is written: sqlglot reads dd as a day without its zero."""
    return exp.ToChar(this=args[0], format=args[1] if len(args) > 1 else None)


class Local(Snowflake):
    """Read with this dialect; write with `snowflake` or `duckdb`."""

    class Parser(SnowflakeParser):
        """sqlglot knows some AI functions with fewer arguments than they have, and copies those of ZEROIFNULL."""

        FUNCTIONS = {  # noqa: RUF012  sqlglot's own form
            **{name: build for name, build in SnowflakeParser.FUNCTIONS.items() if not name.startswith("AI_")},
            "TRY_PARSE_JSON": lambda args: exp.Anonymous(this="TRY_PARSE_JSON", expressions=args),
            **dict.fromkeys(("TO_CHAR", "TO_VARCHAR"), _to_char),
            "ZEROIFNULL": lambda args: exp.Coalesce(this=args[0], expressions=[exp.Literal.number(0)]),
            "NULLIFZERO": lambda args: exp.Nullif(this=args[0], expression=exp.Literal.number(0)),
        }

        def _parse_unary(self) -> exp.Expr | None:
            if self._curr and self._curr.text.upper() == "TYPE" and self._next.token_type == TokenType.OBJECT:
                self._advance()
                return self.expression(exp.Cast(this=exp.Literal.string(TYPE_LITERAL), to=self._parse_types()))
            return super()._parse_unary()


def _syntax_error(error: ParseError) -> ProgrammingError:
    known = syntax_error(error)
    return ProgrammingError(msg=f"SQL compilation error:\nsyntax error: {known.raw_msg}", errno=1003, sqlstate="42000")


def parse(text: str) -> list[exp.Expr | None]:
    """The statements of a Snowflake text. Raises ProgrammingError 1003, as Snowflake does for a syntax error."""
    try:
        return sqlglot.parse(text, read=Local)
    except ParseError as error:
        raise _syntax_error(error) from None


def parse_one(text: str) -> exp.Expr:
    """A single statement or expression. Raises likewise."""
    try:
        return sqlglot.parse_one(text, read=Local)
    except ParseError as error:
        raise _syntax_error(error) from None
