"""Prices: dated, replaceable, and never made up."""

import pytest

from cortex_distill import prices
from cortex_distill.errors import SetupError

MINE = """
lists:
  - date: "2026-10-01"
    source: our contract
    models:
      llama3.3-70b: {input: 2, output: 10, training: 5}
  - date: "2026-11-01"
    source: an amendment
    models:
      llama3.3-70b: {input: 1, output: 4}
"""


@pytest.fixture
def price_file(tmp_path, monkeypatch):
    """Puts a price file into $DISTILL_PRICES."""

    def write(text):
        path = tmp_path / "prices.yaml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv(prices.VARIABLE, str(path))
        prices._read.cache_clear()
        return path

    yield write
    prices._read.cache_clear()


def test_a_model_without_a_price_has_none_and_not_zero():
    assert prices.price("qwen3-32b") is None
    assert prices.credits("qwen3-32b", "qwen3-32b", 1_000_000) is None
    assert prices.expected("qwen3-32b", 1_000_000, 5) is None


def test_every_price_of_the_package_has_a_date_and_a_source():
    lists = prices.price_file().lists
    assert all(one.date and one.source and one.models for one in lists)
    assert prices.prices_of("llama3.1-8b") == f"2024: {lists[0].source}"


def test_nobody_knows_what_training_costs():
    assert all(rates.training is None for one in prices.price_file().lists for rates in one.models.values())


def test_a_stand_in_costs_nothing_and_yet_the_plan_says_what_cortex_would():
    assert prices.credits("llama3.1-8b", "gguf:SmolLM2", 1_000_000) is None
    assert prices.expected("llama3.1-8b", 1_000_000, 0) == 0.19


def test_prompts_and_replies_have_prices_of_their_own():
    assert prices.credits("claude-4-sonnet", "claude-4-sonnet", 1_000_000, 1_000_000) == 18.0


def test_a_sum_of_both_counts_at_the_dearer_price():
    assert prices.credits("claude-4-sonnet", "claude-4-sonnet", 1_000_000) == 15.0


def test_a_file_of_ones_own_counts_and_its_last_list_wins(price_file):
    price_file(MINE)
    assert prices.price("llama3.3-70b") == prices.Price(
        input=1, output=4, training=None, date="2026-11-01", source="an amendment"
    )
    assert prices.price("llama3.1-8b") is None
    assert prices.dollars(3) is None


def test_dollars_are_shown_where_the_file_says_what_a_credit_costs(price_file):
    price_file(MINE + "dollars_per_credit: 2.2\n")
    assert prices.dollars(10) == 22


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lists: [{date: '2026', source: s, models: {m: {input: -1, output: 1}}}]", "lists.0.models.m.input"),
        ("lists: [{date: '2026', source: s, models: {m: {input: 1}}}]", "lists.0.models.m.output"),
        ("lists: [{source: s, models: {}}]", "lists.0.date"),
        ("lists: [{date: '2026', source: s, models: {m: {input: 1, output: .nan}}}]", "lists.0.models.m.output"),
        ("lists: []", "lists"),
        ("a: [", "cannot be read"),
        ("", "the file"),
    ],
)
def test_a_wrong_price_file_is_refused_with_the_place(price_file, text, said):
    path = price_file(text)
    with pytest.raises(SetupError) as refused:
        prices.price("m")
    assert str(path) in str(refused.value) and said in str(refused.value) and prices.VARIABLE in str(refused.value)


def test_a_price_file_that_is_not_there_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(prices.VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(SetupError, match=r"none\.yaml: the price file cannot be read"):
        prices.price("m")
