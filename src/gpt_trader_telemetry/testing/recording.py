"""``recorded``: a block whose telemetry can be read back."""

import json
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    PROCESS_CPU,
    PROCESS_MEMORY,
    SIGNAL_STATUS,
    SIGNAL_VALUE,
    TELEMETRY_HEARTBEAT,
    Metric,
)
from gpt_trader_telemetry.errors import TelemetryError
from gpt_trader_telemetry.health.attempt import Attempt
from gpt_trader_telemetry.health.loops import running_loop
from gpt_trader_telemetry.health.signal_report import SignalsReport
from gpt_trader_telemetry.http.app import Request
from gpt_trader_telemetry.http.bot_routes import view_of
from gpt_trader_telemetry.http.health_routes import health_routes
from gpt_trader_telemetry.settings import Settings
from gpt_trader_telemetry.testing.clock import Clock, timed_by
from gpt_trader_telemetry.testing.isolated import IsolatedTelemetry, Isolation
from gpt_trader_telemetry.testing.reading import Cells, Histogram, Value, find_metric, read_histogram, read_value, shown
from gpt_trader_telemetry.testing.spans import RecordedSpans

PATIENCE: Final = 5.0
"""Real seconds that a health check is waited for; its own timeout is by the test's clock."""

_NOT_THE_BOTS: Final = (PROCESS_CPU, PROCESS_MEMORY, SIGNAL_STATUS, SIGNAL_VALUE, TELEMETRY_HEARTBEAT)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error inside the telemetry, or a misuse of it, that was kept from the bot."""

    component: str
    """As ``gpt_trader_telemetry_errors_total`` counts it."""
    message: str
    error: BaseException | None = None

    def __str__(self) -> str:
        cause = "" if self.error is None else f": {type(self.error).__name__}: {self.error}"
        return f"{self.component}: {self.message}{cause}"


class FaultsError(TelemetryError, AssertionError):
    """A test ended with errors that were kept from the bot and that the test did not ask for."""


class Recording:
    """What a block records, and the clock that it is recorded by. Made by ``recorded``."""

    def __init__(self, settings: Settings, *, allow_errors: bool = False) -> None:
        self.clock = Clock(self._attend)
        """Time: ``clock.advance(seconds)`` lets it pass for durations, windows, ages and health checks."""
        self.errors: list[Fault] = []
        """Errors kept from the bot so far; ``errors.clear()`` says that they were meant."""
        self.allow_errors = allow_errors
        """Whether the block may end with such errors."""
        self._isolation = Isolation(settings, self.clock, lambda *fault: self.errors.append(Fault(*fault)))
        self._hung: set[Attempt] = set()

    @property
    def instance(self) -> IsolatedTelemetry:
        """The Telemetry that records: what ``configure()`` returns, and for bots that are given theirs."""
        return self._isolation.instance

    # Reading

    def value(self, name: str, /, **labels: object) -> Value | None:
        """Return a counter or a gauge; labels choose among its series.

        A counter is the sum of the series that match, 0 where none does. A gauge is the one that matches, None
        where nothing has set it.

        Raises:
            UsageError: there is no such metric, label or label value, or a gauge has several series that match.
        """
        metric, cells = self._series(name)
        return read_value(metric, cells, labels)

    def histogram(self, name: str, /, **labels: object) -> Histogram:
        """Return a histogram, of all its series that match ``labels``.

        Raises:
            UsageError: there is no such metric, label or label value.
        """
        metric, cells = self._series(name)
        return read_histogram(metric, cells, labels)

    def __contains__(self, name: object) -> bool:
        """Tell whether anything was recorded under a metric's name, one of the bot's own too."""
        return any(metric.name == name and shown(metric, cells) for metric, cells in self._collected())

    def _series(self, name: str) -> tuple[Metric, Cells]:
        metric = find_metric(name, self.instance.recorder.metrics)
        return metric, next((cells for found, cells in self._collected() if found is metric), {})

    def _collected(self) -> Sequence[tuple[Metric, Cells]]:
        self._settle()
        # Nothing is folded but by a reading, so that the cells stay as they are after it.
        with self.instance.recorder.collected() as families:
            return [(family.metric, family.cells) for family in families]

    def _settle(self) -> None:
        self.instance.recorder.fold()
        self.instance._sample()

    @property
    def signals(self) -> SignalsReport:
        """The execution signals as they are now: ``telemetry.signals["order_error_rate"].status``."""
        self._settle()
        return self.instance.signals.current()

    @property
    def spans(self) -> RecordedSpans:
        """The spans that have ended: ``telemetry.spans.one("order_submission", side="buy").parent.name``.

        Their times are the real ones, not the test's.
        """
        return self._isolation.spans.read()

    def health(self) -> dict[str, Any]:
        """Run every check once, and return what ``/health`` then answers.

        A check that is registered on an event loop cannot run while that loop waits here: in asynchronous tests,
        use ``await asyncio.to_thread(telemetry.health)``.

        Raises:
            TimeoutError: a check has not returned for five real seconds.
        """
        bot = self.instance._bot
        bot.health.run_once(PATIENCE)
        _, running = self._progress()
        if running:
            check = running[0].check
            raise TimeoutError(
                f"the check {check.name!r} has not returned for {PATIENCE:g} s; its timeout is by the test's clock: "
                f"telemetry.clock.advance({check.timeout:g}) makes it time out"
            )
        self._settle()
        return json.loads(health_routes(view_of(bot, {}))["/health"](Request("GET", "/health")).body)  # type: ignore[no-any-return]

    def summary(self) -> str:
        """Return everything that was recorded, a series a line, and the errors kept from the bot."""
        series = [line for metric, cells in self._collected() if metric not in _NOT_THE_BOTS
                  for line in shown(metric, cells)]  # fmt: skip
        spans = [str(self.spans)] if self.spans else []
        kept = (f"error kept: {error}" for error in self.errors)
        return "\n".join([*(series or ["nothing was recorded"]), *spans, *kept])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {float(self.clock())!r} s>"

    # Time

    def _attend(self) -> float:
        # What was recorded belongs to the moment that is left now.
        self._settle()
        return self._run_checks()

    def _run_checks(self) -> float:
        scheduler = self.instance.health.scheduler
        while True:
            results_before, _ = self._progress()
            delay = scheduler.tick()
            results, running = self._progress()
            waiting = [attempt for attempt in running if attempt not in self._hung and not _runs_here(attempt)]
            if waiting:
                self._wait_for(waiting)
            elif results == results_before:
                return delay  # else what depends on a result may be due by it

    def _progress(self) -> tuple[int, list[Attempt]]:
        scheduler = self.instance.health.scheduler
        with scheduler._lock:
            entries = list(scheduler._order)
            return sum(entry.reports for entry in entries), [entry.attempt for entry in entries if entry.attempt]

    def _wait_for(self, attempts: Sequence[Attempt]) -> None:
        scheduler, seen = self.instance.health.scheduler, 0
        deadline = time.monotonic() + PATIENCE
        while left := set(attempts) & set(self._progress()[1]):
            patience = deadline - time.monotonic()
            if patience <= 0:
                self._hung |= left
                return
            seen = scheduler.wait(seen, patience)

    # Life

    @contextmanager
    def running(self) -> Generator[None]:
        """Be the process default, on this clock, within the block."""
        with timed_by(self.clock), self._isolation.installed():
            yield

    def check_errors(self) -> None:
        """Raise FaultsError where there are errors that nobody asked for."""
        if self.errors and not self.allow_errors:
            listed = "\n".join(f"  {line}" for line in dict.fromkeys(map(str, self.errors)))
            raise FaultsError(
                f"the telemetry kept {len(self.errors)} error(s) from the bot:\n{listed}\n"
                "Where they are meant, assert on telemetry.errors and clear() it, or set telemetry.allow_errors."
            ) from self.errors[0].error


def _runs_here(attempt: Attempt) -> bool:
    """Tell whether it runs in the thread that would wait for it, or on the event loop there."""
    if attempt._thread == threading.get_ident():
        return True
    return attempt.check.loop is not None and attempt.check.loop is running_loop()


@contextmanager
def recorded(settings: Settings | None = None, *, allow_errors: bool = False) -> Generator[Recording]:
    """Record what the block does, isolated: no listener, no exporter, no thread, and a clock that stands still.

    Within the block it is the process default, also where the bot calls ``configure`` itself; afterwards the one
    before is again. With unittest: ``self.telemetry = self.enterContext(recorded())`` in ``setUp``.

    Args:
        settings: thresholds and limits; the defaults unless given, whatever the environment says.
        allow_errors: whether the block may end with errors that were kept from the bot.

    Raises:
        FaultsError: the block ended well, and left errors in ``errors`` that were kept from the bot.

    >>> from gpt_trader_telemetry import broker_call
    >>> with recorded() as telemetry, broker_call("submit"):
    ...     telemetry.clock.advance(0.25)
    >>> taken = telemetry.histogram("gpt_trader_broker_call_latency_seconds", operation="submit")
    >>> taken.sum == 0.25
    True
    """
    recording = Recording(Settings() if settings is None else settings, allow_errors=allow_errors)
    with recording.running():
        yield recording
    recording.check_errors()
