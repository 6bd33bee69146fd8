"""Splitting an export so that no request is too large for a receiver.

gRPC receivers take 4 MiB unless told otherwise. What a request takes is known once it is encoded, which is most of
the work of an export, so nothing is encoded just to be measured: senders refuse what is too large, that is cut into
smaller portions, and the next export begins with portions of the size that fitted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics

MAX_REQUEST_BYTES: Final = 3 * 1024 * 1024

MOST_POINTS: Final = 1 << 20

Batch: TypeAlias = list[tuple[ResourceMetrics, ScopeMetrics, Metric]]
"""Metrics, each with the resource and scope it is of."""


class Portions:
    """How many points go into one request."""

    def __init__(self, limit: int = MAX_REQUEST_BYTES) -> None:
        self._limit = limit
        self._most = MOST_POINTS

    def of(self, resources: Sequence[ResourceMetrics]) -> list[Batch]:
        """Return everything in portions that are expected to fit."""
        everything = [
            (resource, scope, metric)
            for resource in resources
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return list(cut(everything, self._most))

    def smaller(self, batch: Batch, size: int) -> list[Batch]:
        """Return a batch that took ``size`` bytes, which is too many, as several smaller ones."""
        parts = 2 * size // self._limit  # each about half of what may be sent, since points differ in size
        return list(cut(batch, -(-points_in(batch) // max(2, parts))))

    def learn(self, sent: Iterable[tuple[int, int]], *, refused: bool) -> None:
        """Take note of an export: the points and bytes of its requests, and whether any was too large at first."""
        points, sizes = (max(column, default=0) for column in zip(*sent, strict=True)) if sent else (0, 0)
        if refused:
            self._most = max(points, 1)
        elif sizes < self._limit // 4:
            self._most = min(2 * self._most, MOST_POINTS)


def points_in(batch: Batch) -> int:
    """Return how many points a batch has."""
    return sum(len(metric.data.data_points) for _resource, _scope, metric in batch)


def cut(batch: Batch, most: int) -> Iterator[Batch]:
    """Yield the points of ``batch`` in their order, ``most`` of them at a time."""
    portion: Batch = []
    room = most
    for resource, scope, metric in batch:
        points = metric.data.data_points
        start = 0
        while start < len(points):
            taken = min(room, len(points) - start)
            part = metric if taken == len(points) else _with_points(metric, points[start : start + taken])
            portion.append((resource, scope, part))
            start += taken
            room -= taken
            if not room:
                yield portion
                portion, room = [], most
    if portion:
        yield portion


def _with_points(metric: Metric, points: Sequence[Any]) -> Metric:
    data: Any = metric.data
    return replace(metric, data=replace(data, data_points=points))


def request_of(batch: Batch) -> MetricsData:
    """Return a batch as one request."""
    resources: dict[int, tuple[ResourceMetrics, dict[int, tuple[ScopeMetrics, list[Any]]]]] = {}
    for resource, scope, metric in batch:
        _, scopes = resources.setdefault(id(resource), (resource, {}))
        scopes.setdefault(id(scope), (scope, []))[1].append(metric)
    return MetricsData(
        resource_metrics=[
            replace(resource, scope_metrics=[replace(scope, metrics=metrics) for scope, metrics in scopes.values()])
            for resource, scopes in resources.values()
        ]
    )
