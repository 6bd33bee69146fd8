"""What one bound histogram series keeps in memory, as tracemalloc counts it.

Label values are made beforehand: they are the caller's. Every series takes values and is scraped in both formats
before it is weighed, so that what a scrape keeps is weighed too.
"""

import gc
import tracemalloc
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from benchmarks.harness import BenchmarkError, Row, compared
from benchmarks.series import BOUNDS, FIRST_VALUES, LABELS, NAME, changes, label_values, our_observers
from gpt_trader_telemetry import Settings, Telemetry

_openmetrics: Callable[[CollectorRegistry], bytes] = generate_openmetrics

Kept = tuple[object, list[Callable[[float], object]]]
"""What holds the series, and what records into each."""


def _ours(labels: list[tuple[str, str]]) -> Kept:
    telemetry = Telemetry(Settings(cardinality_limit=100_000))
    return telemetry, our_observers(telemetry, labels)


def _client(labels: list[tuple[str, str]]) -> Kept:
    registry = CollectorRegistry()
    histogram = Histogram(NAME, "Seconds.", LABELS, buckets=BOUNDS, registry=registry)
    observers: list[Callable[[float], object]] = [histogram.labels(*values).observe for values in labels]
    for observe in observers:
        observe(FIRST_VALUES[0])
    return registry, observers


def _scrape(kept: object) -> tuple[int, int]:
    if isinstance(kept, Telemetry):
        text, openmetrics = kept.metrics_text("text/plain"), kept.metrics_text("application/openmetrics-text")
        return text.count("_count{"), openmetrics.count("_count{")
    assert isinstance(kept, CollectorRegistry)
    return generate_text(kept).count(b"_count{"), _openmetrics(kept).count(b"_count{")


def _weigh(make: Callable[[list[tuple[str, str]]], Kept], series: int) -> float:
    # Modules, caches and the rows of the catalogue are there before anything is counted.
    _use(make(label_values(3)))
    labels = label_values(series)
    gc.collect()
    tracemalloc.start()
    try:
        kept = make(labels)
        _use(kept)
        gc.collect()
        weight, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if min(_scrape(kept[0])) < series:
        raise BenchmarkError("series were lost")
    _close(kept[0])
    return weight / series


def _use(kept: Kept) -> None:
    for value, _ in zip(changes(), range(20), strict=False):
        for observe in kept[1]:
            observe(value)
    _scrape(kept[0])


def _close(kept: object) -> None:
    if isinstance(kept, Telemetry):
        kept.shutdown()


def run(*, quick: bool) -> list[Row]:
    """Weigh both sides once: the same every time."""
    series = 200 if quick else 5000
    what = f"Memory of a bound histogram series, 12 buckets, one of {series:,}"
    ours, client = _weigh(_ours, series), _weigh(_client, series)
    return [compared("memory", what, "prometheus_client's", [ours], [client], unit="B", goal=1.0)]
