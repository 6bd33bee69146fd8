"""Splitting an export so that no request is too large for a receiver.

gRPC receivers take 4 MiB unless told otherwise. Encoding everything just to measure it would double the cost of
an export, so a point's size is bounded from above by what the protobuf encoding can take at the most.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Metric, ResourceMetrics, ScopeMetrics

MAX_REQUEST_BYTES: Final = 3 * 1024 * 1024

_FIELD: Final = 12
"""Tag and length, or tag and number: at most this many bytes for each field of a message."""
_POINT_FIELDS: Final = 14
_EXEMPLAR: Final = 8 * _FIELD


def text_bytes(text: str) -> int:
    """Return at least the UTF-8 bytes of ``text``."""
    return len(text) if text.isascii() else 4 * len(text)


def attribute_bytes(attributes: Mapping[str, Any] | None) -> int:
    """Return at least the encoded bytes of attributes."""
    if not attributes:
        return 0
    return sum(5 * _FIELD + text_bytes(key) + text_bytes(str(value)) for key, value in attributes.items())


def point_bytes(point: Any) -> int:
    """Return at least the encoded bytes of one data point of any kind."""
    size = _POINT_FIELDS * _FIELD + attribute_bytes(point.attributes)
    for name in ("bucket_counts", "explicit_bounds"):
        size += _FIELD * len(getattr(point, name, ()))
    for name in ("positive", "negative"):
        size += _FIELD * len(getattr(getattr(point, name, None), "bucket_counts", ()))
    return size + sum(_EXEMPLAR + attribute_bytes(exemplar.filtered_attributes) for exemplar in point.exemplars)


def header_bytes(resource: ResourceMetrics, scope: ScopeMetrics, metric: Metric) -> int:
    """Return at least the bytes that a request spends before its first point."""
    texts = (
        metric.name,
        metric.description or "",
        metric.unit or "",
        resource.schema_url or "",
        scope.schema_url or "",
    )
    names = (scope.scope.name or "", scope.scope.version or "")
    attributes = attribute_bytes(resource.resource.attributes) + attribute_bytes(scope.scope.attributes)
    return 12 * _FIELD + sum(map(text_bytes, (*texts, *names))) + attributes


def split(
    resources: Sequence[ResourceMetrics], limit: int = MAX_REQUEST_BYTES
) -> Iterator[list[tuple[ResourceMetrics, ScopeMetrics, Metric]]]:
    """Yield batches of metrics, each with the resource and scope it is of, that encode to at most ``limit``.

    A single point that is larger than ``limit`` comes alone.
    """
    batch: list[tuple[ResourceMetrics, ScopeMetrics, Metric]] = []
    size = 0
    for resource in resources:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for part, part_size in _parts(metric, header_bytes(resource, scope, metric), limit):
                    if batch and size + part_size > limit:
                        yield batch
                        batch, size = [], 0
                    batch.append((resource, scope, part))
                    size += part_size
    if batch:
        yield batch


def _parts(metric: Metric, header: int, limit: int) -> Iterator[tuple[Metric, int]]:
    points: list[Any] = []
    size = header
    for point in metric.data.data_points:
        point_size = point_bytes(point)
        if points and size + point_size > limit:
            yield _with_points(metric, points), size
            points, size = [], header
        points.append(point)
        size += point_size
    if points:
        yield _with_points(metric, points), size


def _with_points(metric: Metric, points: list[Any]) -> Metric:
    data: Any = metric.data
    return replace(metric, data=replace(data, data_points=points))
