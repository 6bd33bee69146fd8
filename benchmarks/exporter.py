"""What a scrape of the exporter costs beside counting events in SQL, and how that grows with the log.

Before every timed scrape the bot has written 50 events more and the exporter's own thread has taken them in, as between
two scrapes; what that took stands in a row of its own. The counting side has SQLite's best case: an index on the type,
and all of it in memory. All figures are processor time.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import thread_time
from typing import Any, Final

from benchmarks.harness import Row, compared, must_equal, rounds_of
from gpt_trader_telemetry.exporter.profile import Profile
from gpt_trader_telemetry.exporter.tally import COUNTED
from gpt_trader_telemetry.exporter.view import View
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths

COUNTED_KINDS: Final = (*COUNTED, "circuit_breaker_triggered", "circuit_breaker_cleared")
"""The eight kinds that the exporter's series count."""
BETWEEN_SCRAPES: Final = 50

_SCHEMA: Final = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, event_type TEXT NOT NULL,
                     payload TEXT NOT NULL, bot_id TEXT);
"""
_INDEX: Final = "CREATE INDEX idx_events_type ON events(event_type)"
_INSERT: Final = "INSERT INTO events(timestamp, event_type, payload) VALUES ('2026-03-01 00:00:00', ?, ?)"


class Side:
    """A log of so many events of the eight kinds in equal shares, and an exporter that follows it."""

    def __init__(self, folder: Path, events: int) -> None:
        self.paths = ProfilePaths.of(folder, f"bot-{events}")
        self.paths.folder.mkdir(parents=True)
        self._bot = sqlite3.connect(self.paths.events_db, isolation_level=None)
        self._bot.executescript(_SCHEMA)
        self.written = 0
        self._write(events)
        self._bot.execute(_INDEX)
        self._reader = sqlite3.connect(self.paths.events_db, isolation_level=None)
        self.profile = Profile(self.paths)
        begun = thread_time()
        self.profile.poll()
        self.start_seconds = thread_time() - begun
        self._view = View(lambda: [self.profile.published], prefix="coinbase_trader", several=False)

    def _write(self, number: int) -> None:
        rows = (
            (COUNTED_KINDS[place % len(COUNTED_KINDS)], f'{{"symbol": "BTC-USD", "n": {place}}}')
            for place in range(self.written, self.written + number)
        )
        self._bot.execute("BEGIN")
        while batch := list(islice(rows, 50_000)):
            self._bot.executemany(_INSERT, batch)
        self._bot.execute("COMMIT")
        self.written += number

    def following(self) -> float:
        """Return what taking in what is new took."""
        self._write(BETWEEN_SCRAPES)
        begun = thread_time()
        self.profile.poll()
        return thread_time() - begun

    def scrape(self) -> float:
        """Return what a scrape took, after new events."""
        self._write(BETWEEN_SCRAPES)
        self.profile.poll()
        return self._timed_scrape()

    def follow_and_scrape(self) -> float:
        """Return what both took."""
        return self.following() + self._timed_scrape()

    def _timed_scrape(self) -> float:
        begun = thread_time()
        self._view.render("")
        return thread_time() - begun

    def counting(self) -> float:
        """Return what a naive exporter's eight counts took."""
        begun = thread_time()
        self.counts()
        return thread_time() - begun

    def counts(self) -> dict[str, int]:
        """Count the events in SQL."""
        sql = "SELECT COUNT(*) FROM events WHERE event_type = ?"
        return {kind: self._reader.execute(sql, (kind,)).fetchone()[0] for kind in COUNTED_KINDS}

    def check(self) -> None:
        """Raise unless the exporter shows what SQL counts."""
        self.profile.poll()
        found = self.counts()
        must_equal(
            "the exporter's counts", self.profile.state.tally.counts, {COUNTED[kind]: found[kind] for kind in COUNTED}
        )
        must_equal("events", sum(found.values()), self.written)

    def close(self) -> None:
        """Let go of the files."""
        self._bot.close()
        self._reader.close()
        self.profile.close()


def run(*, quick: bool) -> list[Row]:
    """Measure a log of a million events, then one of ten million beside it."""
    rounds, few, many = (2, 2_000, 20_000) if quick else (21, 1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        small, large = Side(Path(folder), few), Side(Path(folder), many)
        try:
            return _rows(small, large, rounds)
        finally:
            small.close()
            large.close()


def _rows(small: Side, large: Side, rounds: int) -> list[Row]:
    variants: dict[str, Callable[[], float]] = {
        "counting": small.counting,
        "scrape": small.scrape,
        "following": small.following,
        "both, few": small.follow_and_scrape,
        "both, many": large.follow_and_scrape,
    }
    taken: dict[str, Any] = rounds_of(variants, rounds)
    small.check()
    large.check()
    few, many = small.written, large.written
    counted = f"SELECT COUNT(*) of eight kinds, about {few:,} events each"
    return [
        compared(
            "exporter-scrape", "A scrape of the exporter", counted, taken["scrape"], taken["counting"], goal=1 / 100
        ),
        compared(
            "exporter-follow", f"Following {BETWEEN_SCRAPES} new events, between two scrapes",
            counted, taken["following"], taken["counting"],
        ),
        compared(
            "exporter-growth", f"Following and a scrape on {many:,} events", f"the same on {few:,} events",
            taken["both, many"], taken["both, few"], goal=1.2,
        ),
        compared(
            "exporter-start", f"The first read of {many:,} events, for each of them",
            f"the first read of {few:,} events, for each of them",
            [large.start_seconds / many], [small.start_seconds / few],
        ),
    ]  # fmt: skip
