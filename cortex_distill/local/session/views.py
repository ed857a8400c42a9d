"""The views and SQL functions of an engine: asked about often, so known until one may have come or gone."""

import hashlib
import threading
from typing import NamedTuple

import duckdb
from sqlglot import exp

_DEFINERS = (exp.Create, exp.Drop, exp.Alter, exp.Command)
_VIEWS = "SELECT upper(view_name), sql FROM duckdb_views() WHERE NOT internal AND NOT starts_with(schema_name, '_fs_')"
_MACROS = """SELECT database_name, schema_name, function_name, macro_definition FROM duckdb_functions()
    WHERE NOT internal AND macro_definition IS NOT NULL"""


class _Known(NamedTuple):
    names: frozenset[str]
    digest: str


class Views:
    """Those of all databases and schemas. Thread-safe."""

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck, self._guard = duck, threading.Lock()
        self._known: _Known | None = None

    def among(self, names: list[str]) -> bool:
        """Whether one of these names is a view's somewhere, whatever the case of its letters."""
        known = self._now().names
        return any(name.upper() in known for name in names)

    def digest(self) -> str:
        """The same as long as no view and no SQL function means anything else; alike for engines that have the same."""
        return self._now().digest

    def follow(self, tree: exp.Expr) -> None:
        """A statement has run: forget what is known if it may have made, changed or dropped one."""
        if isinstance(tree, _DEFINERS) and tree.args.get("kind") != "TABLE":
            with self._guard:
                self._known = None

    def _now(self) -> _Known:
        with self._guard:
            if self._known is None:
                with self._duck.cursor() as duck:
                    views, macros = duck.execute(_VIEWS).fetchall(), duck.execute(_MACROS).fetchall()
                said = repr((sorted(views), sorted(macros)))
                self._known = _Known(frozenset(name for name, _ in views), hashlib.sha256(said.encode()).hexdigest())
            return self._known
