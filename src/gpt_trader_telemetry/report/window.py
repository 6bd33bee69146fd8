"""The stretch of time that a report is about."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from gpt_trader_telemetry.errors import UsageError

MAX_LOOKBACK_HOURS: Final = 24 * 366.0


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` up to, and without, ``end``: seconds since 1970 UTC."""

    day: date
    start: float
    end: float

    def __contains__(self, at: float) -> bool:
        """Tell whether a moment is within."""
        return self.start <= at < self.end

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.end - self.start) / 3600.0


def window_of(day: date | None, now: datetime, lookback_hours: float = 24.0) -> Window:
    """Return the window that ends with ``day`` (UTC), or now where that is today, the default.

    Raises:
        UsageError: a day that has not begun, or no length of time.

    >>> now = datetime(2026, 2, 6, 9, 30, tzinfo=UTC)
    >>> window_of(date(2026, 2, 5), now).hours, window_of(None, now, 1).end == now.timestamp()
    (24.0, True)
    """
    today = now.astimezone(UTC).date()
    day = today if day is None else day
    if day > today:
        raise UsageError(f"{day} has not begun: by the clock it is {today} (UTC)")
    if not 0 < lookback_hours <= MAX_LOOKBACK_HOURS:
        raise UsageError(f"a lookback of {lookback_hours:g} hours is none; give more than 0, and a year at the most")
    end = now
    if day < today:
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return Window(day, end.timestamp() - lookback_hours * 3600.0, end.timestamp())
