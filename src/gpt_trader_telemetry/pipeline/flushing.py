"""Asking somebody else's provider to flush, and waiting for it no longer than one may."""

import threading
from collections.abc import Callable
from typing import Final

from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.recording.recorder import Faults

LONGEST_WAIT: Final = 1e6
"""Seconds; longer ones are more than some systems can wait."""
_THREAD_NAME: Final = "gpt-trader-telemetry-flush"

ForceFlush = Callable[[int], object]
"""Takes milliseconds; what is false says that not everything was delivered."""


class Flushing:
    """Has a provider flush on one thread, however often it is asked and however long it takes.

    With ``ready`` the thread is there from the beginning: Python 3.12 starts none while the interpreter ends.
    """

    def __init__(self, force_flush: ForceFlush, faults: Faults, what: str, *, ready: bool = False) -> None:
        self._force_flush = force_flush
        self._faults = faults
        self._what = what
        self._changed = threading.Condition()
        self._asked = self._answered = 0
        self._timeout = 0.0
        self._answer = Delivery.DELIVERED
        self._stopping = False
        self._thread: threading.Thread | None = self._start() if ready else None

    def _start(self) -> threading.Thread | None:
        thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return None
        return thread

    def __call__(self, timeout: float) -> Delivery:
        """Flush, and return what the provider answers within ``timeout`` seconds: what it believes."""
        timeout = max(0.0, min(timeout, LONGEST_WAIT))
        with self._changed:
            if self._stopping:
                return self._answer
            self._thread = self._thread or self._start()
            if self._thread is None:
                return Delivery.FAILED
            self._asked += 1
            self._timeout = timeout
            mine = self._asked
            self._changed.notify_all()
            if self._changed.wait_for(lambda: self._answered >= mine, timeout):
                return self._answer
        return Delivery.TIMED_OUT

    def close(self) -> None:
        """Let the thread end once it can; what is asked later has the last answer."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._asked > self._answered)
                if self._asked == self._answered:
                    return
                answering, timeout = self._asked, self._timeout
            answer = self._ask(timeout)
            with self._changed:
                self._answer, self._answered = answer, answering
                self._changed.notify_all()

    def _ask(self, timeout: float) -> Delivery:
        try:
            flushed = self._force_flush(int(timeout * 1000))
        except Exception as fault:
            self._faults.note("pipeline", f"{self._what} could not flush", fault)
            return Delivery.FAILED
        return Delivery.DELIVERED if flushed else Delivery.FAILED
