"""One run of one check, in a thread of the pool: everything of the bot's own happens here."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.health.frames import blocked_at
from gpt_trader_telemetry.health.loops import Visit, is_running
from gpt_trader_telemetry.health.own_loop import OwnLoop
from gpt_trader_telemetry.health.result import HealthCheckResult, Severity, result_of, result_of_error
from gpt_trader_telemetry.health.scrub import scrub_details
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

CheckCallable: TypeAlias = Callable[[], Any]
"""A check: returns HealthCheckResult, (ok, details), a bool or None, or an awaitable of one; or raises."""

CHECK_SLOT: Final[ContextVar[Slot]] = ContextVar("gpt_trader_telemetry_check_slot", default=DEFAULT)
"""Where a check that records metrics of its own finds the recorder of the Telemetry that runs it."""

_SHORTEST_POLL: Final = 0.01
_LONGEST_POLL: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One registration."""

    name: str
    call: CheckCallable
    severity: Severity
    interval: float
    timeout: float
    depends_on: tuple[str, ...]
    tags: tuple[str, ...]
    loop: asyncio.AbstractEventLoop | None
    """The event loop that ran where the check was registered."""
    thread: int = field(default_factory=threading.get_ident)
    """The thread that registered it: the one of that loop."""


class Attempt:
    """One run of a check. Its thread is held until the check has really ended, however late."""

    def __init__(self, check: Check, started: float, own_loop: OwnLoop, slot: Slot) -> None:
        self.check = check
        self.started = started
        self._own_loop = own_loop
        self._slot = slot
        self._thread: int | None = None
        self._given_up = threading.Event()
        self._visit: Visit | None = None
        self._on_own_loop = False

    @property
    def deadline(self) -> float:
        """When it is out of time."""
        return self.started + self.check.timeout

    @property
    def ends_when_given_up(self) -> bool:
        """Whether it is a coroutine that nobody but itself keeps from ending."""
        return self._on_own_loop

    def give_up(self) -> None:
        """Take no interest any more: a coroutine is cancelled, anything else goes on. Waits for nothing."""
        self._given_up.set()
        if self._visit is not None:
            self._visit.cancel()

    def is_at(self) -> str | None:
        """Return the line at which it is, or that keeps its event loop from going on, the bot's own if possible."""
        if self._visit is None:
            return blocked_at(self._thread)
        if self._on_own_loop:
            return self._own_loop.is_at(self._visit, self._thread)
        return self._visit.is_at(self.check.thread)

    def run(self) -> HealthCheckResult:
        """Run the check to its end and return what it found, fit to be served. Never raises."""
        self._thread = threading.get_ident()
        try:
            context = Context()
            context.run(CHECK_SLOT.set, self._slot)
            returned = context.run(self.check.call)
            if inspect.isawaitable(returned):
                returned = self._on_a_loop(returned, context)
            result = result_of(returned)
            # Turning details into JSON calls their own methods, which are the bot's code too.
            return HealthCheckResult(result.ok, scrub_details(result.details), result.severity)
        except BaseException as error:  # also SystemExit: a check ends itself, not the runner
            return result_of_error(error)
        finally:
            self._thread = None

    def _on_a_loop(self, awaitable: Awaitable[Any], context: Context) -> Any:
        self._visit = visit = Visit(awaitable, context)
        if self._given_up.is_set():
            visit.cancel()
        try:
            if not self._on_the_bots_loop(visit):
                self._on_own_loop = True
                self._own_loop.run(visit)
        finally:
            visit.cancel()
            visit.close()
        if visit.error is not None:
            raise visit.error
        return visit.value

    def _on_the_bots_loop(self, visit: Visit) -> bool:
        """Run it where it was registered; false if that loop does not run, or ended before it got to it."""
        loop = self.check.loop
        if loop is None or not is_running(loop):
            return False
        visit.post(loop)
        # Often enough that a loop that has been silent for half of the timeout is known to be.
        poll = min(max(_SHORTEST_POLL, self.check.timeout / 4), _LONGEST_POLL)
        while not visit.done.wait(poll):
            if not is_running(loop):
                return visit.has_started  # stopped with the check half done
            visit.ping(loop)
        return True
