"""Names of tables and models as Snowflake reads identifiers: upper case unless quoted, completed from the session."""

import re
from typing import NamedTuple

from cortex_distill.local.faults import Refused

_PART = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_NAME = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*")


class Name(NamedTuple):
    """Fully qualified, as Snowflake stores names. Its text can be pasted into a statement."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(self.shown(part) for part in self)

    @staticmethod
    def shown(part: str) -> str:
        """The part as an identifier: quoted where it has to be."""
        return part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"'


def parts_of(text: str) -> list[str]:
    """The parts of a dotted identifier as they are stored. Raises Refused if it is none."""
    if not _NAME.fullmatch(text.strip()):
        raise Refused(f"SQL compilation error:\ninvalid identifier '{text}'", 904, "42000")
    return [_stored(part) for part in re.findall(_PART, text)]


def resolved(text: str, home: str) -> Name:
    """The full name; what is not said comes from `home`, the session's DB.SCHEMA."""
    said = parts_of(text)
    full = [*home.split(".", 1)[: 3 - len(said)], *said]
    if len(full) != 3 or not all(full):
        raise Refused(
            "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', "
            "or use a qualified name.",
            90105,
            "22000",
        )
    return Name(*full)


def _stored(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.upper()
