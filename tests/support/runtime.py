"""The generator of runtime data, for tests; and a bot's small hand-made files."""

import importlib.util
import json
import sqlite3
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load_fixtures():
    """Return the module examples/runtime_fixtures.py."""
    name = "runtime_fixtures"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / "runtime_fixtures.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class BotFiles:
    """Writes what a bot would, as the bot does: each event its own transaction, in WAL mode."""

    def __init__(self, root: Path, profile: str = "paper") -> None:
        self.root = root
        self.profile = profile
        self.folder = root / "runtime_data" / profile
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "events.db"
        self.lines = self.folder / "events.jsonl"
        self.metrics = self.folder / "metrics.json"
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        if self._connection is None:
            fixtures = load_fixtures()
            self._connection = sqlite3.connect(self.database, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.executescript(fixtures.SCHEMA + fixtures.INDEXES)
        return self._connection

    def row(self, kind: str, payload: object, *, written: str = "2026-03-01 00:00:00", bot_id: str = "bot-1") -> int:
        """Insert a row as it is; text and bytes are written unchanged."""
        raw = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        return self.connection.execute(
            "INSERT INTO events(timestamp, event_type, payload, bot_id) VALUES (?, ?, ?, ?)",
            (written, kind, raw, bot_id),
        ).lastrowid

    def cycle(self, **fields: object) -> int:
        """Insert a cycle's metrics."""
        return self.row("metric", {"bot_id": "bot-1", "metrics": {"event_type": "cycle_metrics", **fields}})

    def line(self, *objects: object, end: str = "\n") -> None:
        """Append lines; text and bytes are written unchanged."""
        with self.lines.open("ab") as file:
            for item in objects:
                raw = (
                    item if isinstance(item, bytes) else (item if isinstance(item, str) else json.dumps(item)).encode()
                )
                file.write(raw + end.encode())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def remove_database(self) -> None:
        """Delete the database with all that belongs to it."""
        self.close()
        for name in ("events.db", "events.db-wal", "events.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
