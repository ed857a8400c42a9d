"""CREATE FUNCTION … LANGUAGE SQL: a DuckDB macro in the same schema."""

from collections.abc import Callable

import duckdb
from fakesnow.transforms import upper_case_unquoted_identifiers
from sqlglot import exp

from cortex_distill.local import calls
from cortex_distill.local.dialect import parse_one
from cortex_distill.local.faults import unsupported
from cortex_distill.local.repair_text import text

_TEXTS = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR)


def create_function(
    tree: exp.Create, duck: duckdb.DuckDBPyConnection, translated: Callable[[exp.Expr], exp.Expr]
) -> None:
    """Define it. Text parameters are cast as Snowflake casts the arguments."""
    properties = tree.args.get("properties")
    parts = properties.expressions if properties is not None else []
    for part in parts:
        if isinstance(part, exp.LanguageProperty) and part.this.name.upper() != "SQL":
            raise unsupported(f"CREATE FUNCTION … LANGUAGE {part.this.name}")
    tables = [part for part in parts if isinstance(part, exp.ReturnsProperty) and part.args.get("is_table")]
    if tree.expression is None or tables:
        raise unsupported("CREATE FUNCTION without a scalar SQL body")
    parameters = {part.name.upper(): part for part in tree.this.expressions}

    def cast(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and (part := parameters.get(node.name.upper())):
            return text(node) if part.kind is not None and part.kind.this in _TEXTS else node
        return node

    source = parse_one(tree.expression.name.strip())
    calls.refuse_copied(tree.expression.name, source)
    body = translated(source).transform(cast)
    name = tree.this.this.transform(upper_case_unquoted_identifiers).sql("duckdb")
    names = ", ".join(exp.to_identifier(part, quoted=True).sql("duckdb") for part in parameters)
    duck.execute(f"CREATE OR REPLACE MACRO {name}({names}) AS ({body.sql('duckdb')})")
