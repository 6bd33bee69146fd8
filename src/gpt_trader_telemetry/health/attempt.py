"""One run of one check, in a thread of the pool: everything of the bot's own happens here."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.health.loops import NoLoopError, OwnLoops, Visit, is_running
from gpt_trader_telemetry.health.result import HealthCheckResult, Severity, result_of, result_of_error
from gpt_trader_telemetry.health.scrub import scrub_details
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

CheckCallable: TypeAlias = Callable[[], Any]
"""A check: returns HealthCheckResult, (ok, details), a bool or None, or an awaitable of one; or raises."""

CHECK_SLOT: Final[ContextVar[Slot]] = ContextVar("gpt_trader_telemetry_check_slot", default=DEFAULT)
"""Where a check that records metrics of its own finds the recorder of the Telemetry that runs it."""

_POLL: Final = 1.0


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


class Attempt:
    """One run of a check. Its thread is held until the check has really ended, however late."""

    def __init__(self, check: Check, loops: OwnLoops, slot: Slot) -> None:
        self.check = check
        self.thread: int | None = None
        """The identifier of the thread that runs it, once one does."""
        self._loops = loops
        self._slot = slot
        self._given_up = threading.Event()
        self._visit: Visit | None = None

    def runs(self, call: CheckCallable) -> bool:
        """Tell whether it is this very callable that is running."""
        ours = self.check.call
        if inspect.ismethod(ours) and inspect.ismethod(call):  # a method is made anew each time it is looked up
            return ours.__self__ is call.__self__ and ours.__func__ is call.__func__
        return ours is call

    def give_up(self) -> None:
        """Take no interest any more: a coroutine is cancelled, anything else goes on. Waits for nothing."""
        self._given_up.set()
        if self._visit is not None:
            self._visit.cancel()

    def run(self) -> HealthCheckResult:
        """Run the check to its end and return what it found, fit to be served. Never raises."""
        self.thread = threading.get_ident()
        try:
            context = Context()
            context.run(CHECK_SLOT.set, self._slot)
            returned = context.run(self.check.call)
            if inspect.isawaitable(returned):
                returned = self._on_a_loop(returned, context)
            result = result_of(returned)
            # Turning details into JSON calls their own methods, which are the bot's code too.
            return HealthCheckResult(result.ok, scrub_details(result.details), result.severity)
        except NoLoopError as error:
            return HealthCheckResult(ok=False, details={"no_thread": True, "error": str(error)})
        except BaseException as error:  # also SystemExit: a check ends itself, not the runner
            return result_of_error(error)
        finally:
            self.thread = None

    def _on_a_loop(self, awaitable: Awaitable[Any], context: Context) -> Any:
        self._visit = visit = Visit(awaitable, context)
        if self._given_up.is_set():
            visit.cancel()
        try:
            self._stay(visit)
        finally:
            visit.cancel()
            visit.close()
        if visit.error is not None:
            raise visit.error
        return visit.value

    def _stay(self, visit: Visit) -> None:
        registered_on = self.check.loop
        loop = registered_on if registered_on is not None and is_running(registered_on) else self._loops.current()
        visit.post(loop)
        while not visit.done.wait(_POLL):
            if visit.has_started:
                if not is_running(loop):
                    return  # stopped with the check half done
            elif loop is not registered_on or not is_running(loop):
                # Our own loop is blocked by another check, or the bot's has ended meanwhile.
                self._loops.retire(loop)
                loop = self._loops.current()
                visit.post(loop)
