"""Which of fakesnow's sixty rewritings a statement needs: each of them walks through the whole of it.

Half of them are about commands (SHOW, ALTER, CREATE STAGE, …) and look for nothing inside a query.
tests/local/test_needed.py runs both ways on every statement of the conformance cases.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlglot import exp

# By the names of functions in fakesnow.transforms.
COMMANDS = frozenset({
    "alter_session", "set_schema", "create_database", "extract_comment_on_columns", "drop_schema_cascade",
    "tag", "show_databases", "show_functions", "show_procedures", "show_parameters", "show_warehouses",
    "show_schemas", "show_tables_etc", "show_columns", "show_stages", "show_sequences", "show_keys",
    "show_users", "create_user", "alter_table_strip_cluster_by", "create_stage", "create_file_format",
    "list_stage", "put_stage",
})  # fmt: skip
_NOCOMMANDS = (exp.Query, exp.Insert, exp.Update, exp.Delete)

Rewriting = Callable[..., exp.Expr]


class Needed:
    """Stands for a tree in fakesnow's chain of `.transform(…)`, and leaves out what is about commands."""

    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree

    def transform(self, rewriting: Rewriting, *arguments: Any, **named: Any) -> "Needed":
        """As sqlglot's on the tree itself: fakesnow asks for no copy."""
        if not _names(rewriting) & COMMANDS:
            del named["copy"]
            self.tree = _rewritten(self.tree, partial(rewriting, *arguments, **named))
        return self


def _rewritten(tree: exp.Expr, rewriting: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """What sqlglot's `transform` does, in two thirds of the time, as there are forty for a statement: every node is
    seen before what is below it; a node that is new is left alone."""
    root, left = tree, [tree]
    while left:
        node = left.pop()
        parent, key, index = node.parent, node.arg_key, node.index
        new = rewriting(node)
        if new is node:
            for value in reversed(node.args.values()):
                if isinstance(value, exp.Expr):
                    left.append(value)
                elif type(value) is list:
                    left.extend(one for one in reversed(value) if isinstance(one, exp.Expr))
        elif node is tree:
            root = new
        elif parent and key:
            parent.set(key, new, index)
    return root


def needed(tree: exp.Expr) -> Any:
    """The tree as fakesnow is to see it: a Needed, or the tree itself if it is a command."""
    is_plain_table = isinstance(tree, exp.Create) and tree.kind == "TABLE"
    return Needed(tree) if isinstance(tree, _NOCOMMANDS) or is_plain_table else tree


def _names(rewriting: Rewriting) -> frozenset[str]:
    """Its name; for a lambda the names in it."""
    code = getattr(rewriting, "__code__", None)
    inside = code.co_names if code is not None and rewriting.__name__ == "<lambda>" else ()
    return frozenset((rewriting.__name__, *inside))
