"""Texts that mean something to SQL, templates, Markdown or HTML: in tickets and prompts they stay text."""

import json
import random

from app_sample import CATEGORIES, RUNS

from tests.hostile_strings import CELLS, LOOKS, MARKUP, SQL, TEMPLATES, UNSEEN

STRINGS = [*random.Random(8).sample([*SQL, *TEMPLATES, *CELLS, *LOOKS], 40), *MARKUP[:18], *UNSEEN[:2]]


def markdown_of(page):
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info, page.subheader, page.title)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def test_there_are_more_than_fifty():
    assert len(set(STRINGS)) >= 50


def test_tickets_show_them_as_text_and_no_markdown_has_them(show, two_runs, engine):
    long = [string + " zq" for string in STRINGS]  # nothing of the page's own has zq in it
    rows = json.dumps([[RUNS[0], f"h{n:03}", CATEGORIES[0], string] for n, string in enumerate(long)])
    engine("DELETE FROM TICKETS WHERE run_id = ?", RUNS[0])
    engine("""INSERT INTO TICKETS (run_id, ticket_id, category, scenario, request, dropped_because, duplicate_of)
        SELECT f.value[0]::STRING, f.value[1]::STRING, f.value[2]::STRING, f.value[3]::STRING, f.value[3]::STRING,
            'judge: ' || f.value[3]::STRING, 'h000' FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f""", rows)  # fmt: skip
    before = engine("SELECT COUNT(*) FROM EXPERIMENTS")
    page = show("tickets")
    page.selectbox(key="tickets_run").set_value(RUNS[0]).run()
    seen = set()
    for number in (1, 2, 3):
        page.number_input(key="tickets_page").set_value(number).run()
        assert not page.exception and not page.error
        assert "zq" not in markdown_of(page)
        seen |= {text.value for text in page.text}
    clean = {string for string in long if string.isprintable()}
    assert len(clean) >= 50 and clean <= seen
    assert engine("SELECT COUNT(*) FROM EXPERIMENTS") == before


def test_a_search_for_them_finds_them_and_nothing_else(two_runs, engine):
    import ticket_rows  # noqa: PLC0415

    clean = [string for string in STRINGS if string.isprintable()]
    rows = json.dumps([[f"h{n:03}", string] for n, string in enumerate(clean)])
    engine("""INSERT INTO TICKETS (run_id, ticket_id, category, request)
        SELECT 'hostile', f.value[0]::STRING, 'x', f.value[1]::STRING
        FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f""", rows)  # fmt: skip
    for string in random.Random(1).sample(clean, 12):
        wanted = ticket_rows.Wanted("hostile", text=string)
        expected = sum(string.lower() in other.lower() for other in clean)
        assert ticket_rows.counts(wanted)["tickets"] == expected, string
        assert ticket_rows.counts(ticket_rows.Wanted("hostile", category=string))["tickets"] == 0


def test_a_prompt_of_them_reaches_the_model_letter_by_letter(show, two_runs, engine):
    prompt = "\n".join(string for string in STRINGS if string.isprintable() and "{{" not in string)
    page = show("messages")
    page.text_area(key="messages_prompt_email").set_value(prompt).run()
    page.button(key="messages_write").click().run()
    assert not page.exception and not page.error
    assert engine("SELECT prompt FROM COMPLETIONS WHERE step = 'app'") == [(prompt,)]
    assert "DROP TABLE" not in markdown_of(page)
    assert engine("SELECT COUNT(*) FROM TICKETS WHERE run_id = ?", RUNS[0]) == [(60,)]


def test_a_request_of_them_is_tried_letter_by_letter(show, two_runs, engine):
    request = "\n".join(string for string in STRINGS if string.isprintable())[:3900].strip()
    page = show("try_it")
    page.text_area(key="try_request").set_value(request).run()
    page.button(key="try_ask").click().run()
    assert not page.exception and not page.error
    asked = engine("SELECT prompt FROM COMPLETIONS WHERE step = 'app'")
    assert len(asked) == 3 and all(prompt.rstrip("\n").endswith(request) for (prompt,) in asked)
    assert "DROP TABLE" not in markdown_of(page)
