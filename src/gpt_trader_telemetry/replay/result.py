"""What a replay found: each time that a signal would have alarmed or recovered, and how long it was in each state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gpt_trader_telemetry.health.signal_report import SignalStatus
from gpt_trader_telemetry.thresholds import SIGNALS, UNITS, Thresholds

DOWN: Final = "DOWN"
"""The bot was not running: between its last word and its next start."""
STATES: Final = (*(status.value for status in SignalStatus), DOWN)
ALARMS: Final = (SignalStatus.WARN, SignalStatus.CRIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A signal that went to another state."""

    at: float
    signal: str
    before: SignalStatus
    after: SignalStatus
    value: float | None
    threshold: float | None
    """The threshold that the value went above or, where it recovered, is no longer above; None with no value."""
    details: Mapping[str, Any]

    @property
    def word(self) -> str:
        """What happened, in a word."""
        if self.after is SignalStatus.CRIT:
            return "critical"
        if self.after is SignalStatus.WARN:
            return "eased" if self.before is SignalStatus.CRIT else "warned"
        return "recovered" if self.after is SignalStatus.OK else "is no longer known"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "at": iso(self.at),
            "signal": self.signal,
            "from": self.before.value,
            "to": self.after.value,
            "value": self.value,
            "threshold": self.threshold,
            "unit": UNITS[self.signal],
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSummary:
    """One signal over the whole replay."""

    signal: str
    seconds: Mapping[str, float]
    """How long it was in each of STATES."""
    warned: int
    went_critical: int
    highest: float | None
    """The highest value that it had; None where it never was known."""
    highest_at: float | None
    why_unknown: str | None
    """Why it was not known for most of the time that it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """All of it."""

    profile: str
    start: float
    end: float
    step: float
    """Seconds between two judgements: no time is more exact."""
    events: int
    starts: int
    thresholds: Thresholds
    changes: Sequence[Change]
    omitted: int
    """Changes beyond those that are listed; the summaries count them."""
    summaries: Mapping[str, SignalSummary]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "profile": self.profile,
            "from": iso(self.start),
            "to": iso(self.end),
            "step_seconds": self.step,
            "events": self.events,
            "starts": self.starts,
            "changes": [change.as_json() for change in self.changes],
            "changes_omitted": self.omitted,
            "signals": [self._summary(name) for name in SIGNALS],
        }

    def _summary(self, name: str) -> dict[str, Any]:
        summary, limits = self.summaries[name], self.thresholds.limits(name)
        return {
            "name": name,
            "unit": UNITS[name],
            "threshold_warn": limits.warn,
            "threshold_crit": limits.crit,
            "seconds": {state: round(summary.seconds[state], 3) for state in STATES},
            "warned": summary.warned,
            "went_critical": summary.went_critical,
            "highest": summary.highest,
            "highest_at": None if summary.highest_at is None else iso(summary.highest_at),
            "why_unknown": summary.why_unknown,
        }


def iso(at: float) -> str:
    """Spell a time as ISO 8601, in UTC, to the second.

    >>> iso(1770336000.0)
    '2026-02-06T00:00:00+00:00'
    """
    return datetime.fromtimestamp(round(at), UTC).isoformat()
