"""The Cortex functions: return shapes, errors, and exactly one provider call per row."""

import json

import pytest
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.providers import CallError

COMPLETE = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', p)"


@pytest.fixture
def prompts(rows):
    values = ", ".join(f"({n}, 'prompt {n}')" for n in range(10))
    rows("CREATE TABLE t (n NUMBER, p STRING)")
    rows(f"INSERT INTO t VALUES {values}")


@pytest.mark.parametrize(
    "twice", ["SPLIT_PART({}, ' ', 1)", "DECODE({}, 'a', 1, 'b', 2)", "DIV0(LENGTH({}), 2)", "DIV0(2, LENGTH({}))"]
)
def test_a_statement_that_would_call_twice_per_row_is_refused_before_any_call(rows, prompts, provider, twice):
    with pytest.raises(SnowparkSQLException, match="more than once per row"):
        rows(f"SELECT {twice.format(COMPLETE)} AS c FROM t")
    assert provider.calls == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("NULLIF({}, 'echo a')", None),
        ("NULLIF({}, 'x')", "echo a"),
        ("{} IN ('x', 'echo a')", True),
        ("{} NOT IN ('x', 'y')", True),
        ("GREATEST({}, 'zzz')", "zzz"),
        ("LEAST('zzz', {})", "echo a"),
        ("CASE {} WHEN 'x' THEN 1 WHEN 'echo a' THEN 2 END", 2),
        ("ARRAY_SIZE(PARSE_JSON('[' || LENGTH({}) || ']'))", 1),
    ],
)
def test_a_call_as_operand_gives_the_right_value_with_one_call(one, provider, expression, expected):
    statement = "SELECT " + expression.format("AI_COMPLETE('llama3.1-8b', 'a')")
    assert one(statement) == expected
    assert len(provider.calls) == 1


def test_a_null_prompt_is_null_without_a_call(rows, provider):
    assert rows("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', NULL), AI_COMPLETE('llama3.1-8b', NULL::STRING)") == [
        (None, None)
    ]
    assert provider.calls == []


def test_complete_with_options_takes_a_history_and_returns_details(one, provider):
    cell = one("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', [{'role': 'system', 'content': 's'},"
               " {'role': 'user', 'content': ?}], {'temperature': 0.5, 'max_tokens': 9})", "it's")  # fmt: skip
    details = json.loads(cell)
    assert details["choices"] == [{"messages": "echo it's"}]
    assert details["model"] == "fake:echo"
    assert details["usage"] == {"completion_tokens": 2, "prompt_tokens": 3, "total_tokens": 5}
    assert provider.calls[0].parameters == {"temperature": 0.5, "max_tokens": 9}
    assert [m["role"] for m in provider.calls[0].messages] == ["system", "user"]


SCHEMA = "{'type': 'json', 'schema': {'type': 'object', 'properties': {'a': {'type': 'string'}}, 'required': ['a']}}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "{}"),
        (", response_format => " + SCHEMA, {"a": "x"}),
        (", show_details => TRUE", "choices"),
        (", show_details => TRUE, response_format => " + SCHEMA, "structured_output"),
        (", return_error_details => TRUE", {"value": '{"a": "x"}', "error": None}),
        (", response_format => " + SCHEMA + ", return_error_details => TRUE", {"value": {"a": "x"}, "error": None}),
    ],
)
def test_ai_complete_returns_the_documented_shape(one, provider, arguments, expected):
    provider.reply = lambda call: '{"a": "x"}'
    cell = json.loads(one(f"SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p'{arguments})"))
    if expected == "choices":
        assert cell["choices"] == [{"messages": '{"a": "x"}'}]
    elif expected == "structured_output":
        assert cell["structured_output"] == [{"raw_message": {"a": "x"}, "type": "json"}]
        assert cell["model"] == "fake:echo"
    else:
        assert cell == ({"a": "x"} if expected == "{}" else expected)


def test_the_schema_reaches_the_provider_with_its_spelling(one, provider):
    provider.reply = lambda call: '{"a": "x"}'
    one(f"SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', response_format => {SCHEMA})")
    assert provider.calls[0].schema == {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{'schema': {'type': 'object'}}", "provide a type"),
        ("{'type': 'json'}", "provide a schema"),
        ("{'type': 'json', 'schema': {'type': 'array'}}", "top level"),
        (
            "{'type': 'json', 'schema': {'type': 'object', 'properties': {'a': {'type': 'array', 'minItems': 2}}}}",
            "minItems",
        ),
        ("{'type': 'json', 'schema': {'type': 'object', 'properties': {'a b': {'type': 'string'}}}}", "a b"),
    ],
)
def test_a_response_format_that_cortex_refuses_is_refused(rows, provider, form, message):
    with pytest.raises(SnowparkSQLException, match=message):
        rows(f"SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', response_format => {form})")
    assert provider.calls == []


def test_a_failing_row_of_ai_complete_is_null_and_spoils_no_other(rows, prompts, provider):
    provider.reply = lambda call: CallError("too long") if "prompt 3" in call.messages[0]["content"] else "fine"
    got = dict(rows("SELECT n, AI_COMPLETE('llama3.1-8b', p) FROM t"))
    assert got[3] is None and got[4] == "fine"
    (cell,) = rows(
        "SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => p, return_error_details => TRUE) FROM t WHERE n = 3"
    )[0]
    assert json.loads(cell) == {"value": None, "error": "too long"}
    assert rows("SELECT SNOWFLAKE.CORTEX.TRY_COMPLETE('llama3.1-8b', p) FROM t WHERE n = 3") == [(None,)]


def test_a_failing_row_of_complete_fails_the_statement(rows, prompts, provider):
    provider.reply = lambda call: CallError("too long")
    with pytest.raises(SnowparkSQLException, match=r"100351.*P0000.*too long"):
        rows(f"SELECT {COMPLETE} FROM t")


@pytest.mark.parametrize("call", ["SNOWFLAKE.CORTEX.COMPLETE('nope', 'x')", "AI_COMPLETE('nope', 'x')"])
def test_an_unknown_model_fails_the_statement(rows, call):
    with pytest.raises(SnowparkSQLException, match=r"100351.*400.*unknown model \\\"nope\\\""):
        rows(f"SELECT {call}")


def test_a_settings_argument_must_be_constant(rows, prompts):
    with pytest.raises(SnowparkSQLException, match="is not a constant"):
        rows("SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => p, model_parameters => {'temperature': n}) FROM t")


def test_tokens_are_counted_by_the_provider(rows):
    ai = "AI_COUNT_TOKENS('ai_complete', 'llama3.1-8b', 'a b c'), AI_COUNT_TOKENS('ai_complete', 'nope', 'x')"
    assert rows(f"SELECT {ai}, SNOWFLAKE.CORTEX.COUNT_TOKENS('llama3.1-8b', 'a b')") == [(3, None, 2)]


def test_a_prompt_object_is_filled_in(one):
    assert one("SELECT AI_COMPLETE('llama3.1-8b', PROMPT('Hi {0}, {1}', 'you', 'bye'))") == "echo Hi you, bye"


def test_other_cortex_functions_say_that_they_are_not_supported(rows):
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
        rows("SELECT SNOWFLAKE.CORTEX.SUMMARIZE('x')")


def test_text_of_any_kind_reaches_the_model_unchanged(one, provider):
    text = "q' \" \\ \\n $$ {{ 7*7 }} ? :1 \n\t emoji 😀 -- /* */ ; SELECT"
    assert (
        one("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', CONCAT(?, ' | ', ?))", text, text)
        == f"echo {text} | {text}"
    )
    assert provider.calls[0].messages == [{"role": "user", "content": f"{text} | {text}"}]
