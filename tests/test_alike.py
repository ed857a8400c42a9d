"""Likeness: the SQL finds exactly the pairs that comparing everything with everything finds."""

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill import alike
from cortex_distill.alike import alike_sql, similarity
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.upload import upload

WORDS = ["my", "phone", "was", "stolen", "Refund!", "now", "please", "…", "日本語", "😀", "שלום", "it's"]
sentences = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def put(session, texts):
    execute(session, Sql("CREATE OR REPLACE TEMPORARY TABLE X (n NUMBER, side NUMBER, request STRING)"))
    upload(session, "X", ["n", "side", "request"], [(n, n % 2, text) for n, text in enumerate(texts, start=1)])


def found(session, texts, least, across=False):
    put(session, texts)
    for statement in alike_sql("T", Sql("SELECT n, side, request FROM X"), least, across):
        execute(session, statement)
    return {(int(a), int(b)): alike for a, b, alike in execute(session, Sql("SELECT a, b, similarity FROM T_ALIKE"))}


def expected(texts, least, across=False):
    pairs = combinations(enumerate(texts, start=1), 2)
    each = {(a, b): similarity(one, other) for (a, one), (b, other) in pairs if not across or (a + b) % 2}
    return {pair: alike for pair, alike in each.items() if alike >= least - 1e-9}


@given(texts=st.lists(sentences, min_size=2, max_size=25), least=st.sampled_from([0.3, 0.5, 0.6, 2 / 3, 0.8, 1.0]))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_pair_is_missed_and_none_is_made_up(session, texts, least):
    assert found(session, texts, least) == expected(texts, least)


def test_across_sides_only_pairs_of_both_sides_count(session):
    texts = ["my phone was stolen", "my phone was lost", "my phone was stolen", "my phone was stolen now"]
    assert found(session, texts, 0.6, across=True) == expected(texts, 0.6, across=True)
    assert (1, 3) not in expected(texts, 0.6, across=True)


def test_a_text_of_a_megabyte_and_texts_without_words_are_compared_like_all_others(session):
    long = " ".join(f"word{n}" for n in range(120_000))
    assert len(long) > 1_000_000
    texts = [long, "", "?!", "…", f"end {long}", "one"]
    assert found(session, texts, 0.8) == {(1, 5): similarity(long, f"end {long}")}


def test_crowds_are_compared_by_length_and_counted(session, monkeypatch):
    monkeypatch.setattr(alike, "CROWD", 5)
    texts = [f"the same beginning {n}" for n in range(40)]
    kept = found(session, texts, 0.5)
    assert kept.items() <= expected(texts, 0.5).items()
    assert len(kept) < len(expected(texts, 0.5))
    assert execute(session, Sql("SELECT COUNT(*) FROM T_CROWDED"))[0][0] == 40


def test_one_changed_word_of_eighteen_leaves_texts_alike_at_0_8():
    text = [f"w{n}" for n in range(18)]
    assert similarity(" ".join(text), " ".join([*text[:7], "other", *text[8:]])) >= 0.8
    assert similarity(" ".join(text[1:]), " ".join([*text[1:7], "other", *text[8:]])) < 0.8


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1.00"), (0.8, "0.80"), (0.999, "0.99"), (0.05, "0.05"), (0.29, "0.29")]
)
def test_a_similarity_is_shown_with_two_digits_rounded_down(session, value, shown):
    assert execute(session, Sql(f"SELECT {alike.shown_sql('?::FLOAT')}", (value, value)))[0][0] == shown
