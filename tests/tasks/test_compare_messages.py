"""Variants side by side: asked in both orders, and where the two verdicts differ nobody has won."""

import pytest

from cortex_distill.message_summary import Duel
from cortex_distill.upload import upload
from tasks.classify import classify_inbox
from tasks.compare_messages import compare_messages, count_sql
from tasks.inbox import read_inbox
from tasks.messages import write_messages
from tasks.report_messages import judged
from tasks.student import choose_student
from tests.inbox import COMPARED, ROWS, train, write_csv

TURNS = ("as", "turned")


@pytest.fixture
def counted(session):
    """Counts of verdicts that the test writes: pairs of (in order, turned)."""

    def count(*pairs):
        session.sql("CREATE OR REPLACE TEMPORARY TABLE REPLIES_x (row_key STRING, reply STRING)").collect()
        rows = [
            (f"0 {turn} k{n}", said) for n, pair in enumerate(pairs) for turn, said in zip(TURNS, pair, strict=True)
        ]
        upload(session, "REPLIES_x", ["row_key", "reply"], rows)
        found = count_sql("REPLIES_x")
        row = session.sql(found.text, params=list(found.binds)).collect()[0]
        return Duel("a", "b", *(int(cell) for cell in row[1:]))

    return count


def test_only_a_verdict_that_survives_the_other_order_is_a_win(counted):
    duel = counted(
        ('{"winner": "first"}', '{"winner": "second"}'),  # a wins
        ("First.", '```json\n{"winner": "second"}\n```'),  # a wins
        ('{"winner": "second"}', "first"),  # b wins
        ("tie", '{"winner": "tie"}'),
        ("first", "first"),  # whatever is read first
        ("second", "second"),
        ("first", "tie"),
        ("the first one", "second"),  # unreadable
        (None, "second"),
    )
    assert (duel.first_better, duel.second_better, duel.neither) == (2, 1, 1)
    assert (duel.judged, duel.disagreed, duel.always_first, duel.always_second) == (7, 3, 1, 1)
    assert (duel.unreadable, duel.n, duel.ties) == (2, 7, 4)


def test_the_sentence_has_n_interval_and_an_exact_test(counted):
    [even] = judged([Duel("a", "b", 3, 2, 5, 12, 1, 1, 0)])
    assert even.text.startswith(
        "no difference shown between a and b: a won 3, b won 2, 7 ties, n = 12; win rate of a 0.54 ("
    )
    assert even.bias == (
        "in 2 of 12 pairs the two orders disagree, which counts as a tie (1 times it was the message read first,"
        " 1 times the other)"
    )
    [clear] = judged([Duel("a", "b", 2, 20, 0, 22, 0, 0, 0)])
    assert clear.text.startswith("b is better than a: ")
    assert clear.text.endswith("p < 0.001")
    assert clear.interval.low < clear.rate < clear.interval.high < 0.5
    assert clear.bias == ""
    assert judged([Duel("a", "b", 0, 0, 0, 0, 0, 0, 4)]) == []


def test_p_is_that_of_the_binomial_test():
    from scipy.stats import binomtest  # noqa: PLC0415

    [one] = judged([Duel("a", "b", 11, 3, 6, 20, 0, 0, 0)])
    assert one.verdict.p_value == pytest.approx(binomtest(11, 14).pvalue)


@pytest.fixture
def answered(make_run, tmp_path):
    """A run whose inbox was answered in two variants, and the student."""
    source = make_run()
    train(source)
    run = make_run({"messages": COMPARED}, source.session)
    student = choose_student.fn(run)
    read_inbox.fn(run, write_csv(tmp_path / "inbox.csv", ROWS))
    classify_inbox.fn(run, student)
    write_messages.fn(run, student)
    return run, student


def test_both_orders_are_asked_once_equal_messages_never_and_again_for_nothing(answered):
    run, student = answered
    run.sql("UPDATE MESSAGES SET message = 'Dear [Your Name], hello' WHERE variant = 'plain' AND ticket_id <> 'T1'")
    run.sql("UPDATE MESSAGES SET message = 'Hi Ines' WHERE ticket_id = 'T1'")
    asked, [duel] = compare_messages.fn(run, student)
    assert (asked.rows, asked.made, duel.equal, duel.n) == (10, 10, 1, 6)
    assert duel.second_better >= 4
    prompts = [row[0] for row in run.sql("SELECT prompt FROM COMPLETIONS WHERE step = 'compare'")]
    gaps = [prompt.index("[Your Name]") < prompt.index("<second>") for prompt in prompts]
    assert sorted(gaps) == [False] * 5 + [True] * 5
    assert not any("@example.com" in prompt for prompt in prompts)
    again, [same] = compare_messages.fn(run, student)
    assert (again.made, same) == (0, duel)


def test_many_tickets_are_compared_in_part(answered, make_run):
    run, student = answered
    few = make_run({"messages": COMPARED | {"compare": COMPARED["compare"] | {"tickets": 2}}}, run.session)
    few.id = run.id
    run.sql("UPDATE MESSAGES SET message = variant")
    asked, [duel] = compare_messages.fn(few, student)
    assert (asked.rows, duel.n) == (4, 2)


def test_without_the_section_nothing_is_compared(answered, make_run):
    run, student = answered
    alone = make_run({"messages": {key: COMPARED[key] for key in ("model", "prompts")}}, run.session)
    assert compare_messages.fn(alone, student) == (None, [])
