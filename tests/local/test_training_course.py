"""Which epoch is taken, and what is kept of it."""

import pytest

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.training.course import Check, Course, checked, follow


class Script:
    """A learner whose losses are written down; it remembers what it was told."""

    def __init__(self, losses, checks):
        self.losses, self.checks, self.now, self.kept, self.saved = losses, checks, None, [], []

    def epoch(self, number, say):
        self.now = number
        say(0.5)
        return self.losses[number]

    def validate(self):
        return Check(*self.checks[self.now]) if self.checks else None

    def keep(self):
        self.kept.append(self.now)

    def save(self, course):
        self.saved.append((len(course.losses), course.taken))


@pytest.mark.parametrize(
    ("checks", "taken", "kept"),
    [
        ([(3.0, 0.5), (1.0, 0.5), (2.0, 5.0)], 2, [0, 1]),
        ([(3.0, 0.5), (1.0, 0.5), (1.4, 0.0)], 3, [0, 1, 2]),
        ([(1.0, 0.0), (1.0, 0.0), (2.0, 0.0)], 2, [0, 1]),
        ([(1.0, 0.1), (2.0, 0.1), (0.9, 0.0)], 3, [0, 2]),
        ([(3.0, 0.0), (2.0, 0.0), (1.0, 0.0)], 3, [0, 1, 2]),
        ([], 3, [0, 1, 2]),
    ],
)
def test_the_last_epoch_within_an_error_of_the_lowest_is_taken_and_without_validation_the_last(checks, taken, kept):
    course, learner = Course(3, 100), Script([9.0, 8.0, 7.0], checks)
    follow(course, learner, lambda now: None)
    result = course.result()
    assert (result["epoch_taken"], learner.kept) == (taken, kept)
    assert result["training_loss"] == [9.0, 8.0, 7.0][taken - 1]
    assert result["validation_loss"] == (checks[taken - 1][0] if checks else None)
    assert [done for done, _ in learner.saved] == [1, 2, 3]


def test_a_course_that_was_cut_off_trains_only_what_is_left():
    course, learner, said = (
        Course(3, 100, [9.0, 8.0], [[2.0, 0.5], [3.0, 0.5]]),
        Script([9.0, 8.0, 7.0], [(2.0, 0.5), (3.0, 0.5), (4.0, 0.5)]),
        [],
    )
    follow(course, learner, said.append)
    assert (learner.saved, learner.kept, course.taken) == ([(3, 1)], [], 1)
    assert [(now.share, now.training_loss, now.trained_tokens) for now in said] == [(0.875, 8.0, 250), (1, 7.0, 300)]


@pytest.mark.parametrize(
    ("losses", "checks"), [([1.0, float("nan")], []), ([1.0, 1.0], [(1.0, 0.0), (float("inf"), 0.0)])]
)
def test_a_loss_that_is_no_number_is_an_error(losses, checks):
    with pytest.raises(CallError, match="diverged: in epoch 2"):
        follow(Course(2, 1), Script(losses, checks), lambda now: None)


def test_a_check_is_the_mean_over_tokens_and_its_standard_error():
    assert checked([(2.0, 2), (2.0, 2)]) == (1.0, 0.0)
    loss, error = checked([(3.0, 2), (1.0, 2), (2.0, 2)])
    assert (loss, error) == (1.0, pytest.approx(0.5 / 3**0.5))  # of 1.5, 0.5 and 1.0: 0.5 / √3
    assert checked([(4.0, 2)]) == (2.0, 0.0)
