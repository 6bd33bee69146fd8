"""What one export of many series costs the process that sends it, in processor time of all its threads.

Both sides send through OpenTelemetry's own exporter over HTTP to a receiver in another process, which counts the
points. Every series takes a value before each export; folding ours is part of what is timed. The stock side sends
one request, however large; ours splits.
"""

import gc
from collections.abc import Callable
from time import process_time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from benchmarks.harness import BenchmarkError, Row, compared, rounds_of
from benchmarks.peers import MANY
from benchmarks.receiver import Receiver, receiver
from benchmarks.series import BOUNDS, LABELS, NAME, changes, label_values, our_observers, pipeline_of, stop_folding
from gpt_trader_telemetry import Settings, Telemetry

COUNTER = "gpt_trader_benchmark_total"
LIMIT = 3 * 1024 * 1024
"""Bytes: gRPC receivers refuse a request beyond 4 MiB."""

_INTERVAL = 3600.0


class Sender:
    """Series that take values, and what exports them."""

    def __init__(
        self, wire: Receiver, observers: list[Callable[[float], object]], export: Callable[[], object]
    ) -> None:
        self._wire = wire
        self._observers = observers
        self._values = changes()
        self._export = export
        self.largest = 0
        """Bytes of the largest request of the last export."""

    def __call__(self) -> float:
        """Change every series, export, and return the processor time it took."""
        for observe, value in zip(self._observers, self._values, strict=False):
            observe(value)
        gc.collect()
        self._wire.taken()  # what the shutdown of another sender sent
        begun = process_time()
        delivered = self._export()
        seconds = process_time() - begun
        requests = self._wire.taken()
        points = sum(count for _, names in requests for name, count in names.items() if name in {NAME, COUNTER})
        if not delivered or points != len(self._observers):
            raise BenchmarkError(f"{points} points of {len(self._observers)} series were received")
        self.largest = max(size for size, _ in requests)
        return seconds


def _ours(telemetry: Telemetry, wire: Receiver, series: int, *, counters: bool) -> Sender:
    stop_folding(telemetry)
    labels = label_values(series)
    if not counters:
        return Sender(wire, our_observers(telemetry, labels), lambda: telemetry.flush(60))
    for values in labels:
        telemetry.record_counter(COUNTER, 1, dict(zip(LABELS, values, strict=True)))
    recorder = pipeline_of(telemetry).recorder
    metric = recorder.metrics[COUNTER]
    adders = [recorder.adder(metric, metric.label_set(dict(zip(LABELS, values, strict=True)))) for values in labels]
    return Sender(wire, adders, lambda: telemetry.flush(60))


def _stock(provider: MeterProvider, wire: Receiver, series: int, *, counters: bool) -> Sender:
    meter = provider.get_meter("benchmarks")
    record: Callable[[float, dict[str, str]], None] = (
        meter.create_counter(COUNTER).add
        if counters
        else meter.create_histogram(NAME, unit="s", explicit_bucket_boundaries_advisory=list(BOUNDS)).record
    )

    def observer(attributes: dict[str, str]) -> Callable[[float], object]:
        return lambda value: record(value, attributes)

    observers = [observer(dict(zip(LABELS, values, strict=True))) for values in label_values(series)]
    return Sender(wire, observers, lambda: provider.force_flush(60_000))


def run(*, quick: bool) -> list[Row]:
    """Measure exports of histograms, and of counters, in turns."""
    rounds, series = (1, 100) if quick else (9, 10_000)
    with receiver() as wire:
        histograms, largest = _exports(wire, rounds, series, counters=False)
        counters, _ = _exports(wire, rounds, series, counters=True)
    what, stock = f"One OTLP export of {series:,} series, in processor time", "the stock SDK and exporter"
    return [
        compared("otlp-histograms", what, f"{stock}, histograms", histograms["ours"], histograms["stock"], goal=1.0),
        compared("otlp-counters", what, f"{stock}, counters", counters["ours"], counters["stock"], goal=1.0),
        compared("otlp-request", what, "our largest request: a limit of 3 MiB", [largest], [LIMIT], unit="B", goal=1.0),
    ]


def _exports(wire: Receiver, rounds: int, series: int, *, counters: bool) -> tuple[dict[str, list[float]], int]:
    exporter = OTLPMetricExporter(endpoint=f"{wire.endpoint}/v1/metrics", timeout=60)
    reader = PeriodicExportingMetricReader(
        exporter, export_interval_millis=_INTERVAL * 1000, export_timeout_millis=60_000, cardinality_limits=MANY
    )
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    settings = Settings(
        cardinality_limit=100_000, otlp_endpoint=wire.endpoint, otlp_timeout=60, export_interval=_INTERVAL
    )
    with Telemetry(settings) as telemetry:
        ours = _ours(telemetry, wire, series, counters=counters)
        taken = rounds_of({"ours": ours, "stock": _stock(provider, wire, series, counters=counters)}, rounds)
    provider.shutdown()
    return taken, ours.largest
