"""Running the paper bot as a process of its own, reading what it prints, and its ledger beside its metrics."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.scraping import TEXT, Scrape, parse

ROOT = Path(__file__).parents[2]
BOT = ROOT / "examples" / "paper_bot.py"
PATIENCE = 30.0
"""Seconds after which a test gives up; never how long one takes."""


class PaperBot:
    """A running paper bot, its output so far in ``lines``."""

    def __init__(self, *options: str, **environment: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GPT_TRADER_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(BOT), *options],
            env={**own, "GPT_TRADER_HEALTH_PORT": "0", "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def line(self, holds: str) -> str:
        """Return the first line of output that holds a text, once it is there."""
        return wait_for(
            lambda: next((line for line in self.lines if holds in line), None), f"a line with {holds!r}", self
        )

    @property
    def url(self) -> str:
        """The address of ``/metrics``, as the bot prints it."""
        return self.line("/metrics").split()[-1]

    def until_replayed(self) -> None:
        """Wait until the bot has replayed what it was asked to, and only serves."""
        self.line("still serving")

    def scrape(self, accept: str = TEXT) -> Scrape:
        """Scrape and parse ``/metrics``."""
        return parse(self.text(accept))

    def text(self, accept: str = TEXT) -> str:
        """Return ``/metrics`` as it is served."""
        request = urllib.request.Request(self.url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit code and how many seconds the bot took to end."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.exit_code(), time.monotonic() - begun

    def exit_code(self) -> int:
        """Wait for the end."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def output(self) -> str:
        """Return everything that was printed."""
        return "\n".join(self.lines)


@contextmanager
def running(*options: str, **environment: str) -> Iterator[PaperBot]:
    """Run the bot; it is ended in any case."""
    bot = PaperBot(*options, **environment)
    try:
        yield bot
    finally:
        if bot.process.poll() is None:
            bot.process.kill()
        bot.process.wait(PATIENCE)
        bot._reader.join(PATIENCE)
        bot.process.stdout.close()


def wait_for(look: Callable[[], Any], what: str, bot: PaperBot | None = None) -> Any:
    """Return what ``look`` finds as soon as it finds something; fail when the bot ends without it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ended = bot is not None and bot.process.poll() is not None
        if ended:
            bot._reader.join(PATIENCE)
        found = look()
        if found is not None:
            return found
        assert not ended, f"the bot ended without {what}:\n{bot.output()}"
        assert time.monotonic() < deadline, f"no {what} in {PATIENCE} s"
        time.sleep(0.01)


class Account:
    """The bot's ledger, counted up."""

    def __init__(self, path: Path) -> None:
        self.facts: dict[str, Any] = json.loads(path.read_text())

    def count(self, kind: str, *names: str) -> Counter[tuple[Any, ...]]:
        """Count the entries of a kind by the values of these fields."""
        return Counter(tuple(spelled(entry[name]) for name in names) for entry in self.facts[kind])

    def trips(self) -> Counter[tuple[Any, ...]]:
        """Count the trips by guard, category and recoverable."""
        trips = [entry for entry in self.facts["guards"] if entry["result"] == "failure"]
        return Counter(tuple(spelled(entry[name]) for name in ("guard", "category", "recoverable")) for entry in trips)

    def seconds(self, kind: str, **fields: str) -> list[float]:
        """Return how long the entries with these fields took."""
        return [
            entry["seconds"]
            for entry in self.facts[kind]
            if all(entry[name] == value for name, value in fields.items())
        ]


def spelled(value: object) -> object:
    """Spell booleans as labels do."""
    return str(value).lower() if isinstance(value, bool) else value
