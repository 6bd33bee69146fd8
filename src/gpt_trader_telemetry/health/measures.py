"""What the signals are made of: the windows that recordings flow into, and what is read off them.

Nothing here judges; a measure says what was counted, over how many, and which series is to blame.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_CHECKS,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
    Metric,
)
from gpt_trader_telemetry.recording.recorder import OVERFLOW, LabelSet, Take
from gpt_trader_telemetry.recording.window import BOUNDS, Clock, Sketch, SlotClock, WindowCount, WindowSketch
from gpt_trader_telemetry.thresholds import Thresholds

TOO_FEW: Final = "too_few_samples"
NOTHING_DECORATED: Final = "nothing_decorated"
NO_SOURCE: Final = "no_source"
NO_VALUE: Final = "no_value"
SOURCE_FAILED: Final = "source_failed"
SOURCE_HUNG: Final = "source_hung"
NOT_EVALUATED: Final = "not_evaluated"

QUANTILE: Final = 0.95
SHOWN: Final = 10
"""Operations and guards that details name, the worst first; all are judged."""

_MILLISECONDS: Final = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One signal's value before it is judged; ``value`` None means that it is not known, ``unknown`` says why."""

    value: float | None = None
    unknown: str | None = None
    numerator: float | None = None
    """What was counted: bad orders, retries, trips, missing ids, or calls about as slow as the quantile or slower."""
    denominator: float | None = None
    """Of how many orders or calls; None where it is a count alone, or an age."""
    samples: int = 0
    """Orders, calls of the operation, trips or readings that the value comes from."""
    minimum_samples: int = 0
    worst: LabelSet | None = None
    """The labels of the series that does most of it."""
    worst_value: float | None = None
    """How much of the numerator is that series' alone."""
    details: Mapping[str, Any] = field(default_factory=dict)


class Windows:
    """A window for each series that a signal is made of.

    ``tap`` gives what a recorder calls with each batch. On the bound way, taking it is the folding thread's time,
    never the bot's; tests/signals/test_signal_costs.py measures and bounds what it costs.
    """

    def __init__(self, thresholds: Thresholds, clock: Clock = time.monotonic) -> None:
        self._thresholds = thresholds
        self._clock = SlotClock(thresholds.window_seconds, clock=clock)
        self._counts: dict[Metric, dict[LabelSet, WindowCount]] = {
            metric: {} for metric in (ORDER_SUBMISSION, ORDER_RETRIES, GUARD_TRIPS, ORDER_MISSING_DECISION_ID)
        }
        self._latencies: dict[LabelSet, WindowSketch] = {}
        self._guarded = False

    def tap(self, metric: Metric, labels: LabelSet) -> Take | None:
        """Return what takes this series' batches, if a signal needs it. The same series has one window."""
        counts = self._counts.get(metric)
        if counts is not None:
            self._guarded |= metric is GUARD_TRIPS
            return (counts.get(labels) or counts.setdefault(labels, WindowCount(self._clock))).take
        if metric is BROKER_CALL_LATENCY:
            latencies = self._latencies
            return (latencies.get(labels) or latencies.setdefault(labels, WindowSketch(self._clock))).take
        # A guard that never tripped is known by its runs; they are not counted.
        self._guarded |= metric is GUARD_CHECKS
        return None

    def reset_after_fork(self) -> None:
        """Empty all windows in place: the recorder holds what ``tap`` gave it."""
        self._clock.reset_after_fork()
        for counts in self._counts.values():
            for window in counts.values():
                window.reset()
        for sketch in self._latencies.values():
            sketch.reset()

    def order_errors(self) -> Measure:
        """Measure rejected and failed orders as a share of all."""
        orders = self._read(ORDER_SUBMISSION)
        total = sum(orders.values())
        errors = {labels: amount for labels, amount in orders.items() if not _succeeded(labels)}
        bad = sum(errors.values())
        worst, most = _largest(errors)
        results = {
            result: _tidy(sum(amount for labels, amount in orders.items() if ("result", result) in labels))
            for result in ORDER_SUBMISSION.labels[0].values
        }
        return self._rate(bad, total, worst, most, {"orders": _tidy(total), **results})

    def order_retries(self) -> Measure:
        """Measure submit calls beyond an order's first, for each order."""
        orders = sum(self._read(ORDER_SUBMISSION).values())
        worst, retries = _largest(self._read(ORDER_RETRIES))
        return self._rate(retries, orders, worst, retries, {"orders": _tidy(orders), "retries": _tidy(retries)})

    def _rate(self, part: float, whole: float, worst: LabelSet | None, most: float, details: dict[str, Any]) -> Measure:
        known = whole > 0 and whole >= self._thresholds.minimum_orders
        return Measure(
            value=part / whole if known else None,
            unknown=None if known else TOO_FEW,
            numerator=_tidy(part),
            denominator=_tidy(whole),
            samples=int(whole),
            minimum_samples=self._thresholds.minimum_orders,
            worst=worst,
            worst_value=None if worst is None else _tidy(most),
            details=details,
        )

    def guard_trips(self) -> Measure:
        """Measure the trips of all guards."""
        if not self._guarded:
            return Measure(unknown=NOTHING_DECORATED)
        trips = self._read(GUARD_TRIPS)
        guards: dict[str, float] = {}
        for labels, amount in trips.items():
            if amount:
                guards[_first(labels)] = guards.get(_first(labels), 0.0) + amount
        ranked = sorted(guards.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
        total = sum(trips.values())
        worst, most = _largest(trips)
        return Measure(
            value=total,
            numerator=_tidy(total),
            samples=int(total),
            worst=worst,
            worst_value=None if worst is None else _tidy(most),
            details={
                "worst_guard": ranked[0][0] if ranked else None,
                "guards": {name: _tidy(amount) for name, amount in ranked},
            },
        )

    def missing_decision_ids(self) -> Measure:
        """Measure orders sent without the decision id that they should have."""
        orders = self._read(ORDER_SUBMISSION)
        missing = sum(self._read(ORDER_MISSING_DECISION_ID).values())
        if not orders and not missing:
            return Measure(unknown=NOTHING_DECORATED)
        total = sum(orders.values())
        return Measure(
            value=missing,
            numerator=_tidy(missing),
            denominator=_tidy(total),
            samples=int(total),
            details={"orders": _tidy(total)},
        )

    def broker_latency(self) -> Measure:
        """Measure the 95th percentile of each operation's calls, over all outcomes and reasons: the worst counts."""
        series = self._calls()
        operations = {name: _merged([sketch for _, sketch in parts]) for name, parts in series.items()}
        p95 = {name: _MILLISECONDS * (sketch.quantile(QUANTILE) or 0.0) for name, sketch in operations.items()}
        samples = {name: sketch.count for name, sketch in operations.items()}
        minimum = self._thresholds.minimum_latencies
        ranked = sorted(operations, key=lambda name: (samples[name] >= minimum, p95[name], name), reverse=True)
        if not ranked:
            return Measure(unknown=TOO_FEW, minimum_samples=minimum, details={"operation": None, "operations": {}})
        shown = {name: {"p95_ms": round(p95[name], 3), "samples": samples[name]} for name in ranked[:SHOWN]}
        operation = ranked[0]
        known = samples[operation] >= minimum
        bucket = operations[operation].bucket_of(QUANTILE) or 0
        worst, beyond = _largest({labels: sketch.count_from(bucket) for labels, sketch in series[operation]})
        return Measure(
            value=p95[operation] if known else None,
            unknown=None if known else TOO_FEW,
            numerator=operations[operation].count_from(bucket),
            denominator=samples[operation],
            samples=samples[operation],
            minimum_samples=minimum,
            worst=worst,
            worst_value=_tidy(beyond),
            details={"operation": operation, "operations": shown},
        )

    def slow_calls(self) -> dict[str, int]:
        """Return how many calls of each operation took longer than the critical latency; none is no entry."""
        # The bucket that the threshold itself is in counts as not slow, so at most 2.2 % of it is forgiven.
        beyond = 1 + bisect_left(BOUNDS, self._thresholds.broker_latency_p95_ms_crit / _MILLISECONDS)
        slow = {
            operation: sum(sketch.count_from(beyond) for _, sketch in parts)
            for operation, parts in sorted(self._calls().items())
        }
        return {operation: calls for operation, calls in slow.items() if calls}

    def _calls(self) -> dict[str, list[tuple[LabelSet, Sketch]]]:
        """Return each operation's series that hold values."""
        series: dict[str, list[tuple[LabelSet, Sketch]]] = {}
        for labels, window in list(self._latencies.copy().items()):
            sketch = window.read()
            if sketch.counts:
                series.setdefault(_first(labels), []).append((labels, sketch))
        return series

    def _read(self, metric: Metric) -> dict[LabelSet, float]:
        # A dict's copy is made at one go: a series born meanwhile is in or out.
        return {labels: window.total() for labels, window in list(self._counts[metric].copy().items())}


def _succeeded(labels: LabelSet) -> bool:
    # The series that takes what comes after the cap has no result: it is not known to have succeeded.
    return ("result", "success") in labels


def _first(labels: LabelSet) -> str:
    """Return the operation or guard, which is the first label of its metric."""
    return labels[0][1] if labels != OVERFLOW else OVERFLOW[0][0]


def _merged(sketches: Sequence[Sketch]) -> Sketch:
    if len(sketches) == 1:
        return sketches[0]
    merged = Sketch()
    for sketch in sketches:
        merged.merge(sketch)
    return merged


def _largest(amounts: Mapping[LabelSet, float]) -> tuple[LabelSet | None, float]:
    labels = max(amounts, key=lambda one: (amounts[one], one), default=None)
    return (None, 0.0) if labels is None or amounts[labels] <= 0 else (labels, amounts[labels])


def _tidy(amount: float) -> float:
    """Spell whole amounts as whole numbers."""
    return int(amount) if float(amount).is_integer() else amount
