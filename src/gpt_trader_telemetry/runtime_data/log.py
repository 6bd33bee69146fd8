"""The table ``events`` of ``events.db``, read in windows of ids, so that no read lasts and memory is bounded."""

import hashlib
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import LARGEST, BadRecordError, event_of_row, written_kinds
from gpt_trader_telemetry.runtime_data.skipped import Skipped

__all__ = [
    "EVENTS_DB",
    "Row",
    "events_between",
    "events_in_window",
    "first_id",
    "first_id_written_since",
    "last_id",
    "newest",
    "row_at",
]

EVENTS_DB: Final = "events_db"
"""What this source is called."""
WINDOW: Final = 20_000
"""Ids that are looked at at a time."""
_BYTES: Final = 4 << 20
"""Bytes of payloads after which a window is cut short."""
_LAST_ID: Final = 2**63 - 1

_COLUMNS: Final = f"rowid, timestamp, event_type, iif(length(CAST(payload AS BLOB)) > {LARGEST}, NULL, payload), bot_id"


class Row(NamedTuple):
    """One row as it stands."""

    id: int
    written: Any
    kind: Any
    payload: Any
    bot_id: Any

    def event(self) -> Event:
        """Return the event that it is; raise BadRecordError."""
        return event_of_row(*self)

    @property
    def fingerprint(self) -> str:
        """What tells this row from any other that may come to have its id."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:32]


def newest(connection: sqlite3.Connection) -> Row | None:
    """Return the row that was written last."""
    return _one(connection, "ORDER BY rowid DESC LIMIT 1")


def row_at(connection: sqlite3.Connection, row_id: int) -> Row | None:
    """Return the row with this id."""
    return _one(connection, "WHERE rowid = ?", row_id)


def _one(connection: sqlite3.Connection, where: str, *values: object) -> Row | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM events {where}", values).fetchone()  # noqa: S608 - ours
    if row is None or not isinstance(row[0], int):
        return None
    return Row(*row)


def last_id(connection: sqlite3.Connection) -> int:
    """Return the last id; where the end of the file is damaged, one that is above any."""
    try:
        row = newest(connection)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        return _LAST_ID
    return 0 if row is None else row.id


def first_id(connection: sqlite3.Connection, after: int) -> int | None:
    """Return the first id above ``after``."""
    found = connection.execute("SELECT min(rowid) FROM events WHERE rowid > ?", (after,)).fetchone()[0]
    return found if isinstance(found, int) else None


def first_id_written_since(connection: sqlite3.Connection, written: str) -> int:
    """Return an id below which nothing was written since a time, by the column's own clock; 0 where it cannot tell."""
    found = connection.execute(
        "SELECT min(rowid) FROM events WHERE timestamp >= ? OR timestamp < '1970'", (written,)
    ).fetchone()[0]
    return found - 1 if isinstance(found, int) and found > 0 else _LAST_ID if found is None else 0


def events_in_window(
    connection: sqlite3.Connection, after: int, upto: int, kinds: Collection[str] | None, skipped: Skipped
) -> tuple[list[Event], int]:
    """Return events with ids above ``after`` and at most ``upto``, and the id up to which everything was read."""
    first = first_id(connection, after)
    if first is None or first > upto:
        return [], upto
    last = min(first + WINDOW - 1, upto)
    events = []
    rows, last = _rows(connection, first, last, kinds)
    for row in rows:
        try:
            event = row.event()
        except BadRecordError as error:
            skipped.add(EVENTS_DB, error.why)
            continue
        if kinds is None or event.kind in kinds:
            events.append(event)
    return events, last


def _rows(
    connection: sqlite3.Connection, first: int, last: int, kinds: Collection[str] | None
) -> tuple[list[Row], int]:
    written = sorted(written_kinds(kinds)) if kinds is not None else []
    chosen = f"AND event_type IN ({', '.join('?' * len(written))})" if kinds is not None else ""
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE rowid BETWEEN ? AND ? {chosen} ORDER BY rowid",  # noqa: S608 - ours
        (first, last, *written),
    )
    rows: list[Row] = []
    size = 0
    for row in cursor:
        found = Row(*row)
        rows.append(found)
        size += len(found.payload) if isinstance(found.payload, bytes) else 0
        if size > _BYTES:
            last = found.id
            break
    cursor.close()
    return rows, last


def events_between(
    connection: sqlite3.Connection, after: int, upto: int, kinds: Collection[str] | None, skipped: Skipped
) -> Iterator[Event]:
    """Yield events with ids above ``after`` and at most ``upto``, in the order in which they were written."""
    while after < upto:
        events, after = events_in_window(connection, after, upto, kinds, skipped)
        yield from events
