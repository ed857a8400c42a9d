"""Which models stay loaded within a memory limit, which one goes, and who waits for whom."""

import threading
from pathlib import Path

import pytest

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf import pool
from cortex_distill.local.providers.gguf.footprint import Footprint
from cortex_distill.local.providers.gguf.pool import EnginePool, Stopped


class FakeEngine:
    """Remembers whether it was closed; loading waits at `gate`."""

    gate: threading.Event
    opened: "list[FakeEngine]"

    def __init__(self, path, footprint, identity):
        if path.name.startswith("slow"):
            assert self.gate.wait(30)
        if path.name.startswith("bad"):
            raise CallError("cannot be loaded")
        self.name, self.identity, self.open = path.name, identity, True
        self.opened.append(self)

    def close(self):
        self.open = False


@pytest.fixture
def engines(monkeypatch, tmp_path):
    """Every file of n bytes takes n bytes of memory."""
    FakeEngine.opened, FakeEngine.gate = [], threading.Event()
    monkeypatch.setattr(pool, "Engine", FakeEngine)
    monkeypatch.setattr(pool, "footprint", lambda path, limit: Footprint(1, 1, 64, path.stat().st_size))
    monkeypatch.setattr(pool, "LOOK", 0.001)
    monkeypatch.chdir(tmp_path)
    for name, size in {"a": 1, "b": 1, "c": 1, "d": 1, "large": 3, "slow": 1, "bad": 1}.items():
        Path(name).write_bytes(b"x" * size)
    return FakeEngine.opened


def use(models, name):
    with models.lease(Path(name)):
        pass


def still_open(engines):
    return [engine.name for engine in engines if engine.open]


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_model_unused_for_longest_is_freed(engines):
    models = EnginePool(3)
    for name in ("a", "b", "c", "a", "d"):
        use(models, name)
    assert still_open(engines) == ["a", "c", "d"]


def test_a_large_model_takes_the_place_of_several(engines):
    models = EnginePool(4)
    for name in ("a", "b", "c", "large"):
        use(models, name)
    assert still_open(engines) == ["c", "large"]


def test_a_model_in_use_is_never_freed_and_who_needs_its_room_waits(engines):
    models = EnginePool(3)
    with models.lease(Path("a")) as engine:
        waiting = in_thread(lambda: use(models, "large"))
        waiting.join(0.05)
        assert engine.open and waiting.is_alive()
    waiting.join(30)
    assert still_open(engines) == ["large"]


def test_a_canceled_statement_does_not_wait_for_room(engines):
    models, stop = EnginePool(3), threading.Event()
    stop.set()
    with models.lease(Path("a")), pytest.raises(Stopped), models.lease(Path("large"), stop):
        pass


def test_a_loaded_model_is_had_while_another_is_being_loaded(engines):
    models = EnginePool(3)
    use(models, "a")
    loading = in_thread(lambda: use(models, "slow"))
    use(models, "a")  # would wait for ever
    FakeEngine.gate.set()
    loading.join(30)
    assert still_open(engines) == ["a", "slow"]


def test_two_who_want_one_model_load_it_once(engines):
    models = EnginePool(3)
    both = [in_thread(lambda: use(models, "slow")) for _ in range(2)]
    FakeEngine.gate.set()
    for thread in both:
        thread.join(30)
    assert still_open(engines) == ["slow"]


def test_a_model_that_cannot_be_loaded_leaves_its_room_to_others(engines):
    models = EnginePool(1)
    for _ in range(2):
        with pytest.raises(CallError, match="cannot be loaded"):
            use(models, "bad")
    use(models, "a")
    assert still_open(engines) == ["a"]


def test_a_file_that_was_replaced_is_another_model(engines):
    models = EnginePool(5)
    use(models, "a")
    Path("a").write_bytes(b"another")
    with pytest.raises(CallError, match="none cannot be read"):
        use(models, "none")
    Path("a").write_bytes(b"xx")
    use(models, "a")
    assert len({engine.identity for engine in engines}) == 2


def test_closing_frees_what_is_idle_now_and_what_is_in_use_at_its_end(engines):
    models = EnginePool(5)
    use(models, "a")
    with models.lease(Path("b")) as engine:
        models.close()
        assert still_open(engines) == ["b"]
    assert not engine.open
    with pytest.raises(CallError, match="closed"):
        use(models, "a")
