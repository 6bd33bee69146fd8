"""The dashboard of all bots: a line for each, and what they do together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.rules.panels import Column, Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql_series import bot, either, on_road, prefixed, quantile
from gpt_trader_telemetry.rules.shown import (
    HEARTBEAT_LIMITS,
    SIGNAL_STATES,
    WINDOW,
    age_of,
    breaker_of,
    error_ratio,
    grown,
    in_seconds,
    per_minute,
    worst_signal,
)
from gpt_trader_telemetry.thresholds import BROKER_LATENCY_P95_MS, ORDER_ERROR_RATE, Limits, Thresholds

__all__ = ["fleet_rows"]

_ALL: Final = 'job=~"$job"'
_SUBMIT: Final = ('operation="submit"',)
_AGE: Final = age_of(_ALL, within="1h")
"""With those that have died since: after five minutes Prometheus shows a series no more."""
_EQUITY: Final = f"{either(catalog.EQUITY, _ALL)} or {prefixed('equity', _ALL)}"
_ONE: Final = Limits(1, 1)
"""One is red."""
_BREAKER_STATES: Final = {"0": ("closed", "green"), "1": ("half open", "yellow"), "2": ("open", "red")}


def fleet_rows(thresholds: Thresholds) -> Sequence[Row]:
    """Return all rows, over the series of the chosen prefix alone."""
    return [
        replace(row, panels=[_on_road(panel) for panel in row.panels])
        for row in (_top(), _bots(thresholds), _together(thresholds))
    ]


def _on_road(panel: Panel) -> Panel:
    return replace(panel, queries=[replace(query, expression=on_road(query.expression)) for query in panel.queries])


def _counted(some: str, every: str) -> str:
    """Return how many there are: 0 only where there is something to count, since missing is not zero."""
    return f"count({some}) or 0 * count({every})"


def _top() -> Row:
    def number(title: str, answers: str, expression: str, unit: str = "short", limits: Limits | None = None) -> Panel:
        return Panel(
            title=title, answers=answers, unit=unit, kind=Kind.NUMBER, width=4, height=4, limits=limits,
            queries=[Query(expression)],
        )  # fmt: skip

    heard, silent = f"{_AGE} <= {HEARTBEAT_LIMITS.crit:g}", f"{_AGE} > {HEARTBEAT_LIMITS.crit:g}"
    status = worst_signal(_ALL)
    return Row(
        panels=(
            number("Bots heard of", "Bots that have told of themselves lately.", _counted(heard, _AGE)),
            number(
                "Silent bots", "Bots that were heard of within the hour, and lately not any more.",
                _counted(silent, _AGE), limits=_ONE,
            ),
            number(
                "Bots with a critical signal", "Any of a bot's signals.", _counted(f"{status} == 2", status),
                limits=_ONE,
            ),
            number("Bots with a warning", "The worst of a bot's signals.", _counted(f"{status} == 1", status)),
            number("Equity", "What all accounts are worth together.", f"sum({_EQUITY})", "currencyUSD"),
            number(
                "Profit and loss", "Of all accounts together.", f"sum({either(catalog.TOTAL_PNL, _ALL)})", "currencyUSD"
            ),
        )
    )  # fmt: skip


def _bots(thresholds: Thresholds) -> Row:
    latency, errors = thresholds.limits(BROKER_LATENCY_P95_MS), thresholds.limits(ORDER_ERROR_RATE)
    by = "max by (job, instance)"
    p95 = quantile(0.95, catalog.BROKER_CALL_LATENCY, "job", "instance", matchers=_SUBMIT, chosen=_ALL)
    ratio = error_ratio(_ALL, "job", "instance")
    orders = grown(bot(catalog.ORDER_SUBMISSION, chosen=_ALL), "job", "instance", span=WINDOW)
    return Row(
        title="Bots",
        panels=(
            Panel(
                title="Every bot",
                answers="A line for each bot: when it was last heard of, its worst signal, its account and its orders.",
                kind=Kind.TABLE, unit="short", width=24, height=10,
                queries=[
                    Query(f"{by} ({_AGE})"),
                    Query(worst_signal(_ALL)),
                    Query(f"{by} ({breaker_of(_ALL)})"),
                    Query(f"{by} ({_EQUITY})"),
                    Query(f"{by} ({either(catalog.TOTAL_PNL, _ALL)})"),
                    Query(f"sum by (job, instance) (abs({either(catalog.SYMBOL_EXPOSURE, _ALL)}))"),
                    Query(f"{by} ({either(catalog.OPEN_ORDERS, _ALL)})"),
                    Query(orders),
                    Query(ratio.replace("$__rate_interval", WINDOW)),
                    Query(p95.replace("$__rate_interval", WINDOW)),
                ],
                columns=[
                    Column("Last heard of", "s", HEARTBEAT_LIMITS),
                    Column("Signals", states=SIGNAL_STATES),
                    Column("Breaker", states=_BREAKER_STATES),
                    Column("Equity", "currencyUSD"),
                    Column("PnL", "currencyUSD"),
                    Column("Gross exposure", "currencyUSD"),
                    Column("Open orders"),
                    Column("Orders in 5 min"),
                    Column("Order errors", "percentunit", errors),
                    Column("Submit p95", "s", in_seconds(latency)),
                ],
            ),
            Panel(
                title="Signals of each bot",
                answers="The worst of each through time: what all share is the market's or the broker's fault.",
                kind=Kind.STATES, unit="short", width=24, height=9, states=SIGNAL_STATES,
                queries=[Query(worst_signal(_ALL), "{{instance}}")],
            ),
        ),
    )  # fmt: skip


def _together(thresholds: Thresholds) -> Row:
    p95 = quantile(0.95, catalog.BROKER_CALL_LATENCY, "instance", matchers=_SUBMIT, chosen=_ALL)
    return Row(
        title="Together",
        panels=(
            Panel(
                title="Equity of each bot",
                answers="The accounts one above the other.",
                kind=Kind.STACKED, unit="currencyUSD", width=12, queries=[Query(_EQUITY, "{{instance}}")],
            ),
            Panel(
                title="Orders by result",
                answers="What all bots send in a minute, and what becomes of it.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[Query(per_minute(bot(catalog.ORDER_SUBMISSION, chosen=_ALL), "result"), "{{result}}")],
            ),
            Panel(
                title="Order error ratio of each bot",
                answers="Rejected and failed orders as a share of all.",
                unit="percentunit", width=12, lowest=0, limits=thresholds.limits(ORDER_ERROR_RATE),
                runbook="order-error-rate-high", queries=[Query(error_ratio(_ALL, "instance"), "{{instance}}")],
            ),
            Panel(
                title="Submit p95 of each bot",
                answers="Within this time 95 % of the broker's answers to an order come.",
                unit="s", width=12, lowest=0, limits=in_seconds(thresholds.limits(BROKER_LATENCY_P95_MS)),
                runbook="broker-latency-p95-high",
                queries=[Query(p95, "{{instance}}")],
            ),
        ),
    )  # fmt: skip
