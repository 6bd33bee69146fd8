"""The share of the HTTP attempts of late that failed, over all clients of one Telemetry."""

import os
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from gpt_trader_telemetry.catalog import API_ERROR_RATE
from gpt_trader_telemetry.recording.recorder import Recorder

WINDOW: Final = 300.0
"""Seconds that an attempt counts for: what the dashboards and alerts look back."""
_MOST: Final = 4096
"""Attempts that are remembered: with more in a window, it is shorter."""


class ErrorRate:
    """Remembers when attempts began and whether they failed.

    >>> rate = ErrorRate(clock=lambda: 400.0)
    >>> rate.note((50.0, True))
    ... rate.note((200.0, True))
    ... rate.note((300.0, False))
    >>> rate.read()
    0.5
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._attempts: deque[tuple[float, bool]] = deque(maxlen=_MOST)
        self._process = os.getpid()
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

    def read(self) -> float | None:
        """Return the share that failed, from 0 to 1; None where nothing was asked of late."""
        if self._process != os.getpid():  # a forked child starts from nothing
            self._process = os.getpid()
            self._attempts.clear()
        since = self._clock() - WINDOW
        # A copy is made at one go; to go through it takes longer, while attempts are noted.
        failed = [is_failed for began, is_failed in self._attempts.copy() if began >= since]
        return sum(failed) / len(failed) if failed else None
