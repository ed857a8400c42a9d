"""AI_CLASSIFY, AI_FILTER, error helpers, PROMPT, token counts, and the argument rules of the completions."""

import json

import pytest
from snowflake.snowpark import functions as F
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.providers import Call, CallError
from cortex_distill.local.providers.simulated import SimulatedProvider

DETAILS = "return_error_details => TRUE"


def _says(provider, **answer):
    provider.reply = lambda call: json.dumps(answer)


@pytest.mark.parametrize(
    "categories",
    [
        "['travel', 'cooking']",
        "ARRAY_CONSTRUCT('travel', 'cooking')",
        'PARSE_JSON(\'["travel", "cooking"]\') :: ARRAY',
        "[{'label': 'travel', 'description': 'going places'}, {'label': 'cooking'}]",
    ],
)
def test_ai_classify_returns_the_label_of_the_list(one, provider, categories):
    _says(provider, label="travel")
    cell = one(f"SELECT AI_CLASSIFY('see the world', {categories}, {{'task_description': 'find the topic'}})")
    assert json.loads(cell) == {"labels": ["travel"]}
    (call,) = provider.calls
    assert call.model == "ai_classify-managed"
    assert call.schema["properties"]["label"]["enum"] == ["travel", "cooking"]
    assert "see the world" in call.messages[0]["content"] and "find the topic" in call.messages[0]["content"]


def test_ai_classify_in_multi_mode_returns_labels_once_each_in_the_order_offered(one, provider):
    _says(provider, labels=["c", "a", "c"])
    example = "{'input': 'i', 'labels': ['a', 'c'], 'explanation': 'because'}"
    config = f"{{'output_mode': 'multi', 'examples': [{example}]}}"
    assert json.loads(one(f"SELECT AI_CLASSIFY('x', ['a', 'b', 'c'], {config})")) == {"labels": ["a", "c"]}
    assert "because" in provider.calls[0].messages[0]["content"]


def test_the_categories_of_ai_classify_may_be_a_column(rows, provider):
    provider.reply = lambda call: json.dumps({"label": call.schema["properties"]["label"]["enum"][-1]})
    rows("CREATE TABLE c AS SELECT 'x' AS t, ['a', 'b'] AS classes UNION ALL SELECT 'y', ['d', 'e']")
    got = rows("SELECT t, AI_CLASSIFY(t, classes):labels[0]::STRING FROM c")
    assert sorted(got) == [("x", "b"), ("y", "e")]


@pytest.mark.parametrize(
    ("categories", "error"),
    [
        ("['a']", "at least two"),
        ("['a', 'a']", "at least two"),
        ("['a', {'label': 'b'}]", "array of strings"),
        ("[{'description': 'no label'}, {'label': 'b'}]", "label"),
        ("'a, b'", "array"),
    ],
)
def test_categories_that_are_none_are_an_error_of_the_row_without_a_call(one, provider, categories, error):
    assert one(f"SELECT AI_CLASSIFY('x', {categories})") is None
    cell = json.loads(one(f"SELECT AI_CLASSIFY('x', {categories}, {DETAILS})"))
    assert cell["value"] is None and error in cell["error"]
    assert provider.calls == []


@pytest.mark.parametrize("answer", ['{"label": "c"}', "a", "[]", '{"label": null}'])
def test_an_answer_that_is_not_on_the_list_is_never_returned(one, provider, answer):
    provider.reply = lambda call: answer
    assert one("SELECT AI_CLASSIFY('x', ['a', 'b'])") is None
    cell = json.loads(one("SELECT AI_CLASSIFY('x', ['a', 'b'], TRUE)"))
    assert cell["value"] is None and cell["error"]


def test_ai_classify_with_error_details_returns_value_and_error(one, provider):
    _says(provider, label="a")
    assert json.loads(one(f"SELECT AI_CLASSIFY('x', ['a', 'b'], {DETAILS})")) == {
        "value": {"labels": ["a"]},
        "error": None,
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("PARSE_JSON('{}') :: OBJECT", "is not a constant"),
        ("{'output_mode': 'many'}", "output_mode"),
        ("{'temperature': 1}", "unknown key"),
        ("{'examples': [{'input': 'x', 'labels': ['a']}]}", "explanation"),
        ("{'task_description': 3}", "task_description"),
    ],
)
def test_a_config_that_ai_classify_does_not_have_is_refused(rows, provider, config, message):
    with pytest.raises(SnowparkSQLException, match=message):
        rows(f"SELECT AI_CLASSIFY('x', ['a', 'b'], {config})")
    assert provider.calls == []


def test_classify_text_returns_one_label_and_fails_the_statement(rows, one, provider):
    _says(provider, label="b")
    assert one("SELECT SNOWFLAKE.CORTEX.CLASSIFY_TEXT('x', ['a', 'b']):label::STRING") == "b"
    with pytest.raises(SnowparkSQLException, match="at least two"):
        rows("SELECT SNOWFLAKE.CORTEX.CLASSIFY_TEXT('x', ['a'])")


def test_what_snowpark_emits_is_understood(session, provider):
    provider.reply = lambda call: '{"label": "a", "answer": true}' if call.schema else "said"
    frame = session.create_dataframe([["x"]], schema=["t"])
    (row,) = frame.select(
        F.ai_classify(F.col("t"), ["a", "b"], return_error_details=True, task_description="it's a task"),
        F.ai_filter(F.col("t"), return_error_details=True),
        F.ai_count_tokens("ai_complete", F.col("t"), model="llama3.1-8b", return_error_details=True),
        F.ai_complete("llama3.1-8b", F.prompt("say {0}", F.col("t"))),
    ).collect()
    assert [json.loads(cell) for cell in row[:3]] == [
        {"value": {"labels": ["a"]}, "error": None},
        {"value": True, "error": None},
        {"value": 1, "error": None},
    ]
    assert row[3] == "said"
    assert frame.filter(F.ai_filter(F.prompt("Is {0} fine?", F.col("t")))).count() == 1
    assert "Is x fine?" in provider.calls[-1].messages[0]["content"]


def test_ai_filter_keeps_the_rows_that_the_model_affirms(rows, provider):
    provider.reply = lambda call: json.dumps({"answer": "b" in call.messages[0]["content"].split("\n")[0]})
    statement = "SELECT $1 FROM VALUES ('a'), ('b'), (NULL) WHERE {}"
    assert rows(statement.format("AI_FILTER($1)")) == [("b",)]
    assert rows(statement.format("NOT AI_FILTER($1)")) == [("a",)]
    assert rows(statement.format("AI_FILTER(PROMPT('{0}!', $1))")) == [("b",)]
    assert rows(statement.format("AI_FILTER($1, TRUE):value::BOOLEAN")) == [("b",)]


def test_ai_filter_is_null_where_it_fails(rows, provider):
    provider.reply = lambda call: CallError("too long") if "a" in call.messages[0]["content"][:1] else "perhaps"
    assert rows("SELECT AI_FILTER('a'), AI_FILTER('b')") == [(None, None)]
    with pytest.raises(SnowparkSQLException, match="not supported by the local engine: AI_FILTER with a file"):
        rows("SELECT AI_FILTER('cat?', TO_FILE('@s', 'x.png'))")


def test_the_error_helpers_read_what_return_error_details_gave(rows, one, provider):
    provider.reply = lambda call: CallError("too long") if call.messages[0]["content"] == "bad" else "fine"
    call = "AI_COMPLETE(model => 'llama3.1-8b', prompt => '{}', return_error_details => TRUE)"
    good, bad = call.format("good"), call.format("bad")
    assert rows(f"SELECT AI_NULL_IF_ERROR({good})::STRING, AI_NULL_IF_ERROR({bad})") == [("fine", None)]
    assert one(f"SELECT AI_THROW_IF_ERROR({good})::STRING") == "fine"
    assert len(provider.calls) == 3
    with pytest.raises(SnowparkSQLException, match="too long"):
        rows(f"SELECT AI_THROW_IF_ERROR({bad})")


@pytest.mark.parametrize(
    ("arguments", "tokens"),
    [
        ("'ai_complete', 'llama3.1-8b', 'a b c'", 3),
        ("'ai_complete', 'llama3.1-8b', 'a b c', {'type': 'json'}", 5),
        ("'ai_complete', 'nope', 'a b c'", None),
        ("'ai_complete', 'llama3.1-8b', NULL", None),
        ("'ai_classify', 'x', ['a']", None),
    ],
)
def test_ai_count_tokens_counts_what_would_be_asked(one, provider, arguments, tokens):
    assert one(f"SELECT AI_COUNT_TOKENS({arguments})") == tokens
    assert provider.calls == []


def test_labels_and_descriptions_count_as_tokens(one):
    short = one("SELECT AI_COUNT_TOKENS('ai_classify', 'x', ['a', 'b'])")
    longer = "SELECT AI_COUNT_TOKENS('ai_classify', 'x', [{'label': 'a', 'description': 'two words'}, {'label': 'b'}])"
    assert one(longer) == short + 2


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ("{'temperature': 1.5}", "temperature"),
        ("{'temperature': '1'}", "temperature"),
        ("{'top_p': -0.1}", "top_p"),
        ("{'max_tokens': 0}", "max_tokens"),
        ("{'max_tokens': 2.5}", "max_tokens"),
        ("{'seed': 1}", "seed"),
    ],
)
def test_a_parameter_out_of_range_fails_the_row_or_with_complete_the_statement(rows, one, provider, parameters, error):
    call = f"AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', model_parameters => {parameters}"
    assert one(f"SELECT {call})") is None
    assert error in json.loads(one(f"SELECT {call}, {DETAILS})"))["error"]
    with pytest.raises(SnowparkSQLException, match=f"100351.*{error}"):
        rows(f"SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', 'p', {parameters})")
    assert one(f"SELECT SNOWFLAKE.CORTEX.TRY_COMPLETE('llama3.1-8b', 'p', {parameters})") is None
    assert provider.calls == []


def test_max_tokens_has_a_maximum_in_complete_only(rows, one):
    assert one("SELECT AI_COMPLETE('llama3.1-8b', 'p', {'max_tokens': 9000})") == "echo p"
    with pytest.raises(SnowparkSQLException, match="at most 8192"):
        rows("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', 'p', {'max_tokens': 9000})")


def test_guardrails_may_be_off_and_are_refused_if_on(rows, one):
    assert one("SELECT AI_COMPLETE('llama3.1-8b', 'p', {'guardrails': FALSE})") == "echo p"
    with pytest.raises(SnowparkSQLException, match="no Cortex Guard"):
        rows("SELECT AI_COMPLETE('llama3.1-8b', 'p', {'guardrails': TRUE})")


@pytest.mark.parametrize(
    ("roles", "fine"),
    [
        ("user", True),
        ("system user", True),
        ("user assistant user", True),
        ("user system", False),
        ("system system user", False),
        ("user user", False),
        ("assistant", False),
        ("user robot", False),
    ],
)
def test_complete_keeps_the_order_of_roles(rows, provider, roles, fine):
    history = ", ".join(f"{{'role': '{role}', 'content': 'x'}}" for role in roles.split())
    statement = f"SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', [{history}], {{}})"
    if fine:
        rows(statement)
        assert [message["role"] for message in provider.calls[0].messages] == roles.split()
    else:
        with pytest.raises(SnowparkSQLException, match=r"100351.*role"):
            rows(statement)
        assert provider.calls == []


def test_complete_without_options_takes_no_history(rows):
    with pytest.raises(SnowparkSQLException, match="must be a string"):
        rows("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', [{'role': 'user', 'content': 'x'}])")


def test_ai_complete_takes_messages_and_seven_arguments_in_order(one, provider):
    history = "[{'role': 'system', 'content': 's'}, {'role': 'user', 'content': 'u'}]"
    cell = one(f"SELECT AI_COMPLETE('llama3.1-8b', {history}, {{'temperature': 0}}, NULL, FALSE, NULL, TRUE)")
    assert json.loads(cell) == {"value": "echo u", "error": None}
    assert [message["role"] for message in provider.calls[0].messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("AI_COMPLETE('llama3.1-8b', 'p', {}, NULL, FALSE, 'mine')", "provisioned throughput"),
        ("AI_COMPLETE('llama3.1-8b', 'p', TO_FILE('@s', 'x.png'))", "with a file"),
        ("AI_COMPLETE(model => 'llama3.1-8b', predicate => 'p', file => f)", "with a file"),
        ("AI_COMPLETE(model => 'llama3.1-8b', prompt => PROMPT('{0}', 'x'), show_details => TRUE)", "PROMPT object"),
        ("AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', top => 1)", "argument 'top'"),
        ("AI_COMPLETE('llama3.1-8b')", "no prompt"),
        ("AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', show_details => 'yes')", "no BOOLEAN"),
        ("PROMPT('{0} and {1}', 'x')", "placeholder {1}"),
        ("AI_COMPLETE('llama3.1-8b', PROMPT('{0}', 5))", "unsupported argument type NUMBER"),
        ("AI_EMBED('e5-base-v2', 'x')", "no embedding model"),
        ("AI_SIMILARITY('x', 'y')", "no embedding model"),
        ("SNOWFLAKE.CORTEX.EMBED_TEXT_768('e5-base-v2', 'x')", "no embedding model"),
        ("AI_AGG('x', 'y')", "AI_AGG"),
        ("AI_SUMMARIZE_AGG('x')", "AI_SUMMARIZE_AGG"),
        ("AI_SENTIMENT('x')", "AI_SENTIMENT"),
        ("AI_TRANSLATE('x', 'en', 'de')", "AI_TRANSLATE"),
        ("AI_EXTRACT(text => 'x', responseFormat => {'a': 'b'})", "AI_EXTRACT"),
        ("SNOWFLAKE.CORTEX.TRANSLATE('x', 'en', 'de')", "TRANSLATE"),
        ("AI_COUNT_TOKENS('ai_sentiment', 'x')", "ai_sentiment"),
    ],
)
def test_what_is_not_there_is_refused_before_any_call(rows, provider, call, message):
    with pytest.raises(SnowparkSQLException, match=message):
        rows(f"SELECT {call}")
    assert provider.calls == []


def test_an_argument_of_prompt_is_not_read_as_a_template(one):
    assert one("SELECT AI_COMPLETE('llama3.1-8b', PROMPT('{0}-{1}', '{1}', 'b'))") == "echo {1}-b"


def test_a_type_literal_becomes_a_schema(one, provider):
    _says(provider, n=1)
    form = "TYPE OBJECT(n NUMBER, x NUMBER(9, 2), tags ARRAY(STRING), inner OBJECT(ok BOOLEAN, f FLOAT))"
    assert json.loads(one(f"SELECT AI_COMPLETE('llama3.1-8b', 'p', {{}}, {form})")) == {"n": 1}
    fields = provider.calls[0].schema["properties"]
    assert [fields[name]["type"] for name in ("n", "x", "tags", "inner")] == ["integer", "number", "array", "object"]
    assert fields["tags"]["items"] == {"type": "string"}
    assert {name: part["type"] for name, part in fields["inner"]["properties"].items()} == {
        "ok": "boolean",
        "f": "number",
    }


@pytest.mark.parametrize("kind", ["OBJECT(a DATE)", "OBJECT(a VARIANT)", "OBJECT(a MAP(VARCHAR, NUMBER))", "OBJECT()"])
def test_a_type_literal_without_a_json_twin_is_refused(rows, provider, kind):
    with pytest.raises(SnowparkSQLException):
        rows(f"SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', response_format => TYPE {kind})")
    assert provider.calls == []


def test_a_column_called_type_stays_one(rows):
    assert rows("SELECT type, 1 AS object FROM (SELECT 'x' AS type)") == [("x", 1)]


def test_openai_models_want_every_property_required(rows, provider):
    _says(provider, a="x")
    form = "{{'type': 'json', 'schema': {{'type': 'object', 'properties': {{'a': {{'type': 'string'}}}}{}}}}}"
    call = "SELECT AI_COMPLETE(model => '{}', prompt => 'p', response_format => {})"
    rows(call.format("llama3.1-8b", form.format("")))
    for lacking in ("", ", 'additionalProperties': FALSE", ", 'required': ['a']"):
        with pytest.raises(SnowparkSQLException, match="for OpenAI models"):
            rows(call.format("openai-gpt-5", form.format(lacking)))
    rows(call.format("openai-gpt-5", form.format(", 'additionalProperties': FALSE, 'required': ['a']")))
    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{'type': 'sting'}", "/properties/a/type sting should be one of"),
        ("{'$ref': '#/$defs/none'}", "Invalid ref"),
        ("{'$ref': 'http://example.com/x'}", "Invalid ref"),
        ("{'type': 'object', 'properties': 'x'}", "must be an object"),
    ],
)
def test_a_bad_schema_is_refused_with_its_place(rows, node, message):
    form = f"{{'type': 'json', 'schema': {{'type': 'object', 'properties': {{'a': {node}}}}}}}"
    with pytest.raises(SnowparkSQLException, match=message):
        rows(f"SELECT AI_COMPLETE(model => 'llama3.1-8b', prompt => 'p', response_format => {form})")


def test_the_simulated_provider_classifies_and_filters(one, rows, provider):
    simulated = SimulatedProvider()

    def reply(call: Call):
        (answer,) = simulated.complete([call])
        return answer if isinstance(answer, CallError) else answer.text

    provider.reply = reply
    labels = "['Roaming fees', 'Lost phone', 'Slow internet']"
    config = "{'task_description': 'Which team answers?'}"
    for text, label in [("my phone is lost or stolen", "Lost phone"), ("the internet is so slow", "Slow internet")]:
        assert json.loads(one(f"SELECT AI_CLASSIFY('{text}', {labels}, {config})")) == {"labels": [label]}
    multi = json.loads(one(f"SELECT AI_CLASSIFY('roaming fees', {labels}, {{'output_mode': 'multi'}})"))
    assert multi["labels"] == ["Roaming fees"]
    verdicts = {value for (value,) in rows("SELECT AI_FILTER('Is ' || $1 || ' even?') FROM VALUES (1), (2), (3), (4)")}
    assert verdicts == {True, False}
