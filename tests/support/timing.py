"""Time under the tests' hand: a clock that only they move, and waiting for what happens in threads."""

import time
from collections.abc import Callable

PATIENCE = 10.0


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def eventually(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that another thread does; real time, but no longer than it takes."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.0005)
