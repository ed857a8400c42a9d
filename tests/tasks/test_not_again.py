"""What the teacher is shown as written before: in waves, within a limit, and the same for the same calls."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.errors import ConfigError
from cortex_distill.generation import generation_calls, waves
from cortex_distill.load import load_experiment
from cortex_distill.rounds import Round, Wanted, first_round
from cortex_distill.written import written_of
from tasks.generate import generate_tickets
from tasks.plan import plan_run
from tasks.prepare import prepare_tables

PROMPT = (
    'Write {{ count }} messages as a JSON list, each with "scenario" and "request", of the category: {{ category }}.'
    " Not again: {{ written | tojson }}"
)
CHANGES = {"generate.per_category": 7, "generate.per_call": 1, "generate.not_again": 60, "generate.prompt": PROMPT}


def test_a_prompt_must_use_what_it_is_to_show(write):
    with pytest.raises(ConfigError, match=r"generate.prompt: never uses written; write \{\{ written \}\}"):
        load_experiment(write({"generate.not_again": 100}))


def test_the_name_of_what_is_shown_is_no_attribute(write):
    with pytest.raises(ConfigError, match="'written' already means something"):
        load_experiment(write({"generate.vary": {"written": ["x"]}, "generate.prompt": "{{ written }} {{ category }}"}))


def test_waves_double_and_a_refill_goes_on_in_them(write):
    experiment = load_experiment(write(CHANGES))
    now = first_round(experiment.config)
    assert waves(experiment, now) == [0, 1, 2, 3]
    drawn = [[call.draw for call in generation_calls(experiment, now, wave)][:4] for wave in waves(experiment, now)]
    assert drawn == [[0, 0, 0], [1, 1, 1], [2, 3, 2, 3], [4, 5, 6, 4]]
    refill = Round(2, {name: Wanted(4 * (name == "Refund"), 7, 7) for name in experiment.config.categories})
    assert waves(experiment, refill) == [3, 4]
    assert [call.draw for wave in (3, 4) for call in generation_calls(experiment, refill, wave)] == [7, 8, 9, 10]


def test_without_it_a_round_is_one_wave(write):
    experiment = load_experiment(write())
    assert waves(experiment, first_round(experiment.config)) == [0]


def shown(run):
    """Category, number of the call, texts that its prompt shows."""
    rows = run.sql("SELECT prompt, draw FROM COMPLETIONS WHERE step = 'generate' ORDER BY draw, prompt")
    texts = [(prompt.split("category: ")[1].split(".")[0], int(draw), prompt) for prompt, draw in rows]
    return [(category, draw, json.loads(prompt.split("Not again: ")[1])) for category, draw, prompt in texts]


def test_a_call_shows_tickets_of_its_category_that_earlier_waves_wrote_newest_first_within_the_limit(make_run):
    run = make_run(CHANGES)
    prepare_tables.fn(run)
    first = generate_tickets.fn(run)
    assert (first.calls.rows, first.calls.made, first.written) == (21, 21, 21)
    written = {
        request: (category, int(draw))
        for request, category, draw in run.sql(
            "SELECT t.request, t.category, c.draw FROM TICKETS t JOIN COMPLETIONS c ON c.key = t.completion_key"
        )
    }
    for category, draw, texts in shown(run):
        before = (1 << draw.bit_length()) >> 1
        assert all(written[text][0] == category and written[text][1] < before for text in texts)
        assert [written[text][1] for text in texts] == sorted((written[text][1] for text in texts), reverse=True)
        assert sum(len(text) for text in texts) <= 60 * 4
    assert any(len(texts) > 1 for _, _, texts in shown(run))

    again = generate_tickets.fn(run)
    assert (again.calls.made, again.written) == (0, 21)
    more = make_run({**CHANGES, "generate.per_category": 9}, run.session)
    prepare_tables.fn(more)
    assert generate_tickets.fn(more).calls.made == 3 * 2  # the calls of the first run are made again as they were

    plan = plan_run(make_run({**CHANGES, "generate.per_category": 10}, run.session))
    generate = next(line for line in plan.lines if line.step == "generate")
    assert (generate.calls, generate.to_make) == (30, 3)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=30)), max_size=30), st.integers(1, 30))
def test_what_is_shown_stays_within_four_bytes_a_token(rows, tokens):
    for texts in written_of(rows, tokens).values():
        assert sum(len(text.encode()) for text in texts) <= 4 * tokens
