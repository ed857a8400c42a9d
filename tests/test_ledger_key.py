"""A call with another model, prompt, parameter, response format or draw never gets an old answer: over its key."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.asking import Ask
from cortex_distill.ledger_sql import asked_sql, call_keys, identity
from cortex_distill.session import execute
from cortex_distill.sql import Sql

NAMES = st.sampled_from(["a", "b", "category", "temperature", "max_tokens", '"', "]", "1"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 0.5]), NAMES)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
TEXTS = st.text(st.sampled_from("01 ,[]{}\"'\\aé\n"), max_size=6)
WHO = st.sampled_from(["ACCOUNT", "ACCOUNT2", 'A", "B'])
CALLS = st.tuples(WHO, TEXTS, st.dictionaries(NAMES, SCALARS, max_size=3), st.none() | JSON, st.integers(0, 11), TEXTS)


def same(call):
    """What makes two calls the same one: parameters in any order, a schema as it is written."""
    who, model, parameters, schema, draw, prompt = call
    return (who, model, json.dumps(parameters, sort_keys=True), json.dumps(schema), draw, prompt)


def keys_of(session, calls):
    """Their keys, by the ledger's own expression, all in one statement."""
    pieces, binds = [], []
    computed = []
    for place, (who, model, parameters, schema, draw, prompt) in enumerate(calls):
        wanted = Ask("evaluate", Sql("asked"), model, parameters, schema)
        text = asked_sql("x", wanted, who).text
        computed += call_keys(wanted, who, [(prompt, draw)])
        expression = text[text.index("SHA2(") : text.index(" AS key")]
        pieces.append(f"SELECT ? AS place, {expression} AS key FROM (SELECT ? AS draw, ?::STRING AS prompt)")
        binds += [place, identity(who, wanted), draw, prompt]
    rows = execute(session, Sql(f"SELECT key FROM ({' UNION ALL '.join(pieces)}) ORDER BY place", tuple(binds)))
    keys = [row[0] for row in rows]
    assert keys == computed  # a plan computes them here
    return keys


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, min_size=20, max_size=20))
def test_calls_share_a_key_if_and_only_if_they_are_the_same(session, calls):
    keys = keys_of(session, calls)
    assert len(set(keys)) == len({same(call) for call in calls})
    assert len(set(zip(keys, map(same, calls), strict=True))) == len(set(keys))


def test_the_order_of_parameters_means_nothing_and_that_of_a_schemas_properties_does(session):
    one, other = {"temperature": 0, "max_tokens": 5}, {"max_tokens": 5, "temperature": 0}
    ab, ba = {"properties": {"a": 1, "b": 2}}, {"properties": {"b": 2, "a": 1}}
    calls = [("ME", "m", one, ab, 0, "p"), ("ME", "m", other, ab, 0, "p"), ("ME", "m", one, ba, 0, "p")]
    first, second, third = keys_of(session, calls)
    assert first == second != third


def test_the_border_between_draw_and_prompt_is_seen(session):
    first, second = keys_of(session, [("ME", "m", {}, None, 1, "1 p"), ("ME", "m", {}, None, 11, " p")])
    assert first != second
