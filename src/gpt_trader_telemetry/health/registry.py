"""Health: where checks are registered, and what is known of them."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.attempt import Check, CheckCallable
from gpt_trader_telemetry.health.loops import running_loop
from gpt_trader_telemetry.health.meters import Meters
from gpt_trader_telemetry.health.performance import PERFORMANCE, Performance, performance_json
from gpt_trader_telemetry.health.result import CheckReport, Severity, Status, severity_of
from gpt_trader_telemetry.health.runner import Runner
from gpt_trader_telemetry.health.scheduler import Clock, Publish, Scheduler
from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.health.usage import check_callable, check_dependencies, check_name, duration, names
from gpt_trader_telemetry.health.verdict import NEVER_READY, Overall, is_ready, overall
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.recorder import Faults

CallableT = TypeVar("CallableT", bound=CheckCallable)

_MAX_REASON: Final = 200


class _Said(NamedTuple):
    """What the bot says of itself, replaced as one."""

    live: bool = True
    ready: bool = False
    ever_ready: bool = False
    ready_reason: str = NEVER_READY
    live_reason: str = ""


class Health:
    """The health of one bot: checks that run in the background, and what the bot says of itself.

    The first registration starts the thread that runs the checks. Nothing here runs a check in the calling
    thread, and nothing but wrong use of ``register`` raises.

    Args:
        slot: where results become metrics.
        clock: seconds of a clock that only goes forward.
        wall: Unix time, for ``checked_at``.
        max_threads: how many checks may run at once. One that is out of time and still registered is not counted.
        on_result: called with each result and the seconds it took (None where the check was not run), in
            whichever thread it came.
        autostart: whether registering starts the thread; otherwise ``start`` does.

    >>> health = Health(autostart=False)
    >>> @health.check("feed", severity="critical")
    ... def feed():
    ...     return False, {"lag_seconds": 40}
    >>> report = health.run_once()["feed"]
    >>> report.status.value, report.severity.value, dict(report.details)
    ('fail', 'critical', {'lag_seconds': 40})
    >>> health.stop()
    """

    def __init__(
        self,
        slot: Slot | None = None,
        *,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        max_threads: int = 64,
        on_result: Publish | None = None,
        autostart: bool = True,
    ) -> None:
        self._slot = slot or Slot()
        self._faults = Faults()
        self._on_result = on_result
        self._autostart = autostart
        self.scheduler = Scheduler(
            clock=clock, wall=wall, max_threads=max_threads, slot=self._slot, publish=self._publish
        )
        self.runner = Runner(self.scheduler, self._note)
        self._meters = Meters(self._slot, self._report)
        self._saying = threading.Lock()
        self._said = _Said()
        self._is_dormant = False
        """Whether this is a forked child in which no check has been asked for."""

    # Checks

    def register(
        self,
        name: str,
        check: CheckCallable,
        *,
        severity: str = "warning",
        interval: float = 30.0,
        timeout: float = 5.0,
        depends_on: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        """Run ``check`` in the background from now on; a name that is registered is replaced.

        Args:
            name: how it is shown.
            check: takes nothing; returns a HealthCheckResult, ``(ok, details)``, a boolean or None for success,
                or an awaitable of one, which runs on the event loop that runs here and now; or raises.
            severity: ``warning`` or ``critical``: what its failure means, unless its result says so itself. A check
                that gives no result in time means as much as its gravest result so far; the broker's ping is critical
                at all times.
            interval: seconds from one start to the next.
            timeout: seconds after which it has failed. What cannot be cancelled is left to run, and is not
                started again before it has ended.
            depends_on: names of checks without which this one is skipped.
            tags: for ``reports`` and ``run_once`` to choose by.

        Raises:
            UsageError: what was given cannot be meant; the message names it.
        """
        made = Check(
            name=check_name(name),
            call=check_callable(name, check),
            severity=_at_least_its_own(severity_of(severity), check),
            interval=duration("interval", interval),
            timeout=duration("timeout", timeout),
            depends_on=names("depends_on", depends_on),
            tags=names("tags", tags),
            loop=running_loop(),
        )
        self._put(made)

    def _put(self, check: Check) -> None:
        self.scheduler.put(check, lambda registered: check_dependencies(check, registered))
        self._meters.add(check.name)
        if self._autostart:
            self.start()

    def check(
        self,
        name: str,
        *,
        severity: str = "warning",
        interval: float = 30.0,
        timeout: float = 5.0,
        depends_on: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> Callable[[CallableT], CallableT]:
        """Register the decorated function; it stays as it was. See ``register``."""
        check_name(name)

        def decorate(function: CallableT) -> CallableT:
            self.register(
                name, function, severity=severity, interval=interval, timeout=timeout, depends_on=depends_on, tags=tags
            )
            return function

        return decorate

    def unregister(self, name: str) -> bool:
        """Forget a check; false if there is none of that name. What depends on it is skipped and says so."""
        return self.scheduler.remove(name)

    def watch_performance(self, performance: Performance, *, interval: float = 10.0) -> None:
        """Register the process's performance under its own name, as a warning."""
        self._put(
            Check(PERFORMANCE, performance, severity_of("warning"), duration("interval", interval), 5.0, (), (), None)
        )

    def reports(self, *tags: str) -> Mapping[str, CheckReport]:
        """Return what is known of each check now, of those with one of ``tags`` where any are given.

        Waits for nothing. What is older than three intervals and the timeout is a failure, also where the
        background thread has died or was never started.
        """
        reports = self.scheduler.reports(runner_alive=self.runner.is_alive)
        if self._is_dormant:
            reports = {name: _pending(report) for name, report in reports.items()}
        return self._chosen(reports, tags)

    def _chosen(self, reports: Mapping[str, CheckReport], tags: tuple[str, ...]) -> Mapping[str, CheckReport]:
        if not tags:
            return reports
        wanted = {name for name, check in self.scheduler.checks().items() if not set(tags).isdisjoint(check.tags)}
        return {name: report for name, report in reports.items() if name in wanted}

    def run_once(self, timeout: float | None = None, *tags: str) -> Mapping[str, CheckReport]:
        """Run every check now, wait for the results and return them: for tests and scripts.

        Needs no background thread and does not mind one. ``timeout``, in seconds, ends the waiting; what has
        not run by then is as it was.

        Raises:
            UsageError: a check is to run on the event loop of this very thread, which waits here.
        """
        self._wake()
        scheduler = self.scheduler
        loop = running_loop()
        waiting = [name for name, check in scheduler.checks().items() if loop is not None and check.loop is loop]
        if waiting:
            raise UsageError(
                f"run_once() would wait for {waiting[0]!r} on the event loop that it blocks; "
                "use await asyncio.to_thread(health.run_once)"
            )
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        is_done = scheduler.run_all()
        seen = 0
        while True:
            delay = scheduler.tick()
            left = deadline - time.monotonic()
            if is_done() or left <= 0:
                return self.reports(*tags)
            seen = scheduler.wait(seen, max(0.001, min(delay, left, 1.0)))

    def checks_json(self, reports: Mapping[str, CheckReport] | None = None) -> dict[str, dict[str, Any]]:
        """Return the ``checks`` part of ``/health``, of reports read before if given: performance in its own words."""
        return {
            name: performance_json(report) if name == PERFORMANCE else report.as_json()
            for name, report in (self.reports() if reports is None else reports).items()
        }

    # What the bot says of itself

    def mark_ready(self, reason: str = "application_ready") -> None:
        """Say that the bot trades; ``/ready`` then waits for the critical checks alone."""
        self._say(ready=True, ever_ready=True, ready_reason=_reason(reason))

    def mark_not_ready(self, reason: str) -> None:
        """Say that the bot does not trade, and why. Before it was ever ready, it is starting."""
        self._say(ready=False, ready_reason=_reason(reason))

    def mark_live(self) -> None:
        """Say that the process is alive, as it is from the start."""
        self._say(live=True, live_reason="")

    def mark_not_live(self, reason: str = "not_live") -> None:
        """Say that the process is beyond help: an orchestrator will restart it. Never for a broker's outage."""
        self._say(live=False, live_reason=_reason(reason))

    def _say(self, **changes: Any) -> None:
        with self._saying:
            self._said = self._said._replace(**changes)

    @property
    def live(self) -> bool:
        """Whether the process calls itself alive: what ``/live`` answers."""
        return self._said.live

    @property
    def ready(self) -> bool:
        """Whether the bot calls itself ready; ``is_ready`` asks the critical checks as well."""
        return self._said.ready

    @property
    def ever_ready(self) -> bool:
        """Whether it was ready at any time."""
        return self._said.ever_ready

    @property
    def reason(self) -> str:
        """What was said last: why it is not alive, else why it is ready or not."""
        said = self._said
        return said.ready_reason if said.live else said.live_reason

    def is_ready(self, reports: Mapping[str, CheckReport] | None = None) -> tuple[bool, str]:
        """Return what ``/ready`` answers, and why."""
        said = self._said
        return is_ready(said.ready, self.reports() if reports is None else reports, reason=said.ready_reason)

    def overall(
        self,
        signals_status: str | None = None,
        *,
        signals_missed: bool = False,
        reports: Mapping[str, CheckReport] | None = None,
    ) -> tuple[Overall, str]:
        """Return the status word of ``/health``, and why; see ``verdict.overall``."""
        said = self._said
        return overall(
            said.live,
            said.ever_ready,
            said.ready,
            self.reports() if reports is None else reports,
            signals_status,
            signals_missed=signals_missed,
            reason=said.ready_reason if said.live else said.live_reason,
        )

    # Life

    def start(self) -> None:
        """Run checks in the background, if they do not yet; in a forked child from now on."""
        self._wake()
        self.runner.start()

    def _wake(self) -> None:
        if self._is_dormant:
            self.scheduler.reset_after_fork()
            self._is_dormant = False

    def stop(self, timeout: float = 1.0) -> None:
        """Run no more checks; wait ``timeout`` seconds at the most. Results stay, and go stale. For good."""
        self.runner.stop(timeout)

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: no threads, and all results pending, for as long as nobody asks for more.

        The child does not run them by itself: they are the parent's, and ask over connections that a child must not
        use beside it. ``start``, ``run_once`` and the next registration do. Checks that ran on an event loop of the
        parent run on one of our own then.
        """
        self._is_dormant = True
        self._saying = threading.Lock()
        self.scheduler.reset_after_fork()
        self.runner.reset_after_fork()

    def _report(self, name: str) -> CheckReport | None:
        report = self.scheduler.report(name, runner_alive=self.runner.is_alive)
        return _pending(report) if self._is_dormant and report is not None else report

    def _publish(self, report: CheckReport, seconds: float | None) -> None:
        try:
            self._meters.record(report, seconds)
            if self._on_result is not None:
                self._on_result(report, seconds)
        except (Exception, SystemExit) as error:  # a listener's exit ends neither the runner nor a check's thread
            self._note("a health result could not be passed on", error)

    def _note(self, what: str, error: BaseException | None = None) -> None:
        recorder = self._slot.recorder
        (self._faults if recorder is None else recorder.faults).note("health", what, error)


def _at_least_its_own(severity: Severity, check: object) -> Severity:
    """Return the severity that is registered, or critical where a built-in check, maybe in partials, always is."""
    while isinstance(check, partial):
        check = check.func
    return Severity.CRITICAL if getattr(check, "severity", None) is Severity.CRITICAL else severity


def _pending(report: CheckReport) -> CheckReport:
    return CheckReport(report.name, Status.PENDING, report.severity)


def _reason(reason: object) -> str:
    return scrub_text(reason, _MAX_REASON) or "unspecified"
