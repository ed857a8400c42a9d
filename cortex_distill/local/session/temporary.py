"""TEMPORARY tables and views: seen by one session only, gone when it ends, shadowing a table of the same name.

DuckDB ties its own to a connection, and a session works on several. So each session keeps its temporary objects
in a schema of its own beside the real one, and names are rewritten.
"""

from contextlib import suppress

import duckdb
from sqlglot import exp

from cortex_distill.local.names import Name

PREFIX = "_TEMP_"


class TemporaryTables:
    """The temporary objects of one session."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._known: set[Name] = set()
        self._schemas: set[tuple[str, str]] = set()

    def rewrite(
        self, tree: exp.Expr, duck: duckdb.DuckDBPyConnection, database: str | None, schema: str | None
    ) -> None:
        """Point every name of a temporary object at its hidden schema; note what is created and dropped."""
        created = self._created(tree)
        if created is not None:
            place = place_of(created, database, schema)
            self._make_schema(duck, place)
            self._known.add(place)
        elif not self._known:
            return
        replaces = isinstance(tree, exp.Create) and created is None
        for table in _tables(tree):
            if replaces and table is _target(tree):
                continue
            place = place_of(table, database, schema)
            if place in self._known:
                table.set("catalog", exp.to_identifier(place.database, quoted=True))
                table.set("db", exp.to_identifier(self._hidden(place.schema), quoted=True))
                if isinstance(tree, exp.Drop):
                    self._known.discard(place)

    def has(self, place: Name) -> bool:
        """Whether that name is a temporary object's."""
        return place in self._known

    def named(self, tree: exp.Expr, database: str | None, schema: str | None) -> dict[Name, bool]:
        """The tables and views that a statement names, and which of them are temporary."""
        return {place: self.has(place) for place in (place_of(table, database, schema) for table in _tables(tree))}

    def renamed(self, place: Name, name: str) -> None:
        """The table that really is at `place` has another name now; of no concern if it is none of these."""
        for known in list(self._known):
            if known._replace(schema=self._hidden(known.schema)) == place:
                self._known.remove(known)
                self._known.add(known._replace(name=name))

    def forget(self, database: str, schema: str | None, duck: duckdb.DuckDBPyConnection) -> None:
        """A schema, or a whole database, is gone, and with it the temporary objects in it."""
        gone = {place for place in self._known if place.database == database and schema in (None, place.schema)}
        self._known -= gone
        self._drop({(place.database, self._hidden(place.schema)) for place in gone}, duck)

    def drop(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Drop all of them, when the session ends."""
        self._drop(self._schemas, duck)

    def _drop(self, schemas: set[tuple[str, str]], duck: duckdb.DuckDBPyConnection) -> None:
        for database, schema in schemas:
            with suppress(duckdb.Error):  # a database that is gone has no tables of ours
                duck.execute(f'DROP SCHEMA IF EXISTS "{database}"."{schema}" CASCADE')
        self._schemas -= schemas

    def _created(self, tree: exp.Expr) -> exp.Table | None:
        properties = tree.args.get("properties") if isinstance(tree, exp.Create) else None
        if properties is None:
            return None
        kept = [part for part in properties.expressions if not isinstance(part, exp.TemporaryProperty)]
        temporary = len(kept) < len(properties.expressions)
        kept = [part for part in kept if not isinstance(part, exp.TransientProperty)]
        properties.set("expressions", kept)
        return _target(tree) if temporary else None

    def _make_schema(self, duck: duckdb.DuckDBPyConnection, place: Name) -> None:
        hidden = (place.database, self._hidden(place.schema))
        if hidden not in self._schemas:
            duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{hidden[0]}"."{hidden[1]}"')
            self._schemas.add(hidden)

    def _hidden(self, schema: str) -> str:
        return f"{PREFIX}{self._session}_{schema}"


def _tables(tree: exp.Expr) -> list[exp.Table]:
    """All that a statement names; not its common table expressions."""
    common = {cte.alias_or_name.upper() for cte in tree.find_all(exp.CTE)}
    return [table for table in tree.find_all(exp.Table) if table.db or table.name.upper() not in common]


def _target(tree: exp.Expr) -> exp.Table | None:
    return tree.this.find(exp.Table) if isinstance(tree.this, exp.Expr) else None


def place_of(table: exp.Table, database: str | None, schema: str | None) -> Name:
    """Where a table is: its name with the current database and schema where it has none."""
    parts = [_name(table.args.get(key)) for key in ("catalog", "db", "this")]
    return Name(parts[0] or database or "", parts[1] or schema or "", parts[2])


def _name(node: exp.Expr | None) -> str:
    if not isinstance(node, exp.Identifier):
        return ""
    return str(node.this) if node.quoted else str(node.this).upper()
