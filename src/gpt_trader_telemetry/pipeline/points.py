"""Cells as OpenTelemetry points."""

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from gpt_trader_telemetry.catalog import Kind
from gpt_trader_telemetry.recording.bound import Collected
from gpt_trader_telemetry.recording.cells import CounterCell, GaugeCell, HistogramCell
from gpt_trader_telemetry.recording.plain import attributes_of
from gpt_trader_telemetry.recording.recorder import LabelSet


def metric_of(collected: Collected, start_ns: int, now_ns: int) -> Metric | None:
    """Return one metric's cells as cumulative OpenTelemetry points; None where there is nothing to say."""
    row = collected.metric
    data: Sum | Gauge | Histogram
    if row.kind is Kind.HISTOGRAM:
        histograms = [
            _histogram_point(labels, cell, start_ns, now_ns)
            for labels, cell in collected.cells
            if isinstance(cell, HistogramCell) and cell.count
        ]
        data = Histogram(data_points=histograms, aggregation_temporality=AggregationTemporality.CUMULATIVE)
    else:
        numbers = [
            NumberDataPoint(attributes_of(labels), 0 if row.kind is Kind.GAUGE else start_ns, now_ns, cell.value)
            for labels, cell in collected.cells
            if isinstance(cell, CounterCell | GaugeCell) and cell.value is not None
        ]
        data = (
            Gauge(data_points=numbers)
            if row.kind is Kind.GAUGE
            else Sum(data_points=numbers, aggregation_temporality=AggregationTemporality.CUMULATIVE, is_monotonic=True)
        )
    return Metric(row.name, row.help, row.unit, data) if data.data_points else None


def _histogram_point(labels: LabelSet, cell: HistogramCell, start_ns: int, now_ns: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=attributes_of(labels),
        start_time_unix_nano=start_ns,
        time_unix_nano=now_ns,
        count=cell.count,
        sum=cell.sum,
        bucket_counts=tuple(cell.counts),
        explicit_bounds=cell.bounds,
        min=cell.least,
        max=cell.greatest,
    )
