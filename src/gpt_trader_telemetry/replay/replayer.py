"""Runs the live signals over recorded events, with the events' own times as their clock."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from gpt_trader_telemetry.health.signal_report import Signal, SignalsReport, SignalStatus
from gpt_trader_telemetry.recording.window import SLOTS
from gpt_trader_telemetry.replay.inputs import Inputs
from gpt_trader_telemetry.replay.result import ALARMS, DOWN, STATES, Change, ReplayResult, SignalSummary
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.thresholds import (
    MARKET_DATA_STALENESS_SECONDS,
    SIGNALS,
    WS_STALENESS_SECONDS,
    Thresholds,
)

NOT_IN_THE_LOG: Final = "not_in_the_log"
MAX_CHANGES: Final = 100_000

_JUST_BEFORE: Final = 0.001
"""Seconds before the end of a step at which it is judged, so that its own events are in the running slot."""
_START: Final = "runtime_start"
_ALIVE: Final = frozenset({_START, "heartbeat", "cycle_metrics"})
"""Kinds that feed nothing and tell that the bot runs."""


class Track:
    """One signal: its state now, and what became of it so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = SignalStatus.UNKNOWN
        self.seconds = dict.fromkeys(STATES, 0.0)
        self.warned = 0
        self.went_critical = 0
        self.highest: float | None = None
        self.highest_at: float | None = None
        self.unknown: Counter[str] = Counter()

    def summary(self) -> SignalSummary:
        """Return what became of it."""
        return SignalSummary(
            signal=self.name,
            seconds=self.seconds,
            warned=self.warned,
            went_critical=self.went_critical,
            highest=self.highest,
            highest_at=self.highest_at,
            why_unknown=max(self.unknown, key=lambda why: self.unknown[why], default=None),
        )


class Replayer:
    """Takes events in the order in which they were written and judges the signals at the end of each step.

    Args:
        thresholds: what to judge by.
        start: what is before only fills the windows; None begins with the first event.

    A start of the bot empties the windows, as it does live, and the time since its last word counts as DOWN.
    """

    def __init__(self, thresholds: Thresholds, *, start: float | None = None) -> None:
        self.thresholds = thresholds
        self.step = thresholds.window_seconds / SLOTS
        self.events = 0
        self.starts = 0
        self.changes: list[Change] = []
        self.omitted = 0
        self._start = start
        self._begun = start
        self._tracks = {name: Track(name) for name in SIGNALS}
        self._now = 0.0
        self._judged = -math.inf
        """The end of the last step that was judged."""
        self._last = -math.inf
        """When the bot was last heard of."""
        slowest = max(thresholds.limits(name).crit for name in (WS_STALENESS_SECONDS, MARKET_DATA_STALENESS_SECONDS))
        self._settled_after = thresholds.window_seconds + slowest + 3 * self.step
        self._latest: tuple[Mapping[str, int | None], SignalsReport] | None = None
        self._inputs = self._new_inputs()
        self.kinds = self._inputs.kinds | _ALIVE
        """The kinds of events that it takes; others need not be given to it."""

    def _new_inputs(self) -> Inputs:
        return Inputs(self.thresholds, lambda: self._now)

    def take(self, event: Event) -> None:
        """Take an event in; one without a time is passed over."""
        at = event.at
        if at is None:
            return
        if self._judged == -math.inf:
            self._judged = math.floor(at / self.step) * self.step
            self._begun = self._judged if self._begun is None else max(self._begun, self._judged)
        self.events += 1
        if event.kind == _START:
            self.starts += 1
            self._restart(at)
        else:
            self._advance(at)
        self._now = max(self._now, at)
        self._last = max(self._last, at)
        self._inputs.take(event)

    def finish(self, profile: str) -> ReplayResult:
        """Judge what is left, up to the last event, and return what was found."""
        if self._judged > -math.inf:
            self._advance(self._last + self.step)
        start = self._begun if self._begun is not None else 0.0
        return ReplayResult(
            profile=profile,
            start=start,
            end=max(start, self._judged if self._judged > -math.inf else start),
            step=self.step,
            events=self.events,
            starts=self.starts,
            thresholds=self.thresholds,
            changes=self.changes,
            omitted=self.omitted,
            summaries={name: track.summary() for name, track in self._tracks.items()},
        )

    def _restart(self, at: float) -> None:
        """Begin anew, after a time of which nothing is known but that the bot said nothing."""
        if self._last > -math.inf:
            self._advance(min(at, self._last + self.step))
        begins = max(self._judged, math.floor(at / self.step) * self.step)
        for track in self._tracks.values():
            track.seconds[DOWN] += self._counted(self._judged, begins)
            self._note(track, SignalStatus.UNKNOWN, begins)
        self._judged = begins
        self._inputs, self._latest = self._new_inputs(), None

    def _advance(self, at: float) -> None:
        """Judge each step that ended by then."""
        while self._judged + self.step <= at:
            end = self._judged + self.step
            self._now = max(self._now, end - _JUST_BEFORE)
            self._judge(end)
            self._judged = end
            if end - self._last > self._settled_after:
                self._skip(at)

    def _skip(self, at: float) -> None:
        """Pass over time in which nothing can change: windows are empty, and what is stale gets no fresher."""
        steps = math.floor((at - self._judged) / self.step) - 1
        if steps > 0:
            until = self._judged + steps * self.step
            for track in self._tracks.values():
                track.seconds[track.status] += self._counted(self._judged, until)
            self._judged = until

    def _judge(self, end: float) -> None:
        counted = self._counted(self._judged, end)
        ages = self._inputs.ages()
        for signal in self._report(end, ages).signals:
            track = self._tracks[signal.name]
            untold = signal.name in self._inputs.untold
            status = SignalStatus.UNKNOWN if untold else signal.status
            value = ages.get(signal.name, signal.value)
            if counted:
                track.seconds[status] += counted
                if status is SignalStatus.UNKNOWN:
                    track.unknown[NOT_IN_THE_LOG if untold else signal.measure.unknown or ""] += 1
                elif value is not None and (track.highest is None or value > track.highest):
                    track.highest, track.highest_at = value, end
            if status is not track.status:
                self._note(track, status, end, signal)

    def _report(self, end: float, ages: Mapping[str, float | None]) -> SignalsReport:
        """Evaluate, unless that would give the same: windows as they were, each age on the same side of its limits."""
        sides = {name: self._side(name, age) for name, age in ages.items()}
        same = self._latest is not None and self._latest[0] == sides
        changed = self._inputs.changes_in(round(end / self.step) - 1)
        if self._latest is None or changed or not same:
            self._latest = (sides, self._inputs.signals.evaluate())
        return self._latest[1]

    def _side(self, name: str, age: float | None) -> int | None:
        return None if age is None else bisect_left(self.thresholds.limits(name), age)

    def _counted(self, start: float, end: float) -> float:
        """Return how much of a stretch is not before the replay's start."""
        return end - start if self._start is None else max(0.0, end - max(start, self._start))

    def _note(self, track: Track, status: SignalStatus, at: float, signal: Signal | None = None) -> None:
        before, track.status = track.status, status
        if before is status or (self._start is not None and at < self._start):
            return
        if before not in ALARMS and status not in ALARMS:
            return
        track.warned += status is SignalStatus.WARN and before not in ALARMS
        track.went_critical += status is SignalStatus.CRIT
        if len(self.changes) >= MAX_CHANGES:
            self.omitted += 1
            return
        limits = self.thresholds.limits(track.name)
        known = signal is not None and status is not SignalStatus.UNKNOWN
        crossed = (
            limits.crit if SignalStatus.CRIT in {status, before} and status is not SignalStatus.OK else limits.warn
        )
        self.changes.append(
            Change(
                at=at,
                signal=track.name,
                before=before,
                after=status,
                value=signal.value if signal is not None and known else None,
                threshold=crossed if known else None,
                details=signal.measure.details if signal is not None and known else {},
            )
        )


def replay(
    events: Iterable[Event], thresholds: Thresholds, *, profile: str, start: float | None = None
) -> ReplayResult:
    """Run the signals over events, which are in the order in which they were written.

    >>> trips = [Event("guard_triggered", 1000.0 + second, {"guard": "daily_loss"}) for second in range(4)]
    >>> result = replay(trips, Thresholds(), profile="paper")
    >>> [(change.signal, change.after.value, change.value, change.threshold) for change in result.changes]
    [('guard_trip_count', 'WARN', 4.0, 3.0)]
    """
    replayer = Replayer(thresholds, start=start)
    for event in events:
        replayer.take(event)
    return replayer.finish(profile)
