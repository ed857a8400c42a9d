"""The pages: what they show of two runs, what they say where there is nothing, what a click does."""

import pytest
from app_sample import CATEGORIES, REQUESTS, RUNS, TEACHER, TUNED

from cortex_distill.tables import create_sql

PAGES = ["experiments", "tickets", "messages", "try_it"]


def said(page):
    """Everything that the page says in words."""
    kinds = (page.title, page.caption, page.markdown, page.text, page.code, page.warning, page.error, page.subheader)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def calls_made(engine):
    return engine("SELECT COUNT(*) FROM COMPLETIONS WHERE step = 'app'")[0][0]


@pytest.mark.parametrize("module", PAGES)
def test_a_page_of_an_empty_schema_says_what_to_do(show, module):
    page = show(module)
    assert not page.exception and not page.error
    assert "No run has written to this schema yet." in said(page) and "make demo" in said(page)


@pytest.mark.parametrize("module", PAGES)
def test_an_engine_that_refuses_is_a_sentence_and_no_stack_trace(show, engine, module):
    engine("CREATE TABLE EXPERIMENTS (run_id STRING)")
    engine("CREATE TABLE TICKETS (run_id STRING)")
    page = show(module)
    assert not page.exception
    assert "The engine refused a statement" in page.error[0].value and "Traceback" not in said(page)


def test_an_unknown_connection_is_a_sentence_and_no_stack_trace(show, monkeypatch):
    monkeypatch.setenv("DISTILL_ENGINE", "nowhere_at_all")
    page = show("experiments")
    assert not page.exception and "nowhere_at_all" in page.code[0].value


def test_the_leaderboard_has_every_score_with_n_and_interval_and_says_who_answered(show, two_runs):
    page = show("experiments")
    assert not page.exception and not page.error
    board = page.dataframe[0].value
    assert len(board) == 10
    assert {"n", "Accuracy", "95 % from", "to"} <= set(board.columns)
    assert set(board["Answered by"]) == {"⚠️ simulated (simulated:strong)"}
    assert "Simulated models answered here" in page.warning[0].value


def test_a_filter_leaves_only_what_fits(show, two_runs):
    page = show("experiments")
    page.multiselect(key="board_role").set_value(["tuned student"])
    page.multiselect(key="board_tag").set_value(["try-1"]).run()
    board = page.dataframe[0].value
    assert list(board["Role"]) == ["tuned student"] and list(board["Run"]) == [RUNS[1][:8]]


def test_compared_runs_stand_side_by_side_with_what_differs_between_their_files(show, two_runs):
    page = show("experiments")
    frames = [frame.value for frame in page.dataframe]
    table = next(
        frame for frame in frames if list(frame.columns)[:2] == ["Role", "Variant"] and len(frame.columns) == 4
    )
    assert len(table) == 5
    differs = next(frame for frame in frames if list(frame.columns)[:1] == ["Key"])
    assert differs.values.tolist() == [["judge.thresholds.valid", "5", "4"]]


def test_a_run_that_goes_on_is_not_the_first_that_is_shown(show, engine, two_runs):
    """A run writes its base scores long before its student is tuned."""
    engine(
        "CREATE TEMPORARY TABLE BASE AS SELECT * FROM EXPERIMENTS WHERE role <> 'tuned student' AND run_id = ?", RUNS[0]
    )
    engine("UPDATE BASE SET run_id = 'goes-on', experiment = 'another', created_at = DATEADD('day', 1, created_at)")
    engine("INSERT INTO EXPERIMENTS SELECT * FROM BASE")
    page = show("experiments")
    assert not page.exception
    assert set(page.multiselect(key="runs").value) == set(RUNS)
    assert page.selectbox(key="cost_run").value in RUNS and page.selectbox(key="matrix_run").value in RUNS
    assert "goes-on" in str(page.selectbox(key="cost_run").options)


def test_one_run_cannot_be_compared_and_the_page_says_how_to_get_another(show, two_runs):
    page = show("experiments")
    page.multiselect(key="runs").set_value([RUNS[0]]).run()
    assert "Choose at least 2 runs." in said(page)


def test_local_calls_cost_no_credits_and_plans_say_what_cortex_would_take(show, two_runs):
    figures = {metric.label: metric.value for metric in show("experiments").metric}
    assert figures["Credits of its scores"] == "none"
    assert figures["Plan on Cortex"] == "0.0020"
    assert figures["Calls made"] == "15"


def test_tickets_come_a_page_at_a_time(show, two_runs):
    page = show("tickets")
    assert len(page.dataframe[0].value) == 25 and "Tickets 1 to 25 of 60" in said(page)
    page.number_input(key="tickets_page").set_value(3).run()
    assert len(page.dataframe[0].value) == 10


def test_other_filters_begin_with_the_first_page(show, two_runs):
    page = show("tickets")
    page.number_input(key="tickets_page").set_value(3).run()
    page.selectbox(key="tickets_category").set_value(CATEGORIES[0]).run()
    assert "Tickets 1 to 25 of 30" in said(page)


def test_dropped_tickets_are_shown_with_their_reason(show, two_runs):
    page = show("tickets")
    page.selectbox(key="tickets_state").set_value("dropped").run()
    table = page.dataframe[0].value
    assert len(table) == 12 and set(table["Dropped because"]) == {"judge: valid 2 is below 4"}
    page.selectbox(key="tickets_step").set_value("judge").run()
    assert len(page.dataframe[0].value) == 12


def test_a_twin_stands_beside_its_ticket(show, two_runs):
    page = show("tickets")
    page.selectbox(key="tickets_state").set_value("with a twin").run()
    texts = [text.value for text in page.text]
    assert "request number 1" in texts and "request number 0" in texts
    assert "Its twin, 0.91 alike, kept" in said(page)


def test_messages_are_estimated_written_once_and_kept(show, two_runs, engine):
    page = show("messages")
    assert "Estimate: 1 call · " in said(page) and "at most 0.0" in said(page)
    assert calls_made(engine) == 0, "looking costs nothing"
    page.button(key="messages_write").click().run()
    assert calls_made(engine) == 1 and "answered already: writing again costs nothing" in said(page)
    page.button(key="messages_write").click().run()
    assert calls_made(engine) == 1, "the same is not asked twice"
    next(button for button in page.button if button.label == "Keep").click().run()
    assert engine("SELECT decision, ticket_id, category FROM MESSAGE_DECISIONS") == [("kept", "h1", CATEGORIES[0])]
    assert "**kept**" in said(page)
    next(button for button in page.button if button.label == "Discard").click().run()
    assert "**discarded**" in said(page) and "No message of this run is kept yet." in said(page)


def test_a_quote_in_the_prompt_works(show, two_runs, engine):
    page = show("messages")
    page.text_area(key="messages_prompt_email").set_value('Say it\'s "fine" \\ ; -- : {{ request }}').run()
    page.button(key="messages_write").click().run()
    asked = engine("SELECT prompt FROM COMPLETIONS WHERE step = 'app'")
    assert asked == [(f'Say it\'s "fine" \\ ; -- : {REQUESTS["h1"][1]}',)]


def test_a_name_that_the_prompt_cannot_use_is_said_before_anything_is_asked(show, two_runs, engine):
    page = show("messages")
    page.text_area(key="messages_prompt_email").set_value("{{ customer }}: {{ request }}").run()
    assert "request and category only" in page.error[0].value
    assert "customer" in [text.value for text in page.text] and not calls_made(engine)


def test_what_the_messages_flow_wrote_is_shown_with_its_flags(show, two_runs, engine):
    for table in ("MESSAGE_INBOX", "MESSAGES"):
        engine(create_sql(table))
    engine("INSERT INTO MESSAGE_INBOX (run_id, row_key, request) SELECT 'm', 'k', 'Where is my phone?'")
    engine(
        """INSERT INTO MESSAGES (run_id, source_run, row_key, ticket_id, category, channel, variant, model, message,
            words, most_words, status, flags, served_by, completion_key, created_at)
        SELECT 'm', ?, 'k', '7', 'Lost phone', 'text', 'v', 'llama3.1-8b', 'We block the SIM.',
            4, 24, 'too long', PARSE_JSON('{"placeholder": "[Name]"}'), 'simulated:small', 'key', SYSDATE()""",
        RUNS[0],
    )
    page = show("messages")
    assert "We block the SIM." in [code.value for code in page.code]
    assert "Where is my phone?" in [text.value for text in page.text] and "4 words of 24" in said(page)
    assert any("too long · placeholder: [Name] · ⚠️ simulated" in one.proto.body for one in page.get("html"))


def test_the_models_offered_are_those_that_the_engine_has(show, two_runs):
    offered = show("messages").selectbox(key="messages_model").options
    assert offered[0] == TUNED and TEACHER in offered
    assert not {"mistral-large", "reka-flash"} & set(offered), "retired"


def test_three_models_answer_one_request_with_the_prompts_of_the_run(show, two_runs, engine):
    page = show("try_it")
    assert [one.value for one in page.subheader] == ["Base student", "Tuned student", "Teacher"]
    page.selectbox(key="try_variant").set_value("list_only")
    page.text_area(key="try_request").set_value('It\'s lost: "my" phone {{ x }}').run()
    assert "Estimate: 3 calls" in said(page)
    page.button(key="try_ask").click().run()
    asked = engine("SELECT model, prompt FROM COMPLETIONS WHERE step = 'app' ORDER BY model")
    assert {model for model, _ in asked} == {TUNED, "llama3.1-8b", TEACHER}
    assert dict(asked)[TUNED] == 'It\'s lost: "my" phone {{ x }}'
    assert dict(asked)[TEACHER].endswith('Answer with the category only.\nrequest: It\'s lost: "my" phone {{ x }}')
    assert "Not asked yet." not in said(page)


def test_what_a_run_has_asked_is_free_to_try(show, two_runs, engine):
    page = show("try_it")
    page.selectbox(key="try_variant").set_value("list_only")
    page.text_area(key="try_request").set_value(REQUESTS["h2"][1]).run()
    assert "All are answered already" in said(page)
    page.button(key="try_ask").click().run()
    assert not calls_made(engine)


def test_a_model_that_is_gone_hides_no_answer_of_the_others(show, two_runs, engine):
    engine(f"DROP MODEL {TUNED}")
    page = show("try_it")
    page.button(key="try_ask").click().run()
    assert not page.exception and calls_made(engine) == 2
    assert "The tuned student could not be asked" in said(page)
