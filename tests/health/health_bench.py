"""A Health under the test's own clock, and checks of every temper."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gpt_trader_telemetry.health.entry import Entry
from gpt_trader_telemetry.health.registry import Health
from gpt_trader_telemetry.recording.current import Slot
from support.timing import Clock, eventually


class Bench:
    """A Health that runs nothing by itself: ``pass_time`` does, by simulated seconds."""

    def __init__(self, *, max_threads: int = 64, slot: Slot | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.hung: set[str] = set()
        self.health = Health(
            slot, clock=self.clock, wall=lambda: self.clock.now + 1.7e9, max_threads=max_threads, autostart=False,
            **options,
        )  # fmt: skip
        self.scheduler = self.health.scheduler

    def settle(self) -> None:
        """Tick at this moment until all that can end has ended."""

        def is_busy(entry: Entry) -> bool:
            if not entry.running:
                return False
            call = entry.check.call
            return entry.check.name not in self.hung or (isinstance(call, Hanging) and not call.inside)

        def is_settled() -> bool:
            for _ in range(2):  # what waited for those that have ended begins at the second
                self.scheduler.tick()
                if any(map(is_busy, list(self.scheduler._entries.values()))):
                    return False
            return True

        eventually(is_settled)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, from one moment at which there is something to do to the next."""
        end = self.clock.now + seconds
        self.settle()
        while True:
            delay = self.scheduler.tick()
            if self.clock.now + delay > end:
                self.clock.now = end
                self.settle()
                return
            self.clock.now += max(delay, 1e-6)
            self.settle()

    def status(self, name: str) -> str:
        return self.health.reports()[name].status.value

    def details(self, name: str) -> dict[str, Any]:
        return dict(self.health.reports()[name].details)


class Hanging:
    """A check that hangs until it is let go."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.entered = 0
        self.inside = 0
        self.most_inside = 0
        self._counting = threading.Lock()

    def __call__(self) -> None:
        with self._counting:
            self.entered += 1
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        self.release.wait(60)
        with self._counting:
            self.inside -= 1


class Blocking(Hanging):
    """A coroutine that blocks its event loop until it is let go."""

    async def __call__(self) -> None:  # type: ignore[override]
        super().__call__()


@contextmanager
def released(hanging: Iterable[Hanging]) -> Iterator[None]:
    """Let every hanging check go at the end."""
    try:
        yield
    finally:
        for check in hanging:
            check.release.set()


def our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("gpt-trader-health")]


@contextmanager
def loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """The bot's own loop, in a thread as a bot may have it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def call_on(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> Any:
    """Call something in the loop's thread."""

    async def calling() -> Any:
        return call()

    return asyncio.run_coroutine_threadsafe(calling(), loop).result(10)
