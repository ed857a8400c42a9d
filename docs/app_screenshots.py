"""Screenshots of the page in app/: the pictures `app-*.png` of `docs/images/`; in a folder of yours, narrow ones, too.

    python docs/app_screenshots.py http://127.0.0.1:8501 [folder]

Takes them from a page that runs (`make app`) over a schema with at least two runs. It writes three messages and asks
three models once; a second time costs nothing. Needs Chromium, under the name in $CHROMIUM or as `chromium`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from browser import Browser
from png import shrink

WIDTHS = {1440: 1300, 1024: 1300}  # width of the window → its height; docs/ shows the first
TABS = {"Compare runs": "compare", "Confusion": "confusion", "Cost": "cost"}


def take(browser: Browser, file: Path) -> None:
    """One picture, after the page has come to rest."""
    browser.rests()
    time.sleep(1)  # charts and fonts
    browser.picture(file)
    shrink(file)
    sys.stdout.write(f"{file} {file.stat().st_size // 1024} KB\n")


def all_pages(browser: Browser, server: str, folder: Path, width: int) -> None:
    """Every page, and every part of Experiments."""
    browser.open(f"{server}/")
    browser.sees("Leaderboard")
    take(browser, folder / f"app-experiments-{width}.png")
    for tab, name in TABS.items():
        browser.click(tab)
        take(browser, folder / f"app-{name}-{width}.png")
    browser.open(f"{server}/tickets")
    browser.sees("One ticket")
    take(browser, folder / f"app-tickets-{width}.png")
    browser.open(f"{server}/messages")
    browser.sees("Prompt")
    browser.rests()
    browser.click("Write 3 messages")
    browser.sees("writing again costs nothing")
    take(browser, folder / f"app-messages-{width}.png")
    browser.open(f"{server}/try-it")
    browser.sees("Request")
    browser.rests()
    browser.click("Ask")
    browser.sees("asking again costs nothing")
    take(browser, folder / f"app-try-it-{width}.png")


def main() -> None:
    """Take them all, and say what was written."""
    server, *rest = sys.argv[1:]
    folder = Path(rest[0] if rest else Path(__file__).parent / "images").resolve()
    for width, height in list(WIDTHS.items())[: None if rest else 1]:
        with Browser(width, height) as browser:
            all_pages(browser, server.rstrip("/"), folder, width)


if __name__ == "__main__":
    main()
