"""Statements that never reach DuckDB: account administration, ALTER SESSION, SET, USE ROLE, some SHOWs."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one

from cortex_distill.local.cortex.show_models import show_models
from cortex_distill.local.faults import Refused, unsupported

if TYPE_CHECKING:
    from cortex_distill.local.session.connection import LocalConnection

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
    if (shown := show_models(sql, session)) is not None:
        return shown
    return DONE if session.parameters.alter(sql.strip()) else None


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


def _variable(node: exp.Anonymous, values: dict[str, str]) -> exp.Expr:
    """GETVARIABLE('X'), whose name is in capitals. Source: docs: sql-reference/session-variables."""
    if len(node.expressions) != 1 or not node.expressions[0].is_string:
        raise unsupported(node.sql("snowflake"))
    value = values.get(node.expressions[0].name)
    return exp.Null() if value is None else exp.cast(parse_one(value, read="snowflake"), "text")


def fill_variables(tree: exp.Expr, values: dict[str, str]) -> exp.Expr:
    """$x becomes the value that SET gave it."""

    def filled(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "GETVARIABLE":
            return _variable(node, values)
        if not isinstance(node, exp.Parameter) or not isinstance(node.this, exp.Var):
            return node
        name = node.this.name.upper()
        if name not in values:
            message = f"SQL compilation error: error line 1\nSession variable '${name}' does not exist"
            raise Refused(message, 2211, "02000")
        return parse_one(values[name], read="snowflake")

    return tree.transform(filled, copy=False)
