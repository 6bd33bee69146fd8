"""The thread that lets time pass for the scheduler."""

import threading
import time
from collections.abc import Callable
from typing import Final

from gpt_trader_telemetry.health.scheduler import Scheduler

_LONGEST_SLEEP: Final = 30.0
_SHORTEST_SLEEP: Final = 0.005
_AFTER_A_FAULT: Final = 1.0


class Runner:
    """A daemon thread that ticks whenever there is something to do, until it is stopped."""

    def __init__(self, scheduler: Scheduler, on_fault: Callable[[str, BaseException | None], object]) -> None:
        self._scheduler = scheduler
        self._on_fault = on_fault
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin with no thread, as in a forked child; the next registration starts one."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def is_alive(self) -> bool:
        """Whether checks are being run."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Start the thread unless it runs; after ``stop`` it is not started again."""
        with self._lock:
            if self.is_alive or self._stopping.is_set():
                return
            thread = threading.Thread(target=self._run, name="gpt-trader-health", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no thread to be had: results go stale, and say so
                self._on_fault("the thread that runs health checks could not be started", error)
            else:
                self._thread = thread

    def _run(self) -> None:
        seen = 0
        while not self._stopping.is_set():
            try:
                delay = self._scheduler.tick()
            except Exception as error:
                self._on_fault("health checks could not be scheduled", error)
                delay = _AFTER_A_FAULT
            # What changed during the tick is not slept over.
            seen = self._scheduler.wait(seen, min(max(delay, _SHORTEST_SLEEP), _LONGEST_SLEEP))

    def stop(self, timeout: float) -> None:
        """End the thread and the idle ones, waiting ``timeout`` seconds at the most. A hung check is left behind."""
        self._stopping.set()
        deadline = time.monotonic() + max(0.0, timeout)
        scheduler, thread = self._scheduler, self._thread
        scheduler.wake()
        scheduler.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        scheduler.join(max(0.0, deadline - time.monotonic()))
