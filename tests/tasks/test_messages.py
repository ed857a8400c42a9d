"""Messages: short enough or marked, models see the named fields alone, and nothing is paid twice."""

import csv
from pathlib import Path

import pytest

from cortex_distill.errors import ConfigError, SetupError, StepError
from cortex_distill.markup import visible
from cortex_distill.message_sql import redacted_sql, words_sql
from cortex_distill.promotion import candidate, promote
from tasks.classify import classify_inbox
from tasks.inbox import read_inbox
from tasks.message_calls import expect_calls
from tasks.messages import write_messages
from tasks.student import choose_student
from tests.hostile_strings import HOSTILE
from tests.inbox import HEADER, MESSAGES, PLAIN, ROWS, record, train, write_csv

SHARED = Path(__file__).parents[3] / "shared" / "data" / "snowflake_support_tickets.csv"


@pytest.fixture
def inbox(tmp_path):
    """Writes an inbox; its path."""
    return lambda rows=ROWS, header=HEADER: write_csv(tmp_path / "tickets.csv", rows, header)


@pytest.fixture
def trained(make_run, connect, request):
    """A run with a tuned student, and runs of messages on its engine, with changes to the section. Takes knobs."""
    source = make_run(session=connect(getattr(request, "param", "")))
    model = train(source)

    def answering(changes=None):
        section = {f"messages.{key}": value for key, value in {**MESSAGES, **(changes or {})}.items()}
        return make_run(section, source.session)

    return source, model, answering


def answer(run, path, limit=0, **who):
    """All steps up to the messages; the calls that were made."""
    student = choose_student.fn(run, **who)
    read_inbox.fn(run, path, limit)
    classified = classify_inbox.fn(run, student)
    written = write_messages.fn(run, student)
    return classified.calls.made + written.calls.made + written.again.made


def rows(run, columns="*"):
    found = run.sql(f"SELECT {columns} FROM MESSAGES WHERE run_id = ? ORDER BY ticket_id, row_key, variant", run.id)
    return [row.as_dict() for row in found]


def prompts(run, step="messages"):
    found = run.sql("SELECT prompt FROM COMPLETIONS WHERE run_id = ? AND step = ?", run.id, step)
    return [row[0] for row in found]


def test_every_ticket_gets_a_text_or_an_email_as_its_customer_wants_within_the_limit(trained, inbox):
    source, model, answering = trained
    run = answering()
    assert answer(run, inbox()) == 2 * len(ROWS)
    found = rows(run)
    assert [row["CHANNEL"] for row in found if row["TICKET_ID"] != "T5"] == [
        "text message", "email", "text message", "email",
    ]  # fmt: skip
    assert {row["CHANNEL"] for row in found if row["TICKET_ID"] == "T5"} == {"text message", "email"}
    assert [(row["STATUS"], row["FLAGS"]) for row in found] == [("ok", None)] * len(ROWS)
    for row in found:
        assert row["WORDS"] == len(row["MESSAGE"].split()) <= (24 if row["CHANNEL"] == "text message" else 100)
        assert (row["SOURCE_RUN"], row["SOURCE_MODEL"], row["SOURCE_ALIAS"]) == (source.id, model, None)
        assert row["COMPLETION_KEY"] and row["CLASSIFIED_KEY"] and row["CREATED_AT"]
    assert {row["TICKET_ID"]: row["CATEGORY"] for row in found if row["TICKET_ID"] != "T5"} == {
        "T1": "Wrong size", "T2": "Late delivery", "T3": "Refund", "T4": "Wrong size",
    }  # fmt: skip


def test_the_second_run_of_an_inbox_makes_no_call_and_the_same_messages(trained, inbox):
    _, _, answering = trained
    first, second = answering(), answering()
    answer(first, inbox())
    assert answer(second, inbox(list(reversed(ROWS)))) == 0
    same = "row_key, ticket_id, category, message, words, status, completion_key, classified_key"
    assert rows(first, same) == rows(second, same)
    assert answer(second, inbox()) == 0
    assert len(rows(second)) == len(ROWS)


@pytest.mark.parametrize("trained", ["too_long=1"], indirect=True)
def test_a_message_that_is_too_long_is_asked_for_once_more_and_then_marked(trained, inbox):
    _, _, answering = trained
    run = answering()
    answer(run, inbox())
    found = rows(run)
    assert {row["STATUS"] for row in found} == {"too long"}
    assert all(row["WORDS"] > row["MOST_WORDS"] for row in found)
    again = prompts(run, "shorten")
    assert len(again) == len(ROWS)
    assert all("An earlier answer had 1" in prompt and "Write it in at most " in prompt for prompt in again)


@pytest.mark.parametrize("trained", ["too_long=0.5"], indirect=True)
def test_a_second_answer_that_is_short_enough_is_taken_and_every_row_is_short_or_marked(trained, inbox):
    _, _, answering = trained
    run = answering()
    answer(run, inbox([(f"T{n}", *ROWS[n % 5][1:4], f"{ROWS[n % 5][4]} {n}", ROWS[n % 5][5]) for n in range(30)]))
    found = rows(run)
    mended = [row for row in found if row["FIRST_WORDS"] > row["MOST_WORDS"] >= row["WORDS"]]
    assert mended
    assert {row["STATUS"] for row in mended} == {"ok"}
    assert all((row["STATUS"] == "too long") == (row["WORDS"] > row["MOST_WORDS"]) for row in found)


@pytest.mark.parametrize("trained", ["empty=0.5"], indirect=True)
def test_a_failed_call_is_a_message_without_an_answer_and_spoils_no_other(trained, inbox):
    _, _, answering = trained
    run = answering()
    student = choose_student.fn(run)
    read_inbox.fn(run, inbox([(f"T{n}", *ROWS[1][1:4], f"My parcel has not arrived {n}", "Email") for n in range(20)]))
    classify_inbox.fn(run, student)
    write_messages.fn(run, student)
    found = rows(run)
    assert {row["STATUS"] for row in found} == {"ok", "no answer"}
    assert all((row["MESSAGE"] is None) == (row["STATUS"] == "no answer") for row in found)


def test_only_fields_that_the_template_names_travel(trained, inbox):
    _, _, answering = trained
    run = answering({"prompts": {"bare": "Write a {{ channel }} to a customer, {{ words }} words: {{ request }}"}})
    answer(run, inbox())
    asked = prompts(run) + prompts(run, "classify")
    assert len(asked) >= 2 * len(ROWS)
    for row in ROWS:
        for secret in (row[0], row[1], row[2], row[3]):
            assert not any(secret in prompt for prompt in asked)


def test_what_is_redacted_reaches_no_model_and_the_table_keeps_the_original(trained, inbox):
    _, _, answering = trained
    secret = (
        "Refund please, write to a.b@c.org or +49 170 1234567, card 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00"
    )
    run = answering({"redact": ["email", "phone", "card", "iban"]})
    answer(run, inbox([("T1", "Ann Lee", "ann@x.org", "Shoes", secret, "Email")]))
    for prompt in prompts(run) + prompts(run, "classify"):
        assert "write to [email] or [phone], card [card], [iban]" in prompt
        assert not {"a.b@c.org", "1234567", "4111"} & set(prompt.replace(",", " ").split())
    assert run.sql("SELECT request FROM MESSAGE_INBOX WHERE run_id = ?", run.id)[0][0] == secret


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mail me at jo.doe+x@mail.example.co.uk.", "mail me at [email]."),
        ("call 030/1234 5678 9 or (555) 010-99887", "call [phone] or [phone]"),
        ("on 2026-11-27 I paid $1,250.00 for 2 lines", "on 2026-11-27 I paid $1,250.00 for 2 lines"),
        ("card 4111-1111-1111-1111 and 5500000000000004", "card [card] and [card]"),
        ("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN [iban] please"),
        ("see https://x.example/a?b=c&d or www.x.org/y", "see [link] or [link]"),
        ("Ann Lee, 12 Elm Street, order A-77", "Ann Lee, 12 Elm Street, order A-77"),
    ],
)
def test_forms_are_redacted_and_dates_amounts_and_names_stay(session, text, left):
    shown = redacted_sql("t", ["email", "phone", "card", "iban", "link"])
    found = session.sql(f"SELECT {shown.text} FROM (SELECT ? AS t)", params=[*shown.binds, text]).collect()
    assert found[0][0] == left


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), (None, 0), ("  one ", 1), ("Hi Bob,\u00a0good\nnews\t—  ok", 6), ("it's a well-known e-mail", 4)],
)
def test_words_are_what_blanks_part(session, text, words):
    counted = words_sql("t")
    statement = f"SELECT {counted.text} FROM (SELECT ?::STRING AS t)"
    assert session.sql(statement, params=[*counted.binds, text]).collect()[0][0] == words


def test_hostile_text_in_tickets_and_prompt_changes_nothing_but_the_text_shown(trained, inbox):
    _, _, answering = trained
    raw = "".join(f"{{% raw %}}{text}{{% endraw %}}\n" for text in HOSTILE if text.strip() and "\r" not in text)
    run = answering({"prompts": {"plain": PLAIN, "hostile": f"{PLAIN}\n{raw}"}})
    tables = {row.as_dict()["name"] for row in run.sql("SHOW TABLES")}
    cells = [(text, text, text, text, f"refund {text}", text) for text in HOSTILE]
    answer(run, inbox(cells))
    kept = run.sql("SELECT request, customer_name, ticket_id FROM MESSAGE_INBOX WHERE run_id = ?", run.id)
    blank = " \t\r\n"
    wanted = sorted((f"refund {text}".strip(), text.strip(), text.strip()) for text in HOSTILE)
    assert sorted(map(tuple, kept)) == wanted
    found = rows(run)
    answered = "SELECT COUNT(*) FROM MESSAGE_INBOX WHERE run_id = ? AND left_out IS NULL"
    assert len(found) == 2 * run.count(answered, run.id)
    assert {row["VARIANT"] for row in found} == {"plain", "hostile"}
    asked = prompts(run)
    assert all(sum(f"Request: refund {text}".rstrip(blank) in prompt for prompt in asked) >= 2 for text in HOSTILE[:60])
    assert {row.as_dict()["name"] for row in run.sql("SHOW TABLES")} >= tables
    assert all(visible(str(row["MESSAGE"])) is not None for row in found)


def test_an_alias_chooses_the_student_that_was_promoted(trained, inbox, make_run, monkeypatch):
    source, model, answering = trained
    gate = {"promote": {"alias": "shoe_router", "min_accuracy": 0.5, "set": "validation"}}
    promoted = make_run(gate, source.session)
    train(promoted, "SHOES_2")
    source.sql("UPDATE EXPERIMENTS SET evaluation_set = 'validation' WHERE run_id = ?", promoted.id)
    promote(source.session, "local", candidate(source.session, promoted.id))
    record(source, model)  # newer than what was promoted
    run = answering()
    answer(run, inbox(), alias="shoe_router")
    assert {(row["SOURCE_RUN"], row["SOURCE_ALIAS"]) for row in rows(run)} == {(promoted.id, "shoe_router")}
    assert choose_student.fn(run).run_id == source.id
    assert choose_student.fn(run, promoted.id[:8]).run_id == promoted.id


def test_the_student_is_asked_as_it_was_trained_whatever_the_file_says_today(trained, inbox, make_run):
    source, _, _ = trained
    run = make_run({"messages": MESSAGES, "fine_tune.prompt": "Sort this: {{ request }}"}, source.session)
    answer(run, inbox())
    assert sorted(prompts(run, "classify")) == sorted(row[4] for row in ROWS)


def test_unknown_runs_and_aliases_say_what_to_do(trained):
    _, _, answering = trained
    run = answering()
    for who, told in (
        ({"beginning": "zz"}, "no run with a tuned student begins so"),
        ({"alias": "nobody"}, "nothing goes by the alias 'nobody'; promote a run"),
    ):
        with pytest.raises(StepError, match=told):
            choose_student.fn(run, **who)
    with pytest.raises(ConfigError, match="either --run or --alias"):
        choose_student.fn(run, "aa", "bb")


def test_without_a_tuned_student_the_command_that_makes_one_is_named(make_run):
    with pytest.raises(StepError, match="'shoes' has no run with a tuned student on 'local'; start one: "):
        choose_student.fn(make_run({"messages": MESSAGES}))


def test_a_student_that_was_dropped_is_refused(trained):
    source, model, answering = trained
    source.sql(f"DROP MODEL {model}")
    with pytest.raises(StepError, match="was it dropped"):
        choose_student.fn(answering())


@pytest.mark.parametrize(
    ("found", "header", "told"),
    [
        (ROWS, HEADER[:4], "no column contact_preference, request; it needs"),
        ([], HEADER, "has no ticket; put tickets with columns ticket_id"),
        ([("T1", "Ann", "", "", " ", "Email")], HEADER, "of 1 tickets none has a request"),
    ],
)
def test_an_inbox_that_is_no_use_is_refused(make_run, inbox, found, header, told):
    run = make_run({"messages": MESSAGES})
    with pytest.raises((ConfigError, StepError), match=told):
        read_inbox.fn(run, inbox([row[: len(header)] for row in found], header))


def test_a_place_that_is_no_inbox_is_refused(make_run):
    run = make_run({"messages": MESSAGES})
    for given, error, told in (
        ("", ConfigError, "messages.inbox: is missing; write inbox"),
        ("nowhere.csv", ConfigError, "no such file, and no table"),
        ("DISTILL.PUBLIC.NOWHERE", SetupError, "there is no such table, or the role may not read it"),
        ("DISTILL.PUBLIC.CLAIMS", SetupError, "no column ticket_id, customer_name, request, contact_preference"),
    ):
        with pytest.raises(error, match=told):
            read_inbox.fn(run, given)
    with pytest.raises(ConfigError, match="messages: is missing"):
        read_inbox.fn(make_run(session=run.session), "")


def test_a_table_and_a_file_with_the_same_tickets_have_the_same_rows(make_run, inbox):
    run = make_run({"messages": MESSAGES})
    other = make_run({"messages": MESSAGES}, run.session)
    read_inbox.fn(run, inbox())
    run.sql("""CREATE TABLE TICKETS_THERE AS SELECT ticket_id, customer_name, email, 1 AS more, request,
        contact_preference FROM MESSAGE_INBOX""")
    read_inbox.fn(other, "DISTILL.PUBLIC.TICKETS_THERE")
    keep = "SELECT * EXCLUDE (run_id) FROM MESSAGE_INBOX WHERE run_id = ? ORDER BY row_key"
    assert run.sql(keep, run.id) == run.sql(keep, other.id)


def test_names_of_columns_may_be_small_or_capital_and_an_address_may_be_missing(make_run, inbox):
    run = make_run({"messages": MESSAGES})
    header = [name.lower() for name in HEADER if name != "CUSTOMER_EMAIL"]
    read = read_inbox.fn(run, inbox([(*row[:2], *row[3:]) for row in ROWS], header))
    assert (read.tickets, read.texts, read.same_id) == (6, 3, 1)


def test_a_limit_takes_the_first_tickets_by_their_id_in_whatever_order_they_come(make_run, inbox):
    run = make_run({"messages": MESSAGES})
    for order in (ROWS, list(reversed(ROWS))):
        read_inbox.fn(run, inbox(order), 2)
        kept = run.sql("SELECT ticket_id FROM MESSAGE_INBOX WHERE run_id = ? ORDER BY 1", run.id)
        assert [row[0] for row in kept] == ["T1", "T2"]


def test_tickets_of_other_categories_are_left_out_and_counted(trained, inbox):
    _, _, answering = trained
    run = answering({"only": ["Refund"]})
    student = choose_student.fn(run)
    read_inbox.fn(run, inbox())
    classified = classify_inbox.fn(run, student)
    assert (list(classified.by_category), classified.other) == ([("Refund", 2)], 4)
    write_messages.fn(run, student)
    assert {row["CATEGORY"] for row in rows(run)} == {"Refund"}


@pytest.mark.parametrize("trained", ["off_list=0.5"], indirect=True)
def test_an_answer_that_names_no_category_leaves_its_ticket_out(trained, inbox):
    _, _, answering = trained
    run = answering()
    student = choose_student.fn(run)
    read_inbox.fn(run, inbox([(f"T{n}", "Ann", "", "", f"refund my order {n}", "Email") for n in range(20)]))
    classified = classify_inbox.fn(run, student)
    assert 0 < classified.no_category < 20
    assert classified.no_category + classified.answered == 20


def test_the_calls_are_counted_before_they_are_made(trained, inbox):
    _, _, answering = trained
    run = answering()
    student = choose_student.fn(run)
    read_inbox.fn(run, inbox())
    assert [(one.step, one.most, one.answered) for one in expect_calls.fn(run, student)] == [
        ("classify", 6, 0), ("messages", 6, None), ("shorten what is too long", 6, None),
    ]  # fmt: skip
    classify_inbox.fn(run, student)
    assert expect_calls.fn(run, student)[0].answered == 6


@pytest.mark.skipif(not SHARED.is_file(), reason="the 151 tickets of Snowflake's guide are not ours to ship")
def test_tickets_with_one_id_are_answered_each(make_run):
    run = make_run({"messages": MESSAGES})
    read = read_inbox.fn(run, str(SHARED))
    assert (read.tickets, read.texts, read.same_id, read.left_out) == (151, 89, 3, 0)
    ids = run.sql("SELECT row_key, customer_name FROM MESSAGE_INBOX WHERE run_id = ? AND ticket_id = 'TR1567'", run.id)
    assert {row[1] for row in ids} == {"Andrew", "Beverly"}
    assert len({row[0] for row in ids}) == 2
    with SHARED.open(encoding="utf-8-sig", newline="") as file:
        names = sorted(row["CUSTOMER_NAME"] for row in csv.DictReader(file))
    read = run.sql("SELECT customer_name FROM MESSAGE_INBOX WHERE run_id = ?", run.id)
    assert sorted(row[0] for row in read) == names
