"""Grammars made from JSON schemas: what they begin with, and which numbers they allow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.grammar import compile_schema
from cortex_distill.local.providers.gguf.integers import integer_rule

TICKET = {"type": "object", "properties": {"scenario": {"type": "string"}, "request": {"type": "string"}}}


def as_pattern(rule):
    """A GBNF rule made of literals, groups, classes and counts, read as a regular expression."""
    return re.compile(rule.replace(" ", "").replace('"', ""))


@given(st.integers(-20_000, 20_000), st.integers(0, 30_000))
def test_every_integer_in_the_range_is_allowed_and_no_neighbour(low, span):
    high = low + span
    pattern = as_pattern(integer_rule(low, high))
    for number in {low, high, (low + high) // 2, min(high, low + 1), max(low, high - 1)}:
        assert pattern.fullmatch(str(number))
    for number in (low - 1, high + 1):
        assert not pattern.fullmatch(str(number))
    assert not pattern.fullmatch(f"0{high}")


def test_an_open_bound_is_a_far_one():
    pattern = as_pattern(integer_rule(None, None))
    assert pattern.fullmatch("-999999") and pattern.fullmatch("0") and pattern.fullmatch("999999")
    assert not pattern.fullmatch("1000000") and not pattern.fullmatch("-0")


def test_a_fractional_bound_is_rounded_into_the_range():
    pattern = as_pattern(integer_rule(0.5, 2.5))
    assert [number for number in range(-3, 6) if pattern.fullmatch(str(number))] == [1, 2]


def test_the_reply_begins_as_every_valid_reply_does():
    assert compile_schema(TICKET).opening == '{"scenario": "'
    assert compile_schema({"type": "object", "properties": {"list": {"type": "array", "items": TICKET}}}).opening == (
        '{"list": [{"scenario": "'
    )


def test_the_space_before_a_number_is_left_to_the_model():
    schema = {"type": "object", "properties": {"valid": {"type": "integer", "minimum": 1, "maximum": 5}}}
    grammar = compile_schema(schema)
    assert grammar.opening == '{"valid":'
    assert grammar.rules.startswith('root ::= " " (')


def test_a_label_list_allows_its_labels_only():
    grammar = compile_schema({"type": "object", "properties": {"label": {"type": "string", "enum": ['a "b"', "c\\d"]}}})
    assert grammar.opening == '{"label": "'
    assert r'("a \\\"b\\\"" | "c\\\\d")' in grammar.rules


def test_definitions_are_followed():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"enum": ["x"]}}}
    assert compile_schema(schema).opening == '{"a": "'


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object"}, "needs properties"),
        ({"type": "array"}, "needs items"),
        ({"type": "date"}, "unknown type 'date'"),
        ({"enum": []}, "enum needs values"),
        ({"$ref": "#/$defs/none"}, "not in $defs"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "levels deep"),
    ],
)
def test_a_schema_that_cannot_be_read_says_why(schema, reason):
    with pytest.raises(CallError, match=r"400 input schema validation error") as caught:
        compile_schema(schema)
    assert reason in str(caught.value)
