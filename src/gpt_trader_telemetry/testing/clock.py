"""The clock of a test: time that passes only when the test says so."""

import math
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from gpt_trader_telemetry.errors import UsageError

_START: Final = 1000.0
_DIGITS: Final = 9
RESOLUTION: Final = 10.0**-_DIGITS
"""Seconds that the clock moves by at the least."""

_TIMED: Final = ("gpt_trader_telemetry.instrument.", "gpt_trader_telemetry.integrations.")


class Instant(float):
    """A reading of the clock. What lies between two is as exact as what the clock was told.

    A call that takes 0.1 s would else be measured as 0.10000000000002274 s, and fall beyond the bucket of 0.1 s.
    """

    __slots__ = ()

    def __sub__(self, other: float, /) -> float:
        return round(float(self) - other, _DIGITS)


class Clock:
    """Seconds of a clock that only the test moves.

    ``attend`` does what is to be done at this moment and returns the seconds until there is more to do; time
    stops at each such moment on its way.

    >>> clock = Clock()
    >>> start = clock()
    >>> clock.advance(0.1)
    >>> clock() - start
    0.1
    """

    def __init__(self, attend: Callable[[], float] = lambda: math.inf) -> None:
        self._now = Instant(_START)
        self._attend = attend
        self._attending = threading.Lock()
        self._moving = threading.Lock()

    def __call__(self) -> Instant:
        """Return the time, in seconds since no particular moment."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, and everything happen that is due within them: checks run, values age.

        Called while the clock is being advanced, as by a health check that takes its time, it only moves it.

        Raises:
            UsageError: less than nothing, or no number of seconds.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise UsageError(f"a clock cannot be advanced by {seconds!r}; give it a number of seconds from 0 on")
        end = round(self._now + seconds, _DIGITS)  # a moment that it can stand at
        if not self._attending.acquire(blocking=False):
            self._move(end)
            return
        try:
            while self._now < end:
                pause = max(self._attend(), RESOLUTION)
                self._move(min(self._now + pause, end))
            self._attend()
        finally:
            self._attending.release()

    def _move(self, moment: float) -> None:
        with self._moving:
            self._now = Instant(round(max(self._now, moment), _DIGITS))


@contextmanager
def timed_by(clock: Clock) -> Generator[None]:
    """Have decorated calls timed by ``clock``, those that were decorated before too.

    The instruments find the processor's clock in their module each time, so that a call pays for no other way of
    choosing one.
    """
    modules = [module for name, module in sys.modules.copy().items() if name.startswith(_TIMED)]
    real = [(module, vars(module)["perf_counter"]) for module in modules if "perf_counter" in vars(module)]
    for module, _ in real:
        module.perf_counter = clock  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, before in real:
            module.perf_counter = before  # type: ignore[attr-defined]
