"""The table ``events`` of ``events.db``, read in windows of ids, so that no read lasts and memory is bounded."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from gpt_trader_telemetry.runtime_data.column_clock import ColumnClock
from gpt_trader_telemetry.runtime_data.database import DamageError, telling_damage
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import LARGEST, BadRecordError, is_wanted, written_kinds
from gpt_trader_telemetry.runtime_data.rows import (
    COLUMNS,
    EVENTS_DB,
    LAST_ID,
    Row,
    first_id,
    first_id_past_damage,
    newest_upto,
)
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["MOST_NEWEST", "WINDOW", "Counted", "Superseded", "Window", "events_between", "read_window"]

WINDOW: Final = 20_000
"""Ids that are looked at at a time."""
_BYTES: Final = 4 << 20
"""Bytes of payloads after which a window is cut short."""
MOST_NEWEST: Final = 256
"""Rows that a window hands out as its newest."""
_IS_OBJECT: Final = (
    f"typeof(payload) = 'text' AND length(CAST(payload AS BLOB)) <= {LARGEST} AND json_valid(payload)"
    " AND json_type(payload) = 'object'"
)
"""What a payload is that counts; the rest is looked at one by one, for the reason."""


class Window(NamedTuple):
    """What was read of a range of ids."""

    events: list[Event]
    newest: list[Row]
    """The last rows of the types asked for, bad ones included, and the last of all, in order."""
    counts: dict[str, int]
    """How many rows were counted, by type."""
    upto: int
    """The id up to which everything was read that can be."""
    lost: int = 0
    """Ids that damage hides: then nothing else was read. At the end of a log whose last id is not known it is 1."""


class Superseded(Protocol):
    """Decides which rows of a window need not be parsed; asked from the newest to the oldest."""

    def is_superseded(self, row: Row) -> bool:
        """Tell whether nothing of a row can matter."""

    def met(self, event: Event) -> None:
        """Take note of the event of a row that was parsed."""


Counted = Mapping[str, Collection[str]]
"""Types of rows that are only counted; where a type has names, rows whose ``status`` is one of them."""


class _Asked(NamedTuple):
    """What is looked for in a window."""

    written: Collection[str] | None
    counted: Counted
    superseded: Superseded | None


def read_window(
    connection: sqlite3.Connection,
    after: int,
    upto: int,
    written: Collection[str] | None,
    *,
    skipped: Skipped,
    counted: Counted | None = None,
    superseded: Superseded | None = None,
) -> Window:
    """Read events with ids above ``after`` and at most ``upto``; where damage comes first, tell how much it hides.

    ``written`` are the types to look for in the table; of a ``metric`` that comes whatever it wraps. Rows of the types
    ``counted`` whose payload is a JSON object are counted by the database and not made events of.

    What the window says of itself holds on a damaged tree, too: all ids are above ``after``, in order, and ``upto`` is,
    so that reading on from there ends.
    """
    asked = _Asked(written, counted or {}, superseded)
    connection.execute("BEGIN")  # the bot may prune between two statements
    try:
        first = first_id(connection, after)
        if first is None or first > upto:
            return Window([], [], {}, upto)
        return _read(connection, first, upto, asked, skipped)
    except DamageError:
        return _hidden(connection, after, upto)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _hidden(connection: sqlite3.Connection, after: int, upto: int) -> Window:
    beyond = first_id_past_damage(connection, after, upto)
    if beyond is not None and beyond <= upto:
        return Window([], [], {}, beyond - 1, beyond - 1 - after)
    return Window([], [], {}, upto, 1 if upto == LAST_ID else upto - after)


def _read(connection: sqlite3.Connection, first: int, upto: int, asked: _Asked, skipped: Skipped) -> Window:
    """Read a window that begins with the row ``first``, or up to the damage in it."""
    last = min(first + WINDOW - 1, upto)
    while True:
        try:
            with telling_damage():
                rows, end, newest_rows, counts = _read_range(connection, first, last, asked)
            break
        except DamageError:
            if last == first:
                return Window([], [], {}, first, 1)
            last = first + (last - first) // 2
    return Window(_events(rows, ColumnClock(connection, first), skipped, asked.superseded), newest_rows, counts, end)


def _read_range(
    connection: sqlite3.Connection, first: int, last: int, asked: _Asked
) -> tuple[list[Row], int, list[Row], dict[str, int]]:
    """Return the rows to make events of, the id up to which they go, the newest rows, and the counts."""
    rows, last = _rows(connection, first, last, asked)
    counts, newest_rows = _counts(connection, first, last, asked.counted)
    for row in rows:  # of these kinds, the ones that are no objects
        if isinstance(row.kind, bytes) and (kind := row.kind.decode("utf-8", "replace")) in counts:
            counts[kind] -= 1
    reached = newest_upto(connection, last)
    if reached is None:
        raise DamageError("the rows of a range are gone")
    newest_rows = sorted({*newest_rows, *rows[-MOST_NEWEST:], reached}, key=lambda row: row.id)
    if newest_rows[0].id < first or newest_rows[-1].id > last:
        raise DamageError("ids are not in order")
    return rows, last, newest_rows[-MOST_NEWEST:], counts


def _events(rows: list[Row], clock: ColumnClock, skipped: Skipped, superseded: Superseded | None) -> list[Event]:
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


def _rows(connection: sqlite3.Connection, first: int, last: int, asked: _Asked) -> tuple[list[Row], int]:
    """Return the rows to make events of and the id up to which they go: they end early where damage comes."""
    chosen, values = _chosen(asked)
    within, ends = _within(first, last)
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM events NOT INDEXED WHERE {within} {chosen} ORDER BY rowid",  # noqa: S608 - ours
        (*ends, *values),
    )
    rows: list[Row] = []
    size = 0
    try:
        with telling_damage():
            for row in cursor:
                found = Row(*row)
                if found.id < (rows[-1].id + 1 if rows else first):
                    raise DamageError("ids are not in order")
                rows.append(found)
                size += len(found.payload) if isinstance(found.payload, bytes) else 0
                if size > _BYTES:
                    return rows, found.id
    except DamageError:
        if not rows or rows[-1].id >= last:
            raise
        return rows, rows[-1].id
    finally:
        cursor.close()
    return rows, last


def _chosen(asked: _Asked) -> tuple[str, list[str]]:
    """Return the condition on rows to make events of, and what stands for its marks."""
    condition, values = "", []
    if asked.written is not None:
        condition, values = f"AND event_type IN ({_marks(asked.written)})", sorted(asked.written)
    if asked.counted:
        condition += f" AND NOT (event_type IN ({_marks(asked.counted)}) AND CASE WHEN NOT ({_IS_OBJECT}) THEN 0"
        values += sorted(asked.counted)
        for kind, statuses in asked.counted.items():
            if statuses:
                status = "lower(json_extract(payload, '$.status'))"
                condition += f" WHEN event_type = ? THEN coalesce({status} IN ({_marks(statuses)}), 0)"
                values += [kind, *statuses]
        condition += " ELSE 1 END)"
    return condition, values


def _counts(
    connection: sqlite3.Connection, first: int, last: int, counted: Collection[str]
) -> tuple[dict[str, int], list[Row]]:
    """Return how many rows of these kinds there are, and the newest of them."""
    if not counted:
        return {}, []
    within, ends = _within(first, last)
    where = f"WHERE {within} AND event_type IN ({_marks(counted)})"
    values = (*ends, *sorted(counted))
    counts = connection.execute(
        f"SELECT event_type, count(*) FROM events {where} GROUP BY event_type",  # noqa: S608 - ours
        values,
    ).fetchall()
    newest_rows = connection.execute(
        f"SELECT {COLUMNS} FROM events {where} ORDER BY rowid DESC LIMIT {MOST_NEWEST}",  # noqa: S608 - ours
        values,
    ).fetchall()
    if not all(isinstance(kind, bytes) for kind, _ in counts):
        raise DamageError("a type that was asked for as text is none")  # an index and its table do not agree
    return {kind.decode(): count for kind, count in counts}, [Row(*row) for row in newest_rows]


def _within(first: int, last: int) -> tuple[str, tuple[int, ...]]:
    """Return the condition on ids; for one alone SQLite does not look at what follows, which may be damaged."""
    return ("rowid = ?", (first,)) if first == last else ("rowid BETWEEN ? AND ?", (first, last))


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))


def events_between(
    connection: sqlite3.Connection, after: int, upto: int, kinds: Collection[str] | None, skipped: Skipped
) -> Iterator[Event]:
    """Yield events of these kinds with ids above ``after`` and at most ``upto``, in the order of their writing.

    Raises:
        DamageError: nothing of them can be read.
    """
    written = None if kinds is None else written_kinds(kinds)
    lost, is_read = 0, False
    while after < upto:
        window = read_window(connection, after, upto, written, skipped=skipped)
        after, lost = window.upto, lost + window.lost
        is_read = is_read or bool(window.newest)
        if is_read and lost:
            skipped.add(EVENTS_DB, Why.DAMAGED, lost)
            lost = 0
        yield from (event for event in window.events if is_wanted(event, kinds))
    if lost:
        raise DamageError("none of its rows can be read")
