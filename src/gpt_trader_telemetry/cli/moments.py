"""Moments as they are given on the command line."""

from gpt_trader_telemetry.runtime_data.values import EARLIEST, unix_time


def moment(text: str) -> float:
    """Return a time as seconds since 1970, for argparse; a year alone is no time.

    Raises:
        ValueError: it is none.

    >>> moment("2026-02-06T00:00:00Z")
    1770336000.0
    """
    seconds = unix_time(text)
    if seconds is None or seconds < EARLIEST:
        raise ValueError(text)
    return seconds


moment.__name__ = "time"  # what argparse calls it where it cannot be read
