"""Errors as Snowflake numbers them: what DuckDB, the parser and the Cortex functions raise, translated."""

import re

import duckdb
from snowflake.connector.errors import ProgrammingError
from sqlglot.errors import SqlglotError

_MARK = re.compile(r"<<sf (\d+) (\w+)>>(.*?)<</sf>>", re.DOTALL)
_MISSING_TABLE = re.compile(r"(?:Table|View) with name (\S+?) does not exist")
NOT_SUPPORTED = "not supported by the local engine"


class Refused(Exception):
    """A statement that ends in a Snowflake error. Survives DuckDB, which passes on nothing but the text."""

    def __init__(self, message: str, code: int = 100351, state: str = "P0000") -> None:
        super().__init__(f"<<sf {code} {state}>>{message}<</sf>>")
        self.message, self.code, self.state = message, code, state


def unsupported(statement: str) -> Refused:
    """What is said of a statement that the local engine would otherwise get wrong."""
    return Refused(f"{NOT_SUPPORTED}: {statement}", 2, "0A000")


def as_refused(error: Exception) -> Refused | None:
    """The Snowflake error that `error` stands for; None if it is none (then it is a defect of the engine)."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ProgrammingError) and isinstance(error.__cause__, duckdb.Error):
        error = error.__cause__
    if isinstance(error, duckdb.Error):
        return _of_duckdb(error)
    if isinstance(error, ProgrammingError):
        return Refused(error.raw_msg or error.msg or str(error), abs(error.errno or 0), error.sqlstate or "42000")
    if isinstance(error, SqlglotError):
        text = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "")
        return Refused(f"SQL compilation error:\nsyntax error: {text}", 1003, "42000")
    if isinstance(error, NotImplementedError):
        return unsupported(str(error))
    return None


def _of_duckdb(error: duckdb.Error) -> Refused:
    text = str(error)
    if found := _MARK.search(text):
        return Refused(found[3], int(found[1]), found[2])
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException) and (named := _missing(text)):
        return named
    first = text.split("\n", 1)[0]
    if isinstance(error, duckdb.CatalogException):
        return Refused(f"SQL compilation error:\n{first}", *_catalog_code(text))
    if "cannot be volatile" in text:
        return unsupported("a Cortex function in ORDER BY of a window; select the call in a subquery first")
    if "has side effects" in text:
        return unsupported("the alias of a Cortex call in the same SELECT; select the call in a subquery first")
    if isinstance(error, duckdb.BinderException):
        return Refused(f"SQL compilation error:\n{first}", 2028, "42601")
    if isinstance(error, duckdb.ParserException):
        return Refused(f"SQL compilation error:\nsyntax error: {first}", 1003, "42000")
    if isinstance(error, duckdb.ConversionException):
        return Refused(first, 100038, "22018")
    if isinstance(error, duckdb.ConstraintException) and (found := re.search(r"NOT NULL.*failed: (\S+)", text)):
        return Refused(f"NULL result in a non-nullable column: {found[1]}", 100072, "22000")
    if "cannot affect the same target row more than once" in text:
        return Refused("Duplicate row detected during DML action", 100090, "42P18")
    if isinstance(error, duckdb.TransactionException):
        return Refused(f"statement aborted by a concurrent change: {first}", 625, "57014")
    if isinstance(error, duckdb.InterruptException):
        return Refused("SQL execution canceled", 604, "57014")
    return Refused(first, 100183, "P0000")


def _missing(text: str) -> Refused | None:
    """The two mistakes that everybody makes, in Snowflake's words."""
    if found := _MISSING_TABLE.search(text):
        message = f"SQL compilation error:\nObject '{found[1]}' does not exist or not authorized."
        return Refused(message, 2003, "42S02")
    if "eferenced column" in text or "does not have a column" in text or "olumn with name" in text:
        found = re.search(r'[Rr]eferenced column "([^"]+)"|column (?:named|with name) "?([^"\s]+)"?', text)
        name = next((part for part in found.groups() if part), "?") if found else "?"
        return Refused(f"SQL compilation error: error line 1\ninvalid identifier '{name}'", 904, "42000")
    return None


def _catalog_code(text: str) -> tuple[int, str]:
    if "already exists" in text:
        return 2002, "42710"
    if "Function" in text:
        return 2140, "42601"
    return 2003, "42S02"
