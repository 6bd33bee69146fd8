"""Ages of the timestamps that a bot keeps, in whichever form it keeps them."""

import math
from datetime import UTC, datetime
from numbers import Real
from typing import Final

_DIVISORS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Above these, Unix time is in nanoseconds, microseconds, milliseconds: exchanges send all of them."""

FUTURE: Final = 60.0
"""Seconds that a timestamp may be ahead, for clocks that differ; further, it says nothing of its age."""


def unix_time(value: object) -> float | None:
    """Return a timestamp as Unix seconds; None for what is none, which 0 is too.

    Numbers, datetimes (naive ones are UTC), ISO 8601 text, numbers as text.

    >>> unix_time("2026-02-06T00:00:00Z"), unix_time(1770336000000), unix_time(0), unix_time("soon")
    (1770336000.0, 1770336000.0, None, None)
    """
    try:
        seconds = _seconds(value)
    except (ValueError, OverflowError, OSError):
        return None
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return None
    for limit, divisor in _DIVISORS:
        if seconds >= limit:
            return seconds / divisor
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool):
        return None
    if isinstance(value, Real):
        return float(value)
    if not isinstance(value, str):
        return float(value) if hasattr(value, "__float__") else None
    try:
        return float(value)
    except ValueError:
        return _seconds(datetime.fromisoformat(value.strip()))


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
