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
from gpt_trader_telemetry.health.frames import blocked_at
from gpt_trader_telemetry.health.loops import OwnLoops
from gpt_trader_telemetry.health.pool import Pool
from gpt_trader_telemetry.health.result import CheckReport, HealthCheckResult, Severity, Status
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

Clock: TypeAlias = Callable[[], float]

Publish: TypeAlias = Callable[[CheckReport, float | None], object]
"""Told of each result and of the seconds that the check took, None where it was not run."""

MAX_HELD: Final = 3
"""Threads that earlier registrations of one name may hold before a new one gets none."""

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
        self.loops = OwnLoops("gpt-trader-health")
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
        self._held: dict[str, list[Attempt]] = {}
        self._news: list[tuple[CheckReport, float | None]] = []

    def reset_after_fork(self) -> None:
        """Begin with no threads and no results, as in a forked child; the registrations stay."""
        self._start_anew()
        self.pool.reset_after_fork()
        self.loops.reset_after_fork()
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
            self._entries[check.name] = Entry(check, self.clock())
            self._arrange()
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
        if entry is not None and entry.attempt is not None:
            if not entry.late:
                self._hold(entry)
            entry.attempt.give_up()

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
            for entry in self._order:
                if entry.running and now >= entry.deadline:
                    self._time_out(entry, now)
            for entry in self._order:
                if entry.due <= now:
                    self._attend(entry, now)
            wake = min((entry.next_wake() for entry in self._order), default=math.inf)
        self._tell()
        return max(0.0, wake - now)

    def _time_out(self, entry: Entry, now: float) -> None:
        assert entry.attempt is not None
        where = blocked_at(entry.attempt.thread)
        entry.late = True
        self._hold(entry)
        entry.attempt.give_up()
        self._fail(entry, now, {**_timed_out(entry, now), "blocked_at": where}, seconds=now - entry.started)

    def _attend(self, entry: Entry, now: float) -> None:
        """Start a check that is due, or say why not, or leave it until something changes."""
        if entry.running:
            if not entry.poked:
                entry.advance(now)
            return
        if entry.late and entry.attempt is not None:
            details = {**_timed_out(entry, now), "blocked_at": blocked_at(entry.attempt.thread)}
            entry.advance(now)
            self._fail(entry, now, details)
            return
        if self._must_wait(entry, now):
            return
        blocker = self._blocker(entry, now)
        if blocker is not None:
            entry.advance(now)
            self._skip(entry, now, *blocker)
            return
        self._start(entry, now)

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
        held = self._held.get(entry.check.name, [])
        same = any(attempt.runs(entry.check.call) for attempt in held)
        if not same and len(held) < MAX_HELD:
            attempt = Attempt(entry.check, self.loops, self._slot)
            # Before it runs: it may end before submit returns.
            entry.attempt, entry.started, entry.late = attempt, now, False
            if self.pool.submit(partial(self._run, entry, attempt)):
                entry.advance(now)
                return
            entry.attempt = None
        if entry.starved_since is None:
            entry.starved_since = now
        waited = now - entry.starved_since
        if waited >= entry.check.timeout:
            entry.advance(now)
            self._fail(entry, now, self._starved(entry, waited, same=same, held=len(held)))

    def _starved(self, entry: Entry, waited: float, *, same: bool, held: int) -> dict[str, Any]:
        if same:
            error = "the same check, registered earlier, is still running"
            return {"timed_out": True, "timeout_seconds": entry.check.timeout, "error": error}
        why = f"{self.pool.threads} threads are busy" if held < MAX_HELD else f"{held} earlier runs still hold a thread"
        return {"no_thread": True, "waited_seconds": round(waited, 3), "error": why}

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
            self._let_go(attempt)
            if entry.attempt is attempt:
                entry.attempt = None
                if not entry.late and self._entries.get(entry.check.name) is entry:
                    now = self.clock()
                    self._record(entry, now, Status.PASS if result.ok else Status.FAIL, result, now - entry.started)
                entry.late = False
        self._tell()

    def _hold(self, entry: Entry) -> None:
        assert entry.attempt is not None
        self._held.setdefault(entry.check.name, []).append(entry.attempt)

    def _let_go(self, attempt: Attempt) -> None:
        name = attempt.check.name
        held = self._held.get(name)
        if held is not None and attempt in held:
            held.remove(attempt)
            if not held:
                del self._held[name]

    def _fail(self, entry: Entry, now: float, details: Mapping[str, Any], seconds: float | None = None) -> None:
        self._record(entry, now, Status.FAIL, HealthCheckResult(ok=False, details=details), seconds)

    def _skip(self, entry: Entry, now: float, name: str, status: str) -> None:
        details = {"skipped_because": name, "dependency_status": status}
        self._record(entry, now, Status.SKIPPED, HealthCheckResult(ok=False, details=details), None)

    def _record(
        self, entry: Entry, now: float, status: Status, result: HealthCheckResult, seconds: float | None
    ) -> None:  # fmt: skip
        check, before = entry.check, None if entry.report is None else entry.report.status
        severity = check.severity if result.severity is None else Severity(result.severity)
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


def _timed_out(entry: Entry, now: float) -> dict[str, Any]:
    return {
        "timed_out": True,
        "timeout_seconds": entry.check.timeout,
        "running_for_seconds": round(now - entry.started, 3),
    }
