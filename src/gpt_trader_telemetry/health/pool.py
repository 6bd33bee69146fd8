"""Daemon threads, made when needed and used again.

An executor of the standard library is no choice: the interpreter joins its threads at exit, so that one check
that hangs would keep the bot from ending.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress


class Pool:
    """At most ``max_threads`` threads, and those that ``submit`` allows beside. A job that hangs holds its thread.

    ``on_idle`` is called whenever a thread has become free.
    """

    def __init__(self, name: str, max_threads: int, on_idle: Callable[[], object] = lambda: None) -> None:
        self._name = name
        self.max_threads = max_threads
        self._on_idle = on_idle
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin with no threads, as in a forked child, where those of the parent do not exist."""
        self._lock = threading.Condition(threading.Lock())
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._made = 0
        self._stopped = False

    @property
    def threads(self) -> int:
        """How many threads there are, idle and hung ones included."""
        return len(self._threads)

    def submit(self, job: Callable[[], object], beside: int = 0) -> bool:
        """Run ``job`` in a thread at once; false if there is none to be had. ``beside``: threads that do not count."""
        with self._lock:
            if self._stopped:
                return False
            if self._idle <= 0 and not self._add_thread(self.max_threads + beside):
                return False
            self._idle -= 1
            self._jobs.put(job)
            return True

    def _add_thread(self, limit: int) -> bool:
        if len(self._threads) >= limit:
            return False
        self._made += 1
        thread = threading.Thread(target=self._work, args=(self._jobs,), name=f"{self._name}-{self._made}", daemon=True)
        # In the set before it runs: a thread takes itself out.
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left, or the interpreter is ending
            self._threads.discard(thread)
            return False
        self._idle += 1
        return True

    def _work(self, jobs: "queue.SimpleQueue[Callable[[], object] | None]") -> None:
        is_idle = True
        try:
            while is_idle and (job := jobs.get()) is not None:
                is_idle = False
                with suppress(BaseException):  # a job answers for itself; a SystemExit of its own ends no thread
                    job()
                del job
                with self._lock:
                    is_idle = len(self._threads) <= self.max_threads
                    if is_idle:
                        self._idle += 1
                    else:
                        self._threads.discard(threading.current_thread())
                self._on_idle()
        finally:
            with self._lock:
                self._idle -= is_idle
                self._threads.discard(threading.current_thread())
                self._lock.notify_all()

    def stop(self) -> None:
        """Let the threads end: idle ones now, one that hangs when its job returns. Waits for none of them."""
        with self._lock:
            self._stopped = True
            for _ in self._threads:
                self._jobs.put(None)

    def join(self, timeout: float, but: int) -> bool:
        """Wait up to ``timeout`` seconds for all threads ``but`` so many; true if the others have ended."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._threads) <= but, timeout)
