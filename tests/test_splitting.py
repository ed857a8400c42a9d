"""Splitting in plain Python: shares that are met, groups that stay whole, the same for every order of the rows."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_distill.splitting import Ticket, cuts, order_of, split

SHARES = [(0.8, 0.2, 0.0), (0.5, 0.25, 0.25), (0.6, 0.2, 0.2), (0.34, 0.33, 0.33), (0.9, 0.05, 0.05), (0.1, 0.1, 0.8)]
labels = st.sampled_from(["Refund", "Late", "It's 'new'"])
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def tickets(draw, groups=True):
    rows = draw(st.lists(st.tuples(labels, texts, st.integers(0, 9)), min_size=1, max_size=40))
    return [
        Ticket(f"t{place}", label, text, f"g{group}" if groups and group < 5 else None)
        for place, (label, text, group) in enumerate(rows)
    ]


def counted(rows, shares):
    found = defaultdict(Counter)
    for row in rows:
        found[row.category][shares[row.ticket_id]] += 1
    return found


@given(rows=tickets(groups=False), asked=st.sampled_from(SHARES))
def test_without_groups_each_share_is_met_to_one_ticket_unless_it_would_be_empty(rows, asked):
    for found in counted(rows, split(rows, *asked)).values():
        n = found.total()
        least = n * asked[0] >= 1 and n * asked[1] >= 1
        for name, share in zip(("train", "validation", "test"), asked, strict=True):
            assert abs(found[name] - n * share) <= (1 if least else 2)
        assert found["train"] >= 1
        assert found["validation"] >= (1 if n > 1 else 0)


@given(rows=tickets(), asked=st.sampled_from(SHARES))
def test_groups_are_never_split_and_every_category_has_a_ticket_to_train_on(rows, asked):
    shares = split(rows, *asked)
    for name in {row.together for row in rows if row.together}:
        assert len({shares[row.ticket_id] for row in rows if row.together == name}) == 1
    assert all(found["train"] for found in counted(rows, shares).values())


@given(rows=tickets(), asked=st.sampled_from(SHARES), random=st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, asked, random):
    again = random.sample(rows, len(rows))
    assert split(again, *asked) == split(rows, *asked)


@given(n=st.integers(1, 5000), asked=st.sampled_from(SHARES))
def test_cuts_are_within_one_row_of_the_shares(n, asked):
    train, until = cuts(n, *asked)
    assert train >= 1
    assert n == 1 or until > train
    if n * asked[0] >= 1 and n * asked[1] >= 1:
        parts = (train, until - train, n - until)
        assert all(abs(part - n * share) <= 1 for part, share in zip(parts, asked, strict=True))


@pytest.mark.parametrize("same", ["REFUND   please", " Refund please. ", "«refund\tplease»"])
def test_case_blanks_and_marks_do_not_move_a_ticket(same):
    assert order_of(same) == order_of("refund please")
