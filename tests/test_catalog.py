"""The catalogue: the metric contract, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry import UsageError
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, REASONS, Kind, Label, own_metric

CONTRACT = """
histogram broker_call_latency_seconds operation,outcome,reason
counter   order_submission_total result,reason,side
histogram order_submission_latency_seconds result,side
counter   order_missing_decision_id_total
counter   guard_trips_total guard,category,recoverable
counter   guard_checks_total guard,result
counter   trades_executed_total
counter   trades_blocked_total
counter   validation_escalations_total
counter   validation_mark_staleness_check_failed_total
counter   validation_order_preview_failed_total
counter   validation_slippage_guard_check_failed_total
histogram api_latency_seconds category,result
counter   api_requests_total category,result
counter   api_retries_total category,reason
gauge     api_error_rate
gauge     rate_limit_usage_ratio
gauge     circuit_breaker_state category
histogram cycle_duration_seconds result
histogram positions_fetch_seconds result
histogram equity_computation_seconds result
histogram profile_duration_seconds phase
gauge     equity_dollars
gauge     total_pnl_usd
gauge     realized_pnl_usd
gauge     unrealized_pnl_usd
gauge     funding_pnl_usd
gauge     symbol_exposure_usd symbol
gauge     symbol_pnl_usd symbol
gauge     open_orders
counter   stale_marks_total
counter   websocket_reconnects_total
counter   unfilled_orders_total
counter   order_preview_failures_total
gauge     data_quality_issues symbol,interval
gauge     data_quality_score symbol,interval
counter   data_quality_issues_total symbol,interval,issue_type,severity
counter   ticker_freshness_checks_total result
counter   ticker_cache_unavailable_total
counter   ticker_stale_symbols_total
gauge     ws_connected
gauge     ws_message_stale
gauge     ws_heartbeat_stale
gauge     ws_gap_count
gauge     ws_reconnect_count
gauge     ws_last_message_age_seconds
gauge     ws_last_heartbeat_age_seconds
gauge     ws_last_close_age_seconds
gauge     ws_last_error_age_seconds
histogram ws_heartbeat_lag_seconds
gauge     process_memory_mb
gauge     event_store_cache_size
gauge     deque_cache_fill_ratio
gauge     process_cpu_percent
gauge     health_check_up check
histogram health_check_duration_seconds check
gauge     signal_value signal
gauge     signal_status signal
counter   telemetry_errors_total component
gauge     telemetry_heartbeat_timestamp_seconds
counter   telemetry_export_failures_total road
"""


def test_every_row_of_the_contract_is_there_and_no_other() -> None:
    """Names, kinds and labels, as alert rules and dashboards already use them."""
    wanted = {}
    for line in CONTRACT.split("\n")[1:-1]:
        kind, name, *labels = line.split()
        wanted["gpt_trader_" + name] = (kind, tuple(labels[0].split(",")) if labels else ())
    assert {name: (str(metric.kind), metric.label_names) for name, metric in CATALOG.items()} == wanted


def test_units_and_buckets_are_those_of_the_contract() -> None:
    """Only seconds have a unit, since any other is written as a suffix; latencies share one set of bounds."""
    lag = CATALOG["gpt_trader_ws_heartbeat_lag_seconds"]
    assert lag.buckets == (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
    for metric in CATALOG.values():
        assert metric.unit == ("s" if metric.kind is Kind.HISTOGRAM else "")
        assert metric.kind is not Kind.HISTOGRAM or metric is lag or metric.buckets == LATENCY_BUCKETS
        assert metric.help.endswith(".")
        assert "\n" not in metric.help
        assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)


def test_closed_labels_fall_back_inside_their_set() -> None:
    """No value that is not of the set is ever recorded."""
    for metric in CATALOG.values():
        for label in metric.labels:
            assert not label.values or label.fallback is None or label.fallback in label.values
    fallbacks = {"reason": "error", "side": "unknown"}
    for name, fallback in fallbacks.items():
        found = [label for metric in CATALOG.values() for label in metric.labels if label.name == name]
        assert found
        assert all(label.fallback == fallback for label in found)
    assert CATALOG["gpt_trader_guard_trips_total"].labels[1].fallback == "generic"
    assert len(REASONS) == len(set(REASONS)) == 24


@given(st.text())
def test_a_closed_label_takes_any_text_and_gives_one_of_its_set(text: str) -> None:
    """Case does not matter; whatever else is given becomes the fallback."""
    label = Label("side", ("buy", "sell", "unknown"), "unknown")
    assert label.spell(text) in label.values
    assert label.spell(text.swapcase()) in label.values
    assert label.spell(" BUY ") == "buy"


@given(st.text(max_size=300))
def test_a_name_is_either_refused_or_fit_for_prometheus(name: str) -> None:
    """No text makes a metric whose name Prometheus could not read."""
    for kind in Kind:
        try:
            metric = own_metric("gpt_trader_" + name, kind)
        except UsageError:
            continue
        assert metric.name.isascii()
        assert metric.name.replace("_", "a").isalnum()


@pytest.mark.parametrize(
    ("metric", "labels", "complaint"),
    [
        ("gpt_trader_guard_checks_total", {"guard": "g", "result": "maybe"}, "'result' cannot be 'maybe'"),
        ("gpt_trader_guard_checks_total", {"guard": "g", "result": "success", "sym": 1}, "no label 'sym'"),
        ("gpt_trader_guard_checks_total", {"result": "success"}, "needs the label 'guard'"),
    ],
)
def test_wrong_labels_are_named(metric: str, labels: dict, complaint: str) -> None:
    """The message names the label and the value."""
    with pytest.raises(UsageError, match=complaint):
        CATALOG[metric].label_set(labels)
