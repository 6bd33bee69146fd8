"""What is due, what may start, what is out of time: decided by ``tick``, for any clock and any thread."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.health.attempt import Attempt, Check
from gpt_trader_telemetry.health.entry import Entry
from gpt_trader_telemetry.health.own_loop import OwnLoop
from gpt_trader_telemetry.health.pool import Pool
from gpt_trader_telemetry.health.result import CheckReport, HealthCheckResult, Severity, Status
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

Clock: TypeAlias = Callable[[], float]

Publish: TypeAlias = Callable[[CheckReport, float | None], object]
"""Told of each result and of the seconds that the check took, None where it was not run."""

_NOT_KNOWN: Final = "unregistered"


class Scheduler:
    """The registered checks and their results.

    One lock, held for moments: neither a check nor anything else of the bot's runs under it.
    """

    def __init__(
        self,
        *,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        max_threads: int = 64,
        slot: Slot = DEFAULT,
        publish: Publish = lambda _report, _seconds: None,
    ) -> None:
        self.clock = clock
        self.pool = Pool("gpt-trader-health", max_threads, self.wake)
        self._wall = wall
        self._slot = slot
        self._publish = publish
        self._entries: dict[str, Entry] = {}
        self._order: list[Entry] = []
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.RLock()
        self.changed = threading.Condition()
        """Notified when a result came or a check was registered: it may be time for a tick."""
        self._changes = 0
        self._held: dict[str, Attempt] = {}
        """By name, the run that is out of time or of a registration that is no more; while it goes on, no other."""
        self._closing: list[OwnLoop] = []
        self._news: list[tuple[CheckReport, float | None]] = []

    def reset_after_fork(self) -> None:
        """Begin with no threads and no results, as in a forked child; the registrations stay."""
        for loop in [*self._closing, *(entry.own_loop for entry in self._entries.copy().values())]:
            loop.leave_to_parent()
        self._start_anew()
        self.pool.reset_after_fork()
        now = self.clock()
        for name, entry in list(self._entries.copy().items()):
            # The loop it was registered on runs in the parent, whatever this copy of it says.
            self._entries[name] = Entry(replace(entry.check, loop=None), now)
        self._arrange()

    # Registrations

    def put(self, check: Check, judge: Callable[[Mapping[str, Check]], None]) -> None:
        """Register, or replace what has the name; ``judge`` is shown all checks first and may raise."""
        with self._lock:
            judge({name: entry.check for name, entry in self._entries.items()})
            self._abandon(self._entries.get(check.name))
            self._entries[check.name] = entry = Entry(check, self.clock())
            self._arrange()
            former = self._held.get(check.name)
            if former is not None:  # if that one is out of time, this one is at no moment pending
                self._wait_for(former, entry, entry.due)
        self.wake()

    def remove(self, name: str) -> bool:
        """Unregister; false if there is none of that name."""
        with self._lock:
            entry = self._entries.pop(name, None)
            self._abandon(entry)
            self._arrange()
        self.wake()
        return entry is not None

    def _abandon(self, entry: Entry | None) -> None:
        if entry is not None:
            if entry.attempt is not None:
                self._give_up(entry, entry.attempt)
            if entry.own_loop.retire():
                self._closing.append(entry.own_loop)

    def _give_up(self, entry: Entry, attempt: Attempt) -> None:
        self._held[entry.check.name] = attempt
        entry.attempt = None
        attempt.give_up()

    def _arrange(self) -> None:
        graph = {
            name: [on for on in entry.check.depends_on if on in self._entries] for name, entry in self._entries.items()
        }
        self._order = [self._entries[name] for name in TopologicalSorter(graph).static_order()]

    def checks(self) -> dict[str, Check]:
        """Return what is registered, in the order of registration."""
        with self._lock:
            return {name: entry.check for name, entry in self._entries.items()}

    def reports(self, *, runner_alive: bool) -> dict[str, CheckReport]:
        """Return what is known of each check now."""
        with self._lock:
            now = self.clock()
            return {name: entry.current(now, runner_alive=runner_alive) for name, entry in self._entries.items()}

    def report(self, name: str, *, runner_alive: bool) -> CheckReport | None:
        """Return what is known of one check now; None if there is none of that name."""
        with self._lock:
            entry = self._entries.get(name)
            return None if entry is None else entry.current(self.clock(), runner_alive=runner_alive)

    # Time

    def tick(self, now: float | None = None) -> float:
        """Give up what is out of time, start what is due, and return the seconds until there is more to do."""
        with self._lock:
            now = self.clock() if now is None else now
            self._close_loops(beside=self._hung())
            for entry in self._order:
                if entry.attempt is not None and now >= entry.attempt.deadline:
                    self._time_out(entry, entry.attempt, now)
            for entry in self._order:
                if entry.due <= now:
                    self._attend(entry, now)
            wake = min((entry.next_wake() for entry in self._order), default=math.inf)
        self._tell()
        return max(0.0, wake - now)

    def _close_loops(self, beside: int) -> None:
        if self._closing and self.pool.submit(partial(_close, self._closing), beside):
            self._closing = []

    def _time_out(self, entry: Entry, attempt: Attempt, now: float) -> None:
        details = _timed_out(entry, attempt, now)
        self._give_up(entry, attempt)
        self._fail(entry, now, details, seconds=now - attempt.started)

    def _attend(self, entry: Entry, now: float) -> None:
        """Start a check that is due, or say why not, or leave it until something changes."""
        if entry.running:
            if not entry.poked:
                entry.advance(now)
            return
        former = self._held.get(entry.check.name)
        if former is not None:
            self._wait_for(former, entry, now)
            return
        if self._must_wait(entry, now):
            return
        blocker = self._blocker(entry, now)
        if blocker is not None:
            entry.advance(now)
            self._skip(entry, now, *blocker)
            return
        self._start(entry, now)

    def _wait_for(self, former: Attempt, entry: Entry, now: float) -> None:
        """Leave it until a run under its name has ended; if that, or the waiting, is out of time, it has failed."""
        if entry.starve(now, until=former.deadline):
            details = _timed_out(entry, former, now)
            if former.check is not entry.check:
                details["error"] = "a run of an earlier registration of this name has not ended"
            entry.advance(now)
            self._fail(entry, now, details)

    def _must_wait(self, entry: Entry, now: float) -> bool:
        """Tell whether the next result of something that it depends on is under way: then that one decides."""
        waits = False
        for name in entry.check.depends_on:
            other = self._entries.get(name)
            if other is not None and (other.running or other.due <= now):
                seen = entry.waits_for.setdefault(name, other.reports)
                # Registered anew meanwhile, it counts from zero.
                if seen == other.reports or other.report is None:
                    waits = True
                    entry.patience = max(entry.patience, other.check.timeout + other.patience)
        return waits

    def _blocker(self, entry: Entry, now: float) -> tuple[str, str] | None:
        for name in entry.check.depends_on:
            other = self._entries.get(name)
            if other is None:
                return name, _NOT_KNOWN
            status = other.current(now, runner_alive=True).status
            if status in {Status.FAIL, Status.SKIPPED}:
                return name, status.value
        return None

    def _start(self, entry: Entry, now: float) -> None:
        # Before it runs: it may end before submit returns.
        entry.attempt = attempt = Attempt(entry.check, now, entry.own_loop, self._slot)
        if self.pool.submit(partial(self._run, entry, attempt), beside=self._hung()):
            entry.advance(now)
            return
        entry.attempt = None
        if entry.starve(now, until=math.inf):
            waited = round(now - (entry.starved_since or now), 3)
            why = f"{self.pool.threads} threads are busy"
            entry.advance(now)
            self._fail(entry, now, {"no_thread": True, "waited_seconds": waited, "error": why})

    def _hung(self) -> int:
        # A name has one such run at the most, so that this is bounded by the names that are registered.
        return sum(name in self._entries for name in self._held)

    # Results

    def _run(self, entry: Entry, attempt: Attempt) -> None:
        """Run in a thread of the pool."""
        try:
            result = attempt.run()
        except BaseException as error:  # its text could not be had
            result = HealthCheckResult(ok=False, details={"error_type": type(error).__name__})
        self._finish(entry, attempt, result)

    def _finish(self, entry: Entry, attempt: Attempt, result: HealthCheckResult) -> None:
        with self._lock:
            if self._held.get(entry.check.name) is attempt:
                del self._held[entry.check.name]
            elif entry.attempt is attempt:
                entry.attempt = None
                now = self.clock()
                status = Status.PASS if result.ok else Status.FAIL
                self._record(entry, now, status, result, now - attempt.started)
        self._tell()

    def _fail(self, entry: Entry, now: float, details: Mapping[str, Any], seconds: float | None = None) -> None:
        result = HealthCheckResult(ok=False, details=details, severity=entry.gravest)
        self._record(entry, now, Status.FAIL, result, seconds)

    def _skip(self, entry: Entry, now: float, name: str, status: str) -> None:
        details = {"skipped_because": name, "dependency_status": status}
        self._record(entry, now, Status.SKIPPED, HealthCheckResult(ok=False, details=details), None)

    def _record(
        self, entry: Entry, now: float, status: Status, result: HealthCheckResult, seconds: float | None
    ) -> None:  # fmt: skip
        check, before = entry.check, None if entry.report is None else entry.report.status
        severity = check.severity if result.severity is None else Severity(result.severity)
        if severity is Severity.CRITICAL:
            entry.own_gravest = severity
        milliseconds = None if seconds is None else max(0.0, seconds) * 1000.0
        report = CheckReport(check.name, status, severity, result.details, self._wall(), milliseconds)
        entry.report, entry.since = report, now
        entry.reports += 1
        if before is not None and (before is Status.PASS) != (status is Status.PASS):
            self._poke_dependents(entry.check.name, now)
        self._news.append((report, seconds))

    def _poke_dependents(self, name: str, now: float) -> None:
        for other in self._order:
            if name in other.check.depends_on and other.reports:
                other.due = min(other.due, now)
                other.poked = True

    def _tell(self) -> None:
        with self._lock:
            news, self._news = self._news, []
        for report, seconds in news:
            self._publish(report, seconds)

    def wake(self) -> None:
        """Say that something has changed: it may be time for a tick."""
        with self.changed:
            self._changes += 1
            self.changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Wait until something has changed since the number ``seen``, or for ``timeout`` seconds; return the number."""
        with self.changed:
            self.changed.wait_for(lambda: self._changes != seen, timeout)
            return self._changes

    def stop(self) -> None:
        """Give up what runs, let the threads end when they can, and close the checks' own loops. Waits for nothing."""
        with self._lock:
            for entry in self._order:
                self._abandon(entry)
            self._close_loops(beside=self.pool.threads)
            self.pool.stop()

    def join(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the threads, but for those that only a check's return will end."""
        with self._lock:
            hung = sum(not attempt.ends_when_given_up for attempt in self._held.values())
        return self.pool.join(timeout, hung)

    def run_all(self) -> Callable[[], bool]:
        """Have every check run now; return what tells whether each has a result of a run that began since."""
        with self._lock:
            now = self.clock()
            # The result of a run that is under way does not count: it began before.
            awaited = [(entry, entry.reports + entry.running) for entry in self._order]
            for entry in self._order:
                entry.due = min(entry.due, now)
                entry.poked = True
        self.wake()
        return lambda: all(
            entry.reports > before or self._entries.get(entry.check.name) is not entry for entry, before in awaited
        )


def _close(loops: list[OwnLoop]) -> None:
    for loop in loops:
        loop.close()


def _timed_out(entry: Entry, attempt: Attempt, now: float) -> dict[str, Any]:
    return {
        "timed_out": True,
        "timeout_seconds": entry.check.timeout,
        "running_for_seconds": round(now - attempt.started, 3),
        "blocked_at": attempt.is_at(),
    }
