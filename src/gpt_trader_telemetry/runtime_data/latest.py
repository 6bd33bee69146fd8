"""The newest event of a kind before a moment, without reading the log up to there."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from gpt_trader_telemetry.runtime_data.database import opened
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.log import _COLUMNS, Row
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC, BadRecordError

__all__ = ["latest_event"]

_LOOKED_AT: Final = 2000
"""Rows that are looked at: the one that is sought is nearly always the first."""
_DISORDER: Final = 100
"""Rows by which an event may be out of the order of time."""
_SLACK: Final = 86_400.0
"""Seconds by which the time column may be ahead: the host's offset from UTC."""


def latest_event(
    paths: ProfilePaths, kind: str, before: float, accept: Callable[[Event], bool] = lambda _event: True
) -> Event | None:
    """Return the newest event of a kind that happened before a moment, from ``events.db``; None where none is found.

    Args:
        paths: the profile's files.
        kind: the event's kind.
        before: seconds since 1970.
        accept: tells whether an event will do.

    Raises:
        UnreadableError: the database cannot be read.
    """
    latest: Event | None = None
    bound = datetime.fromtimestamp(before + _SLACK, UTC)
    query = (
        f"SELECT {_COLUMNS} FROM events WHERE event_type = ? AND +timestamp < ? "  # noqa: S608 - ours
        "ORDER BY rowid DESC"
    )  # the plus keeps SQLite to the index by type, which is in the order of ids
    written = METRIC if kind == CYCLE_METRICS else kind
    with (
        opened(paths.events_db) as connection,
        closing(connection.execute(query, (written, f"{bound:%Y-%m-%d %H:%M:%S}"))) as rows,
    ):
        for row in islice(rows, _LOOKED_AT):
            if latest is not None and row[0] < latest.position - _DISORDER:
                break
            try:
                event = Row(*row).event()
            except BadRecordError:
                continue  # whoever reads the log itself counts it
            if event.kind != kind or event.at is None or event.at >= before or not accept(event):
                continue
            if latest is None or event.at > (latest.at or 0.0):
                latest = event
    return latest
