"""Is the bot's event loop keeping up? Asked from outside of it, so that an answer is had when it is not."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.frames import blocked_at, stack_of
from gpt_trader_telemetry.health.loops import running_loop
from gpt_trader_telemetry.health.result import HealthCheckResult, Severity

BUSY_AFTER: Final = 0.5
WEDGED_AFTER: Final = 3.0
"""Seconds; less than the default timeout of a check, which would otherwise speak first and know less."""


class _Ping:
    """One callback sent to the loop."""

    def __init__(self, sent: float) -> None:
        self.sent = sent
        self.answered = threading.Event()
        self.lag = 0.0


class LoopWatchdog:
    """A check: how late the loop runs a callback.

    Up to ``busy_after`` seconds it passes. Later, a warning: the loop is busy. From ``wedged_after`` on, or when
    the loop does not run, critical: it is wedged. It waits for an answer for ``wedged_after`` seconds at the
    most, so its timeout should be longer; a callback that was not answered is asked for again by the next run,
    so that there is never more than one.

    Details: state (ok, busy, wedged, stopped), lag_seconds (while there is no answer: for how long), and where
    the loop was when it did not answer: blocked_at, the innermost line of the bot's own, and stack, the
    innermost first. The first answer of a loop tells which thread it runs in; before that, they are missing,
    unless the watchdog is made on the loop itself.

    Args:
        loop: the loop to watch; the one that runs here unless given.
        busy_after: seconds.
        wedged_after: seconds, not less than ``busy_after``.
        clock: seconds of a clock that only goes forward.

    Raises:
        UsageError: no loop runs here, or the durations cannot be meant.

    In a coroutine::

        telemetry.health.register("event_loop", LoopWatchdog(), interval=5.0)
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        busy_after: float = BUSY_AFTER,
        wedged_after: float = WEDGED_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        here = running_loop()
        watched = here if loop is None else loop
        if watched is None:
            raise UsageError("no event loop runs here; make a LoopWatchdog in a coroutine, or give it a loop")
        if not 0 < busy_after <= wedged_after < float("inf"):
            raise UsageError(
                f"busy_after cannot be {busy_after!r} with wedged_after {wedged_after!r}; "
                "both are seconds above 0, and busy comes first"
            )
        self._loop = watched
        self._busy_after = busy_after
        self._wedged_after = wedged_after
        self._clock = clock
        self._thread = threading.get_ident() if watched is here else None
        self._pending: _Ping | None = None

    def __call__(self) -> HealthCheckResult:
        """Ask the loop, wait for its answer, and judge it."""
        if self._loop.is_closed() or not self._loop.is_running():
            self._pending = None
            return _result("stopped", None, Severity.CRITICAL, {})
        ping = self._pending or self._send()
        where: dict[str, Any] = {}
        if not self._wait(ping, self._busy_after):
            # While it lasts: afterwards nobody knows where it was.
            where = self._where()
            if self._wait(ping, self._wedged_after):
                where = where if ping.lag > self._busy_after else {}
            else:
                self._pending = ping
                return _result("wedged", self._clock() - ping.sent, Severity.CRITICAL, self._where())
        self._pending = None
        # The answer to an earlier run's callback: that one was late, and the loop has recovered since.
        if ping.lag > self._wedged_after:
            return self()
        if ping.lag > self._busy_after:
            return _result("busy", ping.lag, Severity.WARNING, where)
        return _result("ok", ping.lag, None, {})

    def _send(self) -> _Ping:
        ping = _Ping(self._clock())
        with suppress(RuntimeError):  # closed in this moment: no answer will come
            self._loop.call_soon_threadsafe(self._answer, ping)
        return ping

    def _answer(self, ping: _Ping) -> None:
        self._thread = threading.get_ident()
        ping.lag = self._clock() - ping.sent
        ping.answered.set()

    def _wait(self, ping: _Ping, until: float) -> bool:
        return ping.answered.wait(max(0.0, ping.sent + until - self._clock()))

    def _where(self) -> dict[str, Any]:
        return {"blocked_at": blocked_at(self._thread), "stack": stack_of(self._thread)}


def _result(
    state: str, lag: float | None, severity: Severity | None, where: dict[str, Any]
) -> HealthCheckResult:  # fmt: skip
    lag_seconds = None if lag is None else round(lag, 4)
    return HealthCheckResult(state == "ok", {"state": state, "lag_seconds": lag_seconds, **where}, severity)
