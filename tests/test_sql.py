"""sql.py: text that becomes SQL stays text."""

import json

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import expressions as exp

from cortex_distill.errors import ConfigError
from cortex_distill.sql import Sql, bind, call, identifier, join, literal, object_literal, qualified, variant

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOSTILE = [
    "'",
    "''",
    "\\",
    "\\'",
    "' OR 1=1 --",
    "$$; DROP TABLE t; $$",
    "{{ 7*7 }}",
    "?",
    "%s",
    ":1",
    "a\nb\r\n",
    "\u2028",
]


def value_of(text):
    """What a SQL parser makes of a constant."""
    return python(sqlglot.parse_one(f"SELECT {text}", read="snowflake").expressions[0])


def python(node):
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return node.this
        case exp.Neg():
            return -python(node.this)
        case exp.Literal():
            return node.this if node.is_string else float(node.this)
        case exp.Identifier():
            return node.this  # a key
        case exp.Array():
            return [python(item) for item in node.expressions]
        case exp.Struct():
            return {python(pair.this): python(pair.expression) for pair in node.expressions}
    raise AssertionError(repr(node))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_constant(text):
    assert value_of(literal(text)) == text


@given(TEXT)
def test_any_text_survives_being_a_constant(text):
    assert value_of(literal(text)) == text


@given(TEXT)
def test_a_constant_never_ends_early(text):
    inside = literal(text)[1:-1]
    assert "'" not in inside.replace("\\\\", "").replace("''", "")
    assert "\\" not in inside.replace("\\\\", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "NULL"), (True, "TRUE"), (False, "FALSE"), (1, "1"), (-3, "-3"), (0.8, "0.8"), (1e-7, "1e-07"), ("", "''")],
)
def test_constants_are_written_plainly(value, text):
    assert literal(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**38, -(10**38), "\ud800"])
def test_what_sql_cannot_hold_is_refused(value):
    with pytest.raises(ValueError):
        literal(value)


@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, object(), 1j])
def test_other_types_have_no_constant(value):
    with pytest.raises(TypeError, match="no SQL constant for"):
        literal(value)


NUMBERS = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_any_json_survives_being_an_object_constant(value):
    assert value_of(object_literal(value)) == value


def test_a_response_format_is_written_as_a_constant():
    shape = {"type": "json", "schema": {"required": ["valid"], "additionalProperties": False}}
    assert object_literal(shape) == (
        "{'type': 'json', 'schema': {'required': ['valid'], 'additionalProperties': FALSE}}"
    )


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {1}}, b"x"])
def test_an_object_constant_is_json_only(value):
    with pytest.raises(TypeError):
        object_literal(value)


@pytest.mark.parametrize("name", ["tickets", "_t1", "DB.SCHEMA.NAME", "a$b"])
def test_plain_names_pass_unchanged(name):
    assert identifier(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a b", 'a"b', "a;b", "a.b.c.d", "a.", ".a", "a\n", "é", "a--", "a'b", "t" * 256, "a.b;drop table t"],
)
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="is not a plain name"):
        identifier(name)


def test_a_name_is_built_from_its_parts():
    assert qualified("db", "schema", "tickets") == "db.schema.tickets"


def test_a_part_cannot_smuggle_sql():
    with pytest.raises(ConfigError):
        qualified("db", "x; drop table y")


def test_binds_keep_their_order():
    parts = [Sql("a = ?", (1,)), Sql("b"), bind("x")]
    assert join(parts, " AND ") == Sql("a = ? AND b AND ?", (1, "x"))
    assert join([], ", ") == Sql("", ())


def test_a_call_carries_its_binds():
    assert call("CONCAT", bind("a"), Sql("b")) == Sql("CONCAT(?, b)", ("a",))


def test_a_call_needs_a_plain_function_name():
    with pytest.raises(ConfigError):
        call("f(); drop", bind(1))


def test_a_variant_is_bound_json():
    sql = variant({"a": "é'", "b": [1, None]})
    assert sql.text == "PARSE_JSON(?)"
    assert json.loads(str(sql.binds[0])) == {"a": "é'", "b": [1, None]}


def test_a_variant_refuses_nan():
    with pytest.raises(ValueError):
        variant({"a": float("nan")})
