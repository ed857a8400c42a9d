"""Model calls in a translated statement: one per row that reaches them, never more.

The engine's functions have side effects for DuckDB: it neither folds, repeats nor leaves out a call of the text.
Yet its planner, its macros and views, sqlglot and fakesnow copy expressions; what they copied is refused here.
"""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import duckdb
from sqlglot import TokenType, exp

from cortex_distill.local.faults import unsupported
from cortex_distill.local.sql.dialect import Local

CALL, TOKENS, FINETUNE = "_CORTEX_CALL", "_CORTEX_TOKENS", "_CORTEX_FINETUNE"
OURS = ("_SF_", "_FS_")  # how our helpers and fakesnow's are called, none of which asks a model
LANE = "_sf_lane"  # variable of a DuckDB connection: its name, see `connection`
_ID = re.compile(r"call-[0-9a-f]{32}")
_NAMES = ("AI_", "COMPLETE", "TRY_COMPLETE", "CLASSIFY_TEXT", "FINETUNE")
_MENTIONED = re.compile("|".join(_NAMES), re.IGNORECASE)
_TWICE = (
    "a Cortex function here, because DuckDB would call the model more than once per row;"
    " select the call into a column of its own first"
)
_PLANNED = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)


PlanOf = Callable[[str, bool], str]
"""DuckDB's serialized plan of a text, optimized or not."""

IsView = Callable[[list[str]], bool]
"""Whether one of these names is a view's."""


class Settings(NamedTuple):
    """What is constant about one call in a statement."""

    function: str
    parameters: dict[str, Any]
    """Of the model; for AI_CLASSIFY its config."""
    schema: dict[str, Any] | None
    details: bool
    errors: bool
    schema_name: str
    id: str
    """Of this place in the statement, for `guard`."""


def new_id() -> str:
    """An id that `guard` recognises."""
    return f"call-{uuid.uuid4().hex}"


def lane() -> exp.Expr:
    """The name of the connection that runs the call, by which functions find their statement; in a view or function,
    of the one that runs it then."""
    return exp.Anonymous(this="GETVARIABLE", expressions=[exp.Literal.string(LANE)])


def refuse_copied(text: str, tree: exp.Expr) -> None:
    """Refuse a statement of whose text the parser wrote out a Cortex call several times, as it does for DIV0."""
    if not _MENTIONED.search(text):
        return
    tokens = Local().tokenize(text)
    said = sum(
        token.text.upper().startswith(_NAMES) and after.token_type == TokenType.L_PAREN
        for token, after in pairwise(tokens)
    )
    functions = [node for node in tree.walk() if isinstance(node, exp.Anonymous)]
    if sum(str(node.this).upper().startswith(_NAMES) for node in functions) > said:
        raise unsupported(_TWICE)


def count(tree: exp.Expr) -> int:
    """Number of engine functions that the translated statement calls per row."""
    return sum(map(_is_call, tree.walk()))


def guard(translated: exp.Expr, plan_of: PlanOf, is_view: IsView) -> bool:
    """Whether the statement asks a model. Raises Refused if it would make one call more than once per row.

    In a plan, macros, views and functions like NULLIF are written out.
    A view or SQL function with a call in it is refused where a statement names it twice: its copies look alike.
    Planning takes as long as running a small statement, so one that cannot ask a model is not planned.
    """
    if not isinstance(translated, _PLANNED) or not _may_call(translated, is_view):
        return False
    source = translated.expression if isinstance(translated, exp.Create) else translated  # its plan repeats the text
    sql = source.sql("duckdb")
    plan = plan_of(sql, True)
    ids = _ID.findall(plan)
    jobs = plan.upper().count(f'"{FINETUNE}"')
    if len(set(ids)) < len(ids) or jobs > _jobs(translated):
        raise unsupported(_TWICE)
    if count(translated) and '"error":true' in plan and "annot plan" in plan:
        raise unsupported("a Cortex function in a statement of this kind")
    if ids and _pooled(plan) != _pooled(plan_of(sql, False)):
        raise unsupported("a condition with a Cortex function on grouped or distinct rows; select the call first")
    if ids and isinstance(source, exp.Merge):
        _check_merge(source, ids, plan_of)
    return bool(ids or jobs)


def _pooled(plan: str) -> Counter[str]:
    """How many groupings are above each condition with a call: DuckDB moves conditions below them, to more rows."""
    found: Counter[str] = Counter()

    def visit(part: Any, above: int, operator: str) -> None:
        if isinstance(part, dict):
            kind = str(part.get("type"))
            operator = kind if kind.startswith("LOGICAL_") else operator
            above += kind in ("LOGICAL_AGGREGATE_AND_GROUP_BY", "LOGICAL_DISTINCT")
        for inside in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            visit(inside, above, operator)
        if isinstance(part, str) and operator == "LOGICAL_FILTER" and (call := _ID.search(part)):
            found[call[0]] += above

    visit(json.loads(plan), 0, "")
    return +found


def _check_merge(merge: exp.Expr, ids: list[str], plan_of: PlanOf) -> None:
    """DuckDB evaluates the actions of all branches for every row, whichever branch the row takes."""
    using = exp.select("*").from_(merge.args["using"].copy())
    in_source = set(_ID.findall(plan_of(using.sql("duckdb"), True)))
    whens = merge.args["whens"].expressions
    single = len(whens) == 1 and bool(whens[0].args.get("matched"))
    if not set(ids) <= in_source and (not single or count(merge.args["on"])):
        raise unsupported("a Cortex function in MERGE outside its source; call it in the USING subquery")


def _may_call(tree: exp.Expr, is_view: IsView) -> bool:
    """By its own text, or through a view or an SQL function, which its text only names."""
    source = tree.expression if isinstance(tree, exp.Insert | exp.Create) else tree
    if not isinstance(source, exp.Expr):
        return False
    functions = {str(node.this).upper().rpartition(".")[2] for node in source.find_all(exp.Anonymous)}
    if functions & {CALL, TOKENS, FINETUNE}:
        return True
    if any(not name.startswith(OURS) and name not in _builtin() for name in functions):
        return True
    tables = {table.name for table in source.find_all(exp.Table)}
    return bool(tables) and is_view(sorted(tables))


@cache
def _builtin() -> frozenset[str]:
    """DuckDB's own functions, in capitals."""
    with duckdb.connect() as duck:
        names = duck.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    return frozenset(name.upper() for (name,) in names)


def _jobs(tree: exp.Expr) -> int:
    return sum(node.this == FINETUNE for node in tree.find_all(exp.Anonymous))


def _is_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).upper() in (CALL, TOKENS, FINETUNE)


def materialize(tree: exp.Expr) -> None:
    """A common table expression with a call in it is evaluated once, however often it is read."""
    for cte in tree.find_all(exp.CTE):
        if count(cte):
            cte.set("materialized", True)
