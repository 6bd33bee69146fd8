"""The conformance suite: one script of recordings, compared on every way of recording and down every road.

The expected values are worked out here from the script alone. Each way of recording (bound cells; the plain API
on a caller's MeterProvider) must show them in both Prometheus formats and over OTLP, by gRPC and by HTTP.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from gpt_trader_telemetry import Delivery, Rejected, Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, Kind
from support.receivers import RECEIVERS, Received
from support.scraping import OPENMETRICS, TEXT, Scrape, scrape

AWKWARD = 'a "quoted", {braced}\nnew line \\ back \U0001f680'


@dataclass
class Expected:
    """What the script must come to: counters, gauges, and the values of histograms in the order recorded."""

    counters: dict = field(default_factory=dict)
    gauges: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)


def key(name: str, **labels: str) -> tuple:
    return name, tuple(sorted(labels.items()))


class Trip(Exception):
    category = "limit"
    recoverable = True


def play(telemetry: Telemetry) -> Expected:
    """Record something through every instrument, and say what it must come to."""

    @telemetry.order_submission(side="side", decision_id="decision")
    @telemetry.broker_call("submit")
    def submit(side: str, decision: str = "d", error: Exception | None = None) -> str:
        if error is not None:
            raise error
        return "accepted"

    @telemetry.broker_call("cancel", classify=lambda answer: None if answer else "not_found")
    async def cancel(answer: bool) -> bool:
        return answer

    @telemetry.guard("daily_loss")
    def daily_loss(trip: bool) -> None:
        if trip:
            raise Trip

    for side in ("buy", "BUY", "sell", "short"):
        submit(side)
    submit("buy", decision="")
    for error in (TimeoutError(), ConnectionError(), ValueError("?")):
        with pytest.raises(type(error)):
            submit("sell", error=error)
    with telemetry.order_submission(side="buy") as order:
        order.reject("insufficient_funds")
    for answer in (True, False, True):
        asyncio.run(cancel(answer))
    for trip in (False, False, True):
        with suppress(Trip):
            daily_loss(trip)
    telemetry.record_counter("gpt_trader_trades_executed_total")
    telemetry.record_counter("gpt_trader_own_things", Decimal("2.5"), {"what": AWKWARD})
    telemetry.record_histogram("gpt_trader_cycle_duration_seconds", 0.3, {"result": "ok"})
    for value in (0.5, 3, 0.0, 1e9):
        telemetry.record_histogram("gpt_trader_own_sizes", value, {"kind": "x"}, buckets=[1, 10])
    telemetry.record_gauge("gpt_trader_equity_dollars", 1000)
    telemetry.record_gauge("gpt_trader_equity_dollars", Decimal("1234.5"))
    telemetry.record_data_quality("BTC-USD", "1h", 0.9, [("gap", "warning"), ("gap", "warning"), ("spike", "error")])
    telemetry.account.update(pnl={"realized": -3, "by_symbol": {"ETH": 7}}, exposure={"ETH": 10, "BTC": 20})
    telemetry.account.update(exposure={"BTC": 21})
    telemetry.websocket.connected()
    telemetry.websocket.connected()
    telemetry.websocket.gap()

    submitted = "gpt_trader_order_submission_total"
    issues = "gpt_trader_data_quality_issues_total"
    candles = {"symbol": "BTC-USD", "interval": "1h"}
    return Expected(
        counters={
            key(submitted, result="success", reason="none", side="buy"): 3,
            key(submitted, result="success", reason="none", side="sell"): 1,
            key(submitted, result="success", reason="none", side="unknown"): 1,
            key(submitted, result="failed", reason="timeout", side="sell"): 1,
            key(submitted, result="failed", reason="network", side="sell"): 1,
            key(submitted, result="failed", reason="error", side="sell"): 1,
            key(submitted, result="rejected", reason="insufficient_funds", side="buy"): 1,
            key(submitted, result="rejected", reason="post_only", side="sell"): 0,
            key(submitted, result="failed", reason="rate_limit", side="buy"): 0,
            key("gpt_trader_order_missing_decision_id_total"): 1,
            key("gpt_trader_guard_checks_total", guard="daily_loss", result="success"): 2,
            key("gpt_trader_guard_checks_total", guard="daily_loss", result="failure"): 1,
            key("gpt_trader_guard_trips_total", guard="daily_loss", category="limit", recoverable="true"): 1,
            key("gpt_trader_guard_trips_total", guard="daily_loss", category="limit", recoverable="false"): 0,
            key("gpt_trader_guard_trips_total", guard="daily_loss", category="data", recoverable="true"): 0,
            key("gpt_trader_trades_executed_total"): 1,
            key("gpt_trader_trades_blocked_total"): 0,
            key("gpt_trader_stale_marks_total"): 0,
            key("gpt_trader_own_things_total", what=AWKWARD): 2.5,
            key(issues, **candles, issue_type="gap", severity="warning"): 2,
            key(issues, **candles, issue_type="spike", severity="error"): 1,
            key("gpt_trader_websocket_reconnects_total"): 1,
            key("gpt_trader_telemetry_errors_total", component="instrument"): 0,
            key("gpt_trader_telemetry_errors_total", component="recording"): 0,
        },
        gauges={
            key("gpt_trader_equity_dollars"): 1234.5,
            key("gpt_trader_data_quality_issues", **candles): 3,
            key("gpt_trader_data_quality_score", **candles): 0.9,
            key("gpt_trader_realized_pnl_usd"): -3,
            key("gpt_trader_symbol_pnl_usd", symbol="ETH"): 7,
            key("gpt_trader_symbol_exposure_usd", symbol="ETH"): 0,
            key("gpt_trader_symbol_exposure_usd", symbol="BTC"): 21,
            key("gpt_trader_ws_connected"): 1,
            key("gpt_trader_ws_reconnect_count"): 1,
            key("gpt_trader_ws_gap_count"): 1,
        },
        counts={
            key("gpt_trader_broker_call_latency_seconds", operation="submit", outcome="success", reason="none"): 5,
            key("gpt_trader_broker_call_latency_seconds", operation="submit", outcome="failure", reason="timeout"): 1,
            key("gpt_trader_broker_call_latency_seconds", operation="cancel", outcome="success", reason="none"): 2,
            key("gpt_trader_broker_call_latency_seconds", operation="cancel", outcome="failure", reason="not_found"): 1,
            key("gpt_trader_order_submission_latency_seconds", result="success", side="buy"): 3,
            key("gpt_trader_order_submission_latency_seconds", result="failed", side="sell"): 3,
            key("gpt_trader_order_submission_latency_seconds", result="rejected", side="buy"): 1,
        },
        values={
            key("gpt_trader_cycle_duration_seconds", result="ok"): ([0.3], LATENCY_BUCKETS),
            key("gpt_trader_own_sizes", kind="x"): ([0.5, 3, 0.0, 1e9], (1, 10)),
        },
    )


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


def buckets_of(values: list[float], bounds: tuple[float, ...]) -> list[int]:
    """Return how many values are at or below each bound, and all of them."""
    return [sum(value <= bound for value in values) for bound in bounds] + [len(values)]


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def test_both_formats_show_exactly_what_was_recorded(way, accept) -> None:
    """Record, scrape, parse strictly, compare; the data-quality gauge and counter included."""
    with way() as telemetry:
        expected = play(telemetry)
        answer = scrape(telemetry, accept)
    compare_scrape(answer, expected)
    assert answer.types["gpt_trader_data_quality_issues"] == "gauge"


def compare_scrape(answer: Scrape, expected: Expected) -> None:
    for (name, labels), value in {**expected.counters, **expected.gauges}.items():
        assert answer.values.get((name, labels)) == value, (name, labels)
    for (name, labels), count in expected.counts.items():
        assert answer.values.get((f"{name}_count", labels)) == count, (name, labels)
    for (name, labels), (values, bounds) in expected.values.items():
        shown = {
            dict(found)["le"]: value
            for (sample, found), value in answer.values.items()
            if sample == f"{name}_bucket" and set(labels) <= set(found)
        }
        wanted = dict(zip([*map(repr, map(float, bounds)), "+Inf"], buckets_of(values, bounds), strict=True))
        assert shown == wanted
        assert answer.values[f"{name}_sum", labels] == math.fsum(values)
    assert not any(name.startswith("otel_scope") for name in answer.types)
    assert not any("otel_scope_name" in dict(labels) for _, labels in answer.values)


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
        for metric in CATALOG.values():
            labels = {label.name: label.values[0] if label.values else "x" for label in metric.labels}
            if metric.kind is Kind.COUNTER:
                telemetry.record_counter(metric.name, 1, labels)
            elif metric.kind is Kind.GAUGE:
                telemetry.record_gauge(metric.name, 1, labels)
            else:
                telemetry.record_histogram(metric.name, 0.002, labels)
        telemetry.websocket.connected()
        telemetry.websocket.message()
        telemetry.websocket.heartbeat(0.1)
        telemetry.websocket.disconnected(OSError())
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
