"""Combinations of attributes: different as long as there are new ones, and even after any number of calls."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.combinations import Combinations

sizes = st.lists(st.integers(1, 5), max_size=4)


def varied(sizes):
    return {f"a{place}": [f"{place}-{n}" for n in range(size)] for place, size in enumerate(sizes)}


@given(sizes, st.text(max_size=5))
def test_every_combination_comes_before_one_comes_again(sizes, category):
    combinations = Combinations(varied(sizes), category)
    assert len({tuple(combinations.of(call).items()) for call in range(combinations.number)}) == combinations.number


@given(sizes, st.integers(1, 300))
def test_combinations_are_even_to_one_after_any_number_of_calls(sizes, calls):
    combinations = Combinations(varied(sizes), "x")
    seen = Counter(tuple(combinations.of(call).items()) for call in range(calls))
    assert max(seen.values()) - (min(seen.values()) if len(seen) == combinations.number else 0) <= 1


@given(sizes, st.integers(1, 300))
def test_the_values_of_each_attribute_are_even_to_one_after_any_number_of_calls(sizes, calls):
    vary = varied(sizes)
    combinations = Combinations(vary, "x")
    for name, texts in vary.items():
        seen = Counter(combinations.of(call)[name] for call in range(calls))
        assert max(seen[text] for text in texts) - min(seen[text] for text in texts) <= 1


@given(sizes, st.integers(0, 10**9))
def test_the_same_call_has_the_same_combination(sizes, call):
    assert Combinations(varied(sizes), "x").of(call) == Combinations(varied(sizes), "x").of(call)


def test_ten_thousand_million_combinations_are_not_listed():
    combinations = Combinations(varied([10] * 10), "x")
    assert combinations.number == 10**10
    assert combinations.of(10**10 - 1) != combinations.of(0) == combinations.of(10**10)
