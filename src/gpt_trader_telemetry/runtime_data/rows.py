"""Single rows of the table ``events`` of ``events.db``: what stands in them, and which there are."""

import hashlib
import sqlite3
from typing import Any, Final, NamedTuple

from gpt_trader_telemetry.runtime_data.database import DamageError, telling_damage
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import LARGEST, event_of_row

__all__ = [
    "COLUMNS",
    "EVENTS_DB",
    "LAST_ID",
    "Row",
    "first_id",
    "first_id_past_damage",
    "first_id_written_since",
    "greatest_id",
    "last_id",
    "newest",
    "newest_upto",
    "row_at",
]

EVENTS_DB: Final = "events_db"
"""What this source is called."""
LAST_ID: Final = 2**63 - 1
COLUMNS: Final = f"rowid, timestamp, event_type, iif(length(CAST(payload AS BLOB)) > {LARGEST}, NULL, payload), bot_id"

_STEP: Final = 8
"""Ids between two looks for the end of a damaged place: fewer than a page has rows."""
_LOOKS: Final = 2000
"""Looks after which the steps grow: what is as large as that has hardly a sound page in it."""
_LOOKS_A_PAGE: Final = 16
"""Looks that a small file is worth, for each of its pages."""


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
    row = connection.execute(f"SELECT {COLUMNS} FROM events {where}", values).fetchone()  # noqa: S608 - ours
    if row is None or not isinstance(row[0], int):
        return None
    return Row(*row)


def last_id(connection: sqlite3.Connection) -> int:
    """Return the last id; where the end of the file is damaged, the last that was given, or one that is above any."""
    try:
        with telling_damage():
            row = newest(connection)
    except DamageError:
        return _given(connection) or LAST_ID
    return 0 if row is None else row.id


def greatest_id(connection: sqlite3.Connection) -> int:
    """Return the greatest id that was ever given, also to rows that are gone; 0 if none was."""
    given = _given(connection)
    if given is not None:
        return given
    row = newest(connection)
    return 0 if row is None else row.id


def _given(connection: sqlite3.Connection) -> int | None:
    """Return the greatest id that was ever given, where the database notes it."""
    try:
        with telling_damage():
            kept = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    except (sqlite3.OperationalError, DamageError):  # ids are not AUTOINCREMENT, or that page is damaged
        return None
    return kept[0] if kept is not None and isinstance(kept[0], int) else None


def first_id(connection: sqlite3.Connection, after: int) -> int | None:
    """Return the first id above ``after``.

    Raises:
        DamageError: what comes there is damaged.
    """
    if after >= LAST_ID:
        return None
    with telling_damage():
        # At least the next one: to look for what is above one would touch the page of that one, too.
        found = connection.execute("SELECT min(rowid) FROM events WHERE rowid >= ?", (after + 1,)).fetchone()[0]
        if not isinstance(found, int):
            return None
        if found <= after:  # a damaged tree may lead back into itself
            raise DamageError("ids are not in order")
        return found


def first_id_past_damage(connection: sqlite3.Connection, after: int, upto: int) -> int | None:
    """Return the first id above ``after``, where a damaged place comes next, that can be found; None where none can.

    SQLite finds a page by those above it, so what lies behind a damaged page can be found as well as what lies before.
    """
    blind, place, step = after, after + 1, 1
    looks = min(_LOOKS, _LOOKS_A_PAGE * connection.execute("PRAGMA page_count").fetchone()[0])
    while place < upto:
        looks -= 1
        found = _look(connection, place)
        if found is not None:
            return _edge(connection, blind, place) or None
        blind = place
        step = step * 2 if step < _STEP or looks < 0 else _STEP
        place = min(place + step, upto)
    return None


def _edge(connection: sqlite3.Connection, blind: int, seeing: int) -> int:
    """Return the first id that is found from between a place from where none is and one from where one is."""
    while seeing - blind > 1:
        middle = (blind + seeing) // 2
        if _look(connection, middle) is None:
            blind = middle
        else:
            seeing = middle
    return _look(connection, seeing) or 0


def _look(connection: sqlite3.Connection, after: int) -> int | None:
    """Return the first id above ``after``, 0 where there is none, None where that is damaged."""
    try:
        return first_id(connection, after) or 0
    except DamageError:
        return None


def first_id_written_since(connection: sqlite3.Connection, written: str) -> int:
    """Return an id below which nothing was written since a time, by the column's own clock; 0 where it cannot tell."""
    try:
        with telling_damage():
            found = connection.execute(
                "SELECT min(rowid) FROM events WHERE timestamp >= ? OR timestamp < '1970'", (written,)
            ).fetchone()[0]
    except DamageError:
        return 0
    return found - 1 if isinstance(found, int) and found > 0 else LAST_ID if found is None else 0
