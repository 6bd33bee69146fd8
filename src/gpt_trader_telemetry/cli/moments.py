"""Moments and durations as they are given on the command line."""

import argparse
import math

from gpt_trader_telemetry.runtime_data.values import EARLIEST, unix_time

__all__ = ["moment", "seconds"]


def moment(text: str) -> float:
    """Return a time as seconds since 1970; a year alone is no time.

    Raises:
        ArgumentTypeError: it is none.

    >>> moment("2026-02-06T00:00:00Z")
    1770336000.0
    """
    found = unix_time(text)
    if found is None or found < EARLIEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give one such as 2026-02-06 or 2026-02-06T12:30:00Z")
    return found


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        ArgumentTypeError: it is none, or not above 0.

    >>> seconds("2.5")
    2.5
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return found
