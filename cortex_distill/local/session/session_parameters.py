"""Session parameters: those that mean something here. All others are accepted and do nothing."""

import re
from datetime import UTC, date, datetime
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from cortex_distill.local.faults import Refused, unsupported

_LONGEST = 604_800  # seconds, seven days; docs: sql-reference/parameters, STATEMENT_TIMEOUT_IN_SECONDS
_STATEMENT = re.compile(r"alter\s+session\s+(set|unset)\s+(.*?)\s*;?\s*", re.IGNORECASE | re.DOTALL)
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*('(?:''|\\.|[^'\\])*'|\$\$.*?\$\$|[\w.+:-]+)\s*,?\s*", re.DOTALL)
_PASSED_ON = {"AUTOCOMMIT", "TIMEZONE"}  # fakesnow's own


class Parameters:
    """The parameters of one session, as it may set them. Raises Refused for a value that cannot be."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}

    def set(self, name: str, value: Any) -> None:
        """Set one; text is what the statement or the login said."""
        read = {"LOCAL_MODELS_AS_OF": day_of, "STATEMENT_TIMEOUT_IN_SECONDS": _seconds}.get(name)
        if read is not None:
            read(str(value))
        self._set[name] = str(value)

    def unset(self, name: str) -> None:
        """Back to the default."""
        self._set.pop(name, None)

    @property
    def tag(self) -> str:
        """QUERY_TAG."""
        return self._set.get("QUERY_TAG", "")

    @property
    def day(self) -> date:
        """The day whose models are there: LOCAL_MODELS_AS_OF, else today (UTC)."""
        text = self._set.get("LOCAL_MODELS_AS_OF")
        return day_of(text) if text else datetime.now(UTC).date()

    @property
    def seconds(self) -> int:
        """STATEMENT_TIMEOUT_IN_SECONDS; 0 means no limit."""
        return _seconds(self._set.get("STATEMENT_TIMEOUT_IN_SECONDS", "0"))

    def alter(self, sql: str) -> bool | None:
        """ALTER SESSION SET or UNSET: True when done, None if `sql` is something else or fakesnow's business."""
        found = _STATEMENT.fullmatch(sql)
        if found is None:
            return None
        if found[1].lower() == "unset":
            for name in re.split(r"\s*,\s*", found[2]):
                self.unset(name.upper())
            return None if found[2].upper() in _PASSED_ON else True
        pairs = [(one[1].upper(), one[2]) for one in _ASSIGNMENT.finditer(found[2])]
        if "".join(one[0] for one in _ASSIGNMENT.finditer(found[2])) != found[2] or not pairs:
            raise unsupported(sql)
        if any(name in _PASSED_ON for name, _ in pairs):
            if len(pairs) > 1:
                raise unsupported(f"{sql}: set {' and '.join(sorted(_PASSED_ON))} in statements of their own")
            return None
        for name, text in pairs:
            self.set(name, _literal(text))
        return True

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Key, value, default and level of each, for SHOW PARAMETERS."""
        defaults = {"LOCAL_MODELS_AS_OF": "", "QUERY_TAG": "", "STATEMENT_TIMEOUT_IN_SECONDS": "0"}
        return [
            (name, self._set.get(name, default), default, "SESSION" if name in self._set else "")
            for name, default in defaults.items()
        ]


def day_of(text: str) -> date:
    """A day as YYYY-MM-DD. Raises Refused for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _invalid("LOCAL_MODELS_AS_OF", text) from error


def _seconds(text: str) -> int:
    if not text.isdigit() or int(text) > _LONGEST:
        raise _invalid("STATEMENT_TIMEOUT_IN_SECONDS", text)
    return int(text)


def _invalid(name: str, value: str) -> Refused:
    return Refused(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")


def _literal(text: str) -> str:
    try:
        node = parse_one(text, read="snowflake")
    except SqlglotError:
        return text
    return node.name if isinstance(node, exp.Literal | exp.RawString) else text
