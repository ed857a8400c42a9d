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


NO_SPACE = 370002  # Snowflake has no such error, so no number either
_FULL = re.compile(r"No space left on device|File too large|disk quota exceeded|disk is full", re.IGNORECASE)
UNSUPPORTED = 2  # the number of what the local engine does not imitate


def unsupported(statement: str) -> Refused:
    """What is said of a statement that the local engine would otherwise get wrong."""
    return Refused(f"{NOT_SUPPORTED}: {statement}", UNSUPPORTED, "0A000")


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
    if _FULL.search(text):
        return Refused(f"no space is left for the local engine's files: {text.splitlines()[0]}", NO_SPACE, "53100")
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
        return _conversion(first)
    if isinstance(error, duckdb.ConstraintException) and (found := re.search(r"NOT NULL.*failed: (\S+)", text)):
        return Refused(f"NULL result in a non-nullable column: {found[1]}", 100072, "22000")
    if "cannot affect the same target row more than once" in text:
        return Refused("Duplicate row detected during DML action", 100090, "42P18")
    if isinstance(error, duckdb.TransactionException):
        return Refused(f"statement aborted by a concurrent change: {first}", 625, "57014")
    if isinstance(error, duckdb.InterruptException):
        return Refused("SQL execution canceled", 604, "57014")
    return Refused(first, 100183, "P0000")


_NOT_CONVERTED = re.compile(r"""Could not convert string (['"])(.*)\1 to (\w+)""")
_NO_DATE = re.compile(r'invalid (date|timestamp) field format: "(.*)", expected')
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)


def _conversion(text: str) -> Refused:
    """A text that is no number, date or truth value, in Snowflake's words; the numbers as in `casting.failure`."""
    if found := _NO_DATE.search(text):
        code = 100040 if found[1] == "date" else 100035
        return Refused(f"{found[1].capitalize()} '{found[2]}' is not recognized", code, "22007")
    if found := _NOT_CONVERTED.search(text):
        if found[3].startswith("BOOL"):
            return Refused(f"Boolean value '{found[2]}' is not recognized", 100037, "22018")
        if _NUMBER.fullmatch(found[2]):  # Source: docs: sql-reference/functions/try_to_decimal
            return Refused(f"Numeric value '{found[2]}' is out of range", 100039, "22003")
        return Refused(f"Numeric value '{found[2]}' is not recognized", 100038, "22018")
    return Refused(text, 100038, "22018")


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
