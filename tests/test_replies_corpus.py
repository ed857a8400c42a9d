"""The corpus of malformed replies, read by the very statements of the steps, each kind of reply by one statement."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cortex_distill.errors import StepError
from cortex_distill.load import load_experiment
from cortex_distill.lost_replies import Lost, by_reason_sql, need, unread_answers_sql, unread_tickets_sql
from cortex_distill.ratings import ratings_sql, score
from cortex_distill.replies import objects_sql, text_sql
from cortex_distill.run import Run
from cortex_distill.session import open_session
from cortex_distill.sql import Sql
from cortex_distill.upload import upload
from tasks.evaluate import Arm
from tasks.evaluate import insert_sql as predict_sql
from tasks.generate import insert_sql
from tasks.prepare import prepare_tables
from tests.conftest import SMALL

CORPUS = yaml.safe_load(Path(__file__).with_name("malformed_replies.yaml").read_text(encoding="utf-8"))
COLUMNS = ["row_key", "completion_key", "reply", "error", "served_by"]
PROSE = "I am happy to help with that, as far as I can. "


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A prepared run on an engine of this module; its holdout has as many rows as the corpus has labels."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = [f"request {n},Refund" for n in range(len(CORPUS["labels"]))]
    (folder / "rows.csv").write_text("\n".join(["request,category", *rows]), encoding="utf-8")
    data = yaml.safe_load(SMALL) | {"holdout": {"file": "rows.csv"}}
    (folder / "shoes.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_MODELS", "simulated")
        session = open_session("local", home=folder / "engine")
    made = Run(session, str(uuid4()), load_experiment(folder / "shoes.yaml"), "local")
    prepare_tables.fn(made)
    made.sql(
        "CREATE TEMPORARY TABLE REPLIES_x (row_key STRING, completion_key STRING, reply STRING, error STRING,"
        " served_by STRING, prompt_tokens NUMBER, completion_tokens NUMBER)"
    )
    made.sql("CREATE TEMPORARY TABLE CALLS_x (row_key STRING, category STRING, attributes STRING)")
    yield made
    session.close()


def said(kind):
    """The reply of one entry of the corpus."""
    if kind["reply"] is None:
        return None
    around = (PROSE * (kind.get("pad", 0) // len(PROSE) + 1))[: kind.get("pad", 0)]
    return around + kind["reply"] * kind.get("times", 1) + around


def store(run, replies, keys=None):
    """REPLIES_x with one row per reply; the key is the reply's number, or given."""
    run.sql("DELETE FROM REPLIES_x")
    keys = keys or [f"{n:06d}" for n in range(len(replies))]
    rows = [(key, f"{n:016d}", text, None if text is not None else "boom", "m") for n, (key, text) in
            enumerate(zip(keys, replies, strict=True))]  # fmt: skip
    upload(run.session, "REPLIES_x", COLUMNS, rows)


def read_tickets(run, replies):
    """The tickets of each reply, as the step reads them: (scenario, request) in the order of the reply."""
    store(run, replies)
    for table in ("TICKETS", "CALLS_x"):
        run.sql(f"DELETE FROM {table}")
    run.sql("INSERT INTO CALLS_x SELECT row_key, 'Refund', '{}' FROM REPLIES_x")
    run.query(insert_sql(run.id, "CALLS_x", "REPLIES_x"))
    found = [[] for _ in replies]
    for key, position, scenario, request in sorted(
        (row[0], [int(part) for part in row[1].split("-")[1].split(".")], row[2], row[3])
        for row in run.sql("SELECT completion_key, ticket_id, scenario, request FROM TICKETS")
    ):
        assert position
        found[int(key)].append([scenario, request])
    return found


@pytest.fixture(scope="module")
def tickets(run):
    """Kind → (tickets that were read, why fewer than the reply names)."""
    kinds = CORPUS["tickets"]
    found = read_tickets(run, [said(kind) for kind in kinds.values()])
    unread = unread_tickets_sql("REPLIES_x", Sql("SELECT completion_key FROM TICKETS"))
    why = {row[0]: row[1] for row in run.query(Sql(f"SELECT row_key, reason FROM ({unread.text})", unread.binds))}
    return {name: (found[n], why[f"{n:06d}"]) for n, name in enumerate(kinds)}


@pytest.mark.parametrize("kind", CORPUS["tickets"])
def test_what_can_be_saved_of_a_list_of_tickets_is_saved_and_the_rest_has_a_reason(tickets, kind):
    assert tickets[kind] == (CORPUS["tickets"][kind]["saved"], CORPUS["tickets"][kind]["lost"])


@pytest.fixture(scope="module")
def ratings(run):
    """Kind → (realistic, valid) as they count, or the reason why they cannot be read."""
    kinds = CORPUS["ratings"]
    store(run, [said(kind) for kind in kinds.values()])
    rated = ratings_sql("REPLIES_x", ("realistic", "valid"))
    rows = run.sql(f"SELECT row_key, {score('realistic')}, {score('valid')}, unreadable FROM ({rated.text})",
                   *rated.binds)  # fmt: skip
    found = {key: reason or [realistic, valid] for key, realistic, valid, reason in rows}
    assert len(rows) == len(kinds)
    return {name: found[f"{n:06d}"] for n, name in enumerate(kinds)}


@pytest.mark.parametrize("kind", CORPUS["ratings"])
def test_a_rating_is_read_where_it_says_one_thing_on_the_scale_and_else_has_a_reason(ratings, kind):
    expected = CORPUS["ratings"][kind]
    assert ratings[kind] == expected.get("unreadable", expected.get("rated"))


@pytest.fixture(scope="module")
def labels(run):
    """Kind → (category, off list or empty; why)."""
    kinds = CORPUS["labels"]
    keys = [f"holdout {row[0]}" for row in run.sql("SELECT row_key FROM HOLDOUT ORDER BY 1")]
    store(run, [said(kind) for kind in kinds.values()], keys)
    run.query(predict_sql(run.id, Arm("teacher", "m", "v", "{{ request }}"), "REPLIES_x"))
    unread = unread_answers_sql(run.id)
    why = {row[0]: row[1] for row in run.query(Sql(f"SELECT row_key, reason FROM ({unread.text})", unread.binds))}
    found = {
        row_key: (prediction or ("empty" if empty else "off list"), why.get(row_key), off, empty, correct)
        for row_key, prediction, off, empty, correct in run.sql(
            "SELECT row_key, prediction, off_list, unanswered, correct FROM PREDICTIONS"
        )
    }
    return {name: found[key.split()[1]] for name, key in zip(kinds, keys, strict=True)}


@pytest.mark.parametrize("kind", CORPUS["labels"])
def test_a_label_counts_only_if_it_is_the_whole_answer(labels, kind):
    expected = CORPUS["labels"][kind]
    answer, why, off, empty, correct = labels[kind]
    assert (answer, why) == (expected["said"], expected.get("why"))
    assert (off, empty, correct) == (answer == "off list", answer == "empty", answer == "Refund")


def test_the_corpus_has_more_than_sixty_kinds_and_no_two_alike():
    every = [json.dumps(kind, sort_keys=True) for kinds in CORPUS.values() for kind in kinds.values()]
    assert all(len(kinds) > 40 for kinds in CORPUS.values())
    assert len(set(every)) == len(every) > 150


def test_lost_replies_are_counted_by_reason_with_an_example_the_most_frequent_first(run):
    read_tickets(run, ["sorry", "no", "", '[{"request": "one"}]', '[{"request": "one"}, {"request": "tw'])
    unread = unread_tickets_sql("REPLIES_x", Sql("SELECT completion_key FROM TICKETS"))
    assert [tuple(row) for row in run.query(by_reason_sql(unread))] == [
        ("no JSON object", 2, 5, "no"),
        ("cut off, the other tickets saved", 1, 5, '[{"request": "one"}, {"request": "tw'),
        ("empty", 1, 5, ""),
    ]


def test_under_the_minimum_the_error_says_what_came_how_much_is_needed_why_and_what_to_do():
    lost = [Lost("generate", "m", "", "no JSON object", 3, 4, "I'm\x1b[31m sorry")]
    with pytest.raises(StepError) as raised:
        need("generate: 0 tickets in 4 replies of m", {"written by the teacher": 0}, lost, "ask for JSON")
    assert str(raised.value) == (
        "generate: 0 tickets in 4 replies of m, and a run needs at least 1 written by the teacher;"
        ' 3 of 4 replies: no JSON object, e.g. "I\'m\ufffd[31m sorry"; ask for JSON'
    )


def test_at_the_minimum_a_run_goes_on():
    need("split", {"to train on": 1, "to validate on": 1}, [], "")


# Text that likes to be mistaken for JSON, and any other.
PIECES = [*"{}[]\"':,\\ \n1a“”", "request", "scenario", "null", '{"', '":"', "':'", "{request:"]
NASTY = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
TEXT = st.one_of(NASTY, st.text(max_size=40)).map(lambda text: text.encode("utf-8", "replace").decode())
TICKET = st.fixed_dictionaries({"scenario": TEXT, "request": TEXT})
TICKETS = st.lists(TICKET, min_size=1, max_size=4)
WRITTEN = st.builds(
    lambda tickets, indent, ascii_only, wrapped: (
        tickets,
        json.dumps({"tickets": tickets} if wrapped else tickets, indent=indent, ensure_ascii=ascii_only),
    ),
    TICKETS,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.booleans(),
)
ANY_PROSE = TEXT.filter(lambda text: "request" not in text and ":" not in text)  # with both it may be a ticket itself
MANY = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def objects(run, replies):
    """As read_tickets, by the SELECT in the step's INSERT alone."""
    store(run, replies)
    scenario, request = text_sql("scenario"), text_sql("request")
    found = objects_sql("REPLIES_x", Sql(f"{request} IS NOT NULL"))
    rows = run.query(Sql(f"SELECT completion_key, position, {scenario}, {request} FROM ({found.text})", found.binds))
    read = [[] for _ in replies]
    for key, _, *ticket in sorted(rows, key=lambda row: (row[0], [int(part) for part in row[1].split(".")])):
        read[int(key)].append(ticket)
    return read


PYTHON_INSIDE = (
    [{"scenario": "x", "request": "{'request': 'y'} z"}],
    """[{"scenario": "x", "request": "{'request': 'y'} z"}]""",
)


def readable(tickets):
    """What must come of well-formed tickets: those whose request is not blank."""
    trimmed = [[ticket["scenario"].strip(" \t\r\n") or None, ticket["request"].strip(" \t\r\n")] for ticket in tickets]
    return [ticket for ticket in trimmed if ticket[1]]


@MANY
@given(st.lists(st.tuples(WRITTEN, ANY_PROSE, ANY_PROSE), min_size=20, max_size=60))
@example([(([{"scenario": "{", "request": "}"}], '[{"scenario": "{", "request": "}"}]'), '{"', "}")])
def test_a_well_formed_list_in_any_prose_is_read_whole(run, replies):
    found = objects(run, [before + text + after for (_, text), before, after in replies])
    assert found == [readable(tickets) for (tickets, _), _, _ in replies]


@MANY
@given(st.lists(st.tuples(WRITTEN, st.integers(0, 10**6)), min_size=20, max_size=60))
@example([(PYTHON_INSIDE, n) for n in range(60)])
def test_cutting_a_reply_anywhere_never_invents_a_ticket(run, replies):
    found = objects(run, [text[: place % (len(text) + 1)] for (_, text), place in replies])
    for got, ((tickets, _), _) in zip(found, replies, strict=True):
        assert got == readable(tickets)[: len(got)]


@MANY
@given(st.lists(st.one_of(TEXT, st.none()), min_size=20, max_size=60))
def test_reading_anything_raises_nothing_and_leaves_a_reason_for_each_unreadable_rating(run, replies):
    read = {f"{n:016d}" for n, tickets in enumerate(objects(run, replies)) if tickets}
    unread = unread_tickets_sql("REPLIES_x", Sql("SELECT NULL AS completion_key"))
    assert sum(int(row[1]) for row in run.query(by_reason_sql(unread))) == len(replies) >= len(read)
    rated = ratings_sql("REPLIES_x", ("a", "request"))
    rows = run.query(Sql(f"SELECT rating IS NULL, unreadable IS NULL FROM ({rated.text})", rated.binds))
    assert len(rows) == len(replies)
    assert all(no_rating != no_reason for no_rating, no_reason in rows)
