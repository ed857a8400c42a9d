"""The ledger: no answered call is made twice, no failed row spoils another, nothing is lost in silence."""

from itertools import pairwise

import pytest

from cortex_distill import ledger, pace
from cortex_distill.errors import SetupError
from cortex_distill.ledger import Ask
from cortex_distill.session import SESSION_GONE, SqlError, execute
from cortex_distill.sql import Sql

pytestmark = pytest.mark.usefixtures("prepared", "rests")
PROMPT = "Categories:\nRefund\nWrong size\nAnswer with the category only.\nrequest: "


@pytest.fixture
def ask(session):
    return asker(session)


def asker(session):
    def ask_for(requests, *, reports=None, **changes):
        values = ", ".join(["(?, ?)"] * len(requests))
        binds = tuple(value for pair in enumerate(requests) for value in (str(pair[0]), PROMPT + pair[1]))
        rows = Sql(f"SELECT column1 AS row_key, column2 AS prompt, 0 AS draw FROM VALUES {values}", binds)
        wanted = Ask("evaluate", rows, "llama3.1-8b", {"temperature": 0, "max_tokens": 20})._replace(**changes)
        return ledger.ask(session, "run-1", wanted, (reports if reports is not None else []).append)

    return ask_for


def count(session, condition="TRUE"):
    return execute(session, Sql(f"SELECT COUNT(*) FROM COMPLETIONS c WHERE {condition}"))[0][0]


def test_every_row_gets_its_reply(session, ask):
    asked = ask(["money back", "too small"])
    replies = execute(session, Sql(f"SELECT row_key, reply, error, served_by FROM {asked.replies} ORDER BY 1"))
    assert [row[0] for row in replies] == ["0", "1"]
    assert all(reply and not error and served_by.startswith("simulated:") for _, reply, error, served_by in replies)
    assert (asked.rows, asked.made, asked.failed) == (2, 2, 0)
    assert asked.prompt_tokens > 0


def test_asking_again_makes_no_call(session, ask):
    ask(["money back", "too small"])
    again = ask(["money back", "too small"])
    assert (again.rows, again.made, count(session)) == (2, 0, 2)


def test_one_more_row_makes_one_call(ask):
    ask(["money back"])
    assert ask(["money back", "too small"]).made == 1


def test_equal_prompts_in_one_ask_are_one_call(session, ask):
    asked = ask(["money back", "money back"])
    assert (asked.rows, asked.made) == (2, 1)
    assert execute(session, Sql(f"SELECT COUNT(reply) FROM {asked.replies}"))[0][0] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"model": "llama3.3-70b"},
        {"parameters": {"temperature": 0, "max_tokens": 21}},
        {"schema": {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}},
        {"rows": Sql("SELECT '0' AS row_key, ? AS prompt, 1 AS draw", (PROMPT + "money back",))},
    ],
    ids=["model", "parameters", "schema", "draw"],
)
def test_a_changed_call_never_gets_an_old_answer(ask, change):
    ask(["money back"])
    assert ask(["money back"], **change).made == 1


def test_another_account_is_not_given_this_ones_answers(session, ask):
    ask(["money back"])
    execute(session, Sql("UPDATE COMPLETIONS SET key = SHA2('OTHER_ACCOUNT' || key, 256)"))
    assert ask(["money back"]).made == 1


def test_passing_failures_are_tried_again_until_answered(connect):
    session = connect("transient=0.5")
    asked = asker(session)([f"money back {n}" for n in range(40)])
    failed_once = count(session, "c.answer:error::STRING IS NOT NULL")
    assert asked.failed == 0
    assert failed_once > 0
    assert asked.made == 40 + failed_once == count(session)


def test_a_permanent_failure_is_tried_once_and_spoils_no_other_row(connect):
    session = connect("permanent=0.3")
    asked = asker(session)([f"money back {n}" for n in range(40)])
    rows = execute(session, Sql(f"SELECT COUNT(reply), COUNT(error) FROM {asked.replies}"))[0]
    assert 0 < asked.failed < 40
    assert (rows[0], rows[1]) == (40 - asked.failed, asked.failed)
    assert asked.made == 40


def test_a_failed_row_is_asked_again_by_the_next_run(connect):
    session = connect("permanent=0.3")
    ask_for = asker(session)
    first = ask_for([f"money back {n}" for n in range(40)])
    assert ask_for([f"money back {n}" for n in range(40)]).made == first.failed


def test_an_unknown_model_is_a_setup_error_that_names_it(ask):
    with pytest.raises(SetupError, match="does not know the model 'no-such-model'"):
        ask(["money back"], model="no-such-model")


def test_progress_ends_at_the_number_of_calls(ask, monkeypatch):
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "3")
    reports = []
    ask([f"money back {n}" for n in range(10)], reports=reports)
    assert [report.done for report in reports] == [0, 3, 6, 9, 10]
    assert {report.calls for report in reports} == {10}


def test_statements_at_once_answer_every_row_once(session, ask, monkeypatch):
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "3")
    monkeypatch.setenv("DISTILL_STATEMENTS_AT_ONCE", "4")
    asked = ask([f"money back {n}" for n in range(50)])
    assert (asked.made, asked.failed, count(session)) == (50, 0, 50)


def test_statements_grow_when_the_model_is_fast(session, ask):
    reports = []
    ask([f"money back {n}" for n in range(200)], reports=reports)
    sizes = [after.done - before.done for before, after in pairwise(reports)]
    assert sizes[0] == 8 < sizes[1]  # how much, says tests/test_pace.py: here it depends on what else the machine does


def test_a_statement_that_fails_in_passing_is_sent_again(session, ask, monkeypatch):
    real, failures = ledger.execute, iter([True, True])

    def flaky(session, statement):
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS") and next(failures, False):
            raise SqlError("remote service error: 503 'Service Unavailable'")
        return real(session, statement)

    monkeypatch.setattr(ledger, "execute", flaky)
    asked = ask(["money back", "too small"])
    assert (asked.made, asked.failed) == (2, 0)


def refusing(monkeypatch, refuse):
    """Statements that call models fail as `refuse` says, given their bounds; those that were sent."""
    real, sent = ledger.execute, []

    def execute_or_fail(session, statement):
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS"):
            sent.append(statement.binds[-3:-1])
            if error := refuse(len(sent), *statement.binds[-3:-1]):
                raise error
        return real(session, statement)

    monkeypatch.setattr(ledger, "execute", execute_or_fail)
    return sent


def test_throttled_statements_become_fewer_and_smaller_and_then_as_many_as_before(session, ask, monkeypatch, rests):
    monkeypatch.setenv("DISTILL_ROWS_PER_STATEMENT", "4")
    monkeypatch.setenv("DISTILL_STATEMENTS_AT_ONCE", "2")
    throttled = SqlError("remote service error: 429 'Too Many Requests'", 100351)
    sent = refusing(monkeypatch, lambda number, low, high: throttled if number in (3, 4, 5) else None)
    asked = ask([f"money back {n}" for n in range(60)])
    sizes = [high - low for low, high in sent]
    assert (asked.made, asked.failed) == (60, 0)
    assert sizes[:6] == [4, 4, 4, 4, 4, 2]
    assert max(sizes[8:]) == 4
    assert len(rests) == 2  # the third failure came alone, after the first two at once


def test_a_statement_that_took_too_long_is_sent_again_in_smaller_ones(session, ask, monkeypatch):
    too_long = SqlError("Statement reached its statement or warehouse timeout of 5 second(s) and was canceled.", 630)
    sent = refusing(monkeypatch, lambda number, low, high: too_long if high - low > 2 else None)
    asked = ask([f"money back {n}" for n in range(12)])
    assert (asked.made, asked.failed) == (12, 0)
    assert [high - low for low, high in sent][:3] == [8, 4, 2]


def test_a_statement_that_always_fails_in_passing_ends_with_its_error_after_rests(session, ask, monkeypatch, rests):
    error = SqlError("remote service error: 503 'Service Unavailable'", 100351)
    sent = refusing(monkeypatch, lambda number, low, high: error)
    with pytest.raises(SqlError, match="503") as failure:
        ask(["money back"])
    assert failure.value.transient
    assert len(sent) == pace.ATTEMPTS == len(rests) + 1


def test_a_row_that_always_fails_in_passing_is_counted_as_failed_with_its_error(session, ask, monkeypatch):
    real = ledger.execute

    def throttled(session, statement):
        rows = real(session, statement)
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS"):
            error = "{'error': 'remote service error: 429 slow down'}"
            real(session, Sql(f"UPDATE COMPLETIONS SET answer = {error} WHERE CONTAINS(prompt, 'too small')"))
        return rows

    monkeypatch.setattr(ledger, "execute", throttled)
    asked = ask(["money back", "too small"])
    assert (asked.rows, asked.failed) == (2, 1)
    assert 1 < asked.made <= 2 + pace.ATTEMPTS
    error = execute(session, Sql(f"SELECT error FROM {asked.replies} WHERE reply IS NULL"))[0][0]
    assert "429" in error


def test_a_statement_that_fails_for_good_is_sent_once(session, ask, monkeypatch):
    real, sent = ledger.execute, []

    def broken(session, statement):
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS"):
            sent.append(statement)
            raise SqlError("Insufficient privileges to operate on function 'AI_COMPLETE'", 3001)
        return real(session, statement)

    monkeypatch.setattr(ledger, "execute", broken)
    with pytest.raises(SqlError, match="Insufficient privileges"):
        ask(["money back"])
    assert len(sent) == 1


def test_a_session_that_is_gone_ends_the_ask_for_its_task_to_begin_again(session, ask, monkeypatch):
    real, sent = ledger.execute, []

    def gone(session, statement):
        if statement.text.lstrip().startswith("INSERT INTO COMPLETIONS"):
            sent.append(statement)
            raise SqlError("Session no longer exists", SESSION_GONE)
        return real(session, statement)

    monkeypatch.setattr(ledger, "execute", gone)
    with pytest.raises(SqlError) as failure:
        ask(["money back"])
    assert failure.value.transient
    assert len(sent) == 1  # the temporary tables that a second try would read are gone


HOSTILE = ["{{ 7*7 }}", "it's", 'say "no"', r"C:\new\table", "$$", "a ? b", "'); DROP TABLE x; --"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_the_ledger_unchanged(session, ask, text):
    asked = ask([text])
    stored = execute(session, Sql("SELECT prompt FROM COMPLETIONS"))[0][0]
    assert (stored, asked.failed) == (PROMPT + text, 0)
