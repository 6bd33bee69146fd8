"""Cumulative points as deltas since what was last acknowledged.

A delta that was not acknowledged is contained in the next one, so nothing is lost to a receiver that is down;
one that was received but not acknowledged is sent again (at least once). Least and greatest values of a delta
cannot be known from cumulative points and are left out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

Identity: TypeAlias = tuple[str, str, tuple[tuple[str, Any], ...]]
"""Scope, metric and attributes: what makes a point one series."""

DELTA = AggregationTemporality.DELTA


def identity(scope: str, metric: str, attributes: Mapping[str, Any] | None) -> Identity:
    """Return what a series is known by from one export to the next."""
    return scope, metric, tuple(sorted((attributes or {}).items()))


class Deltas:
    """Remembers the cumulative points that a receiver has acknowledged."""

    def __init__(self) -> None:
        self._acknowledged: dict[Identity, NumberDataPoint | HistogramDataPoint] = {}

    def of(self, scope: str, metric: Metric) -> Metric:
        """Return ``metric`` with its points since the last acknowledgement; gauges and the like as they are."""
        data = metric.data
        if isinstance(data, Sum) and data.is_monotonic:
            numbers = [
                self._number(identity(scope, metric.name, point.attributes), point) for point in data.data_points
            ]
            return replace(metric, data=replace(data, data_points=numbers, aggregation_temporality=DELTA))
        if isinstance(data, Histogram):
            points = [
                self._histogram(identity(scope, metric.name, point.attributes), point) for point in data.data_points
            ]
            return replace(metric, data=replace(data, data_points=points, aggregation_temporality=DELTA))
        return metric

    def acknowledge(self, scope: str, metric: Metric) -> None:
        """Remember that the receiver has these cumulative points."""
        if isinstance(metric.data, Sum | Histogram):
            for point in metric.data.data_points:
                self._acknowledged[identity(scope, metric.name, point.attributes)] = point

    def _number(self, key: Identity, point: NumberDataPoint) -> NumberDataPoint:
        last = self._acknowledged.get(key)
        if not isinstance(last, NumberDataPoint):
            return point
        return replace(point, value=point.value - last.value, start_time_unix_nano=last.time_unix_nano)

    def _histogram(self, key: Identity, point: HistogramDataPoint) -> HistogramDataPoint:
        last = self._acknowledged.get(key)
        unknown: dict[str, Any] = {"min": None, "max": None}
        if not isinstance(last, HistogramDataPoint):
            return replace(point, **unknown)
        return replace(
            point,
            count=point.count - last.count,
            sum=point.sum - last.sum,
            bucket_counts=[now - then for now, then in zip(point.bucket_counts, last.bucket_counts, strict=True)],
            start_time_unix_nano=last.time_unix_nano,
            **unknown,
        )
