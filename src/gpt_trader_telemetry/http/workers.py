"""A few daemon threads with a short queue.

The executors of the standard library are no choice here: the interpreter joins their threads at exit, so that
one hung callback would keep the bot from ending.
"""

import queue
import threading
from collections.abc import Callable

__all__ = ["Job", "Workers"]

Job = Callable[[], Callable[[], object]]


class Workers:
    """At most ``threads`` daemon threads, started when needed, and ``queued`` jobs that wait for them.

    A job must not raise. What it returns is called next, when its place is free again: whoever is told there
    that the job is done may submit another at once.
    """

    def __init__(self, name: str, *, threads: int, queued: int) -> None:
        self._name = name
        self._threads = threads
        self._room = threads + queued
        self._closed = False
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin again without threads and jobs: a forked child has none of its parent's."""
        self._lock = threading.Lock()
        self._started = 0
        self._unfinished = 0
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()

    def submit(self, job: Job) -> bool:
        """Take a job; false, at once, if there is no room for it."""
        with self._lock:
            if self._closed or self._unfinished >= self._room:
                return False
            if self._started <= self._unfinished and self._started < self._threads:
                self._start_thread()
            if not self._started:
                return False
            self._unfinished += 1
        self._jobs.put(job)
        return True

    def close(self) -> None:
        """Let the threads end: the idle ones now, a hung one when its job returns. Waits for none of them."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            started = self._started
        for _ in range(started):
            self._jobs.put(None)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._started + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread to be had: those that run go on alone
            return
        self._started += 1

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            done = job()
            with self._lock:
                self._unfinished -= 1
            done()
            del job, done  # an idle thread keeps nothing of a finished request alive
