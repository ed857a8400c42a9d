"""Two who need the same call at the same moment pay for it once; nobody waits for the dead."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cortex_distill import claims, ledger, pace
from cortex_distill.ledger import Ask
from cortex_distill.session import SESSION_GONE, SqlError, execute
from cortex_distill.sql import Sql
from cortex_distill.tables import create_sql

ROWS = 24


def rows(first=0, last=ROWS):
    numbers = range(first, last)
    values = ", ".join(["(?, ?)"] * len(numbers))
    binds = tuple(value for number in numbers for value in (str(number), f"Say {number}"))
    return Sql(f"SELECT column1 AS row_key, column2 AS prompt, 0 AS draw FROM VALUES {values}", binds)


def ask(session, run_id="run-1", wanted=None, **limits):
    wanted = Ask("evaluate", wanted or rows(), "llama3.1-8b", {"temperature": 0, "max_tokens": 20})
    return ledger.ask(session, run_id, wanted, lambda progress: None, **limits)


@pytest.fixture
def open_one(connect, monkeypatch):
    """Opens sessions of one engine whose models take 20 ms a call, six calls to a statement."""
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "6")

    def opened():
        session = connect("latency_ms=20")
        for table in ("COMPLETIONS", "CLAIMS", "FINE_TUNES"):
            execute(session, Sql(create_sql(table)))
        return session

    return opened


def number(session, text, *binds):
    return int(execute(session, Sql(text, binds))[0][0])


def claim_all(session, lease):
    """What a client that has died left: a claim on every call of `ask`, for so many seconds more."""
    ask_id = "f" * 12
    wanted = Ask("evaluate", rows(), "llama3.1-8b", {"temperature": 0, "max_tokens": 20})
    execute(session, ledger.asked_sql(ask_id, wanted, ledger.who_answers(session, wanted.model)))
    execute(
        session,
        Sql(
            f"""INSERT INTO CLAIMS (key, run_id, ask_id, credits, until)
            SELECT key, 'dead', 'dead', 0, DATEADD('second', {lease}, SYSDATE()) FROM ASKED_{ask_id}"""
        ),
    )


@pytest.mark.parametrize("askers", [2, 4])
def test_the_same_calls_at_the_same_moment_are_paid_once(open_one, askers):
    sessions = [open_one() for _ in range(askers)]
    with ThreadPoolExecutor(askers) as pool:
        asked = list(pool.map(ask, sessions, [f"run-{place}" for place in range(askers)]))
    assert sum(one.made for one in asked) == ROWS == number(sessions[0], "SELECT COUNT(*) FROM COMPLETIONS")
    assert all(one.failed == 0 and one.rows == ROWS for one in asked)
    assert number(sessions[0], "SELECT COUNT(*) FROM CLAIMS") == 0


def test_what_two_runs_share_is_paid_once_and_the_rest_by_whoever_needs_it(open_one):
    sessions = [open_one(), open_one()]
    with ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(ask, sessions, ["run-1", "run-2"], [rows(0, 18), rows(6, 24)]))
    assert sum(one.made for one in asked) == ROWS
    assert [one.rows for one in asked] == [18, 18]
    assert sum(one.failed for one in asked) == 0


def test_a_claim_whose_owner_was_not_heard_of_is_taken_over(open_one):
    session = open_one()
    claim_all(session, -1)
    assert ask(session).made == ROWS


def test_a_claim_that_still_holds_is_waited_for(open_one, monkeypatch):
    session, looks = open_one(), []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:  # meanwhile its lease has ended
            execute(session, Sql("UPDATE CLAIMS SET until = DATEADD('second', -1, SYSDATE())"))

    monkeypatch.setattr(pace, "sleep", look)
    claim_all(session, 60)
    assert ask(session).made == ROWS
    assert looks == [ledger.FIRST_LOOK, 2 * ledger.FIRST_LOOK, 4 * ledger.FIRST_LOOK]


def test_a_statement_that_takes_longer_than_its_lease_keeps_its_claims(open_one, monkeypatch):
    monkeypatch.setattr(claims, "_UNTIL", "DATEADD('millisecond', 300, SYSDATE())")
    monkeypatch.setattr(ledger, "RENEWED", 0.1)
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", str(ROWS))  # 24 × 20 ms
    sessions = [open_one(), open_one()]
    with ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(ask, sessions, ["run-1", "run-2"]))
    assert sum(one.made for one in asked) == ROWS


def test_an_ask_that_fails_leaves_no_claim_behind(open_one, monkeypatch):
    session, real = open_one(), ledger.execute

    def gone(session, statement):
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS"):
            raise SqlError("Session no longer exists", SESSION_GONE)
        return real(session, statement)

    monkeypatch.setattr(ledger, "execute", gone)
    with pytest.raises(SqlError):
        ask(session)
    assert number(session, "SELECT COUNT(*) FROM CLAIMS") == 0
