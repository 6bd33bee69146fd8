"""A coroutine's stay on an event loop, whichever that is, watched from another thread."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any

from gpt_trader_telemetry.health.frames import awaiting_at, blocked_at, callback_at


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


class Visit:
    """One awaitable's stay on an event loop.

    It starts at most once, on whichever loop gets to it first, and never after ``cancel``.
    """

    def __init__(self, awaitable: Awaitable[Any], context: Context) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = LoopEndedError("the event loop ended before the check did")
        self.cancelled = False
        """Whether nobody waits for it any more."""
        self._awaitable = awaitable
        self._context = context
        self._claiming = threading.Lock()
        self._claimed = False
        self._stay: Coroutine[Any, Any, None] | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._unanswered = 0

    @property
    def has_started(self) -> bool:
        """Whether a loop has got to it."""
        return self._task is not None

    def post(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask a loop that runs in another thread to start it; nothing happens where it is closed."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._start, loop, context=self._context)

    def start(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Task[None] | None":
        """Start it on a loop that this thread is about to run; None where it was started or cancelled before."""
        return self._context.run(self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Task[None] | None":
        with self._claiming:
            if self._claimed:
                return None
            self._claimed = True
            self._stay = self._staying()
            task = loop.create_task(self._stay)
            task.add_done_callback(_retrieve)
            self._task = loop, task
            return task

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
        self.cancelled = True
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

    # Where it is

    def ping(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask the loop for a sign of life, unless it still owes one."""
        if not self._unanswered:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._answer)
        self._unanswered += 1

    def _answer(self) -> None:
        self._unanswered = 0

    def is_at(self, loop_thread: int | None) -> str | None:
        """Return the line of the bot's own at which it waits; where the loop does not answer, what blocks the loop."""
        blocking = callback_at(loop_thread) if self._unanswered > 1 else None
        return blocking or awaiting_at(self._stay) or blocked_at(loop_thread)


def _retrieve(task: "asyncio.Task[None]") -> None:
    # A loop that was stopped and runs again finds its coroutine closed, which is nobody's concern.
    if not task.cancelled():
        task.exception()
