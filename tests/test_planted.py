"""Planted repeats and leaks are found, and next to nothing else: a small version of benchmarks/planted.py."""

import pytest

from benchmarks.planted import leaks, own_tickets, repeats

FOUND = ["nothing", "case, blanks, marks at the ends", "marks inside"]


def test_copies_that_differ_in_case_blanks_and_marks_are_all_found_as_repeats(session):
    lines = list(repeats(session, own_tickets()[:40], FOUND[1:]))
    assert [(line.found, line.right) for line in lines] == [(40, 40)] * 2


def test_copies_with_one_changed_word_never_stand_in_two_shares(session):
    [line] = repeats(session, own_tickets()[:40], ["one word changed"])
    assert line.found == line.right
    assert line.beside is not None
    assert line.beside >= 39


@pytest.mark.parametrize("kind", FOUND[:2])
def test_copies_of_holdout_rows_are_all_found_as_leaks(session, kind):
    [line] = leaks(session, own_tickets()[:40], [kind])
    assert (line.planted, line.found, line.right) == (20, 20, 20)
