"""Ages of the timestamps that a bot keeps, in whichever form it keeps them."""

from datetime import UTC, datetime
from typing import Final

from gpt_trader_telemetry.runtime_data.values import unix_time as written_time

FUTURE: Final = 60.0
"""Seconds that a timestamp may be ahead, for clocks that differ; further, it says nothing of its age."""


def unix_time(value: object) -> float | None:
    """Return a timestamp as Unix seconds; None for what is none, which 0 is too.

    Everything that files are read for, and objects: datetimes (naive ones are UTC), whatever is a number.

    >>> unix_time("2026-02-06T00:00:00Z"), unix_time(1770336000000), unix_time(0), unix_time("soon")
    (1770336000.0, 1770336000.0, None, None)
    """
    try:
        if isinstance(value, datetime):
            value = (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
        elif not isinstance(value, str | bool) and hasattr(value, "__float__"):
            value = float(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return written_time(value)


def age_of(value: object, now: float) -> float | None:
    """Return the seconds since a timestamp, 0 for one slightly ahead; None where there is none.

    One further ahead than ``FUTURE`` has a negative age: its clock cannot be believed.
    """
    then = unix_time(value)
    if then is None:
        return None
    age = now - then
    return 0.0 if -FUTURE <= age < 0 else age


def is_stale(age: float | None, limit: float) -> bool:
    """Tell whether something of a known age is too old, or of a time that cannot be believed."""
    return age is not None and (age > limit or age < 0)
