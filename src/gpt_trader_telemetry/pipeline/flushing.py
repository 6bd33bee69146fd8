"""Asking somebody else's provider to flush, and waiting for it no longer than one may."""

import threading
import time
from collections.abc import Callable
from typing import Final

from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.recording.recorder import Faults

LONGEST_WAIT: Final = 1e6
"""Seconds; longer ones are more than some systems can wait."""

ForceFlush = Callable[[int], object]
"""Takes milliseconds; what is false says that not everything was delivered."""


class Flushing:
    """Has a provider flush on a thread of its own: one at a time, however often it is asked."""

    def __init__(self, force_flush: ForceFlush, faults: Faults, what: str) -> None:
        self._force_flush = force_flush
        self._faults = faults
        self._what = what
        self._asking: threading.Thread | None = None
        self._answer = Delivery.DELIVERED

    def __call__(self, timeout: float) -> Delivery:
        """Flush, and return what the provider answers within ``timeout`` seconds: what it believes."""
        deadline = time.monotonic() + max(0.0, min(timeout, LONGEST_WAIT))
        asked_before = self._asking
        if asked_before is not None:
            asked_before.join(max(0.0, deadline - time.monotonic()))
            if asked_before.is_alive():
                return Delivery.TIMED_OUT
        timeout = max(0.0, deadline - time.monotonic())
        self._asking = asking = threading.Thread(target=self._ask, args=(timeout,), daemon=True)
        try:
            asking.start()
        except RuntimeError:  # Python 3.12 starts no thread while the interpreter ends
            self._asking = None
            return Delivery.FAILED
        asking.join(timeout)
        return Delivery.TIMED_OUT if asking.is_alive() else self._answer

    def _ask(self, timeout: float) -> None:
        try:
            flushed = self._force_flush(int(timeout * 1000))
        except Exception as fault:
            flushed = False
            self._faults.note("pipeline", f"{self._what} could not flush", fault)
        self._answer = Delivery.DELIVERED if flushed else Delivery.FAILED
