"""What several asks came to, together."""

from cortex_distill.asking import Asked, per_model


def _asked(step, model, made, seconds=1.0):
    return Asked(step, model, 10, made, 1, 100, 20, seconds, f"REPLIES_{made}")


def test_the_prompts_of_a_step_and_a_model_are_one_line():
    calls = [
        _asked("judge", "a", 1),
        _asked("evaluate", "a", 2),
        _asked("evaluate", "b", 3),
        _asked("evaluate", "a", 4),
    ]
    lines = per_model(calls)
    assert [(one.step, one.model, one.rows, one.made, one.failed, one.seconds) for one in lines] == [
        ("judge", "a", 10, 1, 1, 1.0),
        ("evaluate", "a", 20, 6, 2, 2.0),
        ("evaluate", "b", 10, 3, 1, 1.0),
    ]
    assert per_model([]) == []
