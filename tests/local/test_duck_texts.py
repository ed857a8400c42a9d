"""Values and names in DuckDB's SQL are what sqlglot would write, and come out as they went in."""

import duckdb
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from cortex_distill.local.duck import literal, quoted

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(_TEXTS)
def test_a_text_and_a_name_come_out_as_they_went_in(text):
    assert literal(text) == exp.Literal.string(text).sql("duckdb")
    assert quoted(text) == exp.to_identifier(text, quoted=True).sql("duckdb")
    with duckdb.connect() as duck:
        found = duck.execute(f"SELECT {literal(text)} AS {quoted(text)}")
        assert found.description[0][0] == text
        assert found.fetchall() == [(text,)]
