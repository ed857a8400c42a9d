"""Repairs of what stands around expressions: constraints, ORDER BY, USE, and columns named by their place."""

from collections.abc import Callable

from sqlglot import exp

_CONSTRAINTS = (
    exp.PrimaryKeyColumnConstraint,
    exp.UniqueColumnConstraint,
    exp.PrimaryKey,
    exp.ForeignKey,
    exp.Reference,
)


def _positional_column(node: exp.Expr) -> exp.Expr:
    """SELECT $1 FROM VALUES (…)."""
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        return exp.column(exp.to_identifier(f"COLUMN{node.this.name}", quoted=True))
    return node


def _use(node: exp.Expr) -> exp.Expr:
    """USE db.schema."""
    if not node.args.get("kind"):
        node.set("kind", exp.var("SCHEMA" if node.this.args.get("db") else "DATABASE"))
    return node


def _unenforced(node: exp.Expr) -> exp.Expr:
    """Snowflake records primary, unique and foreign keys and enforces none of them; DuckDB would."""
    if isinstance(node, exp.ColumnDef):
        kept = [
            part for part in node.args.get("constraints") or [] if not isinstance(part.args.get("kind"), _CONSTRAINTS)
        ]
        node.set("constraints", kept)
    else:
        node.set("expressions", [part for part in node.expressions if not isinstance(part, _CONSTRAINTS)])
    return node


def _no_order_by_seq(node: exp.Expr) -> exp.Expr:
    """Snowpark orders by SEQ8(), which is the order rows come in anyway."""
    if isinstance(node.this, exp.Column) and node.this.sql("snowflake").upper() == "ALL":
        node.set("this", exp.var("ALL"))  # ORDER BY ALL, not a column
    return exp.Ordered(this=exp.Literal.number(1)) if type(node.this).__name__.startswith("Seq") else node


RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.ColumnDef: _unenforced,
    exp.Ordered: _no_order_by_seq,
    exp.Parameter: _positional_column,
    exp.Schema: _unenforced,
    exp.Use: _use,
}
