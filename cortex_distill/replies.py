"""What a model wrote, read by SQL: JSON objects out of any reply, and labels made comparable.

One way for all replies, structured or not: every JSON object in the text is looked at on its own. So a fence, prose
around the list, a list cut off in the middle or one broken object costs no more than what is broken.
Nothing is guessed: what can be read in two ways, or would have to be completed, is lost, and counted as such.
"""

from collections.abc import Mapping
from typing import Any

from cortex_distill.reply_grammar import (
    AS_DOUBLE,
    DEEP,
    DOUBLE_QUOTED_KEY,
    FLAT,
    SINGLE_QUOTED,
    SINGLE_QUOTED_KEY,
    TO_SINGLE,
)
from cortex_distill.sql import Sql, literal

BLANK = " \t\r\n"
# What models put around a label: blanks (the last four are no-break and of no width), quotes, Markdown, full stops.
AROUND = " \t\r\n.,:;!\"'`*_#<>()[]{}“”‘’«»\u00a0\u200b\u2060\ufeff"


def objects_sql(replies: str, wanted: Sql) -> Sql:
    """row_key, completion_key, position, entry (VARIANT) of each JSON object that is wanted, in each reply.

    `replies` is a table with row_key, completion_key and reply; `wanted` a condition on the VARIANT entry.
    Of an object that is not wanted the objects inside are asked, as in {"ticket_1": {…}, "ticket_2": {…}}.
    Replies without such an object are missing. `position` is a text, unique within its reply.
    """
    text, single, double = _unwrapped_sql("reply"), _single_quoted_sql("reply"), _double_quoted_sql("o.value::STRING")
    return Sql(
        f"""WITH plain AS (SELECT row_key, completion_key, {text.text} AS reply FROM {replies}),
        read AS (SELECT row_key, completion_key, reply, {single.text} AS single FROM plain WHERE reply IS NOT NULL),
        found AS (
            SELECT r.row_key, r.completion_key, o.index::STRING AS place,
                IFF(r.single, {double.text}, o.value::STRING) AS text
            FROM read r, LATERAL FLATTEN(
                input => IFF(r.single, REGEXP_SUBSTR_ALL(r.reply, ?), REGEXP_SUBSTR_ALL(r.reply, ?))) o),
        parsed AS (SELECT row_key, completion_key, place, text, TRY_PARSE_JSON(text) AS entry FROM found),
        asked AS (
            SELECT row_key, completion_key, place, text, entry, COALESCE({wanted.text}, FALSE) AS whole FROM parsed),
        opened AS (
            SELECT a.row_key, a.completion_key, a.place || IFF(a.whole, '', '.' || i.index::STRING) AS position,
                IFF(a.whole, a.entry, TRY_PARSE_JSON(i.value::STRING)) AS entry, a.whole
            FROM asked a, LATERAL FLATTEN(
                input => IFF(a.whole, ARRAY_CONSTRUCT(''), REGEXP_SUBSTR_ALL(a.text, ?))) i)
        SELECT row_key, completion_key, position, entry FROM opened WHERE whole OR ({wanted.text})""",
        (*text.binds, *single.binds, *double.binds, SINGLE_QUOTED, DEEP, *wanted.binds, FLAT, *wanted.binds),
    )


def only_object_sql(reply: str) -> Sql:
    """The JSON object in a text column as VARIANT; NULL where there is none, or more than one, or it is broken."""
    return Sql(f"IFF(REGEXP_COUNT({reply}, ?) = 1, TRY_PARSE_JSON(REGEXP_SUBSTR({reply}, ?)), NULL)", (DEEP, DEEP))


def member_sql(name: str, variant: str = "entry") -> str:
    """A member of a VARIANT by its name, which may also be written Like This or LIKE THIS; NULL if it has none."""
    keys = dict.fromkeys((name, name.capitalize(), name.upper()))
    return f"COALESCE({', '.join(f'{variant}[{literal(key)}]' for key in keys)})"


def text_sql(name: str, variant: str = "entry") -> str:
    """A member that is a text, without blanks around it; NULL if it is none, such as a list, or blank."""
    member = member_sql(name, variant)
    return f"IFF(IS_VARCHAR({member}), NULLIF(TRIM({member}::STRING, {literal(BLANK)}), ''), NULL)"


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


def _unwrapped_sql(reply: str) -> Sql:
    """The reply, taken out of the JSON string that is all of it, with straight quotes if it has only curved ones."""
    string = f"IFF(STARTSWITH(TRIM({reply}), ?), TRY_PARSE_JSON({reply}), NULL)"
    text = f"COALESCE(IFF(IS_VARCHAR({string}), {string}::STRING, NULL), {reply})"
    straight = f"REPLACE(REPLACE({reply}, '“', ?), '”', ?)"
    return Sql(f"IFF(CONTAINS({reply}, ?), {text}, {straight})", ('"', '"', '"', '"', '"'))


def _single_quoted_sql(reply: str) -> Sql:
    """Whether keys stand between single quotes, and none between double ones.

    Only then a single quote may begin a text. In a reply of JSON it may not: the text of a ticket can hold an object
    of Python, and where that ticket was cut off, the object inside would pass for one.
    """
    return Sql(f"REGEXP_COUNT({reply}, ?) > 0 AND REGEXP_COUNT({reply}, ?) = 0", (SINGLE_QUOTED_KEY, DOUBLE_QUOTED_KEY))


def _double_quoted_sql(text: str) -> Sql:
    """An object of SINGLE_QUOTED as JSON."""
    return Sql(f"REPLACE(REGEXP_REPLACE({text}, ?, ?), ?, ?)", (TO_SINGLE, AS_DOUBLE, "\\'", "'"))
