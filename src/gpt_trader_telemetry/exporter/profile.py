"""Follows the files of one profile: reads what is new, poll by poll."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.exporter.follow_db import Followed, follow_rows
from gpt_trader_telemetry.exporter.follow_lines import LinesFollower
from gpt_trader_telemetry.exporter.position import Position, Reading
from gpt_trader_telemetry.exporter.state import State
from gpt_trader_telemetry.exporter.tally import COUNTED
from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError, opened
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.lines import EVENTS_JSONL
from gpt_trader_telemetry.runtime_data.metrics import METRICS_JSON, read_metrics_file
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.rows import EVENTS_DB
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["Profile", "Stopped"]

_BUSY_TIMEOUT: Final = 2.0
_PATIENCE: Final = 10
"""Polls for which a ``metrics.json`` that cannot be read is waited for before counters are taken from events."""
_ABSENT: Final = (-1, -1, -1)
_QUIET: Final = 60.0
"""Seconds since a database was last written after which it is not opened again before it is written to: by then all
that was written can be seen. Where it can be read in a copy alone, this saves the copies."""
_RARELY: Final = 20
"""How many times as long as it took to find a database damaged it is left alone, while lines are followed instead."""
_ANY_OTHER: Final = frozenset({Trouble.ABSENT, Trouble.CORRUPT, Trouble.DENIED, Trouble.UNREADABLE})


Stat: TypeAlias = tuple[int, int, int]


class Stopped(Exception):  # noqa: N818 - not an error
    """The exporter is to end: reading goes on after the next start."""


class Profile:
    """One profile's files; ``poll`` is for one thread, ``published`` for any.

    Args:
        paths: where the files are.
        tell: what is worth telling an operator.
        progress: told of long reads, by rows done and rows in all.
        stopping: set when a long read is to end.
    """

    def __init__(
        self,
        paths: ProfilePaths,
        *,
        tell: Callable[[str], object] = lambda _line: None,
        progress: Callable[[int, int], object] = lambda _done, _total: None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.paths = paths
        self.state = State(paths, tell)
        self._progress = progress
        self._stopping = stopping or threading.Event()
        self._file_seen: Stat = _ABSENT
        self._file_counted: Stat = _ABSENT
        self._database_seen: tuple[Stat, Stat] | None = None
        self._damaged_seen: tuple[Stat, Stat] | None = None
        self._retry_at = 0.0
        self._waited = 0
        self._lines: LinesFollower | None = None
        self._reading = Reading(
            take=self._take,
            count=self._count,
            progress=self._progressed,
            restarted=self.state.log_restarted,
            shortened=self.state.log_shortened,
            skipped=self.state.skipped,
        )
        self._lock = threading.Lock()
        self.published = self.state.published()

    # Reading

    def poll(self) -> None:
        """Read what is new, and publish it."""
        with self._lock:
            try:
                self._read_file()
                self._read_log()
                self._choose_sources()
            finally:
                self.published = self.state.published()

    def _read_file(self) -> None:
        path = self.paths.metrics_json
        seen = _stat_of(path)
        if seen == self._file_seen:
            return
        try:
            # What stays as it is may be read again, and is counted once.
            file = read_metrics_file(path, Skipped() if seen == self._file_counted else self.state.skipped)
        except UnreadableError as error:
            self.state.note_trouble(METRICS_JSON, error)
            return
        self.state.note_trouble(METRICS_JSON, None)
        if file is None:
            self._file_counted = seen
            return  # being rewritten: what it said last still stands, and the next poll looks again
        self._file_seen = seen
        self.state.newest[METRICS_JSON] = file.at
        self.state.tally.take_file(file, lambda why: self.state.skipped.add(METRICS_JSON, why))

    def _read_log(self) -> None:
        try:
            self._read_database()
        except UnreadableError as error:
            self.state.note_trouble(EVENTS_DB, error)
            if self.state.position.source == EVENTS_DB:
                if error.trouble is Trouble.CORRUPT:
                    self.state.caught_up_to("what can be read of ", EVENTS_DB)
            elif error.trouble in _ANY_OTHER:
                self._read_lines()

    def _read_database(self) -> None:
        path = self.paths.events_db
        seen = (_stat_of(path), _stat_of(path.with_name(path.name + "-wal")))
        if seen == self._database_seen and _is_quiet(seen):
            return
        is_followed = self.state.position.source == EVENTS_DB
        if not is_followed and (seen == self._damaged_seen or time.monotonic() < self._retry_at):
            raise UnreadableError(path, Trouble.CORRUPT, "not read again yet")
        with opened(path, busy_timeout=_BUSY_TIMEOUT) as connection:
            connection.execute("SELECT timestamp, event_type, payload, bot_id FROM events LIMIT 0")
            if is_followed:
                followed = follow_rows(connection, self.state.position, self._reading, _file_of(path))
            else:
                followed = self._try_rows(connection, seen)
            if self.state.position.source == EVENTS_DB:
                self._database_seen = seen
                self.state.note_newest(EVENTS_DB, followed.newest)
            if followed.damage is not None:
                raise followed.damage
        self.state.caught_up_with(EVENTS_DB)

    def _try_rows(self, connection: sqlite3.Connection, seen: tuple[Stat, Stat]) -> Followed:
        """Begin on the database, unless nothing of it can be read, or not all of it and there are lines instead."""
        before, tally, counts = self.state.position, self.state.tally.copy(), self.state.skipped.counts.copy()
        began = time.monotonic()
        self.state.position = Position(EVENTS_DB)
        is_sound = has_lines = False
        try:
            followed = follow_rows(connection, self.state.position, self._reading, _file_of(self.paths.events_db))
            is_sound = followed.damage is None
            has_lines = not is_sound and _stat_of(self.paths.events_jsonl)[1] > 0
            return followed
        finally:
            read, self.state.position = self.state.position, before
            if is_sound or (read.place and not has_lines):
                self._begin(read, self.paths.events_db)
            else:
                self.state.tally, self.state.skipped.counts = tally, counts
                if has_lines:  # to read up to the damage may take long: not at each poll
                    self._damaged_seen = seen
                    self._retry_at = time.monotonic() + _RARELY * (time.monotonic() - began)

    def _read_lines(self) -> None:
        path = self.paths.events_jsonl
        if self.state.position.source != EVENTS_JSONL and path.is_file():
            self._begin(Position(EVENTS_JSONL), path)
        if self._lines is None:
            self._lines = LinesFollower(path, self.state.position, self._reading)
        try:
            self._lines.poll()
        except UnreadableError as error:
            if error.trouble is not Trouble.ABSENT or self.state.position.source == EVENTS_JSONL:
                self.state.note_trouble(EVENTS_JSONL, error)
            return
        self.state.note_newest(EVENTS_JSONL, self._lines.newest)
        self.state.caught_up_with(EVENTS_JSONL)

    def _begin(self, position: Position, path: Path) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self.state.begin(position, path)

    def _choose_sources(self) -> None:
        readable = self.state.troubles.get(METRICS_JSON) is None
        waiting = readable and self._file_seen != _stat_of(self.paths.metrics_json)
        self._waited += 1
        if self.state.caught_up and (not waiting or self._waited > _PATIENCE):
            self.state.tally.choose_sources()

    # What reading tells

    def _take(self, event: Event) -> None:
        self.state.tally.take(event, self._note)

    def _count(self, kind: str, number: int) -> None:
        self.state.tally.counts[COUNTED[kind]] += number

    def _note(self, why: Why) -> None:
        self.state.skipped.add(str(self.state.position.source), why)

    def _progressed(self, done: int, total: int) -> None:
        self._progress(done, total)
        if self._stopping.is_set():
            raise Stopped

    # The cursor

    def as_json(self) -> dict[str, Any]:
        """Return everything that the next start needs, between two polls."""
        with self._lock:
            return self.state.as_json()

    def restore(self, saved: dict[str, Any]) -> bool:
        """Go on from what ``as_json`` gave; false where that is about other files than this profile's."""
        with self._lock:
            return self.state.restore(saved)

    def close(self) -> None:
        """Let go of open files."""
        if self._lines is not None:
            self._lines.close()


def _stat_of(path: Path) -> Stat:
    try:
        found = os.stat(path)  # noqa: PTH116 - no Path is made at each poll
    except OSError:
        return _ABSENT
    return found.st_ino, found.st_size, found.st_mtime_ns


def _file_of(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _is_quiet(seen: tuple[Stat, ...]) -> bool:
    return max(stat[2] for stat in seen) / 1e9 < time.time() - _QUIET
