"""One script of recordings through every instrument, and what it must come to, worked out from the script alone."""

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, Kind
from support.scraping import Scrape

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


def record_every_row(telemetry: Telemetry) -> None:
    """Give every metric of the catalogue at least one series, those that are computed when read among them."""
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


def buckets_of(values: list[float], bounds: tuple[float, ...]) -> list[int]:
    """Return how many values are at or below each bound, and all of them."""
    return [sum(value <= bound for value in values) for bound in bounds] + [len(values)]


def compare_scrape(answer: Scrape, expected: Expected) -> None:
    """Compare an answer with what the script comes to."""
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
