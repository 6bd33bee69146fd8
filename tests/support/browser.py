"""A real browser, driven over its DevTools protocol with nothing but the standard library.

Chromium reads commands from descriptor 3 and writes answers to descriptor 4, each a JSON text that ends in NUL.
"""

import base64
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

_LAUNCH = """
import os, sys
read, write = int(sys.argv[1]), int(sys.argv[2])
read, write = os.dup(read), os.dup(write)
high = [os.dup(read), os.dup(write)]
while min(high) < 5:
    high = [os.dup(read), os.dup(write)]
os.dup2(high[0], 3)
os.dup2(high[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""

_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
]  # fmt: skip

# Collects what the page's security policy forbids, and lets its clock run ahead: no test sleeps through a poll.
_WATCH = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) =>
        violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
    {
        const pace = 10, now = performance.now.bind(performance), timeout = setTimeout, interval = setInterval;
        performance.now = () => now() * pace;
        window.setTimeout = (call, delay, ...more) => timeout(call, delay / pace, ...more);
        window.setInterval = (call, delay, ...more) => interval(call, delay / pace, ...more);
    }
"""


def find_chromium() -> str | None:
    """Return the browser's program, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    """One browser with one tab. ``problems`` collects violations, exceptions and errors in its console."""

    def __init__(self, program: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="browser-")
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _LAUNCH, str(commands), str(answers), program, *_FLAGS,
                f"--user-data-dir={self._profile}", "about:blank",
            ],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue] = {}
        self.problems: list[str] = []
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()
        self._session = None
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)

    def send(self, method: str, **params: object) -> dict:
        """Send a command and return its result."""
        number = next(self._numbers)
        self._answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._answers[number].get(timeout=30)
        del self._answers[number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def run(self, script: str) -> object:
        """Evaluate JavaScript in the page and return its value."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url: str) -> None:
        """Go to an address."""
        self.send("Page.navigate", url=url)

    def until(self, condition: str, timeout: float = 10.0) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + timeout
        while not self.run(condition):
            assert time.monotonic() < end, f"not in time: {condition}\n{self.text()}\n{self.problems}"
            time.sleep(0.05)

    def text(self) -> str:
        """Return what a reader sees."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Set the size of the window."""
        scale = 2 if phone else 1
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def scheme(self, name: str) -> None:
        """Prefer light or dark."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path: str | Path, *, whole: bool = False) -> None:
        """Save what is seen as PNG."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self._session = None
        try:
            self.send("Browser.close")
        except (AssertionError, OSError, queue.Empty):
            self._process.kill()
        self._process.wait(timeout=20)
        os.close(self._write)
        self._reader.join(timeout=10)
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _read_all(self) -> None:
        pending = b""
        while chunk := os.read(self._read, 1 << 16):
            *messages, pending = (pending + chunk).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: dict) -> None:
        if "id" in message:
            self._answers[message["id"]].put(message)
            return
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(str(details.get("exception", {}).get("description") or details["text"]))
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
