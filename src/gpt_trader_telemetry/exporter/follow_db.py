"""Follows ``events.db``: each poll reads the rows that are new."""

import sqlite3

from gpt_trader_telemetry.exporter.position import Position, Reading
from gpt_trader_telemetry.exporter.superseded import Superseded
from gpt_trader_telemetry.exporter.tally import COUNTED, KINDS
from gpt_trader_telemetry.runtime_data.log import (
    EVENTS_DB,
    first_id,
    greatest_id,
    newest,
    newest_upto,
    read_window,
    row_at,
    time_of,
)
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why


def follow_rows(connection: sqlite3.Connection, position: Position, reading: Reading) -> float | None:
    """Take the new rows and move ``position`` on; return the time of the newest row.

    Rows are taken and the position is moved window by window, so an error in between neither loses nor repeats any.
    """
    last = newest(connection)
    if not _is_same_log(connection, position):
        _resume(connection, position, reading)
    if last is None:
        return None
    _count_pruned(connection, position, reading.skipped)
    began = position.place
    while position.place < last.id:
        window = read_window(
            connection,
            position.place,
            last.id,
            KINDS,
            skipped=reading.skipped,
            counted=COUNTED,
            superseded=Superseded(),
        )
        reached = last if window.upto >= last.id else newest_upto(connection, window.upto)
        for kind, number in window.counts.items():
            reading.count(kind, number)
        for event in window.events:
            reading.take(event)
        position.move([(row.id, row.fingerprint) for row in window.newest])
        if reached is not None:
            position.move([(reached.id, reached.fingerprint)])
        reading.progress(position.place - began, last.id - began)
    return time_of(connection, last)


def _is_same_log(connection: sqlite3.Connection, position: Position) -> bool:
    if not position.place:
        return True
    row = row_at(connection, position.place)
    if row is not None:
        return row.fingerprint == position.mark
    # A row that is gone from a log that has gone on was pruned; ids are never given twice.
    return greatest_id(connection) >= position.place


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
