"""What should not stand in a message: a gap that was left unfilled, a greeting of nobody, another customer's data.

In:   MESSAGES and MESSAGE_INBOX of one run
Out:  row_key, variant, placeholder, greeting, other_customer: what was found, NULL where nothing was

Other customers are found in sets: the words of messages that occur in any name are joined to the names, one, two or
three words long. So the work grows with the words, not with messages times customers.
"""

from cortex_distill.message_sql import EMAIL_ADDRESS
from cortex_distill.sql import Sql

TOKEN = r"""[^][[:space:].,;:!?()<>/{}"“”…|]+"""
_TOKEN_ENDS, _POSSESSIVE = "*_`'’‘", r"['’]s?$"
LONGEST_NAME = 3  # words of a name that are looked for
# [Your Name], {{ name }}, {name}, <name>, XXX, ___; of a Markdown link [text](address) the brackets are none.
PLACEHOLDER = (
    r"\[[A-Za-z][^][]{0,60}\]($|[^(])|\{\{[^}]{0,60}\}\}|\{[A-Za-z][A-Za-z _-]{1,40}\}|<[A-Za-z][A-Za-z _-]{1,40}>"
    r"|\bX{3,}\b|\bx{3,}\b|_{3,}"
)
# A word alone with a blank before the comma, `Hi ,`; or Dear with nothing behind it.
EMPTY_GREETING = "(^|\n) *([^[:space:],]{2,20} +,|[Dd]ear *[,:!])"
GREETED = "(^|\n) *(Dear|Hi|Hello|Hey) +((Mr|Mrs|Ms|Miss|Dr)[.]? +)?([^][[:space:].,;:!?()<>{}]+)"


def flags_sql(run_id: str) -> Sql:
    """A row for each message of the run in which something was found."""
    mine, others = _mine_sql(run_id), _others_sql(run_id)
    return Sql(
        f"""WITH {mine.text}, {others.text}
        SELECT m.row_key, m.variant, TRIM(REGEXP_SUBSTR(m.message, ?)) AS placeholder,
            TRIM(REGEXP_SUBSTR(m.message, ?, 1, 1, 'e', 2)) AS greeting, o.other_customer
        FROM mine m LEFT JOIN (
            SELECT row_key, variant,
                LEFT(LISTAGG(DISTINCT found, ', ') WITHIN GROUP (ORDER BY found), 300) AS other_customer
            FROM others GROUP BY row_key, variant
        ) o ON o.row_key = m.row_key AND o.variant = m.variant
        WHERE REGEXP_COUNT(m.message, ?) > 0 OR REGEXP_COUNT(m.message, ?) > 0 OR o.other_customer IS NOT NULL""",
        (*mine.binds, *others.binds, PLACEHOLDER, EMPTY_GREETING, PLACEHOLDER, EMPTY_GREETING),
    )


def _mine_sql(run_id: str) -> Sql:
    """Messages beside what their customer wrote and is called; `own` and `wrote` in small letters between blanks."""
    own = "' ' || LOWER(ARRAY_TO_STRING(REGEXP_SUBSTR_ALL(COALESCE(i.customer_name, ''), ?), ' ')) || ' '"
    wrote = "' ' || LOWER(ARRAY_TO_STRING(REGEXP_SUBSTR_ALL(COALESCE(i.request, ''), ?), ' ')) || ' '"
    return Sql(
        f"""mine AS (
            SELECT m.row_key, m.variant, m.message, LOWER(COALESCE(i.email, '')) AS email, {own} AS own,
                {wrote} AS wrote, LOWER(COALESCE(i.request, '')) AS request
            FROM MESSAGES m JOIN MESSAGE_INBOX i ON i.run_id = m.run_id AND i.row_key = m.row_key
            WHERE m.run_id = ? AND m.message IS NOT NULL)""",
        (TOKEN, TOKEN, run_id),
    )


def _others_sql(run_id: str) -> Sql:
    """row_key, variant, found: names and addresses of other customers of the inbox, unless the customer wrote them.

    A name of several words counts whatever its capitals; one of a single word only as it is written, and only if it
    has a capital letter. In a greeting a part of a name is enough.
    """
    stranger = "NOT CONTAINS(m.own, ' ' || {0} || ' ') AND NOT CONTAINS(m.wrote, ' ' || {0} || ' ')".format
    return Sql(
        f"""names AS (
            SELECT DISTINCT ARRAY_TO_STRING(tokens, ' ') AS name, LOWER(ARRAY_TO_STRING(tokens, ' ')) AS lower_name,
                ARRAY_SIZE(tokens) AS n
            FROM (SELECT ARRAY_SLICE(REGEXP_SUBSTR_ALL(customer_name, ?), 0, {LONGEST_NAME}) AS tokens
                FROM MESSAGE_INBOX WHERE run_id = ? AND customer_name <> '')),
        parts AS (
            SELECT DISTINCT p.value::STRING AS part FROM names, LATERAL FLATTEN(input => SPLIT(lower_name, ' ')) p),
        spoken AS (
            SELECT m.row_key, m.variant, s.index AS place,
                REGEXP_REPLACE(TRIM(s.value::STRING, ?), ?, '') AS token
            FROM mine m, LATERAL FLATTEN(input => REGEXP_SUBSTR_ALL(m.message, ?)) s),
        known AS (
            SELECT row_key, variant, place, token,
                LEAD(token, 1) OVER (PARTITION BY row_key, variant ORDER BY place) AS second,
                LEAD(place, 1) OVER (PARTITION BY row_key, variant ORDER BY place) AS second_place,
                LEAD(token, 2) OVER (PARTITION BY row_key, variant ORDER BY place) AS third,
                LEAD(place, 2) OVER (PARTITION BY row_key, variant ORDER BY place) AS third_place
            FROM spoken WHERE LOWER(token) IN (SELECT part FROM parts)),
        runs AS (
            SELECT DISTINCT row_key, variant, 1 AS n, token AS said FROM known
            UNION ALL SELECT DISTINCT row_key, variant, 2, token || ' ' || second FROM known
                WHERE second_place = place + 1
            UNION ALL SELECT DISTINCT row_key, variant, 3, token || ' ' || second || ' ' || third FROM known
                WHERE third_place = place + 2),
        others AS (
            SELECT m.row_key, m.variant, n.name AS found
            FROM runs r JOIN names n ON n.lower_name = LOWER(r.said) AND n.n = r.n
            JOIN mine m ON m.row_key = r.row_key AND m.variant = r.variant
            WHERE (r.n > 1 OR (r.said = n.name AND r.said <> LOWER(r.said))) AND {stranger("LOWER(r.said)")}
            UNION ALL
            SELECT m.row_key, m.variant, m.greeted FROM (
                SELECT row_key, variant, own, wrote, REGEXP_REPLACE(TRIM(
                    REGEXP_SUBSTR(message, ?, 1, 1, 'e', 5), ?), ?, '') AS greeted FROM mine
            ) m WHERE m.own <> '  ' AND m.greeted <> LOWER(m.greeted)
                AND LOWER(m.greeted) IN (SELECT part FROM parts) AND {stranger("LOWER(m.greeted)")}
            UNION ALL
            SELECT w.row_key, w.variant, e.email
            FROM (
                SELECT m.row_key, m.variant, m.email, m.request, a.value::STRING AS address
                FROM mine m, LATERAL FLATTEN(input => REGEXP_SUBSTR_ALL(LOWER(m.message), ?)) a
            ) w JOIN (SELECT DISTINCT LOWER(email) AS email FROM MESSAGE_INBOX WHERE run_id = ? AND email <> '') e
                ON e.email = w.address
            WHERE e.email <> w.email AND NOT CONTAINS(w.request, e.email))""",
        (
            *(TOKEN, run_id, _TOKEN_ENDS, _POSSESSIVE, TOKEN),
            *(GREETED, _TOKEN_ENDS, _POSSESSIVE, EMAIL_ADDRESS, run_id),
        ),
    )
