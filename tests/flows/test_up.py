"""`distill up`, without starting anything: what it takes for its own, and what it writes down."""

import os
import socket

import pytest

from cortex_distill.errors import SetupError
from flows import lost, up


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "engine"))
    (tmp_path / "engine" / "prefect").mkdir(parents=True)
    return tmp_path


def test_runs_are_heard_of_often_enough_not_to_be_taken_for_lost():
    assert up.HEARTBEAT == lost.HEARTBEAT
    assert lost.PATIENCE.total_seconds() >= 3 * up.HEARTBEAT
    assert lost.automation().trigger.within == lost.PATIENCE


def test_settings_that_somebody_else_wrote_are_not_touched(folder):
    (folder / "prefect.toml").write_text('[api]\nurl = "http://elsewhere/api"\n')
    with pytest.raises(SetupError, match=r"prefect.toml is yours, not ours.*docs/prefect.md"):
        up._server()
    assert "elsewhere" in (folder / "prefect.toml").read_text()


@pytest.mark.parametrize("written", ["this process", "999999999", "not a number", ""])
def test_a_process_that_is_not_prefects_is_never_taken_for_it(folder, written):
    # The number itself must not be a parameter: workers of xdist would collect different tests.
    up._pid_file("server").write_text(written.replace("this process", str(os.getpid())))
    assert up._running("server") is None


def test_a_stopped_process_that_does_not_exist_is_no_error():
    up._stop(None)
    up._stop(999_999_999)


def test_a_server_that_comes_back_has_its_old_address_if_it_is_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        held = taken.getsockname()[1]
        assert up._free_port(f"http://127.0.0.1:{held}") != held
    assert up._free_port(f"http://127.0.0.1:{held}") == held
