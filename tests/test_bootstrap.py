"""The paired bootstrap of macro F1."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cortex_distill.bootstrap import DRAWS, SEED, f1_difference
from cortex_distill.metrics import macro_f1

CATEGORIES = ["a", "b", "c"]
CELLS = {("a", "a", "a"): 30, ("a", "b", "a"): 9, ("b", "b", "b"): 25, ("b", "b", ""): 6, ("c", "c", "a"): 8,
         ("c", "", "c"): 4, ("c", "c", "c"): 18}  # fmt: skip


def side(cells, place):
    confusion = {}
    for key, rows in cells.items():
        confusion[key[0], key[place]] = confusion.get((key[0], key[place]), 0) + rows
    return confusion


def test_the_difference_is_that_of_the_two_macro_f1():
    expected = macro_f1(side(CELLS, 1), CATEGORIES) - macro_f1(side(CELLS, 2), CATEGORIES)
    assert f1_difference(CELLS, CATEGORIES).value == pytest.approx(expected, abs=1e-9)


def test_the_interval_agrees_with_scikit_learn_on_the_same_draws():
    counts = np.array(list(CELLS.values()))
    draws = np.random.default_rng(SEED).multinomial(counts.sum(), counts / counts.sum(), size=DRAWS)[:300]
    truth, first, second = ([key[place] for key in CELLS] for place in range(3))
    scores = [
        f1_score(truth, first, labels=CATEGORIES, average="macro", sample_weight=draw, zero_division=0)
        - f1_score(truth, second, labels=CATEGORIES, average="macro", sample_weight=draw, zero_division=0)
        for draw in draws
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortex_distill.bootstrap.DRAWS", 300)
        found = f1_difference(CELLS, CATEGORIES)
    assert found.interval == pytest.approx(np.percentile(scores, (2.5, 97.5)), abs=1e-9)


def test_the_same_answers_do_not_differ():
    same = {("a", "a", "a"): 5, ("b", "a", "a"): 5}
    assert f1_difference(same, ["a", "b"]) == (0.0, (0.0, 0.0))


def test_rows_of_one_call_widen_the_interval():
    plain, wide = f1_difference(CELLS, CATEGORIES), f1_difference(CELLS, CATEGORIES, design_effect=4)
    assert wide.interval.high - wide.interval.low > 1.5 * (plain.interval.high - plain.interval.low)
