"""One click through every page in a real browser: what AppTest cannot see is whether a page draws what it is given."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from app_sample import RUNS

from docs.browser import Browser, chromium
from flows.app import command, free_port

NOTHING_RUN = "window.__acted === undefined && !document.querySelector('[data-testid=stMain] img[src=\"x\"]')"
TRAP = '<img src=x onerror="window.__acted=1"> **bold** it\'s'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: install it, or name it in $CHROMIUM"),
]


@pytest.fixture
def address(sample_home, tmp_path):
    """The page as `make app` starts it, over the two runs of app_sample."""
    home = shutil.copytree(sample_home, tmp_path / "engine")
    port = free_port(8700)
    given = {"DISTILL_HOME": str(home), "DISTILL_MODELS": "simulated", "DISTILL_IN_PROCESS": "1"}
    log = (tmp_path / "log").open("w")
    started = subprocess.Popen(command(port), env={**os.environ, **given}, stdout=log, stderr=log)
    try:
        _answers(f"http://127.0.0.1:{port}/_stcore/health", tmp_path / "log")
        yield f"http://127.0.0.1:{port}/"
    finally:
        started.terminate()
        started.wait(timeout=30)
        log.close()


def _answers(url, log):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the page did not start: {log.read_text()}")


def test_a_click_through_every_page(address):
    with Browser() as browser:
        browser.open(address)
        browser.sees("Leaderboard")
        browser.rests()
        browser.sees("1.00 n = 3")  # drawn beside a mark of the chart
        for tab, said in (
            ("Compare runs", "What differs"),
            ("Confusion", "Model and prompt"),
            ("Cost", "Calls that this run made"),
        ):
            browser.click(tab)
            browser.sees(said)
            browser.rests()
        browser.click("Confusion")
        browser.until("document.querySelectorAll('.vega-embed .mark-rect path').length > 1", what="cells of the matrix")
        browser.click("Tickets", "[data-testid=stSidebarNav] a span")
        browser.sees("Tickets 1 to 25 of 60")
        browser.click("Messages", "[data-testid=stSidebarNav] a span")
        browser.sees("Estimate: 1 call")
        browser.write("Prompt", TRAP + " {{ request }}")
        browser.rests()
        browser.click("Write 1 message")
        browser.sees("answered already: writing again costs nothing")
        browser.click("Keep")
        browser.sees("kept")
        browser.rests()
        browser.click("Kept")
        browser.sees("The newest kept messages")
        browser.click("Try it", "[data-testid=stSidebarNav] a span")
        browser.sees("Not asked yet.")
        browser.write("Request", TRAP)
        browser.rests()
        browser.click("Ask")
        browser.sees("All are answered already")
        browser.rests()
        assert TRAP in browser.js("document.querySelector('[data-testid=stMain]').textContent"), (
            "shown letter by letter"
        )
        assert browser.js(NOTHING_RUN), "foreign text was taken for markup"
        assert "Traceback" not in browser.text()
        assert RUNS[0] in browser.text()
