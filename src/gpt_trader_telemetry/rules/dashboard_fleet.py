"""The dashboard of all bots: a line for each, and what they do together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.rules.collectors import QUEUE_FULL
from gpt_trader_telemetry.rules.panels import Column, Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql import span
from gpt_trader_telemetry.rules.promql_series import bot, either, on_road, prefixed, quantile, share
from gpt_trader_telemetry.rules.shown import (
    HEARTBEAT_LIMITS,
    HEARTBEAT_OLD,
    SIGNAL_STATES,
    age_of,
    breaker_of,
    counted_once,
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
_LIVE: Final = counted_once(f"{age_of(_ALL)} <= {HEARTBEAT_OLD}", _ALL)
_HEARD: Final = f"count by (job) ({_LIVE}) or 0 * count by (job) ({_AGE})"
"""How many bots of each job told of themselves lately: 0 where all of them fell silent within the hour."""
_MISSED: Final = f"clamp_min(ceil(quantile_over_time(0.75, ({_HEARD})[1h:1m])) - ({_HEARD}), 0)"
"""How many fewer of each job that is than there were for a quarter of the hour: ended and new ones overlap for less."""
_ONE_OR_MORE: Final = Limits(1, 2)
_ONE: Final = Limits(1, 1)
"""One is red."""
_BREAKER_STATES: Final = {"0": ("closed", "green"), "1": ("half open", "yellow"), "2": ("open", "red")}


def fleet_rows(thresholds: Thresholds) -> Sequence[Row]:
    """Return all rows, over the series of the chosen prefix alone."""
    return [
        replace(row, panels=[_on_road(panel) for panel in row.panels])
        for row in (_top(), _bots(thresholds), _together(thresholds), _collectors())
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

    status = counted_once(worst_signal(_ALL), _ALL)
    return Row(
        panels=(
            number("Bots heard of", "Bots that have told of themselves lately.", f"sum({_HEARD})"),
            number(
                "Silent bots",
                "By how many bots fewer there are than for a quarter of the last hour, job by job: one that was "
                "started anew is not missed. Yellow: one. Red: two or more.",
                f"sum({_MISSED} or 0 * ({_HEARD}))",
                limits=_ONE_OR_MORE,
            ),
            number(
                "Bots with a critical signal", "Any of a bot's signals.", _counted(f"({status}) == 2", status),
                limits=_ONE,
            ),
            number("Bots with a warning", "The worst of a bot's signals.", _counted(f"({status}) == 1", status)),
            number(
                "Equity", "What all accounts are worth together.",
                f"sum({counted_once(_EQUITY, _ALL)})", "currencyUSD",
            ),
            number(
                "Profit and loss", "Of all accounts together.",
                f"sum({counted_once(either(catalog.TOTAL_PNL, _ALL), _ALL)})", "currencyUSD",
            ),
        )
    )  # fmt: skip


def _bots(thresholds: Thresholds) -> Row:
    latency, errors = thresholds.limits(BROKER_LATENCY_P95_MS), thresholds.limits(ORDER_ERROR_RATE)
    by, window = "max by (job, instance)", span(thresholds.window_seconds)
    p95 = quantile(0.95, catalog.BROKER_CALL_LATENCY, "job", "instance", matchers=_SUBMIT, chosen=_ALL)
    ratio = error_ratio(_ALL, "job", "instance")
    orders = grown(bot(catalog.ORDER_SUBMISSION, chosen=_ALL), "job", "instance", span=window)
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
                    Query(ratio.replace("$__rate_interval", window)),
                    Query(p95.replace("$__rate_interval", window)),
                ],
                columns=[
                    Column("Last heard of", "s", HEARTBEAT_LIMITS),
                    Column("Signals", states=SIGNAL_STATES),
                    Column("Breaker", states=_BREAKER_STATES),
                    Column("Equity", "currencyUSD"),
                    Column("PnL", "currencyUSD"),
                    Column("Gross exposure", "currencyUSD"),
                    Column("Open orders"),
                    Column(f"Orders in {window}"),
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
                kind=Kind.STACKED, unit="currencyUSD", width=12,
                queries=[Query(counted_once(_EQUITY, _ALL), "{{instance}}")],
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


def _collectors() -> Row:
    """Return what Collectors tell of themselves, where Prometheus scrapes them: of all, whichever job was chosen."""
    by, legend = ("job", "instance"), "{{job}} {{instance}}"
    full = share("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity")
    refused = [f"otelcol_receiver_{how}_metric_points" for how in ("refused", "failed")]
    return Row(
        title="Collectors",
        collapsed=True,
        panels=(
            Panel(
                title="Points taken", answers="What each Collector takes of bots and agents in a minute.",
                unit="short", width=12, lowest=0,
                queries=[Query(per_minute("otelcol_receiver_accepted_metric_points", *by), legend)],
            ),
            Panel(
                title="Points not handed on",
                answers="What a Collector refused, or could not hand on, in a minute. Totals come later; any for "
                "minutes is a fault of what is behind it.",
                unit="short", width=12, lowest=0, runbook="collector-not-delivering",
                queries=[
                    Query(per_minute("otelcol_exporter_send_failed_metric_points", *by), f"not handed on: {legend}"),
                    *(Query(per_minute(name, *by), f"refused: {legend}") for name in refused),
                ],
            ),
            Panel(
                title="Sending queue", answers="How full an agent's queue on disk is: full, it refuses.",
                unit="percentunit", width=12, lowest=0, limits=Limits(QUEUE_FULL, 1),
                runbook="collector-not-delivering", queries=[Query(full, legend + " {{exporter}}")],
            ),
            Panel(
                title="Collectors' memory", answers="Of each process; beyond its limit a Collector refuses.",
                unit="decbytes", width=12, lowest=0,
                queries=[Query("otelcol_process_memory_rss", legend)],
            ),
        ),
    )  # fmt: skip
