"""Chromium without a window, told what to do over its debugging port: for screenshots and for the test of the page.

Needs Chromium under the name in $CHROMIUM or as `chromium`, and the package websockets.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

QUIET = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-sync", "mute-audio")
SECONDS = 60  # for Chromium to start, and for a page to show what is waited for


def chromium() -> str | None:
    """Where Chromium is, or None."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


class Browser:
    """One page in a Chromium of its own; `with Browser() as browser`. Raises TimeoutError if Chromium does not start,
    AssertionError with the page's text if something does not appear."""

    def __init__(self, width: int = 1440, height: int = 1000) -> None:
        self.size = (width, height)
        self._ids = count(1)

    def __enter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        switches = ["--headless", "--no-sandbox", "--remote-debugging-port=0", "--hide-scrollbars"]
        self._process = subprocess.Popen(
            [
                chromium() or "chromium",
                *switches,
                *(f"--{switch}" for switch in QUIET),
                f"--user-data-dir={self._profile}",
                f"--window-size={self.size[0]},{self.size[1]}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._socket = connect(self._address(), max_size=None, compression=None, proxy=None)
            target = self._send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.resize(*self.size)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(timeout=SECONDS)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _address(self) -> str:
        file, end = Path(self._profile) / "DevToolsActivePort", time.monotonic() + SECONDS
        while time.monotonic() < end:
            if file.is_file() and len(lines := file.read_text().split()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.05)
        raise TimeoutError("Chromium did not start")

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        session = {"sessionId": self._session} if hasattr(self, "_session") else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters, **session}))
        while (heard := json.loads(self._socket.recv(timeout=SECONDS))).get("id") != number:
            pass
        if "error" in heard:
            raise RuntimeError(f"{method}: {heard['error']}")
        result: dict[str, Any] = heard["result"]
        return result

    def resize(self, width: int, height: int) -> None:
        """Make the window so large."""
        self.size = (width, height)
        look = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._send("Emulation.setDeviceMetricsOverride", **look)

    def open(self, url: str) -> None:
        """Go to an address; what it shows is waited for with `sees`."""
        self._send("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        """The value of an expression on the page."""
        heard = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in heard:
            raise RuntimeError(json.dumps(heard["exceptionDetails"])[:500])
        return heard["result"].get("value")

    def text(self) -> str:
        """What the page says, as a reader sees it."""
        return str(self.js("document.body ? document.body.innerText : ''"))

    def sees(self, text: str, seconds: float = SECONDS) -> None:
        """Wait until the page says this. Raises AssertionError with what it says instead."""
        self.until(f"(document.body ? document.body.innerText : '').includes({json.dumps(text)})", seconds, text)

    def until(self, condition: str, seconds: float = SECONDS, what: str = "") -> None:
        """Wait until an expression is true. Raises AssertionError with what the page says."""
        end = time.monotonic() + seconds
        while not self.js(condition):
            if time.monotonic() > end:
                raise AssertionError(f"{what or condition} did not come; the page says:\n{self.text()[:3000]}")
            time.sleep(0.1)

    def rests(self) -> None:
        """Wait until Streamlit works on nothing, and stays so for a moment."""
        running = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
        for _ in range(2):
            self.until(f"{running} === 'notRunning' && !document.querySelector('[data-testid=stSkeleton]')")
            time.sleep(0.4)

    def click(self, text: str, among: str = "button, a, [role=tab], [role=option]") -> None:
        """Click the first visible element that says exactly this. Raises AssertionError if there is none."""
        find = f"""(() => {{
            const found = [...document.querySelectorAll({json.dumps(among)})].find(
                (one) => one.innerText.trim() === {json.dumps(text)} && one.getClientRects().length && !one.disabled);
            if (!found) return null;
            found.scrollIntoView({{block: 'center'}});
            const box = found.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        self.until(f"{find} !== null", what=f"something to click that says {text!r}")
        self._press(*self.js(find))

    def _press(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write(self, label: str, text: str) -> None:
        """Replace what stands in the field with this label, and leave the field."""
        field = f"document.querySelector('[aria-label=' + JSON.stringify({json.dumps(label)}) + ']')"
        self.until(f"!!{field}", what=f"a field {label!r}")
        self.js(f"{field}.scrollIntoView({{block: 'center'}}); {field}.focus(); {field}.select()")
        self._send("Input.insertText", text=text)
        self.js(f"{field}.blur()")

    def picture(self, file: Path) -> None:
        """A screenshot of the window as PNG."""
        taken = self._send("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(taken["data"]))
