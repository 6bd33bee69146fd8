"""The key thresholds: one recorded series for each signal, and a warning and a critical alert on it.

The bot's own signal is the truth where there is one: it is what ``/health`` says, its quantile is exact where the
exported buckets are not (2.5 and 5 cannot judge 3 seconds), it has the minimum samples, and nothing is extrapolated.
It travels on both roads. A bot that exposes no signals at all is judged by its counters and histograms instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_SUBMISSION,
    SIGNAL_STATUS,
    SIGNAL_VALUE,
    TELEMETRY_HEARTBEAT,
    WS_LAST_MESSAGE_AGE,
)
from gpt_trader_telemetry.health.explain import RUNBOOKS
from gpt_trader_telemetry.rules.promql import (
    Alert,
    Record,
    Rule,
    Severity,
    minutes,
    number,
    own_labels,
    query,
    span,
)
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    MARKET_DATA_STALENESS_SECONDS,
    MISSING_DECISION_IDS,
    ORDER_ERROR_RATE,
    ORDER_RETRY_RATE,
    SIGNALS,
    UNITS,
    WS_STALENESS_SECONDS,
    Thresholds,
)

__all__ = ["ALERT_NAMES", "recorded", "signal_rules"]

_Expression = Callable[[Thresholds], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """How one signal is turned into rules."""

    alert: str
    hold: float
    """What moves in steps of a window needs no more than a few scrapes to be believed; a burst is believed at once."""
    summary: str
    """What is so when it fires, with the threshold as ``{limit}`` and the length of the window as ``{window}``."""
    description: str
    """The same of this moment, with the value as a template of Prometheus in place of ``{value}``."""
    value: str
    without_signals: _Expression | None = None
    """The same from what a bot without signals exposes."""


def _order_errors(thresholds: Thresholds) -> str:
    name, labels, window = ORDER_SUBMISSION.name, own_labels(ORDER_SUBMISSION), span(thresholds.window_seconds)
    return query(f"""
        sum without ({labels}) (increase({name}{{result!="success"}}[{window}]))
          /
        sum without ({labels}) (increase({name}[{window}]))
          and
        floor(sum without ({labels}) (increase({name}[{window}]))) >= {max(1, thresholds.minimum_orders)}
    """)


def _broker_latency(thresholds: Thresholds) -> str:
    name, window = BROKER_CALL_LATENCY.name, span(thresholds.window_seconds)
    labels = own_labels(BROKER_CALL_LATENCY, keep=("operation",))
    return query(f"""
        1000 * max without (operation) (
          histogram_quantile(0.95, sum without ({labels}) (rate({name}_bucket[{window}])))
            and
          floor(sum without ({labels}) (increase({name}_count[{window}]))) >= {max(1, thresholds.minimum_latencies)}
        )
    """)


def _guard_trips(thresholds: Thresholds) -> str:
    labels = own_labels(GUARD_TRIPS)
    return f"floor(sum without ({labels}) (increase({GUARD_TRIPS.name}[{span(thresholds.window_seconds)}])))"


def _missing_decision_ids(thresholds: Thresholds) -> str:
    return f"floor(increase({ORDER_MISSING_DECISION_ID.name}[{span(thresholds.window_seconds)}]))"


_JUDGED: Final[Mapping[str, _Judged]] = {
    ORDER_ERROR_RATE: _Judged(
        alert="OrdersFailing",
        hold=60,
        summary="More than {limit} of the orders of {window} were rejected or failed",
        description="{value} of the orders of the last {window} were rejected or failed",
        value="{{ $value | humanizePercentage }}",
        without_signals=_order_errors,
    ),
    ORDER_RETRY_RATE: _Judged(
        alert="OrdersRetried",
        hold=60,
        summary="Orders took more than {limit} extra submit calls in {window}",
        description="submit calls beyond an order's first were {value} of the orders of the last {window}",
        value="{{ $value | humanizePercentage }}",
    ),
    BROKER_LATENCY_P95_MS: _Judged(
        alert="BrokerSlow",
        hold=60,
        summary="The slowest broker operation had a p95 of more than {limit} in {window}",
        description="the slowest broker operation's p95 of the last {window} is {value}",
        value='{{ $value | printf "%.0f" }} ms',
        without_signals=_broker_latency,
    ),
    WS_STALENESS_SECONDS: _Judged(
        alert="WebSocketStale",
        hold=30,
        summary="No WebSocket message for more than {limit}",
        description="the last WebSocket message is {value} old",
        value="{{ $value | humanizeDuration }}",
        without_signals=lambda _: WS_LAST_MESSAGE_AGE.name,
    ),
    GUARD_TRIP_COUNT: _Judged(
        alert="GuardTripBurst",
        hold=0,
        summary="Guards tripped more than {limit} times in {window}",
        description="guards tripped {value} times in the last {window}",
        value="{{ $value | humanize }}",
        without_signals=_guard_trips,
    ),
    MARKET_DATA_STALENESS_SECONDS: _Judged(
        alert="MarketDataStale",
        hold=30,
        summary="Market data that the bot trades on is older than {limit}",
        description="the stalest market data that the bot trades on is {value} old",
        value="{{ $value | humanizeDuration }}",
    ),
    MISSING_DECISION_IDS: _Judged(
        alert="DecisionIdsMissing",
        hold=0,
        summary="More than {limit} orders of {window} had no decision id",
        description="{value} orders of the last {window} had no decision id",
        value="{{ $value | humanize }}",
        without_signals=_missing_decision_ids,
    ),
}

ALERT_NAMES: Final[Mapping[str, str]] = {signal: _JUDGED[signal].alert for signal in SIGNALS}
"""The alert of each signal; its warning and its critical rule share the name, so that one inhibits the other."""

_SAY: Final[Mapping[str, Callable[[float], str]]] = {
    "ratio": lambda value: f"{value * 100:.12g} %",
    "ms": lambda value: f"{number(value)} ms",
    "s": lambda value: f"{number(value)} s",
    "count": number,
}


def recorded(signal: str) -> str:
    """Return the name of a signal's recorded series.

    >>> recorded("order_error_rate")
    'gpt_trader:order_error_rate'
    """
    return f"gpt_trader:{signal}"


def signal_rules(site: Site) -> list[Rule]:
    """Return a recording rule, a warning and a critical alert for each signal."""
    thresholds = site.thresholds
    rules: list[Rule] = []
    for signal in SIGNALS:
        rules.append(Record(name=recorded(signal), expr=_of_the_living(_value(signal, thresholds), site)))
        limits = thresholds.limits(signal)
        rules.append(_alert(signal, limits.warn, "warning", thresholds))
        rules.append(_alert(signal, limits.crit, "critical", thresholds))
    return rules


def _value(signal: str, thresholds: Thresholds) -> str:
    own = f'max without (signal) ({SIGNAL_VALUE.name}{{signal="{signal}"}})'
    without_signals = _JUDGED[signal].without_signals
    if without_signals is None:
        return own
    # A status is there even while its value is not known: with it, too few samples are not judged another way.
    return (
        f"{own}\n  or\n(\n{_indented(without_signals(thresholds))}\n)\n"
        f'  unless on (job, instance) {SIGNAL_STATUS.name}{{signal="{signal}"}}'
    )


def _of_the_living(value: str, site: Site) -> str:
    """Leave out what a Collector goes on serving of a bot that has ended; `up` ends a scraped bot's series at once."""
    alive, old = TELEMETRY_HEARTBEAT.name, site.seconds(site.heartbeat_old)
    return (
        f"(\n{_indented(value)}\n)\n"
        f"  unless on (job, instance)\n(time() - {alive} > {old} unless on (job, instance) up)"
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _alert(signal: str, limit: float, severity: Severity, thresholds: Thresholds) -> Alert:
    judged, say = _JUDGED[signal], _SAY[UNITS[signal]]
    window = minutes(thresholds.window_seconds)
    now = judged.description.format(value=judged.value, window=window)
    return Alert(
        name=judged.alert,
        expr=f"{recorded(signal)} > {number(limit)}",
        severity=severity,
        hold=judged.hold,
        summary=judged.summary.format(limit=say(limit), window=window),
        description=f"{{{{ $labels.instance }}}} of {{{{ $labels.job }}}}: {now}; {severity} above {say(limit)}.",
        runbook=RUNBOOKS[signal].partition("#")[2],
        labels={"signal": signal},
    )
