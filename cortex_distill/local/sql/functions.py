"""CREATE FUNCTION … LANGUAGE SQL: a DuckDB macro in the same schema, its signature kept as the macro's comment."""

from collections.abc import Callable

import duckdb
from fakesnow.transforms import upper_case_unquoted_identifiers
from sqlglot import exp

from cortex_distill.local.cortex import calls
from cortex_distill.local.duck import quoted
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.sql.dialect import parse_one
from cortex_distill.local.sql.repair_text import ARGUMENT

_TEXTS = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR)
_FLOATS = (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE)
Translated = Callable[[exp.Expr], exp.Expr]


def create_function(tree: exp.Expr, duck: duckdb.DuckDBPyConnection, translated: Translated) -> None:
    """Define it. Text and FLOAT parameters are cast as Snowflake casts the arguments.

    Raises Refused for another language, a table function, a second signature of one name (Snowflake would keep
    both), and a function that exists without OR REPLACE.
    """
    properties = tree.args.get("properties")
    parts = properties.expressions if properties is not None else []
    for part in parts:
        if isinstance(part, exp.LanguageProperty) and part.this.name.upper() != "SQL":
            raise unsupported(f"CREATE FUNCTION … LANGUAGE {part.this.name}")
    tables = [part for part in parts if isinstance(part, exp.ReturnsProperty) and part.args.get("is_table")]
    if not tree.expression or tables:
        raise unsupported("CREATE FUNCTION without a scalar SQL body")
    name = _name(tree.this.this)
    signature = ", ".join(part.kind.sql("snowflake") if part.kind else "" for part in tree.this.expressions)
    known = _signature(duck, name)
    if known is not None and known != signature:
        raise unsupported(f"a second signature of function {name}: ({signature}) beside ({known}); DROP FUNCTION first")
    if known is not None and tree.args.get("exists"):
        return
    if known is not None and not tree.args.get("replace"):
        raise Refused(f"SQL compilation error:\nObject '{name}' already exists.", 2002, "42710")
    _define(tree, duck, translated, name)
    duck.execute(f"COMMENT ON MACRO {name} IS {exp.Literal.string(signature).sql('duckdb')}")


def _define(tree: exp.Expr, duck: duckdb.DuckDBPyConnection, translated: Translated, name: str) -> None:
    parameters = {part.name.upper(): part for part in tree.this.expressions}

    def cast(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and (part := parameters.get(node.name.upper())):
            if part.kind is not None and part.kind.this in _TEXTS:
                node.meta[ARGUMENT] = True
                return exp.cast(node, "varchar")
            if part.kind is not None and part.kind.this in _FLOATS:
                return exp.cast(node, "double")
        return node

    source = parse_one(tree.expression.name.strip())
    calls.refuse_copied(tree.expression.name, source)
    body = translated(_each_column(source, cast))
    names = []
    for parameter, part in parameters.items():
        default = part.find(exp.DefaultColumnConstraint)
        given = "" if default is None else f" := {translated(default.this.copy()).sql('duckdb')}"
        names.append(quoted(parameter) + given)
    duck.execute(f"CREATE OR REPLACE MACRO {name}({', '.join(names)}) AS ({body.sql('duckdb')})")


def _each_column(tree: exp.Expr, rule: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """The tree with its columns replaced; what replaces one is not looked at again."""
    for node in list(tree.find_all(exp.Column)):
        new = rule(node.copy())
        if node is tree:
            return new
        node.replace(new)
    return tree


def drop_function(tree: exp.Expr, duck: duckdb.DuckDBPyConnection, _: Translated) -> None:
    """DROP FUNCTION name(types). Raises Refused if there is none of these types, unless IF EXISTS."""
    name = _name((tree.args.get("tables") or [tree.this])[0])
    signature = ", ".join(kind.sql("snowflake") for kind in tree.expressions)
    if _signature(duck, name) == signature:
        duck.execute(f"DROP MACRO {name}")
    elif not tree.args.get("exists"):
        message = f"SQL compilation error:\nFunction '{name}({signature})' does not exist or not authorized."
        raise Refused(message, 2003, "42S02")


def _name(table: exp.Expr) -> str:
    return str(table.transform(upper_case_unquoted_identifiers).sql("duckdb"))


def _signature(duck: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Types of the parameters of the function of that name; None if there is none."""
    wanted = [part.name for part in exp.to_table(name, dialect="duckdb").parts]
    query = """SELECT coalesce(comment, '') FROM duckdb_functions() WHERE function_type = 'macro' AND function_name = ?
               AND schema_name = coalesce(?, current_schema()) AND database_name = coalesce(?, current_database())"""
    found = duck.execute(query, [*reversed([*[None] * (3 - len(wanted)), *wanted])]).fetchone()
    return None if found is None else str(found[0])
