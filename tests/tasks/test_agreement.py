"""Agreement about labels: who is held against whom, on which tickets, and which categories are taken for each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_distill.agreement import Agreement, Mixed, Trust, kappa, kept_between, labels_between
from cortex_distill.ledger import Asked
from cortex_distill.report_trust import trust
from cortex_distill.upload import upload
from tasks.agreement import trust_in_labels
from tasks.prepare import prepare_tables
from tasks.vote import Voted
from tests.tasks.test_vote import VOTE

VOTED = Voted(Asked("vote", "m", 4, 4, 0, 1, 1, 1.0, "REPLIES_x"), 1, 0, 3)


@pytest.fixture
def run(make_run):
    """Five tickets: four kept by the judge, of which the vote puts one elsewhere; a person looked at three."""
    made = make_run({"vote": VOTE})
    prepare_tables.fn(made)
    made.sql(
        f"""INSERT INTO TICKETS (run_id, ticket_id, category, request, rating, vote)
        SELECT '{made.id}', column1, column2, column3, PARSE_JSON(column4), column5 FROM VALUES
            ('1', 'Refund', 'money back', '{{"realistic": 4, "valid": 4}}', 'Refund'),
            ('2', 'Refund', 'refund me', '{{"realistic": 4, "valid": 4}}', 'Refund'),
            ('3', 'Refund', 'too small', '{{"realistic": 4, "valid": 4}}', 'Wrong size'),
            ('4', 'Wrong size', 'too large', '{{"realistic": 4, "valid": 4}}', 'Wrong size'),
            ('5', 'Wrong size', 'asdf', '{{"realistic": 1, "valid": 1}}', NULL),
            ('6', 'Wrong size', 'cannot be read', NULL, NULL)"""
    )
    rows = [(made.id, "1", True), (made.id, "3", False), (made.id, "5", False)]
    upload(made.session, "REVIEWS", ["run_id", "ticket_id", "human_kept"], rows)
    return made


def test_teacher_judge_vote_and_person_are_held_against_each_other_where_both_said_something(run):
    found = trust_in_labels(run, VOTED, reviewed=True)
    assert [one[:4] for one in found.between] == [
        ("teacher", "vote", 4, 3),
        ("teacher", "judge", 5, 4),
        ("teacher", "person", 3, 1),
        ("judge", "person", 3, 2),
        ("vote", "person", 2, 2),
    ]


def test_the_judge_is_not_held_against_a_vote_that_it_alone_decided_to_ask_for(run):
    assert ("judge", "vote") not in [one[:2] for one in trust_in_labels(run, VOTED, reviewed=True).between]


def test_categories_that_are_taken_for_each_other_are_shown_with_a_ticket(run):
    assert trust_in_labels(run, VOTED, reviewed=False).mixed == [Mixed("Refund", "Wrong size", 1, 3, "too small")]


def test_several_judges_are_held_against_each_other_by_name(make_run):
    run = make_run({"judge.also": ["claude-haiku-4-5"]})
    prepare_tables.fn(run)
    rows = [(run.id, str(n), p, n % 2 == 0 or (p == 1 and n == 3)) for n in range(8) for p in (0, 1)]
    upload(run.session, "RATINGS", ["run_id", "ticket_id", "position", "keeps"], rows)
    [one] = trust_in_labels(run, None, reviewed=False).between
    assert one[:4] == ("judge llama3.3-70b", "judge claude-haiku-4-5", 8, 7)
    assert one.kappa.startswith("0.75 (")


def test_a_single_judge_and_nobody_else_costs_no_statement(make_run):
    assert trust_in_labels(make_run(), None, reviewed=False) is None


def test_kappa_of_many_categories_is_that_of_its_definition():
    # observed (10 + 8 + 9) / 36; expected from the margins (12, 12, 12) and (13, 11, 12)
    table = [[10, 2, 0], [1, 8, 3], [2, 1, 9]]
    observed, expected = 27 / 36, (12 * 13 + 12 * 11 + 12 * 12) / 36**2
    assert kappa(table).startswith(f"{(observed - expected) / (1 - expected):.2f} (")


def test_a_judge_that_keeps_everything_has_no_kappa_and_the_teacher_never_has_one():
    assert kept_between("judge a", "judge b", Agreement(5, 3, 0, 0)).kappa == ""
    assert kept_between("teacher", "judge", Agreement(5, 3, 0, 0)).kappa == ""
    assert kept_between("judge a", "judge b", Agreement(5, 3, 2, 4)).kappa != ""


@settings(deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), st.integers(1, 50), min_size=1))
def test_any_table_of_votes_has_a_share_in_bounds_and_a_kappa_that_can_be_read(counts):
    found = labels_between(counts)
    assert 0 <= found.same <= found.n == sum(counts.values())
    assert found.agreement[:4] == f"{found.same / found.n:.2f}"
    assert "nan" not in found.kappa


def test_a_vote_by_chance_and_one_that_is_mostly_unreadable_are_warned_of(run):
    assert "beyond chance" in trust_in_labels(run, VOTED, reviewed=False).warning  # four tickets show nothing
    unread = trust_in_labels(run, VOTED._replace(unreadable=3), reviewed=False)
    assert unread.warning == "3 of 4 votes name nothing on the list: the vote filters little"
    run.sql("INSERT INTO TICKETS (run_id, ticket_id, category, vote) SELECT run_id, ticket_id || column1, vote, vote"
            " FROM TICKETS, VALUES (1), (2), (3), (4), (5) WHERE vote IS NOT NULL")  # fmt: skip
    assert trust_in_labels(run, VOTED, reviewed=False).warning == ""


def test_text_of_tickets_and_models_stays_text_in_the_report(run):
    class Summary:
        trust = Trust(
            [kept_between("judge <b>x</b>", "judge | y", Agreement(5, 3, 2, 4))],
            [Mixed("a|b", "<script>", 1, 2, "**bold** | <img src=x>")],
            "m <script> said",
        )

    text = trust(Summary)
    assert "<script>" not in text
    assert "<img" not in text
    assert "\\*\\*bold\\*\\* \\| " in text


def test_without_a_vote_judges_or_a_review_the_report_has_no_such_part():
    class Summary:
        trust = None

    assert trust(Summary) == ""
