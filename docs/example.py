"""The newest report of an experiment as a page of docs/examples/, from a Prefect server that runs.

    python docs/example.py http://127.0.0.1:4200 inbox "`distill run configs/inbox.yaml`, on two busy cores"

The third argument says what made the report; it becomes the page's first line. Pictures are replaced by the words that
stand for them, because pages of a repository do not show pictures that are part of the text. With a fourth argument,
`theirs`, the section that quotes rows of the holdout is left out: the rows are not ours to give away.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).parent / "examples"
PICTURE = re.compile(r"!\[((?:[^\]\\]|\\.)*)\]\(data:[^)]*\)")
LINKS = re.compile(r"^\[Leaderboard\]\(\.\./.*\n\n", re.M)  # they lead to pages of the server
RUNS = re.compile(r"\[([0-9a-f]{8})\]\(\.\./[^)]*\)")  # likewise

QUOTES = re.compile(r"^## Worst mistakes.*?(?=^## )", re.M | re.S)


def page(report: str, made_by: str, rows: str = "ours") -> str:
    """The report's Markdown as a page that needs no server."""
    report = QUOTES.sub("", report) if rows == "theirs" else report
    words = RUNS.sub(r"\1", PICTURE.sub(r"*Picture: \1*", LINKS.sub("", report)))
    return f"Made by {made_by}.\n\n{words.replace(chr(0x200B), '')}"


def main(server: str, experiment: str, made_by: str, rows: str = "ours") -> None:
    """Fetch and write."""
    key = f"report-{experiment.replace('_', '-')}"
    with urllib.request.urlopen(f"{server.rstrip('/')}/api/artifacts/{key}/latest") as reply:
        report = json.load(reply)["data"]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{experiment}.md").write_text(page(report, made_by, rows), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
