"""The event loop of one check alone, for coroutines that were not registered on a loop of the bot's."""

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gpt_trader_telemetry.health.frames import blocked_at, callback_at
from gpt_trader_telemetry.health.loops import Visit

_CLOSING_PATIENCE: Final = 1.0


class OwnLoop:
    """An event loop that runs in the thread that runs the check, as long as the check does.

    A coroutine that blocks it thus blocks itself alone. It is made for the first run and kept for the next ones,
    so that what the check keeps between its runs (a session, a lock) stays usable. In between nothing runs on it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls = _Calls()
        self._busy = False
        self._retired = False

    def run(self, visit: Visit) -> None:
        """Run ``visit`` to its end in this thread; one at a time."""
        with self._lock:
            if self._retired:
                return
            self._busy = True
        try:
            self._drive(visit)
            if visit.cancelled:  # what it called in a thread of its own cannot be cancelled, and is part of it
                self._calls.wait()
        finally:
            if not visit.done.is_set():  # stopped from inside, half done: it must not go on in the next run
                self.close()
            with self._lock:
                self._busy = False
                retired = self._retired
            if retired:
                self.close()

    def _drive(self, visit: Visit) -> None:
        if self._loop is None:
            self._loop = _new_loop()
            self._loop.set_default_executor(self._calls)
        task = visit.start(self._loop)
        if task is not None:
            self._loop.run_until_complete(task)

    def is_at(self, visit: Visit, thread: int | None) -> str | None:
        """Return the line of the bot's own that the visit, run by ``thread``, is at."""
        at = callback_at(thread)
        if at is None and visit.done.is_set():
            at = self._calls.is_at()
        return at or visit.is_at(thread)

    def retire(self) -> bool:
        """Take no more visits; true if it is left to the caller to ``close`` it, else it closes itself."""
        with self._lock:
            self._retired = True
            return not self._busy and self._loop is not None

    def close(self) -> None:
        """End what is left on the loop, and give its descriptors back. Runs the bot's code; never raises."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        with suppress(BaseException):
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSING_PATIENCE))
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def leave_to_parent(self) -> None:
        """Give back a forked child's copies of the descriptors; those of a loop that was running stay open."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    # poll() keeps nothing in the kernel, which a forked child would share and, by closing its copy, take apart for
    # the parent; and it needs no descriptor of its own, so that a loop has two.
    if hasattr(selectors, "PollSelector"):
        return asyncio.SelectorEventLoop(selectors.PollSelector())
    return asyncio.new_event_loop()


class _Calls(ThreadPoolExecutor):
    """What a coroutine calls in threads (``asyncio.to_thread``, name resolution): daemons, which end when idle.

    The standard library's hold up the end of the interpreter until they return.
    """

    MAX: Final = 8

    def __init__(self) -> None:
        super().__init__(1)  # asyncio insists on the class; the thread is never made
        self._changed = threading.Condition()
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._working: set[threading.Thread] = set()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if len(self._working) < self.MAX:
                thread = threading.Thread(target=self._work, name="gpt-trader-health-call", daemon=True)
                thread.start()
                self._working.add(thread)
            self._jobs.append((future, partial(call, *args, **kwargs)))
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._working.discard(threading.current_thread())
                    self._changed.notify_all()
                    return
                future, call = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            del future, call

    def wait(self) -> None:
        """Wait until none is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._working)

    def is_at(self) -> str | None:
        """Return the line of the bot's own that one of them is at."""
        return next((blocked_at(thread.ident) for thread in tuple(self._working)), None)
