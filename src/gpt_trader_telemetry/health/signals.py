"""Execution signals: what the last minutes of trading looked like, against thresholds.

They are computed in this process from the same recordings as the metrics: a recorder is given ``Signals.tap``
when it is made, and hands each batch that it folds or records to a window as well.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from gpt_trader_telemetry.catalog import SIGNAL_STATUS, SIGNAL_VALUE, Metric
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.explain import explain
from gpt_trader_telemetry.health.measures import NO_SOURCE, NOT_EVALUATED, Measure, Windows
from gpt_trader_telemetry.health.signal_report import STATUS_NUMBERS, Signal, SignalsReport, SignalStatus
from gpt_trader_telemetry.health.source import Source, measured
from gpt_trader_telemetry.recording.recorder import LabelSet, Read, Take
from gpt_trader_telemetry.recording.window import Clock, SlotClock
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    MARKET_DATA_STALENESS_SECONDS,
    MISSING_DECISION_IDS,
    ORDER_ERROR_RATE,
    ORDER_RETRY_RATE,
    SIGNALS,
    WS_STALENESS_SECONDS,
    Thresholds,
)

MAX_AGE: Final = 0.5
"""Seconds for which one evaluation serves all who ask: one collection, several requests."""

HISTORY_STEP: Final = 5.0
HISTORY_POINTS: Final = 180
"""History is a point each 5 s, for 15 minutes."""

_PATIENCE: Final = 0.1
_LATEST_GOOD_FOR: Final = 10.0
"""Seconds to wait for an evaluation that another thread is at, and for which the one before still counts."""


_Point: TypeAlias = dict[str, tuple[float | None, str | None]]
"""Each signal's value and status at one step of the history."""


class Watching(Protocol):
    """The part of a recorder that signals are shown through."""

    def watch(self, metric: Metric, labels: LabelSet, read: Read) -> None:
        """Have a gauge read whenever it is collected."""


class Signals:
    """The seven signals of one bot.

    Args:
        thresholds: the playbook's unless given.
        clock: seconds of a clock that only goes forward.
        ws_staleness: returns the age in seconds of the last WebSocket message, None while there was none.
        market_data_staleness: the same of the stalest market data that the bot trades on.
        on_error: called with what a source raised.

    What is given here is called at each evaluation and returns at once: it reads a time that was stored before. A
    bot's own code is given to ``set_source``.

    >>> signals = Signals()
    >>> signals.evaluate().status.value
    'UNKNOWN'
    """

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        *,
        clock: Clock = time.monotonic,
        ws_staleness: Read | None = None,
        market_data_staleness: Read | None = None,
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:
        self.thresholds = thresholds or Thresholds()
        self._clock = clock
        self._windows = Windows(self.thresholds, clock)
        self._on_error = on_error
        given = {WS_STALENESS_SECONDS: ws_staleness, MARKET_DATA_STALENESS_SECONDS: market_data_staleness}
        self._sources: dict[str, Callable[[], Measure] | None] = {
            signal: None if read is None else partial(measured, read, on_error) for signal, read in given.items()
        }
        self._history = _History(clock)
        self._start_anew()

    def _start_anew(self) -> None:
        self._evaluating = threading.Lock()
        self._known: set[str] = set()
        self._latest: tuple[float, SignalsReport] | None = None
        self._gave_up_at = -math.inf

    def set_source(self, signal: str, source: Read | None) -> None:
        """Say where ``ws_staleness_seconds`` or ``market_data_staleness_seconds`` comes from, from now on.

        It is asked once a second, on a thread of its own: one that hangs makes this signal unknown, and no other.

        Raises:
            UsageError: any other signal.
        """
        if signal not in self._sources:
            raise UsageError(f"{signal!r} takes no source; {' and '.join(self._sources)} do")
        self._sources[signal] = None if source is None else Source(source, self._clock, self._on_error).measure

    def tap(self, metric: Metric, labels: LabelSet) -> Take | None:
        """Return what takes a series' batches, if a signal needs them: what recorders are given as ``tap``."""
        return self._windows.tap(metric, labels)

    def evaluate(self) -> SignalsReport:
        """Judge all signals now. ``current`` costs less where many ask, and does not wait for a hung source."""
        windows = self._windows
        measures: Mapping[str, Callable[[], Measure]] = {
            ORDER_ERROR_RATE: windows.order_errors,
            ORDER_RETRY_RATE: windows.order_retries,
            BROKER_LATENCY_P95_MS: windows.broker_latency,
            WS_STALENESS_SECONDS: lambda: self._age(WS_STALENESS_SECONDS),
            GUARD_TRIP_COUNT: windows.guard_trips,
            MARKET_DATA_STALENESS_SECONDS: lambda: self._age(MARKET_DATA_STALENESS_SECONDS),
            MISSING_DECISION_IDS: windows.missing_decision_ids,
        }
        report = self._judged({name: measures[name]() for name in SIGNALS})
        self._known |= {signal.name for signal in report.signals if signal.status is not SignalStatus.UNKNOWN}
        self._latest = (self._clock(), report)
        return report

    def _judged(self, measures: Mapping[str, Measure]) -> SignalsReport:
        return SignalsReport(
            tuple(
                Signal(
                    name=name,
                    limits=self.thresholds.limits(name),
                    measure=measure,
                    required=name in self.thresholds.required,
                    known_before=name in self._known,
                )
                for name, measure in measures.items()
            )
        )

    def _age(self, signal: str) -> Measure:
        source = self._sources[signal]
        return Measure(unknown=NO_SOURCE) if source is None else source()

    def current(self, max_age: float = MAX_AGE) -> SignalsReport:
        """Return a report that is younger than ``max_age`` seconds, evaluating if there is none.

        Threads that ask at once share one evaluation. Where a source does not return, all but the thread that
        called it get the report before while it is younger than 10 s, then one in which nothing is known. With
        ``sample`` called each second, a ``max_age`` of 2 keeps sources out of the threads that answer requests.
        """
        report = self._younger_than(max_age)
        if report is not None:
            return report
        # The many gauges of one collection wait for a hung source once.
        gave_up_just_now = 0 <= self._clock() - self._gave_up_at < MAX_AGE
        if not self._evaluating.acquire(timeout=0 if gave_up_just_now else _PATIENCE):
            self._gave_up_at = self._clock()
            nothing = dict.fromkeys(SIGNALS, Measure(unknown=NOT_EVALUATED))
            return self._younger_than(_LATEST_GOOD_FOR) or self._judged(nothing)
        try:
            return self._younger_than(max_age) or self.evaluate()
        finally:
            self._evaluating.release()

    def slow_calls(self) -> dict[str, int]:
        """Return how many broker calls in the window took longer than the critical latency, by operation."""
        return self._windows.slow_calls()

    def _younger_than(self, seconds: float) -> SignalsReport | None:
        latest = self._latest
        return latest[1] if latest is not None and 0 <= self._clock() - latest[0] < seconds else None

    def sample(self) -> SignalsReport:
        """Evaluate and keep a point of history: to be called about once a second from a background thread."""
        report = self.current(0.0)
        self._history.add(report)
        return report

    def history(self) -> dict[str, Any]:
        """Return the last 15 minutes, oldest point first: values and statuses, None where nothing was sampled.

        >>> Signals().history()["step_seconds"]
        5.0
        """
        return self._history.as_json()

    def explain(self) -> dict[str, Any]:
        """Return what ``/health/explain`` answers, computed now."""
        return explain(self.current(0.0), self.thresholds)

    def watch(self, recorder: Watching, max_age: float = MAX_AGE) -> None:
        """Show every signal's value and status as metrics, from a report younger than ``max_age`` seconds.

        A value is absent while it is not known; a status is there always.
        """
        for name in SIGNALS:
            labels = (("signal", name),)
            recorder.watch(SIGNAL_VALUE, labels, partial(self._value, name, max_age))
            recorder.watch(SIGNAL_STATUS, labels, partial(self._status_number, name, max_age))

    def _value(self, name: str, max_age: float) -> float | None:
        return self.current(max_age)[name].value

    def _status_number(self, name: str, max_age: float) -> float:
        return STATUS_NUMBERS[self.current(max_age)[name].status]

    def reset_after_fork(self) -> None:
        """Start the child with empty windows and nothing known; what recorders tapped goes on."""
        self._windows.reset_after_fork()
        self._history = _History(self._clock)
        self._start_anew()


class _History:
    """A ring of points, one a step; the last sample within a step stands for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = SlotClock(HISTORY_STEP * HISTORY_POINTS, HISTORY_POINTS, clock)
        self._points: deque[tuple[int, _Point]] = deque(maxlen=HISTORY_POINTS)
        self._lock = threading.Lock()

    def add(self, report: SignalsReport) -> None:
        slot = self._clock.slot()
        point: _Point = {signal.name: (signal.value, signal.status.value) for signal in report.signals}
        with self._lock:
            if self._points and self._points[-1][0] == slot:
                self._points.pop()
            self._points.append((slot, point))

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            points = dict(self._points)
        end = self._clock.slot()
        nothing: _Point = dict.fromkeys(SIGNALS, (None, None))
        line = [points.get(slot, nothing) for slot in range(end - HISTORY_POINTS + 1, end + 1)]
        return {
            "step_seconds": HISTORY_STEP,
            "points": HISTORY_POINTS,
            "signals": {
                name: {"values": [point[name][0] for point in line], "statuses": [point[name][1] for point in line]}
                for name in SIGNALS
            },
        }
