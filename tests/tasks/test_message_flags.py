"""What should not stand in a message is flagged, and what may stand there is not."""

import json
from time import process_time

import pytest

from cortex_distill.tables import complete_sql
from cortex_distill.upload import upload
from tasks.messages import flag_sql

PEOPLE = {
    "1": ("Ines Halloran", "ines.halloran@example.com", "My bill from Crete is too high, says Marco Bellini"),
    "2": ("Otto Brandt", "otto@example.com", "My phone is gone"),
    "3": ("Janet", "janet@example.com", "Please close my account"),
    "4": ("Will", "will@example.com", "A second line, please"),
    "5": ("Sean O'Brien", "sean@example.com", "Too slow"),
    "6": ("Ana María de la Cruz", "ana@example.com", "Too slow again"),
    "7": ("", "", "No name at all"),
    "8": ("may", "may@example.com", "small letters"),
    "9": ("Marco Bellini", "marco@example.com", "hello"),
}
COLUMNS = ["run_id", "row_key", "customer_name", "email", "request"]


@pytest.fixture
def flagged(make_run):
    """Flags of messages, given as (row of PEOPLE, message)."""

    def flag(*messages):
        run = make_run()
        for statement in complete_sql():
            run.sql(statement)
        upload(run.session, "MESSAGE_INBOX", COLUMNS, [(run.id, key, *cells) for key, cells in PEOPLE.items()])
        rows = [(run.id, key, f"v{n:04d}", text, "ok") for n, (key, text) in enumerate(messages)]
        upload(run.session, "MESSAGES", ["run_id", "row_key", "variant", "message", "status"], rows)
        run.query(flag_sql(run.id))
        found = run.sql("SELECT flags, status FROM MESSAGES WHERE run_id = ? ORDER BY variant", run.id)
        flags = [json.loads(row[0]) if row[0] else {} for row in found]
        assert all((row[1] == "flagged") == bool(one) for row, one in zip(found, flags, strict=True))
        return flags

    return flag


GAPS = [
    "Kind regards,\n[Your Name]", "Dear {{ name }}, thank you", "Dear {customer_name}, thank you", "Dear <name>, hi",
    "Your number XXX is ready", "Call us on ____", "Your code: xxxx", "See [insert date here] for more", "Call [email]",
    "From [Company]",
]  # fmt: skip
SOUND = [
    "Dear Ines, thank you. We look after it.", "Hi Ines Halloran, your case is open!", "See [our page](https://x.org).",
    "It costs < 5 dollars and > 3 (see page 2).", "We say: {1, 2}.", "Write to <help@example.org>.", "Hi, thank you.",
    "Hello!\nWe are on it.", "Thank you, we are on it. Kind regards, Customer Care", "A T_shirt, size XX or XXL [1]",
    "Ines, we have it.", "Marco Bellini was told, as you wrote.", "Dear Ms. Halloran, it is done.",
]  # fmt: skip


def test_every_planted_gap_is_found_and_no_sound_message_is_flagged(flagged):
    found = flagged(*[("1", text) for text in (*GAPS, *SOUND)])
    assert [bool(one.get("placeholder")) for one in found[: len(GAPS)]] == [True] * len(GAPS)
    assert found[len(GAPS) :] == [{}] * len(SOUND)
    assert found[0] == {"placeholder": "[Your Name]"}


def test_a_greeting_of_nobody_is_found(flagged):
    greetings = ["Dear ,\nthank you", "Subject: x\n\nDear,\nhello", "Hi , thank you", "Liebe ,\ndanke"]
    assert [list(one) for one in flagged(*[("2", text) for text in greetings])] == [["greeting"]] * len(greetings)


OTHERS = [
    ("2", "Hello Ines Halloran, it is done.", "Ines, Ines Halloran"),
    ("2", "We told INES HALLORAN’s neighbour.", "Ines Halloran"),
    ("2", "As **Sean O'Brien** asked", "Sean O'Brien"),
    ("2", "Ask Ana María de tomorrow", "Ana María de"),
    ("2", "Janet will call you.", "Janet"),
    ("2", "Dear Ines,\nthank you", "Ines"),
    ("2", "Hi Mr. Halloran, done", "Halloran"),
    ("2", "Write to Ines.Halloran@example.com.", "ines.halloran@example.com"),
    ("7", "We asked Otto Brandt.", "Otto Brandt"),
]
OWN = [
    ("1", "Dear Ines Halloran, write to ines.halloran@example.com."),
    ("1", "We have asked Marco Bellini, as you said."),
    ("2", "It will take a day, and may take two. janet"),
    ("2", "Halloran Street is open, Ines island too."),
    ("6", "Hola Ana, Ana María de la Cruz!"),
    ("7", "Dear customer, it is done."),
    ("3", "Hi Janet, we have it."),
]


def test_another_customers_name_or_address_is_found(flagged):
    found = flagged(*[(who, text) for who, text, _ in OTHERS])
    assert found == [{"other_customer": name} for _, _, name in OTHERS]


def test_the_customers_own_data_and_ordinary_words_are_no_flag(flagged):
    assert flagged(*OWN) == [{}] * len(OWN)


def test_hostile_names_flag_nothing_that_does_not_name_them(make_run):
    from tests.hostile_strings import HOSTILE  # noqa: PLC0415

    run = make_run()
    for statement in complete_sql():
        run.sql(statement)
    rows = [(run.id, str(n), text, text, text) for n, text in enumerate(HOSTILE)]
    upload(run.session, "MESSAGE_INBOX", COLUMNS, rows)
    said = [
        (run.id, str(n), "v", "Hi there, we have got your request and look after it.", "ok") for n in range(len(rows))
    ]
    upload(run.session, "MESSAGES", ["run_id", "row_key", "variant", "message", "status"], said)
    run.query(flag_sql(run.id))
    assert run.count("SELECT COUNT(*) FROM MESSAGES WHERE run_id = ? AND status <> 'ok'", run.id) == 0


@pytest.mark.slow
def test_others_are_looked_for_in_time_that_grows_with_the_messages(make_run):
    run = make_run()
    for statement in complete_sql():
        run.sql(statement)
    seconds = []
    for n in (2_000, 8_000):
        run.sql("DELETE FROM MESSAGE_INBOX")
        run.sql("DELETE FROM MESSAGES")
        run.sql(
            f"""INSERT INTO MESSAGE_INBOX (run_id, row_key, customer_name, email, request)
            SELECT ?, n::STRING, 'First' || MOD(n, 211)::STRING || ' Last' || n::STRING, 'c' || n || '@x.org', 'x'
            FROM (SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) AS n FROM TABLE(GENERATOR(ROWCOUNT => {n})))""",
            run.id,
        )
        run.sql(
            """INSERT INTO MESSAGES (run_id, row_key, variant, message, status)
            SELECT run_id, row_key, 'v', 'Dear ' || customer_name || REPEAT(', we look after it today', 15), 'ok'
            FROM MESSAGE_INBOX"""
        )
        started = process_time()
        run.query(flag_sql(run.id))
        seconds.append(process_time() - started)
        assert run.count("SELECT COUNT(*) FROM MESSAGES WHERE status <> 'ok'") == 0
    assert seconds[1] < 4 * 2.5 * max(seconds[0], 0.2)
