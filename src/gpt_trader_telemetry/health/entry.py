"""What the scheduler keeps of one registration."""

import math
from typing import Any, Final

from gpt_trader_telemetry.health.attempt import Attempt, Check
from gpt_trader_telemetry.health.own_loop import OwnLoop
from gpt_trader_telemetry.health.result import CheckReport, Severity, Status

STALE_INTERVALS: Final = 3
"""A result is stale when it is older than this many intervals and the timeout."""


class Entry:
    """One registered check: its result, its current run, and when it is due. Its owner holds a lock around it."""

    def __init__(self, check: Check, now: float) -> None:
        self.check = check
        self.since = now
        """When it was registered, or its result came, on the monotonic clock."""
        self.due = now
        self.report: CheckReport | None = None
        self.reports = 0
        """How many results came so far."""
        self.own_gravest: Severity | None = None
        """The gravest severity that results of its own have had."""
        self.attempt: Attempt | None = None
        """Its run that is under way, and within its time."""
        self.own_loop = OwnLoop()
        """Where it runs if it is a coroutine and was not registered on a loop."""
        self.poked = False
        """Whether it is to run again although it is running: what it depends on has changed."""
        self.waits_for: dict[str, int] = {}
        """For what it depends on: the number of results that each had when the wait for the next one began."""
        self.patience = 0.0
        """Seconds that this wait may take beyond its own time: those that the others have."""
        self.starved_since: float | None = None
        """Since when it is due and could not be started."""
        self.starved_until = math.inf
        """When that is a failure."""

    @property
    def running(self) -> bool:
        """Whether it runs, and within its time."""
        return self.attempt is not None

    def starve(self, now: float, until: float) -> bool:
        """Note that it cannot be started; true if that has been so for its timeout, or ``until`` is over."""
        if self.starved_since is None:
            self.starved_since = now
        self.starved_until = min(self.starved_since + self.check.timeout, until)
        return now >= self.starved_until

    def advance(self, now: float) -> None:
        """Set the next time it is due: on its own beat, missed beats left out."""
        self.waits_for.clear()
        self.patience = 0.0
        self.starved_since = None
        self.poked = False
        interval = self.check.interval
        self.due += interval * (math.floor(max(0.0, now - self.due) / interval) + 1)
        if self.due <= now:  # the sum was rounded down
            self.due = now + interval

    def next_wake(self) -> float:
        """Return when there is something to do for it, unless another check's end brings that about sooner."""
        moments = [] if self.attempt is None else [self.attempt.deadline]
        if self.starved_since is not None:
            moments.append(self.starved_until)
        elif not self.waits_for and not (self.running and self.poked):
            moments.append(self.due)
        return min(moments, default=math.inf)

    @property
    def gravest(self) -> Severity:
        """What it means that there is no result: as much as any result so far has meant, or more.

        A broker that hangs is no better than one that refuses.
        """
        return Severity.CRITICAL if Severity.CRITICAL in {self.check.severity, self.own_gravest} else Severity.WARNING

    def current(self, now: float, *, runner_alive: bool) -> CheckReport:
        """Return what is known now: the last result, pending, or stale."""
        check, report = self.check, self.report
        age = now - self.since
        if age <= STALE_INTERVALS * check.interval + check.timeout + self.patience:
            return report or CheckReport(check.name, Status.PENDING, self.gravest)
        details: dict[str, Any] = {"stale": True, "age_seconds": round(age, 3), "runner_alive": runner_alive}
        if report is None:
            return CheckReport(check.name, Status.FAIL, self.gravest, {**details, "never_ran": True})
        details["last_status"] = report.status.value
        return CheckReport(check.name, Status.FAIL, self.gravest, details, report.checked_at, report.duration_ms)
