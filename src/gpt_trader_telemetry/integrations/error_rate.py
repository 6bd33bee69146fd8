"""The share of the HTTP attempts of late that failed, over all clients of one Telemetry."""

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from gpt_trader_telemetry.catalog import API_ERROR_RATE
from gpt_trader_telemetry.recording.recorder import Recorder

WINDOW: Final = 300.0
"""Seconds that an attempt counts for: what the dashboards and alerts look back."""
_MOST: Final = 32_768
"""Attempts that are remembered: with more in a window, it is shorter."""


class ErrorRate:
    """Remembers when attempts began and whether they failed.

    >>> rate = ErrorRate(clock=lambda: 400.0)
    >>> for attempt in [(50.0, True), (200.0, True), (300.0, False)]:
    ...     rate.note(attempt)
    >>> rate.read()
    0.5
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._attempts: deque[tuple[float, bool]] = deque(maxlen=_MOST)
        self.note = self._attempts.append
        """Note an attempt: when it began, by the clock, and whether it failed."""

    @classmethod
    def of(cls, recorder: Recorder) -> "ErrorRate":
        """Return the one of a recorder, which shows it whenever it is collected."""
        found = recorder.sites.get(cls)
        if not isinstance(found, cls):
            found = recorder.sites[cls] = cls()
            recorder.watch(API_ERROR_RATE, (), found.read)
        return found

    def reset_after_fork(self) -> None:
        """Start the child from nothing."""
        self._attempts.clear()

    def read(self) -> float | None:
        """Return the share that failed, from 0 to 1; None where nothing was asked of late."""
        since = (self._clock or perf_counter)() - WINDOW
        # A copy is made at one go; to go through it takes longer, while attempts are noted.
        failed = [is_failed for began, is_failed in self._attempts.copy() if began >= since]
        return sum(failed) / len(failed) if failed else None
