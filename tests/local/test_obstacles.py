"""What is known of a model before it is asked: a server that does not run, a key that is not set, no training."""

import socket

import pytest

from cortex_distill.local.providers.router import Router
from cortex_distill.local.providers.routes import Routes
from tests.local.endpoint import serving


def router(url, **more):
    return Router(Routes.model_validate({"models": [{"provider": "openai", "base_url": url, "model": "m", **more}]}))


@pytest.fixture
def nobody():
    """An address where nobody listens: the port is taken, by a socket that does not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_a_server_that_does_not_run_is_known_and_not_asked(nobody):
    told = router(nobody).obstacle("x", tuning=False)
    assert (
        told
        == f"connection refused: nobody answers at {nobody}; start the server, or mend base_url '{nobody}' in"
        + (" local.toml")
    )


def test_a_server_that_runs_is_greeted_without_a_call():
    with serving() as server:
        assert router(server.base_url).obstacle("x", tuning=False) == ""
        assert server.calls == []


def test_a_key_that_is_not_set_is_known(nobody, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert "NO_SUCH_KEY is not set" in router(nobody, api_key_env="NO_SUCH_KEY").obstacle("x", tuning=False)


def test_an_endpoint_cannot_train_and_says_who_can(nobody):
    assert 'provider = "gguf" or "transformers", which can' in router(nobody).obstacle("x", tuning=True)


def test_a_name_without_a_route_is_an_obstacle():
    routes = Routes.model_validate({"models": [{"provider": "simulated", "name": "a"}]})
    assert "nobody on this machine answers to the model 'b'" in Router(routes).obstacle("b", tuning=False)
    assert Router(routes).obstacle("a", tuning=True) == ""
