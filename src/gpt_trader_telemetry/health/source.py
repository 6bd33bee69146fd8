"""Asking the bot for a value, and going on without it where it does not answer."""

import math
import threading
from collections.abc import Callable
from typing import Final

from gpt_trader_telemetry.health.measures import NO_VALUE, SOURCE_FAILED, SOURCE_HUNG, Measure
from gpt_trader_telemetry.recording.recorder import Read
from gpt_trader_telemetry.recording.window import Clock

PATIENCE: Final = 0.5
"""Seconds that an evaluation waits for the bot's own code."""

LAST_GOOD_FOR: Final = 10.0
"""Seconds for which what it said last still counts while it does not answer."""

OnError = Callable[[BaseException], object]


class Source:
    """Reads an age in seconds from the bot's own code, on a thread of its own, and gives up on it after a while.

    It is never asked again before it has answered, so one that hangs holds one thread and the one signal it is for.
    """

    def __init__(self, read: Read, clock: Clock, on_error: OnError | None) -> None:
        self._read = read
        self._clock = clock
        self._on_error = on_error
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._last = (-math.inf, Measure(unknown=NO_VALUE))

    def measure(self) -> Measure:
        """Return the newest answer."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._ask()
            asking = self._asking
        if asking is None or not asking.is_alive():
            return self._last[1]
        answered_at, last = self._last
        if self._clock() - answered_at < LAST_GOOD_FOR:
            return last
        return Measure(unknown=SOURCE_HUNG)

    def _ask(self) -> None:
        self._asking = threading.Thread(target=self._run, name="gpt-trader-telemetry-source", daemon=True)
        try:
            self._asking.start()
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            self._asking = None
            return
        self._asking.join(PATIENCE)

    def _run(self) -> None:
        asked_at = self._clock()
        self._last = (asked_at, measured(self._read, self._on_error))


def measured(read: Read, on_error: OnError | None) -> Measure:
    """Ask here and now; whatever it raises, an exit included, makes the value unknown and ends nothing."""
    try:
        value = read()
        age = None if value is None else float(value)
    except BaseException as error:
        if on_error is not None:
            on_error(error)
        # Its text may hold what nobody should read.
        return Measure(unknown=SOURCE_FAILED, details={"error": type(error).__name__})
    if age is None or not math.isfinite(age):
        return Measure(unknown=NO_VALUE)
    return Measure(value=max(0.0, age), samples=1)
