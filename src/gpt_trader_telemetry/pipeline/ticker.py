"""A daemon thread that does one thing at intervals."""

import threading
from collections.abc import Callable
from typing import Final

FOLD_INTERVAL: Final = 0.25
"""Seconds between two folds: bounds what waits in memory, and how late a value reaches a window."""


class Ticker:
    """Calls ``act`` every ``interval`` seconds until it is stopped."""

    def __init__(self, name: str, interval: float, act: Callable[[], object]) -> None:
        self._name = name
        self._interval = interval
        self._act = act
        self.start()

    def start(self) -> None:
        """Start the thread; again in a forked child, where it did not come along."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 0.5) -> None:
        """Stop; wait ``timeout`` seconds at the most for what is being done."""
        self._stop.set()
        self._thread.join(timeout)

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval):
            self._act()
