"""Texts in SQL and in Python: the same hash, the same words, the same reading; regular expressions as they are sent."""

import pytest

from cortex_distill.alike import alike_sql, similarity
from cortex_distill.asking import Ask
from cortex_distill.ledger_sql import call_keys, keyed_sql
from cortex_distill.message_flags import EMPTY_GREETING, GREETED, PLACEHOLDER, TOKEN
from cortex_distill.message_sql import PATTERNS, redacted_sql, words_sql
from cortex_distill.plan_sql import write_keys
from cortex_distill.replies import normal_sql
from cortex_distill.splitting import order_of
from cortex_distill.sql import Sql, literal
from cortex_distill.transient import is_transient_sql, is_transient_text
from cortex_distill.upload import upload
from tasks.split import order_sql
from tests.account.conftest import MODEL, read
from tests.hostile_strings import HOSTILE, LOOKS

NUL = "\x00"
TEXTS = [text for text in dict.fromkeys(HOSTILE) if NUL not in text]


@pytest.fixture(scope="module")
def texts(place):
    """Table TEXTS of n, request: hostile texts, as rows are uploaded."""
    place.rows("CREATE TABLE TEXTS (n NUMBER, request STRING)")
    upload(place.session, "TEXTS", ["n", "request"], list(enumerate(TEXTS)))
    return TEXTS


def column(place, expression):
    """The expression for each row of TEXTS, in order."""
    found = place.rows(f"SELECT {expression.text} FROM TEXTS ORDER BY n", *expression.binds)
    return [value for (value,) in found]


def numbered(place, name, texts):
    """Rows of HOLDOUT under a name, each with its number as key."""
    upload(place.session, "HOLDOUT", ["run_id", "row_key", "request"], [(name, str(n), t) for n, t in enumerate(texts)])


@pytest.mark.assumption("json-bind")
def test_texts_travel_as_json_and_arrive_as_they_were(place, texts):
    assert column(place, Sql("request")) == texts


@pytest.mark.assumption("nul")
def test_a_nul_character_arrives_as_it_was(place):
    assert place.one("SELECT ? = PARSE_JSON(?)::STRING", f"a{NUL}b", '"a\\u0000b"') is True


@pytest.mark.assumption("large-bind")
def test_a_bind_of_six_megabytes_is_split_into_its_words(place):
    count = 90_000
    write_keys(place.session, "LARGE", [str(n) for n in range(count)], [f"{n:064d}" for n in range(count)])
    said = place.rows("SELECT COUNT(*), COUNT(row_key::NUMBER = key::NUMBER OR NULL), MIN(LENGTH(key)) FROM LARGE")
    assert said == [(count, count, 64)]


@pytest.mark.assumption("json-megabyte")
def test_a_megabyte_of_json_is_one_bind(place):
    place.rows("CREATE OR REPLACE TEMPORARY TABLE MEGABYTE (n NUMBER, said STRING, share FLOAT, is_so BOOLEAN)")
    rows = [(n, f"{n} " + "ä" * 1000, n / 7, n % 2 == 0) for n in range(900)] + [(None, None, None, None)]
    assert upload(place.session, "MEGABYTE", ["n", "said", "share", "is_so"], rows) == 901
    assert place.rows("SELECT * FROM MEGABYTE WHERE n = 7 OR n IS NULL ORDER BY n") == [rows[7], rows[-1]]


@pytest.mark.assumption("literal")
def test_a_constant_is_the_text_that_was_meant(place, texts):
    shown = [text for text in texts if "\ufeff" not in text]
    for start in range(0, len(shown), 40):
        some = shown[start : start + 40]
        assert place.rows(f"SELECT {', '.join(map(literal, some))}") == [tuple(some)]


@pytest.mark.assumption("sha2-utf8")
def test_sha2_is_of_the_utf8_bytes(place, texts):
    wanted = Ask("check", Sql("SELECT n AS row_key, request AS prompt, n AS draw FROM TEXTS"), MODEL, {"max_tokens": 9})
    keyed = keyed_sql(wanted, "WHO")
    found = place.rows(f"SELECT key FROM ({keyed.text}) ORDER BY draw", *keyed.binds)
    assert [key for (key,) in found] == call_keys(wanted, "WHO", [(text, n) for n, text in enumerate(texts)])


@pytest.mark.assumption("order")
def test_tickets_are_ordered_as_in_python(place, texts):
    assert column(place, order_sql("request")) == [order_of(text) for text in texts]


@pytest.mark.assumption("alike")
def test_texts_are_as_alike_as_in_python(place):
    said = ["My phone was stolen on the train, please help!", "my phone was STOLEN on the train please help", "no",
            "My phone was lost on the train, please help", "Where—is my parcel? – It’s late",
            "où est mon colis ?"]  # fmt: skip
    numbered(place, "alike", said)
    rows = Sql("SELECT row_key::NUMBER AS n, 0 AS side, request FROM HOLDOUT WHERE run_id = 'alike'")
    for statement in alike_sql("CHECKED", rows, 0.2):
        place.query(statement)
    found = {(int(a), int(b)): alike for a, b, alike in place.rows("SELECT a, b, similarity FROM CHECKED_ALIKE")}
    pairs = [(a, b) for b in range(len(said)) for a in range(b)]
    expected = {(a, b): alike for a, b in pairs if (alike := similarity(said[a], said[b])) >= 0.2}
    assert len(expected) > 1
    assert found == pytest.approx(expected)


@pytest.mark.assumption("normal")
def test_labels_are_read_without_case_blanks_and_marks(place):
    label = normal_sql("column1")
    said = [
        "**Lost phone**.",
        " lost \n\t phone ",
        '"Lost Phone"',
        "LOST\u00a0phone\u200b",
        "“Lost phone”",
        "`lost phone`:",
    ]
    values = ", ".join(["(?, ?)"] * len(said))
    binds = [cell for n, text in enumerate(said) for cell in (text, n)]
    found = place.rows(f"SELECT {label.text} FROM VALUES {values} ORDER BY column2", *label.binds, *binds)
    assert [text for (text,) in found] == [*["lost phone"] * 3, "lost\u00a0phone", *["lost phone"] * 2]


@pytest.mark.assumption("transient-sql")
def test_sql_and_python_agree_on_which_failures_may_pass(place):
    said = ["429 too many requests", "remote service error: 503 'x'", "remote service error: 400 'timed out'",
            "Throttled",
            '422 "json mode output validation error"', "connection reset by peer", "exceeded your current quota", "no",
            "remote service error: 400 '\"unknown model\"'"]  # fmt: skip
    numbered(place, "pass", said)
    passing = is_transient_sql("request")
    found = place.rows(
        f"SELECT {passing.text} FROM HOLDOUT WHERE run_id = 'pass' ORDER BY row_key::NUMBER", *passing.binds
    )
    assert [value for (value,) in found] == [is_transient_text(text) for text in said]
    assert place.one(f"SELECT {is_transient_sql('NULL::STRING').text}", *passing.binds) is False


@pytest.mark.assumption("regexp-classes")
def test_patterns_of_messages_match_what_they_are_for(place):
    said = "Dear [Your Name], call +49 (0)30 1234567 or write to a.b@example.com, see https://example.com/x. Hi  ,"
    redacted = redacted_sql("?", list(PATTERNS))
    assert place.one(f"SELECT {redacted.text}", said, *redacted.binds) == (
        "Dear [Your Name], call [phone] or write to [email], see [link] Hi  ,"
    )
    found = place.rows(
        "SELECT REGEXP_SUBSTR(?, ?), REGEXP_SUBSTR(?, ?, 1, 1, 'e', 5), REGEXP_COUNT(?, ?), REGEXP_SUBSTR_ALL(?, ?)",
        said, PLACEHOLDER, "Hello Dr. Müller, thanks", GREETED, "Hi ,", EMPTY_GREETING, "Mr. O’Neil (Jr.)", TOKEN,
    )  # fmt: skip
    placeholder, greeted, empty, tokens = found[0]
    assert (placeholder, greeted, int(empty), read(tokens)) == ("[Your Name],", "Müller", 1, ["Mr", "O’Neil", "Jr"])


@pytest.mark.assumption("words")
def test_words_are_counted_over_no_break_blanks(place):
    words = words_sql("?")
    assert place.one(f"SELECT {words.text}", "one\u00a0two  three\n– four", *words.binds) == 5
    assert place.one(f"SELECT {words.text}", None, *words.binds) == 0


@pytest.mark.assumption("regexp-like")
def test_regexp_like_looks_at_the_whole_text(place):
    like = "SELECT REGEXP_LIKE(?, ?, 'i')"
    assert place.one(like, "by SMS please", r".*\b(text|sms)\b.*") is True
    assert place.one(like, "by SMS please", r"\b(text|sms)\b") is False


@pytest.mark.assumption("characters")
def test_lengths_and_cuts_are_in_characters(place):
    assert place.rows("SELECT LENGTH(?), LEFT(?, 2), CONTAINS(?, ?)", "😀é", "😀éx", LOOKS[1], "e") == [
        (2, "😀é", True)
    ]
