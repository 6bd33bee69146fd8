"""Event loops: one of the runner's own, and a coroutine's stay on whichever loop."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any, Final

_CLOSING_PATIENCE: Final = 1.0
_STARTING_PATIENCE: Final = 5.0
_DRAINING_PERIOD: Final = 0.5


class NoLoopError(Exception):
    """There is no event loop to run a check on."""


class LoopEndedError(Exception):
    """The event loop that a check ran on ended, or did not get to it in time."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether a loop takes callbacks and will run them, by what it says of itself."""
    return not loop.is_closed() and loop.is_running()


class OwnLoops:
    """The runner's own loop in a daemon thread, made when first needed.

    A coroutine that blocks it is left behind on it: the next ones get a new loop, ``MAX`` at a time.
    """

    MAX: Final = 4

    def __init__(self, name: str) -> None:
        self._name = name
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin with no loop, as in a forked child."""
        self._lock = threading.Lock()
        self._current: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._stopped = False

    @property
    def threads(self) -> int:
        """How many loops there are, each in a thread of its own."""
        return sum(thread.is_alive() for thread in self._threads)

    def current(self) -> asyncio.AbstractEventLoop:
        """Return the loop to use.

        Raises:
            NoLoopError: too many are blocked, or the runner was stopped.
        """
        with self._lock:
            if self._current is None or not is_running(self._current):
                self._current = self._start()
            return self._current

    def _start(self) -> asyncio.AbstractEventLoop:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if self._stopped:
            raise NoLoopError("the runner was stopped")
        if len(self._threads) >= self.MAX:
            raise NoLoopError(f"{len(self._threads)} event loops are blocked by other checks")
        ready = threading.Event()
        made: list[asyncio.AbstractEventLoop] = []
        thread = threading.Thread(target=_serve, args=(made, ready), name=f"{self._name}-loop", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise NoLoopError(str(error)) from None
        self._threads.append(thread)
        if not ready.wait(_STARTING_PATIENCE):
            raise NoLoopError("the event loop did not start")
        return made[0]

    def retire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use another loop from now on: this one is blocked. It ends when what runs on it has ended."""
        with self._lock:
            if self._current is not loop:
                return
            self._current = None
        with suppress(RuntimeError):  # closed already
            loop.call_soon_threadsafe(_drain, loop)

    def stop(self) -> None:
        """End the loop; waits for nothing."""
        with self._lock:
            self._stopped = True
            loop, self._current = self._current, None
        if loop is not None:
            with suppress(RuntimeError):  # closed already
                loop.call_soon_threadsafe(loop.stop)

    def join(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for loops that are ending."""
        deadline = time.monotonic() + timeout
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


def _drain(loop: asyncio.AbstractEventLoop) -> None:
    if asyncio.all_tasks(loop):
        loop.call_later(_DRAINING_PERIOD, _drain, loop)
    else:
        loop.stop()


def _serve(made: list[asyncio.AbstractEventLoop], ready: threading.Event) -> None:
    loop = asyncio.new_event_loop()
    made.append(loop)
    loop.call_soon(ready.set)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSING_PATIENCE))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class Visit:
    """One awaitable's stay on an event loop, watched from another thread.

    It starts at most once, on whichever loop gets to it first, and never after ``cancel``.
    """

    def __init__(self, awaitable: Awaitable[Any], context: Context) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = LoopEndedError("the event loop ended before the check did")
        self._awaitable = awaitable
        self._context = context
        self._claiming = threading.Lock()
        self._claimed = False
        self._stay: Coroutine[Any, Any, None] | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    @property
    def has_started(self) -> bool:
        """Whether a loop has got to it."""
        return self._task is not None

    def post(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask ``loop`` to start; nothing happens where it is closed."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._start, loop, context=self._context)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._claiming:
            if not self._claimed:
                self._claimed = True
                self._stay = self._staying()
                task = loop.create_task(self._stay)
                task.add_done_callback(_retrieve)
                self._task = loop, task

    async def _staying(self) -> None:
        try:
            # No foreign code runs under the lock above, where an eager task factory is in use either.
            await asyncio.sleep(0)
            self.value = await self._awaitable
            self.error = None
        except GeneratorExit:
            raise
        except BaseException as error:  # a SystemExit that got out would end the bot's own loop
            self.error = error
        finally:
            self.done.set()

    def cancel(self) -> None:
        """Cancel it; one that has not started never will. Waits for nothing."""
        with self._claiming:
            if not self._claimed:
                self._claimed = True
                self.error = LoopEndedError("the event loop did not get to the check")
                self.done.set()
        if self._task is not None:
            loop, task = self._task
            with suppress(RuntimeError):  # closed, and the task with it
                loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Dispose of coroutines that have not begun: their loop ended or never got there, and Python would warn."""
        for coroutine in (self._stay, self._awaitable):
            if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()


def _retrieve(task: "asyncio.Task[None]") -> None:
    # A loop that was stopped and runs again finds its coroutine closed, which is nobody's concern.
    if not task.cancelled():
        task.exception()
