"""What a model wrote, read by SQL: JSON objects out of any reply, and labels made comparable.

One way for all replies, structured or not: every flat JSON object in the text is looked at on its own. So a fence,
prose around the list, a list cut off in the middle or one broken object costs no more than what is broken.
"""

from collections.abc import Mapping
from typing import Any

from cortex_distill.sql import Sql

# A JSON object without objects inside; braces inside its strings do not end it. Snowflake's regular expressions
# have no non-capturing groups (docs.snowflake.com/en/sql-reference/functions-regexp).
FLAT_OBJECT = r'\{([^{}"]|"([^"\\]|\\.)*")*\}'
# What models put around a label: blanks, quotes, Markdown, full stops.
AROUND = " \t\r\n.,:;!\"'`*_#<>()[]{}“”‘’«»"


def objects_sql(reply: str) -> Sql:
    """An ARRAY of the flat JSON objects (as text) in a text column; empty where there is none."""
    return Sql(f"REGEXP_SUBSTR_ALL({reply}, ?)", (FLAT_OBJECT,))


def first_object_sql(reply: str) -> Sql:
    """The first flat JSON object in a text column as VARIANT; NULL where there is none or it cannot be read."""
    return Sql(f"TRY_PARSE_JSON(REGEXP_SUBSTR({reply}, ?))", (FLAT_OBJECT,))


def normal_sql(column: str) -> Sql:
    """A text column in lower case, single blanks, nothing of AROUND at its ends: equal texts become equal."""
    return Sql(f"LOWER(REGEXP_REPLACE(TRIM({column}, ?), ?, ' '))", (AROUND, r"\s+"))


def object_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """JSON schema of an object. All properties are required and no others allowed, as OpenAI models on Cortex want."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
