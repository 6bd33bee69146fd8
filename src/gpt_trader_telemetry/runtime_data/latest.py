"""The newest event of a kind before a moment, without reading the log up to there.

A log is in order of time but for a few rows, so the place is found by halving; the rows around it are then looked at.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Final

from gpt_trader_telemetry.runtime_data.column_clock import ColumnClock
from gpt_trader_telemetry.runtime_data.database import opened
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC, BadRecordError, is_wanted
from gpt_trader_telemetry.runtime_data.rows import COLUMNS, LAST_ID, Row

__all__ = ["earlier_events", "latest_event"]

_LOOKED_AT: Final = 2000
"""Rows that are looked at: the one that is sought is nearly always among the first."""
_DISORDER: Final = 100
"""Rows of the kind by which an event may be out of the order of time."""


def latest_event(
    paths: ProfilePaths,
    kind: str,
    before: float,
    accept: Callable[[Event], bool] = lambda _event: True,
    *,
    containing: str = "",
) -> Event | None:
    """Return the newest event of a kind that happened before a moment, from ``events.db``; None where none is found.

    Args:
        paths: the profile's files.
        kind: the event's kind; ``metric`` is whatever a metric row wraps.
        before: seconds since 1970.
        containing: what its payload has somewhere as text; rows without it are passed over quickly.
        accept: tells whether an event will do.

    Raises:
        UnreadableError: the database cannot be read.
    """
    written = METRIC if kind == CYCLE_METRICS else kind
    with opened(paths.events_db, salvage=True) as connection:
        latest: Event | None = None
        past = 0
        for event in _events(connection, written, _boundary(connection, written, before), _LOOKED_AT, containing):
            if not is_wanted(event, {kind}) or event.at is None or event.at >= before or not accept(event):
                continue
            if latest is None or event.at > (latest.at or 0.0):
                latest = event
            past += 1
            if past > _DISORDER:
                break
        return latest


def earlier_events(paths: ProfilePaths, kinds: Collection[str], before: float) -> list[Event]:
    """Return the newest events of rare kinds that happened before a moment, from ``events.db``, in written order.

    Raises:
        UnreadableError: the database cannot be read.
    """
    with opened(paths.events_db, salvage=True) as connection:
        found = [
            event
            for kind in kinds
            for event in _events(connection, kind, _boundary(connection, kind, before), _LOOKED_AT)
            if event.at is not None and event.at < before
        ]
    return sorted(found, key=lambda event: event.position)


def _boundary(connection: sqlite3.Connection, written: str, before: float) -> int:
    """Return an id that is above those of the rows of a type that happened before a moment, and of few others."""
    newest = connection.execute("SELECT max(rowid) FROM events WHERE event_type = ?", (written,)).fetchone()[0]
    low, high = 0, newest if isinstance(newest, int) else 0
    while low < high:
        middle = (low + high + 1) // 2
        found = next((event for event in _events(connection, written, middle, 10) if event.at is not None), None)
        if found is None or found.at is None or found.at < before:
            low = middle
        else:
            high = middle - 1
    after = connection.execute(
        "SELECT rowid FROM events WHERE event_type = ? AND rowid > ? ORDER BY rowid LIMIT 1 OFFSET ?",
        (written, low, _DISORDER),
    ).fetchone()
    return after[0] if after is not None and isinstance(after[0], int) else LAST_ID


def _events(
    connection: sqlite3.Connection, written: str, upto: int, most: int, containing: str = ""
) -> Iterator[Event]:
    """Yield the events of a type with ids up to one, the last first; a bad row is for the log's reader to count."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM events WHERE event_type = ? AND rowid <= ? "  # noqa: S608 - ours
        "AND instr(payload, ?) ORDER BY rowid DESC LIMIT ?",
        (written, upto, containing, most),
    )
    clock: ColumnClock | None = None
    for values in rows:
        row = Row(*values)
        with suppress(BadRecordError):
            event = row.event()
            if event.at is None:
                clock = clock or ColumnClock(connection, row.id)
                event = event._replace(at=clock.time_of(row.written))
            yield event
