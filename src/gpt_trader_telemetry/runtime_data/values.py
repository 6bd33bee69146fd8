"""What a bot wrote as a number, a text or a time, as what it means; None where it means nothing."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

__all__ = ["EARLIEST", "fields_of", "finite", "text", "unix_time"]

EARLIEST: Final = 1e8
"""Seconds since 1970 below which a number that people give for a time is a slip, such as a year alone."""
_LONGEST: Final = 100
_DIVISORS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Above these, Unix time is in nanoseconds, microseconds, milliseconds: exchanges send all of them."""
_EXACT: Final = 2**53


def finite(value: object) -> float | None:
    """Return a number, also one written as text or Decimal, as a finite float; else None. A boolean is no number.

    >>> finite("12.50"), finite(3), finite(None), finite("nan"), finite("twelve"), finite(True)
    (12.5, 3.0, None, None, None, None)
    """
    if type(value) is float:
        return value if -math.inf < value < math.inf else None
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST or "_" in value:  # float() would read 1_000
            return None
    elif not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def text(value: object) -> str | None:
    """Return a name that can be shown: printable, not blank, of at most 100 characters; else None.

    >>> text(" BTC-USD "), text(""), text(None), text(7)
    ('BTC-USD', None, None, '7')
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        value = str(value)
    if not isinstance(value, str):
        return None
    stripped = value.strip()
    return stripped if stripped and len(stripped) <= _LONGEST and stripped.isprintable() else None


def fields_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object as it is, and anything else as one without fields."""
    return value if isinstance(value, dict) else {}


def unix_time(value: object) -> float | None:
    """Return a time as seconds since 1970; None for what is none, which 0 is too.

    Numbers, numbers as text, and ISO 8601, which without a zone is UTC.

    >>> unix_time("2026-02-06T00:00:00"), unix_time("2026-02-06 01:00:00+01:00"), unix_time("1770336000.5")
    (1770336000.0, 1770336000.0, 1770336000.5)
    >>> unix_time(1770336000000), unix_time("soon"), unix_time(0), unix_time("20260206")
    (1770336000.0, None, None, 1770336000.0)
    >>> unix_time("9999-12-31T23:59:59")  # beyond the year 5138
    """
    if value is None:
        return None
    seconds = finite(value)
    if seconds is None or _is_basic_date(value):
        seconds = _iso(value)
        return None if seconds is None or not 0 < seconds < _DIVISORS[-1][0] else seconds
    if seconds <= 0:
        return None
    if seconds < _DIVISORS[-1][0]:
        return seconds
    for limit, divisor in _DIVISORS:
        if seconds >= limit:
            seconds /= divisor
            break
    return seconds if seconds < _DIVISORS[-1][0] else None


def _is_basic_date(value: object) -> bool:
    # As seconds it would be a day in August 1970.
    return isinstance(value, str) and len(value) == len("20260206") and value.startswith(("19", "20"))


def _iso(value: object) -> float | None:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
