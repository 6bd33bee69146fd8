"""Follows ``events.db``: each poll reads the rows that are new."""

import sqlite3
from contextlib import suppress
from typing import NamedTuple

from gpt_trader_telemetry.exporter.position import Position, Reading
from gpt_trader_telemetry.exporter.superseded import Superseded
from gpt_trader_telemetry.exporter.tally import COUNTED, KINDS
from gpt_trader_telemetry.runtime_data.log import (
    EVENTS_DB,
    WINDOW,
    Window,
    first_id,
    greatest_id,
    last_id,
    newest_upto,
    read_window,
    row_at,
    time_of,
)
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why


class Followed(NamedTuple):
    """How far a read came."""

    newest: float | None
    """When the newest row that was read was written."""
    damage: Exception | None
    """What SQLite says of a damaged place, where there is one; all rows before it were taken."""


def follow_rows(connection: sqlite3.Connection, position: Position, reading: Reading, file: str) -> Followed:
    """Take the new rows and move ``position`` on; ``file`` tells the database's file from any other.

    Rows are taken and the position is moved window by window, so an error in between neither loses nor repeats any.
    """
    damage = None
    try:
        _follow(connection, position, reading, file)
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        damage = error
    newest = None
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        row = newest_upto(connection, position.place)
        newest = None if row is None else time_of(connection, row)
    return Followed(newest, damage)


def _follow(connection: sqlite3.Connection, position: Position, reading: Reading, file: str) -> None:
    last = last_id(connection)  # where the end is damaged, above any: then reading goes on to the damage
    file = f"{file}:{_made(connection)}"
    if not _is_same_log(connection, position, file):
        _resume(connection, position, reading)
    position.file = file
    _count_pruned(connection, position, reading.skipped)
    began, total = position.place, min(last, greatest_id(connection))
    while position.place < last:
        first = first_id(connection, position.place)
        if first is None:
            return
        window, marks, skipped = _read(connection, first, last)
        for kind, number in window.counts.items():
            reading.count(kind, number)
        for event in window.events:
            reading.take(event)
        reading.skipped.counts.update(skipped.counts)
        before = position.place
        position.move(marks)
        if position.place <= before:  # a damaged tree leads back: reading on would never end
            raise sqlite3.DatabaseError("the log's rows are out of order")
        reading.progress(position.place - began, max(total, position.place) - began)


def _read(connection: sqlite3.Connection, first: int, last: int) -> tuple[Window, list[tuple[int, str]], Skipped]:
    """Read a window that begins with the row ``first``; where it holds damage, the part before that.

    Return it with the places it moves on to and what was skipped in it.
    """
    end = min(last, first + WINDOW - 1)
    while True:
        skipped = Skipped()
        try:
            window = read_window(
                connection, first - 1, end, KINDS, skipped=skipped, counted=COUNTED, superseded=Superseded()
            )
            reached = newest_upto(connection, window.upto)
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            if end <= first:
                raise
            end = first + (end - first) // 2
        else:
            marks = [(row.id, row.fingerprint) for row in window.newest]
            return window, marks if reached is None else [*marks, (reached.id, reached.fingerprint)], skipped


def _made(connection: sqlite3.Connection) -> str:
    """Return when the bot made the database, as it notes; file systems soon give an inode to another file."""
    try:
        made = connection.execute("SELECT min(applied_at) FROM schema_version").fetchone()[0]
    except sqlite3.OperationalError:  # no such table
        return ""
    return made.decode("utf-8", "replace") if isinstance(made, bytes) else ""


def _is_same_log(connection: sqlite3.Connection, position: Position, file: str) -> bool:
    if not position.place:
        return True
    row = row_at(connection, position.place)
    if row is not None:
        return row.fingerprint == position.mark
    # A row that is gone from a log that has gone on was pruned; ids are never given twice. In another file it is rather
    # another log: to be wrong there counts nothing twice, since all before a pruned row is gone, too.
    return greatest_id(connection) >= position.place and position.file in {None, file}


def _resume(connection: sqlite3.Connection, position: Position, reading: Reading) -> None:
    def stands(place: int, mark: str) -> bool:
        row = row_at(connection, place)
        return row is not None and row.fingerprint == mark

    if position.go_back(stands):
        reading.shortened()
    else:
        reading.restarted()


def _count_pruned(connection: sqlite3.Connection, position: Position, skipped: Skipped) -> None:
    if not position.place:
        return
    first = first_id(connection, position.place)
    if first is not None and first > position.place + 1:
        # The bot numbers its rows without gaps.
        skipped.add(EVENTS_DB, Why.PRUNED, first - position.place - 1)
