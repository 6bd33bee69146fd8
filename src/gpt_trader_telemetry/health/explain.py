"""Why a signal says what it says: ``/health/explain``, for a person and as JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.health.measures import (
    NO_SOURCE,
    NO_VALUE,
    NOT_EVALUATED,
    NOTHING_DECORATED,
    SOURCE_FAILED,
    SOURCE_HUNG,
    TOO_FEW,
)
from gpt_trader_telemetry.health.signal_report import Signal, SignalsReport, SignalStatus
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    MARKET_DATA_STALENESS_SECONDS,
    MISSING_DECISION_IDS,
    ORDER_ERROR_RATE,
    ORDER_RETRY_RATE,
    WS_STALENESS_SECONDS,
    Thresholds,
)

RUNBOOKS: Final[Mapping[str, str]] = {
    ORDER_ERROR_RATE: "docs/runbooks.md#order-error-rate-high",
    ORDER_RETRY_RATE: "docs/runbooks.md#order-retry-rate-high",
    BROKER_LATENCY_P95_MS: "docs/runbooks.md#broker-latency-p95-high",
    WS_STALENESS_SECONDS: "docs/runbooks.md#websocket-stale",
    GUARD_TRIP_COUNT: "docs/runbooks.md#guard-trip-spike",
    MARKET_DATA_STALENESS_SECONDS: "docs/runbooks.md#market-data-stale",
    MISSING_DECISION_IDS: "docs/runbooks.md#missing-decision-ids",
}
"""Where it is written what to do about each signal."""

_WINDOWLESS: Final = frozenset({WS_STALENESS_SECONDS, MARKET_DATA_STALENESS_SECONDS})
"""Signals that are an age at this moment, not something of a window."""


def explain(report: SignalsReport, thresholds: Thresholds) -> dict[str, Any]:
    """Return for each signal what it was computed from, and a sentence that says so."""
    return {
        "status": report.status.value,
        "health_status": report.health_status.value,
        "message": report.message,
        "window_seconds": thresholds.window_seconds,
        "signals": [_explained(signal, thresholds.window_seconds) for signal in report.signals],
    }


def _explained(signal: Signal, window: float) -> dict[str, Any]:
    measure = signal.measure
    worst = None
    if measure.worst is not None:
        worst = {"labels": dict(measure.worst), "value": measure.worst_value}
    return {
        "name": signal.name,
        "status": signal.status.value,
        "value": signal.value,
        "unit": signal.unit,
        "threshold_warn": signal.limits.warn,
        "threshold_crit": signal.limits.crit,
        "numerator": measure.numerator,
        "denominator": measure.denominator,
        "window_seconds": None if signal.name in _WINDOWLESS else window,
        "samples": measure.samples,
        "minimum_samples": measure.minimum_samples,
        "worst_series": worst,
        "unknown": measure.unknown,
        "known_before": signal.known_before,
        "required": signal.required,
        "runbook": RUNBOOKS[signal.name],
        "explanation": sentence(signal, window),
    }


def sentence(signal: Signal, window: float) -> str:
    """Say in a sentence what the signal was computed from and how it was judged."""
    if signal.status is SignalStatus.UNKNOWN:
        ending = "" if not signal.is_missed else " It is required." if signal.required else " It was known before."
        return _unknown(signal, window) + ending
    return f"{_SAY[signal.name](signal, _duration(window))}: {_verdict(signal)}."


def _unknown(signal: Signal, window: float) -> str:
    measure = signal.measure
    reason = measure.unknown
    if reason == TOO_FEW:
        what = "Orders sent" if signal.name != BROKER_LATENCY_P95_MS else "Calls of one operation that ended"
        needed = max(1, measure.minimum_samples)
        return f"{what} in the last {_duration(window)}: {measure.samples}; it takes {needed} to judge."
    said = {
        NOTHING_DECORATED: "Nothing that could tell is decorated yet.",
        NO_SOURCE: "No source was given that could tell.",
        NO_VALUE: "The source has seen nothing yet.",
        SOURCE_HUNG: "The source does not return; signals that need none are judged as ever.",
        SOURCE_FAILED: f"The source failed with {measure.details.get('error', 'an error')}.",
        NOT_EVALUATED: "The signals could not be evaluated in time: a source does not return.",
    }
    return said.get(str(reason), "It is not known.")


def _verdict(signal: Signal) -> str:
    show = _SHOW[signal.unit]
    warn, crit = show(signal.limits.warn), show(signal.limits.crit)
    if signal.status is SignalStatus.CRIT:
        return f"above the critical threshold of {crit}"
    if signal.status is SignalStatus.WARN:
        return f"above the warning threshold of {warn}, not above the critical one of {crit}"
    return f"not above the warning threshold of {warn}"


def _error_rate(signal: Signal, window: str) -> str:
    measure = signal.measure
    blame = ""
    if measure.worst is not None:
        blame = f", the largest part ({measure.worst_value:g}) with {_labels(measure.worst)}"
    return (
        f"{measure.numerator:g} of {measure.denominator:g} orders in the last {window} were rejected or failed "
        f"({_percent(signal.value or 0.0)}){blame}"
    )


def _retry_rate(signal: Signal, window: str) -> str:
    measure = signal.measure
    return (
        f"{measure.denominator:g} orders in the last {window} took {measure.numerator:g} submit calls beyond their "
        f"first ({_percent(signal.value or 0.0)})"
    )


def _latency(signal: Signal, window: str) -> str:
    measure = signal.measure
    operation = measure.details.get("operation")
    blame = "" if measure.worst is None else f", the slowest mostly with {_labels(measure.worst)}"
    return (
        f"95 % of the {measure.samples} calls of {operation!r}, the slowest operation, ended within "
        f"{_milliseconds(signal.value or 0.0)} in the last {window}{blame}"
    )


def _guard_trips(signal: Signal, window: str) -> str:
    guard = signal.measure.details.get("worst_guard")
    blame = "" if guard is None else f", most often {guard!r}"
    return f"Guards tripped {signal.value:g} times in the last {window}{blame}"


def _missing(signal: Signal, window: str) -> str:
    measure = signal.measure
    return f"{measure.numerator:g} of {measure.denominator:g} orders in the last {window} had no decision id"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels)


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.4g} %"


def _milliseconds(value: float) -> str:
    return f"{value:,.4g} ms" if value < 1000 else f"{value:,.0f} ms"  # noqa: PLR2004 - four digits either way


def _duration(seconds: float) -> str:
    return f"{seconds:g} s"


_SHOW: Final[Mapping[str, Callable[[float], str]]] = {
    "ratio": _percent,
    "ms": _milliseconds,
    "s": lambda value: f"{value:.4g} s",
    "count": lambda value: f"{value:g}",
}

_SAY: Final[Mapping[str, Callable[[Signal, str], str]]] = {
    ORDER_ERROR_RATE: _error_rate,
    ORDER_RETRY_RATE: _retry_rate,
    BROKER_LATENCY_P95_MS: _latency,
    WS_STALENESS_SECONDS: lambda signal, _: f"The last WebSocket message is {_SHOW['s'](signal.value or 0.0)} old",
    GUARD_TRIP_COUNT: _guard_trips,
    MARKET_DATA_STALENESS_SECONDS: lambda signal, _: (
        f"The stalest market data is {_SHOW['s'](signal.value or 0.0)} old"
    ),
    MISSING_DECISION_IDS: _missing,
}
