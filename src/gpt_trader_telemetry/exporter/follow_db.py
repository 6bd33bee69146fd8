"""Follows ``events.db``: each poll reads the rows that are new."""

import sqlite3
from contextlib import suppress
from typing import NamedTuple

from gpt_trader_telemetry.exporter.position import Position, Reading
from gpt_trader_telemetry.exporter.superseded import Superseded
from gpt_trader_telemetry.exporter.tally import COUNTED_ROWS, KINDS
from gpt_trader_telemetry.runtime_data.column_clock import time_of
from gpt_trader_telemetry.runtime_data.database import DamageError, telling_damage
from gpt_trader_telemetry.runtime_data.log import read_window
from gpt_trader_telemetry.runtime_data.rows import (
    EVENTS_DB,
    first_id,
    greatest_id,
    last_id,
    newest_upto,
    row_at,
)
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why


class Followed(NamedTuple):
    """How far a read came."""

    newest: float | None
    """When the newest row that was read was written."""
    damage: DamageError | None
    """What is to be said where the database is damaged; all rows that can be read were taken."""


def follow_rows(connection: sqlite3.Connection, position: Position, reading: Reading, file: str) -> Followed:
    """Take the new rows and move ``position`` on; ``file`` tells the database's file from any other.

    Rows are taken and the position is moved window by window, so an error in between neither loses nor repeats any.
    """
    damage = None
    try:
        with telling_damage():
            _follow(connection, position, reading, file)
    except DamageError as error:
        damage = error
    if position.lost:
        damage = DamageError("some of its rows cannot be read")
    newest = None
    with suppress(DamageError), telling_damage():
        row = newest_upto(connection, position.place)
        newest = None if row is None else time_of(connection, row)
    return Followed(newest, damage)


def _follow(connection: sqlite3.Connection, position: Position, reading: Reading, file: str) -> None:
    last = last_id(connection)
    file = f"{file}:{_made(connection)}"
    if not _is_same_log(connection, position, file):
        _resume(connection, position, reading)
    position.file = file
    _count_pruned(connection, position, reading.skipped)
    began = after = position.place
    while after < last:
        skipped = Skipped()
        window = read_window(
            connection, after, last, KINDS, skipped=skipped, counted=COUNTED_ROWS, superseded=Superseded()
        )
        after = window.upto
        for kind, number in window.counts.items():
            reading.count(kind, number)
        for event in window.events:
            reading.take(event)
        if window.lost:
            skipped.add(EVENTS_DB, Why.DAMAGED, position.lose(after, window.lost))
        reading.skipped.counts.update(skipped.counts)
        position.move([(row.id, row.fingerprint) for row in window.newest])
        reading.progress(after - began, last - began)


def _made(connection: sqlite3.Connection) -> str:
    """Return when the bot made the database, as it notes; file systems soon give an inode to another file."""
    try:
        with telling_damage():
            made = connection.execute("SELECT min(applied_at) FROM schema_version").fetchone()[0]
    except (sqlite3.OperationalError, DamageError):  # no such table, or not to be read
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
    with suppress(DamageError):  # what is hidden there is counted as that
        first = first_id(connection, position.place)
        if first is not None and first > position.place + 1:
            # The bot numbers its rows without gaps.
            skipped.add(EVENTS_DB, Why.PRUNED, first - position.place - 1)
