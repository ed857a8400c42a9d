"""Planning a run: the calls that it would make, by the ledger's own keys, without making one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.errors import SetupError
from cortex_distill.ledger import Ask, call_keys, keyed_sql
from cortex_distill.session import Statements, execute, open_session, open_statements
from cortex_distill.sql import Sql
from tasks.deduplicate import deduplicate_tickets
from tasks.evaluate import base_arms, evaluate_arm, tuned_arm
from tasks.fine_tune import start_fine_tuning, wait_for_fine_tuning
from tasks.generate import generate_tickets
from tasks.judge import judge_tickets
from tasks.plan import plan_run
from tasks.planned import planned_against, write_plan
from tasks.prepare import prepare_tables
from tasks.quota import rounds
from tasks.report_rows import what_was_spent
from tasks.split import split_tickets
from tasks.statements import statements

TEACHER, STUDENT = "llama3.3-70b", "llama3.1-8b"
HOLDOUT = "category,request\n" + "".join(
    f"{category},{text} number {n}\n"
    for n in range(4)
    for category, text in {"Wrong size": "too small", "Late delivery": "no parcel", "Refund": "money back"}.items()
)


@pytest.fixture
def plan_of(make_run, connect, write):
    """The plan of SMALL with changes, on a session of its own."""
    return lambda changes=None, knobs="": plan_run(make_run(changes, connect(knobs)))


@pytest.fixture
def with_holdout(tmp_path):
    """Changes that give SMALL a holdout of twelve rows."""
    (tmp_path / "holdout.csv").write_text(HOLDOUT, encoding="utf-8")
    return {"holdout": {"file": "holdout.csv"}}


@pytest.fixture
def do(make_run):
    """A whole run of SMALL with changes, step by step; the calls that it made by step and model."""

    def one(changes=None):
        run = make_run(changes)
        prepare_tables.fn(run)
        for now in rounds(run):
            generate_tickets.fn(run, now)
            deduplicate_tickets.fn(run, now)
            judge_tickets.fn(run, now)
        split_tickets.fn(run)
        job = start_fine_tuning.fn(run)
        for arm in base_arms(run):
            evaluate_arm.fn(run, arm)
        evaluate_arm.fn(run, tuned_arm(run, wait_for_fine_tuning.fn(run, job).model))
        made = run.sql(
            "SELECT step, IFF(CONTAINS(model, '.PUBLIC.'), 'tuned', model), COUNT(*) FROM COMPLETIONS"
            " WHERE run_id = ? GROUP BY 1, 2",
            run.id,
        )
        return {(step, model): int(calls) for step, model, calls in made}

    return one


def to_make(plan):
    return {
        (line.step, "tuned" if line.model.startswith("tuned ") else line.model): line.to_make
        for line in plan.lines
        if line.to_make
    }


def test_a_plan_makes_no_call_and_no_table(plan_of, session, with_holdout):
    plan = plan_of(with_holdout)
    assert plan.calls > 0
    assert [row[1] for row in session.sql("SHOW TABLES").collect()] == []


def test_a_first_run_makes_no_call_that_was_not_planned(plan_of, do, with_holdout):
    without_check = {**with_holdout, "judge.check": 0, "generate.rounds": 1}
    planned, made = to_make(plan_of(without_check)), do(without_check)
    assert made["generate", TEACHER] == planned["generate", TEACHER] == 6
    assert set(made) == set(planned)
    assert all(made[key] <= planned[key] for key in made)


def test_the_calls_of_the_first_plan_by_step_and_model(plan_of, with_holdout):
    # 3 categories of 8 tickets, of which 6 train and 2 are evaluated; 12 holdout rows; 2 variants; 12 rows rated twice
    assert to_make(plan_of(with_holdout)) == {
        ("generate", TEACHER): 6,
        ("judge", TEACHER): 24,
        ("check", TEACHER): 24,
        ("evaluate", TEACHER): 2 * (12 + 6),
        ("evaluate", STUDENT): 2 * (12 + 6),
        ("evaluate", "tuned"): 12 + 6,
    }


def test_a_second_run_is_planned_without_a_call_and_without_a_training(plan_of, do):
    do()
    plan = plan_of()
    assert (plan.calls, plan.training.started_before, plan.like) == (0, True, "")
    assert all(part.free == part.calls for part in plan.parts)


def test_one_more_variant_is_planned_with_exactly_its_calls(plan_of, do):
    do()
    changes = {"prompts.third": "Say one of {{ categories | join(', ') }}: {{ request }}"}
    planned = plan_of(changes)
    assert to_make(planned) == do(changes)
    assert set(to_make(planned)) == {("evaluate", TEACHER), ("evaluate", STUDENT)}


def test_a_changed_judge_is_planned_with_exactly_its_ratings(plan_of, do):
    do({"generate.rounds": 1})
    changes = {
        "generate.rounds": 1,
        "judge.prompt": 'Rate {{ request }} from 1 to 5. Answer with JSON only, like {"realistic": 3, "valid": 2}.',
    }
    planned = {key: calls for key, calls in to_make(plan_of(changes)).items() if key[0] == "judge"}
    assert planned == {("judge", TEACHER): do(changes)["judge", TEACHER]}


def test_refills_are_told_of_at_most_and_as_they_were_and_then_planned_exactly(plan_of, do, session):
    assert plan_of().refills == (
        "refills may add up to 12 calls of the teacher and 48 ratings, if too few tickets are kept"
    )
    made = do()
    session.sql("INSERT INTO EXPERIMENTS (run_id, experiment) SELECT DISTINCT run_id, 'shoes' FROM TICKETS").collect()
    again = plan_of()
    assert (again.calls, again.refills) == (0, "")
    assert sum(line.free for line in again.lines if line.step == "generate") == made["generate", TEACHER] > 6
    other_judge = plan_of({"judge.thresholds": {"realistic": 4}})
    refilled = made["generate", TEACHER] - 6
    assert f"the newest run of this experiment: {refilled} calls and " in other_judge.refills


def test_what_depends_on_new_texts_is_open_until_they_are_there(plan_of, do):
    parts = plan_of().parts
    assert [part.free for part in parts if part.step == "generate"] == [0]
    assert {part.free for part in parts if part.step != "generate"} == {None}
    assert all("at most" in part.basis for part in parts if part.free is None)


def test_texts_that_are_yet_to_be_written_are_like_those_of_the_best_source(plan_of, with_holdout, tmp_path):
    assert "a text of" in plan_of().like
    assert plan_of(with_holdout).like == "12 rows of the holdout"
    (tmp_path / "e.jsonl").write_text(
        '{"category": "Refund", "scenario": "s", "request": "my money"}\n', encoding="utf-8"
    )
    examples = {
        "generate.examples": {"file": "e.jsonl"},
        "generate.prompt": "{{ count }} like {{ examples }} of {{ category }}",
    }
    assert plan_of({**with_holdout, **examples}).like == "1 of the file's examples"


def test_longer_texts_cost_more_tokens(plan_of, tmp_path):
    def tokens(text):
        (tmp_path / "h.csv").write_text(f"category,request\nRefund,{text}\nWrong size,{text}!\n", encoding="utf-8")
        plan = plan_of({"holdout": {"file": "h.csv"}})
        return {line.step: line.prompt_tokens for line in plan.lines}["judge"]

    assert tokens("long " * 100) > tokens("short") + 24 * 100


def test_tokens_are_those_that_the_engine_counts_when_it_answers(plan_of, do, make_run, with_holdout, session):
    do(with_holdout)
    changes = {**with_holdout, "prompts": {"only": "One of {{ categories | join(', ') }}: {{ request }}"}}
    part = next(p for p in plan_of(changes).parts if (p.model, p.what) == (STUDENT, "only, holdout"))
    do(changes)
    used = session.sql(
        "SELECT SUM(answer:value:usage:prompt_tokens::NUMBER) FROM COMPLETIONS"
        " WHERE STARTSWITH(prompt, 'One of ') AND model = 'llama3.1-8b' AND CONTAINS(prompt, ' number ')"
    ).collect()[0][0]
    assert part.calls == 12 and part.prompt_tokens == pytest.approx(float(used), rel=0.05)


def test_a_model_that_nobody_answers_to_is_said_before_anything_else(make_run, home, tmp_path, monkeypatch):
    routes = tmp_path / "routes.toml"
    routes.write_text('[[models]]\nname = "llama3.3-70b"\nprovider = "simulated"\n')
    monkeypatch.setenv("DISTILL_MODELS", str(routes))
    session = open_session("local", home=home)
    with pytest.raises(SetupError, match=r"llama3\.1-8b(.|\n)*distill models"):
        plan_run(make_run(None, session))
    session.close()


def test_the_holdout_that_a_table_holds_is_planned_like_one_in_a_file(plan_of, session):
    session.sql("CREATE TABLE people (category STRING, request STRING)").collect()
    session.sql("INSERT INTO people VALUES ('Refund', 'my money'), ('Wrong size', 'too big')").collect()
    plan = plan_of({"holdout": {"table": "DISTILL.PUBLIC.PEOPLE"}})
    assert [one.n for one in plan.differences if one.evaluation_set == "holdout"] == [2]


@pytest.fixture
def own_engine(home, monkeypatch):
    """The engine that a second session finds."""
    monkeypatch.setenv("DISTILL_HOME", str(home))


def test_a_run_that_goes_on_is_held_against_the_plan_that_it_set_out_with(make_run, own_engine):
    run = make_run()
    prepare_tables.fn(run)
    write_plan.fn(run)
    generate_tickets.fn(run)
    write_plan.fn(run)
    sides = planned_against(run, what_was_spent(run))
    assert sides[0].planned.calls == sides[0].made.calls == 6
    assert sides[0].made.tokens == pytest.approx(sides[0].planned.tokens, rel=0.5)
    assert (sides[1].step, sides[1].planned.calls, sides[1].made) == ("judge", 24, None)
    assert run.count("SELECT COUNT(*) FROM TICKETS WHERE run_id = ?", run.id) == 24


def test_a_run_that_finds_everything_answered_plans_nothing(make_run, do, own_engine):
    do()
    run = make_run()
    prepare_tables.fn(run)
    write_plan.fn(run)
    assert [side.planned.calls for side in planned_against(run, what_was_spent(run))] == [0] * 6


def test_a_plan_that_cannot_be_made_stops_no_run(make_run, own_engine, monkeypatch):
    run = make_run()
    prepare_tables.fn(run)
    run.engine = "no_such_connection"
    write_plan.fn(run)
    assert planned_against(run, []) == []


@given(prompt=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), draw=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_keys_that_this_process_computes_are_those_of_the_ledger(session, prompt, draw):
    ask = Ask("generate", Sql("SELECT 'k' AS row_key, ? AS prompt, ? AS draw", (prompt, draw)), TEACHER, {"top_p": 0.5})
    [row] = execute(session, keyed_sql(ask, "it's ü"))
    assert [row[3]] == call_keys(ask, "it's ü", [(prompt, draw)])


def test_statements_alone_need_no_snowpark(connect, home, monkeypatch):
    connect()
    monkeypatch.setenv("DISTILL_HOME", str(home))
    session = open_statements()
    assert isinstance(session, Statements)
    assert session.sql("SELECT 1 + ?", [1]).collect() == [(2,)]
    session.close()


def test_every_statement_that_a_run_sends_for_its_calls_is_among_those_that_are_printed(
    make_run, connect, with_holdout
):
    run = make_run(with_holdout, connect())
    plan = plan_run(run)
    printed = dict(statements(run, plan.served_by))
    assert sum("AI_COMPLETE(model => 'llama3.3-70b'" in text for text in printed.values()) == 5
    assert "FINETUNE('CREATE', 'SHOES_000000000000', 'llama3.1-8b'" in printed["fine-tune: start the job"]
    assert any(title.startswith("record") for title in printed)


def test_what_the_client_sends_is_printed_before_the_statement_that_reads_it(make_run, connect, with_holdout, tmp_path):
    (tmp_path / "known.jsonl").write_text(
        '{"category": "Refund", "scenario": "s", "request": "money back"}\n', encoding="utf-8"
    )
    prompt = "{{ count }} of {{ category }} like {{ examples }}"
    learnt = {"generate.examples": {"file": "known.jsonl"}, "generate.prompt": prompt, "fine_tune.rows": "both"}
    run = make_run(with_holdout | learnt, connect())
    found = list(statements(run, plan_run(run).served_by))
    titles = [title for title, _ in found]
    filled = ["CATEGORIES", "HOLDOUT", "CALLS", "LEARNT_EXAMPLES"]
    places = [next(n for n, (_, text) in enumerate(found) if f'INTO "{name}"' in text or f"INTO {name} " in text)
              for name in filled]  # fmt: skip
    assert places == sorted(places)
    sizes = ["1 to 3", "1 to 12", "1 to 6", "1 to 1"]
    assert all(f"rows {size};" in titles[place] for size, place in zip(sizes, places, strict=True))
    assert places[-1] < titles.index("fine-tune: rows")
    assert "too small number 0" in found[places[1]][1]
