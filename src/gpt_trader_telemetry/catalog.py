"""Every metric once: name, kind, unit, labels with their closed values, buckets and help text.

The OpenTelemetry instrument name is the Prometheus name, suffix included, and the unit is ``s`` or empty:
with anything else one of the two roads would append a suffix of its own. Instruments, documentation, rules
and dashboards are derived from these rows.

>>> from gpt_trader_telemetry.catalog import CATALOG
>>> CATALOG["gpt_trader_guard_trips_total"].label_names
('guard', 'category', 'recoverable')
"""

from typing import Final

from gpt_trader_telemetry.metric import LATENCY_BUCKETS, PREFIX, Kind, Label, Metric, own_metric, served_as, text_of

__all__ = [
    "CATALOG", "LATENCY_BUCKETS", "PREFIX", "REASONS", "Kind", "Label", "Metric", "own_metric", "row_named",
    "served_as", "text_of",
]  # fmt: skip

REASONS: Final = (
    "none", "timeout", "network", "rate_limit", "auth", "not_found", "insufficient_funds", "invalid_size",
    "invalid_price", "invalid_order", "post_only", "market_closed", "exchange_unavailable", "broker_rejected",
    "reduce_only", "slippage_guard", "mark_staleness", "order_preview", "missing_decision_id", "quantity_zero",
    "paused", "guard", "cancelled", "error",
)  # fmt: skip
"""Why a call or an order did not succeed: a closed set; anything else is ``error``."""


def _free(name: str) -> Label:
    return Label(name)


_REASON = Label("reason", REASONS, "error")
_SIDE = Label("side", ("buy", "sell", "unknown"), "unknown")
_SUCCESS = Label("result", ("success", "failure"))
_OK = Label("result", ("ok", "error"))
_API_RESULT = Label("result", ("success", "error"))
_ORDER_RESULT = Label("result", ("success", "rejected", "failed"))
_OUTCOME = Label("outcome", ("success", "failure"))
_GUARD_CATEGORY = Label("category", ("limit", "action", "computation", "data", "telemetry", "generic"), "generic")
_RECOVERABLE = Label("recoverable", ("true", "false"), "false")
# `other` and the fallback to `error` keep an issue that a newer feed names from being lost or misnamed.
_ISSUE_TYPE = Label("issue_type", ("gap", "spike", "volume_anomaly", "stale", "other"), "other")
_SEVERITY = Label("severity", ("warning", "error"), "error")
_API_CATEGORY = Label("category", ("orders", "accounts", "market", "products", "other"), "other")
_COMPONENT = Label("component", ("instrument", "recording", "pipeline", "health", "http", "integration"))
_CANDLES = (_free("symbol"), _free("interval"))

CATALOG: Final[dict[str, Metric]] = {}
"""Every metric of the contract by name."""
_RENAMED: Final[dict[str, Metric]] = {}


def row_named(name: str) -> Metric | None:
    """Return the catalogue's row of that name, or of the name that took its place."""
    return CATALOG.get(name) or _RENAMED.get(name)


def _counter(name: str, text: str, *labels: Label) -> Metric:
    return _row(Metric(PREFIX + name, Kind.COUNTER, text, labels))


def _gauge(name: str, text: str, *labels: Label) -> Metric:
    return _row(Metric(PREFIX + name, Kind.GAUGE, text, labels))


def _seconds(name: str, text: str, *labels: Label, buckets: tuple[float, ...] = LATENCY_BUCKETS) -> Metric:
    return _row(Metric(PREFIX + name, Kind.HISTOGRAM, text, labels, unit="s", buckets=buckets))


def _row(metric: Metric) -> Metric:
    CATALOG[metric.name] = metric
    _RENAMED.update(dict.fromkeys(metric.former_names, metric))
    return metric


# Execution
BROKER_CALL_LATENCY = _seconds(
    "broker_call_latency_seconds", "How long a broker call took, failed ones included.",
    _free("operation"), _OUTCOME, _REASON,
)  # fmt: skip
ORDER_SUBMISSION = _counter(
    "order_submission_total", "Orders sent to the broker, by what became of the submission.",
    _ORDER_RESULT, _REASON, _SIDE,
)  # fmt: skip
ORDER_SUBMISSION_LATENCY = _seconds(
    "order_submission_latency_seconds", "How long submitting an order took.", _ORDER_RESULT, _SIDE
)
ORDER_RETRIES: Final = Metric(
    PREFIX + "order_retries", Kind.COUNTER, "Submit calls beyond the first of an order.", exposed=False
)
"""For the retry rate's window alone: the contract has no series for it."""
ORDER_MISSING_DECISION_ID = _counter(
    "order_missing_decision_id_total", "Orders sent with an empty decision id where one was declared."
)
GUARD_TRIPS = _counter("guard_trips_total", "Risk guards that tripped.", _free("guard"), _GUARD_CATEGORY, _RECOVERABLE)
GUARD_CHECKS = _counter("guard_checks_total", "Risk guard runs.", _free("guard"), _SUCCESS)
TRADES_EXECUTED = _counter("trades_executed_total", "Trades that were executed.")
TRADES_BLOCKED = _counter("trades_blocked_total", "Trades refused on our side, before the broker was asked.")
VALIDATION_ESCALATIONS = _counter(
    "validation_escalations_total", "Validation failures that were escalated after repeating."
)
VALIDATION_MARK_STALENESS_CHECK_FAILED = _counter(
    "validation_mark_staleness_check_failed_total", "Mark staleness checks that could not be carried out."
)
VALIDATION_ORDER_PREVIEW_FAILED = _counter(
    "validation_order_preview_failed_total", "Order previews that could not be carried out during validation."
)
VALIDATION_SLIPPAGE_GUARD_CHECK_FAILED = _counter(
    "validation_slippage_guard_check_failed_total", "Slippage guard checks that could not be carried out."
)

# Broker API, one measurement an HTTP attempt
API_LATENCY = _seconds("api_latency_seconds", "How long one HTTP attempt took.", _API_CATEGORY, _API_RESULT)
API_REQUESTS = _counter("api_requests_total", "HTTP attempts.", _API_CATEGORY, _API_RESULT)
API_RETRIES = _counter("api_retries_total", "HTTP attempts after the first.", _API_CATEGORY, _REASON)
API_ERROR_RATE = _gauge("api_error_rate", "Share of recent HTTP attempts that failed, 0 to 1.")
RATE_LIMIT_USAGE = _gauge("rate_limit_usage_ratio", "Share of the broker's rate limit in use, 0 to 1.")
CIRCUIT_BREAKER_STATE = _gauge(
    "circuit_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open.", _API_CATEGORY
)

# Trading cycle
CYCLE_DURATION = _seconds("cycle_duration_seconds", "How long one trading cycle took.", _OK)
POSITIONS_FETCH = _seconds("positions_fetch_seconds", "How long fetching positions took.", _OK)
EQUITY_COMPUTATION = _seconds("equity_computation_seconds", "How long computing equity took.", _OK)
PROFILE_DURATION = _seconds("profile_duration_seconds", "How long one phase of a cycle took.", _free("phase"))
EQUITY = _gauge("equity_dollars", "Account equity in US dollars.")
TOTAL_PNL = _gauge("total_pnl_usd", "Profit and loss in US dollars.")
REALIZED_PNL = _gauge("realized_pnl_usd", "Realized profit and loss in US dollars.")
UNREALIZED_PNL = _gauge("unrealized_pnl_usd", "Unrealized profit and loss in US dollars.")
FUNDING_PNL = _gauge("funding_pnl_usd", "Profit and loss from funding in US dollars.")
SYMBOL_EXPOSURE = _gauge("symbol_exposure_usd", "Exposure to a symbol in US dollars.", _free("symbol"))
SYMBOL_PNL = _gauge("symbol_pnl_usd", "Profit and loss on a symbol in US dollars.", _free("symbol"))
OPEN_ORDERS = _gauge("open_orders", "Orders that are open at the broker.")
STALE_MARKS = _counter("stale_marks_total", "Marks found stale when they were needed.")
WEBSOCKET_RECONNECTS = _counter("websocket_reconnects_total", "WebSocket connections after the first.")
UNFILLED_ORDERS = _counter("unfilled_orders_total", "Orders found unfilled for too long.")
ORDER_PREVIEW_FAILURES = _counter("order_preview_failures_total", "Order previews that the broker refused.")

# Market data and WebSocket
DATA_QUALITY_ISSUES = _gauge("data_quality_issues", "Issues found in the most recent load of candles.", *_CANDLES)
DATA_QUALITY_SCORE = _gauge("data_quality_score", "Quality of the most recent load of candles, 0 to 1.", *_CANDLES)
DATA_QUALITY_ISSUES_TOTAL = _counter(
    "data_quality_issues_total", "Issues found in all loads of candles.", *_CANDLES, _ISSUE_TYPE, _SEVERITY
)
TICKER_FRESHNESS_CHECKS = _counter("ticker_freshness_checks_total", "Ticker freshness checks.", _OK)
TICKER_CACHE_UNAVAILABLE = _counter(
    "ticker_cache_unavailable_total", "Ticker freshness checks that found no ticker cache."
)
TICKER_STALE_SYMBOLS = _counter("ticker_stale_symbols_total", "Symbols found stale by ticker freshness checks.")
WS_CONNECTED = _gauge("ws_connected", "1 while the WebSocket is connected, else 0.")
WS_MESSAGE_STALE = _gauge("ws_message_stale", "1 when the last WebSocket message is too old, else 0.")
WS_HEARTBEAT_STALE = _gauge("ws_heartbeat_stale", "1 when the last WebSocket heartbeat is too old, else 0.")
WS_GAP_COUNT = _gauge("ws_gap_count", "Sequence gaps seen on the WebSocket since it was first connected.")
WS_RECONNECT_COUNT = _gauge("ws_reconnect_count", "WebSocket connections after the first.")
WS_LAST_MESSAGE_AGE = _gauge("ws_last_message_age_seconds", "Seconds since the last WebSocket message.")
WS_LAST_HEARTBEAT_AGE = _gauge("ws_last_heartbeat_age_seconds", "Seconds since the last WebSocket heartbeat.")
WS_LAST_CLOSE_AGE = _gauge("ws_last_close_age_seconds", "Seconds since the WebSocket was last closed.")
WS_LAST_ERROR_AGE = _gauge("ws_last_error_age_seconds", "Seconds since the last WebSocket error.")
WS_HEARTBEAT_LAG = _seconds(
    "ws_heartbeat_lag_seconds", "How late WebSocket heartbeats arrived.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)  # fmt: skip

# Process and stores
PROCESS_MEMORY = _gauge("process_memory_mb", "Resident memory of the bot in megabytes (10^6 bytes).")
PROCESS_CPU = _gauge("process_cpu_percent", "Processor time the bot used, in percent of one core.")
EVENT_STORE_CACHE_SIZE = _gauge("event_store_cache_size", "Events held in the event store's cache.")
DEQUE_CACHE_FILL = _gauge("deque_cache_fill_ratio", "How full the bounded in-memory caches are, 0 to 1.")

# Health and the library itself
HEALTH_CHECK_UP = _gauge("health_check_up", "1 when a health check passes, else 0.", _free("check"))
HEALTH_CHECK_DURATION = _seconds("health_check_duration_seconds", "How long a health check took.", _free("check"))
SIGNAL_VALUE = _gauge("signal_value", "An execution signal's value over its window.", _free("signal"))
SIGNAL_STATUS = _gauge(
    "signal_status", "An execution signal's status: 0 OK, 1 WARN, 2 CRIT, -1 UNKNOWN.", _free("signal")
)
TELEMETRY_ERRORS = _counter(
    "telemetry_errors_total", "Errors inside the telemetry itself that were kept away from the bot.", _COMPONENT
)
TELEMETRY_HEARTBEAT = _gauge(
    "telemetry_heartbeat_timestamp_seconds", "When this process last collected its metrics, in Unix time."
)
TELEMETRY_EXPORT_FAILURES = _counter(
    "telemetry_export_failures_total", "Exports that were not delivered.", Label("road", ("otlp",), "otlp")
)
