"""The conformance suite: one script of recordings, compared on every way of recording and down every road.

The expected values are worked out here from the script alone. Each way of recording (bound cells; the plain API
on a caller's MeterProvider) must show them in both Prometheus formats and over OTLP, by gRPC and by HTTP.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from gpt_trader_telemetry import Delivery, Rejected, Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, Kind
from support.receivers import RECEIVERS, Received
from support.scraping import OPENMETRICS, TEXT, scrape
from support.script import Expected, buckets_of, compare_scrape, play, record_every_row


@contextmanager
def bound(protocol: str | None = None, endpoint: str | None = None) -> Iterator[Telemetry]:
    chosen = {"otlp_protocol": protocol} if protocol else {}
    with Telemetry(Settings(otlp_endpoint=endpoint, **chosen)) as telemetry:
        yield telemetry


@contextmanager
def plain(protocol: str | None = None, endpoint: str | None = None) -> Iterator[Telemetry]:
    readers = []
    if protocol == "grpc":
        readers = [PeriodicExportingMetricReader(GrpcExporter(endpoint=endpoint, insecure=True))]
    elif protocol:
        readers = [PeriodicExportingMetricReader(HttpExporter(endpoint=f"{endpoint}/v1/metrics"))]
    provider = MeterProvider(metric_readers=readers, shutdown_on_exit=False)
    with Telemetry(Settings(), meter_provider=provider) as telemetry:
        yield telemetry
    provider.shutdown()


WAYS = {"bound": bound, "plain": plain}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest):
    return WAYS[request.param]


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def test_both_formats_show_exactly_what_was_recorded(way, accept) -> None:
    """Record, scrape, parse strictly, compare; the data-quality gauge and counter included."""
    with way() as telemetry:
        expected = play(telemetry)
        answer = scrape(telemetry, accept)
    compare_scrape(answer, expected)
    assert answer.types["gpt_trader_data_quality_issues"] == "gauge"


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_otlp_carries_exactly_what_was_recorded(way, protocol) -> None:
    """The same script over a real wire, by gRPC and by HTTP."""
    with RECEIVERS[protocol]() as received, way(protocol, received.endpoint) as telemetry:
        expected = play(telemetry)
        assert telemetry.flush(10) is Delivery.DELIVERED
        compare_received(received, expected)


def compare_received(received: Received, expected: Expected) -> None:
    for (name, labels), value in {**expected.counters, **expected.gauges}.items():
        assert received.value(name, **dict(labels)) == value, (name, labels)
    for (name, labels), count in expected.counts.items():
        point = received.points(name)[labels]
        assert point.count == count == sum(point.bucket_counts)
        assert list(point.explicit_bounds) == list(CATALOG[name].buckets)
    for (name, labels), (values, bounds) in expected.values.items():
        point = received.points(name)[labels]
        cumulative = [sum(point.bucket_counts[: index + 1]) for index in range(len(point.bucket_counts))]
        assert cumulative == buckets_of(values, bounds)
        assert list(point.explicit_bounds) == list(bounds)
        assert (point.sum, point.min, point.max) == (math.fsum(values), min(values), max(values))


def test_both_ways_show_the_same_series(way) -> None:
    """Whatever the way of recording, the names, types and label sets are those of the bound one."""

    def shown(make) -> set:
        with make() as telemetry:
            play(telemetry)
            answer = scrape(telemetry)
        return {(name, labels) for name, labels in answer.values if name != "target_info" and "process" not in name}

    assert shown(way) == shown(bound)


def test_units_never_add_a_suffix(way) -> None:
    """Every catalogue name is scraped exactly as it stands in the contract."""
    with way() as telemetry:
        record_every_row(telemetry)
        answer = scrape(telemetry, OPENMETRICS)
    expected = {metric.name + ("_count" if metric.kind is Kind.HISTOGRAM else "") for metric in CATALOG.values()}
    expected -= {"gpt_trader_process_cpu_percent"}  # absent in the first second
    missing = expected - {name for name, _ in answer.values}
    assert not missing
    gauges = {metric.name for metric in CATALOG.values() if metric.kind is Kind.GAUGE}
    assert {answer.types[name] for name in gauges if name in answer.types} == {"gauge"}


def test_a_classifier_may_reject(telemetry) -> None:
    """A returned value that means "no" is a rejection with its reason."""

    @telemetry.order_submission(side="buy", classify=Rejected)
    def submit() -> str:
        return "post_only"

    submit()
    assert (
        scrape(telemetry).value("gpt_trader_order_submission_total", result="rejected", reason="post_only", side="buy")
        == 1
    )
