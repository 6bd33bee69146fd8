"""When a row of ``events.db`` was written, where its payload does not tell."""

import sqlite3
import statistics
from collections.abc import Hashable
from contextlib import suppress
from typing import Final

from gpt_trader_telemetry.runtime_data.database import DamageError, telling_damage
from gpt_trader_telemetry.runtime_data.record import BadRecordError, column_time
from gpt_trader_telemetry.runtime_data.rows import COLUMNS, LAST_ID, Row

__all__ = ["ColumnClock", "time_of"]

_NEARBY: Final = 500
_QUARTER: Final = 900
_SLOW: Final = 60
"""Seconds that a bot may take from noting a time to writing the row."""
_FURTHEST: Final = 14 * 3600


class ColumnClock:
    """Reads the time column, which on SQLite 3.40 is off by the host's distance from UTC.

    How far it is off shows in rows nearby that have a time in their payload too.
    """

    def __init__(self, connection: sqlite3.Connection, near: int) -> None:
        self._connection = connection
        self._near = near
        self._ahead: float | None = None

    def time_of(self, written: Hashable) -> float | None:
        """Return when a row was written, seconds since 1970."""
        column = column_time(written)
        if column is None:
            return None
        if self._ahead is None:
            self._ahead = self._measured()
        return column - self._ahead

    def _measured(self) -> float:
        found: list[float] = []
        # Nearby damage is for the reader to find; what was measured before it holds.
        with suppress(DamageError), telling_damage():
            for row in self._connection.execute(
                f"SELECT {COLUMNS} FROM events WHERE rowid BETWEEN ? AND ?"  # noqa: S608 - ours
                " AND +event_type IN ('heartbeat', 'price_tick', 'metric', 'runtime_start') LIMIT 5",
                (max(0, self._near - _NEARBY), min(LAST_ID, self._near + _NEARBY)),
            ):
                ahead = _ahead(Row(*row))
                if ahead is not None:
                    found.append(ahead)
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
