"""How many models stay loaded, and which one goes."""

from pathlib import Path

import pytest

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf import pool
from cortex_distill.local.providers.gguf.pool import MAX_LOADED, EnginePool


class FakeEngine:
    """Remembers whether it was closed."""

    def __init__(self, weights):
        self.weights, self.open = weights, True

    def close(self):
        self.open = False


@pytest.fixture
def engines(monkeypatch):
    opened: list[FakeEngine] = []

    def load(weights):
        opened.append(FakeEngine(weights))
        return opened[-1]

    monkeypatch.setattr(pool, "_open", load)
    return opened


def use(models, name):
    with models.lease(Path(name)):
        pass


def test_the_model_unused_for_longest_is_freed(engines):
    models = EnginePool()
    for name in ("a", "b", "c", "a", "d"):
        use(models, name)
    assert [(engine.weights.name, engine.open) for engine in engines] == [
        ("a", True), ("b", False), ("c", True), ("d", True),
    ]  # fmt: skip


def test_a_model_in_use_is_never_freed(engines):
    models = EnginePool()
    with models.lease(Path("a")) as engine:
        for number in range(MAX_LOADED + 2):
            use(models, str(number))
        assert engine.open


def test_closing_frees_what_is_idle_now_and_what_is_in_use_at_its_end(engines):
    models = EnginePool()
    use(models, "a")
    with models.lease(Path("b")) as engine:
        models.close()
        assert [each.open for each in engines] == [False, True]
    assert not engine.open
    with pytest.raises(CallError, match="closed"):
        use(models, "a")
