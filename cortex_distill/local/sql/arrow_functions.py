"""Python functions that DuckDB calls with whole columns: how one is made known."""

from collections.abc import Callable
from typing import Any

import duckdb
from duckdb.func import ARROW, SPECIAL


def define(
    duck: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., Any],
    takes: list[Any],
    gives: str,
    effects: bool = True,
) -> None:
    """Make `name` known to every connection. `effects`: DuckDB neither folds, repeats nor leaves out a call."""
    duck.create_function(name, function, takes, gives, type=ARROW, null_handling=SPECIAL, side_effects=effects)
