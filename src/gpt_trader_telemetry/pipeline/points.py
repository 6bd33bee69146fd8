"""Cells as OpenTelemetry points."""

from typing import Any, Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from gpt_trader_telemetry.catalog import Kind
from gpt_trader_telemetry.recording.bound import Cell, Collected
from gpt_trader_telemetry.recording.cells import HistogramCell
from gpt_trader_telemetry.recording.plain import attributes_of
from gpt_trader_telemetry.recording.recorder import LabelSet

CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


def metric_of(collected: Collected, start_ns: int, now_ns: int) -> Metric | None:
    """Return one metric's cells as cumulative OpenTelemetry points; None where there is nothing to say."""
    row = collected.metric
    if row.kind is Kind.HISTOGRAM:
        data = _histogram(collected, start_ns, now_ns)
    else:
        gauge = row.kind is Kind.GAUGE
        numbers = [
            NumberDataPoint(attributes_of(labels), 0 if gauge else start_ns, now_ns, _within_int64(cell.value))
            for labels, cell in collected.cells.items()
            if not isinstance(cell, HistogramCell) and cell.value is not None
        ]
        data = Gauge(numbers) if gauge else Sum(numbers, CUMULATIVE, is_monotonic=True)
    return Metric(row.name, row.help, row.unit, data) if data.data_points else None


def _histogram(collected: Collected, start_ns: int, now_ns: int) -> "Histogram | ExponentialHistogram | Gauge | Sum":
    # A histogram starts at its first value.
    cells: list[Any] = [
        (labels, cell, count, start_ns, now_ns)
        for labels, cell in collected.cells.items()
        if (count := _count_of(cell))
    ]
    if cells and cells[0][1].exponential is not None:
        exponential = [_exponential_point(*item) for item in cells]
        return ExponentialHistogram(exponential, CUMULATIVE)
    return Histogram([_explicit_point(*item) for item in cells], CUMULATIVE)


def _count_of(cell: Cell) -> int:
    return cell.count if isinstance(cell, HistogramCell) else 0


def _explicit_point(labels: LabelSet, cell: HistogramCell, count: int, start: int, now: int) -> HistogramDataPoint:
    # By position, since there are many: attributes, times, count, sum, buckets and their bounds, least and greatest.
    return HistogramDataPoint(
        attributes_of(labels), start, now, count, cell.sum, tuple(cell.counts), cell.bounds, cell.least, cell.greatest,
        _exemplars(cell),
    )  # fmt: skip


def _exponential_point(
    labels: LabelSet, cell: HistogramCell, count: int, start: int, now: int
) -> ExponentialHistogramDataPoint:
    buckets = cell.exponential
    assert buckets is not None
    return ExponentialHistogramDataPoint(
        attributes=attributes_of(labels),
        start_time_unix_nano=start,
        time_unix_nano=now,
        count=count,
        sum=cell.sum,
        scale=buckets.scale,
        zero_count=buckets.zeros,
        positive=Buckets(*buckets.dense()),
        negative=Buckets(0, []),
        flags=0,
        min=cell.least,
        max=cell.greatest,
        exemplars=_exemplars(cell),
    )


def _exemplars(cell: HistogramCell) -> list[Exemplar]:
    if not cell.exemplars:
        return []
    kept = cell.exemplars.values()
    # OpenTelemetry spells "no span" as None.
    return [Exemplar({}, item.value, item.time_ns, item.span_id or None, item.trace_id or None) for item in kept]


def _within_int64(value: int | float) -> int | float:  # noqa: PYI041 - which of the two it is matters here
    """Return a whole number that protobuf cannot hold as the nearest float; one would end every export."""
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value)
