"""The table ``events`` of ``events.db``, read in windows of ids, so that no read lasts and memory is bounded."""

import hashlib
import sqlite3
import statistics
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import LARGEST, BadRecordError, column_time, event_of_row, written_kinds
from gpt_trader_telemetry.runtime_data.skipped import Skipped

__all__ = [
    "EVENTS_DB",
    "ColumnClock",
    "Row",
    "Superseded",
    "Window",
    "events_between",
    "first_id",
    "first_id_written_since",
    "greatest_id",
    "last_id",
    "newest",
    "newest_upto",
    "read_window",
    "row_at",
    "time_of",
]

EVENTS_DB: Final = "events_db"
"""What this source is called."""
WINDOW: Final = 20_000
"""Ids that are looked at at a time."""
_BYTES: Final = 4 << 20
"""Bytes of payloads after which a window is cut short."""
MOST_NEWEST: Final = 256
"""Rows that a window hands out as its newest."""
_IS_OBJECT: Final = (
    f"CASE WHEN typeof(payload) = 'text' AND length(CAST(payload AS BLOB)) <= {LARGEST} AND json_valid(payload)"
    " THEN json_type(payload) = 'object' ELSE 0 END"
)
"""What a payload is that counts; the rest is looked at one by one, for the reason."""
_NEARBY: Final = 500
_QUARTER: Final = 900
_SLOW: Final = 60
"""Seconds that a bot may take from noting a time to writing the row."""
_FURTHEST: Final = 14 * 3600
_DISORDERED: Final = "ids are not in order"
"""As in a damaged tree, which may lead back into itself."""
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
        """Return the event that it is, by its payload's time; raise BadRecordError."""
        return event_of_row(self.id, self.kind, self.payload, self.bot_id)

    @property
    def fingerprint(self) -> str:
        """What tells this row from any other that may come to have its id."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:16]


class Window(NamedTuple):
    """What was read of a range of ids."""

    events: list[Event]
    newest: list[Row]
    """The last rows of the types asked for, bad ones included, in order."""
    counts: dict[str, int]
    """How many rows were counted, by type."""
    upto: int
    """The id up to which everything was read."""


def newest(connection: sqlite3.Connection) -> Row | None:
    """Return the row that was written last."""
    return _one(connection, "ORDER BY rowid DESC LIMIT 1")


def newest_upto(connection: sqlite3.Connection, row_id: int) -> Row | None:
    """Return the last row with at most this id."""
    return _one(connection, "WHERE rowid <= ? ORDER BY rowid DESC LIMIT 1", row_id)


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


def greatest_id(connection: sqlite3.Connection) -> int:
    """Return the greatest id that was ever given, also to rows that are gone; 0 if none was."""
    try:
        kept = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    except sqlite3.OperationalError:  # ids are not AUTOINCREMENT
        kept = None
    if kept is not None and isinstance(kept[0], int):
        return kept[0]
    row = newest(connection)
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


class Superseded(Protocol):
    """Decides which rows of a window need not be parsed; asked from the newest to the oldest."""

    def is_superseded(self, row: Row) -> bool:
        """Tell whether nothing of a row can matter."""

    def met(self, event: Event) -> None:
        """Take note of the event of a row that was parsed."""


def read_window(
    connection: sqlite3.Connection,
    after: int,
    upto: int,
    written: Collection[str] | None,
    *,
    skipped: Skipped,
    counted: Collection[str] = (),
    superseded: Superseded | None = None,
) -> Window:
    """Read events with ids above ``after`` and at most ``upto``.

    ``written`` are the types to look for in the table; of a ``metric`` that comes whatever it wraps. Rows of the types
    ``counted`` whose payload is a JSON object are counted by the database and not made events of.
    """
    connection.execute("BEGIN")  # the bot may prune between two statements
    try:
        while True:
            first = first_id(connection, after)
            if first is None or first > upto:
                return Window([], [], {}, upto)
            if first <= after:
                raise sqlite3.DatabaseError(_DISORDERED)
            last = min(first + WINDOW - 1, upto)
            try:
                rows, last, newest_rows, counts = _read_range(connection, first, last, written, counted)
                break
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) or last == first:
                    raise
                upto = (first + last) // 2  # up to the damage there are good rows
        events = _events(rows, ColumnClock(connection, first), skipped, superseded)
        return Window(events, newest_rows, counts, last)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _read_range(
    connection: sqlite3.Connection, first: int, last: int, written: Collection[str] | None, counted: Collection[str]
) -> tuple[list[Row], int, list[Row], dict[str, int]]:
    """Return the rows to make events of, the id up to which they go, the newest rows, and the counts."""
    rows, last = _rows(connection, first, last, written, counted)
    counts, newest_rows = _counts(connection, first, last, counted)
    for row in rows:  # of these kinds, the ones that are no objects
        if isinstance(row.kind, bytes) and (kind := row.kind.decode("utf-8", "replace")) in counts:
            counts[kind] -= 1
    newest_rows = sorted({*newest_rows, *rows[-MOST_NEWEST:]}, key=lambda row: row.id)
    return rows, last, newest_rows[-MOST_NEWEST:], counts


def _events(rows: list[Row], clock: "ColumnClock", skipped: Skipped, superseded: Superseded | None) -> list[Event]:
    events = []
    for row in reversed(rows):
        if superseded is not None and superseded.is_superseded(row):
            continue
        try:
            event = row.event()
        except BadRecordError as error:
            skipped.add(EVENTS_DB, error.why)
            continue
        if event.at is None:
            event = event._replace(at=clock.time_of(row.written))
        if superseded is not None:
            superseded.met(event)
        events.append(event)
    events.reverse()
    return events


def _rows(
    connection: sqlite3.Connection, first: int, last: int, written: Collection[str] | None, counted: Collection[str]
) -> tuple[list[Row], int]:
    kinds, without = sorted(written or ()), sorted(counted)
    chosen = "" if written is None else f"AND event_type IN ({_marks(kinds)})"
    if without:
        chosen += f" AND NOT (event_type IN ({_marks(without)}) AND {_IS_OBJECT})"
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE rowid BETWEEN ? AND ? {chosen} ORDER BY rowid",  # noqa: S608 - ours
        (first, last, *kinds, *without),
    )
    rows: list[Row] = []
    size = 0
    for row in cursor:
        found = Row(*row)
        if found.id < (rows[-1].id + 1 if rows else first):
            raise sqlite3.DatabaseError(_DISORDERED)
        rows.append(found)
        size += len(found.payload) if isinstance(found.payload, bytes) else 0
        if size > _BYTES:
            last = found.id
            break
    cursor.close()
    return rows, last


def _counts(
    connection: sqlite3.Connection, first: int, last: int, counted: Collection[str]
) -> tuple[dict[str, int], list[Row]]:
    """Return how many rows of these kinds there are, and the newest of them."""
    if not counted:
        return {}, []
    where = f"WHERE rowid BETWEEN ? AND ? AND event_type IN ({_marks(counted)})"
    values = (first, last, *sorted(counted))
    counts = connection.execute(
        f"SELECT event_type, count(*) FROM events {where} GROUP BY event_type",  # noqa: S608 - ours
        values,
    ).fetchall()
    newest_rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events {where} ORDER BY rowid DESC LIMIT {MOST_NEWEST}",  # noqa: S608 - ours
        values,
    ).fetchall()
    return {kind.decode(): count for kind, count in counts}, [Row(*row) for row in newest_rows]


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


class ColumnClock:
    """Reads the time column, which on SQLite 3.40 is off by the host's distance from UTC.

    How far it is off shows in rows nearby that have a time in their payload too.
    """

    def __init__(self, connection: sqlite3.Connection, near: int) -> None:
        self._connection = connection
        self._near = near
        self._ahead: float | None = None

    def time_of(self, written: object) -> float | None:
        """Return when a row was written, seconds since 1970."""
        column = column_time(written)
        if column is None:
            return None
        if self._ahead is None:
            self._ahead = self._measured()
        return column - self._ahead

    def _measured(self) -> float:
        found: list[float] = []
        try:
            for row in self._connection.execute(
                f"SELECT {_COLUMNS} FROM events WHERE rowid BETWEEN ? AND ?"  # noqa: S608 - ours
                " AND +event_type IN ('heartbeat', 'price_tick', 'metric', 'runtime_start') LIMIT 5",
                (max(0, self._near - _NEARBY), min(_LAST_ID, self._near + _NEARBY)),
            ):
                ahead = _ahead(Row(*row))
                if ahead is not None:
                    found.append(ahead)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            # Nearby damage is for the reader to find; what was measured before it holds.
        return statistics.median_low(found) if found else 0.0


def time_of(connection: sqlite3.Connection, row: Row) -> float | None:
    """Return when a row was written, seconds since 1970: its payload's time, else the column's."""
    with suppress(BadRecordError):
        at = row.event().at
        if at is not None:
            return at
    return ColumnClock(connection, row.id).time_of(row.written)


def _ahead(row: Row) -> float | None:
    """Return how far the column is ahead of the payload, in whole quarters of an hour, as offsets from UTC are."""
    column = column_time(row.written)
    with suppress(BadRecordError):
        at = row.event().at
        if column is not None and at is not None:
            ahead = round((column - at) / _QUARTER) * _QUARTER
            if abs(column - at - ahead) <= _SLOW and abs(ahead) <= _FURTHEST:
                return float(ahead)
    return None


def events_between(
    connection: sqlite3.Connection, after: int, upto: int, kinds: Collection[str] | None, skipped: Skipped
) -> Iterator[Event]:
    """Yield events of these kinds with ids above ``after`` and at most ``upto``, in the order of their writing."""
    written = None if kinds is None else written_kinds(kinds)
    while after < upto:
        window = read_window(connection, after, upto, written, skipped=skipped)
        after = window.upto
        yield from (event for event in window.events if kinds is None or event.kind in kinds)
