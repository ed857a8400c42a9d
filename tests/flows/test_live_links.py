"""Links to runs: only where Prefect's server has a page for them."""

from uuid import uuid4

from prefect import flow, get_client

from tasks import live_links
from tasks.live_links import live


@flow
def nothing():
    """A run that is never started."""


def link(run_id):
    return f"| [{str(run_id)[:8]}](../../runs/flow-run/{run_id}) |"


def test_a_run_that_the_server_does_not_know_has_no_link(prefect_server, monkeypatch):
    monkeypatch.setattr(live_links, "AT_ONCE", 2)
    with get_client(sync_client=True) as client:
        here = [client.create_flow_run(nothing).id for _ in range(3)]
    gone = uuid4()
    page = "\n".join(map(link, [*here, gone, here[0]]))
    assert live(page) == page.replace(link(gone), f"| {str(gone)[:8]} |")


def test_a_page_without_links_asks_nobody(monkeypatch):
    monkeypatch.setattr(live_links, "get_client", None)
    assert live("[a](http://b) 0123") == "[a](http://b) 0123"
