"""Regular expressions for the JSON objects that models write, as Snowflake's functions read them.

POSIX with Perl's backslash sequences: no look-around, no groups without a number, nothing lazy
(docs.snowflake.com/en/sql-reference/functions-regexp).

The grammar is tight on purpose. A pattern for "anything between braces" also finds braces in the text of a ticket,
and in a reply that was cut off in the middle it would make a ticket of them. Here an object is a list of
`key: value`, and inside a JSON string no key can stand: its quotes have backslashes in front of them.
"""

STRING = r'"([^"\\]|\\.)*"'
_WORD = r"[-+.A-Za-z0-9_]+"  # numbers, true, null; what else looks like one is refused by the parser
_NAME = r"[A-Za-z_$][A-Za-z0-9_$]*"  # keys without quotes, which PARSE_JSON reads
_SINGLE = r"""'([^'"\\]|\\.)*'"""  # with a double quote inside, such a string could not be told from two others
_EITHER = f"({STRING}|{_SINGLE})"


def _object(string: str, *, deep: bool) -> str:
    """`{key: value, …}`, commas forgiven; values are texts, words, lists of them and, if deep, such objects."""
    values = [string, _WORD, rf"""\[([^][{{}}"']|{string})*\]""", *([_object(string, deep=False)] if deep else [])]
    return rf"\{{\s*(({string}|{_NAME})\s*:\s*({'|'.join(values)})\s*,?\s*)*\}}"


FLAT = _object(STRING, deep=False)
DEEP = _object(STRING, deep=True)  # at most one object inside another: what is further out is no ticket and no rating
SINGLE_QUOTED = _object(_EITHER, deep=True)  # as Python writes a dictionary

DOUBLE_QUOTED_KEY, SINGLE_QUOTED_KEY = r'"\s*:', r"'\s*:"
# Inside an object of SINGLE_QUOTED: all up to the next single-quoted string (1), and what is in that string (4).
TO_SINGLE = rf"""(([^'"]|{STRING})*)'(([^'"\\]|\\.)*)'"""
AS_DOUBLE = r'\1"\4"'
