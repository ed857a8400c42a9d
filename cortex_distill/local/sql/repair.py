"""One pass over the Snowflake AST, before fakesnow's own rewriting: what fakesnow or DuckDB would get wrong.

Rules are functions of one node, listed by node type in the modules `repair_…` and here.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from cortex_distill.local.cortex import calls
from cortex_distill.local.cortex.cortex_functions import translate
from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql import (
    grants,
    repair_arrays,
    repair_clauses,
    repair_dates,
    repair_json,
    repair_numbers,
    repair_regexp,
    repair_text,
)
from cortex_distill.local.sql.once import bind_once
from cortex_distill.local.sql.repair_text import macro

Rule = Callable[[exp.Expr], exp.Expr]


def repair(tree: exp.Expr, session: Mapping[str, str | None]) -> exp.Expr:
    """The tree, repaired bottom-up. `session` answers CURRENT_ACCOUNT and its kind."""
    home = f"{session['database'] or ''}.{session['schema'] or ''}"
    tree = _each(tree, lambda node: _function(node, home, session) if isinstance(node, exp.Anonymous) else node)
    tree = _each(tree, lambda node: _RULES[type(node)](node) if type(node) in _RULES else _context(node, session))
    calls.materialize(tree)
    return bind_once(tree)


def _each(tree: exp.Expr, rule: Rule) -> exp.Expr:
    for node in reversed(list(tree.walk(bfs=True))):
        new = rule(node)
        if new is node:
            continue
        place = _whole_name(node)  # SNOWFLAKE.CORTEX.COMPLETE(…): the prefix goes
        if place is tree:
            tree = new
        else:
            place.replace(new)
    return tree


def _whole_name(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Anonymous | exp.Dot) and isinstance(node.parent, exp.Dot):
        node = node.parent
    return node


_CONTEXT: dict[type[exp.Expr], str] = {
    exp.CurrentAccount: "account",
    exp.CurrentRole: "role",
    exp.CurrentWarehouse: "warehouse",
    exp.CurrentUser: "user",
    exp.CurrentDatabase: "database",
    exp.CurrentSchema: "schema",
    exp.CurrentSession: "session",
}


def _context(node: exp.Expr, session: Mapping[str, str | None]) -> exp.Expr:
    if key := _CONTEXT.get(type(node)):
        value = session.get(key)
        return exp.Literal.string(value) if value else exp.Null()
    return node


def _function(node: exp.Anonymous, home: str, session: Mapping[str, str | None]) -> exp.Expr:
    is_role = str(node.this).upper() == grants.FUNCTION
    return grants.in_session(node, session) if is_role else translate(node, home)


def _anonymous(node: exp.Expr) -> exp.Expr:
    rule = _FUNCTIONS.get(str(node.this).upper())
    return rule(node) if rule else node


def _hash(node: exp.Expr) -> exp.Expr:
    """HASH as a signed number. A model call is hashed as it is: the macro would write it several times."""
    parts = [
        part if isinstance(part, exp.Star) or calls.count(part) else macro("hashed", part) for part in node.expressions
    ]
    return macro("signed", exp.func("HASH", *parts, dialect="duckdb"))


def _md5_lower(node: exp.Expr) -> exp.Expr:
    return macro("md5_lower", repair_text.text(node.this))


def _md5_upper(node: exp.Expr) -> exp.Expr:
    return macro("md5_upper", repair_text.text(node.this))


def _to_number(node: exp.Expr) -> exp.Expr:
    """TO_NUMBER(text, 'XXXX'): hexadecimal. Other formats are refused."""
    form = node.args.get("format")
    if form is None or not form.is_string:
        return node
    if set(form.name.upper()) != {"X"}:
        raise unsupported(f"TO_NUMBER with format {form.name!r}")
    name = "try_hexadecimal" if node.args.get("safe") else "hexadecimal"
    return macro(name, repair_text.text(node.this), form.copy())


def _cast(node: exp.Expr) -> exp.Expr:
    assert isinstance(node, exp.Cast)  # the rule's own type; TryCast is one
    for rule in (repair_json.variant_cast, repair_text.cast, repair_numbers.cast):
        if (new := rule(node)) is not node:
            return new
    return node


def _window(node: exp.Expr) -> exp.Expr:
    called = node.this
    if isinstance(called, exp.Anonymous) and str(called.this).upper() == "RATIO_TO_REPORT":
        total = node.copy()
        total.set("this", exp.Anonymous(this="SUM", expressions=[called.expressions[0].copy()]))
        return exp.Div(
            this=exp.cast(called.expressions[0].copy(), "double"),
            expression=exp.func("NULLIF", total, exp.Literal.number(0)),
        )
    new = repair_arrays.over(node)
    return new if new is not node else repair_numbers.over(node)


def _count(node: exp.Expr) -> exp.Expr:
    """COUNT of a VARIANT's path leaves out the null of JSON."""
    if isinstance(node.this, exp.Column) and isinstance(node.this.this, exp.Star):
        raise unsupported(f"{node.sql('snowflake')}: rows without a NULL")
    if (
        node.this is not None
        and not node.expressions
        and (repair_text.is_path(node.this) or isinstance(node.this, exp.Column))
    ):
        node.set("this", macro("counted", node.this.copy()))
    return node


def _round(node: exp.Expr) -> exp.Expr:
    return exp.Null() if any(isinstance(part, exp.Null) for part in node.args.values()) else node


def _refuse(node: exp.Expr) -> exp.Expr:
    raise unsupported(node.sql("snowflake"))


_RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys((exp.ApproxTopK, exp.ArrayInsert, exp.SortArray, exp.ArrayMin, exp.ArrayMax), _refuse),
    **repair_json.RULES,
    **repair_arrays.RULES,
    **repair_text.RULES,
    **repair_regexp.RULES,
    **repair_numbers.RULES,
    **repair_dates.RULES,
    **repair_clauses.RULES,
    exp.Anonymous: _anonymous,
    exp.Count: _count,
    exp.Round: _round,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.MD5NumberLower64: _md5_lower,
    exp.MD5NumberUpper64: _md5_upper,
    exp.ToNumber: _to_number,
    exp.Window: _window,
}
_FUNCTIONS: dict[str, Rule] = {
    **repair_json.FUNCTIONS,
    **repair_arrays.FUNCTIONS,
    **repair_dates.FUNCTIONS,
    "HASH": _hash,
    "SYSTEM$TYPEOF": _refuse,
}
