"""What a bot left on disk, written event by event."""

import json
import os
import sqlite3
from datetime import UTC, datetime

from gpt_trader_telemetry.runtime_data.paths import ProfilePaths

END = 1_772_323_200.0  # 2026-03-01 UTC
DAY = 86_400.0

SCHEMA = """
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL DEFAULT (datetime('now')),
    event_type TEXT NOT NULL, payload TEXT NOT NULL, bot_id TEXT);
CREATE INDEX by_type ON events(event_type);
"""
WRAPPED = ("cycle_metrics", "order_preview", "order_submission_attempt", "order_rejected", "order_decision_trace")


def column(at):
    """The time column as the bot's database has it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


class Bot:
    """One profile's files."""

    def __init__(self, root, profile="paper") -> None:
        self.root = root
        self.paths = ProfilePaths.of(root, profile)
        self.paths.folder.mkdir(parents=True)

    def database(self, *events, written=None):
        """Write (kind, at, payload) to events.db; ``written`` is what the column says, else it is right."""
        with sqlite3.connect(self.paths.events_db) as connection:
            connection.executescript(SCHEMA)
            for kind, at, payload in events:
                inner = payload if at is None else {"timestamp": at, **payload}
                stored = {"bot_id": "b", "metrics": {"event_type": kind, **inner}} if kind in WRAPPED else inner
                connection.execute(
                    "INSERT INTO events(timestamp, event_type, payload) VALUES (?, ?, ?)",
                    (written or column(at or END - 60), "metric" if kind in WRAPPED else kind, json.dumps(stored)),
                )
        connection.close()
        return self

    def lines(self, *events, junk=()):
        """Write events.jsonl."""
        with self.paths.events_jsonl.open("wb") as file:
            for line in junk:
                file.write(line + b"\n")
            for kind, at, payload in events:
                file.write(json.dumps({"type": kind, "timestamp": at, **payload}).encode() + b"\n")
        return self

    def metrics(self, content, at=END - 10):
        """Write metrics.json, as it was at a time."""
        text = content if isinstance(content, str) else json.dumps(content)
        self.paths.metrics_json.write_text(text)
        os.utime(self.paths.metrics_json, (at, at))
        return self

    def orders(self, *rows):
        """Write (status, created) to orders.db."""
        with sqlite3.connect(self.paths.orders_db) as connection:
            connection.execute(
                "CREATE TABLE orders (id INTEGER PRIMARY KEY, order_id TEXT UNIQUE, symbol TEXT, side TEXT, status TEXT, "
                "created_at TEXT)"
            )
            for number, (status, created) in enumerate(rows):
                connection.execute(
                    "INSERT INTO orders(order_id, symbol, side, status, created_at) VALUES (?, 'BTC-USD', 'BUY', ?, ?)",
                    (f"o-{number}", status, created),
                )
        connection.close()
        return self
