"""Follows the files of one profile, and publishes what they say."""

import copy
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.exporter.follow_db import Followed, follow_rows
from gpt_trader_telemetry.exporter.follow_lines import LinesFollower
from gpt_trader_telemetry.exporter.position import Position, Reading
from gpt_trader_telemetry.exporter.series import Sample, figure_samples, log_samples, metrics_document
from gpt_trader_telemetry.exporter.shown import without_secrets
from gpt_trader_telemetry.exporter.tally import COUNTED, Tally
from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError, opened
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.lines import EVENTS_JSONL
from gpt_trader_telemetry.runtime_data.rows import EVENTS_DB
from gpt_trader_telemetry.runtime_data.metrics import METRICS_JSON, read_metrics_file
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["Profile", "Published", "Stopped"]

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


@dataclass(frozen=True, slots=True)
class Published:
    """What a scrape shows of a profile; made anew by each poll that has something new."""

    profile: str
    caught_up: bool
    samples: tuple[Sample, ...]
    newest: tuple[tuple[str, float], ...]
    """When the newest record of each source was written."""
    troubles: tuple[tuple[str, Trouble | None], ...]
    """Each source with what is wrong with it, if anything."""
    document: Callable[[], dict[str, Any]]
    """Makes what ``/metrics.json`` says."""
    reason: str
    """Why it is not caught up, or how it is."""


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
        self._tell_of = tell
        self._progress = progress
        self._stopping = stopping or threading.Event()
        self.tally = Tally()
        self.position = Position()
        self.skipped = Skipped()
        self.restarts = 0
        self.caught_up = False
        self._newest: dict[str, float] = {}
        self._troubles: dict[str, Trouble | None] = {}
        self._file_seen: Stat = _ABSENT
        self._file_counted: Stat = _ABSENT
        self._database_seen: tuple[Stat, Stat] | None = None
        self._damaged_seen: tuple[Stat, Stat] | None = None
        self._retry_at = 0.0
        self._waited = 0
        self._lines: LinesFollower | None = None
        self._reading = Reading(
            self._take, self._count, self._progressed, self._restarted, self._shortened, self.skipped
        )
        self._lock = threading.Lock()
        self.published = self._publish()

    # Reading

    def poll(self) -> None:
        """Read what is new, and publish it."""
        with self._lock:
            try:
                self._read_file()
                self._read_log()
                self._choose_sources()
            finally:
                self.published = self._publish()

    def _read_file(self) -> None:
        path = self.paths.metrics_json
        seen = _stat_of(path)
        if seen == self._file_seen:
            return
        try:
            # What stays as it is may be read again, and is counted once.
            file = read_metrics_file(path, Skipped() if seen == self._file_counted else self.skipped)
        except UnreadableError as error:
            self._note_trouble(METRICS_JSON, error)
            return
        self._note_trouble(METRICS_JSON, None)
        if file is None:
            self._file_counted = seen
            return  # being rewritten: what it said last still stands, and the next poll looks again
        self._file_seen = seen
        self._newest[METRICS_JSON] = file.at
        self.tally.take_file(file, lambda why: self.skipped.add(METRICS_JSON, why))

    def _read_log(self) -> None:
        try:
            self._read_database()
        except UnreadableError as error:
            self._note_trouble(EVENTS_DB, error)
            if self.position.source == EVENTS_DB:
                if error.trouble is Trouble.CORRUPT:
                    self._caught_up_to("the damage in ", EVENTS_DB)
            elif error.trouble in _ANY_OTHER:
                self._read_lines()

    def _read_database(self) -> None:
        path = self.paths.events_db
        seen = (_stat_of(path), _stat_of(path.with_name(path.name + "-wal")))
        if seen == self._database_seen and _is_quiet(seen):
            return
        is_followed = self.position.source == EVENTS_DB
        if not is_followed and (seen == self._damaged_seen or time.monotonic() < self._retry_at):
            raise UnreadableError(path, Trouble.CORRUPT, "not read again yet")
        with opened(path, busy_timeout=_BUSY_TIMEOUT) as connection:
            connection.execute("SELECT timestamp, event_type, payload, bot_id FROM events LIMIT 0")
            if is_followed:
                followed = follow_rows(connection, self.position, self._reading, _file_of(path))
            else:
                followed = self._try_rows(connection, seen)
            if self.position.source == EVENTS_DB:
                self._database_seen = seen
                self._note_newest(EVENTS_DB, followed.newest)
            if followed.damage is not None:
                raise followed.damage
        self._caught_up_with(EVENTS_DB)

    def _try_rows(self, connection: sqlite3.Connection, seen: tuple[Stat, Stat]) -> Followed:
        """Begin on the database, unless nothing of it can be read, or not all of it and there are lines instead."""
        before, tally, counts = self.position, copy.deepcopy(self.tally), self.skipped.counts.copy()
        began = time.monotonic()
        self.position = Position(EVENTS_DB)
        is_sound = has_lines = False
        try:
            followed = follow_rows(connection, self.position, self._reading, _file_of(self.paths.events_db))
            is_sound = followed.damage is None
            has_lines = not is_sound and _stat_of(self.paths.events_jsonl)[1] > 0
            return followed
        finally:
            read, self.position = self.position, before
            if is_sound or (read.place and not has_lines):
                self._begin(read, self.paths.events_db)
            else:
                self.tally, self.skipped.counts = tally, counts
                if has_lines:  # to read up to the damage may take long: not at each poll
                    self._damaged_seen = seen
                    self._retry_at = time.monotonic() + _RARELY * (time.monotonic() - began)

    def _read_lines(self) -> None:
        path = self.paths.events_jsonl
        if self.position.source != EVENTS_JSONL and path.is_file():
            self._begin(Position(EVENTS_JSONL), path)
        if self._lines is None:
            self._lines = LinesFollower(path, self.position, self._reading)
        try:
            self._lines.poll()
        except UnreadableError as error:
            if error.trouble is not Trouble.ABSENT or self.position.source == EVENTS_JSONL:
                self._note_trouble(EVENTS_JSONL, error)
            return
        self._note_newest(EVENTS_JSONL, self._lines.newest)
        self._caught_up_with(EVENTS_JSONL)

    def _begin(self, position: Position, path: Path) -> None:
        if self.position.source is not None:
            self._tell(f"{path} is there now and is read from its beginning; what was counted before stays counted")
            self.restarts += 1
        if self._lines is not None:
            self._lines.close()
            self._lines = None
            self._troubles.pop(EVENTS_JSONL, None)
        self.position = position

    def _note_newest(self, source: str, newest: float | None) -> None:
        if newest is not None:
            self._newest[source] = newest

    def _caught_up_with(self, source: str) -> None:
        self._note_trouble(source, None)
        self._caught_up_to("", source)

    def _caught_up_to(self, what: str, source: str) -> None:
        if not self.caught_up:
            self._tell(f"caught up with {what}{self._path_of(source)}")
        self.caught_up = True

    def _choose_sources(self) -> None:
        waiting = self._troubles.get(METRICS_JSON) is None and self._file_seen != _stat_of(self.paths.metrics_json)
        self._waited += 1
        if self.caught_up and (not waiting or self._waited > _PATIENCE):
            self.tally.choose_sources()

    # What reading tells

    def _take(self, event: Event) -> None:
        self.tally.take(event, self._note)

    def _count(self, kind: str, number: int) -> None:
        self.tally.counts[COUNTED[kind]] += number

    def _note(self, why: Why) -> None:
        self.skipped.add(str(self.position.source), why)

    def _progressed(self, done: int, total: int) -> None:
        self._progress(done, total)
        if self._stopping.is_set():
            raise Stopped

    def _restarted(self) -> None:
        self.restarts += 1
        self._tell(
            f"{self._path_of(str(self.position.source))} is another log than the one read before; it is read from its "
            "beginning, and what was counted before stays counted"
        )

    def _shortened(self) -> None:
        self._tell(f"{self._path_of(str(self.position.source))} has lost its end; what it has beyond that is read")

    def _note_trouble(self, source: str, error: UnreadableError | None) -> None:
        trouble = None if error is None else error.trouble
        known = self._troubles.get(source)
        if source in self._troubles and known is trouble:
            return
        self._troubles[source] = trouble
        if error is not None and self._is_shown(source, trouble):
            self._tell(str(error))
        elif known is not None:
            self._tell(f"{self._path_of(source)} can be read")

    def _tell(self, line: str) -> None:
        self._tell_of(f"{self.paths.profile}: {line}")

    def _path_of(self, source: str) -> Path:
        return {
            EVENTS_DB: self.paths.events_db,
            EVENTS_JSONL: self.paths.events_jsonl,
            METRICS_JSON: self.paths.metrics_json,
        }[source]

    # Publishing

    def _publish(self) -> Published:
        samples = [Sample("caught_up", (), int(self.caught_up))]
        samples += figure_samples(self.tally, with_log=self.caught_up)
        if self.caught_up:
            samples += log_samples(self.tally)
        troubles = [(source, trouble) for source, trouble in self._troubles.items() if self._is_shown(source, trouble)]
        for source, trouble in troubles:
            samples.append(Sample("source_readable", (("source", source),), int(trouble is None)))
        for (source, why), count in self.skipped.counts.items():
            samples.append(Sample("skipped_records_total", (("source", source), ("reason", why.value)), count))
        samples.append(Sample("log_restarts_total", (), self.restarts))
        document = metrics_document(self.tally, with_log=self.caught_up)
        return Published(
            profile=self.paths.profile,
            caught_up=self.caught_up,
            samples=tuple(samples),
            newest=tuple(self._newest.items()),
            troubles=tuple(troubles),
            document=functools.cache(lambda: without_secrets(document)),
            reason=self._reason(),
        )

    def _is_shown(self, source: str, trouble: Trouble | None) -> bool:
        """Tell whether a source matters: one that was never there does not, unless it is the one waited for."""
        waited_for = source == EVENTS_DB and self.position.source is None
        return trouble is not Trouble.ABSENT or waited_for or source in self._newest

    def _reason(self) -> str:
        found = {source: trouble for source, trouble in self._troubles.items() if trouble}
        followed = self.position.source
        if not self.caught_up and followed is not None:
            return "reading the event log"
        if followed not in found:  # an absent source that is not followed does no harm
            found = {source: trouble for source, trouble in found.items() if trouble is not Trouble.ABSENT}
        if not self.caught_up and EVENTS_DB not in found:
            return "waiting for events.db or events.jsonl"
        return ", ".join(f"{source} is {trouble}" for source, trouble in found.items()) or "following"

    # The cursor

    def as_json(self) -> dict[str, Any]:
        """Return everything that the next start needs, between two polls."""
        with self._lock:
            return {
                "files": self._files(),
                "position": self.position.as_json(),
                "tally": self.tally.as_json(),
                "skipped": [[source, why.value, count] for (source, why), count in self.skipped.counts.items()],
                "restarts": self.restarts,
                "newest": self._newest,
            }

    def restore(self, saved: dict[str, Any]) -> bool:
        """Go on from what ``as_json`` gave; false where that is about other files than this profile's."""
        if saved["files"] != self._files():
            return False
        position = Position.from_json(saved["position"])
        with self._lock:
            self.position = position
            self.tally = Tally.from_json(saved["tally"])
            for source, why, count in saved["skipped"]:
                self.skipped.counts[source, Why(why)] = count
            self.restarts = saved["restarts"]
            self._newest = saved["newest"]
        return True

    def _files(self) -> list[str]:
        return [str(self._path_of(source).resolve()) for source in (EVENTS_DB, EVENTS_JSONL, METRICS_JSON)]

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
