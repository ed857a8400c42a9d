"""PARSE_JSON, TRY_PARSE_JSON and the object constructors as Python functions: columns from DuckDB and back."""

import json
from collections.abc import Callable

import duckdb
import pyarrow as pa

from cortex_distill.local.faults import Refused
from cortex_distill.local.sql.arrow_functions import define
from cortex_distill.local.sql.json_lenient import NotJson, parse

_TEXT = "VARCHAR"


def register(duck: duckdb.DuckDBPyConnection) -> None:
    """Make them known to every connection of this DuckDB instance."""
    define(duck, "_SF_PARSE_JSON", lambda texts: _parsed(texts, safe=False), [_TEXT], _TEXT, effects=False)
    define(duck, "_SF_TRY_PARSE_JSON", lambda texts: _parsed(texts, safe=True), [_TEXT], _TEXT, effects=False)
    for name, safe in (("_SF_PARSE_JSON_LAST", False), ("_SF_TRY_PARSE_JSON_LAST", True)):
        define(duck, name, _last_wins(safe), [_TEXT], _TEXT, effects=False)
    lists = [f"{_TEXT}[]"] * 2
    define(duck, "_SF_OBJECT", lambda keys, values: _objects(keys, values, False), lists, _TEXT, effects=False)
    define(duck, "_SF_OBJECT_KEEP_NULL", lambda keys, values: _objects(keys, values, True), lists, _TEXT, effects=False)


def _last_wins(safe: bool) -> Callable[[pa.Array], pa.Array]:
    """A plain function of one argument: DuckDB counts parameters, and takes no partial."""
    return lambda texts: _parsed(texts, safe=safe, last=True)


def _parsed(texts: pa.Array, *, safe: bool, last: bool = False) -> pa.Array:
    return pa.array([None if text is None else _parse(text, safe, last) for text in texts.to_pylist()], pa.string())


def _parse(text: str, safe: bool, last: bool) -> str | None:
    try:
        return parse(text, last=last)
    except NotJson as error:
        if safe:
            return None
        raise Refused(str(error), 100069, "22P02") from error


def _objects(keys: pa.Array, values: pa.Array, keep_null: bool) -> pa.Array:
    return pa.array(
        [_object(*row, keep_null) for row in zip(keys.to_pylist(), values.to_pylist(), strict=True)], pa.string()
    )


def _object(keys: list[str | None], values: list[str | None], keep_null: bool) -> str:
    pairs = {key: value for key, value in zip(keys, values, strict=True) if key is not None}
    cells = (
        f"{json.dumps(key, ensure_ascii=False)}:{value or 'null'}" for key, value in pairs.items() if value or keep_null
    )
    return "{" + ",".join(cells) + "}"
