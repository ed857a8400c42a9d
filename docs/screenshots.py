"""Screenshots of leaderboard, report and comparison: the newer UI in `docs/images/`; in a folder of yours, every kind.

    python docs/screenshots.py http://127.0.0.1:4200 [folder]

Takes the newest artifact of each kind from a server that runs. Needs Chromium, under the name in $CHROMIUM or as
`chromium`. The server must be told its own address: PREFECT_UI_API_URL=http://127.0.0.1:4200/api.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from png import shrink

# Kind of artifact → how its keys begin, and the pixels of its page that are taken; what is below is left out.
KINDS = {
    "leaderboard": ("leaderboard-", 1500),
    "report": ("report-", 2600),
    "comparison": ("compar", 1800),
    "ab-test": ("ab-", 1800),
}
SCHEMES = {"dark": 0, "light": 1}  # as Chromium numbers them
QUIET = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-sync")
SECONDS = 240


class Shot(NamedTuple):
    """One picture: which artifact, which UI, how wide, in which colour scheme."""

    artifact: str
    ui: str
    width: int
    scheme: str

    @property
    def name(self) -> str:
        """File name; light is what is meant where nothing is said."""
        return f"{self.artifact}-{self.ui}-{self.width}{'-dark' if self.scheme == 'dark' else ''}.png"


SHOWN = ("v2", 1440, "light")  # what docs/ shows; the others are for looking at a change in every UI, width and scheme
SHOTS = [
    Shot(artifact, ui, width, scheme)
    for artifact in KINDS
    for ui, width, scheme in (
        ("v2", 1440, "light"),
        ("v2", 1024, "light"),
        ("v2", 1440, "dark"),
        ("v1", 1440, "light"),  # the older UI is dark until somebody says otherwise in its settings
        ("v1", 1024, "light"),
    )
]


def newest(server: str) -> dict[str, str]:
    """Kind of artifact → id of its newest one."""
    asked = json.dumps({"sort": "CREATED_DESC", "limit": 200}).encode()
    request = urllib.request.Request(f"{server}/api/artifacts/filter", asked, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        found = [(artifact["key"] or "", artifact["id"]) for artifact in json.load(answer)]
    return {kind: id_ for kind, (start, _) in KINDS.items() for key, id_ in reversed(found) if key.startswith(start)}


def take(server: str, artifact_id: str, shot: Shot, file: Path) -> None:
    """One screenshot. Raises CalledProcessError or TimeoutExpired if Chromium fails."""
    path = f"{'v2/' if shot.ui == 'v2' else ''}artifacts/artifact/{artifact_id}"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                os.environ.get("CHROMIUM", "chromium"),
                "--headless",
                "--no-sandbox",
                *(f"--{switch}" for switch in QUIET),
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--blink-settings=preferredColorScheme={SCHEMES[shot.scheme]}",
                f"--window-size={shot.width},{KINDS[shot.artifact][1]}",
                "--virtual-time-budget=15000",
                f"--screenshot={file}",
                f"{server}/{path}",
            ],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )


def main() -> None:
    """Take those of SHOTS that are wanted and that the server has artifacts for, and say what was written."""
    server, *rest = sys.argv[1:]
    folder = Path(rest[0] if rest else Path(__file__).parent / "images").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ids = newest(server.rstrip("/"))
    for shot in SHOTS:
        if shot.artifact in ids and (rest or shot[1:] == SHOWN):
            file = folder / shot.name
            take(server.rstrip("/"), ids[shot.artifact], shot, file)
            shrink(file)
            sys.stdout.write(f"{file} {file.stat().st_size // 1024} KB\n")


if __name__ == "__main__":
    main()
