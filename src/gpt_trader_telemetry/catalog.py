"""Every metric once: name, kind, unit, labels with their closed values, buckets and help text.

The OpenTelemetry instrument name is the Prometheus name, suffix included, and the unit is ``s`` or empty:
with anything else one of the two roads would append a suffix of its own. Instruments, documentation, rules
and dashboards are derived from these rows.

>>> from gpt_trader_telemetry.catalog import CATALOG
>>> CATALOG["gpt_trader_guard_trips_total"].label_names
('guard', 'category', 'recoverable')
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

from gpt_trader_telemetry.errors import UsageError

LATENCY_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of every latency histogram, unless its row says otherwise."""

PREFIX: Final = "gpt_trader_"

REASONS: Final = (
    "none", "timeout", "network", "rate_limit", "auth", "not_found", "insufficient_funds", "invalid_size",
    "invalid_price", "invalid_order", "post_only", "market_closed", "exchange_unavailable", "broker_rejected",
    "reduce_only", "slippage_guard", "mark_staleness", "order_preview", "missing_decision_id", "quantity_zero",
    "paused", "guard", "cancelled", "error",
)  # fmt: skip
"""Why a call or an order did not succeed: a closed set; anything else is ``error``."""


class Kind(StrEnum):
    """What a metric's values are."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


def text_of(value: object) -> str:
    """Spell a label value as both roads write it: enums by value, booleans in lower case.

    Raises whatever the value's own ``__str__`` raises.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    # A lone surrogate cannot be encoded as UTF-8 and would break the whole exposition.
    return str(value).encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a metric.

    ``values`` empty: the label is free, any text round-trips. Otherwise it is closed: what is not in the set
    becomes ``fallback``, and with no fallback the measurement is refused, since any value would be a guess.
    """

    name: str
    values: tuple[str, ...] = ()
    fallback: str | None = None

    def spell(self, value: object) -> str:
        """Return the text to record for ``value``; raise UsageError where no text is right."""
        text = text_of(value)
        if not self.values:
            return text
        folded = text.strip().casefold()
        if folded in self.values:
            return folded
        if self.fallback is None:
            raise UsageError(f"label {self.name!r} cannot be {text[:100]!r}; it is one of {', '.join(self.values)}")
        return self.fallback


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One row of the catalogue; compared and hashed by identity, since a row exists once."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    open_labels: bool = False
    """True for a metric of the caller's own, whose label names are known only when they are used."""
    exposed: bool = True
    """False for what only the signals' windows take, and no road shows."""
    former_names: tuple[str, ...] = ()
    """Names that it had before; the same values are served under them, too, until a major version."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order in which values are kept."""
        return tuple(label.name for label in self.labels)

    def label_set(self, labels: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """Return ``labels`` as (name, text) pairs in the catalogue's order.

        A missing closed label takes its fallback, a missing free one is an error.

        Raises:
            UsageError: an unknown or missing label, or a value that a closed label cannot take.

        >>> CATALOG["gpt_trader_guard_checks_total"].label_set({"result": "SUCCESS", "guard": "daily_loss"})
        (('guard', 'daily_loss'), ('result', 'success'))
        """
        if self.open_labels:
            return tuple(sorted((check_label_name(name), text_of(value)) for name, value in labels.items()))
        pairs = []
        for label in self.labels:
            if label.name in labels:
                pairs.append((label.name, label.spell(labels[label.name])))
            elif label.fallback is not None:
                pairs.append((label.name, label.fallback))
            else:
                raise UsageError(f"{self.name} needs the label {label.name!r}; it was given {sorted(labels)}")
        if len(pairs) != len(labels) and not set(labels) <= set(self.label_names):
            unknown = sorted(set(labels) - set(self.label_names))
            raise UsageError(f"{self.name} has no label {unknown[0]!r}; it has {list(self.label_names)}")
        return tuple(pairs)


def served_as(metric: Metric) -> tuple[Metric, ...]:
    """Return the rows under which a metric is served: its own, and one for each name that it had before."""
    return _with_former(metric) if metric.former_names else (metric,)


@cache
def _with_former(metric: Metric) -> tuple[Metric, ...]:
    told = f"Deprecated: now {metric.name}. {metric.help}"
    return metric, *(replace(metric, name=name, help=told, former_names=()) for name in metric.former_names)


def row_named(name: str) -> Metric | None:
    """Return the catalogue's row of that name, or of the name that took its place."""
    return CATALOG.get(name) or _RENAMED.get(name)


_METRIC_NAME = re.compile(r"gpt_trader_[a-zA-Z0-9_]{1,200}")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,100}")
_RESERVED_LABELS = frozenset({"le", "quantile", "job", "instance", "otel_metric_overflow"})
_RESERVED_SUFFIXES = ("_bucket", "_count", "_sum", "_created", "_info", "_total")
_COUNTER_SUFFIX = "_total"


def check_label_name(name: object) -> str:
    """Return ``name`` if it may name a label, else raise UsageError."""
    if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
        raise UsageError(f"{name!r} is no label name; use letters, digits and underscores, no leading digit")
    if name in _RESERVED_LABELS:
        raise UsageError(f"the label name {name!r} belongs to Prometheus")
    return name


def check_buckets(buckets: Iterable[float]) -> tuple[float, ...]:
    """Return bucket bounds as a tuple of finite, strictly rising floats, else raise UsageError."""
    bounds = tuple(float(bound) for bound in buckets)
    rising = all(low < high for low, high in pairwise(bounds))
    finite = all(map(math.isfinite, bounds))
    if not bounds or not rising or not finite:
        raise UsageError(f"buckets must be finite and strictly rising, not {bounds}")
    return bounds


def own_metric(name: object, kind: Kind, buckets: Iterable[float] | None = None) -> Metric:
    """Make the row for a metric of the caller's own.

    The name starts with ``gpt_trader_``. A counter's name is given its ``_total`` if it has none, so that it
    reads the same on both roads.

    Raises:
        UsageError: a name that is none, or that would collide with the series of a histogram or counter.

    >>> own_metric("gpt_trader_signals", Kind.COUNTER).name
    'gpt_trader_signals_total'
    """
    if not isinstance(name, str) or not _METRIC_NAME.fullmatch(name):
        raise UsageError(
            f"{str(name)[:250]!r} is no metric name here; use {PREFIX} and then letters, digits and underscores"
        )
    if kind is Kind.COUNTER:
        name = name if name.endswith(_COUNTER_SUFFIX) else name + _COUNTER_SUFFIX
    if (name.removesuffix(_COUNTER_SUFFIX) if kind is Kind.COUNTER else name).endswith(_RESERVED_SUFFIXES):
        raise UsageError(f"a {kind} cannot be named {name!r}: that suffix means another kind of series")
    bounds = check_buckets(LATENCY_BUCKETS if buckets is None else buckets) if kind is Kind.HISTOGRAM else ()
    unit = "s" if kind is Kind.HISTOGRAM and name.endswith("_seconds") else ""
    return Metric(name, kind, "A metric of the bot's own.", unit=unit, buckets=bounds, open_labels=True)


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
