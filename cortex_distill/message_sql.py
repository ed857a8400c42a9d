"""What is said about messages in SQL: how many words one has, and a text with what should not travel taken out.

Patterns are POSIX with Perl's backslash sequences: no look-around, no groups without a number, nothing lazy
(docs.snowflake.com/en/sql-reference/functions-regexp).
"""

from collections.abc import Sequence

from cortex_distill.sql import Sql

EMAIL_ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
WORD = r"\S+"
_NO_BREAK = "\u00a0\u202f\u2007"  # blanks that \s does not know
# In this order: what one pattern would take for another's stands before it. An IBAN's digits look like a card's, and a
# card's like those of a telephone.
PATTERNS = {
    "link": r"(https?://|www\.)\S+",
    "email": EMAIL_ADDRESS,
    "iban": r"\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?\b",
    "card": r"\b([0-9][ -]?){12,18}[0-9]\b",
    # nine digits or more, so that a date (2026-11-27) and an amount stay
    "phone": r"\+?\(?[0-9]([ ()./-]{0,2}[0-9]){8,14}",
}


def words_sql(text: str) -> Sql:
    """How many words a text column has: runs of anything but blanks, a subject line and a dash included; 0 for NULL.

    A text in a script that sets no blanks counts as few words.
    """
    spaced = f"TRANSLATE(COALESCE({text}, ''), ?, ?)"
    return Sql(f"REGEXP_COUNT({spaced}, ?)", (_NO_BREAK, " " * len(_NO_BREAK), WORD))


def redacted_sql(text: str, kinds: Sequence[str]) -> Sql:
    """A text column with whatever looks like one of `kinds` (keys of PATTERNS) replaced by `[kind]`.

    Only forms are known, not meanings: names and street addresses stay, so do numbers that are written in words, and a
    long order number is taken for a card.
    """
    found = Sql(text)
    for kind, pattern in PATTERNS.items():
        if kind in kinds:
            found = Sql(f"REGEXP_REPLACE({found.text}, ?, ?)", (*found.binds, pattern, f"[{kind}]"))
    return found
