"""Cumulative points as deltas since what was last acknowledged.

A delta that was not acknowledged is contained in the next one, so nothing is lost to a receiver that is down;
one that was received but not acknowledged is sent again (at least once). Least and greatest values of a delta
cannot be known from cumulative points and are left out.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gpt_trader_telemetry.recording.exponential import coarser

Stream: TypeAlias = tuple[InstrumentationScope, type, str, str | None, str | None]
"""Scope, kind, name, unit and description: two streams that differ in any of them are two metrics."""

Attributes: TypeAlias = tuple[tuple[str, Any], ...]

KeepCumulative: TypeAlias = Callable[[InstrumentationScope, str], bool]
"""Tells of a metric, by scope and name, whether it stays cumulative."""

DELTA: Final = AggregationTemporality.DELTA


class Deltas:
    """Remembers the cumulative points that a receiver has acknowledged."""

    def __init__(self, keep_cumulative: KeepCumulative | None = None) -> None:
        self._keep_cumulative = keep_cumulative
        self._acknowledged: dict[Stream, dict[Attributes, Any]] = {}

    def of(self, scope: InstrumentationScope, metric: Metric) -> Metric:
        """Return ``metric`` with its points since the last acknowledgement; gauges and the like as they are."""
        data = metric.data
        if not self._is_delta(scope, metric):
            return metric
        known = self._acknowledged.get(_stream(scope, metric), {})
        points = [_since(known.get(_attributes(point)), point) for point in data.data_points]
        changed: Any = data
        return replace(metric, data=replace(changed, data_points=points, aggregation_temporality=DELTA))

    def acknowledge(self, scope: InstrumentationScope, metric: Metric) -> None:
        """Remember that the receiver has these cumulative points."""
        if self._is_delta(scope, metric):
            known = self._acknowledged.setdefault(_stream(scope, metric), {})
            known.update((_attributes(point), point) for point in metric.data.data_points)

    def _is_delta(self, scope: InstrumentationScope, metric: Metric) -> bool:
        kept = self._keep_cumulative
        return _accumulates(metric.data) and not (kept is not None and kept(scope, metric.name))


def _stream(scope: InstrumentationScope, metric: Metric) -> Stream:
    return scope, type(metric.data), metric.name, metric.unit, metric.description


def _attributes(point: Any) -> Attributes:
    return tuple(sorted((point.attributes or {}).items()))


def _since(last: Any, point: Any) -> Any:
    if isinstance(point, NumberDataPoint):
        return point if last is None else _later(point, last, value=point.value - last.value)
    point = replace(point, min=None, max=None)
    if last is None:
        return point
    # Those of before have been sent with the values that they belong to.
    point = replace(point, exemplars=[one for one in point.exemplars if one.time_unix_nano > last.time_unix_nano])
    totals = {"count": point.count - last.count, "sum": point.sum - last.sum}
    if isinstance(point, HistogramDataPoint):
        counts = [now - then for now, then in zip(point.bucket_counts, last.bucket_counts, strict=True)]
        return _later(point, last, bucket_counts=counts, **totals)
    return _later(
        point,
        last,
        zero_count=point.zero_count - last.zero_count,
        positive=_fewer(point.positive, last.positive, last.scale - point.scale),
        negative=_fewer(point.negative, last.negative, last.scale - point.scale),
        **totals,
    )


def _accumulates(data: object) -> bool:
    return (isinstance(data, Sum) and data.is_monotonic) or isinstance(data, Histogram | ExponentialHistogram)


def _later(point: Any, last: Any, **changes: Any) -> Any:
    return replace(point, start_time_unix_nano=last.time_unix_nano, **changes)


def _fewer(now: Buckets, then: Buckets, shift: int) -> Buckets:
    """Return the counts of ``now`` less those of ``then``, whose scale is ``shift`` finer."""
    before = coarser({then.offset + index: count for index, count in enumerate(then.bucket_counts)}, shift)
    return Buckets(
        now.offset,
        [count - before.get(now.offset + index, 0) for index, count in enumerate(now.bucket_counts)],
    )
