"""A model call as an operand that DuckDB would write out several times: a lambda gives it a name first.

NULLIF(call, 'x') becomes LIST_TRANSFORM([call], LAMBDA v : NULLIF(v, 'x'))[1], in which the call stands once.
"""

from itertools import count as counter

from sqlglot import exp

from cortex_distill.local.cortex.calls import count
from cortex_distill.local.sql.repair_text import named

_OPERANDS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Case: ("this",),
    exp.Nullif: ("this", "expression"),
    exp.In: ("this",),
    exp.Greatest: ("this", "expressions"),
    exp.Least: ("this", "expressions"),
}
_MACRO = "_fs_global.main._sf_"  # of macros.sql; most name an argument several times


def bind_once(tree: exp.Expr) -> exp.Expr:
    """The repaired tree with such calls bound: where one operand has a call, and is evaluated for every row."""
    numbers = counter()
    for node in reversed(list(tree.walk(bfs=True))):
        calls = [operand for operand in _operands(node) if count(operand)]
        if len(calls) != 1 or node.find(exp.Query):  # no subquery fits in a lambda
            continue
        name = f"_sf_once_{next(numbers)}"
        calls[0].replace(exp.column(name, quoted=True))
        whole = named(calls[0], node.copy(), name)
        if node is tree:
            tree = whole
        else:
            node.replace(whole)
    return tree


def _operands(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Anonymous):
        is_scalar = str(node.this).startswith(_MACRO) and not isinstance(node.parent, exp.Table)
        return list(node.expressions) if is_scalar else []
    parts = [node.args.get(key) for key in _OPERANDS.get(type(node), ())]
    return [one for part in parts if part for one in (part if isinstance(part, list) else [part])]
