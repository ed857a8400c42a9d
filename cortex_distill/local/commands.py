"""Statements that never reach DuckDB: account administration, ALTER SESSION, SET, USE ROLE, some SHOWs."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one

from cortex_distill.local.faults import Refused, unsupported

if TYPE_CHECKING:
    from cortex_distill.local.connection import LocalConnection

Evaluate = Callable[[exp.Expr], object]
DONE = "SELECT 'Statement executed successfully.' AS \"status\""

# What an account needs and one process on a laptop has no use for.
_NOTHING_TO_DO = re.compile(
    r"\s*(create\s+(or\s+replace\s+)?(warehouse|role|resource\s+monitor)|(alter|drop)\s+(warehouse|account|role|user)"
    r"|grant|revoke|use\s+secondary|call\s+snowflake\.models\.cortex_base_models_refresh)\b",
    re.IGNORECASE,
)
_USE = re.compile(r'\s*use\s+(role|warehouse)\s+"?([\w$]+)"?\s*;?\s*$', re.IGNORECASE)
_UNSET = re.compile(r"\s*unset\s+([\w$]+)\s*;?\s*$", re.IGNORECASE)
_TAG = re.compile(r"alter\s+session\s+set\s+query_tag\s*=\s*(.*?);?\s*$", re.IGNORECASE | re.DOTALL)
_SHOW_TAG = re.compile(r"\s*show\s+parameters\s+like\s+'query_tag'", re.IGNORECASE)
_SHOW_MODELS = re.compile(r"\s*show\s+models\b", re.IGNORECASE)
_KEPT_PARAMETERS = re.compile(r"alter\s+session\s+(set|unset)\s+(?!autocommit|query_tag|timezone)\w+", re.IGNORECASE)


def of_text(sql: str, session: "LocalConnection") -> str | None:
    """DuckDB text that answers such a statement, from its text alone; None if the statement is another."""
    if found := _USE.match(sql):
        setattr(session, found[1].lower(), found[2].upper())
        return DONE
    if found := _UNSET.match(sql):
        session.values.pop(found[1].upper(), None)
        return DONE
    if _NOTHING_TO_DO.match(sql):
        return DONE
    if _SHOW_TAG.match(sql):
        tag = exp.Literal.string(session.query_tag).sql("duckdb")
        return f"""SELECT 'QUERY_TAG' AS "key", {tag} AS "value", '' AS "default", 'SESSION' AS "level" """
    if _SHOW_MODELS.match(sql):
        return """SELECT created_on AS "created_on", model AS "name", 'CORTEX_FINETUNED' AS "model_type",
                  database AS "database_name", schema AS "schema_name"
                  FROM SNOWFLAKE.CORTEX.MODELS ORDER BY 1"""
    return _alter_session(sql.strip(), session)


def _alter_session(sql: str, session: "LocalConnection") -> str | None:
    if found := _TAG.match(sql):
        value = parse_one(found[1], read="snowflake")
        if not isinstance(value, exp.Literal):
            raise unsupported(sql)
        session.query_tag = value.name
        return DONE
    if re.match(r"alter\s+session\s+unset\s+query_tag", sql, re.IGNORECASE):
        session.query_tag = ""
        return DONE
    return DONE if _KEPT_PARAMETERS.match(sql) else None


def set_variables(tree: exp.Expr, session: "LocalConnection", evaluate: Evaluate) -> bool:
    """SET x = …, SET (x, y) = (…): whether it was one. `evaluate` computes an expression that is no literal."""
    if not isinstance(tree, exp.Set):
        return False
    for item in tree.expressions:
        names, values = _assignment(item)
        for name, value in zip(names, values, strict=True):
            session.values[name.name.upper()] = _settled(value, evaluate).sql("snowflake")
    return True


def _assignment(item: exp.Expr) -> tuple[list[exp.Expr], list[exp.Expr]]:
    equation = item.this
    if not isinstance(equation, exp.EQ):
        raise unsupported(item.sql("snowflake"))
    if isinstance(equation.this, exp.Tuple):
        return equation.this.expressions, equation.expression.expressions
    return [equation.this], [equation.expression]


def _settled(value: exp.Expr, evaluate: Evaluate) -> exp.Expr:
    if isinstance(value, exp.Literal | exp.Boolean | exp.Null):
        return value
    return exp.convert(evaluate(value))


def fill_variables(tree: exp.Expr, values: dict[str, str]) -> exp.Expr:
    """$x becomes the value that SET gave it."""

    def filled(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Parameter) or not isinstance(node.this, exp.Var):
            return node
        name = node.this.name.upper()
        if name not in values:
            message = f"SQL compilation error: error line 1\nSession variable '${name}' does not exist"
            raise Refused(message, 2211, "02000")
        return parse_one(values[name], read="snowflake")

    return tree.transform(filled, copy=False)
