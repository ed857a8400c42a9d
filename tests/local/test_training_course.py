"""Which epoch is taken, and what is kept of it."""

import pytest

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.training.course import Course, follow


class Script:
    """A learner whose losses are written down; it remembers what it was told."""

    def __init__(self, losses, checks):
        self.losses, self.checks, self.now, self.kept, self.saved = losses, checks, None, [], []

    def epoch(self, number, say):
        self.now = number
        say(0.5)
        return self.losses[number]

    def validate(self):
        return self.checks[self.now] if self.checks else None

    def keep(self):
        self.kept.append(self.now)

    def save(self, course):
        self.saved.append((len(course.losses), course.taken))


@pytest.mark.parametrize(
    ("checks", "taken", "kept"),
    [
        ([3.0, 1.0, 2.0], 2, [0, 1]),
        ([1.0, 1.0, 2.0], 1, [0]),
        ([3.0, 2.0, 1.0], 3, [0, 1, 2]),
        ([], 3, [0, 1, 2]),
    ],
)
def test_the_lowest_validation_loss_is_taken_the_earlier_of_two_and_without_one_the_last_epoch(checks, taken, kept):
    course, learner = Course(3, 100), Script([9.0, 8.0, 7.0], checks)
    follow(course, learner, lambda now: None)
    result = course.result()
    assert (result["epoch_taken"], learner.kept) == (taken, kept)
    assert result["training_loss"] == [9.0, 8.0, 7.0][taken - 1]
    assert result["validation_loss"] == (checks[taken - 1] if checks else None)
    assert [done for done, _ in learner.saved] == [1, 2, 3]


def test_a_course_that_was_cut_off_trains_only_what_is_left():
    course, learner, said = Course(3, 100, [9.0, 8.0], [2.0, 3.0]), Script([9.0, 8.0, 7.0], [2.0, 3.0, 4.0]), []
    follow(course, learner, said.append)
    assert (learner.saved, learner.kept, course.taken) == ([(3, 1)], [], 1)
    assert [(now.share, now.training_loss, now.trained_tokens) for now in said] == [(0.875, 8.0, 250), (1, 7.0, 300)]


@pytest.mark.parametrize(("losses", "checks"), [([1.0, float("nan")], []), ([1.0, 1.0], [1.0, float("inf")])])
def test_a_loss_that_is_no_number_is_an_error(losses, checks):
    with pytest.raises(CallError, match="diverged: in epoch 2"):
        follow(Course(2, 1), Script(losses, checks), lambda now: None)
